//! Read models: what people, partner portals and tools see of orders. Pure functions of folded streams, for the API,
//! the console and the operator's command line. Each workflow has a module; this file has what they share.

use std::collections::BTreeMap;
use std::fmt::Display;

use domain::review::{Choice, Decision, Review, ReviewKind};
use domain::{EffectFailed, EffectRejected, EffectStarted, Workflow};
use engine::http::Grant;
use engine::stores::ViewRow;
use engine::{Commit, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub mod fulfillment;
pub mod intake;
pub mod names;
pub mod order;
pub mod reference;
pub mod returns;

/// The number of this release's rows. Raise it when a row shows something else for the same stream: rows are then written
/// over those of the same version and a lower number.
pub const FOLD: u32 = 3;

/// The documents of a list's rows, as they were written. They are not read into types: a newer release may have written a
/// status, a kind or an option that this one does not know, and its row is shown all the same.
pub fn documents(rows: &[ViewRow]) -> Vec<Value> {
    let document = |row: &ViewRow| serde_json::from_str(&row.document).unwrap_or_else(|_| json!({ "id": row.key }));
    rows.iter().map(document).collect()
}

/// The elements of a document that is a list, or the document itself.
pub fn each(document: Value) -> Vec<Value> {
    if let Value::Array(elements) = document { elements } else { vec![document] }
}

/// A review that waits for a person's decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenReview {
    /// `<order, fulfillment or delivery>.<review>`, for `POST /v1/reviews/{id}/decision`.
    pub id: String,
    /// One of the workflow's kinds. It is text, so that lists can show the kinds of a newer release.
    pub kind: String,
    /// The team that decides the kind; empty in rows of releases that did not write it.
    #[serde(default)]
    pub team: String,
    /// Why a decision is needed, for people.
    pub reason: String,
    /// The choices that the kind offers.
    pub options: Vec<Choice>,
    /// When the review was opened.
    pub since: Timestamp,
    /// `since` plus the kind's response time.
    pub decide_by: Timestamp,
}

/// A folded stream that exists, with the times at which its reviews were opened.
#[derive(Debug, Clone)]
pub struct TimedFold<W> {
    /// The state after the newest commit.
    pub state: W,
    /// The newest commit's version.
    pub version: u64,
    /// The newest commit's time.
    pub changed: Timestamp,
    /// The last commit that changed what lists show, with its time: rows have its version, so that a row of something
    /// older that arrives late is recognized.
    pub listed: (u64, Timestamp),
    since: BTreeMap<String, Timestamp>,
}

impl<W: Workflow> TimedFold<W> {
    /// The fold of `stream`; `None` if the stream has no commit.
    pub fn of(stream: Stream<W>) -> Option<Self> {
        let Stream { state, version, changed, listed, opened_reviews: since, .. } = stream;
        state.zip(changed).map(|(state, changed)| {
            let listed = listed.unwrap_or((version, changed));
            Self { state, version, changed, listed, since }
        })
    }

    /// The open reviews of the stream `id`, earliest `decide_by` first.
    fn open_reviews(&self, id: &str) -> Vec<OpenReview> {
        let item = |review: Review<W::Review>| {
            let since = self.since.get(&review.key()).copied().unwrap_or(self.changed);
            OpenReview {
                id: format!("{id}.{}", review.key()),
                kind: review.kind.as_str().to_owned(),
                team: review.kind.team().as_str().to_owned(),
                options: review.kind.options().to_vec(),
                since,
                decide_by: since.checked_add(review.kind.respond_within()).unwrap_or(Timestamp::MAX),
                reason: review.reason,
            }
        };
        let mut reviews: Vec<OpenReview> = self.state.reviews().into_iter().map(item).collect();
        reviews.sort_by(|a, b| (a.decide_by, &a.id).cmp(&(b.decide_by, &b.id)));
        reviews
    }

    /// The row of all open reviews of the stream `id`, ranked by the most urgent one. `None` if the stream never had a
    /// review: most streams have none, and an empty row would cost one write per commit. Once all reviews are decided,
    /// an empty row replaces the earlier one.
    fn review_row(&self, id: &str) -> Option<ViewRow> {
        let reviews = self.open_reviews(id);
        let first = reviews.first().map_or(self.listed.1, |review| review.decide_by);
        (!self.since.is_empty()).then(|| ViewRow {
            key: format!("{}/{id}", W::KIND),
            part: REVIEWS.to_owned(),
            version: self.listed.0,
            fold: FOLD,
            list: if reviews.is_empty() { String::new() } else { OPEN_REVIEWS.to_owned() },
            rank: format!("{}/{id}", soonest_first(first)),
            document: serde_json::to_string(&reviews).unwrap_or_default(),
        })
    }
}

/// The [`ViewRow::part`] of reviews. All reviews of a stream are in one row, so that the next version drops a decided
/// one.
pub const REVIEWS: &str = "reviews";

/// The [`ViewRow::list`] of streams with open reviews.
pub const OPEN_REVIEWS: &str = "review/open";

/// A rank that decreases with time: lists show the highest rank first, and so the earliest time.
fn soonest_first(at: Timestamp) -> String {
    /// In the year 2286: later than any time here.
    const LATEST_MILLIS: i64 = 10_000_000_000_000;
    format!("{:014}", LATEST_MILLIS - at.as_millisecond())
}

/// One event in a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened; for packages and milestones, by the warehouse's or carrier's clock.
    pub at: Timestamp,
    /// When it was committed, by our clock.
    pub recorded_at: Timestamp,
    /// The system in which it happened: `crossdock`, `crm`, `erp`, or the warehouse's name.
    pub system: String,
    /// The event's type, such as `order.priced`.
    pub event: String,
    /// What happened, for people.
    pub text: String,
    /// The order's new status, if the event changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<domain::order::Status>,
    /// The commit's stream, such as `order/ord_…`.
    pub stream: String,
    /// The commit's version.
    pub version: u64,
    /// The commit's cause: `<function>/<work key>`, or the function alone for a client that sees its own orders only.
    pub cause: String,
    /// The same from the sender's request to the last call to a partner.
    pub correlation_id: String,
    /// The correlation id of the partner's message or the request that caused the commit, where it has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
}

impl Entry {
    fn new(commit: &Commit, event: &impl Serialize, system: &str, text: String, at: Timestamp, grant: &Grant) -> Self {
        // The rest of a cause names the client or partner that wanted it, and the other id may be of its choice.
        let (cause, caused_by) = match grant {
            Grant::All => (commit.cause.to_string(), commit.caused_by.clone()),
            Grant::Own(_) => (commit.cause.as_str().split('/').next().unwrap_or_default().to_owned(), None),
        };
        Self {
            at,
            recorded_at: commit.at,
            system: system.to_owned(),
            event: kind_of(event),
            text,
            status: None,
            stream: commit.stream.clone(),
            version: commit.version,
            cause,
            correlation_id: commit.correlation.clone(),
            caused_by,
        }
    }
}

/// The system of events that happened in Crossdock itself.
const OURS: &str = "crossdock";

/// The event's type, read from its serialized form.
fn kind_of(event: &impl Serialize) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
}

fn decision_text<K: ReviewKind>(decision: &Decision<K>, grant: &Grant) -> String {
    let Decision { kind, choice, by, note, .. } = decision;
    let by = grant.shown(by);
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    format!("{} decided by {by}: {}{note}", kind.as_str(), choice.as_str())
}

fn started_text<E: Display>(started: &EffectStarted<E>) -> String {
    format!("about to {}, attempt {}, key {}", started.effect, started.attempt, started.key)
}

fn failed_text<E: Display>(failed: &EffectFailed<E>) -> String {
    let what = if failed.not_sent { "did not reach the partner" } else { "no usable answer" };
    format!("{what} when about to {}: {}", failed.effect, failed.code)
}

fn rejected_text<E: Display>(rejected: &EffectRejected<E>) -> String {
    format!("refused to {}: {}", rejected.effect, rejected.rejection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_newer_release_is_listed_as_it_was_written() {
        let row = |document: &str| ViewRow {
            key: "order/ord_1".to_owned(),
            part: REVIEWS.to_owned(),
            version: 1,
            fold: FOLD + 1,
            list: OPEN_REVIEWS.to_owned(),
            rank: "1".to_owned(),
            document: document.to_owned(),
        };
        let newer = json!([{ "kind": "quarantined", "options": ["burn_it"] }, { "kind": "late" }]);
        let listed: Vec<Value> = documents(&[row(&newer.to_string()), row("{")]).into_iter().flat_map(each).collect();
        assert_eq!(listed, [newer[0].clone(), newer[1].clone(), json!({ "id": "order/ord_1" })]);
    }
}
