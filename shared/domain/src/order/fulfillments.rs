//! Sub-machine: the order's fulfillments, as far as the order decides by them. Each fulfillment has a stream of its own; here
//! are its assignment, its withdrawal and its newest report.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{FulfillmentId, LineNo};
use crate::order::Order;
use crate::order::event::{Assignment, CancelRequested, OrderEvent, Routed, WithdrawalReason, WithdrawalRequested};
use crate::order::pricing::Stage;
use crate::order::routing::Routing;
use crate::shipment::{Progress, RequestStatus};
use crate::workflow::Workflow;

/// The order's fulfillments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fulfillments {
    /// What each warehouse is to ship.
    pub assignments: BTreeMap<FulfillmentId, Assignment>,
    /// Requested withdrawals.
    pub withdrawals: BTreeMap<FulfillmentId, WithdrawalReason>,
    /// Fulfillments whose refusal no longer excludes their site from routing.
    pub retry_allowed: BTreeSet<FulfillmentId>,
    /// Fulfillments of an earlier revision; their shortages are not backordered.
    pub superseded: BTreeSet<FulfillmentId>,
    /// Digest of the routing query that no site could meet, until something changes it or a person decides to route again.
    pub unroutable: Option<String>,
    /// The newest report of each fulfillment's stream.
    pub progress: BTreeMap<FulfillmentId, Progress>,
}

impl Fulfillments {
    /// All fulfillments, assigned or only reported.
    pub fn ids(&self) -> impl Iterator<Item = &FulfillmentId> {
        self.assignments.keys().chain(self.progress.keys().filter(|id| !self.assignments.contains_key(*id)))
    }

    /// Whether anything of a fulfillment has left its warehouse.
    pub fn has_shipped(&self, id: &FulfillmentId) -> bool {
        self.progress.get(id).is_some_and(|progress| progress.shipped.values().any(|shipped| !shipped.is_zero()))
    }

    /// Whether anything of any fulfillment has left its warehouse.
    pub(super) fn any_shipped(&self) -> bool {
        self.progress.keys().any(|id| self.has_shipped(id))
    }

    /// Whether a fulfillment will certainly not ship: its warehouse refused it, withdrew it, or closed it without a package.
    pub fn will_not_ship(&self, id: &FulfillmentId) -> bool {
        let Some(progress) = self.progress.get(id) else { return false };
        let without_goods = match progress.request_status {
            RequestStatus::Rejected | RequestStatus::Withdrawn => true,
            RequestStatus::Accepted => !progress.has_packages && self.is_unfilled(id, progress),
            RequestStatus::Requested => false,
        };
        without_goods && !self.has_shipped(id)
    }

    /// Whether the warehouse closed the fulfillment and will ship nothing of it.
    fn is_unfilled(&self, id: &FulfillmentId, progress: &Progress) -> bool {
        let Some(assignment) = self.assignments.get(id) else { return false };
        let mut requested: BTreeMap<LineNo, Decimal> = BTreeMap::new();
        for line in &assignment.lines {
            *requested.entry(line.line).or_default() += line.quantity.amount();
        }
        let missing = |line: &LineNo| progress.unfilled.get(line).map(|quantity| quantity.amount());
        progress.closed_short && requested.iter().all(|(line, requested)| missing(line) == Some(*requested))
    }

    /// Whether all fulfillments, assigned or only reported, will certainly not ship.
    pub(super) fn none_will_ship(&self) -> bool {
        self.ids().all(|id| self.will_not_ship(id))
    }

    /// Fulfillments that a warehouse has, or may have, and of which nothing has left.
    pub fn withdrawable(&self) -> impl Iterator<Item = &FulfillmentId> {
        self.assignments.keys().filter(|id| !self.will_not_ship(id) && !self.has_shipped(id))
    }

    /// Whether a withdrawal was requested and is neither carried out nor refused.
    pub fn is_returning(&self, id: &FulfillmentId) -> bool {
        self.withdrawals.contains_key(id)
            && !self.will_not_ship(id)
            && !self.has_shipped(id)
            && !self.was_withdrawal_refused(id)
    }

    /// Whether the warehouse ships the fulfillment in spite of a requested withdrawal.
    pub(super) fn ships_anyway(&self, id: &FulfillmentId) -> bool {
        self.has_shipped(id) || (!self.will_not_ship(id) && self.was_withdrawal_refused(id))
    }

    /// A fulfillment that its warehouse ships in spite of a requested withdrawal.
    pub(super) fn one_that_ships_anyway(&self) -> Option<&FulfillmentId> {
        self.withdrawals.keys().find(|id| self.ships_anyway(id))
    }

    fn was_withdrawal_refused(&self, id: &FulfillmentId) -> bool {
        self.progress.get(id).is_some_and(|progress| progress.withdrawal_refused.is_some())
    }

    fn status(&self, id: &FulfillmentId) -> Option<RequestStatus> {
        self.progress.get(id).map(|progress| progress.request_status)
    }

    /// Fulfillments that their warehouses rejected or did not answer, and that no decision allowed to be retried.
    pub fn refusals(&self) -> impl Iterator<Item = &FulfillmentId> {
        let refused = |id: &&FulfillmentId| match self.status(id) {
            Some(RequestStatus::Rejected) => true,
            Some(RequestStatus::Withdrawn) => self.withdrawals.get(*id) == Some(&WithdrawalReason::NoResponse),
            Some(RequestStatus::Requested | RequestStatus::Accepted) | None => false,
        };
        self.assignments.keys().filter(refused).filter(|id| !self.retry_allowed.contains(*id))
    }

    /// Whether every fulfillment that may ship is accepted, and there is one.
    pub(super) fn all_accepted(&self) -> bool {
        let mut live = self.assignments.keys().filter(|id| !self.will_not_ship(id)).peekable();
        live.peek().is_some() && live.all(|id| self.status(id) == Some(RequestStatus::Accepted))
    }

    /// Whether a package of any fulfillment has left and has neither arrived nor been returned.
    pub(super) fn any_under_way(&self) -> bool {
        self.progress.values().any(|progress| progress.under_way)
    }

    /// Whether a package of any fulfillment is being returned to the sender.
    pub(super) fn any_returned(&self) -> bool {
        self.progress.values().any(|progress| progress.returned)
    }

    /// Whether the ERP has the goods issue of every package that left.
    pub(super) fn all_posted(&self) -> bool {
        self.progress.iter().all(|(id, progress)| self.will_not_ship(id) || progress.goods_issued)
    }

    /// A register replaces an older one.
    pub(super) fn apply_progress(&mut self, progress: &Progress) {
        if self.is_newest(progress) {
            let known = self.progress.remove(&progress.fulfillment);
            self.progress.insert(progress.fulfillment.clone(), progress.clone().onto(known));
        }
    }

    fn is_newest(&self, progress: &Progress) -> bool {
        // Version 0 has what the order takes for granted without a report.
        self.progress.get(&progress.fulfillment).map_or(0, |known| known.as_of) < progress.as_of
    }

    /// Whether a warehouse accepted a fulfillment after it was certain that it would not ship: it has to be withdrawn again.
    fn was_accepted_late(&self, after: &Self, id: &FulfillmentId) -> bool {
        self.withdrawals.contains_key(id)
            && self.will_not_ship(id)
            && after.status(id) == Some(RequestStatus::Accepted)
            && !after.will_not_ship(id)
            && !after.has_shipped(id)
    }

    /// The event that requests a withdrawal of each of `ids`.
    pub(super) fn withdraw<'a>(
        ids: impl Iterator<Item = &'a FulfillmentId>,
        why: WithdrawalReason,
    ) -> impl Iterator<Item = OrderEvent> {
        ids.map(move |id| OrderEvent::WithdrawalRequested(WithdrawalRequested { fulfillment: id.clone(), why }))
    }

    /// The fulfillments that `why` withdraws: those that may still be withdrawn and were not refused before.
    pub(super) fn withdrawals_for(&self, why: WithdrawalReason) -> impl Iterator<Item = OrderEvent> {
        Self::withdraw(self.withdrawable().filter(|id| !self.ships_anyway(id)), why)
    }
}

impl Order {
    /// A fulfillment that its warehouse is to ship: the request is made from it.
    pub fn assignment(&self, id: &FulfillmentId) -> Option<&Assignment> {
        let wanted = self.is_active() && !self.fulfillments.withdrawals.contains_key(id);
        self.fulfillments.assignments.get(id).filter(|_| wanted)
    }

    /// A fulfillment whose withdrawal is requested, with the reason.
    pub fn withdrawal(&self, id: &FulfillmentId) -> Option<(&Assignment, WithdrawalReason)> {
        Some((self.fulfillments.assignments.get(id)?, *self.fulfillments.withdrawals.get(id)?))
    }

    /// Whether the order is cancelled and certainly nothing of it ships: what was made for it can be undone.
    pub fn nothing_will_ship(&self) -> bool {
        self.is_cancelled() && self.fulfillments.none_will_ship()
    }

    /// Discards a routing that was computed before another one was committed; the next delivery routes again.
    pub(super) fn record_routing(&self, routing: Routing) -> Vec<OrderEvent> {
        let is_assigned = |new: &Assignment| self.fulfillments.assignments.contains_key(&new.fulfillment);
        if !self.is_active() || !self.stage.awaits_invoice() || routing.assignments.iter().any(is_assigned) {
            return vec![];
        }
        let routed = Routed { candidates: routing.candidates };
        if routing.assignments.is_empty() {
            let again = matches!(&self.stage, Stage::Unroutable(_, known) if *known == routed);
            return if again { vec![] } else { vec![OrderEvent::Unroutable(routed)] };
        }
        let assigned = routing.assignments.into_iter().map(OrderEvent::Assigned);
        std::iter::once(OrderEvent::Routed(routed)).chain(assigned).collect()
    }

    /// The newest register counts. A newer one with the same content is recorded, too: a register between the two may still
    /// arrive, and only the newer `as_of` shows that it is old.
    pub(super) fn record_progress(&self, progress: Progress) -> Vec<OrderEvent> {
        if !self.fulfillments.is_newest(&progress) {
            return vec![];
        }
        let fulfillment = progress.fulfillment.clone();
        let closed_short = progress.closed_short;
        let known = self.fulfillments.progress.get(&fulfillment);
        let mut events = vec![OrderEvent::FulfillmentProgressed(progress.since(known))];
        if self.fulfillments.withdrawals.is_empty() && !closed_short {
            return events;
        }
        let after = events.iter().fold(self.clone(), Self::evolve);
        if self.fulfillments.was_accepted_late(&after.fulfillments, &fulfillment) {
            let why = if self.is_cancelled() { WithdrawalReason::Cancelled } else { WithdrawalReason::TakenLate };
            events.extend(Fulfillments::withdraw([&fulfillment].into_iter(), why));
        }
        events.extend(after.conclude_amendment());
        if after.was_closed_unfilled() {
            let reason = "no warehouse shipped any of it, and what is short is not sent later".to_owned();
            events.push(OrderEvent::CancelRequested(CancelRequested { reason, asked_at: None }));
        }
        events
    }

    /// Whether the warehouses are done, nothing shipped, and the shortages are not backordered: then the order is cancelled.
    fn was_closed_unfilled(&self) -> bool {
        !self.is_cancelled()
            && self.changes.amending.is_none()
            && !self.fulfillments.assignments.is_empty()
            && self.fulfillments.assignments.keys().all(|id| self.fulfillments.will_not_ship(id))
            && self.line_quantities().iter().all(|line| line.cancelled == line.ordered)
    }

    /// A warehouse that did not answer in its time loses the fulfillment.
    pub(super) fn reassign(&self, id: &FulfillmentId) -> Vec<OrderEvent> {
        let unanswered = matches!(self.fulfillments.status(id), None | Some(RequestStatus::Requested));
        let ids = [id].into_iter().filter(|id| unanswered && self.assignment(id).is_some());
        Fulfillments::withdraw(ids, WithdrawalReason::NoResponse).collect()
    }
}
