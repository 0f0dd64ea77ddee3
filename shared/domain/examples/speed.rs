//! Measures how many commands per second the domain decides and applies on one core. It replays the whole life of an order,
//! and of a fulfillment, again and again. Run it with `cargo run --release -p domain --example speed`. No check depends on the
//! figures.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../src/samples.rs"]
mod samples;

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::shipment::MilestoneKind;
use domain::shipment::RequestStatus;
use domain::workflow::{decide, evolve};
use domain::{Fulfillment, FulfillmentCommand, FulfillmentEffect, Order, OrderCommand, OrderEffect, Workflow};
use samples::{
    accepted, assignment, crm_updated, goods_issued, invoiced, line_quantity, milestone, opened, packed, progress,
    routing, started, to_release,
};

/// The commands of an order with two lines in two fulfillments, from its submission to its invoice.
fn order() -> Vec<OrderCommand> {
    let fulfillments =
        [assignment(1, &[line_quantity(1, 6), line_quantity(2, 5)]), assignment(2, &[line_quantity(1, 4)])];
    let mut life = to_release(&[10, 5]);
    life.push(OrderCommand::RecordRouting(routing(&fulfillments)));
    for (as_of, n) in [(2, 1), (2, 2)] {
        life.push(OrderCommand::RecordProgress(progress(n, as_of, RequestStatus::Accepted, &[], &[])));
    }
    for (n, lines) in [(1, &[(1, 6), (2, 5)][..]), (2, &[(1, 4)][..])] {
        life.push(OrderCommand::RecordProgress(progress(n, 5, RequestStatus::Accepted, lines, &[])));
        life.push(OrderCommand::RecordCrmUpdated(crm_updated(8, "shipped")));
        life.push(OrderCommand::RecordProgress(progress(n, 9, RequestStatus::Accepted, lines, lines)));
    }
    life.push(OrderCommand::Announce(started(OrderEffect::Invoice, 1)));
    life.push(OrderCommand::RecordInvoice(invoiced("INV-1")));
    life
}

/// The commands of a fulfillment with two packages, each with five milestones and a goods issue.
fn fulfillment() -> Vec<FulfillmentCommand> {
    let mut life = vec![
        FulfillmentCommand::Open(
            opened(&[line_quantity(1, 6), line_quantity(2, 5)]),
            started(FulfillmentEffect::Request, 1),
        ),
        accepted("F-1"),
    ];
    for (package, lines) in [("P-1", [line_quantity(1, 6)]), ("P-2", [line_quantity(2, 5)])] {
        life.push(packed(package, 1, &lines, Some("1Z999")));
        let milestones = [
            MilestoneKind::LabelCreated,
            MilestoneKind::PickedUp,
            MilestoneKind::InTransit,
            MilestoneKind::OutForDelivery,
            MilestoneKind::Delivered,
        ];
        life.extend((2..).zip(milestones).map(|(n, kind)| milestone(package, n, kind)));
        life.push(goods_issued(package, package, &lines));
    }
    life
}

/// The processor time of this thread on Linux, so that other work on the machine does not count. On other systems, the time
/// since `started`.
fn spent(started: Instant) -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = statistics.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| started.elapsed(), Duration::from_nanos)
}

/// Commands per second, measured over at least two seconds.
fn speed<W: Workflow>(life: &[W::Command]) -> u128 {
    let started = Instant::now();
    let (before, mut done) = (spent(started), 0u128);
    while started.elapsed() < Duration::from_secs(2) {
        for _ in 0..100 {
            let mut state: Option<W> = None;
            for command in life {
                let events = decide(state.as_ref(), command.clone()).unwrap_or_default();
                state = black_box(&events).iter().fold(state, evolve);
            }
            done += life.len() as u128;
            black_box(state);
        }
    }
    done * 1_000_000 / (spent(started) - before).as_micros()
}

fn main() {
    println!("order: {} commands decided and applied per second", speed::<Order>(&order()));
    println!("fulfillment: {} commands decided and applied per second", speed::<Fulfillment>(&fulfillment()));
}
