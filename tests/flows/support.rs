//! What the flow tests share: sample orders, and short ways to read a deployment.

use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::promises::violations;
use domain::order::{OrderState, Status};
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

pub(crate) fn state(deployment: &Deployment, id: &OrderId) -> Box<OrderState> {
    let Order::Known(known) = deployment.fold(id) else { panic!("{id} was never submitted\n{deployment:?}") };
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
