//! Looking: passes, groups, filters, plans.

use std::time::Duration;

use clap::Parser;

use crate::dlq::filter::Filter;
use crate::dlq::group::{By, Groups, MOST};
use crate::dlq::letter::Work;
use crate::dlq::pass::{Then, WINDOW, pass};
use crate::dlq::plan::Plan;
use crate::dlq::tests::world::{QUEUE, World};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    filter: Filter,
}

pub(super) fn filter(arguments: &[&str]) -> Filter {
    Arguments::try_parse_from(["dlq"].iter().chain(arguments)).unwrap().filter
}

/// A queue as after a bad morning: three causes, two partners, a crash.
fn mixed() -> World {
    let world = World::new();
    for n in 0..3 {
        world.park_order(&format!("ord_{n}"), 2, "PRT-002", &format!("acme-erp is out of order: 503 for request {n}"));
        world.park_delivery(
            "eastco",
            &format!("msg_{n}"),
            "MSG-004",
            &format!("/lines/{n}/sku: SKU-{n} has no mapping"),
        );
    }
    world.park_order("ord_9", 4, "none", "");
    world
}

async fn letters(world: &World, filter: &Filter) -> Vec<String> {
    let mut matching = Vec::new();
    let visit = |letter: crate::dlq::letter::DeadLetter| {
        if filter.matches(&letter) {
            matching.push(letter.stream);
        }
        Then::GiveBack
    };
    pass(world, QUEUE, None, visit, |_, _| {}).await.unwrap();
    matching
}

#[tokio::test]
async fn a_pass_sees_each_message_once_and_gives_all_back() {
    let world = mixed();
    let mut seen = 0;
    let count = |_| {
        seen += 1;
        Then::GiveBack
    };
    let passed = pass(&world, QUEUE, None, count, |_, _| {}).await.unwrap();
    assert_eq!((seen, passed.seen, passed.depth, passed.complete), (7, 7, 7, true));
    assert_eq!(letters(&world, &Filter::default()).await.len(), 7, "all can be received again, without any wait");
}

#[tokio::test]
async fn a_pass_does_not_call_itself_complete_while_another_holds_messages() {
    let world = mixed();
    let held = crate::dlq::ports::Queues::receive(&world, QUEUE, Duration::from_secs(60)).await.unwrap();
    assert!(!held.is_empty());
    let passed = pass(&world, QUEUE, None, |_| Then::GiveBack, |_, _| {}).await.unwrap();
    assert!(!passed.complete, "{passed:?}");
}

#[tokio::test]
async fn a_pass_that_has_enough_gives_back_what_it_held() {
    let world = mixed();
    let passed = pass(&world, QUEUE, None, |_| Then::Enough, |_, _| {}).await.unwrap();
    assert_eq!(passed.seen, 1);
    assert_eq!(letters(&world, &Filter::default()).await.len(), 7);
}

#[tokio::test]
async fn messages_are_grouped_by_cause_partner_function_and_order() {
    let world = mixed();
    let keys = async |by: By| {
        let mut groups = Groups::new(by);
        let add = |letter| {
            groups.add(&letter);
            Then::GiveBack
        };
        pass(&world, QUEUE, None, add, |_, _| {}).await.unwrap();
        groups.into_groups().into_iter().map(|group| (group.count, group.key)).collect::<Vec<_>>()
    };
    let by_cause = keys(By::Cause).await;
    assert_eq!(by_cause[0], (3, "MSG-004 /lines/#/sku: … has no mapping".to_owned()));
    assert_eq!(by_cause[1], (3, "PRT-002 acme-erp is out of order: … for request …".to_owned()));
    assert_eq!(by_cause[2].0, 1);
    assert!(by_cause[2].1.starts_with("none its function crashed"), "{by_cause:?}");
    let (erp, east) = ((3, "acme-erp".to_owned()), (3, "eastco".to_owned()));
    assert_eq!(keys(By::Partner).await, [erp, east, (1, "(none)".to_owned())]);
    assert_eq!(keys(By::Function).await, [(7, "order-price".to_owned())]);
    assert_eq!(keys(By::Order).await.len(), 5);
}

#[tokio::test]
async fn filters_select_by_cause_partner_order_time_attempts_and_body() {
    let world = mixed();
    for (arguments, count) in [
        (&["--cause", "MSG-004"][..], 3),
        (&["--cause", "SKU-2"], 1),
        (&["--cause", "none"], 1),
        (&["--partner", "acme-erp"], 3),
        (&["--order", "ord_9"], 1),
        (&["--since", "2026-03-02T12:00:00Z"], 7),
        (&["--until", "2026-03-02T12:00:00Z"], 0),
        (&["--attempts", "1"], 6),
        (&["--body", "/detail/data/delivery=msg_1"], 1),
        (&["--cause", "MSG-004", "--partner", "acme-erp"], 0),
    ] {
        assert_eq!(letters(&world, &filter(arguments)).await.len(), count, "{arguments:?}");
    }
    for bad in [["--since", "soon"], ["--body", "data=1"]] {
        assert!(Arguments::try_parse_from(["dlq"].iter().chain(&bad)).is_err(), "{bad:?}");
    }
    assert_eq!(filter(&["--cause", "MSG-004", "--partner", "eastco"]).describe(), "cause MSG-004, partner eastco");
}

/// Memory is bounded by what is held and by the number of groups; time by a constant number of calls for ten messages.
#[tokio::test]
async fn a_hundred_thousand_messages_are_grouped_in_windows_with_progress() {
    const MESSAGES: u64 = 100_000;
    let world = World::new();
    for n in 0..MESSAGES {
        world.park_delivery("eastco", &format!("msg_{n}"), "MSG-004", &format!("cause {}", n % 7));
    }
    let mut groups = Groups::new(By::Cause);
    let mut told = Vec::new();
    let add = |letter| {
        groups.add(&letter);
        Then::GiveBack
    };
    let begun = std::time::Instant::now();
    let passed = pass(&world, QUEUE, None, add, |seen, of| told.push((seen, of))).await.unwrap();
    assert!(passed.complete);
    assert_eq!(passed.seen, MESSAGES);
    let groups = groups.into_groups();
    assert_eq!(groups.len(), 1, "the number is no part of the cause");
    assert_eq!(groups[0].count, MESSAGES);
    assert!(world.most_held.get() < WINDOW + 100, "held {}", world.most_held.get());
    assert!(world.calls.get() < MESSAGES / 10 + 500, "{} calls", world.calls.get());
    assert!(told.len() > 1_000 && told.is_sorted(), "progress is told all the time");
    assert!(begun.elapsed() < Duration::from_secs(60), "took {:?}", begun.elapsed());
}

#[tokio::test]
async fn the_number_of_groups_is_bounded() {
    let world = World::new();
    for n in 0..MOST + 50 {
        world.park_order(&format!("ord_{n}"), 2, "PRT-002", "acme-erp is out of order");
    }
    let mut groups = Groups::new(By::Order);
    let add = |letter| {
        groups.add(&letter);
        Then::GiveBack
    };
    pass(&world, QUEUE, None, add, |_, _| {}).await.unwrap();
    let groups = groups.into_groups();
    assert_eq!((groups.len(), groups[0].key.as_str(), groups[0].count), (MOST + 1, "(others)", 50));
}

#[tokio::test]
async fn a_plan_says_what_is_due_and_survives_its_file() {
    let world = mixed();
    world.park_order("ord_0", 7, "PRT-002", "acme-erp is out of order");
    let plan = world.plan(&Filter::default()).await;
    let of = |stream: &str| plan.entries.iter().filter(|entry| entry.stream == stream).collect::<Vec<_>>();
    let versions: Vec<_> = of("order/ord_0").iter().map(|entry| entry.event_version).collect();
    assert_eq!(versions, [Some(2), Some(7)], "an order's messages are in the order of their commits");
    assert_eq!((of("order/ord_0")[0].work, of("order/ord_0")[0].stream_version), (Work::Due, 7));
    assert_eq!(of("delivery/eastco/msg_1")[0].work, Work::Unknown);
    let mut file = Vec::new();
    plan.write(&mut file).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    assert_eq!(text.lines().count(), 9, "the header, and a line for each message");
    assert!(!text.contains("correlationid"), "a plan has no bodies");
    assert_eq!(Plan::read(file.as_slice()).unwrap(), plan);
    let shorter: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert_eq!(Plan::read(shorter.as_bytes()).unwrap().entries.len(), 2, "a reviewer may delete lines");
    assert!(Plan::read("{}".as_bytes()).is_err());
    assert!(Plan::read(text.replace("\"format\":1", "\"format\":2").as_bytes()).unwrap_err().contains("format 2"));
}

#[tokio::test]
async fn a_part_of_a_plan_never_divides_an_order() {
    let world = World::new();
    for order in 0..4 {
        for version in 2..5 {
            world.park_order(&format!("ord_{order}"), version, "PRT-002", "acme-erp is out of order");
        }
    }
    let plan = world.plan(&Filter::default()).await;
    let sizes = |size| plan.parts(size).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(7), [6, 6]);
    assert_eq!(sizes(1), [3, 3, 3, 3], "an order that is larger than a part is a part of its own");
    assert_eq!(sizes(100), [12]);
}
