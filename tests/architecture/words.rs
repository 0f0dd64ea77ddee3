//! The retired words of `docs/glossary.md` stay retired.

use crate::repository::{files, read};

/// Names that code, events, schemas and documents no longer use, each as a whole identifier.
const NAMES: [&str; 46] = [
    "Addressee",
    "Desk",
    "EffectRefused",
    "Faltered",
    "Founding",
    "GateState",
    "Gatekeeper",
    "Heard",
    "MadeInVain",
    "MadeTwice",
    "Negotiation",
    "Notice",
    "Overtaken",
    "Sending",
    "Sendings",
    "SettledByHand",
    "Share",
    "ShareWork",
    "Standing",
    "Streamed",
    "Unanswered",
    "Untold",
    "Wanted",
    "Wish",
    "given_up",
    "faltered",
    "made_in_vain",
    "made_twice",
    "overtaken",
    "settled_by_hand",
    "untold",
    "found()",
    "order.sending",
    "fulfillment.sending",
    "crm-tell",
    "order-release",
    "allocation-release",
    "invoice-record",
    "shipment-post",
    "milestone-record",
    "shipment-watch",
    "order-track",
    "order-accept",
    "order-submit",
    "change-accept",
    "change-submit",
];

/// Names of which only the beginning or the end is retired: `KeptAnswer`, `PriceQuestion`.
const BEGINS: [&str; 1] = ["Kept"];
const ENDS: [&str; 1] = ["Question"];

/// Words that prose no longer uses; in code they are refused in names and texts, too.
const PROSE: [&str; 15] = [
    "wish",
    "wishes",
    "wished",
    "falter",
    "falters",
    "faltered",
    "faltering",
    "ladder",
    "ladders",
    "somebody",
    "somebody's",
    "whoever",
    "what came of",
    "what became of",
    "whatever became of",
];

/// Files that may name them.
const EXCEPTIONS: [&str; 2] = [
    // It says what each retired word became.
    "docs/glossary.md",
    // This list.
    "tests/architecture/words.rs",
];

/// The offences are listed, one `file:line: word` a line.
#[test]
fn the_retired_words_are_gone() {
    let kinds = [".rs", ".md", ".toml", ".yaml", ".py", ".json"];
    let mut offences = Vec::new();
    for path in files("").into_iter().filter(|path| kinds.iter().any(|kind| path.ends_with(kind))) {
        if EXCEPTIONS.contains(&path.as_str()) {
            continue;
        }
        for (number, line) in (1..).zip(read(&path).lines()) {
            let words = retired_names(&path, line).into_iter().chain(retired_prose(line));
            offences.extend(words.map(|word| format!("{path}:{number}: {word}")));
        }
    }
    assert!(offences.is_empty(), "{} retired words:\n{}", offences.len(), offences.join("\n"));
}

/// The retired names in a line's code. A document's code stands between back-quotes; a comment has none, and its words are
/// prose.
fn retired_names(path: &str, line: &str) -> Vec<String> {
    let code: String = if path.ends_with(".md") {
        line.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(" ")
    } else {
        let comment = if path.ends_with(".rs") { "//" } else { "# " };
        line.split(comment).next().unwrap_or_default().to_owned()
    };
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |name: &str| {
        code.match_indices(name).any(|(at, _)| {
            let (before, after) = (code[..at].chars().next_back(), code[at + name.len()..].chars().next());
            // A dash continues a function's name.
            let continues = |c: char| part(c) || name.contains('-') && c == '-';
            !before.is_some_and(continues) && !after.is_some_and(continues)
        })
    };
    let mut found: Vec<String> = NAMES.into_iter().filter(|name| whole(name)).map(str::to_owned).collect();
    for identifier in code.split(|c| !part(c)) {
        let continued = |rest: &str| rest.starts_with(char::is_uppercase);
        let begins = BEGINS.iter().any(|begin| identifier.strip_prefix(begin).is_some_and(continued));
        let ends = ENDS.iter().any(|end| identifier.strip_suffix(end).is_some_and(|rest| !rest.is_empty()));
        if begins || ends {
            found.push(identifier.to_owned());
        }
    }
    found
}

fn retired_prose(line: &str) -> impl Iterator<Item = String> {
    let line = line.to_lowercase();
    let whole = move |word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
            !letter(line[..at].chars().next_back()) && !letter(line[at + word.len()..].chars().next())
        })
    };
    PROSE.into_iter().filter(move |word| whole(word)).map(str::to_owned)
}

#[test]
fn a_retired_word_is_found_in_code_prose_and_documents_and_not_inside_another_word() {
    let code = |line: &str| retired_names("src/lib.rs", line);
    assert_eq!(code("struct Standing;"), ["Standing"]);
    assert_eq!(code("struct CustomerNotice;"), [""; 0]);
    assert_eq!(code("let x = PriceQuestion::new(KeptAnswer);"), ["PriceQuestion", "KeptAnswer"]);
    assert_eq!(code("// Standing still is no answer."), [""; 0]);
    assert_eq!(code("run(\"order-accept\")"), ["order-accept"]);
    assert_eq!(retired_names("docs/a.md", "Standing still, `Standing` waits"), ["Standing"]);
    assert_eq!(retired_prose("fn somebody_decides()").collect::<Vec<_>>(), ["somebody"]);
    assert_eq!(retired_prose("a bladder").count(), 0);
}
