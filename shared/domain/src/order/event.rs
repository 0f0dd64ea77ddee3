//! What can happen to an order: the vocabulary that is stored, published and folded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::{Deadlines, Handling, LineQuantity, ServiceLevel, ShortPolicy};
use crate::ids::{
    Carrier, CustomerId, DocumentNumber, ExternalId, FulfillmentId, LineNo, PackageId, PartnerId, PurchaseOrder,
    SiteCode, Sku, Tracking,
};
use crate::money::{Currency, Money};
use crate::order::candidate::Candidate;
use crate::order::effect::{AllocationNo, OrderEffect};
use crate::order::review::OrderReview;
use crate::party::{Destination, PartyRef};
use crate::quantity::{Conversion, Quantity};
use crate::review::Decision;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, Rejection};

/// An order's event. The name in `type` is the name on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum OrderEvent {
    /// The customer's commitment came in.
    #[serde(rename = "order.submitted")]
    Submitted(Submission),
    /// The same order came again with other content; the first one stands.
    #[serde(rename = "order.submission_conflicted")]
    SubmissionConflicted(Conflict),
    /// The ERP named price and tax.
    #[serde(rename = "order.priced")]
    Priced(Price),
    /// The ERP cannot price it, or a unit does not convert.
    #[serde(rename = "order.unpriceable")]
    Unpriceable(Rejection),
    /// The ERP grants the credit.
    #[serde(rename = "order.credit_approved")]
    CreditApproved(CreditApproved),
    /// The ERP refuses the credit.
    #[serde(rename = "order.credit_refused")]
    CreditRefused(CreditRefused),
    /// The ERP set stock aside, all of it or a part.
    #[serde(rename = "order.allocated")]
    Allocated(Allocation),
    /// The ERP has the sales order; the goods may go.
    #[serde(rename = "order.released")]
    Released(Released),
    /// Which warehouses ship what, and why these.
    #[serde(rename = "order.routed")]
    Routed(Routed),
    /// One warehouse's fulfillment; one of these for each beside the `Routed`.
    #[serde(rename = "order.assigned")]
    Assigned(Assignment),
    /// No warehouse may or can ship it.
    #[serde(rename = "order.unroutable")]
    Unroutable(Routed),
    /// How far one warehouse's fulfillment has come.
    #[serde(rename = "order.fulfillment_progressed")]
    FulfillmentProgressed(Progress),
    /// The CRM knows this version.
    #[serde(rename = "order.crm_updated")]
    CrmUpdated(CrmUpdated),
    /// The ERP invoiced; nothing is left to do.
    #[serde(rename = "order.invoiced")]
    Invoiced(Invoiced),
    /// The customer or an operator asked to cancel.
    #[serde(rename = "order.cancel_requested")]
    CancelRequested(CancelRequested),
    /// Nothing more may be begun for it until the hold is released.
    #[serde(rename = "order.held")]
    Held(Held),
    /// It may go on.
    #[serde(rename = "order.hold_released")]
    HoldReleased(HoldReleased),
    /// Another content is wished; warehouses are asked for their fulfillments first.
    #[serde(rename = "order.amend_requested")]
    AmendRequested(Amendment),
    /// The order says something else now, and goes its way anew.
    #[serde(rename = "order.amended")]
    Amended(Amendment),
    /// The order stays as it was: a warehouse did not give its fulfillment back.
    #[serde(rename = "order.amend_rejected")]
    AmendRejected(AmendRejected),
    /// One warehouse is to give its fulfillment back; one of these for each.
    #[serde(rename = "order.withdrawal_requested")]
    WithdrawalRequested(WithdrawalRequested),
    /// The credit that was granted no longer holds; it is asked for again.
    #[serde(rename = "order.credit_expired")]
    CreditExpired(CreditExpired),
    /// The ERP has stock for what was short.
    #[serde(rename = "order.stock_arrived")]
    StockArrived(StockArrived),
    /// The ERP took back what it had set aside.
    #[serde(rename = "order.deallocated")]
    Deallocated(Deallocated),
    /// The ERP cancelled the sales order.
    #[serde(rename = "order.sales_order_cancelled")]
    SalesOrderCancelled(SalesOrderCancelled),
    /// The ERP made something that the order no longer wants: it has to be undone.
    #[serde(rename = "order.orphan_document")]
    OrphanDocument(OrphanDocument),
    /// Somebody decided what the order left to people.
    #[serde(rename = "order.review_decided")]
    ReviewDecided(Decision<OrderReview>),
    /// Something that the customer should be told, by whoever writes to customers.
    #[serde(rename = "order.customer_notice")]
    CustomerNotice(CustomerNotice),
    /// A request came that the order could not meet.
    #[serde(rename = "order.request_rejected")]
    RequestRejected(Rejection),
    /// The order did not end by its deadline.
    #[serde(rename = "order.overdue")]
    Overdue(Overdue),
    /// An effect is about to happen.
    #[serde(rename = "order.effect_started")]
    EffectStarted(EffectStarted<OrderEffect>),
    /// A call ended without a usable answer.
    #[serde(rename = "order.effect_failed")]
    EffectFailed(EffectFailed<OrderEffect>),
    /// The partner understood and said no; nothing was done.
    #[serde(rename = "order.effect_rejected")]
    EffectRejected(EffectRejected<OrderEffect>),
}

/// What was ordered, by whom, where to: as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Submission {
    /// Which system it came from.
    pub source: PartnerId,
    /// What that system calls it.
    pub external_id: ExternalId,
    /// The sold-to customer.
    pub customer: CustomerId,
    /// The customer's own number for it.
    pub customer_po: PurchaseOrder,
    /// The order's currency throughout.
    pub currency: Currency,
    /// How fast.
    pub service_level: ServiceLevel,
    /// Whether nothing may ship before everything can.
    pub ship_complete: bool,
    /// Who receives it.
    pub ship_to: PartyRef,
    /// Where that is, as far as tax and routing need it.
    pub destination: Destination,
    /// At least one, each number once.
    pub lines: Vec<OrderLine>,
    /// What the customer was promised that it costs, where the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// SHA-256 (hex) over all that the customer would call the order, the address included.
    pub digest: String,
    /// When the sender says it was ordered.
    #[schemars(with = "String")]
    pub ordered_at: Timestamp,
    /// When all of it should be delivered and invoiced; later it is raised for review.
    #[schemars(with = "String")]
    pub deadline: Timestamp,
}

/// What the customer was promised. The ERP's word counts; where the two disagree, somebody decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Tax included, in the order's currency.
    #[schemars(with = "String")]
    pub total: Decimal,
    /// Tax alone, where it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tax: Option<Decimal>,
}

/// One line as ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// Its number.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// How much, in the customer's unit; more than nothing.
    pub quantity: Quantity,
}

/// A second submission that does not agree with the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// Where the second came from.
    pub source: PartnerId,
    /// What that system calls it.
    pub external_id: ExternalId,
    /// The second's digest.
    pub digest: String,
}

/// The ERP's price and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// One for each line of the order.
    pub lines: Vec<PricedLine>,
    /// Before tax.
    pub subtotal: Money,
    /// Tax.
    pub tax: Money,
    /// What the customer owes.
    pub total: Money,
}

/// A line's price, and its quantity in the unit that stock is kept in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PricedLine {
    /// Which line.
    pub line: LineNo,
    /// The ordered quantity in the stock-keeping unit: exact.
    pub base: Quantity,
    /// How one unit converts to the other, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// Price of one ordered unit, in the order's currency.
    #[schemars(with = "String")]
    pub unit_price: Decimal,
    /// The line's amount before tax, rounded once by the ERP's rule.
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// The line's tax.
    #[schemars(with = "String")]
    pub tax: Decimal,
}

/// Credit that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditApproved {
    /// For how much.
    pub amount: Money,
    /// Until when it holds, where the ERP says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub valid_until: Option<Timestamp>,
}

/// Credit that was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditRefused {
    /// The ERP's reason.
    pub reason: String,
}

/// Stock that the ERP set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allocation {
    /// Numbers the order's allocations.
    #[serde(default, skip_serializing_if = "AllocationNo::is_first")]
    pub allocation_no: AllocationNo,
    /// The ERP's number for it.
    pub number: DocumentNumber,
    /// One for each line.
    pub lines: Vec<AllocatedLine>,
}

/// Where a line's goods can come from. Allocation is tracked by line: two lines of one SKU never share a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AllocatedLine {
    /// Which line.
    pub line: LineNo,
    /// Locations and how much of this line each could give; together at least what is not short.
    pub sources: Vec<Source>,
    /// What no location has.
    pub short: Quantity,
    /// How much was asked for, where that was not all of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Quantity>,
}

/// One location's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Where.
    pub location: SiteCode,
    /// At most this much.
    pub quantity: Quantity,
}

/// The ERP has the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// The ERP's sales order.
    pub sales_order: DocumentNumber,
    /// Which content it has: how often the order had been amended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A routing decision with everything that was weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Routed {
    /// Every site that was looked at, best first, with its reasons.
    pub candidates: Vec<Candidate>,
}

/// One warehouse's fulfillment of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// Our name for the fulfillment.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// Which of its sites.
    pub site: SiteCode,
    /// The last day on which it can leave in time, at the site's clock.
    #[schemars(with = "String")]
    pub ship_by: jiff::civil::Date,
    /// What, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// What has to be known of a line's goods, where it is more than their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handling: BTreeMap<LineNo, Handling>,
    /// When it should have come how far; a release that did not say was not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<Deadlines>,
    /// What becomes of goods that the warehouse does not find.
    #[serde(default, skip_serializing_if = "ShortPolicy::is_usual")]
    pub on_short: ShortPolicy,
}

/// One fulfillment's standing, as its own stream told it at `as_of`. The newest report counts, in whatever order they come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Whose.
    pub fulfillment: FulfillmentId,
    /// The version of the fulfillment's stream that this was read from.
    pub as_of: u64,
    /// What the warehouse says to the request.
    pub request_status: RequestStatus,
    /// Quantity that left the building, by line.
    pub shipped: BTreeMap<LineNo, Quantity>,
    /// Quantity that arrived, by line.
    pub delivered: BTreeMap<LineNo, Quantity>,
    /// Packages that are not void.
    pub packages: Vec<PackageSummary>,
    /// Whether every package that left has its goods issue.
    pub goods_issued: bool,
    /// What the warehouse was asked for and will never ship, by line: it is done with the fulfillment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfilled: BTreeMap<LineNo, Quantity>,
    /// Whether there is anything of that: a rule of the bus can read it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed_short: bool,
    /// Why the warehouse did not give the fulfillment back, where it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal_refused: Option<String>,
}

/// The warehouse's word on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// No answer yet.
    Requested,
    /// It will ship.
    Accepted,
    /// It will not.
    Rejected,
    /// It gave the fulfillment back unshipped, or never had it.
    Withdrawn,
}

/// What a customer would want to know of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageSummary {
    /// The warehouse's name for it.
    pub package: PackageId,
    /// Who carries it; known once a label is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The carrier's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Its status.
    pub status: crate::fulfillment::PackageStatus,
}

/// What the CRM was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrmUpdated {
    /// The order's version that the CRM now shows.
    pub version: u64,
    /// What it was told, as a digest: the same news is not told twice.
    pub digest: String,
}

/// The ERP's invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invoiced {
    /// Its number.
    pub invoice: DocumentNumber,
    /// What it asks for.
    pub total: Money,
}

/// A wish to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequested {
    /// Why, in the asker's words; no personal data.
    pub reason: String,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Why, in the asker's words; no personal data.
    pub reason: String,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldReleased {
    /// Why, in the asker's words; no personal data.
    pub reason: String,
}

/// What an order is to say from now on: all of it, not the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amendment {
    /// Which amendment of the order it is, counted from 1.
    pub revision: u32,
    /// Why, in the asker's words; no personal data.
    pub reason: String,
    /// Who receives it.
    pub ship_to: PartyRef,
    /// Where that is.
    pub destination: Destination,
    /// At least one, each number once.
    pub lines: Vec<OrderLine>,
    /// As [`Submission::digest`], over the order as amended.
    pub digest: String,
}

/// An amendment that did not come to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AmendRejected {
    /// Which one.
    pub revision: u32,
    /// Why.
    pub rejection: Rejection,
}

/// One fulfillment that is to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WithdrawalRequested {
    /// Which fulfillment.
    pub fulfillment: FulfillmentId,
    /// What for.
    pub why: WithdrawalReason,
}

/// Why a fulfillment is asked back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawalReason {
    /// The order is cancelled.
    Cancelled,
    /// The order is held.
    Held,
    /// The order is to say something else.
    Amended,
    /// The warehouse did not answer in its time.
    NoResponse,
    /// The warehouse took it after it had been given up.
    TakenLate,
}

/// Credit that ran out before the order was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditExpired {
    /// Until when it held.
    #[schemars(with = "String")]
    pub valid_until: Timestamp,
}

/// Stock for what was short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockArrived {
    /// What there is now, at most what was short, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

/// Stock that is nobody's again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deallocated {
    /// The allocation.
    pub allocation_no: AllocationNo,
}

/// A sales order that is none any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SalesOrderCancelled {
    /// Its number, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<DocumentNumber>,
}

/// What was made for an order that had been cancelled, or amended, meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrphanDocument {
    /// Its number.
    pub document: DocumentNumber,
}

/// Something for the customer's eyes. It names what to say; whoever writes to customers has the words and the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerNotice {
    /// What is to be said.
    pub template: Template,
}

/// What there is to say to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Some of it waits for stock.
    Backordered,
    /// It is held.
    OnHold,
    /// It was changed as asked.
    Amended,
    /// It could not be changed.
    AmendRejected,
    /// It is cancelled.
    Cancelled,
    /// It could not be cancelled any more; a return is offered.
    CancelRejected,
    /// It will not arrive when it was to.
    Delayed,
    /// A part of it will not be shipped.
    PartlyCancelled,
    /// It comes back undelivered.
    ReturnedToSender,
}

/// The deadline that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Overdue {
    /// When it should have ended.
    #[schemars(with = "String")]
    pub deadline: Timestamp,
}
