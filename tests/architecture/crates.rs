//! Which crate may use which.

use std::collections::BTreeSet;

use crate::repository::{files, read};
use crate::sources::{code, functions, is_this, packages, sources, without_tests};

#[test]
fn crates_point_one_way() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let may: &[&str] = match package.folder.as_str() {
            "shared/domain" | "shared/simulators" | "shared/edi" | "infra/xtask" => &[],
            "shared/edi/fuzz" => &["edi"],
            "shared/engine" => &["domain"],
            "shared/usecases" | "shared/views" | "shared/cloud" | "shared/partners" => &["domain", "engine"],
            "shared/testkit" => &["domain", "engine"],
            "infra/ops" => &["domain", "engine", "usecases", "views", "cloud", "partners", "edi"],
            "shared/console" => &["domain", "engine", "views"],
            "infra/drive" => &["domain", "simulators"],
            folder if folder.starts_with("functions/") => {
                &["domain", "engine", "usecases", "views", "console", "cloud", "partners"]
            }
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
    let names: BTreeSet<&str> = functions.iter().map(|package| package.name.as_str()).collect();
    assert!(names.len() >= 20, "found only {names:?}");
    for package in &functions {
        let neighbors: Vec<_> = package.all_dependencies.iter().filter(|name| names.contains(name.as_str())).collect();
        assert!(neighbors.is_empty(), "{} links {neighbors:?}", package.folder);
        let place: Vec<&str> = package.folder.split('/').collect();
        let &[_, _, folder] = place.as_slice() else { panic!("{} is not functions/<workflow>/<step>", package.folder) };
        assert_eq!(folder, package.name, "folder and package have one name");
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
    for package in &functions() {
        if !package.dependencies.contains("partners") {
            continue;
        }
        let handler = read(&format!("{}/src/lib.rs", package.folder));
        // `Exchange` is of the identity provider, which is called through the same bounded client.
        let ports = [
            "Exchange",
            "Erp",
            "Crm",
            "Warehouse",
            "OrderReader",
            "ChangeReader",
            "ReportReader",
            "ReturnReader",
            "ReceiptReader",
            "Sites",
            "Senders",
            "read: R",
        ];
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
    // Clock, environment, files and network are lints of its clippy.toml.
    let forbidden = [
        ("async ", "no async"),
        (".await;", "no async"),
        (".await?", "no async"),
        (".await.", "no async"),
        (".await)", "no async"),
        // Derived code names floats, which clippy would find.
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

/// `serde_json` has no bound on the values that it makes of a small text. Texts that we wrote ourselves (secrets, parts of a body
/// that was read before) are read from `str`.
#[test]
fn a17_bodies_from_outside_are_read_by_the_engines_reader() {
    let folders = ["functions", "shared/partners/src", "shared/usecases/src"].map(files).into_iter().flatten();
    for path in folders.filter(|path| path.ends_with(".rs")) {
        let text = without_tests(&read(&path));
        let unbounded =
            code(&text).find(|line| line.contains("serde_json::from_slice") || line.contains("from_reader("));
        assert_eq!(unbounded, None, "{path}: use engine::json");
    }
}
