//! Routing, and the reports of the fulfillments.

use super::*;

#[test]
fn b08_the_status_of_a_split_order_is_computed_from_both_fulfillments() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    assert_eq!(status(&order), Status::Routed);
    let order = apply(order, report(1, 2, &[], &[]));
    assert_eq!(status(&order), Status::Routed, "only one fulfillment is accepted");
    let order = apply(order, report(2, 2, &[], &[]));
    assert_eq!(status(&order), Status::Accepted);
    let order = apply(order, report(1, 4, &[(1, 6)], &[(1, 6)]));
    assert_eq!(status(&order), Status::PartiallyShipped);
    let order = apply(order, report(2, 4, &[(1, 4)], &[]));
    assert_eq!(status(&order), Status::Shipped);
    assert!(order.invoice_request().is_none());
    let order = apply(order, report(2, 6, &[(1, 4)], &[(1, 4)]));
    assert_eq!(status(&order), Status::Delivered);
    assert!(order.invoice_request().is_some());
}

#[test]
fn b08_a_rejected_fulfillment_is_routed_again_and_reviewed_if_no_site_can_ship_it() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 6)], &[(1, 6)]), rejection(2, 3)]);
    assert_eq!(quantities(&order, 1).open, each(4));
    assert_eq!(status(&order), Status::PartiallyShipped);
    assert!(order.invoice_request().is_none());
    assert!(
        order.reviews().is_empty() && order.fulfillments.refusals().eq([&fulfillment_id(2)]),
        "it is reviewed only if no other site can ship it"
    );
    assert!(order.routing_query().is_some());
    let stuck = apply(order, OrderCommand::RecordRouting(routing(&[])));
    assert_eq!(kinds(&stuck), [OrderReview::Unroutable, OrderReview::FulfillmentRejected]);
    assert_eq!(status(&stuck), Status::PartiallyShipped);
}

#[test]
fn b12_an_over_shipment_across_fulfillments_is_counted_once_and_reviewed() {
    let order = routed(&[10], &[&[line_quantity(1, 6)], &[line_quantity(1, 4)]]);
    let order = play(order, [report(1, 4, &[(1, 8)], &[(1, 8)]), report(2, 4, &[(1, 4)], &[(1, 4)])]);
    let quantities = quantities(&order, 1);
    assert_eq!((quantities.over, quantities.shipped, quantities.in_fulfillment), (each(2), each(12), each(0)));
    assert_eq!(kinds(&order), [OrderReview::OverShipped]);
    assert_eq!(status(&order), Status::Delivered);
}

#[test]
fn a_fulfillment_that_its_warehouse_accepts_after_its_withdrawal_is_withdrawn_again() {
    for (request, why) in [
        (OrderCommand::Hold(held()), WithdrawalReason::TakenLate),
        (OrderCommand::Cancel(cancel()), WithdrawalReason::Cancelled),
    ] {
        let order = play(routed_order(), [request, withdrawn(1, 3)]);
        let late = order.decide(report(1, 5, &[], &[])).unwrap();
        assert!(
            late.iter().any(|event| matches!(event, OrderEvent::WithdrawalRequested(back) if back.why == why)),
            "{late:?}"
        );
    }
}

#[test]
fn b22_an_unroutable_order_is_routed_again_after_a_decision() {
    let order = play(routed_order(), [rejection(1, 3), OrderCommand::RecordRouting(routing(&[]))]);
    assert_eq!(status(&order), Status::Unroutable);
    let again = decide(&order, OrderReview::FulfillmentRejected, Choice::RouteAgain);
    assert!(again.fulfillments.refusals().next().is_none() && again.routing_query().is_some());
    let stuck = apply(again, OrderCommand::RecordRouting(routing(&[])));
    assert_eq!(kinds(&stuck), [OrderReview::Unroutable]);
}

#[test]
fn an_unanswered_fulfillment_is_withdrawn_and_assigned_to_another_site() {
    let withdrawing = apply(routed_order(), OrderCommand::Reassign(fulfillment_id(1)));
    assert_eq!(withdrawing.withdrawal(&fulfillment_id(1)).unwrap().1, WithdrawalReason::NoResponse);
    assert!(withdrawing.routing_query().is_none(), "its warehouse may still ship it");
    let reopened = apply(withdrawing.clone(), withdrawn(1, 3));
    let sites = [site("EAST", 1, &[]), site("WEST", 9, &[])];
    let OrderCommand::RecordRouting(other) = reopened.routing_query().unwrap().decide(&sites, at(0)) else {
        unreachable!()
    };
    assert_eq!(other.assignments[0].site.as_str(), "WEST");
    let again = withdrawing.decide(OrderCommand::Reassign(fulfillment_id(1)));
    assert_eq!(again, Ok(vec![]), "the withdrawal is requested once");
    let answered = apply(routed_order(), report(1, 3, &[], &[]));
    assert_eq!(answered.decide(OrderCommand::Reassign(fulfillment_id(1))), Ok(vec![]));
}

#[test]
fn a_routing_that_was_computed_before_another_one_assigns_nothing() {
    let order = begin::<Order>(to_release(&[10]));
    let first_routing = || OrderCommand::RecordRouting(routing(&[assignment(1, &[line_quantity(1, 10)])]));
    let order = apply(order, first_routing());
    assert_eq!(order.decide(first_routing()), Ok(vec![]));
}

#[test]
fn c05_an_order_is_delivered_only_if_no_package_is_under_way() {
    let mut report = progress(1, 4, RequestStatus::Accepted, &[(1, 10)], &[(1, 10)]);
    report.under_way = true;
    let order = apply(routed(&[10], &[&[line_quantity(1, 10)]]), OrderCommand::RecordProgress(report));
    assert_eq!(status(&order), Status::Shipped);
    assert!(order.invoice_request().is_none());
}

#[test]
fn b49_a_register_is_written_with_equal_content_if_its_version_is_higher() {
    let order = play(routed_order(), [report(1, 3, &[(1, 4)], &[])]);
    let later = order.decide(report(1, 6, &[(1, 4)], &[]));
    assert!(matches!(later.as_deref(), Ok([OrderEvent::FulfillmentProgressed(register)]) if register.as_of == 6));
    let order = play(order, [report(1, 6, &[(1, 4)], &[]), report(1, 5, &[(1, 10)], &[])]);
    assert_eq!(quantities(&order, 1).shipped, each(4), "a slow register of version 5 changes nothing");
    assert_eq!(order.decide(report(1, 6, &[(1, 4)], &[])), Ok(vec![]), "the same version is written once");
}

#[test]
fn b49_the_event_of_a_register_has_the_changed_lines_alone() {
    let lines: Vec<u32> = vec![10; 500];
    let assigned: Vec<crate::order::LineQuantity> = (1..=500).map(|line| line_quantity(line, 10)).collect();
    let left = |n: u32| -> Vec<(u32, u32)> { (1..=n).map(|line| (line, 10)).collect() };
    let order = apply(routed(&lines, &[&assigned]), report(1, 3, &left(499), &[]));
    let events = order.decide(report(1, 4, &left(500), &[])).unwrap();
    let [OrderEvent::FulfillmentProgressed(event)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.shipped.keys().map(|line| line.0.get()).collect::<Vec<_>>(), [500]);
    let order = events.iter().fold(order, Order::evolve);
    assert_eq!(order.fulfillments.progress[&fulfillment_id(1)].shipped.len(), 500);
    let order = apply(order, report(1, 5, &left(2), &[]));
    assert_eq!(order.fulfillments.progress[&fulfillment_id(1)].shipped.len(), 2, "a sum that is gone is no sum");
}

#[test]
fn of_reports_that_arrive_in_any_order_the_newest_one_counts() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let reports = [report(1, 5, &[], &[]), report(1, 6, &[(1, 10)], &[]), report(1, 8, &[], &[])];
    for reports in crate::samples::permutations(&reports) {
        assert_eq!(quantities(&play(order.clone(), reports), 1).shipped, each(0));
    }
}
