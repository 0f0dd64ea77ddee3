//! Lots and serial numbers.

use super::*;

#[test]
fn b17_all_goods_issues_that_a_decision_or_report_unblocks_are_posted_one_after_the_other() {
    let pack = |package: &str| with_serials(packed(package, 1, &lines(1), None), &["S-1"]);
    let left = |package: &str| milestone(package, 2, MilestoneKind::Delivered);
    let one_left = || {
        let facts = [accepted("F-1"), pack("P-1"), pack("P-2"), left("P-1")];
        play(open_as(traceable(&lines(2), Traced::Serial)), facts)
    };
    let state = || apply(one_left(), left("P-2"));
    assert!(state().due_goods_issues().next().is_none(), "both packages report one serial number");
    let corrected = with_serials(packed("P-2", 3, &lines(1), None), &["S-2"]);
    for unblocked in [decide(state(), FulfillmentReview::SerialTwice, Choice::Accept), apply(state(), corrected)] {
        let first = unblocked.due_goods_issues().next().unwrap().package;
        let posted = apply(unblocked, goods_issued(first.as_str(), "GI-1", &lines(1)));
        let second = posted.due_goods_issues().next().unwrap().package;
        assert_ne!(first, second);
        let all = apply(posted, goods_issued(second.as_str(), "GI-2", &lines(1)));
        assert!(all.due_goods_issues().next().is_none() && all.progress().unwrap().goods_issued);
    }
    let alone = apply(one_left(), voided("P-2", 5));
    assert_eq!(alone.due_goods_issues().next().unwrap().package, id("P-1"));
}

/// Three pieces that left in one package.
fn left_with(traced: Traced, packed: FulfillmentCommand) -> Fulfillment {
    play(open_as(traceable(&lines(3), traced)), [packed, milestone("P-1", 2, MilestoneKind::PickedUp)])
}

#[test]
fn b17_a_goods_issue_waits_until_the_lot_of_every_piece_is_reported() {
    let bare = || packed("P-1", 1, &lines(3), None);
    for short in [bare(), with_lots(bare(), &[("L-1", 2)])] {
        let state = left_with(Traced::Lot, short);
        assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::TraceMissing], None));
        assert!(!is_posted(&state));
        let lots = with_lots(packed("P-1", 3, &[], None), &[("L-1", 2), ("L-2", 1)]);
        let reported = apply(state.clone(), lots);
        assert_eq!((kinds(&reported), posting(&reported, "P-1")), (vec![], Some(lines(3))));
        let without_lots = apply(reported, packed("P-1", 4, &lines(3), None));
        assert_eq!(kinds(&without_lots), [], "a report without lots does not remove them");
        let accepted = decide(state.clone(), FulfillmentReview::TraceMissing, Choice::Accept);
        assert_eq!((kinds(&accepted), posting(&accepted, "P-1")), (vec![], Some(lines(3))));
        let recalled = decide(state, FulfillmentReview::TraceMissing, Choice::Recall);
        assert_eq!((kinds(&recalled), posting(&recalled, "P-1")), (vec![], None));
    }
}

#[test]
fn b17_a_goods_issue_waits_for_as_many_serial_numbers_as_pieces() {
    let bare = || packed("P-1", 1, &lines(3), None);
    let state = left_with(Traced::Serial, with_serials(bare(), &["S-1", "S-2"]));
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::TraceMissing], None));
    let state = apply(state, with_serials(packed("P-1", 3, &lines(3), None), &["S-1", "S-2", "S-3"]));
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![], Some(lines(3))));
}

#[test]
fn b17_a_serial_number_in_two_packages_blocks_both_until_one_is_corrected_or_voided() {
    let pair = |package, serials| with_serials(packed(package, 1, &lines(2), None), serials);
    let facts =
        [pair("P-1", &["S-1", "S-2"]), pair("P-2", &["S-2", "S-3"]), milestone("P-1", 2, MilestoneKind::PickedUp)];
    for facts in permutations(&facts) {
        let state = play(open_as(traceable(&lines(4), Traced::Serial)), facts);
        assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::SerialTwice], None));
        let corrected = with_serials(packed("P-2", 3, &lines(2), None), &["S-3", "S-4"]);
        for correction in [corrected, voided("P-2", 3)] {
            let state = apply(state.clone(), correction);
            assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![], Some(lines(2))));
        }
        let accepted = decide(state, FulfillmentReview::SerialTwice, Choice::Accept);
        assert_eq!((kinds(&accepted), posting(&accepted, "P-1")), (vec![], Some(lines(2))));
    }
}

#[test]
fn c19_a_serial_number_that_comes_twice_is_reviewed_also_where_none_is_required() {
    let pair = |package, serials| with_serials(packed(package, 1, &lines(2), None), serials);
    let facts =
        [pair("P-1", &["S-1", "S-2"]), pair("P-2", &["S-2", "S-3"]), milestone("P-1", 2, MilestoneKind::PickedUp)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(4)), facts);
        let posted = posting(&state, "P-1");
        assert_eq!(
            (kinds(&state), posted),
            (vec![FulfillmentReview::SerialTwice], Some(lines(2))),
            "it blocks nothing"
        );
    }
}
