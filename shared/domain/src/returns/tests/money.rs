//! What is credited and debited.

use super::*;

#[test]
fn d01_nothing_is_credited_before_it_came() {
    let state = expected();
    assert_eq!((state.adjustments(), state.status()), (vec![], ReturnStatus::Authorized));
    // Goods that no one has looked at are not credited either.
    let state = apply(state, receipt("1", 20, &[(Disposition::Returned, 3)]));
    assert_eq!(settled(state).credited(line_no(1)), dec("0"));
}

/// A return that is credited when it is authorized, for ten days.
fn in_advance() -> Return {
    let mut advance = request(&[(1, 3)]);
    advance.policy.advance_days = Some(10);
    settled(apply(authorized_as(advance), invoiced()))
}

const TEN_DAYS: i64 = 10 + 10 * 24 * 60;

#[test]
fn d01_an_advance_is_debited_for_what_did_not_come_by_its_due_date() {
    let state = in_advance();
    assert_eq!(entries(&state), [(false, 3, "119.00".to_owned())]);
    assert_eq!(state.decide(ReturnCommand::LapseAdvance(at(TEN_DAYS - 1))), Ok(vec![]));
    let state = settled(apply(state, receipt("1", 20, &[(GOOD, 1)])));
    let lapse = state.watch().passed(at(TEN_DAYS)).unwrap();
    assert_eq!(lapse, ReturnCommand::LapseAdvance(at(TEN_DAYS)));
    let state = settled(apply(state, lapse));
    assert_eq!(entries(&state), [(false, 3, "119.00".to_owned()), (true, 2, "79.34".to_owned())]);
    assert_eq!(net_and_tax(&state), (dec("33.33"), dec("6.33")));
}

#[test]
fn d24_goods_that_come_after_the_advances_debit_are_credited_once_more() {
    let state = settled(apply(in_advance(), ReturnCommand::LapseAdvance(at(TEN_DAYS))));
    assert_eq!(net_and_tax(&state), (dec("0"), dec("0")));
    let state = settled(apply(state, receipt("1", TEN_DAYS + 5, &[(GOOD, 3)])));
    let all = || "119.00".to_owned();
    assert_eq!(entries(&state), [(false, 3, all()), (true, 3, all()), (false, 3, all())]);
    assert_eq!(net_and_tax(&state), (dec("100.00"), dec("19.00")));
}

#[test]
fn d04_a_partial_receipt_is_credited_pro_rata_and_the_return_stays_open() {
    let state = settled(apply(expected(), receipt("1", 20, &[(GOOD, 1)])));
    assert_eq!((net_and_tax(&state), state.status()), ((dec("33.33"), dec("6.33")), ReturnStatus::PartlyCredited));
    let state = settled(apply(state, receipt("1", 30, &[(GOOD, 3)])));
    assert_eq!((net_and_tax(&state), state.status()), ((dec("100.00"), dec("19.00")), ReturnStatus::Credited));
}

#[test]
fn d05_goods_that_turn_out_damaged_after_the_credit_are_debited() {
    let state = settled(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let state = apply(state, receipt("1", 30, &[(GOOD, 2), (Disposition::Damaged, 1)]));
    let [debit] = &state.adjustments()[..] else { panic!() };
    assert_eq!((debit.is_debit, debit.n, debit.units), (true, 2, dec("1")));
    let state = settled(state);
    assert_eq!(net_and_tax(&state), (dec("66.67"), dec("12.67")));
    // The stock's state follows in a movement of its own.
    assert_eq!(state.movements.len(), 2);
}

#[test]
fn d08_the_same_report_twice_makes_one_credit_with_one_key() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let [credit] = &state.adjustments()[..] else { panic!() };
    assert_eq!(credit.key(), format!("credit/{}/1/1", return_id()));
    let state = settled(play(state, [receipt("1", 20, &[(GOOD, 3)]), receipt("1", 20, &[(GOOD, 3)])]));
    assert_eq!(entries(&state).len(), 1);
}

#[test]
fn d09_a_credit_that_fails_after_the_restock_is_tried_again_and_the_restock_is_not() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let [credit] = &state.adjustments()[..] else { panic!() };
    let credit = credit.clone();
    let announced = apply(state, ReturnCommand::Announce(started(credit.effect(), 1)));
    let lost = apply(announced.clone(), ReturnCommand::RecordEffectFailed(failed(credit.effect(), 1)));
    assert_eq!((lost.adjustments(), lost.stock_movement()), (vec![credit.clone()], None));
    let refused = apply(announced, ReturnCommand::RecordEffectRejected(refused(credit.effect(), "PERIOD_CLOSED")));
    assert_eq!((refused.adjustments(), kinds(&refused)), (vec![], vec![ReturnReview::PartnerRefused]));
    let again = settled(decide(&refused, ReturnReview::PartnerRefused, Choice::Retry));
    assert_eq!((entries(&again), again.movements.len()), (vec![(false, 3, "119.00".to_owned())], 1));
    let mut by_hand = decision(&refused.reviews(), ReturnReview::PartnerRefused, Choice::ResolvedManually);
    by_hand.document = Some(ManualDocument { number: id("CM-77"), site: None, total: None });
    let by_hand = apply(refused, ReturnCommand::Decide(by_hand));
    assert_eq!((entries(&by_hand), kinds(&by_hand)), (vec![(false, 3, "119.00".to_owned())], vec![]));
}

#[test]
fn a_refused_credit_that_is_not_needed_any_more_needs_no_decision() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let effect = state.adjustments().remove(0).effect();
    let commands = [
        ReturnCommand::Announce(started(effect.clone(), 1)),
        ReturnCommand::RecordEffectRejected(refused(effect, "PERIOD_CLOSED")),
        receipt("1", 30, &[]),
    ];
    let state = play(state, commands);
    assert_eq!((kinds(&state), move_stock(state).adjustments()), (vec![], vec![]));
}

#[test]
fn a_credit_waits_for_the_stock_movement_also_for_a_refused_one() {
    let state = apply(expected(), receipt("1", 20, &[(GOOD, 3)]));
    assert_eq!(state.adjustments(), []);
    let effect = state.stock_movement().unwrap().effect();
    let state = play(
        state,
        [
            ReturnCommand::Announce(started(effect.clone(), 1)),
            ReturnCommand::RecordEffectRejected(refused(effect, "PERIOD_CLOSED")),
        ],
    );
    assert_eq!(
        (state.adjustments(), state.stock_movement(), kinds(&state)),
        (vec![], None, vec![ReturnReview::PartnerRefused])
    );
}

#[test]
fn an_announced_credit_is_repeated_as_it_was_announced() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let credit = state.adjustments().remove(0);
    let state = apply(state, ReturnCommand::Announce(started(credit.effect(), 1)));
    let state = apply(state, receipt("1", 30, &[(GOOD, 2)]));
    assert_eq!(state.adjustments(), std::slice::from_ref(&credit));
    // Its answer is followed by the debit.
    let state = post(state, &credit);
    assert_eq!(entries(&settled(state)), [(false, 3, "119.00".to_owned()), (true, 1, "39.66".to_owned())]);
}

#[test]
fn d12_a_fee_reduces_the_credit_and_its_tax_and_shipping_is_refunded_once() {
    let mut with_fee = request(&[(1, 3)]);
    with_fee.policy.fee = Fee::Percent(15);
    with_fee.policy.refund_shipping = true;
    let mut invoice = invoice(&[(1, 3, amounts("100.00", "7.00", "EUR"))]);
    invoice.shipping = Some(amounts("4.13", "0.87", "EUR"));
    let state = apply(authorized_as(with_fee), ReturnCommand::RecordInvoice(invoice));
    let state = settled(apply(state, receipt("1", 20, &[(GOOD, 2)])));
    assert_eq!(entries(&state), [(false, 2, "60.64".to_owned())]);
    let state = settled(apply(state, receipt("1", 30, &[(GOOD, 3)])));
    let entry = |amount: &str, units| (false, units, amount.to_owned());
    // 85 % of 107.00, and the shipping charge of 5.00 as it was invoiced.
    assert_eq!(entries(&state), [entry("60.64", 2), entry("30.31", 1), entry("5.00", 1)]);
    assert_eq!(settled(apply(state.clone(), receipt("1", 40, &[(GOOD, 3)]))).ledgers, state.ledgers);
}

#[test]
fn d13_three_two_three_is_three_postings_and_three_credited() {
    let mut state = expected();
    for (when, amount) in [(20, 3), (30, 2), (40, 3)] {
        state = settled(apply(state, receipt("1", when, &[(GOOD, amount)])));
    }
    let entry = |is_debit, units, amount: &str| (is_debit, units, amount.to_owned());
    assert_eq!(entries(&state), [entry(false, 3, "119.00"), entry(true, 1, "39.66"), entry(false, 1, "39.66")]);
    let keys: Vec<String> =
        state.ledgers.values().flat_map(|it| it.entries.values()).map(|it| it.requested.key()).collect();
    let key = |kind: &str, n: u32| format!("{kind}/{}/1/{n}", return_id());
    assert_eq!(keys, [key("credit", 1), key("debit", 2), key("credit", 3)]);
}

#[test]
fn d14_partial_credits_end_exactly_on_the_invoice() {
    for (net, tax, currency, pieces, counts) in [
        ("100.00", "19.00", "EUR", 3, vec![1, 2, 3]),
        ("1000", "100", "JPY", 7, vec![2, 4, 7]),
        ("10.001", "0.500", "KWD", 6, vec![1, 3, 6]),
    ] {
        let mut request = request(&[(1, pieces)]);
        request.content.as_mut().unwrap().currency = id(currency);
        let invoice = invoice(&[(1, pieces, amounts(net, tax, currency))]);
        let mut state = apply(authorized_as(request), ReturnCommand::RecordInvoice(invoice));
        for (when, count) in (20..).zip(counts) {
            state = settled(apply(state, receipt("1", when, &[(GOOD, count)])));
        }
        assert_eq!(net_and_tax(&state), (dec(net), dec(tax)), "{currency}");
        assert_eq!(state.status(), ReturnStatus::Credited);
    }
}

#[test]
fn d15_two_returns_of_one_line_are_together_exactly_the_invoice_in_any_order() {
    let part = |units: (u32, u32)| {
        let state = requested(request(&[(1, units.1 - units.0)]));
        let state = play(state, [reserved(1, 1, &[(1, units.0, units.1)]), authorized(), invoiced()]);
        net_and_tax(&settled(apply(state, receipt("1", 20, &[(GOOD, units.1 - units.0)]))))
    };
    assert_eq!(part((0, 2)), (dec("66.67"), dec("12.67")));
    assert_eq!(part((2, 3)), (dec("33.33"), dec("6.33")));
}

#[test]
fn d16_goods_that_come_before_the_invoice_are_credited_after_it() {
    let state = settled(apply(authorized_as(request(&[(1, 3)])), receipt("1", 20, &[(GOOD, 3)])));
    assert_eq!((entries(&state), state.status()), (vec![], ReturnStatus::Inspected));
    let ReturnWatch::Until(due, timer) = state.watch() else { panic!() };
    assert_eq!((due, timer), (at(20 + 96 * 60), ReturnTimer::Late(MissingStep::Invoice)));
    let late = apply(state.clone(), state.watch().passed(due).unwrap());
    assert_eq!(kinds(&late), [ReturnReview::Late]);
    // The time to the credit begins with the later of both.
    let mut later = invoice(&[(1, 3, amounts("100.00", "19.00", "EUR"))]);
    later.at = at(9_000);
    let state = apply(late, ReturnCommand::RecordInvoice(later));
    let credit_by = at(9_000 + 72 * 60);
    assert_eq!(state.watch(), ReturnWatch::Until(credit_by, ReturnTimer::Late(MissingStep::Credit)));
    let state = settled(state);
    assert_eq!((net_and_tax(&state), state.watch()), ((dec("100.00"), dec("19.00")), ReturnWatch::Over));
}

#[test]
fn only_invoiced_units_are_credited() {
    let invoice = invoice(&[(1, 2, amounts("10.00", "1.90", "EUR"))]);
    let state = apply(authorized_as(request(&[(1, 3)])), ReturnCommand::RecordInvoice(invoice));
    let state = settled(apply(state, receipt("1", 20, &[(GOOD, 3)])));
    assert_eq!((net_and_tax(&state), state.credited(line_no(1))), ((dec("10.00"), dec("1.90")), dec("2")));
}

#[test]
fn a_credit_beyond_what_is_still_reserved_is_debited() {
    let state = settled(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let state = settled(apply(state, reserved(9, 1, &[(1, 0, 2)])));
    assert_eq!(net_and_tax(&state), (dec("66.67"), dec("12.67")));
    let state = settled(apply(state, reserved(10, 1, &[(1, 0, 3)])));
    assert_eq!(net_and_tax(&state), (dec("100.00"), dec("19.00")));
}

#[test]
fn d20_a_credit_over_another_amount_is_reviewed_with_both_and_later_credits_end_on_the_invoice() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 1)])));
    let credit = state.adjustments().remove(0);
    let state = apply(state, ReturnCommand::Announce(started(credit.effect(), 1)));
    let (account, n) = (credit.account, credit.n);
    let posted = Posted { account, n, document: id("CM-1"), amounts: amounts("33.34", "6.33", "EUR") };
    let state = apply(state, ReturnCommand::RecordCredited(posted.clone()));
    assert_eq!(reasons(&state), ["CM-1 is over 39.67 EUR in all, requested were 39.66 EUR"]);
    let state = decide(&state, ReturnReview::CreditDisagrees, Choice::Accept);
    assert_eq!(kinds(&state), []);
    assert_eq!(state.decide(ReturnCommand::RecordCredited(posted.clone())), Ok(vec![]));
    let state = settled(apply(state, receipt("1", 30, &[(GOOD, 3)])));
    assert_eq!(net_and_tax(&state), (dec("100.00"), dec("19.00")));
    // A second document of a request that is answered.
    let second = apply(state, ReturnCommand::RecordCredited(Posted { document: id("CM-2"), ..posted }));
    assert_eq!(
        (kinds(&second), net_and_tax(&second)),
        (vec![ReturnReview::DuplicateDocument], (dec("100.00"), dec("19.00")))
    );
}

#[test]
fn a_document_that_no_request_made_is_recorded_and_reviewed() {
    let (account, amounts) = (Account::Line(line_no(1)), amounts("5.00", "0.95", "EUR"));
    let posted = Posted { account, n: 4, document: id("CM-55"), amounts };
    for command in [ReturnCommand::RecordCredited(posted.clone()), ReturnCommand::RecordDebited(posted)] {
        let state = apply(expected(), command.clone());
        assert_eq!((kinds(&state), state.decide(command)), (vec![ReturnReview::DuplicateDocument], Ok(vec![])));
    }
}

fn by_erp(document: &str, line: Option<u32>, amount: u32) -> ReturnCommand {
    ReturnCommand::RecordErpCredit(ErpCredit {
        document: id(document),
        line: line.map(line_no),
        quantity: each(amount),
    })
}

#[test]
fn d21_a_credit_that_the_erp_posts_by_itself_counts_and_no_second_one_follows() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    assert_eq!(state.adjustments().len(), 1);
    let state = apply(state, by_erp("CM-900", Some(1), 3));
    assert_eq!((state.adjustments(), kinds(&state), state.status()), (vec![], vec![], ReturnStatus::Credited));
    assert_eq!(state.decide(by_erp("CM-900", Some(1), 3)), Ok(vec![]));
}

#[test]
fn d21_what_the_erp_credits_before_or_beyond_the_goods_is_reviewed_and_not_credited_again() {
    let state = apply(expected(), by_erp("CM-900", Some(1), 2));
    assert_eq!(reasons(&state), ["line 1: the ERP credited 2 more than may be credited"]);
    let state = settled(apply(state, receipt("1", 20, &[(GOOD, 3)])));
    assert_eq!((entries(&state), kinds(&state)), (vec![(false, 1, "39.66".to_owned())], vec![]));
    let state = apply(state, by_erp("CM-901", Some(1), 1));
    assert_eq!((kinds(&state), state.adjustments()), (vec![ReturnReview::CreditedByErp], vec![]));
}

#[test]
fn a_credit_for_no_known_line_holds_up_others_until_a_person_looked_at_it() {
    let state = move_stock(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let state = apply(state, by_erp("CM-900", None, 3));
    assert_eq!((state.adjustments(), kinds(&state)), (vec![], vec![ReturnReview::CreditedByErp]));
    let state = settled(decide(&state, ReturnReview::CreditedByErp, Choice::ResolvedManually));
    assert_eq!(state.credited(line_no(1)), dec("3"));
}

#[test]
fn our_own_credit_that_comes_back_as_the_erps_event_is_known() {
    let state = settled(apply(expected(), receipt("1", 20, &[(GOOD, 3)])));
    let document = state.ledgers[&Account::Line(line_no(1))].entries[&1].posted.document.clone();
    assert_eq!(state.decide(by_erp(document.as_str(), Some(1), 3)), Ok(vec![]));
}

#[test]
fn d23_a_cumulative_report_twice_and_out_of_order_makes_one_credit() {
    let reports = [(20, 1), (30, 3), (20, 1), (30, 3)].map(|(when, amount)| receipt("1", when, &[(GOOD, amount)]));
    for order in crate::samples::permutations(&reports) {
        let state = settled(play(expected(), order));
        assert_eq!(entries(&state), [(false, 3, "119.00".to_owned())]);
    }
}

#[test]
fn an_invoice_in_another_currency_credits_nothing_and_is_reviewed() {
    let other = ReturnCommand::RecordInvoice(invoice(&[(1, 3, amounts("100.00", "19.00", "USD"))]));
    let state = play(authorized_as(request(&[(1, 3)])), [other, receipt("1", 20, &[(GOOD, 3)])]);
    assert_eq!((move_stock(state.clone()).adjustments(), kinds(&state)), (vec![], vec![ReturnReview::CreditDisagrees]));
}
