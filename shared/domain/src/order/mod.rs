//! The order: from the customer's commitment to the invoice.
//!
//! An order is split into sub-machines. Each has its state, its part of decide and evolve, its predicates, and the requests
//! that follow from it: [`terms`](Terms) (what was ordered), [`names`](Names) (what it is called), [`pricing`](Stage) (price, credit, stage), [`stock`](Stock),
//! [`documents`](Documents) at the ERP, [`fulfillments`](Fulfillments), [`returnables`](Returnables) (what returns have
//! reserved), [`changes`](Changes) (change requests) and [`crm`](CrmState). This file sends each command and each event to its sub-machine. What is computed from all of them has a
//! file of its own: line quantities, status, reviews, notices.
//!
//! Invariants: a line's quantities are conserved ([`LineQuantities`]); the status is a function of the facts ([`Status`]), so
//! neither their order nor their number matters; the answer to an announced effect is recorded in every stage.

mod candidate;
mod changes;
mod crm;
mod document_event;
mod documents;
mod due;
mod effect;
mod event;
mod fulfillments;
mod line_quantities;
mod listing;
mod names;
mod notice_event;
mod notices;
mod pricing;
mod returnables;
mod review;
mod reviews;
mod rounds;
pub mod routing;
mod spelling;
mod status;
mod stock;
mod terms;
#[cfg(test)]
mod tests;

pub use crate::goods::{Component, Deadlines, Handling, LineQuantity, ServiceLevel, ShortPolicy, Traced};
pub use candidate::{Candidate, Reason};
pub use changes::{Changes, Desired, Hold};
pub use crm::{CrmLine, CrmState, CrmUpdate};
pub use documents::{Documents, InvoiceRequest, LinePrice, SalesOrder, SalesOrderCancellation, SalesOrderState};
pub use effect::{AllocationNo, OrderEffect};
pub use event::*;
pub use fulfillments::Fulfillments;
pub use line_quantities::LineQuantities;
pub use listing::Listing;
pub use names::{Alias, Names, PurchaseOrderUse};
pub use pricing::{Credit, CreditQuery, PriceQuery, Quote, QuotedLine, Stage};
pub use returnables::Returnables;
pub use review::{OrderReview, WorkDiscarded};
pub use reviews::Overrides;
pub use rounds::CreditRounds;
pub use routing::Routing;
pub use spelling::Spelling;
pub use status::Status;
pub use stock::{AllocationRequest, Deallocation, Stock, StockQuery};
pub use terms::Terms;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::due::DueWork;
use crate::ids::{FulfillmentId, OrderId};
use crate::rejection::Rejection;
use crate::returnable::ReservationRequest;
use crate::review::{Decision, Decisions, Review};
use crate::shipment::Progress;
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, OpenEffects, Timer, Workflow};

/// A submitted order. Its sub-machines are independent axes: none of them can hide another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What was ordered.
    pub terms: Terms,
    /// What it is called, and which order had its purchase order number before.
    pub names: Names,
    /// How far our own work has come.
    pub stage: Stage,
    /// What is requested of it.
    pub changes: Changes,
    /// How often a granted credit expired.
    pub credit_rounds: CreditRounds,
    /// What the ERP allocates.
    pub stock: Stock,
    /// What the ERP makes.
    pub documents: Documents,
    /// What the warehouses are to ship, and report.
    pub fulfillments: Fulfillments,
    /// What returns have reserved of what was shipped.
    #[serde(default, skip_serializing_if = "Returnables::is_empty")]
    pub returnables: Returnables,
    /// What the CRM shows.
    pub crm: CrmState,
    /// What people decided.
    pub decisions: Decisions<OrderReview>,
    /// What people approved beyond the order's own content.
    pub overrides: Overrides,
    /// Whether its deadline passed before its end.
    pub overdue: bool,
    /// Messages about work that was due, which an operator discarded.
    pub discarded: BTreeSet<WorkDiscarded>,
}

/// What may be requested of an order, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderCommand {
    /// A customer orders.
    Submit(Submission),
    /// The cancelled order whose purchase order number it took over has shipped.
    RecordPredecessorShipped(PredecessorShipped),
    /// The ERP quoted price and tax.
    RecordQuote(Quote),
    /// The ERP cannot price it.
    RecordUnpriceable(Rejection),
    /// The ERP granted credit.
    RecordCreditApproved(CreditApproved),
    /// The ERP granted credit that had expired when the answer arrived.
    RecordCreditExpiredOnArrival(CreditApproved),
    /// The ERP refused credit.
    RecordCreditRefused(CreditRefused),
    /// The granted credit expired.
    ExpireCredit(CreditExpired),
    /// The ERP allocated stock.
    RecordAllocation(Allocation),
    /// The ERP has stock for what was short.
    RecordStock(StockArrived),
    /// The ERP undid an allocation.
    RecordDeallocated(Deallocated),
    /// The ERP has the sales order.
    RecordRelease(Released),
    /// The ERP cancelled the sales order, or has none.
    RecordSalesOrderCancelled(SalesOrderCancelled),
    /// The routing rules decided.
    RecordRouting(Routing),
    /// A fulfillment's stream reports.
    RecordProgress(Progress),
    /// The CRM was updated.
    RecordCrmUpdated(CrmUpdated),
    /// The ERP invoiced.
    RecordInvoice(Invoiced),
    /// A return reserves units, or keeps fewer than before.
    ReserveReturn(ReservationRequest),
    /// The deadline passed.
    RaiseOverdue(Overdue),
    /// An operator discarded a message whose work is due.
    RecordDiscard(WorkDiscarded),
    /// Cancels it.
    Cancel(CancelRequested),
    /// Holds it: nothing more is started for it.
    Hold(Held),
    /// Releases the hold.
    ReleaseHold(HoldReleased),
    /// Gives it another content; the revision is assigned here.
    Amend(Amendment),
    /// A request of which a part can never be met; its refusal is recorded.
    RefuseRequest(Rejection),
    /// Withdraws a fulfillment that its warehouse did not answer in time.
    Reassign(FulfillmentId),
    /// A person decided a review.
    Decide(Decision<OrderReview>),
    /// An effect is about to happen.
    Announce(EffectStarted<OrderEffect>),
    /// A call ended without a usable answer.
    RecordEffectFailed(EffectFailed<OrderEffect>),
    /// The ERP refused a call.
    RecordEffectRejected(EffectRejected<OrderEffect>),
}

impl Workflow for Order {
    type Id = OrderId;
    type Event = OrderEvent;
    type Command = OrderCommand;
    type Effect = OrderEffect;
    type Review = OrderReview;

    const KIND: &'static str = "order";
    const FOLD: u32 = 3;

    fn create(command: OrderCommand) -> Result<Vec<OrderEvent>, Rejection> {
        if let OrderCommand::Submit(submission) = command {
            return Ok(vec![OrderEvent::Submitted(submission)]);
        }
        Err(Rejection::new("ORDER_UNKNOWN", "there is no such order"))
    }

    fn begin(event: &OrderEvent) -> Option<Self> {
        let OrderEvent::Submitted(submission) = event else { return None };
        Some(Self {
            terms: Terms::new(submission.clone()),
            names: Names::default(),
            stage: Stage::Submitted,
            changes: Changes::NONE,
            credit_rounds: CreditRounds::default(),
            stock: Stock::default(),
            documents: Documents::new(),
            fulfillments: Fulfillments::default(),
            returnables: Returnables::default(),
            crm: CrmState::Nothing,
            decisions: Decisions::new(),
            overrides: Overrides::default(),
            overdue: false,
            discarded: BTreeSet::new(),
        })
    }

    fn decide(&self, command: OrderCommand) -> Result<Vec<OrderEvent>, Rejection> {
        Ok(self.decide_with_notices(command))
    }

    fn evolve(mut self, event: &OrderEvent) -> Self {
        self.apply(event);
        self
    }

    fn is_fact(event: &OrderEvent) -> bool {
        matches!(
            event,
            OrderEvent::FulfillmentProgressed(_) | OrderEvent::CrmUpdated(_) | OrderEvent::ReturnReserved(_)
        )
    }

    fn listed(&self) -> String {
        serde_json::to_string(&self.listing()).unwrap_or_default()
    }

    fn open_effects(&self) -> &OpenEffects<OrderEffect> {
        &self.documents.open_effects
    }

    fn ordered_at(&self) -> Option<Timestamp> {
        Some(self.terms.submission.ordered_at)
    }

    fn reviews(&self) -> Vec<Review<OrderReview>> {
        self.reviews()
    }

    fn due(state: Option<&Self>, _id: &OrderId) -> BTreeSet<DueWork> {
        state.map(Self::due_work).unwrap_or_default()
    }

    fn timers(&self, event: &OrderEvent) -> Vec<Timer> {
        // After an amendment the order is released once more, and its first time says nothing of that.
        let is_first = matches!(event, OrderEvent::Released(released) if released.revision == 0);
        if is_first { vec![Timer { name: "release-time", since: None }] } else { vec![] }
    }

    fn refusal(event: &OrderEvent) -> Option<&Rejection> {
        if let OrderEvent::RequestRejected(rejection) = event { Some(rejection) } else { None }
    }

    fn announce(started: EffectStarted<OrderEffect>) -> OrderCommand {
        OrderCommand::Announce(started)
    }

    fn effect_failed(failed: EffectFailed<OrderEffect>) -> OrderCommand {
        OrderCommand::RecordEffectFailed(failed)
    }

    fn effect_rejected(rejected: EffectRejected<OrderEffect>) -> OrderCommand {
        OrderCommand::RecordEffectRejected(rejected)
    }
}

impl Order {
    /// Our id.
    pub fn id(&self) -> &OrderId {
        self.terms.order()
    }

    fn decide_command(&self, command: OrderCommand) -> Vec<OrderEvent> {
        match command {
            OrderCommand::Submit(again) => self.submit_again(again),
            OrderCommand::RecordPredecessorShipped(shipped) => self.names.record_predecessor_shipped(shipped),
            OrderCommand::RecordQuote(quote) if quote.revision != self.terms.revision => vec![],
            OrderCommand::RecordQuote(quote) => self.stage.record_quote(&self.terms.submission, quote),
            OrderCommand::RecordUnpriceable(why) => self.stage.record_unpriceable(why),
            OrderCommand::RecordCreditApproved(approved) => self.stage.record_credit_approved(approved),
            OrderCommand::RecordCreditRefused(refused) => self.stage.if_credit_open(OrderEvent::CreditRefused(refused)),
            OrderCommand::RecordCreditExpiredOnArrival(approved) => self.record_credit_expired_on_arrival(approved),
            OrderCommand::ExpireCredit(expired) => self.expire_credit(expired),
            OrderCommand::RecordAllocation(allocation) => self.record_allocation(allocation),
            OrderCommand::RecordStock(stock) => self.record_stock(stock),
            OrderCommand::RecordDeallocated(deallocated) => {
                self.stock.record_deallocated(deallocated, &self.documents.open_effects)
            }
            OrderCommand::RecordRelease(released) => self.record_release(released),
            OrderCommand::RecordSalesOrderCancelled(cancelled) => {
                self.documents.record_sales_order_cancelled(cancelled)
            }
            OrderCommand::RecordRouting(routing) => self.record_routing(routing),
            OrderCommand::RecordProgress(progress) => self.record_progress(progress),
            OrderCommand::RecordCrmUpdated(updated) => self.crm.record(updated),
            OrderCommand::RecordInvoice(invoiced) => self.record_invoice(invoiced),
            OrderCommand::ReserveReturn(request) => self.reserve_return(request),
            OrderCommand::RaiseOverdue(_) if self.overdue || self.status().is_final() => vec![],
            OrderCommand::RaiseOverdue(overdue) => vec![OrderEvent::Overdue(overdue)],
            OrderCommand::RecordDiscard(discarded)
                if self.discarded.contains(&discarded) && self.decided(&discarded.review()).is_none() =>
            {
                vec![]
            }
            OrderCommand::RecordDiscard(discarded) => vec![OrderEvent::WorkDiscarded(discarded)],
            OrderCommand::Cancel(request) => self.cancel(request),
            OrderCommand::Hold(request) => self.hold(request),
            OrderCommand::ReleaseHold(request) => self.release_hold(request),
            OrderCommand::Amend(amendment) => self.amend(amendment),
            OrderCommand::RefuseRequest(why) => vec![OrderEvent::RequestRejected(why)],
            OrderCommand::Reassign(fulfillment) => self.reassign(&fulfillment),
            OrderCommand::Decide(decision) => self.decide_review(decision),
            OrderCommand::Announce(started) => vec![OrderEvent::EffectStarted(started)],
            OrderCommand::RecordEffectFailed(failed) => self.record_effect_failed(failed),
            OrderCommand::RecordEffectRejected(rejected) => self.documents.record_rejected(rejected),
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            // The first submission counts; `decide` turns a second one into a conflict.
            OrderEvent::Submitted(_)
            | OrderEvent::Aliased(_)
            | OrderEvent::RequestRejected(_)
            | OrderEvent::CustomerNotice(_)
            | OrderEvent::OrphanDocument(_) => {}
            OrderEvent::SubmissionConflicted(conflict) => {
                self.terms.conflicts.insert(conflict.clone());
            }
            OrderEvent::Priced(price) => {
                self.credit_rounds = CreditRounds::default();
                self.stage = Stage::Priced(price.clone(), Credit::Pending);
            }
            OrderEvent::AliasAdded(added) => {
                let AliasAdded { alias, source, external_id } = added.clone();
                self.names.aliases.insert(alias, Alias { source, external_id });
            }
            OrderEvent::PurchaseOrderMoved(moved) => self.names.moved_to = Some(moved.to.clone()),
            OrderEvent::PurchaseOrderTaken(taken) => self.names.taken = Some(taken.clone()),
            OrderEvent::PredecessorShipped(shipped) => {
                self.names.predecessor_shipped.insert(shipped.fulfillment.clone());
            }
            OrderEvent::Unpriceable(why) => {
                self.forget_decisions(OrderReview::Unpriceable);
                self.stage = Stage::Unpriceable(why.clone());
            }
            OrderEvent::CreditApproved(approved) => self.stage.set_credit(Credit::Approved(approved.clone())),
            OrderEvent::CreditRefused(refused) => {
                self.forget_decisions(OrderReview::CreditRefused);
                if refused.unanswerable {
                    self.drop_allocations();
                }
                self.stage.set_credit(Credit::Refused(refused.clone()));
            }
            OrderEvent::CreditExpired(expired) => {
                self.forget_decisions(OrderReview::CreditExpired);
                self.apply_credit_expired(expired);
            }
            OrderEvent::Allocated(allocation) => self.apply_allocation(allocation),
            OrderEvent::Deallocated(Deallocated { allocation_no }) => {
                let allocation_no = *allocation_no;
                self.documents.open_effects.close(&OrderEffect::Allocate { allocation_no });
                self.documents.answer(&OrderEffect::Deallocate { allocation_no });
                self.stock.deallocate(allocation_no);
            }
            OrderEvent::StockArrived(stock) => self.stock.arrived.clone_from(&stock.lines),
            OrderEvent::Released(released) => self.apply_release(released),
            OrderEvent::SalesOrderCancelled(cancelled) => self.documents.cancel_sales_order(cancelled),
            OrderEvent::Routed(_) => {
                self.fulfillments.unroutable = None;
                self.stage.advance(Stage::Routed);
            }
            OrderEvent::Unroutable(routed) => {
                self.fulfillments.unroutable = self.lines_to_route().map(|query| query.digest());
                self.forget_decisions(OrderReview::Unroutable);
                self.stage.advance(|price| Stage::Unroutable(price, routed.clone()));
            }
            OrderEvent::Assigned(assignment) => {
                self.fulfillments.assignments.insert(assignment.fulfillment.clone(), assignment.clone());
            }
            OrderEvent::FulfillmentProgressed(progress) => self.fulfillments.apply_progress(progress),
            OrderEvent::CrmUpdated(updated) => self.crm.apply(updated),
            OrderEvent::Invoiced(invoiced) => self.apply_invoice(invoiced),
            OrderEvent::InvoiceDisagreed(disagreed) => self.apply_invoice_disagreed(disagreed),
            OrderEvent::CancelRequested(request) => {
                self.changes.desired = Desired::Cancelled(request.clone());
                self.changes.amending = None;
            }
            OrderEvent::Held(held) => self.changes.apply_held(held),
            OrderEvent::HoldReleased(released) => self.changes.apply_hold_released(released),
            OrderEvent::AmendRequested(amendment) => {
                self.changes.note_amendment(amendment);
                self.changes.amending = Some(amendment.clone());
            }
            OrderEvent::Amended(amendment) => self.apply_amendment(amendment),
            OrderEvent::AmendRejected(_) => self.changes.amending = None,
            OrderEvent::WithdrawalRequested(request) => {
                self.fulfillments.withdrawals.insert(request.fulfillment.clone(), request.why);
            }
            OrderEvent::ReturnReserved(reservation) => self.returnables.apply(reservation),
            OrderEvent::ReviewDecided(decision) => self.apply_decision(decision),
            OrderEvent::Overdue(_) => self.overdue = true,
            OrderEvent::WorkDiscarded(discarded) => {
                // Discarded again, it has to be looked at again.
                self.decisions.remove(&discarded.review().key());
                self.discarded.insert(discarded.clone());
            }
            OrderEvent::EffectStarted(started) => {
                self.documents.rejected.remove(&started.effect);
                self.documents.open_effects.start(started);
            }
            OrderEvent::EffectFailed(failed) => self.documents.open_effects.fail(failed),
            OrderEvent::EffectRejected(rejected) => {
                self.documents.open_effects.reject(rejected);
                self.forget_decisions(OrderReview::PartnerRefused);
                self.forget_decisions(OrderReview::OutcomeUnknown);
                self.documents.rejected.insert(rejected.effect.clone(), rejected.rejection.clone());
            }
        }
    }
}
