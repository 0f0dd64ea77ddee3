//! The order's events: stored in the journal, published on the bus, and folded into the order's state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::{Deadlines, Handling, LineQuantity, ServiceLevel, ShortPolicy};
use crate::ids::{
    CustomerId, DocumentNumber, ExternalId, FulfillmentId, LineNo, OrderId, PartnerId, PurchaseOrder, SiteCode, Sku,
};
use crate::money::{Currency, Money};
use crate::order::candidate::Candidate;
use crate::order::effect::{AllocationNo, OrderEffect};
use crate::order::review::{OrderReview, WorkDiscarded};
use crate::party::{Destination, PartyRef};
use crate::quantity::{Conversion, Quantity};
use crate::rejection::Rejection;
use crate::returnable::Reservation;
use crate::review::Decision;
use crate::shipment::Progress;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted};

pub use crate::order::document_event::{Deallocated, InvoiceDisagreed, Invoiced, OrphanDocument, SalesOrderCancelled};
pub use crate::order::notice_event::{CustomerNotice, Template};

/// An event of an order. Its `type` is its name on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum OrderEvent {
    /// The customer's order arrived.
    #[serde(rename = "order.submitted")]
    Submitted(Submission),
    /// The same order arrived again with other content. The first content counts, until a person decides.
    #[serde(rename = "order.submission_conflicted")]
    SubmissionConflicted(Conflict),
    /// The order was submitted under another id, too. Requests under that id reach this order.
    #[serde(rename = "order.alias_added")]
    AliasAdded(AliasAdded),
    /// The id is an alias of another order. No other event follows in the id's own stream.
    #[serde(rename = "order.aliased")]
    Aliased(Aliased),
    /// The order is cancelled, and a new order has its purchase order number now.
    #[serde(rename = "order.purchase_order_moved")]
    PurchaseOrderMoved(PurchaseOrderMoved),
    /// The order took its purchase order number over from a cancelled order.
    #[serde(rename = "order.purchase_order_taken")]
    PurchaseOrderTaken(PurchaseOrderTaken),
    /// A warehouse shipped the cancelled order whose purchase order number this order took over.
    #[serde(rename = "order.predecessor_shipped")]
    PredecessorShipped(PredecessorShipped),
    /// The ERP returned price and tax.
    #[serde(rename = "order.priced")]
    Priced(Price),
    /// The ERP cannot price the order, or a unit of measure does not convert.
    #[serde(rename = "order.unpriceable")]
    Unpriceable(Rejection),
    /// The ERP approved credit.
    #[serde(rename = "order.credit_approved")]
    CreditApproved(CreditApproved),
    /// The ERP refused credit.
    #[serde(rename = "order.credit_refused")]
    CreditRefused(CreditRefused),
    /// The ERP allocated stock for all of the order or for a part of it.
    #[serde(rename = "order.allocated")]
    Allocated(Allocation),
    /// The ERP has the sales order; warehouses may ship.
    #[serde(rename = "order.released")]
    Released(Released),
    /// Warehouses were chosen. The candidates show why; one `order.assigned` for each warehouse follows in the same
    /// commit.
    #[serde(rename = "order.routed")]
    Routed(Routed),
    /// One warehouse was assigned a fulfillment.
    #[serde(rename = "order.assigned")]
    Assigned(Assignment),
    /// No warehouse may or can ship the order.
    #[serde(rename = "order.unroutable")]
    Unroutable(Routed),
    /// The stream of one fulfillment reported its newest state.
    #[serde(rename = "order.fulfillment_progressed")]
    FulfillmentProgressed(Progress),
    /// The CRM shows this version of the order.
    #[serde(rename = "order.crm_updated")]
    CrmUpdated(CrmUpdated),
    /// The ERP invoiced the order, which ends it.
    #[serde(rename = "order.invoiced")]
    Invoiced(Invoiced),
    /// The ERP created an invoice with another total or currency than the order's. It does not count before a person decides.
    #[serde(rename = "order.invoice_disagreed")]
    InvoiceDisagreed(InvoiceDisagreed),
    /// The customer or an operator requested a cancellation.
    #[serde(rename = "order.cancel_requested")]
    CancelRequested(CancelRequested),
    /// A customer, an operator or a partner put the order on hold: no new work starts until every holder has released its hold.
    #[serde(rename = "order.held")]
    Held(Held),
    /// A holder released its hold, or will not hold it for what it asked earlier. Work continues once no one holds the order.
    #[serde(rename = "order.hold_released")]
    HoldReleased(HoldReleased),
    /// The customer or an operator requested another content. Warehouses withdraw their fulfillments first.
    #[serde(rename = "order.amend_requested")]
    AmendRequested(Amendment),
    /// The order has its new content, and is priced, allocated and routed again.
    #[serde(rename = "order.amended")]
    Amended(Amendment),
    /// The order keeps its content, because a warehouse did not withdraw its fulfillment.
    #[serde(rename = "order.amend_rejected")]
    AmendRejected(AmendRejected),
    /// One warehouse should withdraw its fulfillment; one event for each fulfillment.
    #[serde(rename = "order.withdrawal_requested")]
    WithdrawalRequested(WithdrawalRequested),
    /// The approved credit expired before the release; it is checked again.
    #[serde(rename = "order.credit_expired")]
    CreditExpired(CreditExpired),
    /// The ERP has stock for a quantity that was short.
    #[serde(rename = "order.stock_arrived")]
    StockArrived(StockArrived),
    /// The ERP undid an allocation; its stock is available to other orders again.
    #[serde(rename = "order.deallocated")]
    Deallocated(Deallocated),
    /// The ERP cancelled the sales order, or certainly has none.
    #[serde(rename = "order.sales_order_cancelled")]
    SalesOrderCancelled(SalesOrderCancelled),
    /// The ERP created a document after the order had been cancelled or amended. It has to be undone.
    #[serde(rename = "order.orphan_document")]
    OrphanDocument(OrphanDocument),
    /// A person decided a review of the order.
    #[serde(rename = "order.review_decided")]
    ReviewDecided(Decision<OrderReview>),
    /// The customer should be informed. The system that writes to customers subscribes to this event.
    #[serde(rename = "order.customer_notice")]
    CustomerNotice(CustomerNotice),
    /// The order could not meet a request.
    #[serde(rename = "order.request_rejected")]
    RequestRejected(Rejection),
    /// What a return has reserved of a line changed.
    #[serde(rename = "order.return_reserved")]
    ReturnReserved(Reservation),
    /// The order did not end by its deadline.
    #[serde(rename = "order.overdue")]
    Overdue(Overdue),
    /// An operator discarded a parked message whose work was still due.
    #[serde(rename = "order.work_discarded")]
    WorkDiscarded(WorkDiscarded),
    /// A call that makes or changes something at a partner is about to be sent.
    #[serde(rename = "order.effect_started")]
    EffectStarted(EffectStarted<OrderEffect>),
    /// A call ended without a usable answer.
    #[serde(rename = "order.effect_failed")]
    EffectFailed(EffectFailed<OrderEffect>),
    /// The partner refused a call; nothing was done, unless the reason leaves doubt.
    #[serde(rename = "order.effect_rejected")]
    EffectRejected(EffectRejected<OrderEffect>),
}

impl OrderEvent {
    /// A notice to the customer.
    pub(super) fn notice(template: Template) -> Self {
        Self::CustomerNotice(CustomerNotice { template })
    }
}

/// The order as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Submission {
    /// The system that submitted the order.
    pub source: PartnerId,
    /// The order's id in that system.
    pub external_id: ExternalId,
    /// The sold-to customer.
    pub customer: CustomerId,
    /// The customer's own purchase order number.
    pub customer_po: PurchaseOrder,
    /// The currency of every amount of the order.
    pub currency: Currency,
    /// The ordered speed of transport.
    pub service_level: ServiceLevel,
    /// Whether nothing may ship before all of it is in stock.
    pub ship_complete: bool,
    /// The delivery date that the customer asks for. Warehouses and the CRM are told; no deadline follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub requested_by: Option<jiff::civil::Date>,
    /// The receiver, as a reference to the party store.
    pub ship_to: PartyRef,
    /// The receiver's country and region, for tax and routing.
    pub destination: Destination,
    /// At least one line; each number occurs once.
    pub lines: Vec<OrderLine>,
    /// The price that the customer was promised, where the sender states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// SHA-256 (hex) over the order's content, including the address. It tells a repeated submission from a conflicting
    /// one.
    pub digest: String,
    /// When the customer ordered, by the sender's clock.
    #[schemars(with = "String")]
    pub ordered_at: Timestamp,
    /// When all of it should be delivered and invoiced. An order that is open after that is reviewed.
    #[schemars(with = "String")]
    pub deadline: Timestamp,
}

/// The price that the customer was promised. The ERP's price counts; where it differs, a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Including tax, in the order's currency.
    #[schemars(with = "String")]
    pub total: Decimal,
    /// The tax alone, where the sender states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tax: Option<Decimal>,
}

/// A line as ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// Unique within the order.
    pub line: LineNo,
    /// In the ERP's spelling.
    pub sku: Sku,
    /// In the customer's unit; more than zero.
    pub quantity: Quantity,
}

/// A submission whose content differs from the first one's, or that came after the order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// The system that sent it.
    pub source: PartnerId,
    /// The order's id in that system.
    pub external_id: ExternalId,
    /// As [`Submission::digest`], of the conflicting submission.
    pub digest: String,
    /// Whether the order was cancelled before this submission came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_cancel: bool,
}

/// Another id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AliasAdded {
    /// The id that the order would have had, had this submission come first.
    pub alias: OrderId,
    /// The system that sent the submission.
    pub source: PartnerId,
    /// The order's id in that system.
    pub external_id: ExternalId,
}

/// The order that an alias belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aliased {
    /// The order's own id.
    pub order: OrderId,
}

/// The order that has the purchase order number now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseOrderMoved {
    /// The new order.
    pub to: OrderId,
}

/// The cancelled order that had the purchase order number before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurchaseOrderTaken {
    /// The cancelled order.
    pub from: OrderId,
    /// When its cancellation was requested. A submission that was ordered before belongs to the cancelled order.
    #[schemars(with = "String")]
    pub cancelled_at: Timestamp,
}

/// A fulfillment of the cancelled order that left its warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PredecessorShipped {
    /// The fulfillment; its id begins with the cancelled order's.
    pub fulfillment: FulfillmentId,
}

/// Price and tax by the ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// One for each line of the order.
    pub lines: Vec<PricedLine>,
    /// The sum before tax.
    pub subtotal: Money,
    /// The sum of all tax.
    pub tax: Money,
    /// Subtotal and tax: what the customer owes.
    pub total: Money,
}

/// A line's price, and its quantity in the stock-keeping unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PricedLine {
    /// The order line.
    pub line: LineNo,
    /// The ordered quantity in the stock-keeping unit, converted exactly.
    pub base: Quantity,
    /// From the ordered to the stock-keeping unit; `None` where they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// For one ordered unit, in the order's currency.
    #[schemars(with = "String")]
    pub unit_price: Decimal,
    /// The line's amount before tax, as rounded by the ERP.
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// The line's tax, as rounded by the ERP.
    #[schemars(with = "String")]
    pub tax: Decimal,
}

/// Credit that the ERP approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditApproved {
    /// The approved amount.
    pub amount: Money,
    /// When the approval expires; `None` where the ERP names no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub valid_until: Option<Timestamp>,
}

/// Credit that the ERP refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditRefused {
    /// The ERP's reason.
    pub reason: String,
    /// Whether the ERP cannot even take the question, for instance because the amount is too large for it. An order that no
    /// decision about credit can settle keeps no stock from others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswerable: bool,
}

/// Stock that the ERP allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allocation {
    /// Which allocation of the order; begins at 1.
    #[serde(default, skip_serializing_if = "AllocationNo::is_first")]
    pub allocation_no: AllocationNo,
    /// The ERP's number of the allocation.
    pub number: DocumentNumber,
    /// One for each requested line.
    pub lines: Vec<AllocatedLine>,
}

/// Where a line's goods are. Stock is allocated by line, so two lines of one SKU never count the same quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AllocatedLine {
    /// The order line.
    pub line: LineNo,
    /// The locations with stock for this line. Their quantities add up to at least the requested quantity minus
    /// `short`.
    pub sources: Vec<Source>,
    /// The quantity that no location has.
    pub short: Quantity,
    /// The requested quantity, where it was not all of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Quantity>,
}

/// The stock of one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The ERP's stock location, which has the name of a warehouse site.
    pub location: SiteCode,
    /// The most that may be taken from here.
    pub quantity: Quantity,
}

/// The ERP has the sales order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// The ERP's number of the sales order.
    pub sales_order: DocumentNumber,
    /// The revision of the order that the sales order has: 0 before the first amendment.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A routing decision with all candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Routed {
    /// Every site that was considered, best first, with its reasons.
    pub candidates: Vec<Candidate>,
}

/// The fulfillment that one warehouse is assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// Our id of the fulfillment; also the reference that the warehouse gets.
    pub fulfillment: FulfillmentId,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site of the 3PL that ships.
    pub site: SiteCode,
    /// The day on which the goods should leave, in the site's time zone.
    #[schemars(with = "String")]
    pub ship_by: jiff::civil::Date,
    /// In stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// Kits and traced goods, by line. Lines without special handling are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handling: BTreeMap<LineNo, Handling>,
    /// When the warehouse should report. `None` in records of releases that did not watch fulfillments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<Deadlines>,
    /// What happens to goods that the warehouse cannot find.
    #[serde(default, skip_serializing_if = "ShortPolicy::is_usual")]
    pub on_short: ShortPolicy,
}

/// What the CRM shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrmUpdated {
    /// The sum of the versions of the order's stream and its fulfillments' of which the CRM shows the content.
    pub version: u64,
    /// Digest of the content that was sent. An update with the same digest is not sent again in the same epoch.
    pub digest: String,
    /// The number of the journal's epoch in which it was sent. After a restore the CRM may show what the journal lost, so an
    /// update of an earlier epoch is sent again. `None` in records of releases that did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Digest of what the order's own stream had of that content: all but the packages, and when they had changed. `None` in
    /// records of releases that did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_digest: Option<String>,
}

/// A request to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelRequested {
    /// The requester's words; no personal data.
    pub reason: String,
    /// When it was requested, by the requester's clock; `None` where that is the time of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub asked_at: Option<Timestamp>,
}

/// A request to put the order on hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// The requester's words; no personal data.
    pub reason: String,
    /// The partner or API client that holds the order; only its own release ends the hold. `None` in records of releases that knew
    /// one hold of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// When it was requested, by the holder's clock; `None` where that is the time of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub asked_at: Option<Timestamp>,
}

/// A request to release a hold. The order goes on once no one holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldReleased {
    /// The requester's words; no personal data.
    pub reason: String,
    /// The partner or API client that releases its hold. `None` releases every hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// When it was requested, by the holder's clock; `None` where that is the time of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub asked_at: Option<Timestamp>,
    /// Whether the holds of others are released, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overrides: bool,
}

/// The new content of an order: complete, not the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amendment {
    /// The number of the amendment; begins at 1.
    pub revision: u32,
    /// The requester's words; no personal data.
    pub reason: String,
    /// The receiver, as a reference to the party store.
    pub ship_to: PartyRef,
    /// The receiver's country and region, for tax and routing.
    pub destination: Destination,
    /// At least one line; each number occurs once.
    pub lines: Vec<OrderLine>,
    /// As [`Submission::digest`], of the amended order.
    pub digest: String,
    /// The speed of transport; `None` in records of releases that did not amend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_level: Option<ServiceLevel>,
    /// As [`Submission::ship_complete`]; `None` in records of releases that did not amend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_complete: Option<bool>,
    /// The partner or API client that requested it. Its amendments count in the order of its own times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// When it was requested, by the requester's clock; `None` where that is the time of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub asked_at: Option<Timestamp>,
}

/// An amendment that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AmendRejected {
    /// The number of the amendment.
    pub revision: u32,
    /// Why the order keeps its content.
    pub rejection: Rejection,
}

/// The request to withdraw one fulfillment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WithdrawalRequested {
    /// The fulfillment that its warehouse should withdraw.
    pub fulfillment: FulfillmentId,
    /// The reason, which decides what follows once the warehouse withdrew it.
    pub why: WithdrawalReason,
}

/// Why a fulfillment is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawalReason {
    /// The order was cancelled.
    Cancelled,
    /// The order was put on hold.
    Held,
    /// The order gets another content.
    Amended,
    /// The warehouse did not answer in time; another site may ship instead.
    NoResponse,
    /// The warehouse accepted the fulfillment after an earlier withdrawal.
    TakenLate,
}

/// Credit that expired before the order was released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditExpired {
    /// When it expired.
    #[schemars(with = "String")]
    pub valid_until: Timestamp,
    /// Whether a person has to decide: the approval had expired when it arrived, or approvals expired too often.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_decision: bool,
}

/// Stock for a quantity that was short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockArrived {
    /// What can be allocated now: at most the quantity that was short, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

/// An order that is open after its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Overdue {
    /// As [`Submission::deadline`].
    #[schemars(with = "String")]
    pub deadline: Timestamp,
}
