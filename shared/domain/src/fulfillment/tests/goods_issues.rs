//! Goods issues, and content that does not match the request.

use super::*;

#[test]
fn c13_a_second_goods_issue_of_one_package_is_stored_and_reviewed() {
    let left = play(open(&lines(3)), [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    let one = play(left.clone(), [goods_issued("P-1", "GI-1", &lines(3)), goods_issued("P-1", "GI-2", &lines(3))]);
    let two = play(left, [goods_issued("P-1", "GI-2", &lines(3)), goods_issued("P-1", "GI-1", &lines(3))]);
    assert_eq!(one, two);
    assert_eq!(kinds(&one), [FulfillmentReview::DuplicateDocument]);
}

#[test]
fn a_goods_issue_that_differs_from_what_left_is_reviewed() {
    let posted = play(
        open(&lines(5)),
        [
            packed("P-1", 1, &lines(3), None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            goods_issued("P-1", "GI-1", &lines(3)),
        ],
    );
    assert!(kinds(&posted).is_empty());
    let emptied = apply(posted.clone(), milestone("P-1", 3, MilestoneKind::Cancelled));
    assert_eq!((shipped(&emptied), kinds(&emptied)), (0, vec![FulfillmentReview::PostingMismatch]));
    let refilled = apply(posted, packed("P-1", 3, &lines(5), None));
    assert_eq!((shipped(&refilled), kinds(&refilled)), (5, vec![FulfillmentReview::PostingMismatch]));
}

#[test]
fn a_warehouses_acknowledgement_and_a_goods_issue_end_the_times_that_they_are_measured_by() {
    let timers = |state: &Fulfillment, command: FulfillmentCommand| {
        let events = state.decide(command).unwrap();
        let state = events.iter().fold(state.clone(), Workflow::evolve);
        events.iter().flat_map(|event| state.timers(event)).map(|timer| (timer.name, timer.since)).collect::<Vec<_>>()
    };
    let state = open(&lines(3));
    assert_eq!(timers(&state, accepted("WO-1")), [("warehouse-acknowledgement", None)]);
    let state = apply(state, packed("P-1", 1, &lines(3), None));
    assert_eq!(timers(&state, milestone("P-1", 2, MilestoneKind::PickedUp)), []);
    // The carrier's report may come before the warehouse's.
    let left =
        play(state, [milestone("P-1", 4, MilestoneKind::InTransit), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    assert_eq!(timers(&left, goods_issued("P-1", "GI-1", &lines(3))), [("shipment-to-erp", Some(at(2)))]);
}

#[test]
fn b13_a_wrong_product_line_or_unit_is_reviewed_and_neither_counted_nor_posted() {
    let mut sku = line_quantity(1, 3);
    sku.sku = id("OTHER");
    let mut unit = line_quantity(1, 3);
    unit.quantity = quantity(3, "CS");
    for wrong in [sku, unit, line_quantity(9, 3)] {
        let state =
            play(open(&lines(3)), [packed("P-1", 1, &[wrong], None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
        assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch]);
        assert_eq!(shipped(&state), 0);
        assert_eq!(state.goods_issue(&id("P-1")), None);
    }
}

#[test]
fn a_package_that_left_without_reported_content_is_reviewed_until_it_is_reported() {
    let state = play(open(&lines(3)), [milestone("P-1", 2, MilestoneKind::InTransit)]);
    assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch]);
    assert_eq!(state.goods_issue(&id("P-1")), None);
    let state = apply(state, packed("P-1", 1, &lines(3), None));
    assert!(kinds(&state).is_empty());
    assert_eq!(state.goods_issue(&id("P-1")).unwrap().lines, lines(3));
}

#[test]
fn a_goods_issue_is_due_once_its_package_left_and_until_it_is_posted() {
    let state = play(open(&lines(3)), [packed("P-1", 1, &lines(3), None)]);
    assert_eq!(state.goods_issue(&id("P-1")), None, "a packed package has not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::LabelCreated));
    assert_eq!(state.goods_issue(&id("P-1")), None, "a package with a printed label has not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::PickedUp));
    assert!(state.goods_issue(&id("P-1")).is_some());
    let state = apply(state, goods_issued("P-1", "GI-1", &lines(3)));
    assert_eq!(state.goods_issue(&id("P-1")), None);
}

#[test]
fn b13_an_accepted_substitute_counts_and_is_posted_as_it_was_packed() {
    let substitute = || vec![part("OTHER", 3)];
    let facts = [packed("P-1", 1, &substitute(), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = decide(play(open(&lines(3)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
    assert_eq!((shipped(&state), kinds(&state), posting(&state, "P-1")), (3, vec![], Some(substitute())));
    assert!(!is_posted(&state));
    let posted = apply(state.clone(), goods_issued("P-1", "GI-1", &substitute()));
    assert!(is_posted(&posted) && kinds(&posted).is_empty());
    let changed = apply(state, packed("P-1", 3, &[part("OTHER", 4)], None));
    let reviewed_again = (0, vec![FulfillmentReview::ContentMismatch]);
    assert_eq!((shipped(&changed), kinds(&changed)), reviewed_again, "the decision was about other content");
    let mut cases = line_quantity(1, 3);
    cases.quantity = quantity(3, "CS");
    let facts = [packed("P-1", 1, &[cases], None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = decide(play(open(&lines(3)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
    assert_eq!((shipped(&state), posting(&state, "P-1")), (0, None), "goods in another unit cannot be counted");
}

#[test]
fn b12_more_than_requested_is_posted_as_it_was_shipped() {
    let facts = [packed("P-1", 1, &lines(5), None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
    let state = play(open(&lines(3)), facts);
    assert_eq!((posting(&state, "P-1"), unfilled(&state)), (Some(lines(5)), 0));
}
