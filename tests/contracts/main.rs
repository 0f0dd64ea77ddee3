//! What others build on, held to the code: events and their schemas, the catalog, the API's description, the failure pages.
//!
//! `UPDATE=1` writes what is generated (schemas, samples, the channels' description) anew where it only grew. What would
//! break a reader is refused then, too; `UPDATE=anew` writes it all the same, for contracts that no release has shown yet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod catalog;
mod folds;
mod growth;
mod pages;
#[path = "../repository/mod.rs"]
mod repository;
mod returns_story;
mod schemas;
mod story;
mod template;

use std::collections::BTreeSet;
use std::fs;

use domain::intake::DeliveryEvent;
use domain::{FulfillmentEvent, OrderEvent, ReturnEvent};
use serde_json::Value;

use repository::{files, read, root};

/// How the files on disk stand to what is generated.
enum Mode {
    Compare,
    Grow,
    Anew,
}

fn mode() -> Mode {
    match std::env::var("UPDATE").as_deref() {
        Err(_) | Ok("" | "0") => Mode::Compare,
        Ok("anew") => Mode::Anew,
        Ok(_) => Mode::Grow,
    }
}

const HOW: &str = "UPDATE=1 cargo test -p crossdock-tests --test contracts";

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// Compares a generated file with the one on disk, or writes it. `breaks` says what the change would break.
fn keep(path: &str, text: &str, breaks: impl Fn(&str) -> Vec<String>) -> Result<(), String> {
    let file = root().join(path);
    let before = fs::read_to_string(&file).ok();
    if before.as_deref() == Some(text) {
        return Ok(());
    }
    let broken = before.map(|before| breaks(&before)).unwrap_or_default();
    match mode() {
        Mode::Compare | Mode::Grow if !broken.is_empty() => Err(format!(
            "{path} would break who reads it:\n    {}\n  Contracts only grow: keep the field, make the new one optional, or \
             write a second type beside this one.",
            broken.join("\n    ")
        )),
        Mode::Compare => Err(format!("{path} is not what the types say; it only grew, so write it anew: {HOW}")),
        Mode::Grow | Mode::Anew => {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            Ok(())
        }
    }
}

fn all_kept(results: impl IntoIterator<Item = Result<(), String>>) {
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn every_schema_says_what_its_type_says_and_only_grows() {
    let schemas = schemas::generate();
    all_kept(schemas.iter().map(|(path, schema)| {
        let broken = |before: &str| {
            serde_json::from_str(before).map_or_else(|_| vec![], |before: Value| growth::breaks(&before, schema))
        };
        keep(path, &pretty(schema), broken)
    }));
    let known: BTreeSet<&String> = schemas.keys().collect();
    for path in files(schemas::FOLDER).iter().filter(|path| path.ends_with(".json")) {
        assert!(known.contains(path), "{path}: no type writes this event any more; what was published stays readable");
    }
}

#[test]
fn every_published_event_has_a_sample_that_its_relay_would_write() {
    let samples = story::samples();
    let shown: BTreeSet<&str> = samples.iter().map(|entry| entry.kind.as_str()).collect();
    let published: BTreeSet<String> =
        schemas::kinds().into_iter().filter(|kind| engine::relay::is_published(kind)).collect();
    assert_eq!(shown, published.iter().map(String::as_str).collect(), "tests/contracts/story.rs shows each event once");
    all_kept(samples.iter().map(|entry| {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap();
        keep(&format!("events/samples/bus/{}.json", entry.kind), &pretty(&detail), |_| vec![])
    }));
}

#[test]
fn every_sample_is_valid_by_its_schema() {
    let schemas = schemas::generate();
    let envelope = jsonschema::validator_for(&schemas[&format!("{}/cloudevent.json", schemas::FOLDER)]).unwrap();
    for entry in story::samples() {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap();
        valid(&envelope, &detail, &entry.kind);
        let schema = &schemas[&format!("{}/{}.json", schemas::FOLDER, entry.kind)];
        valid(&jsonschema::validator_for(schema).unwrap(), &detail["data"], &entry.kind);
    }
}

#[test]
fn every_event_of_the_journal_is_valid_by_its_schema_and_shown_in_the_story() {
    let schemas = schemas::generate();
    let mut shown = BTreeSet::from(["delivery.received".to_owned()]);
    for event in story::events() {
        let kind = event["type"].as_str().unwrap().to_owned();
        let folder = if engine::relay::is_published(&kind) { "" } else { "/journal" };
        let schema = &schemas[&format!("{}{folder}/{kind}.json", schemas::FOLDER)];
        valid(&jsonschema::validator_for(schema).unwrap(), &event, &kind);
        shown.insert(kind);
    }
    assert_eq!(shown, schemas::kinds());
}

#[test]
fn f04_a_reader_bears_fields_that_a_later_release_adds() {
    for event in story::events() {
        let mut later = event.clone();
        later["added_in_a_later_release"] = Value::String("x".to_owned());
        let kind = event["type"].as_str().unwrap();
        let read = through_its_type(later);
        assert_eq!(read.unwrap_or_else(|error| panic!("{kind}: {error}")), event);
    }
}

#[test]
fn f04_every_field_that_is_required_is_one_that_its_reader_needs() {
    // What the schema calls optional can be left out, so that commits of an older release stay readable.
    for event in story::events() {
        let kind = event["type"].as_str().unwrap();
        let folder = if engine::relay::is_published(kind) { "" } else { "/journal" };
        let schema: Value = serde_json::from_str(&read(&format!("{}{folder}/{kind}.json", schemas::FOLDER))).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for name in event.as_object().unwrap().keys().filter(|name| *name != "type") {
            let mut without = event.clone();
            without.as_object_mut().unwrap().remove(name);
            let reads = through_its_type(without.clone()).is_ok();
            assert_eq!(validator.is_valid(&without), reads, "{kind} without `{name}`: schema and type disagree");
        }
    }
}

/// The event as its workflow's type reads and writes it.
fn through_its_type(event: Value) -> serde_json::Result<Value> {
    let kind = event["type"].as_str().unwrap_or_default().to_owned();
    match kind.split_once('.') {
        Some(("order", _)) => serde_json::to_value(serde_json::from_value::<OrderEvent>(event)?),
        Some(("delivery", _)) => serde_json::to_value(serde_json::from_value::<DeliveryEvent>(event)?),
        Some(("return", _)) => serde_json::to_value(serde_json::from_value::<ReturnEvent>(event)?),
        _ => serde_json::to_value(serde_json::from_value::<FulfillmentEvent>(event)?),
    }
}

/// Fails with the first offence.
pub(crate) fn valid(validator: &jsonschema::Validator, instance: &Value, what: &str) {
    if let Err(error) = validator.validate(instance) {
        panic!("{what}: {} {error}\n{}", error.instance_path(), pretty(instance));
    }
}
