//! What is seen of an order: in a list, in full, and as a timeline over all its systems.

use std::collections::BTreeMap;

use domain::order::{
    LineQuantities, LineQuantity, OrderEffect, PackageSummary, Progress, RequestStatus, Status, WithdrawalReason,
};
use domain::workflow::evolve;
use domain::{Fulfillment, FulfillmentId, Money, Order, OrderEvent, OrderId};
use engine::journal::events_of;
use engine::stores::{ViewRow, sortable};
use engine::{Commit, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Entry, OURS, OpenReview, TimedFold, decision_text, failed_text, rejected_text, started_text};

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Our id.
    pub id: OrderId,
    /// As people read it.
    pub status: Status,
    /// The system that the order came from.
    pub source: String,
    /// The order's id in that system.
    pub external_id: String,
    /// The sold-to customer.
    pub customer: String,
    /// The customer's own number.
    pub customer_po: String,
    /// What the customer owes, once it is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// The sender's time.
    pub ordered_at: Timestamp,
    /// The newest commit's time.
    pub updated_at: Timestamp,
    /// How many reviews are open.
    pub reviews: usize,
}

/// One order, in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// As in a list.
    #[serde(flatten)]
    pub summary: Summary,
    /// The journal's version that this was read from.
    pub version: u64,
    /// The quantities of each line.
    pub lines: Vec<LineQuantities>,
    /// The ERP's sales order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<String>,
    /// The ERP's invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// What each warehouse ships.
    pub fulfillments: Vec<FulfillmentView>,
    /// The order's and its fulfillments' open reviews.
    pub open_reviews: Vec<OpenReview>,
}

/// A fulfillment, as a reader of the order sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FulfillmentView {
    /// Our id, the warehouse's reference.
    pub id: FulfillmentId,
    /// The 3PL.
    pub warehouse: String,
    /// The warehouse's site.
    pub site: String,
    /// The warehouse's answer.
    pub request_status: RequestStatus,
    /// In stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// The packages that are not void.
    pub packages: Vec<PackageSummary>,
}

/// An order's summary. `changed` is its newest commit's time.
pub fn summary(order: &Order, changed: Timestamp) -> Summary {
    let submission = &order.terms.submission;
    Summary {
        id: order.id().clone(),
        status: order.status(),
        source: submission.source.to_string(),
        external_id: submission.external_id.to_string(),
        customer: submission.customer.to_string(),
        customer_po: submission.customer_po.to_string(),
        total: order.stage.price().map(|price| price.total),
        ordered_at: submission.ordered_at,
        updated_at: changed,
        reviews: order.reviews().len(),
    }
}

/// An order in full, with the reviews of its fulfillments.
pub fn detail(order: &TimedFold<Order>, fulfillments: &[TimedFold<Fulfillment>]) -> Detail {
    let state = &order.state;
    let mut open_reviews = order.open_reviews(state.id().as_str());
    open_reviews.extend(fulfillments.iter().flat_map(crate::fulfillment::open_reviews));
    let fulfillment = |assignment: &domain::order::Assignment| {
        let progress = state.fulfillments.progress.get(&assignment.fulfillment);
        FulfillmentView {
            id: assignment.fulfillment.clone(),
            warehouse: assignment.warehouse.to_string(),
            site: assignment.site.to_string(),
            request_status: progress.map_or(RequestStatus::Requested, |progress| progress.request_status),
            lines: assignment.lines.clone(),
            packages: progress.map_or_else(Vec::new, |progress| progress.packages.clone()),
        }
    };
    Detail {
        summary: Summary { reviews: open_reviews.len(), ..summary(state, order.changed) },
        version: order.version,
        lines: state.line_quantities(),
        sales_order: state.documents.sales_order().map(ToString::to_string),
        invoice: state.stage.invoice().map(|invoiced| invoiced.invoice.to_string()),
        fulfillments: state.fulfillments.assignments.values().map(fulfillment).collect(),
        open_reviews,
    }
}

/// The rows that lists are made of: the order itself, and its open reviews.
pub fn rows(order: &TimedFold<Order>) -> Vec<ViewRow> {
    let summary = summary(&order.state, order.changed);
    let id = summary.id.to_string();
    let row = ViewRow {
        key: format!("order/{id}"),
        part: "summary".to_owned(),
        version: order.version,
        list: format!("order/{}", summary.status.as_str()),
        // By the time of the order, which never changes: the index is written only when the status changes, and a page stays a page.
        rank: format!("{}/{id}", sortable(summary.ordered_at)),
        document: serde_json::to_string(&summary).unwrap_or_default(),
    };
    std::iter::once(row).chain(order.review_row(&id)).collect()
}

/// The commits of an order and its fulfillments as one timeline, oldest first.
///
/// # Errors
/// A commit that cannot be read.
pub fn timeline(order: &[Commit], fulfillments: &[Vec<Commit>], now: Timestamp) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut state: Option<Order> = None;
    for commit in order {
        for event in events_of::<Order>(commit, now)? {
            let before = state.as_ref().map(Order::status);
            state = evolve(state, &event);
            let after = state.as_ref().map(Order::status);
            let (system, text) = describe(&event, state.as_ref());
            let entry = Entry::new(commit, &event, system, text, commit.at);
            entries.push(Entry { status: after.filter(|_| before != after), ..entry });
        }
    }
    for commits in fulfillments {
        entries.extend(crate::fulfillment::timeline(commits, now)?);
    }
    entries.sort_by(|a, b| (a.recorded_at, &a.stream, a.version).cmp(&(b.recorded_at, &b.stream, b.version)));
    Ok(entries)
}

/// The system in which an event happened, and what happened, for people.
fn describe<'a>(event: &OrderEvent, order: Option<&'a Order>) -> (&'a str, String) {
    let source = order.map_or(OURS, |order| order.terms.submission.source.as_str());
    match event {
        OrderEvent::Submitted(s) => (source, format!("ordered as {} with {} lines", s.external_id, s.lines.len())),
        OrderEvent::SubmissionConflicted(c) => {
            (OURS, format!("{} sent it again as {}, with other content", c.source, c.external_id))
        }
        OrderEvent::Priced(price) => ("erp", format!("priced at {}, of which tax {}", price.total, price.tax)),
        OrderEvent::Unpriceable(why) => ("erp", format!("cannot be priced: {why}")),
        OrderEvent::CreditApproved(credit) => ("erp", format!("credit granted for {}", credit.amount)),
        OrderEvent::CreditRefused(credit) => ("erp", format!("credit refused: {}", credit.reason)),
        OrderEvent::Allocated(allocation) => ("erp", format!("stock allocated as {}", allocation.number)),
        OrderEvent::Released(released) => ("erp", format!("sales order {}", released.sales_order)),
        OrderEvent::Routed(routed) => {
            let chosen = routed.candidates.iter().filter(|candidate| candidate.chosen);
            let names: Vec<String> = chosen.map(|c| format!("{} {}", c.warehouse, c.site)).collect();
            (OURS, format!("routed to {}", names.join(" and ")))
        }
        OrderEvent::Unroutable(routed) => {
            (OURS, format!("cannot be routed: {}", domain::routing::explain(&routed.candidates)))
        }
        OrderEvent::Assigned(a) => {
            (OURS, format!("{} goes to {} {}, to leave by {}", a.fulfillment, a.warehouse, a.site, a.ship_by))
        }
        OrderEvent::FulfillmentProgressed(progress) => {
            let request_status = || format!("{:?}", progress.request_status).to_lowercase();
            let far = if progress.shipped.is_empty() { request_status() } else { sums(progress) };
            (OURS, format!("{}: {far}", progress.fulfillment))
        }
        OrderEvent::CrmUpdated(updated) => ("crm", format!("shows version {}", updated.version)),
        OrderEvent::Invoiced(invoiced) => ("erp", format!("invoice {} over {}", invoiced.invoice, invoiced.total)),
        OrderEvent::CancelRequested(request) => (OURS, format!("cancellation requested: {}", request.reason)),
        OrderEvent::Held(held) => (OURS, format!("put on hold: {}", held.reason)),
        OrderEvent::HoldReleased(released) => (OURS, format!("hold released: {}", released.reason)),
        OrderEvent::AmendRequested(amendment) => {
            (OURS, format!("amendment {} waits for the warehouses: {}", amendment.revision, amendment.reason))
        }
        OrderEvent::Amended(amendment) => {
            (OURS, format!("amendment {}, {} lines: {}", amendment.revision, amendment.lines.len(), amendment.reason))
        }
        OrderEvent::AmendRejected(no) => (OURS, format!("amendment {} not possible: {}", no.revision, no.rejection)),
        OrderEvent::WithdrawalRequested(back) => {
            let why = match back.why {
                WithdrawalReason::Cancelled => "the order is cancelled",
                WithdrawalReason::Held => "the order is held",
                WithdrawalReason::Amended => "the order is amended",
                WithdrawalReason::NoResponse => "the warehouse did not answer",
                WithdrawalReason::TakenLate => "the warehouse accepted it late",
            };
            (OURS, format!("withdrawal of {} requested: {why}", back.fulfillment))
        }
        OrderEvent::CreditExpired(credit) => (OURS, format!("credit expired at {}", credit.valid_until)),
        OrderEvent::StockArrived(stock) => {
            let lines: Vec<String> =
                stock.lines.iter().map(|goods| format!("{} of line {}", goods.quantity, goods.line)).collect();
            ("erp", format!("has stock again: {}", lines.join(", ")))
        }
        OrderEvent::Deallocated(released) => ("erp", format!("allocation {} undone", released.allocation_no)),
        OrderEvent::SalesOrderCancelled(gone) => match &gone.sales_order {
            Some(number) => ("erp", format!("sales order {number} cancelled")),
            None => ("erp", "has no sales order to cancel".to_owned()),
        },
        OrderEvent::OrphanDocument(made) => ("erp", format!("created {} too late; it is to be undone", made.document)),
        OrderEvent::ReviewDecided(decision) => (OURS, decision_text(decision)),
        OrderEvent::CustomerNotice(notice) => {
            let template = serde_json::to_value(notice.template).unwrap_or_default();
            (OURS, format!("notice to the customer: {}", template.as_str().unwrap_or_default()))
        }
        OrderEvent::RequestRejected(why) => (OURS, format!("request refused: {why}")),
        OrderEvent::Overdue(overdue) => (OURS, format!("not done by {}", overdue.deadline)),
        OrderEvent::EffectStarted(started) => (OURS, started_text(started, effect)),
        OrderEvent::EffectFailed(failed) => (OURS, failed_text(failed, effect)),
        OrderEvent::EffectRejected(refused) => ("erp", rejected_text(refused, effect)),
    }
}

fn sums(progress: &Progress) -> String {
    let told = |name: &str, lines: &BTreeMap<domain::LineNo, domain::Quantity>| {
        let lines: Vec<String> = lines.iter().map(|(line, quantity)| format!("{quantity} of line {line}")).collect();
        if lines.is_empty() { String::new() } else { format!("{name} {}", lines.join(", ")) }
    };
    let parts = [told("shipped", &progress.shipped), told("delivered", &progress.delivered)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// An effect for people, behind "to".
fn effect(effect: &OrderEffect) -> String {
    match effect {
        OrderEffect::Allocate { allocation_no } if allocation_no.is_first() => "allocate stock".to_owned(),
        OrderEffect::Allocate { allocation_no } => format!("allocate stock, allocation {allocation_no}"),
        OrderEffect::Deallocate { allocation_no } => format!("undo allocation {allocation_no}"),
        OrderEffect::CreateSalesOrder => "create or change the sales order".to_owned(),
        OrderEffect::CancelSalesOrder => "cancel the sales order".to_owned(),
        OrderEffect::Invoice => "invoice".to_owned(),
    }
}
