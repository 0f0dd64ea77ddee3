//! What a seed draws: everything that goes wrong in one run of the simulation, and everything that people request.
//!
//! A [`Schedule`] is a list of elements, so that a failing one can be shortened by leaving elements out (`shrink`). The rest of
//! a run, such as which queue is served next and how large a batch is, follows from the schedule's seed: equal schedules run
//! alike.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use simulators::fault::PartnerFault;
use simulators::work::WorkScript;
use simulators::{PARTNERS, samples};
use testkit::memory::{Fault, ScheduledFault};

use crate::deployment::DeliveryFault;
pub use crate::element::{Action, Element, ErpHabit};
use crate::habits;
use crate::promises;
use crate::wiring::Rules;

/// Functions that read a clock of their own: those behind the template's rules, and those that a webhook, a stream or the
/// schedule starts.
static CLOCKS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let started_otherwise = ["webhook-receive", "view-project", "due-fire"];
    Rules::read().functions().into_iter().chain(started_otherwise.map(str::to_owned)).collect()
});

/// The calls at which a fault is most likely to break a promise: function and call.
const AIMS: [(&str, &str); 13] = [
    ("order-import", "journal.create"),
    ("order-import", "journal.take_over"),
    ("credit-check", "journal.append"),
    ("stock-allocate", "journal.append"),
    ("stock-allocate", "erp.allocate"),
    ("sales-order-create", "erp.create_sales_order"),
    ("fulfillment-request", "warehouse.request"),
    ("warehouse-report-record", "journal.append"),
    ("goods-issue-post", "erp.post_goods_issue"),
    ("fulfillment-rollup", "journal.append"),
    ("crm-update", "crm.update"),
    ("invoice-create", "erp.invoice"),
    ("due-fire", "due.done"),
];

/// Everything that one run consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The seed that it was drawn from; what the elements leave open follows from it.
    pub seed: u64,
    /// Orders and actions happen one after the other, in this order; all other elements apply from the beginning.
    pub elements: Vec<Element>,
}

impl Schedule {
    /// The schedule of `seed`. One in eight is quiet: no process dies and nothing is lost, so that whatever stays undone is our
    /// mistake.
    pub fn draw(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let quiet = seed % 8 == 7;
        let mut elements = Vec::new();
        if !quiet {
            partner_faults(&mut rng, &mut elements);
        }
        call_faults(&mut rng, quiet, &mut elements);
        for _ in 0..rng.u32(0..12) {
            let fault = match rng.u8(0..4) {
                0 => DeliveryFault::Double,
                1 => DeliveryFault::Overtakes,
                2 => DeliveryFault::Lost,
                _ => DeliveryFault::Late { ms: rng.u32(100..60_000) },
            };
            elements.push(Element::DeliveryFault(rng.u64(1..120), fault));
        }
        for function in CLOCKS.iter() {
            if rng.u8(0..3) == 0 {
                elements.push(Element::ClockSkew(function.clone(), rng.i64(-2_000..=2_000)));
            }
        }
        for warehouse in ["eastco", "shipwest"] {
            if rng.u8(0..3) == 0 {
                let packages = rng.bool().then(|| rng.usize(1..4));
                let script = WorkScript { void_first: rng.bool(), packages, ..WorkScript::default() };
                elements.push(Element::WarehouseScript(warehouse, Box::new(script)));
            }
        }
        if rng.bool() {
            elements.push(Element::AcceptsDuplicates);
        }
        orders(&mut rng, quiet, &mut elements);
        habits::draw(seed, quiet, &mut elements);
        Self { seed, elements }
    }

    /// Whether every message is sent again afterwards, and everything written is searched for personal data: one in eight,
    /// because both cost as much as the rest of the run.
    pub(crate) fn is_thorough(&self) -> bool {
        self.seed.is_multiple_of(8)
    }

    /// Names, addresses and mail addresses in the orders.
    pub(crate) fn personal_data(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for element in &self.elements {
            if let Element::Order(order, _) | Element::Moment(_, Action::Readdress(order)) = element {
                words.extend(promises::personal_data(order));
            }
        }
        words
    }
}

/// Faults of partners: of calls to them, and of their messages.
fn partner_faults(rng: &mut fastrand::Rng, elements: &mut Vec<Element>) {
    let calls = [
        json!({"kind": "fail", "status": 503}),
        json!({"kind": "fail", "status": 500, "after_effect": true}),
        json!({"kind": "timeout_before"}),
        json!({"kind": "timeout_after"}),
        json!({"kind": "lost_reply"}),
        json!({"kind": "garbage"}),
        json!({"kind": "limit", "retry_after": "7"}),
        json!({"kind": "limit", "retry_after": "soon"}),
        json!({"kind": "latency", "ms": 20_000}),
        json!({"kind": "unauthorized"}),
        json!({"kind": "down"}),
    ];
    let messages = [
        json!({"kind": "duplicate", "copies": 2}),
        json!({"kind": "reorder", "window": 3, "flush_ms": 4_000}),
        json!({"kind": "delay", "ms": 9_000}),
        json!({"kind": "drop", "redeliver_after_ms": 3_000}),
        json!({"kind": "wrong_signature"}),
        json!({"kind": "tamper"}),
        json!({"kind": "stale"}),
    ];
    for (partner, _, _) in PARTNERS {
        for (kinds, operation) in [(calls.as_slice(), "*"), (messages.as_slice(), "webhook.*")] {
            for _ in 0..rng.usize(0..3) {
                let Some(fault) = rng.choice(kinds) else { continue };
                let (percent, seed, times) = (rng.u8(5..35), rng.u64(..), rng.u32(1..6));
                let when = json!({"operation": operation, "percent": percent, "seed": seed, "times": times});
                let rule = serde_json::from_value(json!({"match": when, "fault": fault}));
                elements.extend(rule.ok().map(|rule| Element::PartnerFault(partner, Box::new(rule))));
            }
        }
    }
}

/// Faults of calls that our functions make.
fn call_faults(rng: &mut fastrand::Rng, quiet: bool, elements: &mut Vec<Element>) {
    let apart = rng.u32(15..200);
    let mut at = rng.u32(0..apart);
    while at < 2_000 {
        let stall = Fault::Stall { ms: rng.u32(50..2_900) };
        let harmless = [stall, Fault::Race];
        let kinds =
            [stall, Fault::Race, Fault::KillBefore, Fault::KillAfter, Fault::LoseReply, Fault::Throttle, Fault::Refuse];
        let fault = rng.choice(if quiet { &harmless[..] } else { &kinds[..] }).copied().unwrap_or(stall);
        elements.push(Element::CallFault(ScheduledFault { at, fault, aim: None }));
        at += rng.u32(1..apart * 2);
    }
    // Chance rarely hits the moments that matter most: between the announcement and the answer of an effect, and between the
    // decision and the write of a commit.
    for _ in 0..rng.u32(0..6) {
        let stall = Fault::Stall { ms: rng.u32(1_000..2_900) };
        let kinds = [stall, stall, Fault::KillAfter, Fault::LoseReply];
        let fault = rng.choice(if quiet { &kinds[..1] } else { &kinds[..] }).copied().unwrap_or(stall);
        let at = if rng.bool() { 0 } else { rng.u32(0..600) };
        let aim = rng.choice(AIMS);
        elements.push(Element::CallFault(ScheduledFault { at, fault, aim }));
        // A second delivery finds the state in which the first one stopped.
        if let Some((function, _)) = aim.filter(|(function, _)| *function != "due-fire" && rng.bool()) {
            elements.push(Element::DeliveredTwice(function));
        }
    }
}

/// Orders, and the actions that concern them.
fn orders(rng: &mut fastrand::Rng, quiet: bool, elements: &mut Vec<Element>) {
    let first = elements.len();
    let count = rng.usize(1..4);
    let mut number = 0;
    let id = || {
        number += 1;
        format!("CRM-{number}")
    };
    let drawn = samples::orders(count + rng.usize(0..8), rng.u64(..), id);
    for mut order in drawn.into_iter().rev().take(count) {
        let id = order["id"].as_str().unwrap_or_default().to_owned();
        unusual(rng, &mut order, elements);
        // Most of an order's work happens in its first seconds, so most actions come then.
        match rng.u8(0..24) {
            kind if kind < 4 || quiet && rng.bool() => {
                let mut again = order.clone();
                again["id"] = json!(format!("{id}-new"));
                elements.push(Element::Order(order, rng.u64(0..3)));
                elements.push(Element::Moment(rng.u64(0..6), Action::Cancel(id)));
                // Some are ordered again under the same purchase order, by either door, some of them at once.
                let pause = if rng.bool() { rng.u64(0..10) } else { rng.u64(30..900) };
                match rng.u8(0..4) {
                    0 => {
                        elements.push(Element::Moment(pause, Action::Redrive));
                        elements.push(Element::Order(again, rng.u64(0..20)));
                    }
                    1 => elements.push(Element::Moment(pause, Action::ByApi(again))),
                    _ => {}
                }
            }
            4..7 => {
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Action::Hold(id.clone())));
                elements.push(Element::Moment(rng.u64(0..40), Action::ReleaseHold(id)));
            }
            7..10 => {
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Action::Amend(id, rng.u32(1..9))));
            }
            10..12 => {
                let mut moved = order.clone();
                moved["ship_to"]["line1"] = json!(format!("{} Another Road", rng.u32(1..400)));
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Action::Readdress(moved)));
            }
            12..14 => {
                let mut twin = order.clone();
                twin["id"] = json!(format!("{id}-again"));
                elements.push(Element::Order(order, rng.u64(0..2)));
                let alias = twin["id"].as_str().unwrap_or_default().to_owned();
                elements.push(Element::Moment(0, Action::ByApi(twin)));
                if rng.bool() {
                    elements.push(Element::Moment(rng.u64(0..8), Action::CancelByApi(id, alias)));
                }
            }
            14..16 => {
                elements.push(Element::Order(order, rng.u64(0..20)));
                elements.push(Element::Moment(rng.u64(0..900), Action::Decide(id, rng.usize(0..3))));
            }
            _ => elements.push(Element::Order(order, rng.u64(0..20))),
        }
    }
    if !quiet && rng.u8(0..4) == 0 {
        let partner = rng.choice(PARTNERS).map_or("acme-erp", |(name, ..)| name);
        let fault = if rng.bool() { PartnerFault::Down } else { PartnerFault::Latency { ms: rng.u64(2_000..20_000) } };
        let at = rng.usize(first..=elements.len());
        elements.insert(at, Element::Moment(0, Action::Outage(partner, fault)));
        let at = rng.usize(at + 1..=elements.len());
        elements.insert(at, Element::Moment(rng.u64(10..3_600), Action::Recovered(partner)));
    }
    for _ in 0..rng.u32(1..4) {
        elements.push(Element::Moment(rng.u64(1..600), Action::Redrive));
    }
}

/// Makes some orders unusual: too little stock, a customer without credit, a kit, shipment in one piece only.
fn unusual(rng: &mut fastrand::Rng, order: &mut Value, elements: &mut Vec<Element>) {
    if rng.u8(0..8) == 0
        && let Some(sku) = order["lines"][0]["sku"].as_str()
    {
        elements.push(Element::StockLimit(sku.to_owned(), [rng.u32(0..4), rng.u32(0..2)]));
        order["ship_complete"] = json!(rng.bool());
    }
    if rng.u8(0..12) == 0 {
        order["customer"]["id"] = json!("C-POOR-1");
    }
    if rng.u8(0..10) == 0 {
        order["lines"][0]["sku"] = json!(promises::KIT.0);
        order["lines"][0]["uom"] = json!("EA");
    }
}
