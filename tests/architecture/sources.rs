//! Packages and sources, as the other checks read them.

use std::collections::BTreeSet;

use crate::repository::{files, read};

/// Every workspace package by its folder, with what its manifest asks for.
pub(crate) struct Package {
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) dependencies: BTreeSet<String>,
    pub(crate) all_dependencies: BTreeSet<String>,
}

pub(crate) fn packages() -> Vec<Package> {
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

pub(crate) fn functions() -> Vec<Package> {
    packages().into_iter().filter(|package| package.folder.starts_with("functions/")).collect()
}

/// The lines that are neither comments nor blank.
pub(crate) fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
}

/// A source without its unit tests, which may use anything: they are not part of the structure.
pub(crate) fn without_tests(text: &str) -> String {
    let inline = text.find("#[cfg(test)]\nmod ").filter(|at| {
        let declaration = text[at + 13..].lines().next().unwrap_or_default();
        declaration.ends_with('{')
    });
    text[..inline.unwrap_or(text.len())].to_owned()
}

/// Whether a file is declared as a module of tests, by its folder's module or a sibling, or is in such a module's folder.
pub(crate) fn is_test(path: &str, sources: &[String]) -> bool {
    if path.contains("/src/") && path.contains("/tests/") {
        return true;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let declaration = format!("#[cfg(test)]\nmod {};", name.trim_end_matches(".rs"));
    let beside = |other: &&String| other.rsplit_once('/').is_some_and(|(its, _)| its == folder);
    sources.iter().filter(beside).any(|other| read(other).contains(&declaration))
}

pub(crate) fn sources() -> Vec<String> {
    files("").into_iter().filter(|path| path.ends_with(".rs")).collect()
}

pub(crate) fn is_this(path: &str) -> bool {
    path.starts_with("tests/architecture/")
}
