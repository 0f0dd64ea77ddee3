//! What follows from a command: exhaustive over stage and command.

use std::num::NonZeroU32;

use rust_decimal::Decimal;

use crate::candidate::Candidate;
use crate::fulfillment::{MilestoneKind, PackageStatus};
use crate::ids::{DocumentNumber, FulfillmentId, LineNo, OrderId};
use crate::money::Money;
use crate::order::event::{
    Allocation, AmendRejected, Amendment, Assignment, CancelRequested, Conflict, CreditApproved, CreditExpired,
    CreditRefused, CrmUpdated, CustomerNotice, Deallocated, Held, HoldReleased, Invoiced, OrderEvent, OrderLine,
    OrphanDocument, Overdue, Price, PricedLine, Progress, Released, RequestStatus, Routed, SalesOrderCancelled,
    StockArrived, Submission, Template, WithdrawalReason, WithdrawalRequested,
};
use crate::order::state::{Credit, CrmState, Desired, Order, OrderState, SalesOrderState, Stage};
use crate::quantity::{Conversion, Uom};
use crate::review::{Choice, Decision, ReviewKind, allowed, refusal};
use crate::workflow::{
    Claim, Effect, EffectFailed, EffectRejected, EffectStarted, OpenEffects, Rejection, Workflow, is_held,
};

/// What may be asked of an order, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderCommand {
    /// Somebody orders.
    Submit(Submission),
    /// The ERP's price.
    RecordQuote(Quote),
    /// The ERP cannot price it.
    RecordUnpriceable(Rejection),
    /// The ERP grants credit.
    RecordCreditApproved(CreditApproved),
    /// The ERP refuses credit.
    RecordCreditRefused(CreditRefused),
    /// The credit that was granted has run out.
    ExpireCredit(CreditExpired),
    /// The ERP set stock aside.
    RecordAllocation(Allocation),
    /// The ERP has stock for what was short.
    RecordStock(StockArrived),
    /// The ERP took an allocation back.
    RecordDeallocated(Deallocated),
    /// The ERP has the sales order.
    RecordRelease(Released),
    /// The ERP cancelled the sales order, or has none.
    RecordSalesOrderCancelled(SalesOrderCancelled),
    /// What the routing rules say.
    RecordRouting(Routing),
    /// What a fulfillment's stream says.
    RecordProgress(Progress),
    /// The CRM was told.
    RecordCrmUpdated(CrmUpdated),
    /// The ERP invoiced.
    RecordInvoice(Invoiced),
    /// The deadline passed.
    RaiseOverdue(Overdue),
    /// Somebody wants it cancelled.
    Cancel(CancelRequested),
    /// Somebody wants nothing more begun for it.
    Hold(Held),
    /// Somebody wants it to go on.
    ReleaseHold(HoldReleased),
    /// Somebody wants it to say something else; which revision that makes is decided here.
    Amend(Amendment),
    /// A fulfillment's warehouse did not answer in its time: another one should ship it.
    Reassign(FulfillmentId),
    /// Somebody decided what the order left to people.
    Decide(Decision),
    /// An effect is about to happen.
    Announce(EffectStarted),
    /// A call ended without a usable answer.
    RecordEffectFailed(EffectFailed),
    /// A partner said no.
    RecordEffectRejected(EffectRejected),
}

/// The ERP's price, before its units are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Of which content: how often the order had been amended when it was asked for.
    pub revision: u32,
    /// One for each line.
    pub lines: Vec<QuotedLine>,
    /// Before tax.
    pub subtotal: Money,
    /// Tax.
    pub tax: Money,
    /// What the customer owes.
    pub total: Money,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// Which line.
    pub line: LineNo,
    /// The unit that stock is kept in.
    pub base_uom: Uom,
    /// So many base units...
    pub numerator: NonZeroU32,
    /// ...for so many ordered ones.
    pub denominator: NonZeroU32,
    /// Price of one ordered unit.
    pub unit_price: Decimal,
    /// Before tax.
    pub amount: Decimal,
    /// Tax.
    pub tax: Decimal,
}

/// A routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// What was weighed.
    pub candidates: Vec<Candidate>,
    /// Who ships what; empty where nobody can.
    pub assignments: Vec<Assignment>,
}

impl Workflow for Order {
    type Id = OrderId;
    type Event = OrderEvent;
    type Command = OrderCommand;

    const KIND: &'static str = "order";

    fn decide(&self, command: OrderCommand) -> Result<Vec<OrderEvent>, Rejection> {
        match (self, command) {
            (Self::Absent, OrderCommand::Submit(submission)) => Ok(vec![OrderEvent::Submitted(submission)]),
            (
                Self::Absent,
                OrderCommand::RecordQuote(_)
                | OrderCommand::RecordUnpriceable(_)
                | OrderCommand::RecordCreditApproved(_)
                | OrderCommand::RecordCreditRefused(_)
                | OrderCommand::ExpireCredit(_)
                | OrderCommand::RecordAllocation(_)
                | OrderCommand::RecordStock(_)
                | OrderCommand::RecordDeallocated(_)
                | OrderCommand::RecordRelease(_)
                | OrderCommand::RecordSalesOrderCancelled(_)
                | OrderCommand::RecordRouting(_)
                | OrderCommand::RecordProgress(_)
                | OrderCommand::RecordCrmUpdated(_)
                | OrderCommand::RecordInvoice(_)
                | OrderCommand::RaiseOverdue(_)
                | OrderCommand::Cancel(_)
                | OrderCommand::Hold(_)
                | OrderCommand::ReleaseHold(_)
                | OrderCommand::Amend(_)
                | OrderCommand::Reassign(_)
                | OrderCommand::Decide(_)
                | OrderCommand::Announce(_)
                | OrderCommand::RecordEffectFailed(_)
                | OrderCommand::RecordEffectRejected(_),
            ) => Err(Rejection::new("ORDER_UNKNOWN", "there is no such order")),
            (Self::Known(known), command) => Ok(known.decide_and_tell(command)),
        }
    }

    fn evolve(self, event: &OrderEvent) -> Self {
        self.after(event)
    }

    fn open_effects(&self) -> &OpenEffects {
        const NONE: &OpenEffects = &OpenEffects::new();
        self.known().map_or(NONE, |known| &known.open_effects)
    }

    fn announce(started: EffectStarted) -> OrderCommand {
        OrderCommand::Announce(started)
    }

    fn effect_failed(failed: EffectFailed) -> OrderCommand {
        OrderCommand::RecordEffectFailed(failed)
    }

    fn effect_rejected(refused: EffectRejected) -> OrderCommand {
        OrderCommand::RecordEffectRejected(refused)
    }
}

impl OrderState {
    /// What follows, and what the customer should be told of it: whatever is so afterwards and was not so before.
    fn decide_and_tell(&self, command: OrderCommand) -> Vec<OrderEvent> {
        let may_concern_them = self.concerns_the_customer(&command);
        let mut events = self.decide(command);
        if may_concern_them && !events.is_empty() {
            let before = self.notices();
            let after = events.iter().fold(Order::Known(Box::new(self.clone())), Order::evolve);
            let after = after.known().map(Self::notices).unwrap_or_default();
            events.extend(after.difference(&before).copied().map(notice));
        }
        events
    }

    /// Whether a command may change what the customer should know. The others, and the many reports of a smooth way, are not
    /// worth the comparison.
    fn concerns_the_customer(&self, command: &OrderCommand) -> bool {
        let back = PackageStatus::At(MilestoneKind::ReturnToSender);
        match command {
            OrderCommand::RecordProgress(progress) => {
                self.is_cancelled()
                    || !progress.unfilled.is_empty()
                    || progress.packages.iter().any(|package| package.status == back)
            }
            OrderCommand::RecordAllocation(allocation) => allocation.lines.iter().any(|line| !line.short.is_zero()),
            OrderCommand::RecordEffectFailed(failed) => failed.did_nothing() && self.is_cancelled(),
            OrderCommand::RecordDeallocated(_)
            | OrderCommand::RecordSalesOrderCancelled(_)
            | OrderCommand::RaiseOverdue(_)
            | OrderCommand::Cancel(_)
            | OrderCommand::Hold(_)
            | OrderCommand::Decide(_) => true,
            OrderCommand::Submit(_)
            | OrderCommand::RecordQuote(_)
            | OrderCommand::RecordUnpriceable(_)
            | OrderCommand::RecordCreditApproved(_)
            | OrderCommand::RecordCreditRefused(_)
            | OrderCommand::ExpireCredit(_)
            | OrderCommand::RecordStock(_)
            | OrderCommand::RecordRelease(_)
            | OrderCommand::RecordRouting(_)
            | OrderCommand::RecordCrmUpdated(_)
            | OrderCommand::RecordInvoice(_)
            | OrderCommand::ReleaseHold(_)
            | OrderCommand::Amend(_)
            | OrderCommand::Reassign(_)
            | OrderCommand::Announce(_)
            | OrderCommand::RecordEffectRejected(_) => false,
        }
    }

    fn decide(&self, command: OrderCommand) -> Vec<OrderEvent> {
        match command {
            OrderCommand::Submit(again) => self.compare(again),
            // It is of what the order said before it was amended.
            OrderCommand::RecordQuote(quote) if quote.revision != self.revision => vec![],
            OrderCommand::RecordQuote(quote) => match &self.stage {
                Stage::Submitted => vec![price(&self.submission, quote)],
                Stage::Unpriceable(known) => {
                    let event = price(&self.submission, quote);
                    if event == OrderEvent::Unpriceable(known.clone()) { vec![] } else { vec![event] }
                }
                Stage::Priced(..)
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_)
                | Stage::Invoiced(..) => vec![],
            },
            OrderCommand::RecordUnpriceable(why) => match &self.stage {
                Stage::Submitted => vec![OrderEvent::Unpriceable(why)],
                Stage::Unpriceable(known) if *known != why => vec![OrderEvent::Unpriceable(why)],
                Stage::Unpriceable(_)
                | Stage::Priced(..)
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_)
                | Stage::Invoiced(..) => vec![],
            },
            // The same goes for credit: it was granted for another amount.
            OrderCommand::RecordCreditApproved(approved)
                if self.price().is_some_and(|price| price.total != approved.amount) =>
            {
                vec![]
            }
            OrderCommand::RecordCreditApproved(approved) => self.if_credit_open(OrderEvent::CreditApproved(approved)),
            OrderCommand::RecordCreditRefused(refused) => self.if_credit_open(OrderEvent::CreditRefused(refused)),
            OrderCommand::ExpireCredit(expired) => self.expire(expired),
            OrderCommand::RecordAllocation(allocation) => self.record_allocation(allocation),
            OrderCommand::RecordStock(stock) => self.record_stock(stock),
            OrderCommand::RecordDeallocated(released) => {
                let known = self.released.contains(&released.part) && !self.to_deallocate.contains(&released.part);
                let open = self.open_effects.contains_key(&Effect::Deallocate { part: released.part });
                if known && !open { vec![] } else { vec![OrderEvent::Deallocated(released)] }
            }
            OrderCommand::RecordRelease(released) => self.record_release(released),
            OrderCommand::RecordSalesOrderCancelled(cancelled) => {
                let known = matches!(self.sales_order, SalesOrderState::Cancelled(_));
                let open = self.open_effects.contains_key(&Effect::CancelSalesOrder);
                if known && !open { vec![] } else { vec![OrderEvent::SalesOrderCancelled(cancelled)] }
            }
            OrderCommand::RecordRouting(routing) => self.route(routing),
            OrderCommand::RecordProgress(progress) => self.report(progress),
            OrderCommand::RecordCrmUpdated(told) => match &self.told {
                CrmState::Newest(known) if *known == told => vec![],
                CrmState::Nothing | CrmState::Newest(_) | CrmState::Stale(_) => vec![OrderEvent::CrmUpdated(told)],
            },
            OrderCommand::RecordInvoice(invoiced) => self.record_invoice(invoiced),
            OrderCommand::RaiseOverdue(overdue) => {
                if self.overdue || self.status().is_final() {
                    vec![]
                } else {
                    vec![OrderEvent::Overdue(overdue)]
                }
            }
            OrderCommand::Cancel(request) => self.cancel(request),
            OrderCommand::Hold(request) => self.hold(request),
            OrderCommand::ReleaseHold(request) => self.release_hold(request),
            OrderCommand::Amend(amendment) => self.amend_to(amendment),
            OrderCommand::Reassign(fulfillment) => self.reassign(fulfillment),
            OrderCommand::Decide(decision) => self.follow_decision(decision),
            OrderCommand::Announce(started) => vec![OrderEvent::EffectStarted(started)],
            OrderCommand::RecordEffectFailed(failed) => self.effect_failed(failed),
            OrderCommand::RecordEffectRejected(refused) => {
                let known = self.refused.get(&refused.effect) == Some(&refused.rejection);
                if known && !matches!(self.open_effects.get(&refused.effect), Some(Claim::Held(_))) {
                    vec![]
                } else {
                    vec![OrderEvent::EffectRejected(refused)]
                }
            }
        }
    }

    /// What a cancelled order was about to make and certainly did not needs no undoing. It is recorded as undone, since it may
    /// be the last that the order waited for.
    fn effect_failed(&self, failed: EffectFailed) -> Vec<OrderEvent> {
        if !is_held(&self.open_effects, &failed) {
            return vec![];
        }
        let undone = match failed.effect {
            Effect::Allocate { part } => Some(OrderEvent::Deallocated(Deallocated { part })),
            Effect::CreateSalesOrder if self.sales_order().is_none() => {
                Some(OrderEvent::SalesOrderCancelled(SalesOrderCancelled { sales_order: None }))
            }
            Effect::CreateSalesOrder
            | Effect::Deallocate { .. }
            | Effect::CancelSalesOrder
            | Effect::RequestFulfillment
            | Effect::WithdrawFulfillment
            | Effect::PostGoodsIssue { .. }
            | Effect::Invoice => None,
        };
        let undone = undone.filter(|_| failed.did_nothing() && self.is_cancelled());
        [OrderEvent::EffectFailed(failed)].into_iter().chain(undone).collect()
    }

    /// The same order again, or another one under its name?
    fn compare(&self, again: Submission) -> Vec<OrderEvent> {
        let conflict = Conflict { source: again.source, external_id: again.external_id, digest: again.digest };
        if self.digests.contains(&conflict.digest) || self.conflicts.contains(&conflict) {
            return vec![];
        }
        vec![OrderEvent::SubmissionConflicted(conflict)]
    }

    fn record_allocation(&self, allocation: Allocation) -> Vec<OrderEvent> {
        let (part, number) = (allocation.part, allocation.number.clone());
        let to_deallocate = self.to_deallocate.contains(&part) || self.released.contains(&part);
        let awaited = self.awaits_part(part) || self.released.contains(&part);
        let effect = Effect::Allocate { part };
        let events = self.unless_known(effect, awaited, to_deallocate, &number, OrderEvent::Allocated(allocation));
        self.in_vain(events, to_deallocate, number)
    }

    fn record_release(&self, released: Released) -> Vec<OrderEvent> {
        let number = released.sales_order.clone();
        let awaited = self.awaits_release(released.revision) && self.sales_order().is_none_or(|known| *known == number);
        let event = OrderEvent::Released(released);
        let events = self.unless_known(Effect::CreateSalesOrder, awaited, false, &number, event);
        self.in_vain(events, false, number)
    }

    /// What was made although the order is cancelled, or gave it up, is told apart: whoever undoes it may have looked already
    /// and found nothing.
    fn in_vain(&self, mut events: Vec<OrderEvent>, to_deallocate: bool, document: DocumentNumber) -> Vec<OrderEvent> {
        if !events.is_empty() && (to_deallocate || self.is_cancelled()) {
            events.push(OrderEvent::OrphanDocument(OrphanDocument { document }));
        }
        events
    }

    fn record_invoice(&self, invoiced: Invoiced) -> Vec<OrderEvent> {
        let number = invoiced.invoice.clone();
        self.unless_known(Effect::Invoice, self.awaits_invoice(), false, &number, OrderEvent::Invoiced(invoiced))
    }

    /// An answer to an announced effect is recorded in every stage: what the ERP made, it made.
    fn unless_known(
        &self,
        effect: Effect,
        awaited: bool,
        to_deallocate: bool,
        document: &DocumentNumber,
        event: OrderEvent,
    ) -> Vec<OrderEvent> {
        let stands = self.document(&effect) == Some(document) || to_deallocate;
        let beside = || self.duplicates.get(&effect).is_some_and(|duplicates| duplicates.contains(document));
        let told = (stands || beside()) && !awaited;
        if told && !self.open_effects.contains_key(&effect) { vec![] } else { vec![event] }
    }

    fn expire(&self, expired: CreditExpired) -> Vec<OrderEvent> {
        match &self.stage {
            Stage::Priced(_, Credit::Approved(approved)) if approved.valid_until == Some(expired.valid_until) => {
                vec![OrderEvent::CreditExpired(expired)]
            }
            Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Priced(..)
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_)
            | Stage::Invoiced(..) => vec![],
        }
    }

    /// Stock is news while something waits for it, and once: it is asked for with the next allocation.
    fn record_stock(&self, stock: StockArrived) -> Vec<OrderEvent> {
        let news = stock.lines != self.arrived && self.is_short() && stock.lines.iter().any(|l| !l.quantity.is_zero());
        if news { vec![OrderEvent::StockArrived(stock)] } else { vec![] }
    }

    fn if_credit_open(&self, word: OrderEvent) -> Vec<OrderEvent> {
        match &self.stage {
            Stage::Priced(_, Credit::Refused(known)) if word == OrderEvent::CreditRefused(known.clone()) => vec![],
            Stage::Priced(_, Credit::Pending | Credit::Refused(_)) => vec![word],
            Stage::Priced(_, Credit::Approved(_))
            | Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_)
            | Stage::Invoiced(..) => vec![],
        }
    }

    /// A routing is of the fulfillments that there were: where another one came first, whoever is asked next weighs again.
    fn route(&self, routing: Routing) -> Vec<OrderEvent> {
        let overtaken = routing.assignments.iter().any(|new| self.assignments.contains_key(&new.fulfillment));
        if overtaken || !self.wanted() {
            return vec![];
        }
        match &self.stage {
            Stage::Released(_) | Stage::Unroutable(..) | Stage::Routed(_) => {
                let routed = Routed { candidates: routing.candidates };
                if routing.assignments.is_empty() {
                    let again = matches!(&self.stage, Stage::Unroutable(_, known) if *known == routed);
                    return if again { vec![] } else { vec![OrderEvent::Unroutable(routed)] };
                }
                let fulfillments = routing.assignments.into_iter().map(OrderEvent::Assigned);
                std::iter::once(OrderEvent::Routed(routed)).chain(fulfillments).collect()
            }
            Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced(..) | Stage::Invoiced(..) => vec![],
        }
    }

    /// The newest report counts. One that says the same as an older one is recorded, too: what was true between the two may
    /// still be on its way here, and only the newer `as_of` tells that it is old.
    fn report(&self, progress: Progress) -> Vec<OrderEvent> {
        let fulfillment = progress.fulfillment.clone();
        if self.progress.get(&fulfillment).is_some_and(|known| known.as_of >= progress.as_of) {
            return vec![];
        }
        let was_gone = self.will_not_ship(&fulfillment);
        let closed_short = progress.closed_short;
        let mut events = vec![OrderEvent::FulfillmentProgressed(progress)];
        if self.withdrawals.is_empty() && !closed_short {
            return events;
        }
        let now = events.iter().fold(Order::Known(Box::new(self.clone())), Order::evolve);
        let Some(now) = now.known() else { return events };
        // It had been given up for certain, and now the warehouse has it all the same: it has to be asked for again.
        let back =
            now.progress.get(&fulfillment).is_some_and(|progress| progress.request_status == RequestStatus::Accepted);
        let taken = was_gone && back && !now.will_not_ship(&fulfillment) && !now.has_shipped(&fulfillment);
        if taken && self.withdrawals.contains_key(&fulfillment) {
            let why = if self.is_cancelled() { WithdrawalReason::Cancelled } else { WithdrawalReason::TakenLate };
            events.push(asked_back(&fulfillment, why));
        }
        events.extend(now.conclude_amendment());
        if now.is_struck() {
            let reason = "no warehouse shipped any of it, and what is short is not sent later".to_owned();
            events.push(OrderEvent::CancelRequested(CancelRequested { reason }));
        }
        events
    }

    /// Whether nothing of the order has shipped and nothing will, though nobody cancelled it: its warehouses are done, and
    /// what they were short of is not to be sent later.
    fn is_struck(&self) -> bool {
        let mut line_quantities = self.line_quantities().into_iter();
        !self.is_cancelled()
            && self.amending.is_none()
            && !self.assignments.is_empty()
            && self.assignments.keys().all(|fulfillment| self.will_not_ship(fulfillment))
            && line_quantities.all(|quantities| quantities.cancelled == quantities.ordered)
    }

    /// The amendment that waited for fulfillments to come back: it comes to pass once all have, and does not if one stays.
    fn conclude_amendment(&self) -> Vec<OrderEvent> {
        let Some(amendment) = &self.amending else { return vec![] };
        if let Some(kept) = self.withdrawals.keys().find(|fulfillment| self.keeps(fulfillment)) {
            let revision = amendment.revision;
            let rejection = Rejection::new("ALREADY_PICKED", format!("{kept} is being picked, or has left"));
            let rejected = OrderEvent::AmendRejected(AmendRejected { revision, rejection });
            return vec![rejected, notice(Template::AmendRejected)];
        }
        if self.withdrawable().next().is_some() {
            return vec![];
        }
        vec![OrderEvent::Amended(amendment.clone()), notice(Template::Amended)]
    }

    /// A request always commits, even where it changes nothing: a redelivery of it must find itself answered.
    fn cancel(&self, request: CancelRequested) -> Vec<OrderEvent> {
        if self.is_cancelled() {
            return vec![rejected("ALREADY_CANCELLED", "the order is being cancelled, or is")];
        }
        if let Stage::Invoiced(..) = self.stage {
            return vec![
                rejected("ORDER_CLOSED", "the order is delivered and invoiced"),
                notice(Template::CancelRejected),
            ];
        }
        let left =
            |l: &super::LineQuantities| !l.open.is_zero() || !l.in_fulfillment.is_zero() || !l.backordered.is_zero();
        let line_quantities = self.line_quantities();
        if line_quantities.iter().any(|quantities| !quantities.shipped.is_zero()) && !line_quantities.iter().any(left) {
            let why = "all of it has left the warehouse; a return can be offered";
            return vec![rejected("ALREADY_SHIPPED", why), notice(Template::CancelRejected)];
        }
        // Also of fulfillments that came back or were kept before, for another reason: whatever ships from now on ships in spite of
        // this.
        let fulfillments = self.assignments.keys().filter(|fulfillment| !self.has_shipped(fulfillment));
        let desired = OrderEvent::CancelRequested(request);
        std::iter::once(desired)
            .chain(fulfillments.map(|fulfillment| asked_back(fulfillment, WithdrawalReason::Cancelled)))
            .collect()
    }

    fn hold(&self, request: Held) -> Vec<OrderEvent> {
        match (&self.desired, &self.stage) {
            (Desired::OnHold(_), _) => vec![rejected("ALREADY_HELD", "the order is held already")],
            (Desired::Cancelled(_), _) => vec![rejected("ORDER_CANCELLED", "the order is being cancelled, or is")],
            (Desired::Active, Stage::Invoiced(..)) => {
                vec![rejected("ORDER_CLOSED", "the order is delivered and invoiced")]
            }
            (
                Desired::Active,
                Stage::Submitted
                | Stage::Unpriceable(_)
                | Stage::Priced(..)
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_),
            ) => self.with_withdrawals(OrderEvent::Held(request), WithdrawalReason::Held),
        }
    }

    fn release_hold(&self, request: HoldReleased) -> Vec<OrderEvent> {
        match &self.desired {
            Desired::OnHold(_) => vec![OrderEvent::HoldReleased(request)],
            Desired::Active | Desired::Cancelled(_) => vec![rejected("NOT_HELD", "the order is not held")],
        }
    }

    /// With no fulfillment at a warehouse the order says something else at once. Otherwise all fulfillments are asked back first, so that
    /// no two parts of one order ever go by two contents, or to two addresses.
    fn amend_to(&self, amendment: Amendment) -> Vec<OrderEvent> {
        let amendment = Amendment { revision: self.revision + 1, ..amendment };
        let submission = &self.submission;
        let same = submission.lines == amendment.lines && submission.ship_to == amendment.ship_to;
        let shipped = self.progress.keys().any(|fulfillment| self.has_shipped(fulfillment));
        let problem = match (&self.desired, &self.stage, &self.amending) {
            (Desired::Cancelled(_), _, _) => Some(("ORDER_CANCELLED", "the order is being cancelled, or is")),
            (_, Stage::Invoiced(..), _) => Some(("ORDER_CLOSED", "the order is delivered and invoiced")),
            (_, _, Some(_)) => Some(("AMENDMENT_PENDING", "another amendment waits for the warehouses")),
            (_, _, None) if shipped => Some(("ALREADY_SHIPPED", "a part of it has left the warehouse")),
            (_, _, None) if same => Some(("NOTHING_TO_CHANGE", "the order says that already")),
            (Desired::Active | Desired::OnHold(_), _, None) => None,
        };
        if let Some((code, why)) = problem {
            return vec![rejected(code, why)];
        }
        if self.withdrawable().next().is_none() {
            return vec![OrderEvent::Amended(amendment), notice(Template::Amended)];
        }
        self.with_withdrawals(OrderEvent::AmendRequested(amendment), WithdrawalReason::Amended)
    }

    /// A wish, and each fulfillment of which nothing has left asked back for it.
    fn with_withdrawals(&self, desired: OrderEvent, why: WithdrawalReason) -> Vec<OrderEvent> {
        let fulfillments = self.withdrawable().filter(|fulfillment| !self.keeps(fulfillment));
        std::iter::once(desired).chain(fulfillments.map(|fulfillment| asked_back(fulfillment, why))).collect()
    }

    fn reassign(&self, fulfillment: FulfillmentId) -> Vec<OrderEvent> {
        let unanswered =
            self.progress.get(&fulfillment).is_none_or(|progress| progress.request_status == RequestStatus::Requested);
        let wanted = self.wanted()
            && self.assignments.contains_key(&fulfillment)
            && !self.withdrawals.contains_key(&fulfillment);
        if unanswered && wanted { vec![asked_back(&fulfillment, WithdrawalReason::NoResponse)] } else { vec![] }
    }

    fn follow_decision(&self, decision: Decision) -> Vec<OrderEvent> {
        if let Err(rejection) = allowed(&self.reviews(), ReviewKind::options, &decision) {
            return vec![OrderEvent::RequestRejected(rejection)];
        }
        let reason = format!("decided by {}", decision.by);
        let follows = match decision.choice {
            Choice::Cancel => self.cancel(CancelRequested { reason }),
            Choice::ResolvedManually => self.resolved_manually(&decision),
            Choice::Retry
            | Choice::Approve
            | Choice::Wait
            | Choice::ShipAvailable
            | Choice::RouteAgain
            | Choice::Accept
            | Choice::Recall
            | Choice::Keep
            | Choice::OfferReturn
            | Choice::Acknowledge => vec![],
        };
        // A decision that cannot be followed decides nothing: the review stays open.
        if let Some(OrderEvent::RequestRejected(_)) = follows.first() {
            return follows;
        }
        std::iter::once(OrderEvent::ReviewDecided(decision)).chain(follows).collect()
    }

    /// What somebody undid in the ERP's own system is undone.
    fn resolved_manually(&self, decision: &Decision) -> Vec<OrderEvent> {
        let of = |(effect, why): &(&Effect, &Rejection)| refusal(effect, why).key() == decision.review;
        match self.refused.iter().find(of).map(|(effect, _)| effect) {
            Some(Effect::Deallocate { part }) => {
                vec![OrderEvent::Deallocated(Deallocated { part: *part })]
            }
            Some(Effect::CancelSalesOrder) => {
                let sales_order = self.sales_order().cloned();
                vec![OrderEvent::SalesOrderCancelled(SalesOrderCancelled { sales_order })]
            }
            Some(
                Effect::Allocate { .. }
                | Effect::CreateSalesOrder
                | Effect::RequestFulfillment
                | Effect::WithdrawFulfillment
                | Effect::PostGoodsIssue { .. }
                | Effect::Invoice,
            )
            | None => vec![],
        }
    }
}

fn notice(template: Template) -> OrderEvent {
    OrderEvent::CustomerNotice(CustomerNotice { template })
}

fn rejected(code: &str, why: &str) -> OrderEvent {
    OrderEvent::RequestRejected(Rejection::new(code, why))
}

fn asked_back(fulfillment: &FulfillmentId, why: WithdrawalReason) -> OrderEvent {
    OrderEvent::WithdrawalRequested(WithdrawalRequested { fulfillment: fulfillment.clone(), why })
}

/// The quote as an event: every line converted exactly, or the reason why not.
fn price(submission: &Submission, quote: Quote) -> OrderEvent {
    let mut lines = Vec::with_capacity(submission.lines.len());
    for ordered in &submission.lines {
        match quote.lines.iter().find(|quoted| quoted.line == ordered.line).map(|quoted| convert(ordered, quoted)) {
            Some(Ok(line)) => lines.push(line),
            Some(Err(why)) => return OrderEvent::Unpriceable(why),
            None => {
                let why = format!("the ERP named no price for line {}", ordered.line);
                return OrderEvent::Unpriceable(Rejection::new("LINE_WITHOUT_PRICE", why));
            }
        }
    }
    let currencies = [quote.subtotal.currency, quote.tax.currency, quote.total.currency];
    if currencies.iter().any(|currency| *currency != submission.currency) {
        return OrderEvent::Unpriceable(Rejection::new("OTHER_CURRENCY", "the ERP answered in another currency"));
    }
    if quote.subtotal.plus(quote.tax) != Some(quote.total) {
        return OrderEvent::Unpriceable(Rejection::new("TOTALS_DISAGREE", "subtotal and tax do not make the total"));
    }
    OrderEvent::Priced(Price { lines, subtotal: quote.subtotal, tax: quote.tax, total: quote.total })
}

fn convert(ordered: &OrderLine, quoted: &QuotedLine) -> Result<PricedLine, Rejection> {
    let from = ordered.quantity.uom();
    let (numerator, denominator) = (quoted.numerator, quoted.denominator);
    let conversion = Conversion { from, to: quoted.base_uom, numerator, denominator };
    let (base, conversion) = if from == quoted.base_uom {
        (ordered.quantity, None)
    } else {
        let base = conversion.apply(ordered.quantity).map_err(|e| {
            let why = format!("line {}: {} in {}: {e}", ordered.line, ordered.quantity, quoted.base_uom);
            Rejection::new("UNIT_NOT_EXACT", why)
        })?;
        (base, Some(conversion))
    };
    let (unit_price, amount, tax) = (quoted.unit_price, quoted.amount, quoted.tax);
    Ok(PricedLine { line: ordered.line, base, conversion, unit_price, amount, tax })
}
