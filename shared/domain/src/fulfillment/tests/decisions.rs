//! Decisions of reviews.

use super::*;
use crate::fulfillment::FulfillmentEvent;
use crate::review::ManualDocument;

/// The code with which a request is refused.
fn refusal_of(state: &Fulfillment, command: FulfillmentCommand) -> String {
    let events = state.decide(command).unwrap();
    let [FulfillmentEvent::RequestRejected(why)] = &events[..] else { panic!("{events:?}") };
    why.code.clone()
}

#[test]
fn b48_a_request_and_a_goods_issue_that_a_person_made_by_hand_become_facts_by_their_numbers() {
    let by_hand = |state: &Fulfillment, number: &str| {
        let open = decision(&reviews(state), FulfillmentReview::PartnerRefused, Choice::ResolvedManually);
        let document = Some(ManualDocument { number: id(number), site: None, total: None });
        apply(state.clone(), FulfillmentCommand::Decide(Decision { document, ..open }))
    };
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let requested = by_hand(&refused, "W-1");
    assert_eq!(requested.references().map(ToString::to_string).collect::<Vec<_>>(), ["W-1"]);
    let left = [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let posted = by_hand(&apply(play(requested, left), refusal(GOODS_ISSUE(), "CLOSED")), "GI-1");
    assert!(is_posted(&posted) && kinds(&posted).is_empty());
    assert_eq!(
        posted.goods_issues.values().flat_map(|all| all.iter()).map(|it| it.document.as_str()).collect::<Vec<_>>(),
        ["GI-1"]
    );
}

#[test]
fn a_review_of_a_fulfillment_does_not_offer_a_cancellation() {
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let cancel = decision(&reviews(&refused), FulfillmentReview::PartnerRefused, Choice::Cancel);
    assert_eq!(refusal_of(&refused, FulfillmentCommand::Decide(cancel)), "CHOICE_NOT_OFFERED");
}

#[test]
fn only_an_open_review_can_be_decided_and_only_with_a_choice_that_it_offers() {
    let state = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let decision = |choice| FulfillmentCommand::Decide(Decision { choice, ..retry() });
    assert_eq!(refusal_of(&state, decision(Choice::Recall)), "CHOICE_NOT_OFFERED");
    let state = apply(state, decision(Choice::ResolvedManually));
    assert!(kinds(&state).is_empty() && FulfillmentRequest::due(Some(&state), &opened(&lines(3))).is_none());
    assert_eq!(refusal_of(&state, decision(Choice::Retry)), "REVIEW_NOT_OPEN");
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
