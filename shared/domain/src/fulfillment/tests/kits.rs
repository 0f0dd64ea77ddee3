//! Kits and their components.

use super::*;

/// Three kits of two bolts and a nut.
fn kit_of_bolts() -> Fulfillment {
    open_as(kit(&lines(3), &[("BOLT", 2), ("NUT", 1)]))
}

#[test]
fn b14_a_kit_is_requested_as_its_exact_components() {
    let kit = kit(&[line_quantity(1, 3), line_quantity(2, 5)], &[("BOLT", 2), ("NUT", 1)]);
    let request = FulfillmentRequest::due(None, &kit).unwrap();
    assert_eq!(request.lines, [part("BOLT", 6), part("NUT", 3), line_quantity(2, 5)]);
}

#[test]
fn b14_components_count_only_as_whole_kits() {
    let left = |package, lines: &[crate::order::LineQuantity]| {
        [packed(package, 1, lines, None), milestone(package, 2, MilestoneKind::Delivered)]
    };
    let state = play(kit_of_bolts(), left("P-1", &[part("BOLT", 5)]));
    assert_eq!((shipped(&state), delivered(&state)), (0, 0));
    assert_eq!(posting(&state, "P-1"), None);
    assert!(is_posted(&state), "no kit is complete, so nothing has to be posted");
    let state = play(state, left("P-2", &[part("NUT", 3)]));
    assert_eq!((shipped(&state), delivered(&state)), (2, 2));
    let state = play(state, left("P-3", &[part("BOLT", 1)]));
    assert_eq!((shipped(&state), delivered(&state), kinds(&state)), (3, 3, vec![]));
    let built = play(kit_of_bolts(), left("P-1", &[line_quantity(1, 3)]));
    assert_eq!((shipped(&built), kinds(&built)), (3, vec![]), "the warehouse built the kits itself");
}

#[test]
fn b14_each_kit_is_posted_once_with_the_package_that_completes_it() {
    let state = play(
        kit_of_bolts(),
        [
            packed("P-1", 1, &[part("BOLT", 4)], None),
            packed("P-2", 1, &[part("NUT", 3)], None),
            packed("P-3", 1, &[part("BOLT", 2)], None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            milestone("P-2", 2, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-2")), (Some(lines(2)), Some(lines(2))));
    let second = || FulfillmentEffect::PostGoodsIssue { package: id("P-2") };
    let state = apply(state, FulfillmentCommand::Announce(started(second(), 1)));
    assert_eq!(posting(&state, "P-1"), None, "kits that are announced for P-2 are not posted for P-1");
    assert!(!is_posted(&state));
    let state = apply(state, milestone("P-3", 3, MilestoneKind::PickedUp));
    assert_eq!(
        (posting(&state, "P-2"), posting(&state, "P-3")),
        (Some(lines(2)), Some(lines(1))),
        "a repeat posts the announced lines"
    );
    let state = apply(state, goods_issued("P-2", "GI-2", &lines(2)));
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-3")), (Some(lines(1)), Some(lines(1))));
    let state = apply(state, goods_issued("P-3", "GI-3", &lines(1)));
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-3"), kinds(&state)), (None, None, vec![]));
    assert!(is_posted(&state));
}

#[test]
fn b14_kits_posted_by_hand_are_not_posted_again() {
    let whole = [part("BOLT", 4), part("NUT", 2)];
    let state = play(
        kit_of_bolts(),
        [
            packed("P-1", 1, &whole, None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            refusal(GOODS_ISSUE(), "CLOSED"),
        ],
    );
    assert!(!is_posted(&state));
    let state = decide(state, FulfillmentReview::PartnerRefused, Choice::ResolvedManually);
    assert!(is_posted(&state));
    let rest = [part("BOLT", 2), part("NUT", 1)];
    let state = play(state, [packed("P-2", 3, &rest, None), milestone("P-2", 4, MilestoneKind::PickedUp)]);
    assert_eq!(posting(&state, "P-2"), Some(lines(1)));
    let state = apply(state, goods_issued("P-2", "GI-2", &lines(1)));
    assert!(is_posted(&state) && kinds(&state).is_empty());
}

#[test]
fn b14_components_that_make_no_whole_kit_are_reviewed_once_the_fulfillment_is_closed() {
    let state = play(kit_of_bolts(), [packed("P-1", 1, &[part("BOLT", 5), part("NUT", 3)], None)]);
    assert!(kinds(&state).is_empty());
    let state = apply(state, closed(3));
    assert_eq!((unfilled(&state), kinds(&state)), (1, vec![FulfillmentReview::ContentMismatch; 2]));
    let state = apply(state, packed("P-2", 4, &[part("BOLT", 1)], None));
    assert_eq!((unfilled(&state), kinds(&state)), (0, vec![]));
}

#[test]
fn b14_kits_that_are_posted_and_did_not_leave_are_reviewed() {
    let state = play(
        kit_of_bolts(),
        [
            packed("P-1", 1, &[part("BOLT", 2), part("NUT", 1)], None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            goods_issued("P-1", "GI-1", &lines(2)),
        ],
    );
    assert_eq!(kinds(&state), [FulfillmentReview::PostingMismatch]);
}
