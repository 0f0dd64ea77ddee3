//! What an order is at one moment: a fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::goods::LineQuantity;
use crate::ids::{DocumentNumber, FulfillmentId, LineNo, OrderId};
use crate::order::event::{
    Allocation, Amendment, Assignment, CancelRequested, Conflict, CreditApproved, CreditRefused, CrmUpdated, Held,
    Invoiced, OrderEvent, Price, Progress, Released, RequestStatus, Routed, Submission, WithdrawalReason,
};
use crate::review::{Choice, Decision, Decisions, ReviewKind, refusal};
use crate::workflow::{Effect, FIRST_PART, OpenEffects, Rejection, claim, close_refused, let_go};

/// An order.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Order {
    /// Nobody submitted it yet.
    #[default]
    Absent,
    /// It was submitted.
    Known(Box<OrderState>),
}

/// A submitted order. Our own work (`stage`), what is wished of it (`desired`, `amending`), what is asked of warehouses
/// (`assignments`, `withdrawals`) and what they report (`progress`) are axes of their own: none of them can hide another.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderState {
    /// What it says now: as submitted, or as amended last.
    pub submission: Submission,
    /// How often it was amended.
    pub revision: u32,
    /// Every content that it has had: one of them once more is nothing new.
    pub digests: BTreeSet<String>,
    /// How far our own work has come.
    pub stage: Stage,
    /// What is wished of it now.
    pub desired: Desired,
    /// The amendment that waits for warehouses to give their fulfillments back.
    pub amending: Option<Amendment>,
    /// Stock that the ERP set aside, by part.
    pub allocations: BTreeMap<u32, Allocation>,
    /// Parts whose stock is to be given back, whether or not the ERP ever set it aside.
    pub to_deallocate: BTreeSet<u32>,
    /// Parts whose stock was given back.
    pub released: BTreeSet<u32>,
    /// What the ERP has meanwhile of what was short.
    pub arrived: Vec<LineQuantity>,
    /// The ERP's sales order.
    pub sales_order: SalesOrderState,
    /// Who ships what.
    pub assignments: BTreeMap<FulfillmentId, Assignment>,
    /// Which fulfillments were asked back, and what for.
    pub withdrawals: BTreeMap<FulfillmentId, WithdrawalReason>,
    /// Fulfillments whose refusal does not count against their site any more.
    pub retry_allowed: BTreeSet<FulfillmentId>,
    /// Fulfillments of what the order said before it was amended: what they are short of, nobody wants.
    pub superseded: BTreeSet<FulfillmentId>,
    /// The newest report of each fulfillment.
    pub progress: BTreeMap<FulfillmentId, Progress>,
    /// Submissions that did not agree with the first.
    pub conflicts: BTreeSet<Conflict>,
    /// What partners refused.
    pub refused: BTreeMap<Effect, Rejection>,
    /// Documents that the ERP made beside the one that stands, or at a stage that asked for none.
    pub duplicates: BTreeMap<Effect, BTreeSet<DocumentNumber>>,
    /// Announced and unanswered.
    pub open_effects: OpenEffects,
    /// What people decided.
    pub decisions: Decisions,
    /// Whether somebody let the order go at the ERP's price, or in parts.
    pub overrides: Overrides,
    /// What the CRM shows.
    pub told: CrmState,
    /// Whether its deadline passed before its end.
    pub overdue: bool,
}

/// What somebody allowed beyond the order's own word. An amendment takes it back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The ERP's price, whatever the customer was promised.
    pub price: bool,
    /// Parts, though the order asks for all at once.
    pub parts: bool,
}

/// What the CRM knows of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmState {
    /// Nothing yet.
    Nothing,
    /// This.
    Newest(CrmUpdated),
    /// An older telling landed after this newer one: it has to be told again.
    Stale(CrmUpdated),
}

/// How far our own work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the ERP's price.
    Submitted,
    /// The ERP cannot price it.
    Unpriceable(Rejection),
    /// Credit and stock are asked for, in parallel.
    Priced(Price, Credit),
    /// The ERP has the sales order.
    Released(Price),
    /// No warehouse may or can ship what is left of it.
    Unroutable(Price, Routed),
    /// Every line that has stock has its warehouse.
    Routed(Price),
    /// The ERP invoiced.
    Invoiced(Price, Invoiced),
}

/// The ERP's word on credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credit {
    /// Not yet, or not any more.
    Pending,
    /// Yes.
    Approved(CreditApproved),
    /// No.
    Refused(CreditRefused),
}

/// The sales order at the ERP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SalesOrderState {
    /// It was never made, as far as we know.
    Unmade,
    /// It stands.
    Made(DocumentNumber),
    /// It was cancelled, or it is certain that there is none. The number is kept: what left all the same, left for it.
    Cancelled(Option<DocumentNumber>),
}

/// What is wished of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// That it be fulfilled.
    Active,
    /// That nothing more be begun for it.
    OnHold(Held),
    /// That it be cancelled, or what has not left of it.
    Cancelled(CancelRequested),
}

impl OrderState {
    fn new(submission: Submission) -> Self {
        Self {
            digests: BTreeSet::from([submission.digest.clone()]),
            submission,
            revision: 0,
            stage: Stage::Submitted,
            desired: Desired::Active,
            amending: None,
            allocations: BTreeMap::new(),
            to_deallocate: BTreeSet::new(),
            released: BTreeSet::new(),
            arrived: Vec::new(),
            sales_order: SalesOrderState::Unmade,
            assignments: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            retry_allowed: BTreeSet::new(),
            superseded: BTreeSet::new(),
            progress: BTreeMap::new(),
            conflicts: BTreeSet::new(),
            refused: BTreeMap::new(),
            duplicates: BTreeMap::new(),
            open_effects: OpenEffects::new(),
            decisions: Decisions::new(),
            overrides: Overrides::default(),
            told: CrmState::Nothing,
            overdue: false,
        }
    }

    /// The order's id.
    pub fn id(&self) -> &OrderId {
        &self.submission.ship_to.order
    }

    /// Whether the order is to go on as it is.
    pub fn wanted(&self) -> bool {
        matches!(self.desired, Desired::Active) && self.amending.is_none()
    }

    /// Whether it is to be cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.desired, Desired::Cancelled(_))
    }

    /// Its price, once it has one.
    pub fn price(&self) -> Option<&Price> {
        match &self.stage {
            Stage::Submitted | Stage::Unpriceable(_) => None,
            Stage::Priced(price, _)
            | Stage::Released(price)
            | Stage::Unroutable(price, _)
            | Stage::Routed(price)
            | Stage::Invoiced(price, _) => Some(price),
        }
    }

    /// The ERP's sales order, while it stands.
    pub fn sales_order(&self) -> Option<&DocumentNumber> {
        match &self.sales_order {
            SalesOrderState::Made(number) => Some(number),
            SalesOrderState::Unmade | SalesOrderState::Cancelled(_) => None,
        }
    }

    /// The same, also where it was cancelled meanwhile.
    pub fn last_sales_order(&self) -> Option<&DocumentNumber> {
        match &self.sales_order {
            SalesOrderState::Made(number) | SalesOrderState::Cancelled(Some(number)) => Some(number),
            SalesOrderState::Unmade | SalesOrderState::Cancelled(None) => None,
        }
    }

    /// The ERP's invoice, once there is one.
    pub fn invoice(&self) -> Option<&Invoiced> {
        match &self.stage {
            Stage::Invoiced(_, invoiced) => Some(invoiced),
            Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Priced(..)
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_) => None,
        }
    }

    /// Whether the ERP has the order as it is now: its goods may go.
    pub fn is_released(&self) -> bool {
        match self.stage {
            Stage::Released(_) | Stage::Unroutable(..) | Stage::Routed(_) | Stage::Invoiced(..) => true,
            Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced(..) => false,
        }
    }

    /// Whether anything of a fulfillment has left its warehouse.
    pub fn has_shipped(&self, fulfillment: &FulfillmentId) -> bool {
        self.progress
            .get(fulfillment)
            .is_some_and(|progress| progress.shipped.values().any(|shipped| !shipped.is_zero()))
    }

    /// Whether a fulfillment will certainly not be shipped: its warehouse refused it, gave it back, or is done with it and packed
    /// nothing.
    pub fn will_not_ship(&self, fulfillment: &FulfillmentId) -> bool {
        let Some(progress) = self.progress.get(fulfillment) else { return false };
        let without_goods = match progress.request_status {
            RequestStatus::Rejected | RequestStatus::Withdrawn => true,
            RequestStatus::Accepted => progress.packages.is_empty() && self.is_unfilled(fulfillment, progress),
            RequestStatus::Requested => false,
        };
        without_goods && !self.has_shipped(fulfillment)
    }

    /// Whether nothing of what a warehouse was asked for will come.
    fn is_unfilled(&self, fulfillment: &FulfillmentId, progress: &Progress) -> bool {
        let Some(assignment) = self.assignments.get(fulfillment) else { return false };
        let mut asked: BTreeMap<LineNo, Decimal> = BTreeMap::new();
        for part in &assignment.lines {
            *asked.entry(part.line).or_default() += part.quantity.amount();
        }
        let missing = |line: &LineNo| progress.unfilled.get(line).map(|quantity| quantity.amount());
        progress.closed_short && asked.iter().all(|(line, asked)| missing(line) == Some(*asked))
    }

    /// Fulfillments that are, or may be, with a warehouse and of which nothing has left.
    pub fn withdrawable(&self) -> impl Iterator<Item = &FulfillmentId> {
        self.assignments.keys().filter(|fulfillment| !self.will_not_ship(fulfillment) && !self.has_shipped(fulfillment))
    }

    /// Whether a fulfillment was asked back and neither came back nor stays for certain.
    pub fn is_returning(&self, fulfillment: &FulfillmentId) -> bool {
        let kept = self.progress.get(fulfillment).is_some_and(|progress| progress.withdrawal_refused.is_some());
        self.withdrawals.contains_key(fulfillment)
            && !self.will_not_ship(fulfillment)
            && !self.has_shipped(fulfillment)
            && !kept
    }

    /// The allocation's part that is asked for next, or is being asked for.
    pub fn next_part(&self) -> u32 {
        let used = self.allocations.keys().chain(&self.to_deallocate).chain(&self.released);
        used.max().map_or(FIRST_PART, |part| part.saturating_add(1))
    }

    /// Parts that were asked for and have not been answered.
    pub(super) fn parts_under_way(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.open_effects.iter().filter_map(|(effect, claim)| match effect {
            Effect::Allocate { part } => Some((*part, claim.started().until)),
            Effect::Deallocate { .. }
            | Effect::CreateSalesOrder
            | Effect::CancelSalesOrder
            | Effect::RequestFulfillment
            | Effect::WithdrawFulfillment
            | Effect::PostGoodsIssue { .. }
            | Effect::Invoice => None,
        })
    }

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            // The first submission stands; `decide` turns a second one into a conflict.
            OrderEvent::Submitted(_)
            | OrderEvent::RequestRejected(_)
            | OrderEvent::CustomerNotice(_)
            | OrderEvent::OrphanDocument(_) => {}
            OrderEvent::SubmissionConflicted(conflict) => {
                self.conflicts.insert(conflict.clone());
            }
            OrderEvent::Priced(price) => self.stage = Stage::Priced(price.clone(), Credit::Pending),
            OrderEvent::Unpriceable(why) => {
                self.forget(ReviewKind::Unpriceable);
                self.stage = Stage::Unpriceable(why.clone());
            }
            OrderEvent::CreditApproved(approved) => self.set_credit(Credit::Approved(approved.clone())),
            OrderEvent::CreditRefused(refused) => {
                self.forget(ReviewKind::CreditRefused);
                self.set_credit(Credit::Refused(refused.clone()));
            }
            OrderEvent::CreditExpired(_) => self.set_credit(Credit::Pending),
            OrderEvent::Allocated(allocation) => self.allocate(allocation),
            OrderEvent::Deallocated(released) => {
                self.open_effects.remove(&Effect::Allocate { part: released.part });
                self.settle(&Effect::Deallocate { part: released.part });
                self.allocations.remove(&released.part);
                self.to_deallocate.remove(&released.part);
                self.released.insert(released.part);
            }
            OrderEvent::StockArrived(stock) => self.arrived.clone_from(&stock.lines),
            OrderEvent::Released(released) => self.release(released),
            OrderEvent::SalesOrderCancelled(cancelled) => {
                self.open_effects.remove(&Effect::CreateSalesOrder);
                self.settle(&Effect::CancelSalesOrder);
                let number = self.last_sales_order().or(cancelled.sales_order.as_ref()).cloned();
                self.sales_order = SalesOrderState::Cancelled(number);
            }
            OrderEvent::Routed(_) => self.reroute(Stage::Routed),
            OrderEvent::Unroutable(routed) => {
                self.forget(ReviewKind::Unroutable);
                self.reroute(|price| Stage::Unroutable(price, routed.clone()));
            }
            OrderEvent::Assigned(assignment) => {
                self.assignments.insert(assignment.fulfillment.clone(), assignment.clone());
            }
            OrderEvent::FulfillmentProgressed(progress) => {
                let newest = self.progress.get(&progress.fulfillment).is_none_or(|known| known.as_of < progress.as_of);
                if newest {
                    self.progress.insert(progress.fulfillment.clone(), progress.clone());
                }
            }
            OrderEvent::CrmUpdated(told) => {
                let known = std::mem::replace(&mut self.told, CrmState::Nothing);
                self.told = learn(known, told);
            }
            OrderEvent::Invoiced(invoiced) => {
                self.open_effects.remove(&Effect::Invoice);
                if self.awaits_invoice() {
                    self.reroute(|price| Stage::Invoiced(price, invoiced.clone()));
                } else {
                    self.record_duplicate(Effect::Invoice, &invoiced.invoice);
                }
            }
            OrderEvent::CancelRequested(request) => {
                self.amending = None;
                self.desired = Desired::Cancelled(request.clone());
            }
            OrderEvent::Held(held) => self.desired = Desired::OnHold(held.clone()),
            OrderEvent::HoldReleased(_) => self.desired = Desired::Active,
            OrderEvent::AmendRequested(amendment) => self.amending = Some(amendment.clone()),
            OrderEvent::Amended(amendment) => self.amend(amendment),
            OrderEvent::AmendRejected(_) => self.amending = None,
            OrderEvent::WithdrawalRequested(request) => {
                self.withdrawals.insert(request.fulfillment.clone(), request.why);
            }
            OrderEvent::ReviewDecided(decision) => self.follow(decision),
            OrderEvent::Overdue(_) => self.overdue = true,
            OrderEvent::EffectStarted(started) => {
                self.refused.remove(&started.effect);
                claim(&mut self.open_effects, started);
            }
            OrderEvent::EffectFailed(failed) => let_go(&mut self.open_effects, failed),
            OrderEvent::EffectRejected(refused) => {
                close_refused(&mut self.open_effects, refused);
                self.forget(ReviewKind::PartnerRefused);
                self.forget(ReviewKind::OutcomeUnknown);
                self.refused.insert(refused.effect.clone(), refused.rejection.clone());
            }
        }
    }

    /// Stock that was set aside belongs to the order, unless it asked for none, has it already, or gave it up meanwhile.
    fn allocate(&mut self, allocation: &Allocation) {
        let part = allocation.part;
        self.settle(&Effect::Allocate { part });
        if self.released.remove(&part) {
            self.to_deallocate.insert(part);
        }
        if self.to_deallocate.contains(&part) {
            return;
        }
        if self.awaits_part(part) {
            self.arrived.clear();
            self.allocations.insert(part, allocation.clone());
        } else {
            self.record_duplicate(Effect::Allocate { part }, &allocation.number);
        }
    }

    /// Whether the order has a place for what this part's allocation made.
    pub(super) fn awaits_part(&self, part: u32) -> bool {
        self.price().is_some() && self.invoice().is_none() && part == self.next_part()
    }

    fn release(&mut self, released: &Released) {
        self.settle(&Effect::CreateSalesOrder);
        match &self.sales_order {
            SalesOrderState::Made(number) if *number != released.sales_order => {
                return self.record_duplicate(Effect::CreateSalesOrder, &released.sales_order);
            }
            SalesOrderState::Made(_) | SalesOrderState::Unmade | SalesOrderState::Cancelled(_) => {}
        }
        self.sales_order = SalesOrderState::Made(released.sales_order.clone());
        if self.awaits_release(released.revision)
            && let Some(price) = self.price().cloned()
        {
            self.stage = Stage::Released(price);
        }
    }

    /// Whether the order waits for the ERP to have it with this content.
    pub(super) fn awaits_release(&self, revision: u32) -> bool {
        matches!(self.stage, Stage::Priced(..)) && !self.allocations.is_empty() && revision == self.revision
    }

    /// Whether the order has a place for an invoice.
    pub(super) fn awaits_invoice(&self) -> bool {
        match self.stage {
            Stage::Released(_) | Stage::Unroutable(..) | Stage::Routed(_) => true,
            Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced(..) | Stage::Invoiced(..) => false,
        }
    }

    /// The order says something else, and goes its way from the beginning; what stands at the ERP is given back or changed.
    fn amend(&mut self, amendment: &Amendment) {
        self.amending = None;
        self.revision = amendment.revision;
        self.digests.insert(amendment.digest.clone());
        self.submission.lines.clone_from(&amendment.lines);
        self.submission.ship_to = amendment.ship_to.clone();
        self.submission.destination = amendment.destination.clone();
        // What was promised was promised for another content.
        self.submission.expected = None;
        self.overrides = Overrides::default();
        self.to_deallocate.extend(self.allocations.keys());
        let under_way: Vec<u32> = self.parts_under_way().map(|(part, _)| part).collect();
        self.to_deallocate.extend(under_way);
        self.superseded.extend(self.assignments.keys().cloned());
        self.allocations.clear();
        self.arrived.clear();
        self.refused.clear();
        self.stage = Stage::Submitted;
    }

    /// What a decision changes by itself. What it lets other steps do follows from the state.
    fn follow(&mut self, decision: &Decision) {
        match (decision.kind, decision.choice) {
            (ReviewKind::Unpriceable, Choice::Retry) => self.stage = Stage::Submitted,
            (ReviewKind::CreditRefused, Choice::Approve) => {
                if let Stage::Priced(price, credit) = &mut self.stage {
                    *credit = Credit::Approved(CreditApproved { amount: price.total, valid_until: None });
                }
            }
            (ReviewKind::PriceDisagrees, Choice::Approve) => self.overrides.price = true,
            (ReviewKind::StockShort, Choice::ShipAvailable) => self.overrides.parts = true,
            (ReviewKind::Unroutable | ReviewKind::FulfillmentRejected, Choice::RouteAgain) => {
                self.retry_allowed = self.assignments.keys().cloned().collect();
                if let Stage::Unroutable(price, _) = &self.stage {
                    self.stage = Stage::Released(price.clone());
                }
            }
            (ReviewKind::PartnerRefused | ReviewKind::OutcomeUnknown, Choice::Retry) => {
                let asked_again = |effect: &Effect, why: &Rejection| refusal(effect, why).key() == decision.review;
                for (effect, _) in self.refused.extract_if(.., |effect, why| asked_again(effect, why)) {
                    // Whoever decides so has looked: what was in doubt is asked for as for the first time.
                    self.open_effects.remove(&effect);
                }
            }
            (_, _) => {}
        }
        self.decisions.insert(decision.review.clone(), decision.clone());
    }

    /// A partner said it again: what was decided of the last time says nothing of this one.
    fn forget(&mut self, kind: ReviewKind) {
        self.decisions.retain(|_, decision| decision.kind != kind);
    }

    /// An announced effect is answered.
    fn settle(&mut self, effect: &Effect) {
        self.open_effects.remove(effect);
        self.refused.remove(effect);
    }

    /// A document of the ERP that the order has no place for: it exists, so it is kept.
    fn record_duplicate(&mut self, effect: Effect, document: &DocumentNumber) {
        if self.document(&effect) != Some(document) {
            self.duplicates.entry(effect).or_default().insert(document.clone());
        }
    }

    fn set_credit(&mut self, word: Credit) {
        if let Stage::Priced(_, credit) = &mut self.stage {
            *credit = word;
        }
    }

    /// Moves a released order on, keeping its price.
    fn reroute(&mut self, to: impl FnOnce(Price) -> Stage) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Submitted) {
            Stage::Released(price) | Stage::Unroutable(price, _) | Stage::Routed(price) | Stage::Invoiced(price, _) => {
                to(price)
            }
            early @ (Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced(..)) => early,
        };
    }
}

fn learn(known: CrmState, told: &CrmUpdated) -> CrmState {
    match known {
        CrmState::Newest(newer) | CrmState::Stale(newer) if newer.version > told.version => CrmState::Stale(newer),
        CrmState::Nothing | CrmState::Newest(_) | CrmState::Stale(_) => CrmState::Newest(told.clone()),
    }
}

impl Order {
    /// The order after `event`.
    pub(super) fn after(self, event: &OrderEvent) -> Self {
        match (self, event) {
            (Self::Absent, OrderEvent::Submitted(submission)) => {
                Self::Known(Box::new(OrderState::new(submission.clone())))
            }
            // Nothing but a submission can be the first event; `decide` sees to it.
            (Self::Absent, _) => Self::Absent,
            (Self::Known(mut known), event) => {
                known.apply(event);
                Self::Known(known)
            }
        }
    }

    /// The order, if it was submitted.
    pub fn known(&self) -> Option<&OrderState> {
        match self {
            Self::Absent => None,
            Self::Known(known) => Some(known),
        }
    }
}
