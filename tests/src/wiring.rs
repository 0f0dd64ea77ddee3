//! Which function gets which event: the template's rules, as the in-memory house reads them.

use serde_json::Value;

/// A rule: events of this name go to this function, if the payload fits.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Whose queue.
    pub function: &'static str,
    /// Names of events.
    pub kinds: &'static [&'static str],
    /// A member of the payload and the values that it may have; empty for any.
    pub only: Option<(&'static str, &'static [&'static str])>,
}

/// A package that has one of these has left the warehouse.
const LEFT: &[&str] = &[
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "ready_for_pickup",
    "delivery_failed",
    "delivered",
    "return_to_sender",
];

const fn rule(function: &'static str, kinds: &'static [&'static str]) -> Rule {
    Rule { function, kinds, only: None }
}

/// Every rule.
pub const RULES: &[Rule] = &[
    Rule { function: "order-submit", kinds: &["delivery.received"], only: Some(("role", &["crm"])) },
    rule("order-price", &["order.submitted"]),
    rule("credit-check", &["order.priced"]),
    rule("stock-allocate", &["order.priced"]),
    rule("order-release", &["order.credit_approved", "order.allocated"]),
    rule("order-route", &["order.released"]),
    rule("fulfillment-request", &["order.assigned"]),
    Rule { function: "milestone-record", kinds: &["delivery.received"], only: Some(("role", &["warehouse"])) },
    rule("shipment-post", &["fulfillment.package_packed"]),
    Rule { function: "shipment-post", kinds: &["fulfillment.milestone_recorded"], only: Some(("milestone", LEFT)) },
    rule(
        "order-track",
        &[
            "fulfillment.accepted",
            "fulfillment.rejected",
            "fulfillment.package_packed",
            "fulfillment.package_voided",
            "fulfillment.milestone_recorded",
            "fulfillment.goods_issued",
        ],
    ),
    rule(
        "crm-tell",
        &[
            "order.submitted",
            "order.unpriceable",
            "order.credit_refused",
            "order.released",
            "order.routed",
            "order.unroutable",
            "order.fulfillment_progressed",
            "order.invoiced",
            "order.cancel_requested",
            "order.overdue",
        ],
    ),
    rule("invoice-record", &["order.fulfillment_progressed"]),
];

/// The functions that an event goes to. Two rules of one function are one target twice at most, as on the bus.
pub fn targets(kind: &str, data: &Value) -> Vec<&'static str> {
    let fits = |rule: &&Rule| {
        let value = |member: &str| data.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        rule.kinds.contains(&kind) && rule.only.is_none_or(|(member, values)| values.contains(&value(member).as_str()))
    };
    RULES.iter().filter(fits).map(|rule| rule.function).collect()
}
