//! From the journal to the bus: each event once per commit, under an id that is the same however often it is relayed.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::delivery::DeliveryReceived;
use crate::failure::{Code, Failure};
use crate::journal::Commit;

/// One event for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's name: what rules filter by.
    pub kind: String,
    /// A CloudEvents 1.0 document.
    pub detail: String,
}

/// Publishes entries.
pub trait Bus {
    /// Puts `entries` on the bus. Returns the places of those that it refused, whatever the status of the call.
    ///
    /// At most ten entries and 900 KiB at a time.
    fn publish(&self, entries: &[Entry]) -> impl Future<Output = Result<Vec<usize>, Failure>>;
}

/// How often refused entries are sent again before the records go back to their stream.
const ROUNDS: usize = 3;

/// Publishes what every record asks for, resending exactly what the bus refused.
///
/// Returns the place of the first record with an entry that stayed refused: from there on the stream delivers again.
///
/// # Errors
/// The bus's, where nothing is known of any entry.
pub async fn publish(bus: &impl Bus, records: &[Vec<Entry>]) -> Result<Option<usize>, Failure> {
    let mut left: Vec<(usize, Entry)> = Vec::new();
    for (place, entries) in records.iter().enumerate() {
        left.extend(entries.iter().map(|entry| (place, entry.clone())));
    }
    for _ in 0..ROUNDS {
        if left.is_empty() {
            return Ok(None);
        }
        let entries: Vec<Entry> = left.iter().map(|(_, entry)| entry.clone()).collect();
        let refused = bus.publish(&entries).await?;
        left = refused.into_iter().filter_map(|i| left.get(i).cloned()).collect();
    }
    Ok(left.iter().map(|(place, _)| *place).min())
}

/// CloudEvents 1.0, JSON format, with the correlation, sampled-rate and tracing extensions that we use.
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

/// Whether the relay passes events of this name on. Claims and the CRM's bookkeeping stay in the journal: nothing
/// subscribes to them, and each would cost an event.
pub fn is_published(kind: &str) -> bool {
    !(kind.ends_with(".effect_started") || kind.ends_with(".effect_failed") || kind.ends_with(".crm_updated"))
}

/// A commit's public events. `source` is the CloudEvents source, `/crossdock/<environment>`.
///
/// # Errors
/// A commit that is not one: permanent.
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

/// A delivery's pointer.
///
/// # Errors
/// A delivery that cannot be written as JSON: a fault of ours.
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
