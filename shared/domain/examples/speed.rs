//! How many commands the pure core decides and evolves in a second on one core: whole lives of an order and of its two
//! fulfillments, over and over. Run it with `cargo run --release -p domain --example speed`; nothing else depends on the figure.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../src/samples.rs"]
mod samples;

use std::hint::black_box;
use std::time::{Duration, Instant};

use domain::fulfillment::MilestoneKind;
use domain::order::RequestStatus;
use domain::workflow::{decide, evolve};
use domain::{Fulfillment, FulfillmentCommand, FulfillmentEffect, Order, OrderCommand, OrderEffect, Workflow};
use samples::{
    accepted, assignment, goods_issued, invoiced, line_quantity, milestone, opened, packed, progress, routing, started,
    to_release, told,
};

/// An order's life: two lines over two fulfillments, delivered, invoiced, told at every turn.
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
        life.push(OrderCommand::RecordCrmUpdated(told(8, "shipped")));
        life.push(OrderCommand::RecordProgress(progress(n, 9, RequestStatus::Accepted, lines, lines)));
    }
    life.push(OrderCommand::Announce(started(OrderEffect::Invoice, 1)));
    life.push(OrderCommand::RecordInvoice(invoiced("INV-1")));
    life
}

/// A fulfillment's life: two packages, five milestones each, both posted.
fn fulfillment_of_it() -> Vec<FulfillmentCommand> {
    let mut life = vec![
        FulfillmentCommand::Open(
            opened(&[line_quantity(1, 6), line_quantity(2, 5)]),
            started(FulfillmentEffect::Request, 1),
        ),
        accepted("F-1"),
    ];
    for (package, lines) in [("P-1", [line_quantity(1, 6)]), ("P-2", [line_quantity(2, 5)])] {
        life.push(packed(package, 1, &lines, Some("1Z999")));
        let way = [
            MilestoneKind::LabelCreated,
            MilestoneKind::PickedUp,
            MilestoneKind::InTransit,
            MilestoneKind::OutForDelivery,
            MilestoneKind::Delivered,
        ];
        life.extend((2..).zip(way).map(|(n, kind)| milestone(package, n, kind)));
        life.push(goods_issued(package, package, &lines));
    }
    life
}

/// The processor's time that this thread has had, where the system tells it (Linux): other work on the machine then does
/// not count. Elsewhere the clock's.
fn spent(started: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| started.elapsed(), Duration::from_nanos)
}

/// Commands decided and evolved in a second, over at least two seconds.
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
    println!("order: {} decide + evolve a second", speed::<Order>(&order()));
    println!("fulfillment: {} decide + evolve a second", speed::<Fulfillment>(&fulfillment_of_it()));
}
