//! Documents at the ERP: announced, refused, duplicate, undone.

use super::*;
use crate::order::Stage;

#[test]
fn only_the_first_release_is_measured() {
    let release = |revision| OrderEvent::Released(Released { revision, ..released("SO-1") });
    let order = begin::<Order>(to_release(&[10]));
    let names = |event: &OrderEvent| order.timers(event).iter().map(|timer| timer.name).collect::<Vec<_>>();
    assert_eq!(names(&release(0)), ["release-time"]);
    assert_eq!(names(&release(1)), [""; 0], "after an amendment");
}

#[test]
fn b02_a_second_document_for_one_effect_is_stored_and_reviewed_in_either_order() {
    let duplicates: [(Order, [OrderCommand; 2]); 3] = [
        (
            priced(false),
            ["AL-1", "AL-2"]
                .map(|number| OrderCommand::RecordAllocation(allocation(number, &[(1, &[("EAST", 10)], 0)]))),
        ),
        (
            begin::<Order>(to_release(&[10]).into_iter().take(4)),
            ["SO-1", "SO-2"].map(|number| OrderCommand::RecordRelease(released(number))),
        ),
        (
            routed(&[10], &[&[line_quantity(1, 10)]]),
            ["INV-1", "INV-2"].map(|number| OrderCommand::RecordInvoice(invoiced(number))),
        ),
    ];
    for (order, [one, two]) in duplicates {
        let in_order = play(order.clone(), [one.clone(), two.clone()]);
        let reversed = play(order.clone(), [two.clone(), one.clone()]);
        assert_eq!(kinds(&in_order), [OrderReview::DuplicateDocument]);
        assert_eq!(in_order.reviews(), reversed.reviews());
        assert_eq!(in_order.decide(two), Ok(vec![]), "it is recorded once");
        assert!(kinds(&apply(order, one)).is_empty());
    }
}

#[test]
fn a_document_that_may_exist_is_undone_once_its_creation_has_certainly_ended() {
    let cleared = begin::<Order>(to_release(&[10]).into_iter().take(4));
    let order = play(
        cleared,
        [OrderCommand::Announce(started(OrderEffect::CreateSalesOrder, 3)), OrderCommand::Cancel(cancel())],
    );
    let undo = order.sales_order_cancellation().unwrap();
    assert_eq!((undo.sales_order.clone(), undo.sent_until), (None, Some(at(3))));
    let late = apply(order.clone(), OrderCommand::RecordRelease(released("SO-1")));
    assert_eq!(
        late.sales_order_cancellation().unwrap().sales_order,
        Some(id("SO-1")),
        "the late answer has the number"
    );
    let none = apply(order, OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: None }));
    assert!(none.sales_order_cancellation().is_none());
    let later = apply(none, OrderCommand::RecordRelease(released("SO-2")));
    assert!(later.sales_order_cancellation().is_some(), "a sales order that appears after that is cancelled, too");
    let allocating = play(
        priced(false),
        [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2))],
    );
    let order = apply(allocating, OrderCommand::Cancel(cancel()));
    assert_eq!(order.deallocation().unwrap().sent_until, Some(at(2)));
}

#[test]
fn an_effect_that_certainly_did_not_happen_is_not_undone() {
    let failed = |effect: OrderEffect, attempt, not_sent| {
        OrderCommand::RecordEffectFailed(EffectFailed { effect, attempt, code: "PRT-002".to_owned(), not_sent })
    };
    let allocating = || {
        play(
            priced(false),
            [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 1))],
        )
    };
    let cleared = begin::<Order>(to_release(&[10]).into_iter().take(4));
    let selling = apply(cleared, OrderCommand::Announce(started(OrderEffect::CreateSalesOrder, 1)));
    for (order, effect) in [
        (allocating(), OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }),
        (selling, OrderEffect::CreateSalesOrder),
    ] {
        let events = order.decide(failed(effect.clone(), 1, true)).unwrap();
        assert_eq!(events.len(), 1, "an active order only records the failure: {events:?}");
        let cancelled = apply(order, OrderCommand::Cancel(cancel()));
        assert_eq!(status(&cancelled), Status::Cancelling);
        let in_doubt = apply(cancelled.clone(), failed(effect.clone(), 1, false));
        assert_eq!(status(&in_doubt), Status::Cancelling);
        let done = apply(cancelled, failed(effect.clone(), 1, true));
        let undone = done.deallocation().is_none() || effect == OrderEffect::CreateSalesOrder;
        assert!(undone && done.sales_order_cancellation().is_none(), "{effect:?}");
    }
    let events = apply(allocating(), OrderCommand::Cancel(cancel())).decide(failed(
        OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
        1,
        true,
    ));
    assert!(
        matches!(&events.unwrap()[..], [_, OrderEvent::Deallocated(_), OrderEvent::CustomerNotice(notice)] if notice.template == Template::Cancelled)
    );
}

#[test]
fn b01_a_document_that_a_refusal_leaves_in_doubt_is_undone_when_the_order_does_not_need_it() {
    let allocate = OrderEffect::Allocate { allocation_no: AllocationNo::FIRST };
    let cleared = || begin::<Order>(to_release(&[10]).into_iter().take(4));
    for code in ["OUTCOME_UNKNOWN", "DUPLICATE_DIFFERS"] {
        let in_doubt = |order: Order, effect: &OrderEffect| {
            play(
                order,
                [
                    OrderCommand::Announce(started(effect.clone(), 2)),
                    OrderCommand::RecordEffectRejected(refused(effect.clone(), code)),
                ],
            )
        };
        let kind = Review::<OrderReview>::of_refusal(&allocate, &Rejection::new(code, "")).kind;
        let allocating = in_doubt(priced(false), &allocate);
        assert_eq!((kinds(&allocating), allocating.allocation_request().is_some()), (vec![kind], false), "{code}");
        let retried = decide(&allocating, kind, Choice::Retry);
        assert!(
            retried.allocation_request().is_some() && retried.open_effects().is_empty(),
            "a retry is a first attempt"
        );
        let amended = apply(allocating.clone(), OrderCommand::Amend(amendment(&[8])));
        assert_eq!(amended.deallocation().unwrap().allocation_no, AllocationNo::new(1));
        let cancelled = apply(allocating, OrderCommand::Cancel(cancel()));
        assert_eq!(
            (status(&cancelled), cancelled.deallocation().unwrap().allocation_no),
            (Status::Cancelling, AllocationNo::FIRST)
        );
        let selling = in_doubt(cleared(), &OrderEffect::CreateSalesOrder);
        assert!(selling.sales_order_request(at(0)).is_none());
        let cancelled = apply(selling, OrderCommand::Cancel(cancel()));
        assert_eq!(status(&cancelled), Status::Cancelling);
        let undo = cancelled.sales_order_cancellation().unwrap();
        assert_eq!(undo.sales_order, None, "the cancellation looks it up by our reference");
        let none = OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: None });
        assert!(apply(cancelled, none).sales_order_cancellation().is_none());
    }
    let refused_for_good = play(
        priced(false),
        [
            OrderCommand::Announce(started(allocate.clone(), 1)),
            OrderCommand::RecordEffectRejected(refused(allocate, "CLOSED")),
            OrderCommand::Cancel(cancel()),
        ],
    );
    assert_eq!(status(&refused_for_good), Status::Cancelled, "a plain refusal certainly did nothing");
}

#[test]
fn b07_a_refused_change_of_the_sales_order_is_reviewed() {
    let amended = apply(routed_order(), OrderCommand::Amend(amendment(&[8])));
    let order = play(
        amended,
        [withdrawn(1, 3), OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) })],
    );
    let order =
        apply(order, OrderCommand::RecordEffectRejected(refused(OrderEffect::CreateSalesOrder, "STALE_REVISION")));
    assert_eq!(kinds(&order), [OrderReview::PartnerRefused]);
    assert!(decide(&order, OrderReview::PartnerRefused, Choice::Retry).documents.rejected.is_empty());
}

#[test]
fn a_document_that_a_person_undid_in_the_erp_is_undone() {
    let order = play(routed_order(), [OrderCommand::Cancel(cancel()), withdrawn(1, 3)]);
    let refusals = [OrderEffect::Deallocate { allocation_no: AllocationNo::FIRST }, OrderEffect::CancelSalesOrder]
        .map(|effect| OrderCommand::RecordEffectRejected(refused(effect, "CLOSED")));
    let [release, cancellation] = refusals;
    let order = apply(order, release);
    let order = decide(&order, OrderReview::PartnerRefused, Choice::ResolvedManually);
    assert!(order.deallocation().is_none());
    let order = apply(order, cancellation);
    let order = decide(&order, OrderReview::PartnerRefused, Choice::ResolvedManually);
    assert_eq!((status(&order), kinds(&order)), (Status::Cancelled, vec![]));
}

#[test]
fn an_allocation_that_arrives_after_an_amendment_is_recorded_and_undone() {
    let allocating = play(
        priced(false),
        [OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2))],
    );
    let amended = apply(allocating, OrderCommand::Amend(amendment(&[8])));
    assert_eq!(amended.deallocation().unwrap().sent_until, Some(at(2)));
    let answered = apply(amended, OrderCommand::RecordAllocation(stock(0)));
    let deallocation = answered.deallocation().unwrap();
    assert_eq!((deallocation.allocation_no, deallocation.sent_until), (AllocationNo::FIRST, None));
    assert!(answered.stock.allocations.is_empty());
    let deallocated =
        apply(answered, OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(1) }));
    assert!(deallocated.deallocation().is_none());
    let repeated = apply(deallocated, OrderCommand::RecordAllocation(stock(0)));
    assert_eq!(
        repeated.deallocation().unwrap().allocation_no,
        AllocationNo::FIRST,
        "an allocation that appears after its deallocation is deallocated again"
    );
}

#[test]
fn a_refused_effect_is_reviewed_and_not_requested_again() {
    let order = apply(
        priced(false),
        OrderCommand::RecordEffectRejected(refused(
            OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
            "CLOSED",
        )),
    );
    assert!(order.allocation_request().is_none());
    assert_eq!(kinds(&order), [OrderReview::PartnerRefused]);
    let order =
        apply(order, OrderCommand::Announce(started(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 2)));
    assert!(order.allocation_request().is_some());
    assert!(kinds(&apply(order, OrderCommand::RecordAllocation(stock(0)))).is_empty());
}

#[test]
fn b42_a_factor_for_equal_units_is_refused() {
    let order = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let order = apply(order, OrderCommand::RecordQuote(quote(&submission(&[10]), 12)));
    assert!(matches!(&order.stage, Stage::Unpriceable(why) if why.code == "FACTOR_INVALID"), "{:?}", order.stage);
    assert_eq!((kinds(&order), order.credit_query()), (vec![OrderReview::Unpriceable], None));
}

#[test]
fn b37_a_price_of_a_line_that_was_not_ordered_is_refused() {
    let order = begin::<Order>([OrderCommand::Submit(submission(&[10]))]);
    let mut quoted = quote(&submission(&[10, 5]), 1);
    quoted.revision = 0;
    let order = apply(order, OrderCommand::RecordQuote(quoted));
    assert!(matches!(&order.stage, Stage::Unpriceable(why) if why.code == "LINE_NOT_ORDERED"), "{:?}", order.stage);
}
