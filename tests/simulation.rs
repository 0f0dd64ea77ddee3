//! Storms: every fault at once, drawn from a seed, and the promises after each of them.
//!
//! A failing seed prints the command that reproduces it: `CROSSDOCK_SEED=<seed> cargo nextest run -p crossdock-tests --test
//! simulation`. `CROSSDOCK_STORMS=<n>` weathers more of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::house::House;
use crossdock_tests::promises::{broken, statuses};
use serde_json::json;
use testkit::memory::Script;
use testkit::partners::fault::Rule;
use testkit::partners::samples;

const A_DAY: Duration = Duration::from_secs(24 * 3_600);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The partners' part of the weather.
fn partners_weather(house: &House, dice: &mut fastrand::Rng) {
    let kinds = [
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
    ];
    let messages = [
        json!({"kind": "duplicate", "copies": 2}),
        json!({"kind": "reorder", "window": 3, "flush_ms": 4_000}),
        json!({"kind": "delay", "ms": 9_000}),
        json!({"kind": "drop", "redeliver_after_ms": 3_000}),
        json!({"kind": "wrong_signature"}),
        json!({"kind": "stale"}),
    ];
    let mut town = house.town.borrow_mut();
    for partner in &mut town.partners {
        for (kinds, operation) in [(kinds.as_slice(), "*"), (messages.as_slice(), "webhook.*")] {
            for _ in 0..dice.usize(0..3) {
                let fault = kinds[dice.usize(0..kinds.len())].clone();
                let (percent, seed) = (dice.u8(5..35), dice.u64(..));
                let rule = json!({
                    "match": {"operation": operation, "percent": percent, "seed": seed, "times": dice.u32(1..6)},
                    "fault": fault,
                });
                partner.faults.add(serde_json::from_value::<Rule>(rule).unwrap());
            }
        }
    }
}

/// One storm. Returns what struck, and what is broken after it.
fn weather(seed: u64) -> (BTreeMap<String, u64>, Vec<String>) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut house = House::new(seed);
    house.may_double = true;
    let script = Script::storm(dice.u64(..), dice.u32(0..60));
    house.chaos = Some(("*", script.clone()));
    partners_weather(&house, &mut dice);
    let count = dice.usize(1..4);
    let mut number = 0;
    let orders = samples::orders(count + dice.usize(0..8), dice.u64(..), || {
        number += 1;
        format!("CRM-{number}")
    });
    for order in orders.into_iter().rev().take(count) {
        house.order(order);
        house.run(Duration::from_secs(dice.u64(0..20)));
    }
    // Operators redrive whatever is parked, at bad moments too.
    for _ in 0..3 {
        house.run(Duration::from_secs(dice.u64(1..600)));
        house.redrive();
    }
    let mut struck: BTreeMap<String, u64> =
        script.calm().into_iter().map(|(name, n)| (name.to_owned(), n as u64)).collect();
    for partner in &mut house.town.borrow_mut().partners {
        for (name, n) in &partner.ledger.faults {
            *struck.entry(format!("partner: {name}")).or_default() += n;
        }
        partner.faults.clear(None);
    }
    house.run(A_DAY);
    house.redrive();
    house.run(A_DAY);
    let mut wrong = broken(&house);
    wrong.extend(house.parked().iter().map(|message| format!("still parked: {} {}", message.code, message.cause)));
    let statuses = statuses(&house);
    let ended = statuses.get("invoiced").copied().unwrap_or(0);
    if ended != count {
        wrong.push(format!("{ended} of {count} orders ended: {statuses:?}"));
    }
    if !wrong.is_empty() {
        wrong.push(format!("{house:?}"));
    }
    (struck, wrong)
}

#[test]
fn f01_after_every_storm_the_promises_hold_and_every_order_has_ended() {
    if let Some(seed) = setting("CROSSDOCK_SEED") {
        let (_, wrong) = weather(seed);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        return;
    }
    let (first, storms) = (setting("CROSSDOCK_FROM").unwrap_or(0), setting("CROSSDOCK_STORMS").unwrap_or(60));
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for seed in first..first + storms {
        let (struck, wrong) = weather(seed);
        let again = format!("CROSSDOCK_SEED={seed} cargo nextest run -p crossdock-tests --test simulation");
        assert!(wrong.is_empty(), "seed {seed}\n{}\nagain: {again}", wrong.join("\n"));
        for (name, n) in struck {
            *all.entry(name).or_default() += n;
        }
    }
    println!("{storms} storms: {all:?}");
    assert!(all.len() > 10, "few kinds of fault struck: {all:?}");
}

#[test]
fn a_seed_reproduces_its_storm_exactly() {
    assert_eq!(weather(7), weather(7));
}
