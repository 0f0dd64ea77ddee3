//! Publishes the journal's events on the bus. An event keeps its id if it is published again, so that subscribers can
//! drop duplicates.
//!
//! A commit names the steps that it wakes. Each of them is a resource of one entry, `crossdock:step/<name>`, by which the
//! step's rule selects it. It stands outside the event, so that no subscriber takes it for a part of the contract.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::delivery::DeliveryReceived;
use crate::failure::{Code, Failure};
use crate::journal::{Commit, Wake};

/// One event, ready for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's type, by which rules select.
    pub kind: String,
    /// A CloudEvents 1.0 document.
    pub detail: String,
    /// The steps that it wakes, each as [`resource`] writes it.
    pub resources: Vec<String>,
}

/// The resource of an entry that wakes a step.
pub fn resource(step: &str) -> String {
    format!("crossdock:step/{step}")
}

/// An entry that the bus did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its place among the entries of the call.
    pub index: usize,
    /// Why the bus will never accept it; `None` if it may be sent again.
    pub for_good: Option<Failure>,
}

/// The event bus.
pub trait Bus {
    /// Puts any number of `entries` on the bus. Returns the rejected ones; a successful call may have some.
    fn publish(&self, entries: &[Entry]) -> impl Future<Output = Result<Vec<Rejected>, Failure>>;
}

/// What is left to do after a publication.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The index of the first record with an entry that was rejected in every round; the stream has to deliver again from
    /// there.
    pub again_from: Option<usize>,
    /// Records with an entry that the bus will never accept, each with the reason. Their other entries are published.
    pub refused: Vec<(usize, Failure)>,
}

/// How often entries are sent before the stream has to deliver their records again.
const MAX_ROUNDS: usize = 3;

/// Publishes the entries of all records, and resends exactly the entries that the bus rejected.
/// An entry that the bus will never accept holds up no other.
///
/// # Errors
/// A failure of the bus, if a call failed as a whole.
pub async fn publish(bus: &impl Bus, records: &[Vec<Entry>]) -> Result<Published, Failure> {
    let mut published = Published::default();
    let mut pending: Vec<(usize, Entry)> = Vec::new();
    for (place, entries) in records.iter().enumerate() {
        pending.extend(entries.iter().map(|entry| (place, entry.clone())));
    }
    for _ in 0..MAX_ROUNDS {
        if pending.is_empty() {
            return Ok(published);
        }
        let entries: Vec<Entry> = pending.iter().map(|(_, entry)| entry.clone()).collect();
        let rejected = bus.publish(&entries).await?;
        let mut again = Vec::new();
        for Rejected { index, for_good } in rejected {
            match (pending.get(index), for_good) {
                (Some((place, _)), Some(failure)) => published.refused.push((*place, failure)),
                (Some(entry), None) => again.push(entry.clone()),
                (None, _) => {}
            }
        }
        pending = again;
    }
    published.again_from = pending.iter().map(|(place, _)| *place).min();
    Ok(published)
}

/// CloudEvents 1.0 in its JSON format, with the extensions `correlationid` (our own) and `traceparent`.
#[derive(Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    correlationid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: D,
}

/// Whether the relay publishes events of this type. Claims and CRM updates stay in the journal: no one subscribes to
/// them, and the bus charges for every event.
pub fn is_published(kind: &str) -> bool {
    !(kind.ends_with(".effect_started") || kind.ends_with(".effect_failed") || kind.ends_with(".crm_updated"))
}

/// The type of an entry that only wakes steps: no published event of its commit is about their work. It is internal, and no
/// subscriber may rely on it.
pub const WORK_DUE: &str = "work_due";

/// The entries of a commit: one for each published event, and one for each work that no published event is about. `source`
/// is the CloudEvents source, `/crossdock/<environment>`.
///
/// # Errors
/// The commit's events cannot be parsed: permanent.
pub fn entries(commit: &Commit, source: &str) -> Result<Vec<Entry>, Failure> {
    let corrupt = |e: &serde_json::Error| {
        let place = format!("{} version {}: {}", commit.stream, commit.version, crate::redact::json_error(e));
        Failure::permanent(Code::JournalCorrupt, place)
    };
    let events: Vec<Box<RawValue>> = serde_json::from_str(&commit.events).map_err(|e| corrupt(&e))?;
    let mut wakes = commit.wakes.clone();
    let mut entries = Vec::with_capacity(events.len());
    for (n, event) in events.iter().enumerate() {
        let payload: Payload<'_> = serde_json::from_str(event.get()).map_err(|e| corrupt(&e))?;
        let kind = payload.text("type").ok_or_else(|| corrupt(&serde::de::Error::missing_field("type")))?;
        if !is_published(&kind) {
            continue;
        }
        let (woken, rest) = wakes.into_iter().partition(|wake: &Wake| payload.is_about(&wake.about));
        wakes = rest;
        let id = format!("{}/{}/{}/{n}", commit.epoch, commit.stream, commit.version);
        let detail = detail(commit, source, id, &kind, event).map_err(|e| corrupt(&e))?;
        entries.push(entry(kind, detail, &woken));
    }
    let ids = (events.len()..).map(|n| format!("{}/{}/{}/{n}", commit.epoch, commit.stream, commit.version));
    entries.extend(work_due(commit, source, wakes, ids)?);
    Ok(entries)
}

/// The entries that wake steps for `wakes`, which a stream has had since `newest`, its newest commit. `occasion` tells one
/// announcement of a commit's work from another.
///
/// # Errors
/// Never in practice: the payloads are texts.
pub fn wake_again(newest: &Commit, wakes: Vec<Wake>, occasion: &str, source: &str) -> Result<Vec<Entry>, Failure> {
    let ids = (0..).map(|n| format!("{}/{}/{}/{occasion}/{n}", newest.epoch, newest.stream, newest.version));
    work_due(newest, source, wakes, ids)
}

/// One entry for each part of the stream that `wakes` are about.
fn work_due(
    commit: &Commit,
    source: &str,
    wakes: Vec<Wake>,
    ids: impl Iterator<Item = String>,
) -> Result<Vec<Entry>, Failure> {
    let mut by_part: BTreeMap<BTreeMap<String, String>, Vec<Wake>> = BTreeMap::new();
    for wake in wakes {
        by_part.entry(wake.about.clone()).or_default().push(wake);
    }
    let kind = format!("{}.{WORK_DUE}", commit.stream.split('/').next().unwrap_or_default());
    let entries = by_part.into_iter().zip(ids).map(|((about, woken), id)| {
        let payload = WorkDue { kind: &kind, about: &about };
        let detail = detail(commit, source, id, &kind, payload)
            .map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
        Ok(entry(kind.clone(), detail, &woken))
    });
    entries.collect()
}

/// The payload of an entry that only wakes steps.
#[derive(Serialize)]
struct WorkDue<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    about: &'a BTreeMap<String, String>,
}

/// An event's payload, as far as the relay compares it with the work of steps.
#[derive(Deserialize)]
#[serde(transparent)]
struct Payload<'a>(#[serde(borrow)] BTreeMap<String, &'a RawValue>);

impl Payload<'_> {
    /// A member that is a text.
    fn text(&self, member: &str) -> Option<String> {
        self.0.get(member).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// Whether the event names this part of its stream.
    fn is_about(&self, about: &BTreeMap<String, String>) -> bool {
        about.iter().all(|(member, id)| self.text(member).as_ref() == Some(id))
    }
}

/// The CloudEvents document of one of a commit's entries.
fn detail(commit: &Commit, source: &str, id: String, kind: &str, data: impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(&CloudEvent {
        specversion: "1.0",
        id,
        source,
        kind,
        subject: &commit.stream,
        time: commit.at.to_string(),
        datacontenttype: "application/json",
        correlationid: &commit.correlation,
        traceparent: commit.traceparent.as_deref(),
        data,
    })
}

fn entry(kind: String, detail: String, woken: &[Wake]) -> Entry {
    let steps: BTreeSet<&str> = woken.iter().map(|wake| wake.step.as_str()).collect();
    Entry { kind, detail, resources: steps.into_iter().map(resource).collect() }
}

/// The entry of `delivery.received`, which points to the stored delivery. `at` is the time of its arrival.
///
/// # Errors
/// The event cannot be written as JSON: permanent.
pub fn delivery_entry(
    received: &DeliveryReceived,
    at: jiff::Timestamp,
    correlation: &str,
    traceparent: Option<&str>,
    source: &str,
) -> Result<Entry, Failure> {
    let subject = format!("delivery/{}/{}", received.partner, received.delivery);
    let kind = "delivery.received";
    let detail = serde_json::to_string(&CloudEvent {
        specversion: "1.0",
        id: subject.clone(),
        source,
        kind,
        subject: &subject,
        time: at.to_string(),
        datacontenttype: "application/json",
        correlationid: correlation,
        traceparent,
        data: received,
    })
    .map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
    Ok(Entry { kind: kind.to_owned(), detail, resources: vec![] })
}
