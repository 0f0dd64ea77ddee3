//! What the flow tests share: sample orders, and short ways to read a deployment.

use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::promises::violations;
use domain::order::Status;
use domain::{Order, OrderId};
use serde_json::{Value, json};
use simulators::samples;

/// Longer than any order takes, shorter than its deadline.
pub(crate) const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// The nth sample order: `CRM-1` is the 0th.
pub(crate) fn sample(n: usize) -> Value {
    let mut number = 0;
    let mut orders = samples::orders(n + 1, 7, || {
        number += 1;
        format!("CRM-{number}")
    });
    orders.remove(n)
}

/// `CRM-1` with these lines.
pub(crate) fn order_of(lines: &Value) -> Value {
    let mut order = sample(0);
    order["lines"] = lines.clone();
    order
}

/// A line in eaches.
pub(crate) fn line(line: u32, sku: &str, quantity: &str) -> Value {
    json!({"line": line, "sku": sku, "quantity": quantity, "uom": "EA"})
}

/// `CRM-1` with two lines, each at another warehouse. It passes through every function, some of them several times.
pub(crate) fn split() -> Value {
    order_of(&json!([line(1, "SKU-1-E", "2"), line(2, "SKU-2-W", "3")]))
}

/// Our id of an order that `source` calls `external`.
pub(crate) fn id_of(source: &str, external: &str) -> OrderId {
    OrderId::derive(&source.parse().unwrap(), &external.parse().unwrap())
}

pub(crate) fn state(deployment: &Deployment, id: &OrderId) -> Order {
    let Some(known) = deployment.fold(id) else { panic!("{id} was never submitted\n{deployment:?}") };
    known
}

pub(crate) fn status(deployment: &Deployment, id: &OrderId) -> Status {
    state(deployment, id).status()
}

#[track_caller]
pub(crate) fn assert_promises_hold(deployment: &Deployment) {
    let violations = violations(deployment);
    assert!(violations.is_empty(), "{}\n{deployment:?}", violations.join("\n"));
}

/// The documents of `kind` that a partner has now: created, less undone.
pub(crate) fn live_documents(deployment: &Deployment, partner: &str, kind: &str, undone: &str) -> usize {
    let count = |kind: &str| deployment.made(partner, kind).values().sum::<usize>();
    count(kind) - count(undone)
}

/// Makes both warehouses take a minute for each step, so that there is time before picking.
pub(crate) fn slow_down_warehouses(deployment: &Deployment) {
    for name in ["eastco", "shipwest"] {
        let mut partners = deployment.partners.borrow_mut();
        partners.partner_mut(name).unwrap().system.pace_mut().unwrap().pace_ms = 60_000;
    }
}

/// The open reviews of an order and of its fulfillments: kind and reason.
pub(crate) fn reviews(deployment: &Deployment, id: &OrderId) -> Vec<(&'static str, String)> {
    let order = state(deployment, id);
    let of_order = order.reviews().into_iter().map(|review| (review.kind.as_str(), review.reason));
    let fulfillments = order.fulfillments.assignments.keys().filter_map(|id| deployment.fold_fulfillment(id));
    let of_fulfillments = fulfillments.flat_map(|known| known.reviews());
    of_order.chain(of_fulfillments.map(|review| (review.kind.as_str(), review.reason))).collect()
}

/// The quantities that a warehouse was requested to ship in all its orders that are not cancelled, by SKU.
pub(crate) fn requested(deployment: &Deployment, warehouse: &str) -> Vec<(String, String)> {
    let state = deployment.state(warehouse);
    let jobs = state["fulfillments"].as_array().unwrap().clone();
    let live = jobs.into_iter().filter(|job| job["status"] != "cancelled" && job["status"] != "rejected");
    let lines = live.flat_map(|job| job["lines"].as_array().unwrap().clone());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    lines.map(|line| (text(&line["sku"]), text(&line["quantity"]))).collect()
}
