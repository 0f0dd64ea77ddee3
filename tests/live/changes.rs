//! Change requests and decisions through our own API.

use drive::live::{Answer, Live};
use serde_json::{Value, json};

use crate::support::{Goods, Order, effects, ends_well, events, live, once, reaches, submit, until};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b07_b27_a_held_order_is_amended_by_the_api_and_ships_as_amended() {
    let (live, order) = (live(), placed("amend", "C-100").await);
    let held = desired(&live, &order, "hold", &json!({"reason": "the customer is thinking"})).await;
    assert_eq!(held.status, 202, "{}", held.body);
    reaches(&live, &order, "on_hold").await;
    let mut amendment = order.data.clone();
    amendment["lines"][0]["quantity"] = json!("2");
    amendment["reason"] = json!("two will do");
    let amended = desired(&live, &order, "amend", &amendment).await;
    assert_eq!(amended.status, 202, "{}", amended.body);
    let released = desired(&live, &order, "release-hold", &json!({"reason": "they have thought"})).await;
    assert_eq!(released.status, 202, "{}", released.body);
    let detail = reaches(&live, &order, "invoiced").await;
    assert_eq!(detail["lines"][0]["ordered"]["amount"], "2", "{detail}");
    assert_eq!(detail["lines"][0]["delivered"]["amount"], "2", "{detail}");
    let late = desired(&live, &order, "cancel", &json!({"reason": "too late"})).await;
    assert_eq!((late.status, &late.body["code"]), (409, &json!("ORDER_CLOSED")), "{}", late.body);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b04_b27_an_order_that_is_cancelled_by_the_api_leaves_nothing_at_any_partner() {
    let (live, order) = (live(), placed("cancel", "C-100").await);
    let cancelled = desired(&live, &order, "cancel", &json!({"reason": "changed their mind"})).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    reaches(&live, &order, "cancelled").await;
    let effects = effects(&live, &order).await;
    let count = |kind: &str| effects.iter().filter(|(name, _)| name.ends_with(kind)).map(|(_, n)| n).sum::<u64>();
    for (made, undone) in [
        ("/allocation", "/allocation_deallocated"),
        ("/sales_order", "/sales_order_cancelled"),
        ("/fulfillment", "/fulfillment_cancelled"),
    ] {
        assert_eq!(count(made), count(undone), "{made}: {effects:?}");
    }
    assert_eq!((count("/goods_issue"), count("/invoice")), (0, 0), "{effects:?}");
    assert!(events(&live, &order).await.iter().any(|event| event == "order.cancel_requested"));
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn b27_a_cancel_by_the_crm_and_a_cancel_by_the_api_are_one() {
    let (live, order) = (live(), Order::new("cancel-crm", Goods::East));
    submit(&live, &order).await;
    let told = json!({"type": "order.cancelled", "timestamp": jiff::Timestamp::now().to_string(),
        "data": {"id": order.external, "reason": "changed their mind"}});
    let id = format!("msg-cancel-{}", order.external);
    assert_eq!(crate::support::send(&live, &id, told.to_string().as_bytes()).await.status, 202);
    reaches(&live, &order, "cancelled").await;
    let again = desired(&live, &order, "cancel", &json!({"reason": "by telephone, too"})).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("ALREADY_CANCELLED")), "{}", again.body);
    let asked = events(&live, &order).await.into_iter().filter(|event| event == "order.cancel_requested");
    assert_eq!(asked.count(), 1);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_refused_credit_is_on_the_worklist_until_an_operator_decides() {
    let (live, order) = (live(), placed("poor", "C-POOR-LIVE").await);
    reaches(&live, &order, "credit_refused").await;
    let review = until("the review is listed", async || {
        let page = live.api(Some("portal"), "/v1/reviews?limit=100").await.unwrap();
        assert_eq!(page.status, 200, "{}", page.body);
        let ours = |review: &&Value| review["id"].as_str().is_some_and(|id| id.starts_with(&order.id));
        page.body["reviews"].as_array().unwrap().iter().find(ours).cloned()
    })
    .await;
    assert_eq!(
        (&review["kind"], &review["options"]),
        (&json!("credit_refused"), &json!(["approve", "retry", "cancel"]))
    );
    assert!(review["decide_by"].is_string(), "{review}");
    let path = format!("/v1/reviews/{}/decision", review["id"].as_str().unwrap());
    let decide = async |client: &str, key: &str, choice: &str| {
        let body = json!({"choice": choice, "note": "paid in advance"});
        live.post(Some(client), &path, Some(key), body.to_string().as_bytes()).await.unwrap()
    };
    assert_eq!(decide("reader", &order.external, "approve").await.status, 403, "reading is not deciding");
    let wrong = decide("portal", &format!("{}-wrong", order.external), "recall").await;
    assert_eq!((wrong.status, &wrong.body["code"]), (409, &json!("CHOICE_NOT_OFFERED")), "{}", wrong.body);
    for _ in 0..2 {
        assert_eq!(decide("portal", &order.external, "approve").await.status, 202, "asked again, it answers the same");
    }
    let detail = reaches(&live, &order, "invoiced").await;
    once(&live, &order, &detail).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a_change_request_of_the_crm_that_arrives_before_its_order_waits_for_the_order() {
    let (live, order) = (live(), Order::new("early", Goods::East));
    let tell = async |kind: &str, reason: &str| {
        let told = json!({"type": kind, "timestamp": jiff::Timestamp::now().to_string(),
            "data": {"id": order.external, "reason": reason}});
        let id = format!("msg-{}-{}", kind.replace('.', "-"), order.external);
        assert_eq!(crate::support::send(&live, &id, told.to_string().as_bytes()).await.status, 202);
    };
    tell("order.held", "not yet").await;
    submit(&live, &order).await;
    reaches(&live, &order, "on_hold").await;
    // b33: only the CRM releases its own hold.
    let released = desired(&live, &order, "release-hold", &json!({"reason": "now"})).await;
    assert_eq!((released.status, &released.body["code"]), (409, &json!("HELD_BY_OTHERS")), "{}", released.body);
    tell("order.hold_released", "now").await;
    ends_well(&live, &order).await;
}

/// An accepted order of the API's client for this customer.
async fn placed(test: &str, customer: &str) -> Order {
    let mut order = Order::of("portal", test, Goods::East);
    order.data["customer"]["id"] = json!(customer);
    let body = order.data.to_string();
    let answer = live().post(Some("portal"), "/v1/orders", Some(&order.external), body.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    order
}

async fn desired(live: &Live, order: &Order, change: &str, body: &Value) -> Answer {
    let (path, key) = (format!("/v1/orders/{}/{change}", order.id), format!("{change}-{}", order.external));
    live.post(Some("portal"), &path, Some(&key), body.to_string().as_bytes()).await.unwrap()
}
