//! `crossdock partner check` as an operator or a pipeline runs it.
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

/// A new folder with `files`.
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
fn the_local_documents_are_valid_and_printed_as_the_registry_stores_them() {
    let folder = documents();
    let (code, stdout, stderr) = texts(&crossdock(&["partner", "check", folder.to_str().unwrap()]));
    assert_eq!((code, stdout.lines().count(), stderr.as_str()), (0, 4, ""), "{stdout}");
    let (code, stdout, _) = texts(&crossdock(&["partner", "check", "--json", folder.to_str().unwrap()]));
    let array: Vec<serde_json::Value> = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, array.len()), (0, 4));
    for document in array {
        partners::Partner::read(&document).unwrap();
    }
}

#[test]
fn every_mistake_is_reported_with_its_file_and_place_and_no_json_is_printed() {
    let wrong = format!("{ERP}[limits]\ntimeout_ms = 1\n[maps.sites]\nEAST = \"A\"\nWEST = \"A\"\n");
    let folder =
        folder("wrong", &[("good.toml", ERP), ("wrong.toml", &wrong), ("broken.toml", "id = "), ("notes.md", "")]);
    let (code, stdout, stderr) = texts(&crossdock(&["partner", "check", "--json", folder.to_str().unwrap()]));
    assert_eq!((code, stdout.as_str()), (1, ""));
    for place in ["wrong.toml: limits.timeout_ms: ", "wrong.toml: maps.sites.WEST: ", "broken.toml: "] {
        assert!(stderr.contains(place), "{place}: {stderr}");
    }
}

#[test]
fn documents_that_contradict_each_other_are_mistakes() {
    let second = ERP.replace("x-erp", "y-erp");
    let folder = folder("two", &[("a.toml", ERP), ("b.toml", ERP), ("c.toml", &second)]);
    let (code, _, stderr) = texts(&crossdock(&["partner", "check", folder.to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(stderr.contains("b.toml: id: ") && stderr.contains("more than one ERP"), "{stderr}");
}

#[test]
fn a_file_that_cannot_be_read_has_another_exit_code_than_a_mistake() {
    let empty = folder("empty", &[]);
    for arguments in [vec!["partner", "check", "nowhere.toml"], vec!["partner", "check", empty.to_str().unwrap()]] {
        let (code, stdout, stderr) = texts(&crossdock(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(!stderr.is_empty());
    }
    assert_eq!(texts(&crossdock(&["partner", "check"])).0, 2);
}

#[test]
fn the_help_has_examples_exit_codes_and_the_reference() {
    let (code, stdout, _) = texts(&crossdock(&["partner", "check", "--help"]));
    assert_eq!(code, 0);
    for text in ["Examples:", "Exit codes:", "docs/partners/registry.md", "warehouse.sites[0].cut_off"] {
        assert!(stdout.contains(text), "{text}: {stdout}");
    }
}
