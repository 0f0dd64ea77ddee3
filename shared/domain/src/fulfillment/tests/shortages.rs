//! What the warehouse does not ship, or ships beyond the request.

use super::*;

#[test]
fn b12_more_than_requested_counts_as_it_was_shipped() {
    let state =
        play(open(&lines(3)), [packed("P-1", 1, &lines(5), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    assert_eq!(shipped(&state), 5);
}

#[test]
fn b11_what_is_not_packed_when_a_fulfillment_is_closed_is_unfilled() {
    let facts = [packed("P-1", 1, &lines(2), None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(5)), facts);
        assert_eq!((shipped(&state), unfilled(&state)), (2, 3));
        let more = apply(state.clone(), packed("P-2", 4, &lines(2), None));
        assert_eq!(unfilled(&more), 1, "a package that is reported late counts");
        assert_eq!(unfilled(&apply(more.clone(), voided("P-2", 5))), 3);
        assert_eq!(
            unfilled(&apply(more, packed("P-3", 4, &lines(2), None))),
            0,
            "more than requested leaves nothing unfilled"
        );
        assert_eq!(unfilled(&apply(state, packed("P-1", 4, &lines(5), None))), 0);
    }
    assert_eq!(
        unfilled(&apply(open(&lines(5)), packed("P-1", 1, &lines(2), None))),
        0,
        "the fulfillment is not closed"
    );
}

#[test]
fn b11_a_closed_fulfillment_counts_as_accepted_and_is_closed_once() {
    let state = apply(open(&lines(5)), closed(3));
    assert_eq!((request_status(&state), unfilled(&state)), (RequestStatus::Accepted, 5));
    assert_eq!(state.decide(closed(9)), Ok(vec![]));
}

#[test]
fn b11_nothing_is_unfilled_while_a_package_is_not_listed_or_not_reported() {
    let close = |packages: Option<&[&str]>| {
        let packages = packages.map(|all| all.iter().map(|package| id(package)).collect());
        FulfillmentCommand::RecordClosed(Closed { at: at(9), packages })
    };
    let unfilled = |state: &Fulfillment| state.unfilled().unwrap();
    let state = || apply(open(&lines(5)), accepted("F-1"));
    let unlisted = play(state(), [close(None), packed("P-1", 1, &lines(2), None)]);
    assert!(unlisted.is_closed_unreported() && unfilled(&unlisted).is_empty(), "the packages are not listed");
    let listed = apply(unlisted, close(Some(&["P-1", "P-2"])));
    assert!(listed.is_closed_unreported() && unfilled(&listed).is_empty(), "P-2 is not reported");
    let reported = apply(listed, packed("P-2", 2, &lines(2), None));
    assert_eq!(unfilled(&reported).values().map(|left| left.amount()).sum::<rust_decimal::Decimal>(), 1.into());
    for facts in permutations(&[close(None), close(Some(&["P-1"])), packed("P-1", 1, &lines(5), None)]) {
        assert!(unfilled(&play(state(), facts)).is_empty());
    }
}

#[test]
fn b11_a_line_with_accepted_goods_in_another_unit_is_unfilled_only_by_a_persons_decision() {
    let cases = quantity(3, "CS");
    let of = |line: u32| crate::order::LineQuantity { line: line_no(line), quantity: cases, ..line_quantity(1, 1) };
    for foreign in [of(1), of(7)] {
        let facts = [packed("P-1", 1, &[foreign], None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
        let state = decide(play(open(&lines(36)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
        assert_eq!(unfilled(&state), 0);
        assert_eq!(
            kinds(&state),
            [FulfillmentReview::ContentMismatch],
            "whether the line is still owed needs a decision"
        );
        let accepted = decide(state.clone(), FulfillmentReview::ContentMismatch, Choice::Accept);
        assert_eq!((unfilled(&accepted), kinds(&accepted)), (0, vec![]));
        let owed = decide(state, FulfillmentReview::ContentMismatch, Choice::Recall);
        assert_eq!((unfilled(&owed), kinds(&owed)), (36, vec![]));
    }
}

#[test]
fn b11_nothing_is_unfilled_while_a_packages_content_is_not_reported_or_not_decided() {
    let state = play(open(&lines(5)), [milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)]);
    assert_eq!(unfilled(&state), 0);
    assert_eq!(unfilled(&apply(state, packed("P-1", 1, &lines(2), None))), 3);
    let wrong = packed("P-1", 1, &[part("OTHER", 5)], None);
    let state = play(open(&lines(5)), [wrong, milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)]);
    assert_eq!(unfilled(&state), 0);
    assert_eq!(unfilled(&decide(state.clone(), FulfillmentReview::ContentMismatch, Choice::Accept)), 0);
    assert_eq!(unfilled(&decide(state, FulfillmentReview::ContentMismatch, Choice::Recall)), 5);
}
