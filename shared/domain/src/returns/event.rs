//! The return's events: stored in the journal, published on the bus, and folded into the return's state.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::{Handling, LineQuantity};
use crate::ids::{
    DocumentNumber, ExternalId, LineNo, Lot, OrderId, PartnerId, ReturnId, Serial, SiteCode, Sku, Tracking,
};
use crate::money::Currency;
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::returnable::Reservation;
use crate::returns::effect::{Account, ReturnEffect};
use crate::returns::money_event::{ErpCredit, InvoicedOrder, Posted};
use crate::returns::policy::{Disposition, Policy, ReasonClass};
use crate::returns::review::ReturnReview;
use crate::review::Decision;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted};

/// An event of a return. Its `type` is its name on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ReturnEvent {
    /// A customer asked to return goods, or goods arrived that no one had announced.
    #[serde(rename = "return.requested")]
    Requested(ReturnRequest),
    /// It is known to which order goods belong that no one had announced.
    #[serde(rename = "return.matched")]
    Matched(Content),
    /// What the order reserves for the return changed.
    #[serde(rename = "return.units_reserved")]
    UnitsReserved(UnitsReserved),
    /// The order cannot reserve what the return asked for.
    #[serde(rename = "return.reservation_refused")]
    ReservationRefused(ReservationRefused),
    /// A person approved the return.
    #[serde(rename = "return.approved")]
    Approved(Approval),
    /// The return is denied: nothing is credited.
    #[serde(rename = "return.denied")]
    Denied(Denial),
    /// The ERP authorized the return.
    #[serde(rename = "return.authorized")]
    Authorized(Authorized),
    /// The window for sending the goods is longer.
    #[serde(rename = "return.extended")]
    Extended(Extended),
    /// No more goods are expected: the return, or some lines of it, was cancelled or expired. What came stays.
    #[serde(rename = "return.closed")]
    Closed(Closed),
    /// One warehouse should expect one parcel.
    #[serde(rename = "return.receipt_expected")]
    ReceiptExpected(ExpectedReceipt),
    /// The warehouse expects the parcel.
    #[serde(rename = "return.announced")]
    Announced(Announced),
    /// The warehouse does not expect the parcel any more.
    #[serde(rename = "return.announcement_withdrawn")]
    AnnouncementWithdrawn(AnnouncementWithdrawn),
    /// The carrier has the goods.
    #[serde(rename = "return.scanned")]
    Scanned(Scanned),
    /// A warehouse reported what it received.
    #[serde(rename = "return.receipt_recorded")]
    ReceiptRecorded(Receipt),
    /// The ERP's stock shows what was received.
    #[serde(rename = "return.moved")]
    Moved(Moved),
    /// What the order invoiced is known.
    #[serde(rename = "return.invoice_recorded")]
    InvoiceRecorded(InvoicedOrder),
    /// The goods are credited before they came. What did not come by the due date is debited again.
    #[serde(rename = "return.advance_granted")]
    AdvanceGranted(Advance),
    /// The advance's due date passed.
    #[serde(rename = "return.advance_lapsed")]
    AdvanceLapsed(Advance),
    /// The ERP credited.
    #[serde(rename = "return.credited")]
    Credited(Posted),
    /// The ERP debited what had been credited.
    #[serde(rename = "return.debited")]
    Debited(Posted),
    /// The ERP credited without our request.
    #[serde(rename = "return.credited_by_erp")]
    CreditedByErp(ErpCredit),
    /// The order for the exchanged goods exists.
    #[serde(rename = "return.exchange_ordered")]
    ExchangeOrdered(ExchangeOrdered),
    /// The CRM shows this picture of the return.
    #[serde(rename = "return.crm_updated")]
    CrmUpdated(ReturnCrmUpdated),
    /// A step did not happen in time.
    #[serde(rename = "return.late")]
    Late(ReturnLate),
    /// A person decided a review of the return.
    #[serde(rename = "return.review_decided")]
    ReviewDecided(Decision<ReturnReview>),
    /// The return could not meet a request.
    #[serde(rename = "return.request_rejected")]
    RequestRejected(Rejection),
    /// A call that makes or changes something at a partner is about to be sent.
    #[serde(rename = "return.effect_started")]
    EffectStarted(EffectStarted<ReturnEffect>),
    /// A call ended without a usable answer.
    #[serde(rename = "return.effect_failed")]
    EffectFailed(EffectFailed<ReturnEffect>),
    /// The partner refused a call; nothing was done, unless the reason leaves doubt.
    #[serde(rename = "return.effect_rejected")]
    EffectRejected(EffectRejected<ReturnEffect>),
}

/// The beginning of a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnRequest {
    /// Our id.
    #[serde(rename = "return")]
    pub return_id: ReturnId,
    /// The system that asked, or the warehouse that reported.
    pub source: PartnerId,
    /// The return's id in that system.
    pub external_id: ExternalId,
    /// How it began.
    pub origin: Origin,
    /// What the customer gets.
    pub outcome: Outcome,
    /// What comes back; `None` while it is not known to which order the goods belong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// The seller's rules.
    pub policy: Policy,
    /// When it was requested, or reported.
    #[schemars(with = "String")]
    pub requested_at: Timestamp,
}

/// How a return began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A customer, or someone in the customer's name, asked for it.
    Customer,
    /// A warehouse received goods that no one had announced. They are never credited without a person's approval.
    Warehouse,
    /// The carrier brings an undelivered parcel back.
    Undeliverable,
}

/// What the customer gets for the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A credit.
    Credit,
    /// A credit, and a new order for other goods.
    Exchange,
    /// The same goods, repaired; no credit.
    Repair,
}

/// What comes back, and what has to be known to judge it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Content {
    /// The order that the goods were shipped for.
    pub order: OrderId,
    /// The currency of the order, and of every credit.
    pub currency: Currency,
    /// At least one; each number occurs once.
    pub lines: Vec<ReturnLine>,
    /// What decides whether a person has to approve.
    pub assessment: Assessment,
}

/// A line that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnLine {
    /// The order's line.
    pub line: LineNo,
    /// The ordered product.
    pub sku: Sku,
    /// The products that were shipped instead.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub substitutes: BTreeSet<Sku>,
    /// How much comes back, in the stock-keeping unit.
    pub quantity: Quantity,
    /// Why, as far as it decides.
    pub reason: ReasonClass,
    /// Why, in the requester's code.
    pub reason_code: String,
    /// The kit as it was shipped, and what has to be traced.
    #[serde(default)]
    pub handling: Handling,
    /// The serial numbers that were shipped and have not come back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
    /// The lots that were shipped.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lots: BTreeSet<Lot>,
}

/// Facts about a request by which [`ApprovalPolicy`](super::ApprovalPolicy) decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// What the goods cost, including tax, in the order's currency.
    #[schemars(with = "String")]
    pub value: rust_decimal::Decimal,
    /// The part of the order's value that this is, in percent.
    pub percent_of_order: u32,
    /// Days from the delivery to the request.
    pub days_since_delivery: u32,
    /// The customer's returns in the 90 days before.
    pub earlier_returns: u32,
    /// Whether serial numbers of traced goods are missing in the request.
    pub serials_missing: bool,
}

/// What the order reserves for the return, all lines. The newest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitsReserved {
    /// The version of the order's stream that says so.
    pub as_of: u64,
    /// The newest request of the return that the order has answered.
    pub round: u32,
    /// By line.
    pub lines: Vec<Reservation>,
}

/// The order's refusal of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservationRefused {
    /// The refused request of the return.
    pub round: u32,
    /// The order's reason.
    pub rejection: Rejection,
}

/// A person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// The client of the API that approved.
    pub by: String,
    /// On which evidence: references and words, no personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
}

/// Why nothing is credited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Denial {
    /// The client of the API that denied it, or `order` where the order's refusal did.
    pub by: String,
    /// For the customer; no personal data.
    pub reason: String,
}

/// The ERP's authorization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Authorized {
    /// The number that the customer writes on the parcel.
    pub rma: DocumentNumber,
    /// When the ERP authorized it.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// When the goods should have arrived at the latest.
    #[schemars(with = "String")]
    pub valid_until: Timestamp,
}

/// A longer window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Extended {
    /// When the goods should have arrived at the latest.
    #[schemars(with = "String")]
    pub valid_until: Timestamp,
}

/// Lines of which no more goods are expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// What closed them.
    pub why: Closing,
    /// For each of them what stays in the return: what had come.
    pub kept: BTreeMap<LineNo, Quantity>,
}

/// What closes a return, or some of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// It was cancelled.
    Cancelled,
    /// Its window passed.
    Expired,
}

/// One parcel that one warehouse should expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectedReceipt {
    /// Numbers the return's parcels, from 1.
    pub no: u32,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site of the 3PL.
    pub site: SiteCode,
    /// In stock-keeping units; a kit is in its components where the warehouse stocks it so.
    pub lines: Vec<LineQuantity>,
    /// The number on the return label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
}

/// A warehouse expects a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Announced {
    /// Which parcel.
    pub no: u32,
    /// Which content of it: 1, and one more after each edit.
    pub revision: u32,
    /// The warehouse's own id of its return.
    pub reference: ExternalId,
}

/// A warehouse does not expect a parcel any more, or never did. Goods that arrive all the same are received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnnouncementWithdrawn {
    /// Which parcel.
    pub no: u32,
}

/// The carrier has a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scanned {
    /// When the carrier scanned it first.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// What a warehouse says of one line of its receipt. It is the newest state, not the difference: the newest of one `key` counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id of its return or receipt.
    pub reference: ExternalId,
    /// The warehouse's name of the line; where it reports increments, its name of the report and the line.
    pub key: ExternalId,
    /// The warehouse's time of the report.
    #[schemars(with = "String")]
    pub as_of: Timestamp,
    /// Of reports of one time, the higher one is newer: the rank of the warehouse's own status.
    #[serde(default)]
    pub rank: u32,
    /// Whether the line takes back what the warehouse reported as another increment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverses: bool,
    /// The return's line, where the warehouse names ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineNo>,
    /// The product that came.
    pub sku: Sku,
    /// The lot that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// The serial numbers that came.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
    /// How many came in which state.
    pub goods: Vec<ReceivedGoods>,
}

/// Goods in one state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ReceivedGoods {
    /// Their state.
    pub disposition: Disposition,
    /// How many.
    pub quantity: Quantity,
    /// The warehouse's own word for its action.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
}

/// A movement of stock that the ERP posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// Numbers the return's movements, from 1.
    pub n: u32,
    /// The ERP's number.
    pub document: DocumentNumber,
}

/// A credit before the goods came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advance {
    /// When what did not come is debited again.
    #[schemars(with = "String")]
    pub due: Timestamp,
}

/// The order for the goods that the customer gets instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExchangeOrdered {
    /// Its id.
    pub order: OrderId,
}

/// What the CRM shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnCrmUpdated {
    /// The version of the return's stream of which the CRM shows the content. The newest counts.
    pub version: u64,
    /// Digest of the content that was sent.
    pub digest: String,
}

/// A step that did not happen in time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ReturnLate {
    /// Which step.
    pub missing: MissingStep,
    /// The time by which it was expected.
    #[schemars(with = "String")]
    pub due: Timestamp,
}

/// A step that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingStep {
    /// The goods that are to come back are known as shipped.
    Shipment,
    /// The carrier has them.
    Scan,
    /// A warehouse has them.
    Receipt,
    /// The warehouse judged them.
    Inspection,
    /// The order is invoiced.
    Invoice,
    /// The ERP credited what was accepted.
    Credit,
}

impl Posted {
    /// The effect that this answers.
    pub(super) fn effect(&self, is_debit: bool) -> ReturnEffect {
        let (account, n): (Account, u32) = (self.account, self.n);
        if is_debit { ReturnEffect::Debit { account, n } } else { ReturnEffect::Credit { account, n } }
    }
}
