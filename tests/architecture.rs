//! Keeps the house in shape: which crate may know which, how long a handler may be, no circles, no swallowed results.
//!
//! It reads manifests and sources as text, so that it needs no build of what it looks at.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod repository;

use std::collections::{BTreeMap, BTreeSet};

use repository::{files, read, root};

/// Every workspace package by its folder, with what its manifest asks for.
struct Package {
    folder: String,
    name: String,
    dependencies: BTreeSet<String>,
    all_dependencies: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let manifests = files("").into_iter().filter(|path| path.ends_with("/Cargo.toml"));
    manifests
        .map(|path| {
            let manifest: toml::Table = read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
            let names = |section: &str| -> BTreeSet<String> {
                let table = manifest.get(section).and_then(|section| section.as_table());
                table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
            };
            let dependencies = names("dependencies");
            let mut all_dependencies = dependencies.clone();
            all_dependencies.extend(names("dev-dependencies"));
            all_dependencies.extend(names("build-dependencies"));
            Package {
                folder: path.trim_end_matches("/Cargo.toml").to_owned(),
                name: manifest["package"]["name"].as_str().unwrap().to_owned(),
                dependencies,
                all_dependencies,
            }
        })
        .collect()
}

fn functions() -> Vec<String> {
    packages().into_iter().filter(|p| p.folder.starts_with("functions/")).map(|p| p.name).collect()
}

#[test]
fn crates_point_one_way() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let may: &[&str] = match package.folder.as_str() {
            "shared/domain" | "shared/edi" | "infra/xtask" => &[],
            "shared/engine" => &["domain"],
            "shared/cloud" | "shared/partners" => &["domain", "engine"],
            "shared/testkit" => &["domain", "engine", "partners"],
            "infra/ops" => &["domain", "engine", "partners", "edi"],
            "shared/edi/fuzz" => &["edi"],
            folder if folder.starts_with("functions/") => &["domain", "engine", "cloud", "partners"],
            "tests" => continue,
            folder => panic!("{folder} is a package that no rule knows: add one here"),
        };
        let known = package.dependencies.iter().filter(|name| ours.contains(name.as_str()));
        wrong.extend(
            known.filter(|name| !may.contains(&name.as_str())).map(|name| format!("{} -> {name}", package.folder)),
        );
    }
    assert!(wrong.is_empty(), "arrows that point the wrong way:\n  {}", wrong.join("\n  "));
}

#[test]
fn functions_never_see_each_other_not_even_in_tests() {
    let functions = functions();
    assert!(functions.len() >= 20, "found only {functions:?}");
    for package in packages().iter().filter(|package| package.folder.starts_with("functions/")) {
        let neighbours: Vec<_> = package.all_dependencies.iter().filter(|name| functions.contains(name)).collect();
        assert!(neighbours.is_empty(), "{} links {neighbours:?}", package.folder);
        assert_eq!(package.folder, format!("functions/{}", package.name), "folder and package share one name");
    }
}

#[test]
fn only_cloud_names_an_aws_crate() {
    let aws = |name: &String| ["aws-", "aws_", "lambda_"].iter().any(|prefix| name.starts_with(prefix));
    for package in packages().iter().filter(|package| package.folder != "shared/cloud") {
        let named: Vec<_> = package.all_dependencies.iter().filter(|name| aws(name)).collect();
        assert!(named.is_empty(), "{} names {named:?}", package.folder);
    }
    let paths = ["aws_sdk_", "aws_config", "aws_smithy_", "aws_types", "lambda_runtime", "lambda_http"];
    for path in sources().iter().filter(|path| !path.starts_with("shared/cloud/") && !is_this(path)) {
        let text = read(path);
        let named: Vec<_> = paths.iter().filter(|name| uses(&text, name)).collect();
        assert!(named.is_empty(), "{path} uses {named:?}");
    }
}

/// Whether a line of code, not of comment, has `name` in a path.
fn uses(text: &str, name: &str) -> bool {
    code(text).any(|line| line.contains(name) && line.contains("::"))
}

#[test]
fn only_what_speaks_to_a_partner_or_reads_its_words_links_partners() {
    for package in packages().iter().filter(|package| package.folder.starts_with("functions/")) {
        if !package.dependencies.contains("partners") {
            continue;
        }
        let handler = read(&format!("{}/src/lib.rs", package.folder));
        let ports =
            ["Erp", "Crm", "Warehouse", "OrderReader", "ChangeReader", "ReportReader", "Sites", "Senders", "read: R"];
        assert!(
            ports.iter().any(|port| handler.contains(port)),
            "{} links `partners`, but none of its ports needs it",
            package.folder
        );
    }
}

#[test]
fn the_domain_is_pure() {
    let package = packages().into_iter().find(|package| package.folder == "shared/domain").unwrap();
    let impure =
        ["tokio", "futures", "reqwest", "hyper", "tracing", "fastrand", "rand", "uuid", "engine", "async-trait"];
    for name in impure {
        assert!(!package.dependencies.contains(name), "domain depends on {name}");
    }
    let forbidden = [
        ("async ", "no async"),
        (".await;", "no async"),
        (".await?", "no async"),
        (".await.", "no async"),
        (".await)", "no async"),
        ("Timestamp::now", "no clock: time arrives in the command"),
        ("SystemTime", "no clock: time arrives in the command"),
        ("Instant::now", "no clock: time arrives in the command"),
        ("Zoned::now", "no clock: time arrives in the command"),
        ("std::env", "no environment"),
        ("std::fs", "no files"),
        ("std::net", "no network"),
        ("fastrand", "no random numbers"),
        ("f64", "no floats"),
        ("f32", "no floats"),
    ];
    for path in files("shared/domain/src") {
        let text = without_tests(&read(&path));
        for (number, line) in code(&text).enumerate() {
            for (word, why) in forbidden {
                assert!(!line.contains(word), "{path}: code line {}: `{word}`: {why}", number + 1);
            }
        }
    }
}

/// The lines that are neither comments nor blank.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn no_handler_is_longer_than_forty_lines() {
    for function in functions() {
        let path = format!("functions/{function}/src/lib.rs");
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        let begin = lines.iter().position(|line| line.starts_with("pub async fn handle"));
        let begin = begin.unwrap_or_else(|| panic!("{path} has no `pub async fn handle`"));
        // rustfmt closes an item in the first column.
        let length = lines[begin..].iter().position(|line| *line == "}").unwrap() + 1;
        assert!(length <= 40, "{path}: `handle` has {length} lines; 40 at most");
    }
}

#[test]
fn a_function_opens_with_what_it_is_on_does_and_fails_with() {
    for function in functions() {
        let path = format!("functions/{function}/src/lib.rs");
        let header: String = read(&path).lines().take_while(|line| line.starts_with("//!")).collect();
        for beat in ["- On:", "- Does:", "- Fails:"] {
            assert!(header.contains(beat), "{path}: the header lacks `{beat}`");
        }
    }
}

#[test]
fn no_result_is_thrown_away() {
    // In two pieces, so that this file does not find itself.
    let needle = concat!("let ", "_ =");
    for path in sources() {
        let text = read(&path);
        for (number, line) in text.lines().enumerate() {
            assert!(!line.contains(needle), "{path}:{}: a result is thrown away", number + 1);
        }
    }
}

#[test]
fn no_files_form_a_circle() {
    let mut circles = Vec::new();
    for Package { folder: package, .. } in packages() {
        let graph = imports(&package);
        for circle in circles_of(&graph) {
            circles.push(format!("{package}: {}", describe(&circle, &graph)));
        }
    }
    assert!(circles.is_empty(), "files that need each other:\n  {}", circles.join("\n  "));
}

fn describe(circle: &BTreeSet<String>, graph: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let mut arrows = Vec::new();
    for from in circle {
        let to = graph[from].iter().filter(|(to, _)| circle.contains(*to));
        arrows.extend(to.map(|(to, name)| format!("{from} -> {to} ({name})")));
    }
    arrows.join(", ")
}

/// For each file, the files whose names it uses, with one such name. A file that only declares modules or passes their
/// names on is looked through: what counts is where a name is defined.
fn imports(package: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let base = format!("{package}/src/");
    let sources: Vec<String> = files(&base).into_iter().filter(|path| path.ends_with(".rs")).collect();
    let modules: BTreeMap<Vec<String>, Module> = sources
        .iter()
        .filter(|path| !is_test(path, &sources))
        .map(|path| {
            let file = path.trim_start_matches(&base).trim_end_matches(".rs").to_owned();
            let mut place: Vec<String> = file.split('/').map(str::to_owned).collect();
            if ["mod", "lib", "main"].contains(&place.last().unwrap().as_str()) {
                place.pop();
            }
            let module = Module::read(&read(path), file, &place);
            (place, module)
        })
        .collect();
    let mut graph = BTreeMap::new();
    for module in modules.values() {
        let mut needs = BTreeMap::new();
        for path in &module.mentions {
            if let Some(file) = resolve(&modules, path, 0).filter(|file| *file != module.file) {
                needs.entry(file).or_insert_with(|| path.join("::"));
            }
        }
        graph.insert(module.file.clone(), needs);
    }
    graph
}

/// A source without its unit tests, which may look anywhere: they are not part of the house's structure.
fn without_tests(text: &str) -> String {
    let inline = text.find("#[cfg(test)]\nmod ").filter(|at| {
        let declaration = text[at + 13..].lines().next().unwrap_or_default();
        declaration.ends_with('{')
    });
    text[..inline.unwrap_or(text.len())].to_owned()
}

/// Whether a file is declared as a module of tests, by its folder's module or a sibling.
fn is_test(path: &str, sources: &[String]) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let declaration = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
    let beside = |other: &&String| other.rsplit_once('/').is_some_and(|(its, _)| its == folder);
    sources.iter().filter(beside).any(|other| read(other).contains(&declaration))
}

struct Module {
    file: String,
    defines: BTreeSet<String>,
    /// What it passes on: the name (`*` for all) and where it comes from.
    passes_on: Vec<(String, Vec<String>)>,
    /// Paths within the crate that its code names.
    mentions: BTreeSet<Vec<String>>,
}

impl Module {
    fn read(text: &str, file: String, place: &[String]) -> Self {
        let text = &without_tests(text);
        let text: String =
            code(text).map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        let mut module = Self { file, defines: BTreeSet::new(), passes_on: vec![], mentions: BTreeSet::new() };
        for line in text.lines() {
            let words: Vec<&str> =
                line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
            for pair in words.windows(2) {
                if ["struct", "enum", "trait", "fn", "type", "const", "static"].contains(&pair[0]) {
                    module.defines.insert(pair[1].to_owned());
                }
            }
            // `text_id!(… Sku, "sku", 64)`: macros of ours name their item in a line of its own.
            if let Some((name, _)) = line.split_once(", \"") {
                module.defines.insert(name.trim().to_owned());
            }
        }
        for statement in text.split(';') {
            let trimmed = statement.trim_start();
            // A use may follow the end of another item.
            let start = ["pub use ", "pub(crate) use ", "pub(super) use ", "use "]
                .iter()
                .filter_map(|word| trimmed.find(word).map(|at| (at, *word)))
                .min();
            let Some((at, word)) = start else { continue };
            let tree = &trimmed[at + word.len()..];
            for (path, name) in leaves(tree) {
                let Some(path) = absolute(&path, place) else { continue };
                if word.starts_with("pub") {
                    module.passes_on.push((name, path));
                } else {
                    module.mentions.insert(path);
                }
            }
        }
        // Paths in the middle of code: `crate::redact::text(…)`, `super::maps::Meaning`.
        for head in ["crate::", "super::"] {
            for (at, _) in text.match_indices(head) {
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let line = text[..at].rsplit('\n').next().unwrap_or_default();
                if line.contains("use ") {
                    continue;
                }
                let rest: String =
                    text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
                let path: Vec<String> = rest.split("::").filter(|p| !p.is_empty()).map(str::to_owned).collect();
                module.mentions.extend(absolute(&path, place));
            }
        }
        module
    }
}

/// `crate::a::b` and `super::b` as places from the crate's root; `None` for other crates' names.
fn absolute(path: &[String], place: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(place.iter().chain(rest).cloned().collect()),
        "super" => {
            let (_, parent) = place.split_last()?;
            let inner: Vec<String> = std::iter::once("self".to_owned()).chain(rest.iter().cloned()).collect();
            absolute(if rest.first().is_some_and(|p| p == "super") { rest } else { &inner }, parent)
        }
        // A child's name, as `pub use child::Name` in a mod.rs has it; other crates resolve to nothing later.
        _ => Some(place.iter().chain(path).cloned().collect()),
    }
}

/// The paths that a use tree names, each with the name under which it is known.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let path: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).filter(|p| !p.is_empty()).collect();
        let Some(last) = path.last().cloned() else { return vec![] };
        return vec![(path, alias.map_or(last, |alias| alias.trim().to_owned()))];
    };
    let group = group.rsplit_once('}').map_or(group, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().unwrap().push(c);
            }
        }
    }
    parts
        .iter()
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| leaves(&format!("{prefix}{}", part.trim())))
        .collect()
}

/// The file that defines what `path` names.
fn resolve(modules: &BTreeMap<Vec<String>, Module>, path: &[String], depth: u8) -> Option<String> {
    if depth > 8 {
        return None;
    }
    // The longest beginning that is a module; what follows is a name in it.
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..length]];
    let Some(name) = path.get(length) else { return Some(module.file.clone()) };
    if name == "*" || module.defines.contains(name) {
        return Some(module.file.clone());
    }
    module.passes_on.iter().find_map(|(known, from)| {
        let from = match known.as_str() {
            "*" => from.iter().take(from.len() - 1).chain(std::iter::once(name)).cloned().collect(),
            known if known == name => from.clone(),
            _ => return None,
        };
        // A glob may lead nowhere for this name: the next one is tried.
        if from == path { None } else { resolve(modules, &from, depth + 1) }
    })
}

/// Groups of files each of which reaches all the others.
fn circles_of(graph: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<BTreeSet<String>> {
    let reach = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for next in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|file| (file, reach(file))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (file, all) in &reached {
        if !all.contains(*file) || circles.iter().any(|circle| circle.contains(*file)) {
            continue;
        }
        let circle = all.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*file)));
        circles.push(circle.cloned().collect());
    }
    circles
}

#[test]
fn the_repository_names_no_path_outside_itself() {
    // In two pieces each, so that this file does not find itself.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    for path in files("") {
        let text = std::fs::read(root().join(&path)).unwrap_or_default();
        // Pictures and archives have no paths to follow.
        let Ok(text) = std::str::from_utf8(&text) else { continue };
        for (number, line) in text.lines().enumerate() {
            let named: Vec<_> = places.iter().filter(|place| names(line, place)).collect();
            assert!(named.is_empty(), "{path}:{}: names {named:?}", number + 1);
        }
    }
}

/// Whether `place` begins a path in `line`, and is not the middle of another one or of an address.
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-}/$>".contains(c)))
    })
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut dead = Vec::new();
    for path in files("").into_iter().filter(|path| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let text = read(&path);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !root().join(&folder).join(target).exists() {
                dead.push(format!("{path} -> {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n  {}", dead.join("\n  "));
}

fn sources() -> Vec<String> {
    files("").into_iter().filter(|path| path.ends_with(".rs")).collect()
}

fn is_this(path: &str) -> bool {
    path.ends_with("tests/architecture.rs")
}
