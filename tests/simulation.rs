//! Storms: every fault at once, drawn from a seed, and the promises after each of them.
//!
//! A failing seed prints the shortest schedule found and the command that plays it again. `cargo xtask simulate` weathers more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::shrink::{shrink, told};
use crossdock_tests::storm::{Schedule, weather};

#[test]
fn f01_after_every_storm_the_promises_hold_and_every_order_has_ended() {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    let from = std::env::var("FROM").ok().and_then(|t| t.parse().ok()).unwrap_or(0u64);
    let storms = std::env::var("STORMS").ok().and_then(|t| t.parse().ok()).unwrap_or(80u64);
    let mut failed = 0;
    for seed in from..from + storms {
        let schedule = Schedule::draw(seed);
        let report = weather(&schedule);
        if !report.violations.is_empty() {
            let (shortest, report) = shrink(&schedule, Duration::from_secs(10));
            println!("{}", told(&shortest, &report, None));
            failed += 1;
        }
        for (name, n) in report.struck {
            *all.entry(name).or_default() += n;
        }
    }
    println!("{storms} storms: {all:?}");
    assert!(failed == 0);
    assert!(all.len() > 10, "few kinds of fault struck: {all:?}");
}

#[test]
fn a_seed_reproduces_its_storm_exactly() {
    for seed in [7, 8] {
        let schedule = Schedule::draw(seed);
        assert_eq!(schedule, Schedule::draw(seed));
        assert_eq!(weather(&schedule), weather(&schedule));
    }
}
