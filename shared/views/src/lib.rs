//! Read models: what people, partner portals and tools see of the journal. Pure functions of folded streams, shared by the API, the
//! console and the operator's command line. One file per workflow; here is what they have in common.

use std::collections::BTreeMap;

use domain::review::{Choice, Decision, Review, ReviewKind};
use domain::workflow::evolve;
use domain::{EffectFailed, EffectRejected, EffectStarted, Workflow};
use engine::journal::events_of;
use engine::stores::ViewRow;
use engine::{Commit, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod fulfillment;
pub mod order;

/// A decision that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenReview {
    /// The id to decide it by: `<order or fulfillment>.<review>`.
    pub id: String,
    /// One of the workflow's kinds. Text, so that a list shows a kind of a later release, too.
    pub kind: String,
    /// For people.
    pub reason: String,
    /// What can be decided.
    pub options: Vec<Choice>,
    /// Since when it waits.
    pub since: Timestamp,
    /// By when it should be decided.
    pub decide_by: Timestamp,
}

/// A stream, folded together with the times since when its reviews wait.
#[derive(Debug, Clone)]
pub struct TimedFold<W> {
    /// The state after the newest commit.
    pub state: W,
    /// The newest commit's version.
    pub version: u64,
    /// The newest commit's time.
    pub changed: Timestamp,
    /// Whether the stream ever had an open review.
    pub ever_waited: bool,
    since: BTreeMap<String, Timestamp>,
}

impl<W: Workflow> TimedFold<W> {
    /// Folds commits; `None` where there are none.
    ///
    /// # Errors
    /// A commit that cannot be read.
    pub fn of(commits: &[Commit], now: Timestamp) -> Result<Option<Self>, Failure> {
        let (mut state, mut since, mut ever_waited) = (None, BTreeMap::new(), false);
        for commit in commits {
            state = events_of::<W>(commit, now)?.iter().fold(state, evolve);
            let reviews = state.as_ref().map(W::reviews).unwrap_or_default();
            let open: Vec<String> = reviews.iter().map(Review::key).collect();
            since.retain(|key, _| open.contains(key));
            ever_waited |= !open.is_empty();
            for key in open {
                since.entry(key).or_insert(commit.at);
            }
        }
        let newest = commits.last();
        Ok(state.zip(newest).map(|(state, newest)| {
            let (version, changed) = (newest.version, newest.at);
            Self { state, version, changed, ever_waited, since }
        }))
    }

    /// The open reviews of the stream `id`, the most urgent first.
    fn open_reviews(&self, id: &str) -> Vec<OpenReview> {
        let item = |review: Review<W::Review>| {
            let since = self.since.get(&review.key()).copied().unwrap_or(self.changed);
            OpenReview {
                id: format!("{id}.{}", review.key()),
                kind: review.kind.as_str().to_owned(),
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

    /// The row of all reviews of the stream `id`, ranked by the most urgent. An empty row is written only where an earlier one was
    /// not: most streams never have a review, and an empty row for each of their commits would cost a write each.
    fn review_row(&self, id: &str) -> Option<ViewRow> {
        let reviews = self.open_reviews(id);
        let first = reviews.first().map_or(self.changed, |review| review.decide_by);
        self.ever_waited.then(|| ViewRow {
            key: format!("{}/{id}", W::KIND),
            part: REVIEWS.to_owned(),
            version: self.version,
            list: if reviews.is_empty() { String::new() } else { OPEN_REVIEWS.to_owned() },
            rank: format!("{}/{id}", soonest_first(first)),
            document: serde_json::to_string(&reviews).unwrap_or_default(),
        })
    }
}

/// The part of the rows that hold a stream's reviews. All of them are one row, so that a decided one disappears with the next
/// version.
pub const REVIEWS: &str = "reviews";

/// The list of streams with open reviews.
pub const OPEN_REVIEWS: &str = "review/open";

/// A rank for lists, which show the highest first, that puts the earliest time there.
fn soonest_first(at: Timestamp) -> String {
    const FAR: i64 = 10_000_000_000_000;
    format!("{:014}", FAR - at.as_millisecond())
}

/// Something that happened, as a timeline shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened; for a milestone, the carrier's time.
    pub at: Timestamp,
    /// When it was committed.
    pub recorded_at: Timestamp,
    /// The system in which it happened: `crossdock`, `crm`, `erp`, or the warehouse's name.
    pub system: String,
    /// The event, such as `order.priced`.
    pub event: String,
    /// For people.
    pub text: String,
    /// The order's status after it, where that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<domain::order::Status>,
    /// The stream of the commit.
    pub stream: String,
    /// The version of the commit.
    pub version: u64,
    /// The cause of the commit.
    pub cause: String,
    /// From the first byte to the last partner call.
    pub correlation_id: String,
}

impl Entry {
    fn new(commit: &Commit, event: &impl Serialize, system: &str, text: String, at: Timestamp) -> Self {
        Self {
            at,
            recorded_at: commit.at,
            system: system.to_owned(),
            event: kind_of(event),
            text,
            status: None,
            stream: commit.stream.clone(),
            version: commit.version,
            cause: commit.cause.to_string(),
            correlation_id: commit.correlation.clone(),
        }
    }
}

/// Our own system's name in a timeline.
const OURS: &str = "crossdock";

/// The event's name on the bus: serde knows it.
fn kind_of(event: &impl Serialize) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
}

fn decision_text<K: ReviewKind>(decision: &Decision<K>) -> String {
    let Decision { kind, choice, by, note, .. } = decision;
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    format!("{} decided by {by}: {}{note}", kind.as_str(), choice.as_str())
}

fn started_text<E>(started: &EffectStarted<E>, describe: impl Fn(&E) -> String) -> String {
    format!("about to {}, attempt {}, key {}", describe(&started.effect), started.attempt, started.key)
}

fn failed_text<E>(failed: &EffectFailed<E>, describe: impl Fn(&E) -> String) -> String {
    let what = if failed.not_sent { "did not reach the partner" } else { "no usable answer" };
    format!("{what} when about to {}: {}", describe(&failed.effect), failed.code)
}

fn rejected_text<E>(rejected: &EffectRejected<E>, describe: impl Fn(&E) -> String) -> String {
    format!("refused to {}: {}", describe(&rejected.effect), rejected.rejection)
}
