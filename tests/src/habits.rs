//! The habits of partners and people that a seed draws: what well-behaved partners, who echo what they are sent, would hide.
//!
//! They are drawn by random numbers of their own, so that a new habit changes no other element of a schedule.

use serde_json::json;
use simulators::PARTNERS;
use simulators::fault::{PartnerFault, Rule};
use simulators::habits::{Closes, WorkScript};

use crate::element::{Action, Element, ErpHabit};

/// Adds the habits of `seed` to a schedule's elements. A quiet one has only those that lose nothing and end by themselves.
pub(crate) fn draw(seed: u64, quiet: bool, elements: &mut Vec<Element>) {
    // Any number that differs from the schedule's own.
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6861_6269_7473);
    for warehouse in ["eastco", "shipwest"] {
        if rng.u8(0..3) == 0 {
            elements.push(Element::WarehouseScript(warehouse, Box::new(script(&mut rng, warehouse))));
        }
    }
    if rng.u8(0..6) == 0 {
        let habit = match rng.u8(0..4) {
            0 => ErpHabit::CreditFor(rng.i64(-5_000..1_500)),
            1 => ErpHabit::CreditFor(rng.i64(500..30_000)),
            2 => ErpHabit::CreditUntil(rng.i64(0..600)),
            _ => ErpHabit::ShowsStockOnly,
        };
        elements.push(Element::ErpHabit(habit));
    }
    if rng.u8(0..5) == 0 {
        let warehouse = if rng.bool() { "eastco" } else { "shipwest" };
        elements.extend(burst(&mut rng).map(|rule| Element::PartnerFault(warehouse, Box::new(rule))));
    }
    if !quiet && rng.u8(0..12) == 0 {
        let partner = rng.choice(PARTNERS).map_or("acme-erp", |(name, ..)| name);
        let first = elements.iter().position(|element| matches!(element, Element::Order(..))).unwrap_or(0);
        let at = rng.usize(first..=elements.len());
        elements.insert(at, Element::Moment(rng.u64(0..10), Action::Outage(partner, PartnerFault::Unauthorized)));
        elements.push(Element::Moment(3_600, Action::Recovered(partner)));
    }
    let orders = elements.iter().filter_map(|element| {
        let Element::Order(order, _) = element else { return None };
        order["id"].as_str().map(str::to_owned)
    });
    for order in orders.collect::<Vec<_>>() {
        if rng.u8(0..3) == 0 {
            let choices = [rng.usize(0..3), rng.usize(0..3)];
            let pause = if rng.bool() { rng.u64(5..60) } else { rng.u64(60..20_000) };
            elements.push(Element::Moment(pause, Action::DecideTogether(order, choices)));
        }
    }
}

/// The way in which a warehouse works, for its first requests.
fn script(rng: &mut fastrand::Rng, warehouse: &str) -> WorkScript {
    let mut script = WorkScript { respells: rng.bool(), times: Some(rng.u32(1..5)), ..WorkScript::default() };
    script.closes = match rng.u8(0..6) {
        0 => Closes::NamingLate,
        1 => Closes::WithoutList,
        2 => Closes::WithEmptyList,
        _ => Closes::Naming,
    };
    match rng.u8(0..8) {
        0 => script.reject_later = Some("OUT_OF_STOCK".to_owned()),
        // ShipBob has no close without a package: it refuses such an order later.
        1 if warehouse == "eastco" => script.short_by = 1_000_000,
        2 => script.short_by = rng.u32(1..3),
        3 => script.first_only = true,
        4 => script.packages = Some(rng.usize(4..9)),
        _ => {}
    }
    script
}

/// All of a warehouse's messages of some minutes at once, in any order.
fn burst(rng: &mut fastrand::Rng) -> Option<Rule> {
    let (window, flush) = (rng.usize(8..60), rng.u64(20_000..200_000));
    let fault = json!({"kind": "reorder", "window": window, "flush_ms": flush});
    serde_json::from_value(json!({"match": {"operation": "webhook.*"}, "fault": fault})).ok()
}
