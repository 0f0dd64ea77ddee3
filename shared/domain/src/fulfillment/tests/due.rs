//! What is due.

use super::*;
use crate::due::{DueWork, newly_due};

/// The steps that `command` wakes.
fn woken(state: &Fulfillment, command: FulfillmentCommand) -> Vec<&'static str> {
    let id = state.opened.fulfillment.clone();
    let mut before = state.clone();
    before.committed(1);
    let mut after = apply(before.clone(), command);
    after.committed(2);
    let (before, after) = (Fulfillment::due(Some(&before), &id), Fulfillment::due(Some(&after), &id));
    let due: Vec<&DueWork> = newly_due(&before, &after).collect();
    due.into_iter().map(|work| work.step).collect()
}

#[test]
fn b50_a_stream_that_its_request_opens_has_no_work_that_its_order_did_not_announce() {
    let state = open_as(watched(&lines(2)));
    let id = state.opened.fulfillment.clone();
    let (before, after) = (Fulfillment::due(None, &id), Fulfillment::due(Some(&state), &id));
    let due: Vec<&DueWork> = newly_due(&before, &after).collect();
    assert_eq!(due, [&DueWork::new("due-wake")]);
}

#[test]
fn b50_a_goods_issue_is_due_once_content_and_departure_are_known() {
    let state = open_as(opened(&lines(2)));
    let content = packed("P-1", 1, &lines(2), None);
    let left = milestone("P-1", 2, MilestoneKind::PickedUp);
    for (first, second) in [(content.clone(), left.clone()), (left, content)] {
        assert!(!woken(&state, first.clone()).contains(&"goods-issue-post"), "{first:?}");
        assert!(woken(&apply(state.clone(), first), second).contains(&"goods-issue-post"));
    }
}

#[test]
fn b50_an_attempt_that_fails_is_not_reported_to_the_order_which_would_cause_the_next() {
    let mut twins = vec![line_quantity(1, 2), line_quantity(2, 5)];
    twins[1].sku = twins[0].sku.clone();
    let state = apply(open_as(opened(&twins)), accepted("F-1"));
    let attempt = FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1));
    assert!(!woken(&state, attempt.clone()).contains(&"fulfillment-rollup"));
    let failed = FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Withdraw, 1));
    assert!(!woken(&apply(state, attempt), failed).contains(&"fulfillment-rollup"));
}

#[test]
fn b50_a_fulfillment_that_is_accepted_after_its_withdrawal_is_watched_and_withdrawn_again() {
    let asked = FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1));
    let state = play(open_as(watched(&lines(2))), [accepted("F-1"), asked, withdrawn(Some("F-1"))]);
    let steps = woken(&state, accepted("F-2"));
    assert_eq!(steps, ["fulfillment-rollup", "fulfillment-watch", "fulfillment-withdraw"]);
}

#[test]
fn b50_a_claim_and_a_report_that_is_known_wake_no_step() {
    let state = play(
        open_as(opened(&lines(2))),
        [packed("P-1", 1, &lines(2), None), milestone("P-1", 2, MilestoneKind::PickedUp)],
    );
    let claim = FulfillmentCommand::Announce(started(FulfillmentEffect::PostGoodsIssue { package: id("P-1") }, 1));
    assert_eq!(woken(&state, claim), [""; 0]);
    assert_eq!(woken(&state, milestone("P-1", 2, MilestoneKind::PickedUp)), [""; 0]);
}
