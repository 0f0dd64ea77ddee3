//! The notices for the customer. A notice is added when its condition becomes true.

use std::collections::BTreeSet;

use crate::goods::ShortPolicy;
use crate::ids::FulfillmentId;
use crate::order::changes::Desired;
use crate::order::event::{OrderEvent, Template, WithdrawalReason};
use crate::order::{Fulfillments, LineQuantities, Order, OrderCommand, Status};
use crate::shipment::Progress;
use crate::workflow::Workflow;

impl Order {
    /// Decides, then adds a notice for every customer-visible condition that became true.
    pub(super) fn decide_with_notices(&self, command: OrderCommand) -> Vec<OrderEvent> {
        let may_concern_the_customer = self.may_concern_the_customer(&command);
        let mut events = self.decide_command(command);
        if !self.returnables.is_empty() {
            events.extend(self.resettle_returnables(&events));
        }
        if may_concern_the_customer && !events.is_empty() {
            let before = self.conditions();
            let after = events.iter().fold(self.clone(), Self::evolve).conditions();
            events.extend(after.difference(&before).copied().map(OrderEvent::notice));
        }
        events
    }

    /// Whether a command may make such a condition true. The comparison is costly, and most reports of a smooth order
    /// cannot.
    fn may_concern_the_customer(&self, command: &OrderCommand) -> bool {
        match command {
            OrderCommand::RecordProgress(progress) => self.is_cancelled() || progress.closed_short || progress.returned,
            OrderCommand::RecordAllocation(allocation) => allocation.lines.iter().any(|line| !line.short.is_zero()),
            OrderCommand::RecordEffectFailed(failed) => failed.did_nothing() && self.is_cancelled(),
            OrderCommand::RecordDeallocated(_)
            | OrderCommand::RecordSalesOrderCancelled(_)
            | OrderCommand::RaiseOverdue(_)
            | OrderCommand::Cancel(_)
            | OrderCommand::Hold(_)
            | OrderCommand::Decide(_) => true,
            OrderCommand::Submit(_)
            | OrderCommand::RecordPredecessorShipped(_)
            | OrderCommand::RecordQuote(_)
            | OrderCommand::RecordUnpriceable(_)
            | OrderCommand::RecordCreditApproved(_)
            | OrderCommand::RecordCreditExpiredOnArrival(_)
            | OrderCommand::RecordCreditRefused(_)
            | OrderCommand::ExpireCredit(_)
            | OrderCommand::RecordStock(_)
            | OrderCommand::RecordRelease(_)
            | OrderCommand::RecordRouting(_)
            | OrderCommand::RecordCrmUpdated(_)
            | OrderCommand::RecordInvoice(_)
            | OrderCommand::ReserveReturn(_)
            | OrderCommand::RecordDiscard(_)
            | OrderCommand::ReleaseHold(_)
            | OrderCommand::Amend(_)
            | OrderCommand::RefuseRequest(_)
            | OrderCommand::Reassign(_)
            | OrderCommand::Announce(_)
            | OrderCommand::RecordEffectRejected(_) => false,
        }
    }

    /// Whether anything of the present content waits for stock, or waited for it. Stock that is shown again and again and cannot be
    /// found would otherwise be a notice each time.
    fn was_ever_short(&self, lines: &[LineQuantities]) -> bool {
        let Fulfillments { progress, assignments, superseded, .. } = &self.fulfillments;
        let waits = |id: &FulfillmentId| {
            assignments.get(id).is_some_and(|assignment| assignment.on_short == ShortPolicy::Backorder)
        };
        let unfilled = |(id, progress): (&FulfillmentId, &Progress)| {
            !progress.unfilled.is_empty() && !superseded.contains(id) && waits(id)
        };
        lines.iter().any(|line| !line.backordered.is_zero())
            || self.stock.lines().any(|line| !line.short.is_zero())
            || progress.iter().any(unfilled)
    }

    /// What is true of the order and concerns the customer.
    fn conditions(&self) -> BTreeSet<Template> {
        let lines = self.line_quantities();
        let cancelled = |(_, why): &(&FulfillmentId, &WithdrawalReason)| **why == WithdrawalReason::Cancelled;
        let kept_though_cancelled = || {
            let mut withdrawals = self.fulfillments.withdrawals.iter().filter(cancelled);
            withdrawals.any(|(id, _)| self.fulfillments.ships_anyway(id))
        };
        let conditions = [
            (Template::Backordered, self.is_desired() && self.was_ever_short(&lines)),
            (Template::PartlyCancelled, self.is_desired() && lines.iter().any(|line| !line.cancelled.is_zero())),
            (Template::OnHold, matches!(self.changes.desired, Desired::OnHold(_))),
            (Template::Cancelled, self.status() == Status::Cancelled),
            (Template::CancelRejected, self.is_cancelled() && kept_though_cancelled()),
            (Template::Delayed, self.overdue),
            (Template::ReturnedToSender, self.fulfillments.any_returned()),
        ];
        conditions.into_iter().filter_map(|(template, holds)| holds.then_some(template)).collect()
    }
}
