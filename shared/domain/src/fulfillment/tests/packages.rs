//! Packages, labels and milestones.

use super::*;

#[test]
fn c01_a_package_is_delivered_if_its_delivery_is_reported_before_its_pickup() {
    let facts = [
        milestone("P-1", 9, MilestoneKind::Delivered),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        packed("P-1", 1, &lines(3), Some("1Z")),
    ];
    let state = play(open(&lines(3)), facts);
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::Delivered));
    assert_eq!(state.packages[&id("P-1")].milestones.len(), 2);
    assert_eq!((shipped(&state), delivered(&state)), (3, 3));
}

#[test]
fn c02_a_milestone_that_arrives_late_does_not_move_a_delivered_package_backwards() {
    let state =
        play(open(&lines(3)), [packed("P-1", 1, &lines(3), None), milestone("P-1", 5, MilestoneKind::Delivered)]);
    for late in [
        MilestoneKind::InTransit,
        MilestoneKind::OutForDelivery,
        MilestoneKind::DeliveryFailed,
        MilestoneKind::LabelCreated,
        MilestoneKind::OnHold,
        MilestoneKind::Unknown,
        MilestoneKind::Cancelled,
    ] {
        for when in [2, 9] {
            let after = apply(state.clone(), milestone("P-1", when, late));
            assert_eq!(status(&after, "P-1"), PackageStatus::At(MilestoneKind::Delivered), "{late:?} at {when}");
            assert_eq!(delivered(&after), 3);
            assert_eq!(after.packages[&id("P-1")].milestones.len(), 2, "the late milestone is stored");
        }
    }
}

#[test]
fn c03_a_delivered_package_that_comes_back_is_reviewed() {
    for times in [(5, 9), (9, 5)] {
        let state = play(
            open(&lines(3)),
            [
                packed("P-1", 1, &lines(3), None),
                milestone("P-1", times.0, MilestoneKind::Delivered),
                milestone("P-1", times.1, MilestoneKind::ReturnToSender),
            ],
        );
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::ReturnToSender));
        assert_eq!((shipped(&state), delivered(&state)), (3, 0));
        assert_eq!(kinds(&state), [FulfillmentReview::ReturnedToSender]);
    }
}

#[test]
fn c04_a_package_that_is_voided_and_packed_again_under_another_name_counts_once() {
    let state = play(
        open(&lines(3)),
        [
            packed("P-1", 1, &lines(3), Some("1ZOLD")),
            voided("P-1", 2),
            packed("P-2", 3, &lines(3), Some("1ZNEW")),
            milestone("P-2", 4, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(shipped(&state), 3);
    assert_eq!(state.package_summaries().count(), 1);
    assert!(kinds(&state).is_empty());
}

#[test]
fn c04_a_voided_package_with_a_new_label_counts_under_the_new_tracking_number() {
    let facts = [
        packed("P-1", 1, &lines(3), Some("1ZOLD")),
        voided("P-1", 3),
        packed("P-1", 5, &lines(3), Some("1ZNEW")),
        milestone("P-1", 6, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
        assert_eq!(shipped(&state), 3);
        assert!(kinds(&state).is_empty(), "{:?}", kinds(&state));
        let package = &state.packages[&id::<PackageId>("P-1")];
        assert_eq!(package.leg().unwrap().tracking.as_str(), "1ZNEW");
    }
}

#[test]
fn c04_a_repeated_report_of_the_voided_label_leaves_the_package_void() {
    let state = play(
        open(&lines(3)),
        [packed("P-1", 1, &lines(3), Some("1ZOLD")), voided("P-1", 3), packed("P-1", 5, &lines(3), Some("1ZOLD"))],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(request_status(&state), RequestStatus::Requested);
}

#[test]
fn c04_a_void_package_that_moves_has_shipped_and_is_reviewed() {
    let facts =
        [packed("P-1", 1, &lines(3), Some("1Z")), voided("P-1", 3), milestone("P-1", 5, MilestoneKind::InTransit)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(shipped(&state), 3);
        assert_eq!(kinds(&state), [FulfillmentReview::MovedThoughVoid]);
    }
}

#[test]
fn c18_a_package_that_is_voided_after_its_pickup_stays_shipped_and_is_reviewed() {
    let facts =
        [packed("P-1", 1, &lines(3), Some("1Z")), milestone("P-1", 3, MilestoneKind::PickedUp), voided("P-1", 5)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!((shipped(&state), kinds(&state)), (3, vec![FulfillmentReview::MovedThoughVoid]));
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
    }
}

#[test]
fn a_rejection_beside_a_package_that_has_not_left_is_reviewed() {
    let facts = [packed("P-1", 1, &lines(3), Some("1Z")), rejected("no room")];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(request_status(&state), RequestStatus::Accepted, "the package counts");
        assert_eq!(kinds(&state), [FulfillmentReview::RejectedThoughPacked]);
        let left = play(state.clone(), [milestone("P-1", 5, MilestoneKind::PickedUp)]);
        assert_eq!(kinds(&left), [], "it shipped all the same");
        let voided = play(state, [voided("P-1", 5)]);
        assert_eq!((request_status(&voided), kinds(&voided)), (RequestStatus::Rejected, vec![]));
    }
}

#[test]
fn c05_a_second_package_is_counted_in_addition_to_the_first() {
    let state = play(
        open(&lines(5)),
        [
            packed("P-1", 1, &lines(2), Some("1ZA")),
            packed("P-2", 1, &lines(3), Some("1ZB")),
            milestone("P-1", 2, MilestoneKind::Delivered),
            milestone("P-2", 2, MilestoneKind::InTransit),
        ],
    );
    assert_eq!((shipped(&state), delivered(&state)), (5, 2));
    let state = apply(state, milestone("P-2", 3, MilestoneKind::Delivered));
    assert_eq!((shipped(&state), delivered(&state)), (5, 5));
}

#[test]
fn c07_a_milestone_with_a_clamped_time_is_stored_with_its_flag() {
    let FulfillmentCommand::RecordMilestone(mut ahead) = milestone("P-1", 5, MilestoneKind::InTransit) else {
        panic!()
    };
    ahead.clock_ahead = true;
    let state = play(open(&lines(3)), [FulfillmentCommand::RecordMilestone(ahead)]);
    let package = &state.packages[&id::<PackageId>("P-1")];
    assert!(package.milestones.iter().all(|milestone| milestone.clock_ahead));
}

#[test]
fn c08_an_unmapped_code_is_stored_as_unknown_with_its_text_and_reviewed() {
    let state = play(
        open(&lines(3)),
        [
            packed("P-1", 1, &lines(3), None),
            milestone("P-1", 9, MilestoneKind::Unknown),
            milestone("P-1", 2, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
    let reviews = state.reviews();
    assert_eq!(reviews[0].kind, FulfillmentReview::UnknownCode);
    assert!(reviews[0].reason.contains("`XYZ`"));
    let alone = play(open(&lines(3)), [milestone("P-1", 9, MilestoneKind::Unknown)]);
    assert_eq!(status(&alone, "P-1"), PackageStatus::At(MilestoneKind::Unknown));
    assert_eq!(shipped(&alone), 0);
}

#[test]
fn c10_both_labels_are_stored_when_the_carrier_changes() {
    let state =
        play(open(&lines(3)), [packed("P-1", 4, &lines(3), Some("DHL9")), packed("P-1", 1, &lines(3), Some("1Z"))]);
    let package = &state.packages[&id::<PackageId>("P-1")];
    assert_eq!(package.legs.len(), 2);
    assert_eq!(package.leg().unwrap().tracking.as_str(), "DHL9");
}

#[test]
fn c11_a_shipment_that_is_cancelled_and_created_again_counts_once() {
    let facts = [
        packed("S-1", 1, &lines(3), Some("1ZA")),
        milestone("S-1", 2, MilestoneKind::PickedUp),
        milestone("S-1", 3, MilestoneKind::Cancelled),
        packed("S-2", 4, &lines(3), Some("1ZB")),
        milestone("S-2", 5, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(status(&state, "S-1"), PackageStatus::At(MilestoneKind::Cancelled));
        assert_eq!(shipped(&state), 3);
    }
}

#[test]
fn a_fact_that_one_message_repeats_is_recorded_once() {
    let fact = || milestone("P-1", 2, MilestoneKind::PickedUp);
    let events = open(&lines(3)).decide(FulfillmentCommand::RecordAll(vec![fact(), fact()])).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn the_report_of_a_packages_content_with_the_latest_time_counts() {
    let reports = [packed("P-1", 1, &lines(3), None), packed("P-1", 4, &lines(2), None), packed("P-1", 2, &[], None)];
    for reports in permutations(&reports) {
        let state = play(open(&lines(3)), reports);
        let package = &state.packages[&id::<PackageId>("P-1")];
        assert_eq!(package.lines()[0].quantity, each(2));
        assert_eq!(package.contents, crate::fulfillment::Contents::Reported(at(4), lines(2), vec![]));
    }
}

#[test]
fn c09_an_inquirys_answer_records_only_what_is_new() {
    let inquiry = |facts: &[FulfillmentCommand]| FulfillmentCommand::RecordAll(facts.to_vec());
    let facts = [
        accepted("F-1"),
        packed("P-1", 1, &lines(2), Some("1ZA")),
        milestone("P-1", 2, MilestoneKind::InTransit),
        with_lots(packed("P-1", 2, &[], None), &[("L-1", 2)]),
        closed(5),
    ];
    let state = apply(open(&lines(5)), inquiry(&facts));
    assert_eq!(state.decide(inquiry(&facts)), Ok(vec![]));
    assert_eq!(state.inquiry().unwrap().reference, Some(id("F-1")));
    let later = [&facts[..], &[packed("P-2", 3, &lines(3), Some("1ZB"))]].concat();
    assert_eq!(state.decide(inquiry(&later)).unwrap().len(), 1);
    assert_eq!(unfilled(&apply(state, inquiry(&later))), 0);
}
