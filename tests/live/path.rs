//! The happy path.

use drive::live::Live;
use serde_json::{Value, json};

use crate::support::{Goods, Order, ends_well, events, live, submit, until};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn an_order_for_one_warehouse_is_invoiced_and_once_in_every_ledger() {
    let (live, order) = (live(), Order::new("single", Goods::East));
    let correlation = submit(&live, &order).await;
    let detail = ends_well(&live, &order).await;
    one_correlation(&live, &order, &correlation).await;
    assert_eq!(warehouses(&detail), ["eastco"]);
    assert_eq!(detail["open_reviews"].as_array().unwrap().len(), 0, "{detail}");
    passed(&live, &order).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b08_b16_an_order_of_cases_and_eaches_is_split_over_both_warehouses_and_comes_together_again() {
    let (live, order) = (live(), Order::new("split", Goods::Both));
    submit(&live, &order).await;
    let detail = ends_well(&live, &order).await;
    assert_eq!(warehouses(&detail), ["eastco", "shipwest"]);
    let ordered: Vec<&Value> =
        detail["lines"].as_array().unwrap().iter().map(|line| &line["ordered"]["amount"]).collect();
    assert_eq!(ordered, ["12", "5"], "a case is twelve eaches");
    for line in detail["lines"].as_array().unwrap() {
        assert_eq!(line["ordered"], line["shipped"]);
        assert_eq!(line["ordered"], line["delivered"]);
    }
    passed(&live, &order).await;
}

fn warehouses(detail: &Value) -> Vec<&str> {
    let fulfillments = detail["fulfillments"].as_array().unwrap();
    let mut names: Vec<&str> =
        fulfillments.iter().map(|fulfillment| fulfillment["warehouse"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Every entry of the timeline has the correlation id of the CRM's webhook, and those that a warehouse's webhook caused name it.
async fn one_correlation(live: &Live, order: &Order, correlation: &str) {
    let timeline = live.api(Some("reader"), &format!("/v1/orders/{}/timeline", order.id)).await.unwrap();
    let entries = timeline.body["entries"].as_array().unwrap();
    for entry in entries {
        assert_eq!(entry["correlation_id"], correlation, "{entry}");
    }
    let caused = |event: &str| entries.iter().any(|entry| entry["event"] == event && entry["caused_by"].is_string());
    assert!(caused("fulfillment.milestone_recorded") && caused("fulfillment.package_packed"), "{entries:?}");
    assert!(!caused("order.priced"), "{entries:?}");
}

/// The timeline has every event that an order must have, in their only possible order.
async fn passed(live: &Live, order: &Order) {
    let stations = [
        "order.submitted",
        "order.priced",
        "order.released",
        "order.routed",
        "fulfillment.opened",
        "fulfillment.accepted",
        "fulfillment.milestone_recorded",
        "fulfillment.goods_issued",
        "order.invoiced",
    ];
    let events = events(live, order).await;
    let mut rest = events.iter();
    for station in stations {
        assert!(rest.any(|event| event == station), "{station} is not where it should be in {events:?}");
    }
    for parallel in ["order.credit_approved", "order.allocated"] {
        assert!(events.iter().any(|event| event == parallel), "no {parallel} in {events:?}");
    }
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b53_a_sweep_on_demand_reads_every_list_with_the_rights_that_it_has() {
    let live = live();
    let again = json!({"QueueUrl": live.queue("work-sweep").unwrap(), "MessageBody": "\"again\""});
    live.aws("AmazonSQS.SendMessage", &again).await.unwrap();
    // What it may not do stays in its queue.
    let asked = json!({"QueueUrl": live.queue("work-sweep").unwrap(), "AttributeNames": ["All"]});
    until("all lists are read, and the queue is empty", async || {
        let counted = live.calls(false).await.unwrap();
        let function = format!("{}work-sweep", live.function_prefix());
        let read = counted[function.as_str()]["calls"]["dynamodb.Query"].as_u64().unwrap_or_default();
        let told = live.aws("AmazonSQS.GetQueueAttributes", &asked).await.unwrap();
        let left = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let is_empty = left.iter().all(|count| told["Attributes"][*count] == "0");
        (read >= 16 && is_empty).then_some(())
    })
    .await;
}
