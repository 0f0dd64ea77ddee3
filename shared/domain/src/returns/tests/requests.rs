//! The way to the authorization: reservation, approval, window, cancellation, exchange.

use super::*;

fn approval(by: &str) -> ReturnCommand {
    ReturnCommand::Approve(Approval { by: by.to_owned(), evidence: "photo 7".to_owned() })
}

fn denial() -> ReturnCommand {
    ReturnCommand::Deny(Denial { by: "ops".to_owned(), reason: "worn".to_owned() })
}

/// A return that needs approval above EUR 100 and a second one above EUR 500.
fn valued(value: u32) -> ReturnRequest {
    let mut request = request(&[(1, 3)]);
    request.policy.approval =
        ApprovalPolicy { above_value: Some(100.into()), four_eyes_above_value: Some(500.into()), ..Default::default() };
    request.content.as_mut().unwrap().assessment.value = value.into();
    request
}

#[test]
fn nothing_is_authorized_before_the_order_has_reserved_it() {
    let state = requested(request(&[(1, 3)]));
    let asked = state.reservation_request().unwrap();
    assert_eq!((asked.round, asked.lines), (1, BTreeMap::from([(line_no(1), each(3))])));
    assert_eq!(state.authorization_request(), None);
    let state = apply(state, reserved(4, 1, &[(1, 0, 3)]));
    assert_eq!(state.reservation_request(), None);
    let asked = state.authorization_request().unwrap();
    assert_eq!(asked.lines, BTreeMap::from([(line_no(1), each(3))]));
    assert_eq!(asked.key(), format!("authorize-return/{}", return_id()));
    assert_eq!(apply(state, authorized()).authorization_request(), None);
}

#[test]
fn d22_a_return_whose_goods_are_not_known_as_shipped_waits_and_is_then_reviewed() {
    let state = requested(request(&[(1, 3)]));
    let ReturnCommand::RecordReserved(mut waiting) = reserved(4, 1, &[(1, 0, 2)]) else { panic!() };
    waiting.lines[0].asked = each(3);
    waiting.lines[0].waiting = each(1);
    let state = apply(state, ReturnCommand::RecordReserved(waiting));
    assert_eq!((state.authorization_request(), state.status()), (None, ReturnStatus::Requested));
    let ReturnWatch::Until(due, timer) = state.watch() else { panic!() };
    assert_eq!((due, timer), (at(72 * 60), ReturnTimer::Late(MissingStep::Shipment)));
    assert_eq!(state.watch().passed(at(72 * 60 - 1)), None);
    let late = state.watch().passed(due).unwrap();
    let state = apply(state, late);
    assert_eq!((kinds(&state), state.watch()), (vec![ReturnReview::Late], ReturnWatch::Over));
    // The goods are known as shipped after all; an older register changes nothing.
    let state = play(state, [reserved(6, 1, &[(1, 0, 3)]), reserved(5, 1, &[(1, 0, 1)])]);
    assert!(state.authorization_request().is_some());
    assert_eq!(kinds(&state), []);
}

#[test]
fn a_refused_reservation_denies_the_return_with_the_orders_number() {
    let why = Rejection::new("MORE_THAN_RETURNABLE", "line 1: 2 EA can be returned, 3 EA were asked for");
    let refused = ReturnCommand::RecordReservationRefused(ReservationRefused { round: 1, rejection: why });
    let state = apply(requested(request(&[(1, 3)])), refused.clone());
    assert_eq!(state.status(), ReturnStatus::Denied);
    assert_eq!(state.decide(refused), Ok(vec![]));
    // Nothing is needed any more; the order is told so.
    assert_eq!(state.reservation_request().unwrap().lines, BTreeMap::from([(line_no(1), each(0))]));
}

#[test]
fn an_authorization_that_is_not_used_is_recorded_and_reviewed() {
    let second = ReturnCommand::RecordAuthorized(Authorized { rma: id("RMA-2"), at: at(11), valid_until: at(60_000) });
    let twice = apply(expected(), second.clone());
    assert_eq!((kinds(&twice), twice.decide(second.clone())), (vec![ReturnReview::DuplicateDocument], Ok(vec![])));
    let denied = play(requested(request(&[(1, 3)])), [denial(), second]);
    assert_eq!((denied.status(), kinds(&denied)), (ReturnStatus::Denied, vec![ReturnReview::DuplicateDocument]));
}

#[test]
fn thresholds_say_who_has_to_approve() {
    assert_eq!(requested(valued(100)).approvals_needed(), 0);
    assert_eq!(requested(valued(101)).approvals_needed(), 1);
    assert_eq!(requested(valued(501)).approvals_needed(), 2);
    let needed = |approval: ApprovalPolicy, assessment: Assessment| {
        let mut request = request(&[(1, 3)]);
        request.policy.approval = approval;
        request.content.as_mut().unwrap().assessment = assessment;
        requested(request).approvals_needed()
    };
    let none = (ApprovalPolicy::default, Assessment::default);
    assert_eq!(needed(none.0(), Assessment { serials_missing: true, ..none.1() }), 0);
    for (approval, assessment) in [
        (
            ApprovalPolicy { above_percent_of_order: Some(50), ..none.0() },
            Assessment { percent_of_order: 51, ..none.1() },
        ),
        (ApprovalPolicy { after_days: Some(30), ..none.0() }, Assessment { days_since_delivery: 31, ..none.1() }),
        (ApprovalPolicy { above_earlier_returns: Some(2), ..none.0() }, Assessment { earlier_returns: 3, ..none.1() }),
        (ApprovalPolicy { missing_serials: true, ..none.0() }, Assessment { serials_missing: true, ..none.1() }),
        (ApprovalPolicy { reasons: BTreeSet::from([ReasonClass::ChangeOfMind]), ..none.0() }, none.1()),
    ] {
        assert_eq!(needed(approval.clone(), assessment), 1, "{approval:?}");
        assert_eq!(needed(approval.clone(), none.1()), usize::from(!approval.reasons.is_empty()), "{approval:?}");
    }
}

#[test]
fn an_expensive_return_needs_two_persons() {
    let state = apply(requested(valued(501)), reserved(4, 1, &[(1, 0, 3)]));
    assert_eq!((state.status(), kinds(&state)), (ReturnStatus::AwaitingApproval, vec![ReturnReview::ApprovalNeeded]));
    let once = apply(state, approval("ann"));
    assert_eq!((once.authorization_request(), kinds(&once)), (None, vec![ReturnReview::ApprovalNeeded]));
    assert_eq!(refusal(&once, approval("ann")), "FOUR_EYES");
    let twice = apply(once, approval("bob"));
    assert!(twice.authorization_request().is_some());
    assert_eq!((kinds(&twice), refusal(&twice, approval("eve"))), (vec![], "NOTHING_TO_APPROVE".to_owned()));
}

#[test]
fn a_review_of_an_approval_approves_or_denies() {
    let state = apply(requested(valued(101)), reserved(4, 1, &[(1, 0, 3)]));
    let approved = decide(&state, ReturnReview::ApprovalNeeded, Choice::Approve);
    assert_eq!((approved.status(), approved.approvals.len()), (ReturnStatus::Approved, 1));
    let denied = decide(&state, ReturnReview::ApprovalNeeded, Choice::Cancel);
    assert_eq!((denied.status(), kinds(&denied)), (ReturnStatus::Denied, vec![]));
    assert_eq!(denied.reservation_request().map(|request| request.round), Some(2));
    assert_eq!(refusal(&expected(), denial()), "ALREADY_AUTHORIZED");
}

#[test]
fn a_window_is_only_extended_and_only_up_to_the_policys_limit() {
    let extend = |to| ReturnCommand::Extend(Extended { valid_until: at(to) });
    let state = expected();
    assert_eq!(refusal(&state, extend(50_000)), "WINDOW_INVALID");
    assert_eq!(refusal(&state, extend(60 * 24 * 60 + 11)), "WINDOW_INVALID");
    let state = apply(state, extend(60_000));
    assert_eq!(state.decide(ReturnCommand::Expire(at(59_999))), Ok(vec![]));
    let state = apply(state, ReturnCommand::Expire(at(60_000)));
    assert_eq!((state.status(), refusal(&state, extend(70_000))), (ReturnStatus::Expired, "RETURN_CLOSED".to_owned()));
}

#[test]
fn d19_a_cancelled_return_goes_on_with_what_came_and_gives_the_rest_back() {
    let state = apply(expected(), receipt("1", 20, &[(GOOD, 2)]));
    let state = apply(state, ReturnCommand::Cancel(None));
    let asked = state.reservation_request().unwrap();
    assert_eq!((asked.round, asked.lines), (2, BTreeMap::from([(line_no(1), each(2))])));
    let state = settled(apply(state, reserved(9, 2, &[(1, 0, 2)])));
    assert_eq!((net_and_tax(&state), state.status()), ((dec("66.67"), dec("12.67")), ReturnStatus::Credited));
    assert_eq!(refusal(&state, ReturnCommand::Cancel(None)), "RETURN_CLOSED");
}

#[test]
fn one_line_is_cancelled_and_the_other_goes_on() {
    let state = authorized_as(request(&[(1, 3), (2, 1)]));
    let state = apply(state, ReturnCommand::Cancel(Some(BTreeSet::from([line_no(2)]))));
    let lines = state.reservation_request().unwrap().lines;
    assert_eq!(lines, BTreeMap::from([(line_no(1), each(3)), (line_no(2), each(0))]));
    assert_eq!(state.status(), ReturnStatus::Authorized);
}

#[test]
fn d07_goods_that_arrive_after_the_window_are_reviewed_and_reserved_anew() {
    let state = apply(expected(), ReturnCommand::Expire(at(50_000)));
    assert_eq!((state.status(), state.watch()), (ReturnStatus::Expired, ReturnWatch::Over));
    let state = play(state, [reserved(9, 2, &[(1, 0, 0)]), receipt("1", 60_000, &[(GOOD, 2)])]);
    assert_eq!(
        (kinds(&state), settled(state.clone()).credited(line_no(1))),
        (vec![ReturnReview::ArrivedAfterEnd], dec("0"))
    );
    let known = decide(&state, ReturnReview::ArrivedAfterEnd, Choice::Acknowledge);
    assert_eq!((kinds(&known), known.reservation_request()), (vec![], None));
    // One more is another decision.
    assert_eq!(kinds(&apply(known, receipt("1", 60_001, &[(GOOD, 3)]))), [ReturnReview::ArrivedAfterEnd]);
    let taken = decide(&state, ReturnReview::ArrivedAfterEnd, Choice::Accept);
    assert_eq!(taken.reservation_request().unwrap().lines, BTreeMap::from([(line_no(1), each(2))]));
    assert_eq!(settled(taken.clone()).credited(line_no(1)), dec("0"));
    let reserved_again = apply(taken.clone(), reserved(11, 3, &[(1, 0, 2)]));
    assert_eq!(net_and_tax(&settled(reserved_again)), (dec("66.67"), dec("12.67")));
    // Another return has the units meanwhile.
    let why = Rejection::new("MORE_THAN_RETURNABLE", "line 1: 0 EA can be returned");
    let refused = ReturnCommand::RecordReservationRefused(ReservationRefused { round: 3, rejection: why });
    let refused = apply(taken, refused);
    assert_eq!(
        (kinds(&refused), net_and_tax(&settled(refused))),
        (vec![ReturnReview::NotReserved], (dec("0"), dec("0")))
    );
}

#[test]
fn goods_of_a_denied_return_can_still_be_accepted() {
    let denied =
        play(requested(request(&[(1, 3)])), [reserved(4, 1, &[(1, 0, 3)]), denial(), receipt("1", 20, &[(GOOD, 1)])]);
    assert_eq!((denied.status(), kinds(&denied)), (ReturnStatus::Denied, vec![ReturnReview::ArrivedAfterEnd]));
    let taken = decide(&denied, ReturnReview::ArrivedAfterEnd, Choice::Accept);
    assert_eq!(taken.reservation_request().unwrap().lines, BTreeMap::from([(line_no(1), each(1))]));
    let state = play(taken, [reserved(9, 3, &[(1, 0, 1)]), authorized(), invoiced()]);
    assert_eq!(settled(state).credited(line_no(1)), dec("1"));
}

#[test]
fn d11_an_exchange_credits_what_came_and_is_linked_to_its_order() {
    let mut exchange = request(&[(1, 3)]);
    exchange.outcome = Outcome::Exchange;
    let state = apply(authorized_as(exchange), invoiced());
    let ordered = ReturnCommand::RecordExchangeOrdered(ExchangeOrdered { order: order_id() });
    let state = apply(state, ordered.clone());
    assert_eq!((state.exchange_reference(), state.decide(ordered)), (None, Ok(vec![])));
    let state = settled(apply(state, receipt("1", 20, &[(GOOD, 3)])));
    assert_eq!(net_and_tax(&state), (dec("100.00"), dec("19.00")));
    assert_eq!(state.exchange, Some(order_id()));
}

#[test]
fn d25_an_exchange_is_ordered_under_a_name_of_its_own_not_under_the_customers_purchase_order() {
    let mut exchange = request(&[(1, 3)]);
    exchange.outcome = Outcome::Exchange;
    assert_eq!(requested(exchange.clone()).exchange_reference(), None);
    let reference = authorized_as(exchange).exchange_reference().unwrap();
    assert_eq!(reference.to_string(), format!("exchange/{}", return_id()));
    assert_eq!(expected().exchange_reference(), None);
}

#[test]
fn a_repaired_item_is_not_credited() {
    let mut repair = request(&[(1, 3)]);
    repair.outcome = Outcome::Repair;
    let state = play(authorized_as(repair), [invoiced(), receipt("1", 20, &[(GOOD, 3)])]);
    let state = settled(state);
    assert_eq!((net_and_tax(&state), state.status()), ((dec("0"), dec("0")), ReturnStatus::Inspected));
}

#[test]
fn what_a_partner_refused_is_tried_again_or_resolved_by_hand() {
    let state = apply(requested(request(&[(1, 3)])), reserved(4, 1, &[(1, 0, 3)]));
    let effect = ReturnEffect::AuthorizeReturn;
    let state = play(
        state,
        [
            ReturnCommand::Announce(started(effect.clone(), 1)),
            ReturnCommand::RecordEffectRejected(refused(effect, "BLOCKED")),
        ],
    );
    assert_eq!((state.authorization_request(), kinds(&state)), (None, vec![ReturnReview::PartnerRefused]));
    let again = decide(&state, ReturnReview::PartnerRefused, Choice::Retry);
    assert!(again.authorization_request().is_some());
    let mut by_hand = decision(&state.reviews(), ReturnReview::PartnerRefused, Choice::ResolvedManually);
    assert_eq!(refusal(&state, ReturnCommand::Decide(by_hand.clone())), "DOCUMENT_NEEDED");
    by_hand.document = Some(ManualDocument { number: id("RMA-9"), site: None, total: None });
    let state = apply(state, ReturnCommand::Decide(by_hand));
    assert_eq!((state.status(), kinds(&state)), (ReturnStatus::Authorized, vec![]));
}
