//! Counts what orders without faults cost a deployment in memory: messages, those of them that found nothing to do, calls to the
//! CRM, and read units of the journal, by function. Orders come one after another, or fifty at once with `-- burst`:
//! `cargo run --release -p crossdock-tests --example messages`.

// It prints what it counts.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::float_arithmetic, clippy::cast_precision_loss)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::schedule::{Element, Schedule};
use serde_json::{Value, json};
use simulators::PARTNERS;

const SCHEDULES: u64 = 100;
const BURST: usize = 50;
const TWO_WEEKS: Duration = Duration::from_secs(14 * 24 * 3_600);

/// Sums over all deployments.
#[derive(Default)]
struct Counts {
    orders: usize,
    sent: BTreeMap<String, u32>,
    ended: BTreeMap<&'static str, BTreeMap<&'static str, u32>>,
    half_units: BTreeMap<(String, String), usize>,
    commits: usize,
}

impl Counts {
    fn add(&mut self, deployment: &Deployment, orders: usize) {
        self.orders += orders;
        for (function, _) in &deployment.published {
            *self.sent.entry(function.clone()).or_default() += 1;
        }
        for ((function, outcome), count) in deployment.outcomes.borrow().iter() {
            *self.ended.entry(function).or_default().entry(outcome).or_default() += count;
        }
        for (key, halves) in deployment.read_units.borrow().iter() {
            *self.half_units.entry(key.clone()).or_default() += halves;
        }
        let streams = deployment.journal.streams();
        self.commits += streams.iter().map(|stream| deployment.journal.commits(stream).len()).sum::<usize>();
    }

    fn per_order(&self, count: usize) -> f64 {
        count as f64 / self.orders as f64
    }

    fn print(&self) {
        let mut nothing = 0;
        for (function, outcomes) in &self.ended {
            let idle: u32 = ["ignored", "already done"].iter().filter_map(|outcome| outcomes.get(outcome)).sum();
            nothing += idle as usize;
            let sent = self.sent.get(*function).unwrap_or(&0);
            println!("{function:26} {sent:6} from the bus, {idle:5} runs with nothing to do, {outcomes:?}");
        }
        for ((function, workflow), halves) in &self.half_units {
            let units = self.per_order(*halves) / 2.0;
            println!("{function:26} {units:6.1} read units an order of streams {workflow}/…");
        }
        let sent: u32 = self.sent.values().sum();
        println!(
            "{} orders: {:.1} messages each, of which {:.1} found nothing to do; {:.1} commits, {:.1} read units of the journal",
            self.orders,
            self.per_order(sent as usize),
            self.per_order(nothing),
            self.per_order(self.commits),
            self.per_order(self.half_units.values().sum()) / 2.0,
        );
    }
}

/// The orders of a schedule, and the seconds until the next one.
fn orders(seed: u64) -> impl Iterator<Item = (Value, u64)> {
    Schedule::draw(seed)
        .elements
        .into_iter()
        .filter_map(|element| if let Element::Order(order, pause) = element { Some((order, pause)) } else { None })
}

/// A deployment whose reads are never behind.
fn deployment(seed: u64) -> Deployment {
    let deployment = Deployment::new(seed);
    deployment.journal.fall_behind(None);
    deployment
}

/// The order with an id and a purchase order of its own.
fn numbered(mut order: Value, n: usize) -> Value {
    order["id"] = json!(format!("CRM-{n}"));
    order["customer_po"] = json!(format!("PO-{n}"));
    order
}

/// Makes every partner send each webhook twice at the same moment.
fn double_webhooks(deployment: &Deployment) {
    let rule = json!({"match": {"operation": "webhook.*"}, "fault": {"kind": "duplicate", "copies": 1}});
    for (partner, _, _) in PARTNERS {
        let rule = serde_json::from_value(rule.clone()).expect("a rule of the simulators");
        let mut partners = deployment.partners.borrow_mut();
        partners.partner_mut(partner).expect("one of the partners").faults.add(rule);
    }
}

fn main() {
    let mut counts = Counts::default();
    if std::env::args().any(|argument| argument == "burst") {
        let mut deployment = deployment(0);
        let burst = (0..).flat_map(orders).take(BURST).enumerate().map(|(n, (order, _))| numbered(order, n));
        double_webhooks(&deployment);
        burst.for_each(|order| deployment.order(order));
        deployment.run(TWO_WEEKS);
        counts.add(&deployment, BURST);
    } else {
        for seed in 0..SCHEDULES {
            let mut deployment = deployment(seed);
            let mut placed = 0;
            for (order, pause) in orders(seed) {
                placed += 1;
                deployment.order(order);
                deployment.run(Duration::from_secs(pause));
            }
            deployment.run(TWO_WEEKS);
            counts.add(&deployment, placed);
        }
    }
    counts.print();
}
