//! The simulation: seeded schedules of faults and requests, and the promises after each of them; and whether these schedules
//! find deliberate mistakes. `cargo xtask simulate` runs as many schedules as there is time for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::hunt::hunt;
use crossdock_tests::mutants;
use crossdock_tests::play::play;
use crossdock_tests::schedule::{Element, Schedule};
use crossdock_tests::shrink::{describe, shrink};

/// Takes less than a minute on a build server.
const SCHEDULES: u64 = 80;
/// Every mistake at a port has to be found within so many schedules.
const HUNTED: u64 = 600;

#[test]
fn f01_after_every_schedule_the_promises_hold_and_every_order_has_ended() {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..SCHEDULES {
        let schedule = Schedule::draw(seed);
        let report = play(&schedule, None);
        if !report.violations.is_empty() {
            let (shortest, report) = shrink(&schedule, None, Duration::from_secs(30));
            panic!("{}", describe(&shortest, &report, None));
        }
        for (name, n) in report.faults_met {
            *all.entry(name).or_default() += n;
        }
    }
    println!("{SCHEDULES} schedules: {all:?}");
    assert!(all.len() > 25, "few kinds of fault happened: {all:?}");
}

#[test]
fn every_deliberate_mistake_is_found_by_a_schedule() {
    let missed: Vec<_> = mutants::at_ports().filter(|(_, mutant)| hunt(Some(*mutant), 0..HUNTED).is_none()).collect();
    assert!(missed.is_empty(), "no schedule found {missed:?}");
}

#[test]
fn a_seed_reproduces_its_schedule_exactly() {
    for seed in [7, 8] {
        let schedule = Schedule::draw(seed);
        assert_eq!(schedule, Schedule::draw(seed));
        assert_eq!(play(&schedule, None), play(&schedule, None));
    }
}

#[test]
fn a_failing_schedule_is_shortened_and_still_fails() {
    let name = "refused-entries-ignored";
    let mutant = mutants::named(name).unwrap();
    let caught = hunt(Some(mutant), 5..HUNTED).unwrap();
    let drawn = Schedule::draw(caught.seed);
    let (shortest, report) = shrink(&drawn, Some(mutant), Duration::from_secs(60));
    assert!(!report.violations.is_empty());
    // An order, and the refusal that loses its event.
    let described = describe(&shortest, &report, Some(name));
    assert!(shortest.elements.len() <= 6, "{described}");
    assert!(shortest.elements.iter().any(|element| matches!(element, Element::Order(..))), "{described}");
    assert!(play(&shortest, None).violations.is_empty(), "it fails without the mistake, too");
}
