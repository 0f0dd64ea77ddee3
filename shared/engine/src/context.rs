//! A message's metadata, and how a step reads its work from an event.

use std::borrow::Cow;
use std::time::Duration;

use domain::PartnerId;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::cause::Cause;
use crate::failure::{Code, Failure};
use crate::folds::Folds;
use crate::measures::Measures;

/// The clock of adapters and scheduled steps. Domain code has none: its commands carry the time.
pub trait Clock {
    /// The current time, UTC.
    fn now(&self) -> Timestamp;
}

/// The metadata of one delivery of a message.
#[derive(Debug, Clone)]
pub struct Context {
    /// The function's name, such as `order-price`; every cause begins with it.
    pub function: &'static str,
    /// The correlation id. It stays the same from the sender's request to the last call to a partner.
    pub correlation: String,
    /// W3C trace context; `None` if the sender gave none.
    pub traceparent: Option<String>,
    /// When the work on this delivery began.
    pub now: Timestamp,
    /// When the event was committed.
    pub event_time: Timestamp,
    /// How long the work on this delivery can last at most. A claim is valid for this time.
    pub lease: Duration,
    /// The journal's epoch.
    pub epoch: Epoch,
    /// Who wants what this delivery does: `client/<name>`, `partner/<id>`; `None` if no one but the function does. It is
    /// the actor of the delivery's commits; their cause names the function.
    pub actor: Option<String>,
    /// The streams that this batch has loaded.
    pub folds: Folds,
    /// What the message's log line measures.
    pub measures: Measures,
}

/// The journal's epoch: counted up after the journal was restored to an earlier point in time, so that nothing outside of the
/// journal takes a version of the new epoch for the version of the same number that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// From 1 on; part of every event's id.
    pub number: u32,
    /// When it began. What was requested before may have been carried out in the time that the journal lost.
    pub began: Timestamp,
}

impl Epoch {
    /// The epoch of a journal that was never restored.
    pub const FIRST: Self = Self { number: 1, began: Timestamp::MIN };

    /// A stream's `version` as a number that orders the versions of all epochs.
    pub fn rank(self, version: u64) -> u64 {
        /// More commits than a stream has. The numbers of millions of epochs are exact in JSON, too.
        const VERSIONS: u64 = 1_000_000_000;
        u64::from(self.number) * VERSIONS + version
    }
}

/// Reads `<number>`, of a journal that was never restored, or `<number>@<time>`.
impl std::str::FromStr for Epoch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MUST: &str = "1, or a number from 2 to 999999 and when it began, such as 2@2026-03-02T10:00:00Z";
        let (number, began) = text.split_once('@').map_or((text, None), |(number, began)| (number, Some(began)));
        let number: u32 = number.parse().ok().filter(|number| (1..1_000_000).contains(number)).ok_or(MUST)?;
        match began {
            Some(began) => began.parse().map(|began| Self { number, began }).map_err(|_not_shown| MUST),
            None if number == 1 => Ok(Self::FIRST),
            None => Err(MUST),
        }
    }
}

impl Context {
    /// The cause of a commit: `work_key` has to be unique in the stream, and the same for every delivery of the same
    /// work.
    pub fn cause(&self, work_key: &str) -> Cause {
        Cause::new(self.function, work_key)
    }

    /// The time `pause` after [`Context::now`].
    pub fn after(&self, pause: Duration) -> Timestamp {
        self.now.checked_add(pause).unwrap_or(Timestamp::MAX)
    }

    /// When a claim lapses that this delivery makes.
    pub fn until(&self) -> Timestamp {
        self.after(self.lease)
    }

    /// Waits for the stream `parent` to be created, until `max_wait` after the event. The parent's first commit ends
    /// the wait; otherwise the step is tried again at the end of `max_wait`, and the message is parked if there is
    /// still no parent.
    pub fn wait_for_parent(&self, parent: String, max_wait: Duration) -> Failure {
        let until = self.event_time.checked_add(max_wait).unwrap_or(Timestamp::MAX);
        if self.now >= until {
            return Failure::permanent(Code::ParentMissing, format!("the stream {parent} was never created"));
        }
        Failure::Deferred { until, why: crate::failure::Wait::ParentUnknown(parent) }
    }
}

/// The largest difference that is expected between the clocks of two instances.
pub const SKEW: Duration = Duration::from_secs(2);

/// An event from the bus: CloudEvents 1.0, its payload not parsed yet.
#[derive(Debug, Deserialize)]
pub struct EventEnvelope<'a> {
    /// `<epoch>/<stream>/<version>/<n>`; `n` counts the commit's events from 0.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The event's type, such as `order.submitted`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The stream, such as `order/ord_…`.
    #[serde(borrow)]
    pub subject: Cow<'a, str>,
    /// When it was committed.
    pub time: Timestamp,
    /// See [`Context::correlation`].
    #[serde(rename = "correlationid", borrow)]
    pub correlation: Cow<'a, str>,
    /// W3C trace context; `None` if the sender gave none.
    #[serde(default, borrow)]
    pub traceparent: Option<Cow<'a, str>>,
    /// The event's payload, as JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// The envelope that EventBridge puts around an event.
#[derive(Deserialize)]
struct BusEvent<'a> {
    #[serde(borrow)]
    detail: EventEnvelope<'a>,
}

impl<'a> EventEnvelope<'a> {
    /// Parses the body of a queue's message.
    ///
    /// # Errors
    /// The body is not one of our events: permanent.
    pub fn read(body: &'a str) -> Result<Self, Failure> {
        let read = |e: serde_json::Error| {
            Failure::permanent(Code::MessageMalformed, format!("not an event: {}", crate::redact::json_error(&e)))
        };
        serde_json::from_str::<BusEvent<'a>>(body).map(|event| event.detail).map_err(read)
    }

    /// Parses the payload.
    ///
    /// # Errors
    /// The payload does not have that shape: permanent.
    pub fn payload<D: DeserializeOwned>(&self) -> Result<D, Failure> {
        serde_json::from_str(self.data.get()).map_err(|e| {
            Failure::permanent(
                Code::MessageMalformed,
                format!("payload of {}: {}", self.kind, crate::redact::json_error(&e)),
            )
        })
    }

    /// The id in the subject, which has to be a stream of the workflow `kind`, such as `order`.
    ///
    /// # Errors
    /// The subject is of another workflow, or its id is malformed: permanent.
    pub fn id_of<I: std::str::FromStr<Err = domain::IdError>>(&self, kind: &str) -> Result<I, Failure> {
        let text = self.subject.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).unwrap_or("");
        Ok(text.parse()?)
    }
}

/// The parameters of a step, as its events give them. Events with equal ones ask for the same work.
pub trait Work: Clone + PartialEq {
    /// Parses the event.
    ///
    /// # Errors
    /// The event does not have these parameters: permanent.
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure>;
}

/// Work on the stream that the event's subject names, of any workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamWork {
    /// The stream's name, such as `order/ord_…`.
    pub stream: String,
}

impl Work for StreamWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        Ok(Self { stream: envelope.subject.to_string() })
    }
}

/// Work on a partner's delivery, from `delivery.received`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeliveryWork {
    /// The sender.
    pub partner: PartnerId,
    /// The sender's id of the delivery.
    pub delivery: String,
}

impl Work for DeliveryWork {
    fn read(envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
        envelope.payload()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_epoch_is_a_number_and_a_time_and_orders_versions_across_restores() {
        let second: Epoch = "2@2026-03-02T10:00:00Z".parse().unwrap();
        assert_eq!(second, Epoch { number: 2, began: "2026-03-02T10:00:00Z".parse().unwrap() });
        assert_eq!("1".parse(), Ok(Epoch::FIRST));
        for bad in ["", "0", "e1", "2", "2@", "2@soon", "1000000@2026-03-02T10:00:00Z", "-1"] {
            assert!(bad.parse::<Epoch>().is_err(), "{bad}");
        }
        assert!(second.rank(1) > Epoch::FIRST.rank(999_999));
        assert!(Epoch::FIRST.rank(1) > 999_999, "a number of a release without epochs");
        assert!(second.rank(2) > second.rank(1));
    }
}
