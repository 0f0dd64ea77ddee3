//! What a step knows of its message beside the work itself, and how the work is read from the bus.

use std::borrow::Cow;
use std::time::Duration;

use domain::PartnerId;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::failure::{Code, Failure};
use crate::run::cause::Cause;

/// The time, as an adapter or a scheduled step asks for it. Domain code gets it in its commands.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// A message's surroundings: who, since when, on whose behalf.
#[derive(Debug, Clone)]
pub struct Context {
    /// The function's name; every cause begins with it.
    pub function: &'static str,
    /// From the first byte to the last partner call.
    pub correlation: String,
    /// W3C trace context, where the sender gave one.
    pub traceparent: Option<String>,
    /// When this delivery began to be worked on.
    pub now: Timestamp,
    /// When the event was written.
    pub event_time: Timestamp,
    /// How long this delivery can be at work, at most: an announced effect is left alone for so long.
    pub lease: Duration,
    /// The journal's epoch: part of every event's id.
    pub epoch: String,
}

impl Context {
    /// The cause of a commit: unique in its stream, the same at every delivery of the same work.
    pub fn cause(&self, work_key: &str) -> Cause {
        Cause::new(self.function, work_key)
    }

    /// The time `pause` from now.
    pub fn after(&self, pause: Duration) -> Timestamp {
        self.now.checked_add(pause).unwrap_or(Timestamp::MAX)
    }

    /// Until when an effect that is announced now is this delivery's.
    pub fn until(&self) -> Timestamp {
        self.after(self.lease)
    }

    /// Waits for the stream `parent`, which should exist, at most `max_wait` after the event. The parent's first commit wakes
    /// what waits for it; at the end of `max_wait` the step looks once more.
    pub fn wait_for_parent(&self, parent: String, max_wait: Duration) -> Failure {
        let until = self.event_time.checked_add(max_wait).unwrap_or(Timestamp::MAX);
        if self.now >= until {
            return Failure::permanent(Code::ParentMissing, "what this event is about never arrived");
        }
        Failure::Deferred { until, why: crate::failure::Wait::ParentUnknown(parent) }
    }
}

/// How far the clocks of two instances may be apart.
pub const SKEW: Duration = Duration::from_secs(2);

/// An event as it comes from the bus: CloudEvents 1.0, the payload still unread.
#[derive(Debug, Deserialize)]
pub struct EventEnvelope<'a> {
    /// `<epoch>/<stream>/<version>/<n>`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The event's name, such as `order.submitted`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The stream, such as `order/ord_…`.
    #[serde(borrow)]
    pub subject: Cow<'a, str>,
    /// When it was written.
    pub time: Timestamp,
    /// See [`Context::correlation`].
    #[serde(rename = "correlationid", borrow)]
    pub correlation: Cow<'a, str>,
    /// W3C trace context.
    #[serde(default, borrow)]
    pub traceparent: Option<Cow<'a, str>>,
    /// The event itself.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// The bus's own wrapping of an event.
#[derive(Deserialize)]
struct BusEvent<'a> {
    #[serde(borrow)]
    detail: EventEnvelope<'a>,
}

impl<'a> EventEnvelope<'a> {
    /// Reads a queue's message body.
    ///
    /// # Errors
    /// Not an event of ours: permanent.
    pub fn read(body: &'a str) -> Result<Self, Failure> {
        let read = |e: serde_json::Error| {
            Failure::permanent(Code::MessageMalformed, format!("not an event: {}", crate::redact::json_error(&e)))
        };
        serde_json::from_str::<BusEvent<'a>>(body).map(|event| event.detail).map_err(read)
    }

    /// Reads the payload.
    ///
    /// # Errors
    /// Not of that shape: permanent.
    pub fn payload<D: DeserializeOwned>(&self) -> Result<D, Failure> {
        serde_json::from_str(self.data.get()).map_err(|e| {
            Failure::permanent(
                Code::MessageMalformed,
                format!("payload of {}: {}", self.kind, crate::redact::json_error(&e)),
            )
        })
    }

    /// The id of the stream that the event is about, which is of the workflow `kind`.
    ///
    /// # Errors
    /// A subject of another kind, or an id that cannot be read: permanent.
    pub fn id_of<I: std::str::FromStr<Err = domain::IdError>>(&self, kind: &str) -> Result<I, Failure> {
        let text = self.subject.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).unwrap_or("");
        Ok(text.parse()?)
    }
}

/// The work that a step's events ask for, parsed once.
pub trait Work: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// An event that does not ask for this work: permanent.
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure>;
}

/// The stream that the event's subject names, whatever its workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamWork {
    /// Its name in the journal.
    pub stream: String,
}

impl Work for StreamWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        Ok(Self { stream: envelope.subject.to_string() })
    }
}

/// A partner's raw delivery has to be mapped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeliveryWork {
    /// Who sent it.
    pub partner: PartnerId,
    /// The sender's id for it.
    pub delivery: String,
}

impl Work for DeliveryWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        envelope.payload()
    }
}
