//! Decisions of reviews.

use super::*;

#[test]
fn a_review_of_a_fulfillment_does_not_offer_a_cancellation() {
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let cancel = decision(&reviews(&refused), FulfillmentReview::PartnerRefused, Choice::Cancel);
    let answer = refused.decide(FulfillmentCommand::Decide(cancel));
    assert_eq!(answer.unwrap_err().code, "CHOICE_NOT_OFFERED");
}

#[test]
fn only_an_open_review_can_be_decided_and_only_with_a_choice_that_it_offers() {
    let state = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let decision = |choice| FulfillmentCommand::Decide(Decision { choice, ..retry() });
    assert_eq!(state.decide(decision(Choice::Recall)).unwrap_err().code, "CHOICE_NOT_OFFERED");
    let state = apply(state, decision(Choice::ResolvedManually));
    assert!(kinds(&state).is_empty() && FulfillmentRequest::due(Some(&state), &opened(&lines(3))).is_none());
    assert_eq!(state.decide(decision(Choice::Retry)).unwrap_err().code, "REVIEW_NOT_OPEN");
}

#[test]
fn a_refused_effect_is_retried_only_by_a_decision_and_reviewed_again_if_it_is_refused_again() {
    let refused = || refusal(GOODS_ISSUE(), "CLOSED");
    let left = [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = apply(play(open(&lines(3)), left), refused());
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::PartnerRefused], None));
    let again = decide(state, FulfillmentReview::PartnerRefused, Choice::Retry);
    assert_eq!((kinds(&again), posting(&again, "P-1")), (vec![], Some(lines(3))));
    let state = apply(again, refused());
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::PartnerRefused], None));
    assert!(!is_posted(&state));
    assert!(is_posted(&decide(state, FulfillmentReview::PartnerRefused, Choice::ResolvedManually)));
}
