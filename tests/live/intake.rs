//! Webhooks: who is accepted, what is stored, what the sender is answered.

use drive::live::{Answer, Live, Webhook};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{
    Goods, Order, effects, ends_well, events, found, live, parked, reaches, send, submit, unique, until,
};

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a01_fifty_copies_of_one_webhook_at_once_make_one_order() {
    let (live, order) = (live(), Order::new("a01", Goods::East));
    let (id, body) = (format!("msg-{}", order.external), order.body());
    let answers = join_all((0..50).map(|_| send(&live, &id, &body))).await;
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 202).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert!(answers.iter().all(|answer| answer.body["delivery"] == *id), "every copy gets the same answer");
    ends_well(&live, &order).await;
    let submitted = events(&live, &order).await.iter().filter(|event| *event == "order.submitted").count();
    assert_eq!((submitted, kept(&live, &id).await), (1, 1));
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a02_of_two_bodies_under_one_delivery_id_the_first_is_stored_and_the_second_is_reviewed() {
    let (live, order) = (live(), Order::new("a02", Goods::East));
    let id = format!("msg-{}", order.external);
    assert_eq!(send(&live, &id, &order.body()).await.status, 202);
    reaches(&live, &order, "invoiced").await;
    let mut other = order.clone();
    other.data["lines"][0]["quantity"] = json!("2");
    assert_eq!(send(&live, &id, &other.body()).await.status, 202);
    until("the other content is noticed", async || {
        events(&live, &order).await.contains(&"order.submission_conflicted".to_owned()).then_some(())
    })
    .await;
    let detail = found(&live, &order).await.unwrap();
    assert_eq!(detail["lines"][0]["ordered"]["amount"], "3", "the first one stands");
    assert_eq!(detail["open_reviews"].as_array().unwrap().len(), 1, "{}", detail["open_reviews"]);
    assert_eq!(effects(&live, &order).await.get(&format!("erp/{}/sales_order", order.id)), Some(&1));
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a03_the_same_order_under_two_delivery_ids_is_one_order() {
    let (live, order) = (live(), Order::new("a03", Goods::West));
    let body = order.body();
    let ids = [format!("msg-{}-a", order.external), format!("msg-{}-b", order.external)];
    let answers = join_all(ids.iter().map(|id| send(&live, id, &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    let detail = ends_well(&live, &order).await;
    assert_eq!(detail["open_reviews"].as_array().unwrap().len(), 0, "{detail}");
    for id in &ids {
        assert_eq!(kept(&live, id).await, 1, "both deliveries are evidence");
    }
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a04_a_wrong_signature_or_one_changed_byte_gets_401_and_nothing_is_stored() {
    let (live, order) = (live(), Order::new("a04", Goods::East));
    let (id, body) = (format!("msg-{}", order.external), order.body());
    let secrets = live.signing("acme-crm").unwrap();
    let webhook = Webhook { partner: "acme-crm", id: &id, body: &body };

    let stranger = webhook.headers(&["whsec_bm90IHRoZSBzZWNyZXQgb2YgYW55Ym9keQ==".to_owned()], Timestamp::now());
    refused(&live.webhook("acme-crm", &stranger, &body).await.unwrap(), 401);

    let mut changed = body.clone();
    let last = changed.len() - 2;
    changed[last] ^= 1;
    refused(&live.webhook("acme-crm", &webhook.headers(&secrets, Timestamp::now()), &changed).await.unwrap(), 401);

    let mut other_id = webhook.headers(&secrets, Timestamp::now());
    other_id[1].1 = format!("{id}-other");
    refused(&live.webhook("acme-crm", &other_id, &body).await.unwrap(), 401);

    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = webhook.headers(&secrets, Timestamp::now());
        headers.retain(|(name, _)| *name != missing);
        refused(&live.webhook("acme-crm", &headers, &body).await.unwrap(), 401);
    }
    // Another partner's secret is refused, too.
    let easts = webhook.headers(&live.signing("eastco").unwrap(), Timestamp::now());
    refused(&live.webhook("acme-crm", &easts, &body).await.unwrap(), 401);

    assert_eq!((kept(&live, &id).await, kept(&live, &format!("{id}-other")).await), (0, 0));
    assert!(found(&live, &order).await.is_none());
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a05_a_timestamp_beyond_five_minutes_is_refused_in_both_directions() {
    let (live, order) = (live(), Order::new("a05", Goods::East));
    let (id, body) = (format!("msg-{}", order.external), order.body());
    let secrets = live.signing("acme-crm").unwrap();
    for seconds in [-320, 320] {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        let headers = Webhook { partner: "acme-crm", id: &id, body: &body }.headers(&secrets, at);
        refused(&live.webhook("acme-crm", &headers, &body).await.unwrap(), 401);
    }
    assert_eq!(kept(&live, &id).await, 0);
    let at = Timestamp::now() - SignedDuration::from_secs(240);
    let headers = Webhook { partner: "acme-crm", id: &id, body: &body }.headers(&secrets, at);
    assert_eq!(
        live.webhook("acme-crm", &headers, &body).await.unwrap().status,
        202,
        "four minutes are within the window"
    );
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a06_while_a_secret_is_rotated_both_are_good_and_a_third_is_not() {
    let live = live();
    let new = format!("whsec_{}", "bmV3IHNlY3JldCBmb3IgYSByb3RhdGlvbiB0ZXN0");
    let secret = format!("{}/webhook/acme-crm", live.output("SecretsPrefix").unwrap());
    let held = live.aws("secretsmanager.GetSecretValue", &json!({"SecretId": secret})).await.unwrap();
    let held = held["SecretString"].as_str().unwrap().to_owned();
    let old = live.signing("acme-crm").unwrap();
    let mut rotating: Value = serde_json::from_str(&held).unwrap();
    rotating["signing"].as_array_mut().unwrap().insert(0, json!(new));
    put_secret(&live, &secret, &rotating.to_string()).await;

    let sent = async |secrets: &[String]| {
        let order = Order::new("a06", Goods::East);
        let (id, body) = (format!("msg-{}", order.external), order.body());
        let headers = Webhook { partner: "acme-crm", id: &id, body: &body }.headers(secrets, Timestamp::now());
        live.webhook("acme-crm", &headers, &body).await.unwrap().status
    };
    // A process that just read the old secret reads again after ten seconds; senders retry what was refused.
    until("the new secret is noticed", async || (sent(std::slice::from_ref(&new)).await == 202).then_some(())).await;
    assert_eq!(sent(&old).await, 202);
    assert_eq!(sent(&[old[0].clone(), new.clone()]).await, 202, "a sender that rotates signs with both");
    assert_eq!(sent(&["whsec_bmVpdGhlciBvbGQgbm9yIG5ldywgYnV0IGEgdGhpcmQ=".to_owned()]).await, 401);
    put_secret(&live, &secret, &held).await;
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn a07_a_byte_order_mark_is_part_of_what_was_signed_and_no_obstacle() {
    let (live, order) = (live(), Order::new("a07", Goods::East));
    let body = [b"\xEF\xBB\xBF".as_slice(), &order.body()].concat();
    let id = format!("msg-{}", order.external);
    assert_eq!(send(&live, &id, &body).await.status, 202);
    ends_well(&live, &order).await;
    let items = live.query("DeliveriesTable", "delivery", &format!("acme-crm/{id}")).await.unwrap();
    let stored = items[0]["body"]["B"].as_str().unwrap();
    assert!(stored.starts_with("77u/"), "the raw bytes are kept, mark and all: {}", &stored[..8]);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn malformed_oversized_and_non_utf8_bodies_get_a_problem_document_and_store_nothing() {
    let live = live();
    let order = Order::new("bodies", Goods::East);
    let mut latin1 = order.body();
    let name = latin1.windows(3).position(|window| window == b"Ada").unwrap();
    latin1[name] = 0xC4;
    let whole = order.body();
    let noise: Vec<u8> = (0..=255).collect();
    let large = format!("{{\"filler\":\"{}\"}}", "x".repeat(300_000)).into_bytes();
    // The gateway passes text on as text, which would change these bytes. Sent as binary they arrive as signed.
    let (text, bytes) = ("application/json", "application/octet-stream");
    let cases: [(&str, &str, &[u16], &[u8]); 8] = [
        ("nothing", text, &[400], b""),
        ("half", text, &[400], &whole[..whole.len() / 2]),
        ("two", text, &[400], &[whole.clone(), whole.clone()].concat()),
        ("large", text, &[413], &large),
        ("latin1", bytes, &[400], &latin1),
        ("noise", bytes, &[400], &noise),
        ("latin1", text, &[400, 401], &latin1),
        ("noise", text, &[400, 401], &noise),
    ];
    let secrets = live.signing("acme-crm").unwrap();
    for (name, content_type, statuses, body) in cases {
        let id = unique(name);
        let mut headers = Webhook { partner: "acme-crm", id: &id, body }.headers(&secrets, Timestamp::now());
        headers[0].1 = content_type.to_owned();
        let answer = live.webhook("acme-crm", &headers, body).await.unwrap();
        assert!(statuses.contains(&answer.status), "{name} as {content_type}: {} {}", answer.status, answer.body);
        refused(&answer, answer.status);
        assert_eq!(kept(&live, &id).await, 0, "{name}");
    }
    let answer = live.signed(&Webhook { partner: "acme-crm", id: "", body: b"{}" }).await.unwrap();
    refused(&answer, 401);
    let unknown = live.webhook("no-partner", &[], b"{}").await.unwrap();
    refused(&unknown, 401);
}

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f03_a_delivery_that_is_no_order_is_stored_and_parked_with_its_cause_while_others_continue() {
    let (live, order) = (live(), Order::new("f03", Goods::East));
    let mut poison = order.clone();
    poison.data["lines"] = json!([]);
    let id = format!("msg-{}-poison", order.external);
    let answer = send(&live, &id, &poison.body()).await;
    assert_eq!(answer.status, 202, "it is evidence: {}", answer.body);
    submit(&live, &order).await;
    ends_well(&live, &order).await;
    let correlation = answer.body["correlation_id"].as_str().unwrap();
    let parked = until("the poison is parked", async || parked(&live, "order-import", correlation).await).await;
    let told = &parked["MessageAttributes"];
    assert_eq!(told["code"]["StringValue"], "MSG-004");
    assert_eq!(told["function"]["StringValue"], "order-import");
    assert!(told["cause"]["StringValue"].as_str().unwrap().contains("/lines"), "{told}");
    assert_eq!(kept(&live, &id).await, 1);
}

async fn put_secret(live: &Live, name: &str, text: &str) {
    // The token makes the call repeatable on AWS; the emulator requires it, too.
    let token = format!("{:0>32x}", Timestamp::now().as_nanosecond());
    let asked = json!({"SecretId": name, "SecretString": text, "ClientRequestToken": token});
    live.aws("secretsmanager.PutSecretValue", &asked).await.unwrap();
}

/// How many deliveries of the CRM are stored under an id.
async fn kept(live: &Live, id: &str) -> usize {
    live.query("DeliveriesTable", "delivery", &format!("acme-crm/{id}")).await.unwrap().len()
}

fn refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.content_type.starts_with("application/problem+json"), "{}", answer.content_type);
    assert_eq!(answer.body["status"], status, "{}", answer.body);
    for field in ["type", "title", "code"] {
        assert!(answer.body[field].is_string(), "a problem has a {field}: {}", answer.body);
    }
}
