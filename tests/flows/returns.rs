//! Returns: from the CRM's request to the ERP's credit, through every function, the simulated ERP and a simulated warehouse.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use crossdock_tests::return_promises::{credited, violations};
use crossdock_tests::wiring::Rules;
use domain::order::Status;
use domain::returns::{ReturnReview, ReturnStatus};
use domain::{Return, ReturnCommand, ReturnId};
use engine::http::Request;
use engine::journal::execute;
use futures::FutureExt;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use testkit::memory::{Fault, Script};

use crate::support::{A_DAY, line, order_of, state};

/// Shorter than any deadline of a return.
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// The id of the return that the CRM calls `RET-1`.
fn return_id() -> ReturnId {
    ReturnId::derive(&"acme-crm".parse().unwrap(), &"RET-1".parse().unwrap())
}

fn parcel(id: &ReturnId) -> String {
    format!("{id}-1")
}

/// `CRM-1` has `quantity` pieces of one product from the warehouse that takes returns, and is invoiced.
fn invoiced(seed: u64, quantity: u32) -> Deployment {
    let mut deployment = Deployment::new(seed);
    deployment.order(order_of(&json!([line(1, "SKU-1-E", &quantity.to_string())])));
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &order_id("CRM-1")).status(), Status::Invoiced, "{deployment:?}");
    deployment
}

/// The CRM asks to return `quantity` pieces of line 1 of `CRM-1`.
fn ask(deployment: &Deployment, id: &str, quantity: &str) {
    let lines = json!([{"line": 1, "quantity": quantity, "uom": "EA", "reason": "change_of_mind"}]);
    deployment.change("return.requested", json!({"id": id, "order": "CRM-1", "lines": lines}));
}

/// The warehouse has counted these goods of line 1, as (state, pieces).
fn count(deployment: &Deployment, reference: &str, goods: &[(&str, &str)]) {
    // Of two reports of one moment it is not known which one is newer.
    deployment.wait(Duration::from_secs(60));
    let goods: Vec<Value> =
        goods.iter().map(|(state, pieces)| json!({"disposition": state, "quantity": pieces})).collect();
    let line = json!({"key": "1", "line": 1, "sku": "SKU-1-E", "uom": "EA", "received": goods});
    deployment.receive("eastco", reference, "completed", &[line]);
}

fn known(deployment: &Deployment, id: &ReturnId) -> Return {
    let Some(known) = deployment.fold_return(id) else { panic!("{id} was never requested\n{deployment:?}") };
    known
}

fn units(deployment: &Deployment, id: &ReturnId) -> Decimal {
    credited(deployment).get(&(id.to_string(), 1)).cloned().unwrap_or_default().units
}

#[track_caller]
fn assert_sound(deployment: &Deployment) {
    let violations = violations(deployment);
    assert!(violations.is_empty(), "{}\n{deployment:?}", violations.join("\n"));
    assert_eq!(deployment.parked(), vec![], "{deployment:?}");
    assert!(deployment.wrong.is_empty(), "{:?}", deployment.wrong);
}

fn memos(deployment: &Deployment) -> (usize, usize) {
    let count = |kind| deployment.made("acme-erp", kind).values().sum();
    (count("credit_memo"), count("debit_memo"))
}

#[test]
fn a_return_goes_from_the_crms_request_to_the_erps_credit_and_every_system_shows_the_same() {
    let mut deployment = invoiced(1, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    let authorized = known(&deployment, &id);
    assert_eq!(authorized.status(), ReturnStatus::Authorized, "{deployment:?}");
    let announced = deployment.state("eastco")["returns"].clone();
    assert_eq!(announced[0]["reference"], parcel(&id));
    assert_eq!(announced[0]["expected"][0]["quantity"], "2");
    deployment.scan("eastco", &parcel(&id));
    deployment.run(AN_HOUR);
    assert_eq!(known(&deployment, &id).status(), ReturnStatus::InTransit);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    let done = known(&deployment, &id);
    assert_eq!((done.status(), done.reviews()), (ReturnStatus::Credited, vec![]), "{deployment:?}");
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::TWO, (1, 0)));
    let erp = deployment.state("acme-erp");
    assert_eq!(erp["stock_movements"][0]["changes"][0]["quantity"], "2");
    assert_eq!(erp["credit_memos"][0]["invoice"], erp["invoices"][0]["number"]);
    let shown = deployment.state("acme-crm")["returns"]["RET-1"].clone();
    assert_eq!((&shown["status"], &shown["rma"]), (&json!("credited"), &erp["return_orders"][0]["number"]));
    assert_eq!((&shown["lines"][0]["received"], &shown["lines"][0]["credited"]), (&json!("2"), &json!("2")));
    assert_sound(&deployment);
}

#[test]
fn d01_nothing_is_credited_before_a_warehouse_received_it_and_after_its_window_nothing_is_expected() {
    let mut deployment = invoiced(2, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "3");
    deployment.run(20 * A_DAY);
    assert_eq!(memos(&deployment), (0, 0), "{deployment:?}");
    let waiting = known(&deployment, &id);
    let is_late = waiting.reviews().iter().any(|review| review.kind == ReturnReview::Late);
    assert!(is_late && waiting.status() == ReturnStatus::Authorized, "{waiting:?}");
    deployment.run(20 * A_DAY);
    assert_eq!(known(&deployment, &id).status(), ReturnStatus::Expired);
    assert_eq!(deployment.state("eastco")["returns"][0]["status"], "cancelled", "{deployment:?}");
    let order = state(&deployment, &order_id("CRM-1"));
    let given_back = order.returnables.of_return(&id).all(|reservation| reservation.reserved().is_zero());
    assert!(given_back, "the order has its units again: {:?}", order.returnables);
    assert_sound(&deployment);
}

#[test]
fn d03_what_comes_beyond_the_return_is_in_the_erps_stock_and_reviewed_and_never_credited() {
    let mut deployment = invoiced(3, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "5")]);
    deployment.run(AN_HOUR);
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::TWO, (1, 0)), "{deployment:?}");
    assert_eq!(deployment.state("acme-erp")["stock_movements"][0]["changes"][0]["quantity"], "5");
    let reviews: Vec<ReturnReview> = known(&deployment, &id).reviews().into_iter().map(|it| it.kind).collect();
    assert_eq!(reviews, [ReturnReview::Excess]);
    assert_sound(&deployment);
}

#[test]
fn a15_a_note_about_a_return_does_not_repeat_whom_its_order_went_to() {
    let mut deployment = Deployment::new(18);
    let mut order = order_of(&json!([line(1, "SKU-1-E", "3")]));
    order["ship_to"]["name"] = json!("Ada Example");
    deployment.order(order);
    deployment.run(A_DAY);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "5")]);
    deployment.run(AN_HOUR);
    let reviews = known(&deployment, &id).reviews();
    let review = format!("{id}.{}", reviews.first().unwrap().key());
    let request = Request {
        headers: BTreeMap::from([("idempotency-key".to_owned(), "note".to_owned())]),
        variables: BTreeMap::from([("id".to_owned(), review)]),
        body: json!({ "choice": "acknowledge", "note": "Ada Example keeps it" }).to_string().into_bytes(),
        client: "desk".to_owned(),
        scopes: vec!["reviews:decide".to_owned()],
        ..Request::default()
    };
    let ports = review_decide::Ports { journal: deployment.journal.clone(), parties: deployment.parties.clone() };
    let decided = review_decide::handle(&ports, request, &deployment.context("review-decide")).now_or_never();
    assert_eq!(decided.unwrap().unwrap().status, 202);
    let events: String = deployment.journal.commits(&format!("return/{id}")).into_iter().map(|it| it.events).collect();
    assert!(events.contains("[redacted] keeps it"), "{events}");
}

#[test]
fn d02_goods_without_a_return_begin_one_that_no_one_credits() {
    let mut deployment = invoiced(4, 3);
    count(&deployment, "", &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    let reference = deployment.state("eastco")["returns"][0]["id"].as_str().unwrap().to_owned();
    let id = ReturnId::derive(&"eastco".parse().unwrap(), &reference.parse().unwrap());
    let blind = known(&deployment, &id);
    assert_eq!(blind.status(), ReturnStatus::Unmatched, "{deployment:?}");
    let reviews: Vec<ReturnReview> = blind.reviews().into_iter().map(|it| it.kind).collect();
    assert!(reviews.contains(&ReturnReview::Unmatched), "{reviews:?}");
    assert_eq!((memos(&deployment), deployment.made("acme-erp", "stock_movement").len()), ((0, 0), 1));
    assert_sound(&deployment);
}

#[test]
fn d04_d13_counts_that_rise_and_fall_are_credited_and_debited_and_end_on_the_last_count() {
    let mut deployment = invoiced(5, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "3");
    deployment.run(AN_HOUR);
    for (pieces, after) in [("1", 1), ("3", 3), ("2", 2), ("3", 3)] {
        count(&deployment, &parcel(&id), &[("sellable_accessible", pieces)]);
        deployment.run(AN_HOUR);
        assert_eq!(units(&deployment, &id), Decimal::from(after), "{deployment:?}");
        assert_sound(&deployment);
    }
    assert_eq!(memos(&deployment), (3, 1));
    assert_eq!(known(&deployment, &id).status(), ReturnStatus::Credited);
    let erp = deployment.state("acme-erp");
    let invoice = &erp["invoices"][0]["lines"][0];
    let sum = credited(&deployment).remove(&(id.to_string(), 1)).unwrap();
    assert_eq!(json!(sum.net.to_string()), invoice["net"], "all back is exactly the invoice");
    assert_eq!(json!(sum.tax.to_string()), invoice["taxes"][0]["amount"]);
}

#[test]
fn d05_goods_that_turn_out_damaged_after_the_credit_are_debited_and_moved() {
    let mut deployment = invoiced(6, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "1"), ("damaged", "1")]);
    deployment.run(AN_HOUR);
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::ONE, (1, 1)), "{deployment:?}");
    assert_eq!(deployment.made("acme-erp", "stock_movement").len(), 2);
    assert_sound(&deployment);
}

#[test]
fn d08_d23_reports_that_come_twice_and_out_of_order_make_one_credit() {
    let mut deployment = invoiced(7, 3);
    deployment.delivered_twice = Rules::read().functions();
    let id = return_id();
    ask(&deployment, "RET-1", "3");
    deployment.run(AN_HOUR);
    // The first report comes ten minutes after the second one.
    let late = json!({"match": {"operation": "webhook.return.updated", "times": 1}, "fault": {"kind": "delay", "ms": 600_000}});
    deployment.partners.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(late).unwrap());
    count(&deployment, &parcel(&id), &[("sellable_accessible", "1")]);
    deployment.run(Duration::from_secs(1));
    count(&deployment, &parcel(&id), &[("sellable_accessible", "3")]);
    deployment.run(AN_HOUR);
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::from(3), (1, 0)), "{deployment:?}");
    assert_sound(&deployment);
}

#[test]
fn d15_two_returns_of_one_line_are_together_exactly_the_invoice_and_a_third_one_is_denied() {
    let mut deployment = invoiced(8, 7);
    let ids =
        ["RET-1", "RET-2", "RET-3"].map(|id| ReturnId::derive(&"acme-crm".parse().unwrap(), &id.parse().unwrap()));
    ask(&deployment, "RET-1", "2");
    ask(&deployment, "RET-2", "5");
    deployment.run(AN_HOUR);
    ask(&deployment, "RET-3", "1");
    deployment.run(AN_HOUR);
    assert_eq!(known(&deployment, &ids[2]).status(), ReturnStatus::Denied, "{deployment:?}");
    assert_eq!(deployment.state("acme-crm")["returns"]["RET-3"]["status"], "denied");
    count(&deployment, &parcel(&ids[1]), &[("sellable_accessible", "5")]);
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&ids[0]), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    assert_sound(&deployment);
    let sums = credited(&deployment);
    let net: Decimal = sums.values().map(|sum| sum.net).sum();
    let invoice = deployment.state("acme-erp")["invoices"][0]["lines"][0].clone();
    assert_eq!(json!(net.to_string()), invoice["net"]);
}

#[test]
fn d16_d22_a_return_before_the_shipment_waits_and_its_goods_are_credited_after_the_invoice() {
    let mut deployment = Deployment::new(9);
    deployment.order(order_of(&json!([line(1, "SKU-1-E", "3")])));
    deployment.run(Duration::from_secs(1));
    ask(&deployment, "RET-1", "2");
    deployment.run(Duration::from_secs(1));
    assert_eq!(known(&deployment, &return_id()).status(), ReturnStatus::Requested, "{deployment:?}");
    deployment.run(A_DAY);
    let id = return_id();
    assert_eq!(known(&deployment, &id).status(), ReturnStatus::Authorized, "{deployment:?}");
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::TWO, (1, 0)));
    assert_sound(&deployment);
}

#[test]
fn d09_a_credit_that_the_erp_refuses_is_reviewed_and_the_restock_is_not_repeated() {
    let mut deployment = invoiced(10, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    let refuse = json!({"match": {"operation": "credit_memo.create"}, "fault": {"kind": "refuse", "status": 422, "code": "PERIOD_CLOSED", "reason": "the period is closed"}});
    deployment
        .partners
        .borrow_mut()
        .partner_mut("acme-erp")
        .unwrap()
        .faults
        .add(serde_json::from_value(refuse).unwrap());
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    let reviews: Vec<ReturnReview> = known(&deployment, &id).reviews().into_iter().map(|it| it.kind).collect();
    assert_eq!((reviews, memos(&deployment)), (vec![ReturnReview::PartnerRefused], (0, 0)), "{deployment:?}");
    deployment.end_all_faults("acme-erp");
    let review = known(&deployment, &id).reviews().remove(0);
    let decided = deployment.decide_by_api("ann", &format!("{id}.{}", review.key()), &json!({"choice": "retry"}));
    assert_eq!(decided.status, 202, "{}", decided.body);
    deployment.run(AN_HOUR);
    assert_eq!((units(&deployment, &id), memos(&deployment)), (Decimal::TWO, (1, 0)), "{deployment:?}");
    assert_eq!(deployment.made("acme-erp", "stock_movement").len(), 1);
    assert_sound(&deployment);
}

#[test]
fn d20_a_credit_over_another_amount_is_reviewed() {
    let mut deployment = invoiced(11, 3);
    let id = return_id();
    ask(&deployment, "RET-1", "2");
    deployment.run(AN_HOUR);
    deployment.erp(|erp| erp.returns.credits_more_by = Decimal::new(1, 2));
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2")]);
    deployment.run(AN_HOUR);
    let reviews: Vec<ReturnReview> = known(&deployment, &id).reviews().into_iter().map(|it| it.kind).collect();
    assert_eq!((reviews, memos(&deployment)), (vec![ReturnReview::CreditDisagrees], (1, 0)), "{deployment:?}");
}

/// The calls of each function of a return, without faults.
fn functions() -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for function in Rules::read().functions() {
        let function: &'static str = function.leak();
        let script = Script::default();
        play(function, &script);
        found.push((function, script.calls().len()));
    }
    found.retain(|(_, calls)| *calls > 0);
    found
}

/// A return with two reports, in which every call of `function` after the invoice meets `script`.
fn play(function: &'static str, script: &Script) -> Deployment {
    let mut deployment = invoiced(12, 3);
    let id = return_id();
    deployment.faults = Some((function, script.clone()));
    ask(&deployment, "RET-1", "3");
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "3")]);
    deployment.run(AN_HOUR);
    count(&deployment, &parcel(&id), &[("sellable_accessible", "2"), ("damaged", "1")]);
    deployment.run(A_DAY);
    deployment
}

#[test]
fn f08_a_return_ends_the_same_when_any_function_is_killed_at_any_call_or_loses_any_reply() {
    let mut places = 0;
    for (function, calls) in functions() {
        for n in 0..calls {
            for fault in [Fault::KillBefore, Fault::KillAfter, Fault::LoseReply] {
                let script = Script::fault_at(n, fault, || {});
                let deployment = play(function, &script);
                assert!(script.has_happened(), "{function} call {n}");
                let id = return_id();
                let place = format!("{function} call {n} {fault:?}");
                assert_eq!(units(&deployment, &id), Decimal::TWO, "{place}\n{deployment:?}");
                assert_eq!(known(&deployment, &id).status(), ReturnStatus::PartlyCredited, "{place}");
                assert_eq!(violations(&deployment), Vec::<String>::new(), "{place}\n{deployment:?}");
                assert_eq!(deployment.parked(), vec![], "{place}");
                places += 1;
            }
        }
    }
    assert!(places > 150, "only {places} places had a fault");
}

#[test]
fn d19_a_cancel_between_any_two_calls_credits_what_came_and_nothing_more() {
    for (function, calls) in functions() {
        // Before it is requested there is nothing to cancel.
        if ["delivery-relay", "return-import", "webhook-receive"].contains(&function) {
            continue;
        }
        for n in 0..calls {
            let mut deployment = invoiced(12, 3);
            let id = return_id();
            let script = Script::fault_at(n, Fault::Interleave, canceller(&deployment, &id));
            deployment.faults = Some((function, script.clone()));
            ask(&deployment, "RET-1", "3");
            deployment.run(AN_HOUR);
            let came = !known(&deployment, &id).parcels.is_empty();
            if came {
                count(&deployment, &parcel(&id), &[("sellable_accessible", "1")]);
            }
            deployment.run(A_DAY);
            let place = format!("{function} call {n}");
            assert_eq!(violations(&deployment), Vec::<String>::new(), "{place}\n{deployment:?}");
            assert_eq!(deployment.parked(), vec![], "{place}");
            let known = known(&deployment, &id);
            assert!(known.open_effects.is_empty(), "{place}: {:?}\n{deployment:?}", known.open_effects);
            assert!(units(&deployment, &id) <= Decimal::ONE, "{place}");
        }
    }
}

/// A hook that cancels a return outside of any step.
fn canceller(deployment: &Deployment, id: &ReturnId) -> impl FnMut() + 'static {
    let (journal, id, cx) = (deployment.journal.clone(), id.clone(), deployment.context("test-cancel"));
    move || {
        let cancelled = execute::<Return>(&journal, &id, &cx, "cancel", ReturnCommand::Cancel(None));
        assert!(matches!(cancelled.now_or_never(), Some(Ok(_))), "the cancel was not committed");
    }
}
