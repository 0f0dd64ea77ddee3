//! What partners say to us: who may speak, and what their words mean. `partners` reads the wire formats behind these ports.

use domain::order::Submission;
use domain::party::Party;
use domain::routing::Site;
use domain::{FulfillmentCommand, FulfillmentId, OrderId, PartnerId};
use jiff::Timestamp;

use crate::context::{Context, DeliveryWork};
use crate::delivery::{Delivery, Role};
use crate::failure::{Code, Failure, Outcome};
use crate::http::{Offence, Request};
use crate::stores::Deliveries;

/// An order as it came in, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The order, without personal data.
    pub submission: Submission,
    /// Who receives it.
    pub party: Party,
}

/// What somebody wants of an order that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// Of which order.
    pub order: OrderId,
    /// What.
    pub request: ChangeRequest,
}

/// What can be wanted of an order. Reasons are the asker's words, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRequest {
    /// That it be cancelled.
    Cancel {
        /// Why.
        reason: String,
    },
    /// That nothing more be begun for it.
    Hold {
        /// Why.
        reason: String,
    },
    /// That it go on.
    ReleaseHold {
        /// Why.
        reason: String,
    },
    /// That it say something else: all of it, not the difference.
    Amend {
        /// The order as it is to be.
        new: Box<NewOrder>,
        /// Why.
        reason: String,
    },
}

/// What a warehouse reported in one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// About which fulfillment.
    pub fulfillment: FulfillmentId,
    /// The facts, in the document's order.
    pub commands: Vec<FulfillmentCommand>,
}

/// Why a delivery has no meaning for us yet. It stays stored, and is replayed once the registry or the code knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmappable {
    /// A topic that we do not act on by design: a test message, a notice.
    Unrelated(&'static str),
    /// A topic that the registry does not know.
    UnknownTopic(String),
    /// A body that is not what the topic promises.
    Malformed(Vec<Offence>),
}

/// The delivery that `work` is about, and what `read` makes of it; or how the step ends, where it is nothing to us by design.
///
/// # Errors
/// MSG-003 where it has expired or was erased; MSG-004 where it cannot be mapped; the stores'.
pub async fn delivered<T>(
    deliveries: &impl Deliveries,
    work: &DeliveryWork,
    read: impl AsyncFnOnce(&Delivery) -> Result<Result<T, Unmappable>, Failure>,
) -> Result<Result<(Delivery, T), Outcome>, Failure> {
    let gone = || Failure::permanent(Code::DeliveryMissing, "the raw delivery has expired or was erased");
    let delivery = deliveries.fetch(&work.partner, &work.delivery).await?.ok_or_else(gone)?;
    let unmappable = |why| Err(Failure::permanent(Code::DeliveryUnmappable, why));
    match read(&delivery).await? {
        Ok(meaning) => Ok(Ok((delivery, meaning))),
        Err(Unmappable::Unrelated(why)) => Ok(Err(Outcome::Ignored(why))),
        Err(Unmappable::UnknownTopic(topic)) => unmappable(format!("UNKNOWN_EVENT: topic {topic}")),
        Err(Unmappable::Malformed(offences)) => {
            let places: Vec<String> = offences.iter().map(|o| format!("{}: {}", o.pointer, o.detail)).collect();
            unmappable(places.join("; "))
        }
    }
}

/// A sender that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub partner: PartnerId,
    /// What it is to us.
    pub role: Role,
    /// Its id for the delivery.
    pub delivery: String,
    /// What the delivery is about, in its words.
    pub topic: String,
}

/// Why a sender may not speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unverified {
    /// No partner of that name, or none that sends webhooks.
    UnknownPartner,
    /// The signature, the timestamp or a header is missing or wrong. The reason is for the log and the sender alike: it
    /// tells what was checked, never what would have been right.
    BadSignature(&'static str),
    /// It could not be checked now.
    Unchecked(Failure),
}

/// Proves senders.
pub trait Senders {
    /// Checks `request`, which says that it comes from `partner`, over its raw bytes.
    fn verify(
        &self,
        partner: &str,
        request: &Request,
        now: Timestamp,
    ) -> impl Future<Output = Result<Verified, Unverified>>;
}

/// Reads orders.
pub trait OrderReader {
    /// What a CRM's delivery orders.
    fn read_order(&self, delivery: &Delivery) -> impl Future<Output = Result<Result<NewOrder, Unmappable>, Failure>>;
}

/// Reads what is wanted of orders that exist.
pub trait ChangeReader {
    /// What a CRM's or an ERP's delivery wants.
    fn read_change(
        &self,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<Result<OrderChange, Unmappable>, Failure>>;
}

/// Reads warehouses' reports.
pub trait ReportReader {
    /// What a warehouse's delivery reports.
    fn read_report(&self, delivery: &Delivery) -> impl Future<Output = Result<Result<Reported, Unmappable>, Failure>>;
}

/// Knows where goods can leave.
pub trait Sites {
    /// Every site of every warehouse.
    fn sites(&self, cx: &Context) -> impl Future<Output = Result<Vec<Site>, Failure>>;
}
