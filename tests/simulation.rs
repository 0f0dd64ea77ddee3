//! Storms: every fault at once, drawn from a seed, and the promises after each of them; and whether these storms would find a
//! mistake, if there were one. `cargo xtask simulate` plays as many as there is time for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::hunt::hunt;
use crossdock_tests::mutants;
use crossdock_tests::shrink::{shrink, told};
use crossdock_tests::storm::{Element, Schedule, weather};

/// So many fit into a build server's minute.
const STORMS: u64 = 80;
/// Within so many, every deliberate mistake is to be found.
const HUNTED: u64 = 600;

#[test]
fn f01_after_every_schedule_the_promises_hold_and_every_order_has_ended() {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..STORMS {
        let schedule = Schedule::draw(seed);
        let report = weather(&schedule, None);
        if !report.violations.is_empty() {
            let (shortest, report) = shrink(&schedule, None, Duration::from_secs(30));
            panic!("{}", told(&shortest, &report, None));
        }
        for (name, n) in report.struck {
            *all.entry(name).or_default() += n;
        }
    }
    println!("{STORMS} storms: {all:?}");
    assert!(all.len() > 25, "few kinds of fault struck: {all:?}");
}

#[test]
fn every_deliberate_mistake_is_found_by_a_schedule() {
    let missed: Vec<_> = mutants::at_ports().filter(|(_, mutant)| hunt(Some(*mutant), 0..HUNTED).is_none()).collect();
    assert!(missed.is_empty(), "no storm found {missed:?}");
}

#[test]
fn a_seed_reproduces_its_schedule_exactly() {
    for seed in [7, 8] {
        let schedule = Schedule::draw(seed);
        assert_eq!(schedule, Schedule::draw(seed));
        assert_eq!(weather(&schedule, None), weather(&schedule, None));
    }
}

#[test]
fn a_failing_schedule_is_made_shorter_and_fails_still() {
    let name = "refused-entries-ignored";
    let mutant = mutants::named(name).unwrap();
    let caught = hunt(Some(mutant), 2..HUNTED).unwrap();
    let drawn = Schedule::draw(caught.seed);
    let (shortest, report) = shrink(&drawn, Some(mutant), Duration::from_secs(60));
    assert!(!report.violations.is_empty());
    // An order, and the one refusal that loses its event.
    assert!(shortest.elements.len() <= 6, "{}", told(&shortest, &report, Some(name)));
    assert!(shortest.elements.iter().any(|element| matches!(element, Element::Order(..))));
    assert!(weather(&shortest, None).violations.is_empty(), "it fails without the mistake, too");
}
