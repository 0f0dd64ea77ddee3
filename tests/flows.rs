//! Whole orders through the whole house, in memory: smooth, doubled, struck at every call of every function.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::promises::{broken, statuses};
use domain::order::Status;
use domain::{Order, OrderId};
use serde_json::{Value, json};
use simulators::samples;
use testkit::memory::{Fault, Script};

/// Longer than any order takes, shorter than its deadline.
const A_DAY: Duration = Duration::from_secs(24 * 3_600);

fn sample(n: usize) -> Value {
    let mut number = 0;
    let mut orders = samples::orders(n + 1, 7, || {
        number += 1;
        format!("CRM-{number}")
    });
    orders.remove(n)
}

fn order_id(order: &Value) -> OrderId {
    OrderId::derive(&"acme-crm".parse().unwrap(), &order["id"].as_str().unwrap().parse().unwrap())
}

fn line(line: u32, sku: &str, quantity: &str, uom: &str) -> Value {
    json!({"line": line, "sku": sku, "quantity": quantity, "uom": uom})
}

fn order_of(lines: &Value) -> Value {
    let mut order = sample(0);
    order["lines"] = lines.clone();
    order
}

fn status(deployment: &Deployment, id: &OrderId) -> Status {
    deployment.fold(id).known().unwrap_or_else(|| panic!("{id} was never submitted\n{deployment:?}")).status()
}

#[track_caller]
fn assert_kept(deployment: &Deployment) {
    let broken = broken(deployment);
    assert!(broken.is_empty(), "{}\n{deployment:?}", broken.join("\n"));
}

#[test]
fn every_kind_of_order_is_delivered_and_invoiced_and_all_ledgers_agree() {
    let mut deployment = Deployment::new(1);
    for n in 0..16 {
        deployment.order(sample(n));
    }
    deployment.run(A_DAY);
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 16)]), "{deployment:?}");
    assert_eq!(deployment.parked(), vec![]);
    assert_kept(&deployment);
}

#[test]
fn b08_an_order_split_over_two_warehouses_is_one_order_with_a_status_from_both() {
    let mut deployment = Deployment::new(2);
    let order = order_of(&json!([line(1, "SKU-1-E", "2", "EA"), line(2, "SKU-2-W", "3", "EA")]));
    deployment.order(order.clone());
    deployment.run(A_DAY);
    let id = order_id(&order);
    let Order::Known(known) = deployment.fold(&id) else { panic!("{deployment:?}") };
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(known.assignments.len(), 2);
    assert_eq!(deployment.made("eastco", "fulfillment").len(), 1);
    assert_eq!(deployment.made("shipwest", "fulfillment").len(), 1);
    assert_eq!(deployment.made("acme-erp", "invoice").len(), 1);
    assert_kept(&deployment);
}

#[test]
fn every_message_delivered_twice_changes_nothing() {
    for n in 0..8 {
        let mut deployment = Deployment::new(3);
        deployment.copies = 2;
        let order = sample(n);
        deployment.order(order.clone());
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &order_id(&order)), Status::Invoiced, "{deployment:?}");
        assert_kept(&deployment);
    }
}

/// Every function that an order passes through.
const FUNCTIONS: [&str; 13] = [
    "webhook-receive",
    "order-import",
    "order-price",
    "credit-check",
    "stock-allocate",
    "sales-order-create",
    "order-route",
    "fulfillment-request",
    "warehouse-report-record",
    "goods-issue-post",
    "fulfillment-rollup",
    "crm-update",
    "invoice-create",
];

/// A split order: it passes through every function, some of them several times.
fn split() -> Value {
    order_of(&json!([line(1, "SKU-1-E", "2", "EA"), line(2, "SKU-2-W", "3", "EA")]))
}

/// How many calls `function` makes on the way of a smooth order.
fn calls(function: &'static str) -> usize {
    let mut deployment = Deployment::new(4);
    let script = Script::default();
    deployment.chaos = Some((function, script.clone()));
    deployment.order(split());
    deployment.run(A_DAY);
    script.calls().len()
}

#[test]
fn f08_killed_before_or_after_any_call_or_robbed_of_any_reply_every_function_ends_the_same() {
    let (order, mut struck) = (split(), 0);
    for function in FUNCTIONS {
        for n in 0..calls(function) {
            for fault in [Fault::KillBefore, Fault::KillAfter, Fault::LoseReply] {
                let mut deployment = Deployment::new(4);
                let script = Script::strike(n, fault, || {});
                deployment.chaos = Some((function, script.clone()));
                deployment.order(order.clone());
                deployment.run(A_DAY);
                assert!(script.has_struck(), "{function} call {n}");
                let status = status(&deployment, &order_id(&order));
                assert_eq!(status, Status::Invoiced, "{function} call {n} {fault:?}\n{deployment:?}");
                assert_eq!(deployment.parked(), vec![], "{function} call {n} {fault:?}");
                assert_kept(&deployment);
                struck += 1;
            }
        }
    }
    assert!(struck > 200, "only {struck} places were struck");
}

#[test]
fn a_cancel_in_any_gap_of_any_function_doubles_nothing_and_hides_nothing() {
    let order = split();
    let id = order_id(&order);
    // Before its submission there is nothing to cancel.
    for function in FUNCTIONS.into_iter().skip(2) {
        for n in 0..calls(function) {
            let mut deployment = Deployment::new(4);
            let script = Script::strike(n, Fault::Interleave, deployment.canceller(&id));
            deployment.chaos = Some((function, script.clone()));
            deployment.order(order.clone());
            deployment.run(A_DAY);
            assert!(script.has_struck(), "{function} call {n}");
            assert_kept(&deployment);
            let Order::Known(known) = deployment.fold(&id) else { panic!("{deployment:?}") };
            // Where something is left at a partner, or left the house, somebody is told.
            let settled = known.status().is_final() || !known.reviews().is_empty();
            assert!(settled, "{function} call {n}: {:?}\n{deployment:?}", known.status());
            assert_eq!(deployment.parked(), vec![], "{function} call {n}");
        }
    }
}

#[test]
fn redriving_every_message_ever_sent_changes_nothing() {
    let mut deployment = Deployment::new(5);
    let order = split();
    deployment.order(order.clone());
    deployment.run(A_DAY);
    let before: Vec<usize> =
        deployment.journal.streams().iter().map(|name| deployment.journal.commits(name).len()).collect();
    let published: Vec<(String, String)> = deployment.published.clone();
    for (function, body) in published {
        deployment.enqueue(&function, &body);
    }
    deployment.run(A_DAY);
    let after: Vec<usize> =
        deployment.journal.streams().iter().map(|name| deployment.journal.commits(name).len()).collect();
    assert_eq!(before, after, "a redrive committed something");
    assert_kept(&deployment);
}

#[test]
fn f03_a_poison_message_among_nine_good_ones_is_parked_with_its_cause_and_hurts_nobody() {
    let mut deployment = Deployment::new(6);
    deployment.enqueue("order-price", "{\"detail\":{\"type\":\"order.submitted\"");
    deployment.enqueue("order-price", "\u{0}not json");
    for n in 0..9 {
        deployment.order(sample(n));
    }
    deployment.run(A_DAY);
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 9)]), "{deployment:?}");
    let parked = deployment.parked();
    assert_eq!(parked.len(), 2);
    assert!(parked.iter().all(|message| message.code.as_str() == "MSG-001" && !message.cause.is_empty()));
}
