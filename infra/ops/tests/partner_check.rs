//! The command as a person or a pipeline sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn crossdock(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossdock")).args(arguments).output().unwrap()
}

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../partners")
}

fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A folder of its own with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

const ERP: &str = "id = \"x-erp\"\nrole = \"erp\"\nprotocol = \"rest\"\nbase_url = \"https://erp.example\"\n[auth]\nscheme = \"bearer\"\n";

#[test]
fn the_local_documents_are_right_and_come_out_as_the_registry_stores_them() {
    let folder = documents();
    let (code, said, told) = texts(&crossdock(&["partner", "check", folder.to_str().unwrap()]));
    assert_eq!((code, said.lines().count(), told.as_str()), (0, 4, ""), "{said}");
    let (code, said, _) = texts(&crossdock(&["partner", "check", "--json", folder.to_str().unwrap()]));
    let array: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
    assert_eq!((code, array.len()), (0, 4));
    for document in array {
        partners::Partner::read(&document).unwrap();
    }
}

#[test]
fn every_mistake_is_told_with_its_file_and_place_and_nothing_comes_out() {
    let wrong = format!("{ERP}[limits]\ntimeout_ms = 1\n[maps.sites]\nEAST = \"A\"\nWEST = \"A\"\n");
    let folder =
        folder("wrong", &[("good.toml", ERP), ("wrong.toml", &wrong), ("broken.toml", "id = "), ("notes.md", "")]);
    let (code, said, told) = texts(&crossdock(&["partner", "check", "--json", folder.to_str().unwrap()]));
    assert_eq!((code, said.as_str()), (1, ""));
    for place in ["wrong.toml: limits.timeout_ms: ", "wrong.toml: maps.sites.WEST: ", "broken.toml: "] {
        assert!(told.contains(place), "{place}: {told}");
    }
}

#[test]
fn documents_that_contradict_each_other_are_wrong() {
    let second = ERP.replace("x-erp", "y-erp");
    let folder = folder("two", &[("a.toml", ERP), ("b.toml", ERP), ("c.toml", &second)]);
    let (code, _, told) = texts(&crossdock(&["partner", "check", folder.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(told.contains("b.toml: id: ") && told.contains("more than one ERP"), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_is_another_failure_than_a_wrong_one() {
    let empty = folder("empty", &[]);
    for arguments in [vec!["partner", "check", "nowhere.toml"], vec!["partner", "check", empty.to_str().unwrap()]] {
        let (code, said, told) = texts(&crossdock(&arguments));
        assert_eq!((code, said.as_str()), (2, ""), "{told}");
        assert!(!told.is_empty());
    }
    assert_eq!(texts(&crossdock(&["partner", "check"])).0, 2);
}

#[test]
fn help_teaches() {
    let (code, said, _) = texts(&crossdock(&["partner", "check", "--help"]));
    assert_eq!(code, 0);
    for word in ["Examples:", "Exit codes:", "docs/partners/registry.md", "warehouse.sites[0].cut_off"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
