//! Counts the messages of orders without faults, and how many of them found nothing to do:
//! `cargo run --release -p crossdock-tests --example messages`.

// It prints what it counts.
#![allow(clippy::print_stdout, clippy::float_arithmetic)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::schedule::{Element, Schedule};

const SCHEDULES: u64 = 100;
const TWO_WEEKS: Duration = Duration::from_secs(14 * 24 * 3_600);

fn main() {
    let mut orders = 0;
    let mut sent: BTreeMap<String, u32> = BTreeMap::new();
    let mut ended: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for seed in 0..SCHEDULES {
        let mut deployment = Deployment::new(seed);
        for element in Schedule::draw(seed).elements {
            if let Element::Order(order, pause) = element {
                orders += 1;
                deployment.order(order);
                deployment.run(Duration::from_secs(pause));
            }
        }
        deployment.run(TWO_WEEKS);
        for (function, _) in &deployment.published {
            *sent.entry(function.clone()).or_default() += 1;
        }
        for ((function, outcome), count) in deployment.outcomes.borrow().iter() {
            *ended.entry(function).or_default().entry(outcome).or_default() += count;
        }
    }
    let mut nothing = 0;
    for (function, outcomes) in &ended {
        let idle: u32 = ["ignored", "already done"].iter().filter_map(|outcome| outcomes.get(outcome)).sum();
        nothing += idle;
        println!(
            "{function:26} {:6} from the bus, {idle:5} runs with nothing to do, {outcomes:?}",
            sent.get(*function).unwrap_or(&0)
        );
    }
    let all: u32 = sent.values().sum();
    let per_order = |count: u32| f64::from(count) / f64::from(orders);
    println!(
        "{orders} orders: {:.1} messages each, of which {:.1} found nothing to do",
        per_order(all),
        per_order(nothing)
    );
}
