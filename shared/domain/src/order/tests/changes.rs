//! Change requests: cancel, hold, amend; and second submissions.

use super::*;

#[test]
fn b27_a_repeated_submission_changes_nothing_and_a_conflicting_one_is_recorded_once() {
    let order = begin::<Order>([OrderCommand::Submit(submission(&[3]))]);
    assert_eq!(order.decide(OrderCommand::Submit(submission(&[3]))), Ok(vec![]));
    let mut other = submission(&[4]);
    other.digest = "second".to_owned();
    let conflicted = apply(order, OrderCommand::Submit(other.clone()));
    assert_eq!(kinds(&conflicted), [OrderReview::ConflictingSubmission]);
    assert_eq!(conflicted.decide(OrderCommand::Submit(other)), Ok(vec![]));
    assert_eq!(quantities(&conflicted, 1).ordered, each(3));
}

#[test]
fn b04_a_cancelled_order_undoes_its_documents_once_every_fulfillment_is_withdrawn() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let events = order.decide(OrderCommand::Cancel(cancel())).unwrap();
    let withdrawals = events.iter().filter(|event| matches!(event, OrderEvent::WithdrawalRequested(_))).count();
    assert_eq!(withdrawals, 2, "each fulfillment is withdrawn: {events:?}");
    let order = play(order, [OrderCommand::Cancel(cancel()), withdrawn(1, 3)]);
    assert!(
        order.deallocation().is_none() && order.sales_order_cancellation().is_none(),
        "the second fulfillment may still ship"
    );
    let order = apply(order, rejection(2, 3));
    assert_eq!(order.sales_order_cancellation().unwrap().sales_order, Some(id("SO-1")));
    assert_eq!(order.deallocation().unwrap().allocation_no, AllocationNo::new(1));
    assert_eq!(status(&order), Status::Cancelling);
    let order = apply(order, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    let undone = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) });
    assert_eq!(notices(&order.decide(undone.clone()).unwrap()), [Template::Cancelled]);
    let order = apply(order, undone);
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelled, vec![]));
    assert_eq!(quantities(&order, 1).cancelled, each(10));
    assert!(order.deallocation().is_none() && order.sales_order_cancellation().is_none());
}

#[test]
fn b04_a_cancellation_after_picking_is_refused_and_the_order_continues() {
    let cancelled = apply(routed_order(), OrderCommand::Cancel(cancel()));
    let events = cancelled.decide(withdrawal_refused(1, 3)).unwrap();
    assert_eq!(notices(&events), [Template::CancelRejected]);
    let order = apply(cancelled, withdrawal_refused(1, 3));
    assert_eq!((status(&order), kinds(&order)), (Status::Accepted, vec![OrderReview::WithdrawalRefused]));
    assert!(order.sales_order_cancellation().is_none() && order.deallocation().is_none());
    let order = apply(order, report(1, 6, &[(1, 10)], &[(1, 10)]));
    assert_eq!(status(&order), Status::Delivered);
    assert!(order.invoice_request().is_some(), "what shipped is invoiced");
}

#[test]
fn b05_a_shipment_that_crosses_a_cancellation_counts_and_is_reviewed() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let cancelled = apply(order.clone(), OrderCommand::Cancel(cancel()));
    assert_eq!((status(&cancelled), kinds(&cancelled)), (Status::Cancelling, vec![]));
    let shipment = report(1, 4, &[(1, 6)], &[]);
    assert_eq!(notices(&cancelled.decide(shipment.clone()).unwrap()), [Template::CancelRejected]);
    let crossed = apply(cancelled, shipment);
    assert_eq!(status(&crossed), Status::PartiallyShipped);
    assert_eq!(kinds(&crossed), [OrderReview::ShippedAfterCancel]);
    assert!(OrderReview::ShippedAfterCancel.options().contains(&Choice::OfferReturn));
    let ended = play(crossed, [rejection(2, 3), report(1, 6, &[(1, 6)], &[(1, 6)])]);
    assert_eq!(status(&ended), Status::Delivered);
    assert_eq!(kinds(&ended), [OrderReview::ShippedAfterCancel]);
    assert_eq!((quantities(&ended, 1).cancelled, quantities(&ended, 1).shipped), (each(4), each(6)));
    let shipped = apply(order, report(1, 4, &[(1, 6)], &[]));
    let rest = shipped.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert!(
        matches!(&rest[..], [OrderEvent::CancelRequested(_), OrderEvent::WithdrawalRequested(request)] if request.fulfillment == fulfillment_id(2))
    );
    let all = apply(shipped, report(2, 4, &[(1, 4)], &[]));
    let refused = all.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert!(matches!(&refused[..], [OrderEvent::RequestRejected(why), _] if why.code == "ALREADY_SHIPPED"));
    assert_eq!(notices(&refused), [Template::CancelRejected]);
}

#[test]
fn b05_of_a_partly_cancelled_order_only_the_shipped_lines_are_invoiced() {
    let order =
        apply(routed(&[6, 4], &[&[line_quantity(1, 6)], &[line_quantity(2, 4)]]), OrderCommand::Cancel(cancel()));
    let order = play(order, [withdrawn(2, 3), report(1, 6, &[(1, 6)], &[(1, 6)])]);
    assert_eq!(status(&order), Status::Delivered);
    assert_eq!(order.invoice_request().unwrap().lines, [line_quantity(1, 6)]);
}

#[test]
fn b04_a_fulfillment_accepted_after_the_cancellation_is_withdrawn_or_reviewed_if_it_ships() {
    let undone = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) });
    let accepted_late =
        play(routed_order(), [OrderCommand::Cancel(cancel()), withdrawn(1, 3), undone.clone(), report(1, 5, &[], &[])]);
    assert_eq!(Opened::withdrawn(&accepted_late, &fulfillment_id(1)).unwrap().sales_order, id("SO-1"));
    assert_eq!(kinds(&accepted_late), []);
    let ships = report(1, 6, &[(1, 10)], &[]);
    assert_eq!(notices(&accepted_late.decide(ships.clone()).unwrap()), [Template::CancelRejected]);
    assert_eq!(kinds(&apply(accepted_late, ships.clone())), [OrderReview::ShippedAfterCancel]);
    // The same if the fulfillment was withdrawn for another reason, or rejected, before the cancellation.
    for before in [vec![OrderCommand::Hold(held()), withdrawn(1, 3)], vec![rejection(1, 3)]] {
        let order = play(routed_order(), before);
        let order = play(order, [OrderCommand::Cancel(cancel()), undone.clone(), ships.clone()]);
        assert_eq!(kinds(&order), [OrderReview::ShippedAfterCancel]);
    }
}

#[test]
fn b04_a_cancellation_after_a_refused_amendment_gets_its_own_answer() {
    let order = play(routed_order(), [OrderCommand::Amend(amendment(&[8])), withdrawal_refused(1, 3)]);
    let order = decide(&order, OrderReview::WithdrawalRefused, Choice::Acknowledge);
    let answer = order.decide(OrderCommand::Cancel(cancel())).unwrap();
    assert_eq!(notices(&answer), [Template::CancelRejected]);
    let order = play(order, [OrderCommand::Cancel(cancel()), report(1, 6, &[(1, 10)], &[])]);
    assert_eq!(kinds(&order), [OrderReview::ShippedAfterCancel]);
}

#[test]
fn a_decision_that_cannot_be_carried_out_leaves_its_review_open() {
    let delivered = apply(routed_order(), report(1, 8, &[(1, 10)], &[(1, 10)]));
    let refused = apply(delivered, OrderCommand::RecordEffectRejected(refused(OrderEffect::Invoice, "CLOSED")));
    let cancel = decision(&refused.reviews(), OrderReview::PartnerRefused, Choice::Cancel);
    let answer = refused.decide(OrderCommand::Decide(cancel.clone())).unwrap();
    assert!(
        matches!(&answer[..], [OrderEvent::RequestRejected(why), _] if why.code == "ALREADY_SHIPPED"),
        "{answer:?}"
    );
    let after = apply(refused, OrderCommand::Decide(cancel));
    assert_eq!(kinds(&after), [OrderReview::PartnerRefused]);
    assert!(decide(&after, OrderReview::PartnerRefused, Choice::Retry).invoice_request().is_some());
}

#[test]
fn b04_a_cancelled_order_is_undone_if_its_warehouse_refused_to_withdraw_and_packed_nothing() {
    let order = play(routed_order(), [OrderCommand::Cancel(cancel()), withdrawal_refused(1, 3)]);
    assert_eq!(status(&order), Status::Accepted);
    let order = apply(order, nothing_packed(1, 5));
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelling, vec![]));
    assert!(order.sales_order_cancellation().is_some() && order.deallocation().is_some());
}

#[test]
fn b03_a_hold_after_the_release_withdraws_the_fulfillments_and_its_release_routes_again() {
    let held_order = apply(routed_order(), OrderCommand::Hold(held()));
    assert_eq!(status(&held_order), Status::OnHold);
    assert!(held_order.assignment(&fulfillment_id(1)).is_none(), "an order on hold has no assignment to request");
    assert_eq!(held_order.withdrawal(&fulfillment_id(1)).unwrap().1, WithdrawalReason::Held);
    let unassigned = apply(held_order.clone(), withdrawn(1, 3));
    assert!(unassigned.routing_query().is_none(), "an order on hold is not routed");
    let continued = apply(unassigned, OrderCommand::ReleaseHold(hold_released()));
    let query = continued.routing_query().unwrap();
    let OrderCommand::RecordRouting(again) = query.decide(&[site("EAST", 1, &[])], at(0)) else { unreachable!() };
    assert_eq!(again.assignments[0].fulfillment, fulfillment_id(2), "the new fulfillment has a new number");
    let picked = apply(held_order, withdrawal_refused(1, 3));
    assert_eq!(kinds(&picked), [OrderReview::WithdrawalRefused]);
    let repeated = picked.decide(OrderCommand::Hold(held())).unwrap();
    assert!(matches!(&repeated[..], [OrderEvent::RequestRejected(why)] if why.code == "ALREADY_HELD"));
}

#[test]
fn b06_an_address_changes_for_all_fulfillments_or_for_none() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let mut moved = amendment(&[10]);
    moved.ship_to.n = 2;
    let amending = apply(order, OrderCommand::Amend(moved.clone()));
    assert_eq!(amending.fulfillments.withdrawals.len(), 2);
    let half = apply(amending.clone(), withdrawn(1, 3));
    assert_eq!(half.terms.submission.ship_to.n, 1, "the second fulfillment may still ship to the old address");
    let all = half.decide(withdrawn(2, 3)).unwrap();
    assert_eq!(notices(&all), [Template::Amended]);
    assert_eq!(apply(half.clone(), withdrawn(2, 3)).terms.submission.ship_to.n, 2);
    let none = apply(half, withdrawal_refused(2, 3));
    assert_eq!((none.terms.submission.ship_to.n, none.terms.revision), (1, 0));
    assert_eq!(kinds(&none), [OrderReview::WithdrawalRefused]);
    assert_eq!(quantities(&none, 1).open, each(6), "the withdrawn quantity is routed again to the old address");
    assert!(none.routing_query().is_some());
    let before = begin::<Order>(to_release(&[10]).into_iter().take(2));
    assert_eq!(apply(before, OrderCommand::Amend(moved)).terms.submission.ship_to.n, 2);
}

#[test]
fn b07_an_amended_order_is_priced_allocated_and_routed_again_after_the_old_content_is_undone() {
    let order = play(routed_order(), [OrderCommand::Amend(amendment(&[8])), withdrawn(1, 3)]);
    assert_eq!((status(&order), order.terms.revision), (Status::Submitted, 1));
    assert_eq!(quantities(&order, 1).ordered, each(8));
    let mut quoted = quote(&submission(&[8]), 1);
    assert_eq!(
        order.decide(OrderCommand::RecordQuote(quoted.clone())),
        Ok(vec![]),
        "a quote for an earlier revision is ignored"
    );
    quoted.revision = 1;
    let order = play(order, [OrderCommand::RecordQuote(quoted), OrderCommand::RecordCreditApproved(approved())]);
    assert!(order.allocation_request().is_none(), "the old allocation is undone first");
    assert_eq!(order.deallocation().unwrap().allocation_no, AllocationNo::new(1));
    let order = apply(order, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    let request = order.allocation_request().unwrap();
    assert_eq!((request.allocation_no, request.lines[0].quantity), (AllocationNo::new(2), each(8)));
    assert!(request.key() != "allocate" && request.reference().ends_with("/2"));
    let mut new_allocation = allocation("AL-2", &[(1, &[("EAST", 8)], 0)]);
    new_allocation.allocation_no = AllocationNo::new(2);
    let order = apply(order, OrderCommand::RecordAllocation(new_allocation));
    let sales_order = order.sales_order_request(at(0)).unwrap();
    assert_eq!(sales_order.revision, 1, "the sales order is changed, not created again");
    let changed = Released { sales_order: id("SO-1"), revision: 1 };
    let order = apply(order, OrderCommand::RecordRelease(changed));
    assert_eq!((status(&order), kinds(&order)), (Status::Released, vec![]));
    assert!(order.routing_query().is_some());
}
