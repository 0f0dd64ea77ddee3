//! Publishes the journal's events on the bus. An event keeps its id if it is published again, so that subscribers can
//! drop duplicates.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::delivery::DeliveryReceived;
use crate::failure::{Code, Failure};
use crate::journal::Commit;

/// One event, ready for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's type, by which rules select.
    pub kind: String,
    /// A CloudEvents 1.0 document.
    pub detail: String,
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

/// Whether the relay publishes events of this type. Claims and CRM updates stay in the journal: nothing subscribes to
/// them, and the bus charges for every event.
pub fn is_published(kind: &str) -> bool {
    !(kind.ends_with(".effect_started") || kind.ends_with(".effect_failed") || kind.ends_with(".crm_updated"))
}

/// The entries of a commit's published events. `source` is the CloudEvents source, `/crossdock/<environment>`.
///
/// # Errors
/// The commit's events cannot be parsed: permanent.
pub fn entries(commit: &Commit, source: &str) -> Result<Vec<Entry>, Failure> {
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(rename = "type")]
        kind: String,
    }
    let corrupt = |e: &serde_json::Error| {
        let place = format!("{} version {}: {}", commit.stream, commit.version, crate::redact::json_error(e));
        Failure::permanent(Code::JournalCorrupt, place)
    };
    let events: Vec<Box<RawValue>> = serde_json::from_str(&commit.events).map_err(|e| corrupt(&e))?;
    let mut entries = Vec::with_capacity(events.len());
    for (n, event) in events.iter().enumerate() {
        let Named { kind } = serde_json::from_str(event.get()).map_err(|e| corrupt(&e))?;
        if !is_published(&kind) {
            continue;
        }
        let detail = serde_json::to_string(&CloudEvent {
            specversion: "1.0",
            id: format!("{}/{}/{}/{n}", commit.epoch, commit.stream, commit.version),
            source,
            kind: &kind,
            subject: &commit.stream,
            time: commit.at.to_string(),
            datacontenttype: "application/json",
            correlationid: &commit.correlation,
            traceparent: commit.traceparent.as_deref(),
            data: event,
        })
        .map_err(|e| corrupt(&e))?;
        entries.push(Entry { kind, detail });
    }
    Ok(entries)
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
    Ok(Entry { kind: kind.to_owned(), detail })
}
