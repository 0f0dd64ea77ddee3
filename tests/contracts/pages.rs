//! The pages: failures, the worklist, the README's partner, and which edge cases have a test.

use std::collections::BTreeSet;

use domain::fulfillment::FulfillmentReview;
use domain::order::OrderReview;
use domain::returns::ReturnReview;
use domain::review::ReviewKind;
use engine::Code;

use crate::repository::{files, read};

#[test]
fn every_failure_code_has_its_page_and_every_page_its_code() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(ToString::to_string).collect();
    let pages: BTreeSet<String> = files("docs/failures")
        .iter()
        .filter_map(|path| path.strip_prefix("docs/failures/")?.strip_suffix(".md"))
        .filter(|name| *name != "README")
        .map(str::to_owned)
        .collect();
    assert_eq!(pages, codes);
    let index = read("docs/failures/README.md");
    for code in &codes {
        assert!(index.contains(&format!("]({code}.md)")), "docs/failures/README.md does not lead to {code}");
        let page = read(&format!("docs/failures/{code}.md"));
        assert!(page.starts_with(&format!("# {code}")), "{code}.md does not begin with its code");
        for heading in ["## Meaning", "## First three commands", "## Decide", "## Verify"] {
            assert!(page.contains(heading), "{code}.md has no `{heading}`");
        }
        let commands = page.split("## First three commands").nth(1).and_then(|rest| rest.split("## ").next()).unwrap();
        let count = commands.matches("\n```sh\n").count();
        assert_eq!(count, 3, "{code}.md has {count} commands in blocks of their own");
    }
}

#[test]
fn the_page_of_the_worklist_tells_every_kind_and_its_choices() {
    let page = read("docs/runbooks/reviews.md");
    each_kind_has_its_row(&page, OrderReview::ALL);
    each_kind_has_its_row(&page, FulfillmentReview::ALL);
    each_kind_has_its_row(&page, ReturnReview::ALL);
}

fn each_kind_has_its_row<K: ReviewKind>(page: &str, kinds: &[K]) {
    for kind in kinds {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.as_str())));
        let row = row.unwrap_or_else(|| panic!("the page has no row for {}", kind.as_str()));
        for choice in kind.options() {
            assert!(row.contains(&format!("`{}`", choice.as_str())), "{}: {}", kind.as_str(), choice.as_str());
        }
    }
}

#[test]
fn the_readmes_partner_is_one_that_the_registry_takes() {
    let readme = read("README.md");
    let text =
        readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("README shows a partner");
    let document: toml::Table = text.parse().expect("it is TOML");
    let document = serde_json::to_value(document).unwrap();
    let partner = partners::Partner::read(&document).unwrap_or_else(|(_, offences)| panic!("{offences}"));
    assert_eq!(partner.id.as_str(), "northco");
}

/// The ids of the edge cases that some test's name begins with, such as `b01`.
fn tested_edge_cases() -> BTreeSet<String> {
    let is_id = |id: &&str| matches!(id.as_bytes(), [b'a'..=b'f', b'0'..=b'9', b'0'..=b'9', b'_']);
    let sources = files("").into_iter().filter(|path| path.ends_with(".rs") || path.ends_with(".py"));
    let ids = |path: String| {
        let text = read(&path);
        let names = text.split("fn ").chain(text.split("def test_")).skip(1);
        names.filter_map(|rest| rest.get(..4)).filter(is_id).map(|id| id[..3].to_owned()).collect::<Vec<_>>()
    };
    sources.flat_map(ids).collect()
}

/// docs/edge-cases.md says of every case whether a test proves it.
#[test]
fn every_claimed_edge_case_has_a_test_that_begins_with_its_id() {
    let page = read("docs/edge-cases.md");
    let (mut listed, mut claimed) = (BTreeSet::new(), BTreeSet::new());
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, id, case, expected, mark, _] = cells[..] else { panic!("not a row of four cells: {row}") };
        assert!(!case.is_empty() && !expected.is_empty(), "{id} does not say what has to happen");
        assert!(listed.insert(id.to_owned()), "{id} is listed twice");
        match mark {
            "tested" => {
                claimed.insert(id.to_owned());
            }
            "not built yet" => {}
            _ => panic!("{id} is marked as `{mark}`: write `tested` or `not built yet`"),
        }
    }
    let tested = tested_edge_cases();
    let without_test: Vec<_> = claimed.difference(&tested).collect();
    assert!(without_test.is_empty(), "marked as tested, and no test's name begins with the id: {without_test:?}");
    let unmarked: Vec<_> = tested.difference(&claimed).collect();
    assert!(unmarked.is_empty(), "a test's name begins with the id, and no row is marked as tested: {unmarked:?}");
    assert!(claimed.len() >= 62, "edge cases lost their tests: {} of the 62 of the first list are left", claimed.len());
}
