//! One partner is down or slow for hours: its work waits, in order; everybody else's goes on as if nothing was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use crossdock_tests::promises::{broken, statuses};
use domain::OrderId;
use domain::order::Status;
use domain::review::ReviewKind;
use engine::context::SKEW;
use engine::stores::{Due as _, DueItem, Queues, sortable};
use engine::{Code, Failure};
use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::fault::{Fault, Rule, When};
use simulators::samples;

const MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(24 * 3_600);
/// Orders for each of the two warehouses.
const ORDERS: usize = 24;

/// The n-th order; all even ones are for one warehouse, all odd ones for the other.
fn order(n: usize) -> Value {
    let mut number = n;
    let mut order = samples::orders(1, 7, || {
        number += 1;
        format!("CRM-{number}")
    })
    .remove(0);
    let sku = if n.is_multiple_of(2) { "SKU-1-E" } else { "SKU-2-W" };
    order["lines"] = json!([{"line": 1, "sku": sku, "quantity": "1", "uom": "EA"}]);
    order
}

fn id(order: &Value) -> OrderId {
    OrderId::derive(&"acme-crm".parse().unwrap(), &order["id"].as_str().unwrap().parse().unwrap())
}

fn strike(deployment: &Deployment, partner: &str, fault: Fault) {
    let rule = Rule { name: None, when: When::default(), fault };
    deployment.town.borrow_mut().partner_mut(partner).unwrap().faults.add(rule);
}

fn mend(deployment: &Deployment, partner: &str) {
    deployment.town.borrow_mut().partner_mut(partner).unwrap().faults.clear(None);
}

/// Works for `time`, and lets all of it pass.
fn pass(deployment: &mut Deployment, time: Duration) {
    let end = deployment.clock.now() + time;
    deployment.run(time);
    deployment.wait(Duration::try_from(end.duration_since(deployment.clock.now())).unwrap());
}

/// How long an order was under way.
fn took(deployment: &Deployment, id: &OrderId) -> Duration {
    let commits = deployment.journal.commits(&format!("order/{id}"));
    let (first, last) = (commits.first().unwrap().at, commits.last().unwrap().at);
    Duration::try_from(last.duration_since(first)).unwrap()
}

fn are_invoiced(deployment: &Deployment, orders: &[OrderId]) {
    for id in orders {
        assert_eq!(deployment.fold(id).known().unwrap().status(), Status::Invoiced, "{id}\n{deployment:?}");
    }
}

/// An order for each warehouse every ten seconds, then six hours. Returns the orders of the east and of the west.
fn hours(deployment: &mut Deployment, fault: Option<Fault>) -> (Vec<OrderId>, Vec<OrderId>) {
    if let Some(fault) = fault {
        strike(deployment, "eastco", fault);
    }
    let (mut east, mut west) = (vec![], vec![]);
    for n in 0..ORDERS {
        for (order, ids) in [(order(2 * n), &mut east), (order(2 * n + 1), &mut west)] {
            ids.push(id(&order));
            deployment.order(order);
        }
        pass(deployment, MINUTE / 6);
    }
    pass(deployment, 6 * 60 * MINUTE);
    (east, west)
}

/// When each of `orders` was accepted by its warehouse.
fn accepted(deployment: &Deployment, orders: &[OrderId]) -> Vec<Timestamp> {
    let at = |id: &OrderId| {
        let known = deployment.fold(id);
        let fulfillment = known.known().unwrap().assignments.keys().next().unwrap().clone();
        let commits = deployment.journal.commits(&format!("fulfillment/{fulfillment}"));
        commits.iter().find(|commit| commit.events.contains("fulfillment.accepted")).unwrap().at
    };
    orders.iter().map(at).collect()
}

fn outage(name: &str, fault: Fault) {
    let mut calm = Deployment::new(11);
    let (_, untroubled) = hours(&mut calm, None);
    assert_eq!(calm.partner_health.writes(), 0, "partners that are well cost no write");
    let mut deployment = Deployment::new(11);
    let (east, west) = hours(&mut deployment, Some(fault));

    are_invoiced(&deployment, &west);
    let mean =
        |deployment: &Deployment, ids: &[OrderId]| ids.iter().map(|id| took(deployment, id)).sum::<Duration>() / 24;
    let (with, without) = (mean(&deployment, &west), mean(&calm, &untroubled));
    let parked = deployment.parked();
    assert!(parked.is_empty(), "{parked:?}");
    assert!(deployment.most_deliveries <= 4, "{} deliveries of one message", deployment.most_deliveries);
    assert!(with <= without + Duration::from_secs(2), "{with:?} beside an outage, {without:?} without");
    let fulfillments = deployment.journal.streams().into_iter().filter(|name| name.starts_with("fulfillment/"));
    let sizes: BTreeMap<String, usize> =
        fulfillments.map(|name| (name.clone(), deployment.journal.commits(&name).len())).collect();
    let (probes, waiting) =
        (deployment.town.borrow().partner("eastco").unwrap().ledger.calls.len(), deployment.due.all().len());
    let most = sizes.values().max().copied().unwrap_or_default();
    println!(
        "{name}: six hours, {ORDERS} orders each: west took {with:?} (without an outage {without:?}); eastco was called \
         {probes} times, the longest fulfillment's stream has {most} commits, the gates were written {} times, {} deliveries of \
         one message at most, {waiting} items wait",
        deployment.partner_health.writes(),
        deployment.most_deliveries
    );
    for id in &east {
        let known = deployment.fold(id);
        if known.known().unwrap().status() != Status::Routed {
            continue;
        }
        let fulfillment = known.known().unwrap().assignments.keys().next().unwrap().clone();
        let reviews = deployment
            .fold_fulfillment(&fulfillment)
            .known()
            .map(domain::fulfillment::FulfillmentState::reviews)
            .unwrap_or_default();
        assert!(
            reviews.iter().any(|review| review.kind == ReviewKind::Late),
            "{fulfillment} waits, and nobody is told"
        );
    }
    assert!(probes < 100, "{probes} calls in six hours");
    assert!(most <= 24, "{sizes:?}");

    mend(&deployment, "eastco");
    let mended_at = deployment.clock.now();
    deployment.run(A_DAY);
    are_invoiced(&deployment, &east);
    let since: Vec<i64> = accepted(&deployment, &east)
        .iter()
        .map(|at| at.duration_since(mended_at).as_secs())
        .filter(|s| *s >= 0)
        .collect();
    println!("{name}: {} were accepted afterwards, so many seconds after its end: {since:?}", since.len());
    assert!(since.iter().all(|seconds| *seconds < 330), "nobody waits longer than the circuit is open: {since:?}");
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 2 * ORDERS)]));
    let broken = broken(&deployment);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn b23_a_warehouse_that_is_down_for_hours_keeps_its_own_work_waiting_and_nobody_elses() {
    outage("down", Fault::Down);
}

#[test]
fn b23_a_warehouse_that_answers_after_twenty_seconds_keeps_its_own_work_waiting_and_nobody_elses() {
    outage("slow", Fault::Latency { ms: 20_000 });
}

/// A time at which a sweep takes what is due: a moment after it, since clocks differ.
fn ripe(deployment: &Deployment) -> Timestamp {
    deployment.clock.now().checked_sub(SKEW).unwrap()
}

/// Every queue but one.
struct Deaf(testkit::memory::MemoryQueues);

impl Queues for Deaf {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        if function == "crm-update" {
            return Err(Failure::permanent(Code::StoreRefused, "there is no such queue"));
        }
        self.0.send(function, bodies).await
    }
}

#[test]
fn a_queue_that_takes_nothing_holds_no_others_due_work_up() {
    let deployment = Deployment::new(1);
    for function in ["backorder-check", "crm-update", "order-price"] {
        let item = DueItem {
            due: ripe(&deployment),
            id: function.to_owned(),
            function: function.to_owned(),
            body: function.to_owned(),
            why: "circuit".to_owned(),
            partner: None,
            parent: None,
        };
        assert_eq!(deployment.due.defer(&item).now_or_never(), Some(Ok(())));
    }
    let ports = due_fire::Ports { due: deployment.due.clone(), queues: Deaf(testkit::memory::MemoryQueues::default()) };
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "the end tells of it: {fired:?}");
    let sent: Vec<String> = ports.queues.0.take().into_iter().map(|(function, _)| function).collect();
    assert_eq!(sent, ["backorder-check", "order-price"]);
    assert_eq!(deployment.due.all().len(), 1, "it waits on");

    let fired = due_fire::handle(&ports, 2, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "{fired:?}");
    assert_eq!(ports.queues.0.take(), [("due-fire".to_owned(), "3".to_owned())], "a sweep that fails ends no minute");
}

#[test]
fn what_cannot_be_sent_hides_nothing_behind_it() {
    let deployment = Deployment::new(1);
    let item = |n: usize, function: &str| DueItem {
        due: ripe(&deployment),
        id: format!("{n:05}"),
        function: function.to_owned(),
        body: n.to_string(),
        why: "time".to_owned(),
        partner: None,
        parent: None,
    };
    // Enough for more than a page of every shard, and one of each shard behind them.
    for n in 0..3_000 {
        assert_eq!(
            deployment.due.defer(&item(n, if n < 2_900 { "crm-update" } else { "order-price" })).now_or_never(),
            Some(Ok(()))
        );
    }
    let ports = due_fire::Ports { due: deployment.due.clone(), queues: Deaf(testkit::memory::MemoryQueues::default()) };
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "the end tells of it: {fired:?}");
    assert_eq!((ports.queues.0.take().len(), deployment.due.all().len()), (100, 2_900));
}

#[test]
fn f08_what_a_step_with_a_slow_clock_defers_to_the_same_time_again_is_not_lost() {
    let deployment = Deployment::new(1);
    let item = DueItem { due: deployment.clock.now(), ..waiting() };
    assert_eq!(deployment.due.defer(&item).now_or_never(), Some(Ok(())));
    let ports = due_fire::Ports { due: deployment.due.clone(), queues: testkit::memory::MemoryQueues::default() };
    // Sent now, it could be deferred to the same time by a step whose clock is behind, and be deleted after that.
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Ok(0))), "{fired:?}");
    let ripe = DueItem { due: ripe(&deployment), ..waiting() };
    assert_eq!(deployment.due.defer(&ripe).now_or_never(), Some(Ok(())));
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Ok(1))), "{fired:?}");
}

fn waiting() -> DueItem {
    DueItem {
        due: Timestamp::UNIX_EPOCH,
        id: "one".to_owned(),
        function: "order-price".to_owned(),
        body: "{}".to_owned(),
        why: "claimed".to_owned(),
        partner: None,
        parent: None,
    }
}

#[test]
fn each_tick_asks_for_the_next_one_up_to_the_last_of_its_minute() {
    let (deployment, queues) = (Deployment::new(1), testkit::memory::MemoryQueues::default());
    let ports = due_fire::Ports { due: deployment.due.clone(), queues: queues.clone() };
    let (mut tick, mut ticks) = (0, 1);
    loop {
        let swept = due_fire::handle(&ports, tick, &deployment.context("due-fire")).now_or_never();
        assert!(matches!(swept, Some(Ok(0))), "{swept:?}");
        let Some((function, next)) = queues.take().pop() else { break };
        assert_eq!(function, "due-fire");
        (tick, ticks) = (next.parse().unwrap(), ticks + 1);
    }
    assert_eq!(ticks, 6, "one every ten seconds");
}

#[test]
fn what_is_due_together_is_fired_as_it_came_about_over_all_shards() {
    let deployment = Deployment::new(1);
    let queues = testkit::memory::MemoryQueues::default();
    let item = |n: i64| DueItem {
        due: ripe(&deployment),
        id: format!("{}-order-price-{n}", sortable(Timestamp::from_second(1_795_000_000 + n).unwrap())),
        function: "order-price".to_owned(),
        body: format!("{n:03}"),
        why: "circuit".to_owned(),
        partner: None,
        parent: None,
    };
    for n in (0..150).rev() {
        assert_eq!(deployment.due.defer(&item(n)).now_or_never(), Some(Ok(())));
    }
    let ports = due_fire::Ports { due: deployment.due.clone(), queues: queues.clone() };
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Ok(150))), "{fired:?}");
    let bodies: Vec<String> = queues.take().into_iter().map(|(_, body)| body).collect();
    assert!(bodies.is_sorted(), "{bodies:?}");
}
