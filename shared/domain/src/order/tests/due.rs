//! What is due.

use super::*;
use crate::due::{DueWork, newly_due};

/// The steps that `command` wakes.
fn woken(state: &Order, command: OrderCommand) -> Vec<&'static str> {
    let after = apply(state.clone(), command);
    let id = state.id();
    let (before, after) = (Order::due(Some(state), id), Order::due(Some(&after), id));
    let due: Vec<&DueWork> = newly_due(&before, &after).collect();
    due.into_iter().map(|work| work.step).collect()
}

#[test]
fn b50_the_sales_order_is_due_once_both_answers_are_there() {
    let priced = begin::<Order>(to_release(&[10]).into_iter().take(2));
    let credit = OrderCommand::RecordCreditApproved(approved());
    let stock = OrderCommand::RecordAllocation(allocation("AL-1", &[(1, &[("EAST", 10)], 0)]));
    for (first, second) in [(credit.clone(), stock.clone()), (stock, credit)] {
        assert_eq!(woken(&priced, first.clone()), [""; 0], "{first:?}");
        assert_eq!(woken(&apply(priced.clone(), first), second), ["sales-order-create"]);
    }
}

#[test]
fn b50_each_allocation_of_a_cancelled_order_is_freed_in_turn() {
    let first = |no| OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(no) });
    let part = domain::order::Allocation {
        allocation_no: AllocationNo::new(2),
        ..allocation("AL-2", &[(1, &[("EAST", 4)], 0)])
    };
    let short = to_release(&[10]).into_iter().take(3);
    let short = short.chain([OrderCommand::RecordAllocation(allocation("AL-1", &[(1, &[("EAST", 6)], 4)]))]);
    let more = [OrderCommand::RecordAllocation(part), OrderCommand::Cancel(cancel())];
    let order = begin::<Order>(short.chain(more));
    assert_eq!(order.stock.allocations.len(), 2);
    assert!(woken(&order, first(1)).contains(&"stock-deallocate"), "the second one");
    assert!(!woken(&apply(order.clone(), first(1)), first(2)).contains(&"stock-deallocate"), "none is left");
}

#[test]
fn b50_the_crm_hears_of_a_cancellation_that_a_refused_effect_completes() {
    let effect = OrderEffect::Allocate { allocation_no: AllocationNo::FIRST };
    let priced = to_release(&[10]).into_iter().take(2);
    let asked = [OrderCommand::Announce(started(effect.clone(), 1)), OrderCommand::Cancel(cancel())];
    let order = begin::<Order>(priced.chain(asked));
    assert_eq!(order.status(), Status::Cancelling);
    let refusal = OrderCommand::RecordEffectRejected(refused(effect, "NO_STOCK"));
    assert_eq!(apply(order.clone(), refusal.clone()).status(), Status::Cancelled);
    assert_eq!(woken(&order, refusal), ["crm-update"]);
}
