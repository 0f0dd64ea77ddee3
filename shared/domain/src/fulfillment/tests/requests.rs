//! The request and the warehouse's answers.

use super::*;

#[test]
fn b02_a_second_reference_of_a_fulfillment_is_a_second_warehouse_order_and_is_reviewed() {
    let state = play(open(&lines(3)), [accepted("F-1"), accepted("F-1")]);
    assert!(kinds(&state).is_empty());
    assert_eq!(kinds(&apply(state, accepted("F-2"))), [FulfillmentReview::DuplicateDocument]);
}

#[test]
fn b04_of_an_acceptance_and_a_rejection_the_rejection_counts_until_something_ships() {
    let one = play(open(&lines(3)), [accepted("F-1"), rejected("no room")]);
    let two = play(open(&lines(3)), [rejected("no room"), accepted("F-1")]);
    assert_eq!(one, two);
    assert_eq!(request_status(&one), RequestStatus::Rejected);
    assert_eq!(request_status(&apply(one, packed("P-1", 1, &lines(3), None))), RequestStatus::Accepted);
}

#[test]
fn a_refused_request_is_not_reviewed_if_another_attempt_was_accepted() {
    let refusal = || FulfillmentCommand::RecordEffectRejected(refused(FulfillmentEffect::Request, "DUPLICATE"));
    let one = play(open(&lines(3)), [refusal(), accepted("F-1")]);
    let two = play(open(&lines(3)), [accepted("F-1"), refusal()]);
    assert_eq!(one, two);
    assert!(kinds(&one).is_empty());
    assert_eq!(kinds(&play(open(&lines(3)), [refusal()])), [FulfillmentReview::PartnerRefused]);
}

#[test]
fn a_failure_of_an_earlier_attempt_does_not_release_the_claim_of_a_later_one() {
    let state = apply(open(&lines(3)), FulfillmentCommand::Announce(started(FulfillmentEffect::Request, 2)));
    let earlier = FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1));
    assert_eq!(state.decide(earlier), Ok(vec![]));
}
