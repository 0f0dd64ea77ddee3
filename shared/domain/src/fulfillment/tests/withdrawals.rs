//! Withdrawals, and shipments that cross them.

use super::*;

/// The warehouse's reference in the withdrawal that is due; the outer `None` if none is due.
fn withdrawal_reference(state: &Fulfillment) -> Option<Option<String>> {
    state.withdrawal().map(|withdrawal| withdrawal.reference.map(|reference| reference.to_string()))
}

#[test]
fn b04_a_fulfillment_that_was_never_sent_is_withdrawn_without_a_call() {
    let close = || FulfillmentCommand::CloseNotSent(opened(&lines(3)));
    let never_sent = begin::<Fulfillment>([close()]);
    assert_eq!((request_status(&never_sent), withdrawal_reference(&never_sent)), (RequestStatus::Withdrawn, None));
    assert_eq!(FulfillmentRequest::due(Some(&never_sent), &opened(&lines(3))), None);
    assert_eq!(never_sent.decide(close()), Ok(vec![]));
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    assert_eq!(request_status(&apply(refused, close())), RequestStatus::Withdrawn);
    for maybe_sent in [
        open(&lines(3)),
        apply(open(&lines(3)), FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1))),
        apply(open(&lines(3)), accepted("F-1")),
        apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "OUTCOME_UNKNOWN")),
        apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "DUPLICATE_DIFFERS")),
    ] {
        assert_eq!(maybe_sent.decide(close()), Ok(vec![]));
        assert!(maybe_sent.withdrawal().is_some());
        assert!(maybe_sent.inquiry().is_some(), "the warehouse may know its state");
    }
}

#[test]
fn b04_a_fulfillment_that_its_warehouse_may_have_is_withdrawn_after_its_request_has_ended() {
    let state = open(&lines(3));
    let withdrawal = state.withdrawal().unwrap();
    assert_eq!((withdrawal.reference, withdrawal.sent_until), (None, Some(at(1))));
    let state = apply(state, accepted("F-1"));
    let withdrawal = state.withdrawal().unwrap();
    assert_eq!((withdrawal.reference, withdrawal.sent_until), (Some(id("F-1")), None));
    let withdrawing = apply(state, FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1)));
    assert!(withdrawing.withdrawal().is_some(), "it is repeated if its claim lapses");
    assert_eq!(FulfillmentRequest::due(Some(&withdrawing), &opened(&lines(3))), None);
    let done = apply(withdrawing.clone(), withdrawn(Some("F-1")));
    assert_eq!((request_status(&done), withdrawal_reference(&done)), (RequestStatus::Withdrawn, None));
    assert!(done.open_effects().is_empty());
    let refused = apply(withdrawing, too_late());
    assert_eq!((request_status(&refused), withdrawal_reference(&refused)), (RequestStatus::Accepted, None));
    assert!(refused.open_effects().is_empty());
    assert_eq!(refused.progress().unwrap().withdrawal_refused.as_deref(), Some("it is being picked"));
}

#[test]
fn b04_a_fulfillment_that_is_accepted_after_its_withdrawal_is_withdrawn_again() {
    for facts in permutations(&[withdrawn(None), accepted("F-1")]) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(
            (request_status(&state), withdrawal_reference(&state)),
            (RequestStatus::Accepted, Some(Some("F-1".to_owned())))
        );
        assert_eq!(FulfillmentRequest::due(Some(&state), &opened(&lines(3))), None);
        let state = apply(state, withdrawn(Some("F-1")));
        assert_eq!((request_status(&state), withdrawal_reference(&state)), (RequestStatus::Withdrawn, None));
    }
}

#[test]
fn b05_a_fulfillment_that_shipped_is_not_withdrawn_in_any_order_of_reports() {
    let left = || [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let facts = [vec![accepted("F-1"), withdrawn(Some("F-1"))], left().to_vec()].concat();
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(
            (request_status(&state), shipped(&state), withdrawal_reference(&state)),
            (RequestStatus::Accepted, 3, None)
        );
    }
    let has_left = play(apply(open(&lines(3)), accepted("F-1")), left());
    assert_eq!(withdrawal_reference(&has_left), None);
    let why = has_left.shipped_before_withdrawal().unwrap();
    let refused = apply(has_left, FulfillmentCommand::RecordWithdrawalRefused(why.clone()));
    assert_eq!(refused.progress().unwrap().withdrawal_refused, Some(why.reason));
    assert_eq!(refused.shipped_before_withdrawal(), None, "it is recorded once");
    let rejected = play(open(&lines(3)), [accepted("F-1"), refusal(FulfillmentEffect::Withdraw, "HTTP_409")]);
    let rejected = play(rejected, left());
    assert_eq!(
        (rejected.shipped_before_withdrawal(), kinds(&rejected)),
        (None, vec![FulfillmentReview::PartnerRefused])
    );
    let retried = decide(rejected, FulfillmentReview::PartnerRefused, Choice::Retry);
    assert!(retried.shipped_before_withdrawal().is_some(), "a retry is answered by the shipment");
    for state in [open(&lines(3)), play(open(&lines(3)), [accepted("F-1"), withdrawn(Some("F-1"))])] {
        assert_eq!(state.shipped_before_withdrawal(), None);
    }
}

#[test]
fn b05_a_withdrawal_is_repeated_until_it_is_answered_despite_other_reports() {
    let announce = || FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1));
    let withdrawing = || apply(apply(open(&lines(3)), accepted("F-1")), announce());
    let left = || [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    for meanwhile in [left().to_vec(), vec![rejected("no room")], vec![closed(3)]] {
        let state = play(withdrawing(), meanwhile);
        assert_eq!(withdrawal_reference(&state), Some(Some("F-1".to_owned())), "the withdrawal is not answered yet");
        for answer in [too_late(), withdrawn(Some("F-1")), refusal(FulfillmentEffect::Withdraw, "NO")] {
            let state = apply(state.clone(), answer);
            assert_eq!((withdrawal_reference(&state), state.open_effects().len()), (None, 0));
        }
    }
}

#[test]
fn b07_packages_of_a_withdrawn_fulfillment_do_not_count() {
    for facts in permutations(&[accepted("F-1"), packed("P-1", 1, &lines(3), None), withdrawn(Some("F-1"))]) {
        let state = play(open(&lines(3)), facts);
        let progress = state.progress().unwrap();
        assert_eq!((progress.request_status, progress.has_packages), (RequestStatus::Withdrawn, false));
        assert!(kinds(&state).is_empty());
    }
}

#[test]
fn a_fulfillment_that_was_both_withdrawn_and_rejected_is_withdrawn() {
    for facts in permutations(&[accepted("F-1"), withdrawn(Some("F-1")), rejected("cancelled"), too_late()]) {
        let progress = play(open(&lines(3)), facts).progress().unwrap();
        assert_eq!((progress.request_status, progress.withdrawal_refused), (RequestStatus::Withdrawn, None));
    }
}

#[test]
fn a_fulfillment_that_a_person_withdrew_by_hand_is_withdrawn() {
    let state = play(open(&lines(3)), [accepted("F-1"), refusal(FulfillmentEffect::Withdraw, "OUTCOME_UNKNOWN")]);
    assert_eq!((kinds(&state), withdrawal_reference(&state)), (vec![FulfillmentReview::OutcomeUnknown], None));
    let retried = decide(state.clone(), FulfillmentReview::OutcomeUnknown, Choice::Retry);
    assert!(retried.withdrawal().is_some());
    let resolved = decide(state, FulfillmentReview::OutcomeUnknown, Choice::ResolvedManually);
    assert_eq!((request_status(&resolved), kinds(&resolved)), (RequestStatus::Withdrawn, vec![]));
}
