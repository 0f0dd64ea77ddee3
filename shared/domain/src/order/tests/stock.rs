//! Stock, shortages and line quantities.

use super::*;

#[test]
fn b09_a_short_quantity_is_backordered_and_a_ship_complete_order_waits_for_it() {
    let with_stock = |ship_complete, short| {
        play(
            priced(ship_complete),
            [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(short))],
        )
    };
    assert_eq!(
        (status(&with_stock(false, 4)), with_stock(false, 4).sales_order_request(at(0)).is_some()),
        (Status::Priced, true)
    );
    assert_eq!(
        (status(&with_stock(true, 4)), with_stock(true, 4).sales_order_request(at(0)).is_some()),
        (Status::Backordered, false)
    );
    assert_eq!(kinds(&with_stock(true, 4)), [OrderReview::StockShort]);
    assert_eq!(
        (status(&with_stock(false, 10)), with_stock(true, 0).sales_order_request(at(0)).is_some()),
        (Status::Priced, true)
    );
    assert_eq!(quantities(&with_stock(true, 4), 1).backordered, each(4));
}

#[test]
fn b39_the_review_says_that_an_order_may_not_ship_in_parts_only_where_a_part_of_it_is_in_stock() {
    let reason = |ship_complete, sources: &[(&str, u32)], short| {
        let stock = allocation("AL-1", &[(1, sources, short)]);
        let commands = [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock)];
        let [Review { kind: OrderReview::StockShort, reason }] = &play(priced(ship_complete), commands).reviews()[..]
        else {
            panic!("no review of stock")
        };
        reason.clone()
    };
    assert_eq!(reason(true, &[("EAST", 6)], 4), "stock is short and the order may not go in parts");
    for ship_complete in [true, false] {
        assert_eq!(reason(ship_complete, &[], 10), "there is no stock of anything in the order");
    }
}

#[test]
fn b15_two_lines_of_one_product_have_separate_quantities() {
    let mut submission = submission(&[3, 5]);
    submission.lines[1].sku = submission.lines[0].sku.clone();
    let quote = quote(&submission, 1);
    let order = begin::<Order>([OrderCommand::Submit(submission), OrderCommand::RecordQuote(quote)]);
    let lines = order.allocation_request().unwrap().lines;
    assert_eq!(lines.iter().map(|goods| goods.quantity).collect::<Vec<_>>(), [each(3), each(5)]);
    let fulfillments = [line_quantity(1, 3), line_quantity(2, 5)];
    let order = play(
        order,
        [
            OrderCommand::RecordCreditApproved(approved()),
            OrderCommand::RecordAllocation(allocation("AL-1", &[(1, &[("EAST", 3)], 0), (2, &[("EAST", 5)], 0)])),
            OrderCommand::RecordRelease(released("SO-1")),
            OrderCommand::RecordRouting(routing(&[assignment(1, &fulfillments)])),
            report(1, 3, &[(2, 5)], &[]),
        ],
    );
    assert_eq!((quantities(&order, 1).shipped, quantities(&order, 2).shipped), (each(0), each(5)));
}

#[test]
fn b11_an_order_that_no_warehouse_packed_is_backordered_or_cancelled_by_the_short_policy() {
    let closed = |policy| {
        let mut assigned = assignment(1, &[line_quantity(1, 10)]);
        assigned.on_short = policy;
        let order = begin::<Order>(to_release(&[10]));
        play(order, [OrderCommand::RecordRouting(routing(&[assigned])), nothing_packed(1, 5)])
    };
    let closed_unfilled = closed(ShortPolicy::Cancel);
    assert_eq!(status(&closed_unfilled), Status::Cancelling, "the short quantity is not shipped later");
    assert!(closed_unfilled.sales_order_cancellation().is_some() && closed_unfilled.deallocation().is_some());
    let waits = closed(ShortPolicy::Backorder);
    assert_eq!((quantities(&waits, 1).backordered, waits.is_cancelled()), (each(10), false));
    // Shortages of the earlier revision are not backordered.
    let amended = apply(waits, OrderCommand::Amend(amendment(&[8])));
    let amended = play(
        amended,
        [OrderCommand::RecordQuote({
            let mut again = submission(&[8]);
            again.lines[0].quantity = quantity(8, "EA");
            let mut quote = quote(&again, 1);
            quote.revision = 1;
            quote
        })],
    );
    assert_eq!((quantities(&amended, 1).open, quantities(&amended, 1).backordered), (each(8), each(0)));
}

#[test]
fn b09_arrived_stock_is_allocated_and_routed_without_repeating_the_rest() {
    let order = apply(short_order(), report(1, 5, &[(1, 6)], &[(1, 6)]));
    assert_eq!((status(&order), quantities(&order, 1).backordered), (Status::PartiallyShipped, each(4)));
    assert!(order.allocation_request().is_none(), "nothing is allocated before stock arrives");
    assert_eq!(order.stock_query().unwrap().lines, [line_quantity(1, 4)]);
    let order = apply(order, OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(1, 3)] }));
    let request = order.allocation_request().unwrap();
    assert_eq!((request.allocation_no, &request.lines[..]), (AllocationNo::new(2), &[line_quantity(1, 3)][..]));
    let mut more = allocation("AL-2", &[(1, &[("WEST", 3)], 0)]);
    more.allocation_no = AllocationNo::new(2);
    more.lines[0].asked = Some(each(3));
    let order = apply(order, OrderCommand::RecordAllocation(more));
    assert_eq!((quantities(&order, 1).open, quantities(&order, 1).backordered), (each(3), each(1)));
    let query = order.routing_query().unwrap();
    let sites = [site("EAST", 1, &[]), site("WEST", 9, &[])];
    let OrderCommand::RecordRouting(rest) = query.decide(&sites, at(0)) else { unreachable!() };
    assert_eq!(rest.assignments.len(), 1);
    assert_eq!(
        (rest.assignments[0].site.as_str(), &rest.assignments[0].lines[..]),
        ("WEST", &[line_quantity(1, 3)][..])
    );
    let order = apply(order, OrderCommand::RecordRouting(rest));
    assert_eq!((quantities(&order, 1).in_fulfillment, quantities(&order, 1).shipped), (each(3), each(6)));
}

#[test]
fn b09_a_ship_complete_order_waits_for_all_stock_unless_a_person_ships_what_is_available() {
    let waiting =
        play(priced(true), [OrderCommand::RecordCreditApproved(approved()), OrderCommand::RecordAllocation(stock(4))]);
    assert_eq!(kinds(&waiting), [OrderReview::StockShort]);
    let shipping_available = decide(&waiting, OrderReview::StockShort, Choice::ShipAvailable);
    assert!(shipping_available.sales_order_request(at(0)).is_some() && kinds(&shipping_available).is_empty());
    let arrived = apply(waiting, OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(1, 4)] }));
    let mut rest = allocation("AL-2", &[(1, &[("EAST", 4)], 0)]);
    rest.allocation_no = AllocationNo::new(2);
    rest.lines[0].asked = Some(each(4));
    let whole = apply(arrived, OrderCommand::RecordAllocation(rest));
    assert_eq!((status(&whole), kinds(&whole)), (Status::Priced, vec![]));
    assert!(whole.sales_order_request(at(0)).is_some());
}

#[test]
fn b11_a_quantity_that_a_warehouse_does_not_find_is_backordered_or_cancelled_by_the_short_policy() {
    let mut closed_report = progress(1, 5, RequestStatus::Accepted, &[(1, 7)], &[(1, 7)]);
    closed_report.unfilled.insert(line_no(1), each(3));
    let closed = |policy| {
        let mut assigned = assignment(1, &[line_quantity(1, 10)]);
        assigned.on_short = policy;
        let order = begin::<Order>(to_release(&[10]));
        play(
            order,
            [OrderCommand::RecordRouting(routing(&[assigned])), OrderCommand::RecordProgress(closed_report.clone())],
        )
    };
    let waits = closed(ShortPolicy::Backorder);
    assert_eq!((quantities(&waits, 1).backordered, status(&waits)), (each(3), Status::PartiallyShipped));
    assert_eq!(waits.stock_query().unwrap().lines, [line_quantity(1, 3)]);
    let closed_unfilled = closed(ShortPolicy::Cancel);
    assert_eq!((quantities(&closed_unfilled, 1).cancelled, status(&closed_unfilled)), (each(3), Status::Delivered));
    assert_eq!(
        closed_unfilled.invoice_request().unwrap().lines,
        [line_quantity(1, 7)],
        "only what shipped is invoiced"
    );
    assert!(closed_unfilled.stock_query().is_none());
}

#[test]
fn b12_a_quantity_beyond_the_order_is_invoiced_only_after_an_approval() {
    let order = apply(routed_order(), report(1, 4, &[(1, 12)], &[(1, 12)]));
    assert_eq!(order.invoice_request().unwrap().lines, [line_quantity(1, 10)]);
    let approved = decide(&order, OrderReview::OverShipped, Choice::Approve);
    assert_eq!(approved.invoice_request().unwrap().lines, [line_quantity(1, 12)]);
    assert!(kinds(&approved).is_empty());
}

#[test]
fn a_report_that_cannot_be_counted_is_reviewed_and_leaves_the_line_quantities() {
    let order = routed(&[10], &[&[line_quantity(1, 10)]]);
    let good = || progress(1, 4, RequestStatus::Accepted, &[(1, 10)], &[]);
    let mut unit = good();
    unit.shipped.insert(line_no(1), quantity(10, "CS"));
    let mut line = good();
    line.shipped.insert(line_no(9), each(1));
    let mut unassigned = good();
    unassigned.fulfillment = fulfillment_id(7);
    let mut excessive = good();
    excessive.fulfillment = fulfillment_id(7);
    excessive.shipped.insert(line_no(1), quantity(1_000_000_000, "EA"));
    for report in [unit, line, unassigned, excessive] {
        let order = apply(order.clone(), OrderCommand::RecordProgress(report));
        assert!(kinds(&order).contains(&OrderReview::ContentMismatch));
        assert_eq!(order.line_quantities().len(), 1);
    }
}
