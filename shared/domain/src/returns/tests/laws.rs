//! What holds in every history of a return.

use super::*;
use crate::samples::permutations;
use crate::workflow::fold;

/// Facts of every kind: what a warehouse says again and again, what the ERP does by itself, what the order reserves.
fn facts() -> Vec<ReturnCommand> {
    let erp = ErpCredit { document: id("CM-900"), line: Some(line_no(1)), quantity: each(1) };
    vec![
        receipt("1", 20, &[(GOOD, 3)]),
        receipt("1", 30, &[(GOOD, 1), (Disposition::Damaged, 1)]),
        receipt("1", 40, &[(GOOD, 2)]),
        invoiced(),
        ReturnCommand::RecordErpCredit(erp),
        reserved(7, 1, &[(1, 0, 2)]),
        reserved(8, 1, &[(1, 0, 3)]),
    ]
}

/// How much is credited of the line, by us and by the ERP itself.
fn credited(state: &Return) -> Decimal {
    state.credited(line_no(1))
}

fn own(state: &Return) -> Decimal {
    state.ledgers.get(&Account::Line(line_no(1))).map_or(Decimal::ZERO, Ledger::units)
}

fn may_be_credited(state: &Return) -> Decimal {
    state.creditable(&state.lines()[0], &state.distribution())
}

#[test]
fn the_same_facts_in_any_order_and_number_end_in_the_same_net_and_custody() {
    let begun = authorized_as(request(&[(1, 3)]));
    let ends: BTreeSet<String> = permutations(&facts())
        .into_iter()
        .map(|facts| {
            let again = facts.clone();
            // The steps work after each fact of one half of the histories, and only in the end of the other half.
            let mut state = begun.clone();
            for (n, fact) in facts.into_iter().enumerate() {
                state = apply(state, fact);
                if n % 2 == 0 {
                    state = settled(state);
                }
            }
            let state = settled(play(settled(state), again));
            // What the ERP credited by itself beyond the goods is left to a person, and counts for neither.
            let beyond = state.credited_beyond(&state.lines()[0], &state.distribution());
            let net = credited(&state) - beyond;
            format!("{net} {} {:?} {:?}", received(&state, 1), custody(&state), state.stock)
        })
        .collect();
    assert_eq!(ends.len(), 1, "{ends:#?}");
    assert!(ends.iter().all(|end| end.starts_with("2 2 Disposed")), "{ends:#?}");
}

#[test]
fn what_is_credited_is_accepted_or_has_a_debit_due_or_a_review_at_every_step() {
    for facts in permutations(&facts()).into_iter().step_by(7) {
        let mut state = authorized_as(request(&[(1, 3)]));
        for fact in facts {
            state = apply(state, fact);
            loop {
                let over = credited(&state) > may_be_credited(&state);
                let debit = state.adjustments().iter().any(|it| it.is_debit);
                assert!(!over || debit || kinds(&state).contains(&ReturnReview::CreditedByErp), "{state:?}");
                let before = own(&state);
                state = move_stock(state);
                let Some(next) = state.adjustments().into_iter().next() else { break };
                state = post(state, &next);
                // Our own postings alone never go beyond what may be credited.
                assert!(own(&state) <= may_be_credited(&state).max(before), "{state:?}");
            }
        }
    }
}

#[test]
fn every_walk_of_counts_ends_with_the_share_of_its_last_count() {
    let line = amounts("10.01", "2.11", "EUR");
    let mut seed = 3_u32;
    for _ in 0..60 {
        let mut request = request(&[(1, 7)]);
        request.policy.fee = Fee::Percent(seed % 30);
        let state = apply(authorized_as(request), ReturnCommand::RecordInvoice(invoice(&[(1, 7, line.clone())])));
        let (mut state, mut last) = (state, 0);
        for when in 20..26 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            last = (seed >> 16) % 8;
            state = settled(apply(state, receipt("1", when, &[(GOOD, last)])));
        }
        let units = [Units { from: dec("0"), to: last.into() }];
        let fee = state.request.policy.fee;
        let share = line.of_units(&units, 7.into()).unwrap().less_fee(fee).unwrap();
        assert_eq!(net_and_tax(&state), (share.net.amount, share.taxes["VAT"].amount), "{last} with {fee:?}");
    }
}

#[test]
fn a_state_and_its_events_read_back_as_they_were_written() {
    for (stage, state) in super::table::stages() {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<Return>(&text).unwrap(), state, "{stage}");
    }
    let created = Return::create(ReturnCommand::Request(request(&[(1, 3)]))).unwrap();
    let mut events = created;
    for command in [reserved(1, 1, &[(1, 0, 3)]), authorized()].into_iter().chain(facts()) {
        let state = fold::<Return>(&events).unwrap();
        events.extend(state.decide(command).unwrap());
    }
    let text = serde_json::to_string(&events).unwrap();
    assert_eq!(serde_json::from_str::<Vec<ReturnEvent>>(&text).unwrap(), events);
}

#[test]
fn a_fact_that_the_state_knows_decides_nothing() {
    let facts = facts();
    let state = play(authorized_as(request(&[(1, 3)])), facts.clone());
    for fact in facts {
        assert_eq!(state.decide(fact.clone()), Ok(vec![]), "{fact:?}");
    }
}

#[test]
fn all_reports_of_one_message_are_decided_as_if_they_had_come_one_by_one() {
    let begun = expected();
    let all = apply(begun.clone(), ReturnCommand::RecordAll(facts()));
    assert_eq!(all, play(begun, facts()));
}

#[test]
fn each_stage_wakes_the_steps_that_have_work() {
    let stages: BTreeMap<&str, Return> = super::table::stages().into_iter().collect();
    let woken = |stage: &str| steps(&stages[stage]).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(woken("requested"), "due-wake return-crm-update return-reserve");
    assert_eq!(woken("reserved"), "due-wake return-authorize return-crm-update");
    assert_eq!(woken("authorized"), "due-wake return-crm-update return-route return-watch");
    assert_eq!(woken("planned"), "due-wake return-announce return-crm-update return-watch");
    assert_eq!(woken("announced"), "due-wake return-crm-update return-watch");
    assert_eq!(woken("received"), "due-wake return-crm-update return-stock-move return-watch");
    assert_eq!(woken("moved"), "due-wake return-credit return-crm-update return-watch");
    assert_eq!(woken("credited"), "due-wake return-crm-update");
    assert_eq!(woken("corrected"), "due-wake return-crm-update return-debit return-stock-move return-watch");
    assert_eq!(woken("cancelled"), "announcement-withdraw due-wake return-crm-update return-reserve");
}

/// The largest order has 500 lines.
#[test]
fn a_return_of_500_lines_with_a_thousand_receipts_is_decided_like_a_small_one() {
    let lines: Vec<(u32, u32)> = (1..=500).map(|line| (line, 3)).collect();
    let state = authorized_as(request(&lines));
    let invoiced: Vec<_> =
        lines.iter().map(|(line, amount)| (*line, *amount, amounts("100.00", "19.00", "EUR"))).collect();
    let reports = lines.iter().flat_map(|(line, _)| {
        let sku = format!("SKU-{line}");
        let report = |key: String, amount| ReturnCommand::RecordReceipt(receipt_of(&sku, &key, 20, &[(GOOD, amount)]));
        [report(format!("{line}-a"), 1), report(format!("{line}-b"), 2)]
    });
    let reports = ReturnCommand::RecordAll(reports.collect());
    let state = play(state, [ReturnCommand::RecordInvoice(invoice(&invoiced)), reports]);
    let state = move_stock(state);
    let adjustments = state.adjustments();
    assert_eq!(adjustments.len(), 500);
    assert!(adjustments.iter().all(|it| it.units == dec("3") && it.amounts.total().unwrap().amount == dec("119.00")));
    assert_eq!(Return::due(Some(&state), state.id()).iter().filter(|work| work.step == "return-credit").count(), 500);
    assert_eq!((kinds(&state), state.status()), (vec![], ReturnStatus::Inspected));
}
