//! Our own API: scopes, idempotency keys, lists.

use std::collections::BTreeSet;

use drive::live::{Answer, Live};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Goods, Order, found, live, once, reaches, until};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn an_order_of_the_api_exists_from_its_202_on_and_goes_all_the_way() {
    let (live, order) = (live(), Order::of("portal", "api", Goods::West));
    let answer = post(&live, &order.external, &order.data).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.body["id"], *order.id);
    assert!(found(&live, &order).await.is_some(), "a 202 is never followed by a 404");
    let timeline = format!("{}/timeline", answer.body["status_url"].as_str().unwrap());
    assert_eq!(live.api(Some("portal"), &timeline).await.unwrap().status, 200);
    let detail = reaches(&live, &order, "invoiced").await;
    once(&live, &order, &detail).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_repeated_idempotency_key_answers_the_same_order_and_with_other_content_409() {
    let (live, order) = (live(), Order::of("portal", "key", Goods::East));
    let answers = join_all((0..20).map(|_| post(&live, &order.external, &order.data))).await;
    let odd: Vec<&Answer> = answers.iter().filter(|it| it.status != 202 || it.body["id"] != *order.id).collect();
    assert!(odd.is_empty(), "twenty at once are one order: {odd:?}");

    let other = Order::of("portal", "key-other", Goods::East);
    let reused = post(&live, &order.external, &other.data).await;
    assert_eq!((reused.status, &reused.body["code"]), (409, &json!("KEY_REUSED")), "{}", reused.body);
    assert!(found(&live, &other).await.is_none(), "nothing was stored");

    let mut changed = order.data.clone();
    changed["lines"][0]["quantity"] = json!("2");
    let conflicting = post(&live, &format!("{}-again", order.external), &changed).await;
    assert_eq!(conflicting.status, 409, "the order exists with other content: {}", conflicting.body);
    let detail = reaches(&live, &order, "invoiced").await;
    assert_eq!(detail["lines"][0]["ordered"]["amount"], "3", "the first one stands");
    once(&live, &order, &detail).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn reading_and_ordering_need_a_token_with_the_scope() {
    let (live, order) = (live(), Order::of("portal", "scopes", Goods::East));
    let body = order.data.to_string();
    let reader = live.submit(Some("reader"), Some(&order.external), body.as_bytes()).await.unwrap();
    assert_eq!((reader.status, &reader.body["code"]), (403, &json!("SCOPE_MISSING")), "{}", reader.body);
    let nobody = live.submit(None, Some(&order.external), body.as_bytes()).await.unwrap();
    assert!([401, 403].contains(&nobody.status), "{}", nobody.status);
    for path in ["/v1/orders?status=invoiced".to_owned(), format!("/v1/orders/{}", order.id)] {
        let nobody = live.api(None, &path).await.unwrap();
        assert!([401, 403].contains(&nobody.status), "{path}: {}", nobody.status);
        let stranger = live.api_as("no-such-token", &path).await.unwrap();
        assert!([401, 403].contains(&stranger.status), "{path}: {}", stranger.status);
    }
    assert!(found(&live, &order).await.is_none());
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_body_that_is_no_order_gets_a_problem_that_names_the_places() {
    let (live, order) = (live(), Order::of("portal", "invalid", Goods::East));
    let mut wrong = order.data.clone();
    wrong["currency"] = json!("DOLLARS");
    wrong["lines"][0]["quantity"] = json!("-1");
    wrong["surprise"] = json!(true);
    let answer = post(&live, &order.external, &wrong).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(answer.content_type.starts_with("application/problem+json"), "{}", answer.content_type);
    let places = answer.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
    let places: BTreeSet<&str> = places.collect();
    assert!(places.contains("/currency") && places.contains("/lines/0/quantity"), "{places:?}");
    for (key, body) in [(None, order.data.to_string()), (Some("key"), "{\"half\":".to_owned())] {
        assert_eq!(live.submit(Some("portal"), key, body.as_bytes()).await.unwrap().status, 400);
    }
    let unknown = Order::of("portal", "never", Goods::East);
    for (path, status) in [
        (format!("/v1/orders/{}", unknown.id), 404),
        ("/v1/orders/not-an-id".to_owned(), 400),
        ("/v1/orders?status=lost".to_owned(), 400),
        ("/v1/orders?status=invoiced&limit=0".to_owned(), 400),
        ("/v1/orders?status=invoiced&cursor=nonsense".to_owned(), 400),
    ] {
        let answer = live.api(Some("reader"), &path).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.content_type.starts_with("application/problem+json"), "{path}: {}", answer.content_type);
    }
    assert!(found(&live, &order).await.is_none());
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_list_by_status_comes_in_pages_that_miss_nothing_and_repeat_nothing() {
    let live = live();
    let mut orders: Vec<Order> = (0..5).map(|n| Order::of("portal", &format!("page{n}"), Goods::East)).collect();
    for order in &mut orders {
        // No test decides these reviews, so that the orders keep their status.
        order.data["customer"]["id"] = json!("C-POOR-1");
        assert_eq!(post(&live, &order.external, &order.data).await.status, 202);
    }
    for order in &orders {
        let detail = reaches(&live, order, "credit_refused").await;
        assert_eq!(detail["open_reviews"].as_array().unwrap().len(), 1, "{detail}");
    }
    let wanted: BTreeSet<String> = orders.iter().map(|order| order.id.clone()).collect();
    // The view is a moment behind the journal.
    until("all are listed", async || {
        let listed = pages(&live, "credit_refused", 2).await;
        let ids: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(ids.len(), listed.len(), "a page repeats what another has: {listed:?}");
        wanted.is_subset(&ids).then_some(())
    })
    .await;
    let elsewhere = pages(&live, "submitted", 200).await;
    assert!(elsewhere.iter().all(|id| !wanted.contains(id)), "an order stands in one list only");
}

/// The ids of all orders of a status, newest first, by pages of `limit`.
async fn pages(live: &Live, status: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer =
            live.api(Some("reader"), &format!("/v1/orders?status={status}&limit={limit}{cursor}")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let orders = answer.body["orders"].as_array().unwrap();
        assert!(orders.len() <= limit);
        assert!(orders.iter().all(|order| order["status"] == status), "{orders:?}");
        ids.extend(orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

async fn post(live: &Live, key: &str, data: &Value) -> Answer {
    live.submit(Some("portal"), Some(key), data.to_string().as_bytes()).await.unwrap()
}
