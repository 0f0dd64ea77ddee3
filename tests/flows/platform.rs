//! The platform: redriving, replaying, poison messages, and the sweep over deferred work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crossdock_tests::deployment::{DeliveryFault, Deployment, DeploymentClock, order_id};
use crossdock_tests::promises::{redriven, statuses};
use engine::context::SKEW;
use engine::stores::{Due as _, DueItem, Queues, sortable};
use engine::{Code, Failure};
use futures::FutureExt as _;
use jiff::Timestamp;
use serde_json::json;
use testkit::memory::{MemoryDue, MemoryPartnerHealth, MemoryQueues, MemoryViews};

use crate::support::{A_DAY, assert_promises_hold, line, order_of, sample, slow_down_warehouses, split};

#[test]
fn redriving_every_message_ever_sent_changes_nothing() {
    let mut deployment = Deployment::new(5);
    let order = split();
    deployment.order(order.clone());
    deployment.run(A_DAY);
    let before: Vec<usize> =
        deployment.journal.streams().iter().map(|name| deployment.journal.commits(name).len()).collect();
    let published: Vec<(String, String)> = deployment.published.clone();
    for (function, body) in published {
        deployment.enqueue(&function, &body);
    }
    deployment.run(A_DAY);
    let after: Vec<usize> =
        deployment.journal.streams().iter().map(|name| deployment.journal.commits(name).len()).collect();
    assert_eq!(before, after, "a redrive committed something");
    assert_promises_hold(&deployment);
}

#[test]
fn f10_replaying_a_day_of_events_from_the_archive_changes_nothing_anywhere() {
    let mut deployment = Deployment::new(20);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    deployment.amend(&order_id("CRM-1"), 4);
    deployment.run(A_DAY);
    assert_eq!(redriven(&mut deployment, A_DAY), Vec::<String>::new());
}

#[test]
fn f03_poison_messages_among_nine_good_orders_are_parked_with_their_cause_and_delay_none() {
    let mut deployment = Deployment::new(6);
    deployment.enqueue("order-price", "{\"detail\":{\"type\":\"order.submitted\"");
    deployment.enqueue("order-price", "\u{0}not json");
    for n in 0..9 {
        deployment.order(sample(n));
    }
    deployment.run(A_DAY);
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 9)]), "{deployment:?}");
    let parked = deployment.parked();
    assert_eq!(parked.len(), 2);
    assert!(parked.iter().all(|message| message.code.as_str() == "MSG-001" && !message.cause.is_empty()));
}

#[test]
fn b53_whichever_message_is_lost_for_ever_a_sweep_of_the_next_day_makes_the_order_go_on() {
    let mut lost = BTreeSet::new();
    for n in 1.. {
        let mut deployment = Deployment::new(9);
        deployment.delivery_faults.insert(n, DeliveryFault::Discarded);
        deployment.order(split());
        deployment.run(A_DAY);
        let Some(function) = deployment.discarded.first().cloned() else { break };
        // Before the order exists, its sender sends it again.
        if function == "order-import" {
            continue;
        }
        deployment.wait(A_DAY);
        deployment.sweep(false);
        // A lost report is asked for at its deadline.
        let days = if function == "warehouse-report-record" { 12 } else { 1 };
        deployment.run(days * A_DAY);
        let context = format!("message {n}, to {function}: {deployment:?}");
        assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 1)]), "{context}");
        assert_promises_hold(&deployment);
        deployment.wait(A_DAY);
        assert_eq!(deployment.sweep(true), 0, "nothing is left; {context}");
        lost.insert(function);
    }
    let steps =
        ["order-price", "stock-allocate", "order-route", "fulfillment-request", "goods-issue-post", "crm-update"];
    assert!(steps.iter().all(|step| lost.contains(*step)), "{lost:?}");
}

#[test]
fn b53_work_that_waits_for_its_time_is_one_item_however_often_it_is_announced() {
    let mut deployment = Deployment::new(10);
    deployment.stock("SKU-5-W", [0, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-5-W", "3")])));
    deployment.run(Duration::from_secs(4 * 3_600));
    let waiting = |deployment: &Deployment| {
        let items = deployment.due.all();
        items.iter().filter(|item| item.function == "backorder-check").count()
    };
    assert_eq!(waiting(&deployment), 1, "{deployment:?}");
    deployment.wait(Duration::from_secs(2 * 3_600));
    assert_eq!(deployment.sweep(true), 1, "all due work is announced");
    deployment.run(Duration::from_secs(3_600));
    assert_eq!(waiting(&deployment), 1, "{deployment:?}");
    assert_eq!(deployment.sweep(false), 0, "what did not change is announced once a week");
    deployment.wait(8 * A_DAY);
    assert_eq!(deployment.sweep(false), 1);
}

/// A due time that a sweep accepts now: earlier by the allowed clock difference.
fn due_now(deployment: &Deployment) -> Timestamp {
    deployment.clock.now().checked_sub(SKEW).unwrap()
}

type FirePorts<Q> = due_fire::Ports<MemoryDue, Q, MemoryPartnerHealth, MemoryViews, DeploymentClock>;

fn ports<Q>(deployment: &Deployment, queues: Q) -> FirePorts<Q> {
    let (due, partner_health, views) =
        (deployment.due.clone(), deployment.partner_health.clone(), deployment.views.clone());
    due_fire::Ports { due, queues, partner_health, views, clock: deployment.clock.clone() }
}

/// Queues of which `crm-update` refuses everything.
struct RefusingQueue(MemoryQueues);

impl Queues for RefusingQueue {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        if function == "crm-update" {
            return Err(Failure::permanent(Code::StoreRefused, "there is no such queue"));
        }
        self.0.send(function, bodies).await
    }
}

#[test]
fn a_queue_that_refuses_everything_delays_no_other_queues_due_work() {
    let deployment = Deployment::new(1);
    for function in ["backorder-check", "crm-update", "order-price"] {
        let item = DueItem {
            due: due_now(&deployment),
            id: function.to_owned(),
            function: function.to_owned(),
            body: function.to_owned(),
            why: "circuit".to_owned(),
            partner: None,
            parent: None,
        };
        assert_eq!(deployment.due.defer(&item).now_or_never(), Some(Ok(())));
    }
    let ports = ports(&deployment, RefusingQueue(MemoryQueues::default()));
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "the sweep reports the failure: {fired:?}");
    let sent: Vec<String> = ports.queues.0.take().into_iter().map(|(function, _)| function).collect();
    assert_eq!(sent, ["backorder-check", "order-price"]);
    assert_eq!(deployment.due.all().len(), 1, "the refused item stays");

    let fired = due_fire::handle(&ports, 2, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "{fired:?}");
    assert_eq!(
        ports.queues.0.take(),
        [("due-fire".to_owned(), "3".to_owned())],
        "a failed sweep still requests the next tick"
    );
}

#[test]
fn due_work_that_cannot_be_sent_hides_no_due_work_behind_it() {
    let deployment = Deployment::new(1);
    let item = |n: usize, function: &str| DueItem {
        due: due_now(&deployment),
        id: format!("{n:05}"),
        function: function.to_owned(),
        body: n.to_string(),
        why: "time".to_owned(),
        partner: None,
        parent: None,
    };
    // More than a page of every shard, and more items of each shard behind it.
    for n in 0..3_000 {
        assert_eq!(
            deployment.due.defer(&item(n, if n < 2_900 { "crm-update" } else { "order-price" })).now_or_never(),
            Some(Ok(()))
        );
    }
    let ports = ports(&deployment, RefusingQueue(MemoryQueues::default()));
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Err(_))), "the sweep reports the failure: {fired:?}");
    assert_eq!((ports.queues.0.take().len(), deployment.due.all().len()), (100, 2_900));
}

#[test]
fn f08_work_that_a_step_with_a_slow_clock_defers_to_the_same_time_again_is_not_lost() {
    let deployment = Deployment::new(1);
    let item = DueItem { due: deployment.clock.now(), ..waiting() };
    assert_eq!(deployment.due.defer(&item).now_or_never(), Some(Ok(())));
    let ports = ports(&deployment, MemoryQueues::default());
    // A step whose clock is behind could defer the work to the same time again; the sweep would then delete the new item.
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Ok(0))), "{fired:?}");
    let due = DueItem { due: due_now(&deployment), ..waiting() };
    assert_eq!(deployment.due.defer(&due).now_or_never(), Some(Ok(())));
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
fn each_tick_requests_the_next_one_up_to_the_last_of_its_minute() {
    let (deployment, queues) = (Deployment::new(1), MemoryQueues::default());
    let ports = ports(&deployment, queues.clone());
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
fn work_that_is_due_together_is_fired_in_the_order_of_its_events_over_all_shards() {
    let deployment = Deployment::new(1);
    let queues = MemoryQueues::default();
    let item = |n: i64| DueItem {
        due: due_now(&deployment),
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
    let ports = ports(&deployment, queues.clone());
    let fired = due_fire::handle(&ports, due_fire::LAST_TICK, &deployment.context("due-fire")).now_or_never();
    assert!(matches!(fired, Some(Ok(150))), "{fired:?}");
    let bodies: Vec<String> = queues.take().into_iter().map(|(_, body)| body).collect();
    assert!(bodies.is_sorted(), "{bodies:?}");
}
