//! No files and no folders of a crate need each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::{files, read};
use crate::sources::{Package, code, is_test, packages, without_tests};

#[test]
fn no_files_form_a_circle() {
    assert_no_circle("files", Clone::clone);
}

#[test]
fn no_folders_form_a_circle() {
    // A folder is its first level below `src`; a file beside the folders is a folder of its own.
    assert_no_circle("folders", |file| file.split('/').next().unwrap_or_default().to_owned());
}

/// Fails with every circle in any crate; `part` says to which part of its crate a file belongs.
#[track_caller]
fn assert_no_circle(what: &str, part: impl Fn(&String) -> String) {
    let mut circles = Vec::new();
    for Package { folder: package, .. } in packages() {
        let mut graph: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (file, needs) in imports(&package) {
            let arrows = graph.entry(part(&file)).or_default();
            arrows.extend(needs.into_iter().map(|(to, name)| (part(&to), format!("{file}: {name}"))));
            arrows.remove(&part(&file));
        }
        for circle in circles_of(&graph) {
            circles.push(format!("{package}: {}", describe(&circle, &graph)));
        }
    }
    assert!(circles.is_empty(), "{what} that need each other:\n  {}", circles.join("\n  "));
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
