//! The order's unit tests, by subject. Here are their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::fulfillment::Opened;
use crate::order::{
    Allocation, CreditApproved, CreditExpired, CrmState, Deallocated, Expected, LineQuantities, Released,
    SalesOrderCancelled, ShortPolicy, Status, StockArrived, Template, WithdrawalReason,
};
use crate::order::{AllocationNo, OrderEffect, OrderReview};
use crate::review::{Choice, Review, ReviewKind as _};
use crate::samples::{
    allocation, amendment, apply, approved, assignment, at, begin, cancel, crm_updated, decision, each, failed,
    fulfillment_id, held, hold_released, id, invoiced, line_no, line_quantity, overdue, play, progress, quantity,
    quote, refused, refused_credit, released, routed, routing, site, started, submission, to_release, work_discarded,
};
use crate::shipment::RequestStatus;
use crate::{EffectFailed, EffectRequest, Order, OrderCommand, OrderEvent, Rejection, Uom, Workflow};

mod changes;
mod crm;
mod documents;
mod due;
mod fulfillments;
mod pricing;
mod returnables;
mod stock;
mod table;

fn status(order: &Order) -> Status {
    order.status()
}

fn kinds(order: &Order) -> Vec<OrderReview> {
    order.reviews().into_iter().map(|review| review.kind).collect()
}

fn quantities(order: &Order, line: u32) -> LineQuantities {
    let line_quantities = order.line_quantities();
    line_quantities.into_iter().find(|quantities| quantities.line == line_no(line)).unwrap()
}

fn report(n: u32, as_of: u64, shipped: &[(u32, u32)], delivered: &[(u32, u32)]) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, RequestStatus::Accepted, shipped, delivered))
}

fn rejection(n: u32, as_of: u64) -> OrderCommand {
    OrderCommand::RecordProgress(progress(n, as_of, RequestStatus::Rejected, &[], &[]))
}

fn priced(ship_complete: bool) -> Order {
    let mut submission = submission(&[10]);
    submission.ship_complete = ship_complete;
    let quote = quote(&submission, 1);
    begin::<Order>([OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)])
}

fn stock(short: u32) -> Allocation {
    allocation("AL-1", &[(1, &[("EAST", 10 - short)], short)])
}

fn routed_order() -> Order {
    routed(&[10], &[&[line_quantity(1, 10)]])
}

/// An order with six pieces routed and four short.
fn short_order() -> Order {
    let commands = [
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordAllocation(stock(4)),
        OrderCommand::RecordRelease(released("SO-1")),
        OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 6)])])),
    ];
    play(priced(false), commands)
}

fn withdrawn(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Withdrawn, &[], &[]);
    report.has_packages = false;
    OrderCommand::RecordProgress(report)
}

fn withdrawal_refused(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Accepted, &[], &[]);
    report.withdrawal_refused = Some("TOO_LATE: packing has begun".to_owned());
    OrderCommand::RecordProgress(report)
}

fn decide(order: &Order, kind: OrderReview, choice: Choice) -> Order {
    let decision = decision(&order.reviews(), kind, choice);
    apply(order.clone(), OrderCommand::Decide(decision))
}

fn notices(events: &[OrderEvent]) -> Vec<Template> {
    let template = |event: &OrderEvent| {
        if let OrderEvent::CustomerNotice(notice) = event { Some(notice.template) } else { None }
    };
    events.iter().filter_map(template).collect()
}

/// The report of a closed fulfillment of ten pieces, of which its warehouse packed none.
fn nothing_packed(n: u32, as_of: u64) -> OrderCommand {
    let mut report = progress(n, as_of, RequestStatus::Accepted, &[], &[]);
    report.has_packages = false;
    report.closed_short = true;
    report.unfilled.insert(line_no(1), each(10));
    OrderCommand::RecordProgress(report)
}
