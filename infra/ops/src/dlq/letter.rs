//! A parked message, as an operator sees it.

use std::collections::{BTreeMap, BTreeSet};

use cloud::operator::ReceivedMessage;
use domain::ids::{base32, fingerprint};
use engine::EventEnvelope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message of a dead-letter queue. It serializes without its body, which may be long.
#[derive(Clone, Serialize)]
pub(crate) struct DeadLetter {
    /// The service's id; another one after every redrive.
    pub(crate) message: String,
    /// Of the body: what was redriven and came back has the same one.
    pub(crate) digest: String,
    /// The step.
    pub(crate) function: String,
    /// The failure's code; [`NO_CODE`] if nothing parked it with a cause.
    pub(crate) code: String,
    /// The last error in words.
    pub(crate) cause: String,
    /// The partner that sent it, or whose answer failed; `None` if neither is known.
    pub(crate) partner: Option<String>,
    /// The order that it is about.
    pub(crate) order: Option<String>,
    /// The stream of its event, such as `order/ord_…`; empty if the body is no event.
    pub(crate) stream: String,
    /// The version of the commit that the event is of.
    pub(crate) event_version: Option<u64>,
    /// Of its event.
    pub(crate) correlation_id: String,
    /// Deliveries to its step before it was parked.
    pub(crate) attempts: u32,
    /// First delivery to its step; where unknown, as `sent_at`.
    pub(crate) first_received: Timestamp,
    /// When it came into this queue.
    pub(crate) sent_at: Timestamp,
    /// The texts in its event's payload, by which due work is recognized.
    #[serde(skip)]
    pub(crate) about: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) body: String,
    /// The attributes that it was parked with.
    #[serde(skip)]
    pub(crate) attributes: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) receipt: String,
}

/// In place of a code: the function crashed or timed out, so that the queue moved the message by itself.
pub(crate) const NO_CODE: &str = "none";

/// In place of a code: the bus could not put the event into the step's queue.
const UNDELIVERED: &str = "bus";

impl DeadLetter {
    /// Reads a message of the dead-letter queue `queue`.
    pub(crate) fn read(queue: &str, message: ReceivedMessage) -> Self {
        let ReceivedMessage { id, receipt, body, attributes, sent_at, receive_count: _ } = message;
        let attribute = |name: &str| attributes.get(name).cloned();
        let (code, cause) = match (attribute("code"), attribute("ERROR_CODE")) {
            (Some(code), _) => (code, attribute("cause").unwrap_or_default()),
            (None, Some(error)) => {
                (UNDELIVERED.to_owned(), format!("{error} {}", attribute("ERROR_MESSAGE").unwrap_or_default()))
            }
            (None, None) => (NO_CODE.to_owned(), "its function crashed or timed out; read its log".to_owned()),
        };
        let event = Event::read(&body);
        let stream = attribute("stream").unwrap_or_else(|| event.stream.clone());
        Self {
            message: id,
            digest: digest_of(&body),
            function: function_of(queue).to_owned(),
            partner: event.about.get("partner").cloned().or_else(|| partner_in(&code, &cause)),
            order: order_of(&stream),
            event_version: event.version,
            correlation_id: attribute("correlation_id").unwrap_or(event.correlation),
            attempts: attribute("attempts").and_then(|text| text.parse().ok()).unwrap_or(0),
            first_received: attribute("first_received").and_then(|at| at.parse().ok()).unwrap_or(sent_at),
            code,
            cause,
            stream,
            sent_at,
            about: event.about,
            body,
            attributes,
            receipt,
        }
    }
}

/// The digest of a message's body.
pub(crate) fn digest_of(body: &str) -> String {
    base32(&fingerprint(&[body]), 26)
}

/// The step of a dead-letter queue.
pub(crate) fn function_of(queue: &str) -> &str {
    queue.strip_suffix("-dlq").unwrap_or(queue)
}

/// The order that a stream belongs to.
fn order_of(stream: &str) -> Option<String> {
    match stream.split_once('/')? {
        ("order", id) => Some(id.to_owned()),
        ("fulfillment", id) => id.rsplit_once('-').map(|(order, _n)| order.to_owned()),
        _ => None,
    }
}

/// The partner that a cause is about: the causes of calls begin with its id.
fn partner_in(code: &str, cause: &str) -> Option<String> {
    let first = cause.split_whitespace().next().filter(|_| code.starts_with("PRT-"))?;
    first.parse::<domain::PartnerId>().ok().map(|partner| partner.to_string())
}

/// What is read of a message's event; empty if the body is none.
#[derive(Default)]
struct Event {
    stream: String,
    version: Option<u64>,
    correlation: String,
    about: BTreeMap<String, String>,
}

impl Event {
    fn read(body: &str) -> Self {
        let Ok(envelope) = EventEnvelope::read(body) else { return Self::default() };
        let stream = envelope.subject.to_string();
        // `<epoch>/<stream>/<version>/<n>`
        let in_stream = envelope.id.split_once('/').and_then(|(_epoch, rest)| rest.strip_prefix(stream.as_str()));
        let version = in_stream.and_then(|rest| rest.split('/').nth(1)).and_then(|version| version.parse().ok());
        let payload: Value = serde_json::from_str(envelope.data.get()).unwrap_or_default();
        let texts = payload.as_object().into_iter().flatten();
        let about = texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Self { version, correlation: envelope.correlation.to_string(), about: about.collect(), stream }
    }
}

/// Whether the work of a message is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Its stream has this work for the step.
    Due,
    /// Its stream has no such work any more: redriven, the message would end as `already_done` or `ignored`.
    Done,
    /// Only the step itself can say, as with deliveries of partners.
    Unknown,
}

impl Work {
    /// As it is written on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Done => "done",
            Self::Unknown => "unknown",
        }
    }
}

/// How a stream is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Of the newest commit; 0 if there is no such stream.
    pub(crate) version: u64,
    /// The steps whose work the stream knows; about all others it says nothing.
    pub(crate) known: BTreeSet<String>,
    /// The work that it has for them: the step, and the part of the stream.
    pub(crate) due: BTreeSet<(String, BTreeMap<String, String>)>,
}

impl Look {
    /// Whether the work of `letter` is still to be done.
    pub(crate) fn work(&self, letter: &DeadLetter) -> Work {
        if !self.known.contains(&letter.function) {
            return Work::Unknown;
        }
        let is_it = |about: &BTreeMap<String, String>| {
            // Where the event does not name the part, any part's work may be meant.
            about.iter().all(|(member, id)| letter.about.get(member).is_none_or(|named| named == id))
        };
        let is_due = self.due.iter().any(|(step, about)| *step == letter.function && is_it(about));
        if is_due { Work::Due } else { Work::Done }
    }
}
