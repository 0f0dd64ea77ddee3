//! What the folds make of the story, held to what they made of it when their numbers were raised last: a snapshot of another
//! release is read only where that release folds alike.

use std::collections::BTreeMap;

use domain::workflow::fold;
use domain::{Fulfillment, Order, Return, Workflow};
use engine::Commit;
use serde_json::{Value, json};

use crate::{keep, pretty, returns_story, story};

const FILE: &str = "tests/contracts/folds.json";

#[test]
fn a_fold_that_ends_in_another_state_has_a_higher_number() {
    let folds = BTreeMap::from([
        (Order::KIND, folded::<Order>([story::order()])),
        (Fulfillment::KIND, folded::<Fulfillment>(story::fulfillments())),
        (Return::KIND, folded::<Return>([returns_story::life()])),
    ]);
    let text = pretty(&json!(folds));
    let breaks = |before: &str| {
        let before: Value = serde_json::from_str(before).unwrap();
        let same_number = |kind: &&&str| before[**kind]["fold"] == folds[**kind]["fold"];
        let other_state = |kind: &&&str| before[**kind]["states"] != folds[**kind]["states"];
        let broken = folds.keys().filter(same_number).filter(other_state);
        broken.map(|kind| format!("snapshots of `{kind}`: raise its FOLD")).collect()
    };
    assert_eq!(keep(FILE, &text, breaks), Ok(()));
}

/// The number of a fold, and a digest of each stream's state as a snapshot has it.
fn folded<W: Workflow>(streams: impl IntoIterator<Item = Vec<Commit>>) -> Value {
    let states = streams.into_iter().map(|commits| {
        let events: Vec<W::Event> =
            commits.iter().flat_map(|commit| serde_json::from_str::<Vec<W::Event>>(&commit.events).unwrap()).collect();
        let text = serde_json::to_string(&fold::<W>(&events)).unwrap();
        domain::ids::base32(&domain::ids::fingerprint(&[&text]), 26)
    });
    json!({ "fold": W::FOLD, "states": states.collect::<Vec<_>>() })
}
