//! What a step knows of its message beside the work itself, and how the work is read from the bus.

use std::borrow::Cow;
use std::time::Duration;

use domain::{FulfillmentId, OrderId, PackageId, PartnerId};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::failure::{Code, Failure};

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
    pub fn cause(&self, work_key: &str) -> String {
        format!("{}/{work_key}", self.function)
    }

    /// Until when an effect that is announced now is this delivery's.
    pub fn until(&self) -> Timestamp {
        self.now.checked_add(self.lease).unwrap_or(Timestamp::MAX)
    }

    /// Waits for something that should have arrived: again in a minute, and no longer than `patience` after the event.
    pub fn wait_for_parent(&self, patience: Duration) -> Failure {
        let patience_ends = self.event_time.checked_add(patience).unwrap_or(Timestamp::MAX);
        if self.now > patience_ends {
            return Failure::permanent(Code::ParentMissing, "what this event is about never arrived");
        }
        let until = self.now.checked_add(Duration::from_secs(60)).unwrap_or(Timestamp::MAX);
        Failure::Deferred { until, why: crate::failure::Wait::ParentUnknown }
    }
}

/// An event as it comes from the bus: CloudEvents 1.0, the payload still unread.
#[derive(Debug, Deserialize)]
pub struct Notice<'a> {
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
    detail: Notice<'a>,
}

impl<'a> Notice<'a> {
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

    fn id_of<I: std::str::FromStr<Err = domain::IdError>>(&self, kind: &str) -> Result<I, Failure> {
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
    fn read(notice: &Notice<'_>) -> Result<Self, Failure>;
}

/// Something about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderWork {
    /// Which one.
    pub order: OrderId,
}

impl Work for OrderWork {
    fn read(notice: &Notice<'_>) -> Result<Self, Failure> {
        Ok(Self { order: notice.id_of("order")? })
    }
}

/// One warehouse's share has to be dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ShareWork {
    /// Which share.
    pub fulfillment: FulfillmentId,
}

impl Work for ShareWork {
    fn read(notice: &Notice<'_>) -> Result<Self, Failure> {
        notice.payload()
    }
}

/// Something about a fulfilment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentWork {
    /// Which one.
    pub fulfillment: FulfillmentId,
}

impl Work for FulfillmentWork {
    fn read(notice: &Notice<'_>) -> Result<Self, Failure> {
        Ok(Self { fulfillment: notice.id_of("fulfillment")? })
    }
}

/// Something about a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageWork {
    /// Whose.
    pub fulfillment: FulfillmentId,
    /// Which one.
    pub package: PackageId,
}

impl Work for PackageWork {
    fn read(notice: &Notice<'_>) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Payload {
            package: PackageId,
        }
        let Payload { package } = notice.payload()?;
        Ok(Self { fulfillment: notice.id_of("fulfillment")?, package })
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
    fn read(notice: &Notice<'_>) -> Result<Self, Failure> {
        notice.payload()
    }
}
