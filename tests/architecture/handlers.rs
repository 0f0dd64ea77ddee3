//! Handlers and source files: their form and their length.

use crate::repository::{files, read};
use crate::sources::{functions, is_test, sources};

#[test]
fn no_handler_is_longer_than_forty_lines() {
    for function in functions() {
        let path = format!("{}/src/lib.rs", function.folder);
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
        let path = format!("{}/src/lib.rs", function.folder);
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
fn no_product_file_is_longer_than_six_hundred_lines() {
    let sources: Vec<String> = files("").into_iter().filter(|path| path.ends_with(".rs")).collect();
    let product = |path: &&String| ["functions/", "shared/", "infra/"].iter().any(|place| path.starts_with(place));
    let is_source = |path: &&String| path.contains("/src/") && !is_test(path, &sources);
    for path in sources.iter().filter(product).filter(is_source) {
        let lines = read(path).lines().count();
        assert!(lines <= 600, "{path} has {lines} lines; 600 at most: split it by what its parts are for");
    }
}
