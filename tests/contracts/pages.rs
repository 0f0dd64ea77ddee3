//! The failure pages, and which edge cases have their test.

use std::collections::{BTreeMap, BTreeSet};

use domain::fulfillment::FulfillmentReview;
use domain::order::OrderReview;
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

/// The edge cases that this release claims to keep. Each is to have a test whose name begins with its id.
const CLAIMED: [&str; 21] = [
    "a01", "a02", "a04", "a05", "a06", "a07", "a15", "b01", "b02", "b08", "b16", "b20", "b22", "c01", "c02", "c05",
    "c08", "f03", "f05", "f06", "f08",
];

#[test]
fn every_claimed_edge_case_has_a_test_that_begins_with_its_id() {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let sources = files("").into_iter().filter(|path| path.ends_with(".rs") || path.ends_with(".py"));
    for path in sources {
        let text = read(&path);
        for id in CLAIMED {
            let named = text.contains(&format!("fn {id}_")) || text.contains(&format!("def test_{id}_"));
            if named {
                found.entry(id).or_default().push(path.clone());
            }
        }
    }
    let missing: Vec<_> = CLAIMED.iter().filter(|id| !found.contains_key(*id)).collect();
    assert!(missing.is_empty(), "edge cases without a test: {missing:?}; found {found:#?}");
}
