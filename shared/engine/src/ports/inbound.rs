//! The inbound ports: who sent a webhook, and what it means in the domain's terms. `partners` reads the wire formats.

use domain::order::{Spelling, Submission};
use domain::party::Party;
use domain::routing::Site;
use domain::{ExternalId, FulfillmentCommand, FulfillmentId, OrderId, PartnerId};
use jiff::Timestamp;

use crate::context::Context;
use crate::delivery::{Delivery, Role};
use crate::failure::Failure;
use crate::http::{Offence, Request};

/// A new order, read and validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The order, without personal data.
    pub submission: Submission,
    /// The receiver.
    pub party: Party,
    /// Which spellings of a purchase order number the sender does not tell apart.
    pub spelling: Spelling,
}

impl NewOrder {
    /// The customer's purchase order number, in the one spelling of those that the sender does not tell apart.
    pub fn purchase_order(&self) -> String {
        self.spelling.canonical(&self.submission.customer_po)
    }
}

/// A change request for an order that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The order to change.
    pub order: OrderId,
    /// The change.
    pub request: ChangeRequest,
    /// When it was requested, by the sender's clock, and never later than its arrival; `None` where the message has no time.
    pub asked_at: Option<Timestamp>,
}

/// The changes that can be requested. Reasons are the sender's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRequest {
    /// Cancel the order.
    Cancel {
        /// At most 500 characters.
        reason: String,
        /// By the sender's clock, and never later than its arrival.
        asked_at: Timestamp,
    },
    /// Start nothing more for the order.
    Hold {
        /// At most 500 characters.
        reason: String,
    },
    /// End a hold.
    ReleaseHold {
        /// At most 500 characters.
        reason: String,
    },
    /// Replace the order's content, as a whole.
    Amend {
        /// The new content.
        new: Box<NewOrder>,
        /// At most 500 characters.
        reason: String,
    },
}

impl ChangeRequest {
    /// The sender's reason.
    pub fn reason_mut(&mut self) -> &mut String {
        match self {
            Self::Cancel { reason, .. }
            | Self::Hold { reason }
            | Self::ReleaseHold { reason }
            | Self::Amend { reason, .. } => reason,
        }
    }

    /// The receiver that it names.
    pub fn party(&self) -> Option<&Party> {
        match self {
            Self::Amend { new, .. } => Some(&new.party),
            Self::Cancel { .. } | Self::Hold { .. } | Self::ReleaseHold { .. } => None,
        }
    }
}

/// A warehouse's report, from one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The fulfillment that it is about.
    pub fulfillment: FulfillmentId,
    /// The facts, in the message's order.
    pub commands: Vec<FulfillmentCommand>,
}

/// Why a delivery cannot be mapped. It stays stored, and can be redriven once the registry or the code knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmappable {
    /// A topic that we ignore by design, such as a test message.
    Unrelated(&'static str),
    /// A topic that the protocol does not know.
    UnknownTopic(String),
    /// A body that the topic does not allow.
    Malformed(Vec<Offence>),
    /// The same of a new order whose id can be read.
    MalformedOrder {
        /// The order's id at the sender.
        order: ExternalId,
        /// At least one.
        offences: Vec<Offence>,
    },
}

/// An authenticated sender, and its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The sender.
    pub partner: PartnerId,
    /// The sender's role.
    pub role: Role,
    /// The sender's id of the delivery.
    pub delivery: String,
    /// The delivery's topic, in the sender's words.
    pub topic: String,
}

/// Why a sender is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unverified {
    /// There is no such partner, or it sends no webhooks. It is refused as a partner with a wrong signature is, for the same
    /// reasons, so that no one learns who our partners are.
    UnknownPartner(&'static str),
    /// The signature, the timestamp or a header is missing or wrong. The reason may be logged and sent to the sender: it says
    /// what was checked, never what would have been right.
    BadSignature(&'static str),
    /// The check failed on our side.
    Unchecked(Failure),
}

/// Authenticates senders of webhooks.
pub trait Senders {
    /// Checks the signature of `request`, over its raw bytes, with the secrets of `partner`.
    fn verify(
        &self,
        partner: &str,
        request: &Request,
        now: Timestamp,
    ) -> impl Future<Output = Result<Verified, Unverified>>;
}

/// Reads new orders.
pub trait OrderReader {
    /// The new order in a CRM's delivery.
    fn read_order(&self, delivery: &Delivery) -> impl Future<Output = Result<Result<NewOrder, Unmappable>, Failure>>;
}

/// Reads change requests.
pub trait ChangeReader {
    /// The change request in a CRM's or an ERP's delivery.
    fn read_change(
        &self,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<Result<OrderChange, Unmappable>, Failure>>;
}

/// Reads warehouses' reports.
pub trait ReportReader {
    /// The report in a warehouse's delivery.
    fn read_report(&self, delivery: &Delivery) -> impl Future<Output = Result<Result<Reported, Unmappable>, Failure>>;
}

/// Lists the sites that goods can ship from.
pub trait Sites {
    /// All sites of all warehouses.
    fn sites(&self, cx: &Context) -> impl Future<Output = Result<Vec<Site>, Failure>>;
}
