//! Running plans: order, looking again, leases, pauses, records.

use std::time::Duration;

use crate::dlq::apply::{Action, Options};
use crate::dlq::filter::Filter;
use crate::dlq::report::{End, Skipped};
use crate::dlq::tests::world::{World, options};

/// Two messages of one order and one of another.
fn three() -> World {
    let world = World::new();
    world.park_order("ord_a", 3, "PRT-002", "acme-erp is out of order");
    world.park_order("ord_b", 2, "PRT-002", "acme-erp is out of order");
    world.park_order("ord_a", 2, "PRT-002", "acme-erp is out of order");
    world
}

#[tokio::test]
async fn messages_of_an_order_go_in_the_order_of_their_commits() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    let report = world.apply(&plan, &options("ann")).await;
    assert_eq!((&report.end, report.done, report.left()), (&End::Finished, 3, 0));
    let sent = world.sent.borrow();
    let place = |id: &str| sent.iter().position(|body| body.contains(id)).unwrap();
    assert!(place("order/ord_a/2/0") < place("order/ord_a/3/0"));
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_the_same() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    let dry = world.apply(&plan, &Options { dry_run: true, ..options("ann") }).await;
    assert!(dry.dry_run);
    assert!(world.sent.borrow().is_empty() && world.records.borrow().is_empty());
    assert_eq!(world.parked().len(), 3);
    let real = world.apply(&plan, &options("ann")).await;
    assert_eq!((dry.done, dry.skipped), (real.done, real.skipped));
}

#[tokio::test]
async fn without_the_first_record_nothing_is_sent() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    world.audit_refuses.set(true);
    let report = world.apply(&plan, &options("ann")).await;
    assert!(matches!(&report.end, End::Broken(why) if why.contains("AccessDenied")), "{report:?}");
    assert!(world.sent.borrow().is_empty());
    assert_eq!(world.parked().len(), 3);
    world.audit_refuses.set(false);
    assert_eq!(world.apply(&plan, &options("ann")).await.done, 3, "the messages can be received at once");
}

#[tokio::test]
async fn of_two_operators_at_once_one_is_refused_and_nothing_is_doubled() {
    let world = World::new();
    for n in 0..50 {
        world.park_order(&format!("ord_{n}"), 2, "PRT-002", "acme-erp is out of order");
    }
    let plan = world.plan(&Filter::default()).await;
    let (anns, bobs) = (options("ann"), options("bob"));
    let (ann, bob) = tokio::join!(world.apply(&plan, &anns), world.apply(&plan, &bobs));
    world.step();
    assert_eq!((&ann.end, ann.done), (&End::Finished, 50));
    assert!(matches!(&bob.end, End::Leased { holder, .. } if holder == "ann run_ann"), "{bob:?}");
    assert_eq!(bob.done, 0);
    assert!(world.ledger.borrow().values().all(|count| *count == 1));
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_lapses() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    // Killed after the lease and the first record.
    world.kill_after.set(Some(3));
    let killed = world.apply(&plan, &options("ann")).await;
    assert!(matches!(killed.end, End::Broken(_)), "{killed:?}");
    world.revive(Duration::from_secs(1));
    let refused = world.apply(&plan, &options("bob")).await;
    assert!(matches!(&refused.end, End::Leased { holder, .. } if holder == "ann run_ann"), "{refused:?}");
    assert!(world.sent.borrow().is_empty());
    world.revive(Duration::from_secs(61));
    assert_eq!(world.apply(&plan, &options("bob")).await.done, 3);
}

#[tokio::test]
async fn a_stream_that_changed_since_the_plan_is_left() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    world.commit("ord_b");
    let report = world.apply(&plan, &options("ann")).await;
    assert_eq!((report.done, report.skipped[&Skipped::Changed].len()), (2, 1));
    assert_eq!(world.parked().len(), 1, "it stays in the queue");
    assert_eq!(
        world.apply(&world.plan(&Filter::default()).await, &options("ann")).await.done,
        1,
        "a new plan takes it"
    );
}

#[tokio::test]
async fn a_pause_stops_after_a_message_and_the_same_plan_goes_on() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    world.stop_after.set(Some(1));
    let paused = world.apply(&plan, &options("ann")).await;
    assert_eq!((&paused.end, paused.done), (&End::Paused, 1));
    world.stop_after.set(None);
    world.step();
    let rest = world.apply(&plan, &options("bob")).await;
    assert_eq!((&rest.end, rest.done, rest.done_before, rest.left()), (&End::Finished, 2, 1, 0), "{rest:?}");
    let again = world.apply(&plan, &options("bob")).await;
    assert_eq!((again.done, again.done_before), (0, 3), "a plan that is done does nothing");
}

#[tokio::test]
async fn the_rate_is_kept() {
    let world = World::new();
    for n in 0..20 {
        world.park_order(&format!("ord_{n}"), 2, "PRT-002", "acme-erp is out of order");
    }
    let plan = world.plan(&Filter::default()).await;
    let begun = crate::pace::Pace::now(&world);
    let slow = Options { rate: 2, canary: 0, ..options("ann") };
    assert_eq!(world.apply(&plan, &slow).await.done, 20);
    let took = crate::pace::Pace::now(&world).duration_since(begun);
    assert!(took.as_millis() >= 9_500, "{took:?}");
}

#[tokio::test]
async fn a_long_wait_for_the_canary_loses_neither_the_lease_nor_what_is_held() {
    let world = World::new();
    for n in 0..3 {
        world.park_delivery("eastco", &format!("msg_{n}"), "MSG-004", "a mapping was missing");
    }
    let plan = world.plan(&Filter::default()).await;
    let patient = Options { canary: 1, settle: Duration::from_secs(400), ..options("ann") };
    let report = world.apply(&plan, &patient).await;
    assert_eq!((&report.end, report.done), (&End::Finished, 3), "{report:?}");
    assert_eq!(world.most_received.get(), 2, "once for the plan, once for the run: a lapsed message is received again");
}

#[tokio::test]
async fn a_message_that_is_gone_is_reported() {
    let world = three();
    let plan = world.plan(&Filter::default()).await;
    assert_eq!(world.apply(&plan, &options("ann")).await.done, 3);
    let mut other = plan.clone();
    other.header.plan = "plan_other".to_owned();
    let report = world.apply(&other, &options("ann")).await;
    assert_eq!((report.done, report.skipped[&Skipped::Gone].len()), (0, 3));
}

#[tokio::test]
async fn discarded_work_that_is_due_is_reviewed_once_whenever_the_run_is_killed() {
    for kill_after in 0.. {
        let world = three();
        world.park_delivery("eastco", "msg_1", "MSG-004", "a mapping was missing");
        let plan = world.plan(&Filter::default()).await;
        let discard = Options { action: Action::Discard, ..options("ann") };
        world.kill_after.set(Some(kill_after));
        world.apply(&plan, &discard).await;
        let was_killed = world.kill_after.get() == Some(0);
        world.revive(Duration::from_secs(1));
        let report = world.apply(&plan, &discard).await;
        assert_eq!((&report.end, report.left()), (&End::Finished, 0), "killed after {kill_after}: {report:?}");
        assert_eq!(world.parked(), [""; 0]);
        assert_eq!(world.reviews.borrow().len(), 3, "one for each message whose work is due, none for the delivery");
        assert!(world.sent.borrow().is_empty());
        if !was_killed {
            return;
        }
    }
}
