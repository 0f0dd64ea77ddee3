//! Documents and patches: their links and paths lead somewhere inside the repository.

use std::collections::BTreeSet;

use crate::patch;
use crate::repository::{files, read, root};

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

/// `cargo xtask mutants` compiles and runs the patches; this shows in every run that they still apply.
#[test]
fn every_mistake_in_a_rule_has_a_patch_that_applies_and_every_patch_is_in_the_table() {
    use crossdock_tests::mutants::{ALL, Place};
    let rules: BTreeSet<String> =
        ALL.iter().filter(|mistake| mistake.place == Place::Rule).map(|mistake| mistake.name.to_owned()).collect();
    let patches = files("tests/mutants");
    let names =
        patches.iter().map(|path| path.trim_start_matches("tests/mutants/").trim_end_matches(".patch").to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), rules);
    for path in patches {
        let product =
            |path: &str| std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"));
        let changed = patch::apply(&read(&path), product).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(
            changed.keys().all(|path| path.starts_with("shared/domain/src/")),
            "{path} changes {:?}",
            changed.keys()
        );
    }
}
