//! Partners that answer badly, late or not at all.

use std::time::Duration;

use futures::future::join;
use serde_json::json;

use crate::support::{Faults, Goods, Order, ends_well, live, parked, submit, until};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b01_b02_when_every_reply_of_the_erp_and_the_warehouses_is_lost_once_everything_is_there_once() {
    let (live, order) = (live(), Order::new("lost", Goods::Both));
    let mut faults = Faults::new(&live, &order);
    for operation in ["allocation.create", "sales_order.create", "invoice.create"] {
        faults.script("erp", operation, &order, 1, json!({"kind": "lost_reply"})).await;
    }
    // Two packages: the goods issue of each is answered at the second attempt.
    faults.script("erp", "goods_issue.create", &order, 2, json!({"kind": "lost_reply"})).await;
    faults.script("eastco", "fulfillment.create", &order, 1, json!({"kind": "lost_reply"})).await;
    faults.script("shipwest", "fulfillment.create", &order, 1, json!({"kind": "lost_reply"})).await;
    submit(&live, &order).await;
    ends_well(&live, &order).await;
    assert_eq!(faults.applied().await, 7, "each reply was really lost");
    faults.mend().await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b01_calls_that_time_out_before_or_after_their_effect_are_repeated_and_done_once() {
    let (live, order) = (live(), Order::new("timeout", Goods::East));
    let mut faults = Faults::new(&live, &order);
    faults.script("erp", "allocation.create", &order, 1, json!({"kind": "timeout_before", "hold_ms": 4000})).await;
    faults.script("erp", "sales_order.create", &order, 1, json!({"kind": "timeout_after", "hold_ms": 4000})).await;
    faults.script("eastco", "fulfillment.create", &order, 1, json!({"kind": "timeout_after", "hold_ms": 4000})).await;
    submit(&live, &order).await;
    ends_well(&live, &order).await;
    assert_eq!(faults.applied().await, 3);
    faults.mend().await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_partner_that_is_down_for_a_while_delays_its_own_work_and_loses_none() {
    let live = live();
    let (without_erp, without_eastco) = (Order::new("no-erp", Goods::West), Order::new("no-eastco", Goods::Both));
    let mut erp = Faults::new(&live, &without_erp);
    erp.script("erp", "*", &without_erp, 1_000, json!({"kind": "down"})).await;
    let mut eastco = Faults::new(&live, &without_eastco);
    eastco.script("eastco", "*", &without_eastco, 1_000, json!({"kind": "down"})).await;
    join(submit(&live, &without_erp), submit(&live, &without_eastco)).await;
    let down = async |faults: Faults<'_>| {
        until("the outage is felt", async || (faults.applied().await > 0).then_some(())).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        faults.mend().await;
    };
    join(down(erp), down(eastco)).await;
    join(ends_well(&live, &without_erp), ends_well(&live, &without_eastco)).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f01_what_was_parked_is_redriven_twice_and_done_once() {
    let (live, order) = (live(), Order::new("redrive", Goods::East));
    let mut moved = Faults::new(&live, &order);
    let refusal = json!({"kind": "refuse", "status": 405, "code": "METHOD_NOT_ALLOWED", "reason": "moved"});
    moved.script("eastco", "fulfillment.create", &order, 1_000, refusal).await;
    let correlation = submit(&live, &order).await;
    let message = until("the work is parked", async || parked(&live, "fulfillment-request", &correlation).await).await;
    let told = &message["MessageAttributes"];
    assert_eq!(told["attempts"]["StringValue"], "1", "waiting does not help: {told}");
    assert_eq!(told["code"]["StringValue"], "PRT-005", "{told}");
    assert_eq!(told["stream"]["StringValue"], format!("order/{}", order.id), "{told}");
    moved.mend().await;
    let again = json!({"QueueUrl": live.queue("fulfillment-request").unwrap(), "MessageBody": message["Body"]});
    for _ in 0..2 {
        live.aws("AmazonSQS.SendMessage", &again).await.unwrap();
    }
    ends_well(&live, &order).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f16_work_at_a_partner_that_refuses_our_credentials_waits_and_is_done_once_it_takes_them() {
    let (live, order) = (live(), Order::new("credentials", Goods::West));
    let mut locked_out = Faults::new(&live, &order);
    locked_out.script("shipwest", "fulfillment.create", &order, 1_000, json!({"kind": "unauthorized"})).await;
    let correlation = submit(&live, &order).await;
    until("the credentials are refused", async || (locked_out.applied().await > 0).then_some(())).await;
    // Long enough for a message that is not deferred to be parked.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(parked(&live, "fulfillment-request", &correlation).await, None, "it waits for the right credentials");
    locked_out.mend().await;
    ends_well(&live, &order).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b24_a_429_is_waited_for_and_parks_nothing() {
    let live = live();
    let (at_erp, at_east, at_west) =
        (Order::new("429-erp", Goods::East), Order::new("429-east", Goods::East), Order::new("429-west", Goods::West));
    let limit = |seconds: &str| json!({"kind": "limit", "retry_after": seconds});
    let mut erp = Faults::new(&live, &at_erp);
    erp.script("erp", "sales_order.create", &at_erp, 1, limit("2")).await;
    let mut east = Faults::new(&live, &at_east);
    east.script("eastco", "fulfillment.create", &at_east, 1, limit("1")).await;
    let mut west = Faults::new(&live, &at_west);
    west.script("shipwest", "fulfillment.create", &at_west, 1, limit("3")).await;
    for order in [&at_erp, &at_east, &at_west] {
        submit(&live, order).await;
    }
    for (order, faults) in [(&at_erp, erp), (&at_east, east), (&at_west, west)] {
        ends_well(&live, order).await;
        assert_eq!(faults.applied().await, 1);
        faults.mend().await;
    }
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_warehouse_that_reports_late_twice_and_in_disorder_ends_in_the_same_state() {
    let (live, order) = (live(), Order::new("disorder", Goods::Both));
    for (partner, window) in [("eastco", 4), ("shipwest", 3)] {
        let when = json!({"operation": "webhook.*", "reference": order.references()});
        let reorder = json!({"kind": "reorder", "window": window, "flush_ms": 4000});
        live.fault(partner, &order.external, when.clone(), reorder).await.unwrap();
        live.fault(partner, &order.external, when, json!({"kind": "duplicate", "copies": 2})).await.unwrap();
    }
    submit(&live, &order).await;
    let detail = ends_well(&live, &order).await;
    assert_eq!(detail["open_reviews"].as_array().unwrap().len(), 0, "{detail}");
    for partner in ["eastco", "shipwest"] {
        live.mend(partner, &order.external).await.unwrap();
    }
}
