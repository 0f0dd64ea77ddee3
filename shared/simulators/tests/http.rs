//! The partner simulators, driven over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use simulators::exchange::{Outcome, Request, later};
use simulators::outbox::RetryPolicy;
use simulators::sign::{local_secret, local_token};
use simulators::{Running, Settings, SimulatedPartners, start};
use tokio::net::TcpListener;

/// One received webhook.
#[derive(Debug, Clone)]
struct Arrived {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Arrived {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn partner(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    /// Checks the Standard Webhooks signature with the partner's local secret, by hand.
    fn is_genuine(&self) -> bool {
        let timestamp = &self.headers["webhook-timestamp"];
        let age = Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
        let secret = local_secret(self.partner());
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{timestamp}.", self.id()).as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        age.abs() <= 300 && self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}

/// A gateway that stores what arrives and answers by its script, then with 200.
#[derive(Clone, Default)]
struct Gateway {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Gateway {
    async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    fn answer_with(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    async fn wait_for(&self, count: usize) -> Vec<Arrived> {
        eventually(|| async { (self.arrived().len() >= count).then(|| self.arrived()) }).await
    }
}

async fn receive(State(gateway): State<Gateway>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let arrived = Arrived { path: uri.path().to_owned(), headers, body: body.to_vec() };
    gateway.arrived.lock().unwrap().push(arrived);
    let status = gateway.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

/// Running simulators with a gateway and a client.
struct Simulators {
    running: Running,
    gateway: Gateway,
    client: Client,
}

impl Simulators {
    async fn start() -> Self {
        Self::with(Settings {
            pace_ms: 20,
            retry_policy: RetryPolicy { attempts: 4, first_wait_ms: 20 },
            ..Settings::default()
        })
        .await
    }

    async fn with(settings: Settings) -> Self {
        // Whichever test is first in the process installs it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let gateway = Gateway::default();
        let url = gateway.open().await;
        let running = start(&settings, Some(&url)).await.unwrap();
        let client = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Self { running, gateway, client }
    }

    async fn try_call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Response> {
        let partner = match path.split('/').nth(1).unwrap() {
            "crm" => "acme-crm",
            "erp" => "acme-erp",
            other => other,
        };
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.running.url))
            .bearer_auth(local_token(partner))
            .header("shipbob_channel_id", "77")
            .header("x-correlation-id", "corr-1");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        read(self.try_call(Method::POST, path, Some(key), Some(body)).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(self.try_call(Method::GET, path, None, None).await.unwrap()).await
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(&format!("/control{path}"), "", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn fault(&self, partner: &str, when: Value, fault: Value) {
        self.control(&format!("/{partner}/faults"), &json!({"match": when, "fault": fault})).await;
    }

    async fn ledger(&self, partner: &str) -> Value {
        self.get(&format!("/control/{partner}/ledger")).await.1
    }

    async fn idle(&self) {
        eventually(|| async { (self.get("/control/idle").await.1["pending"] == 0).then_some(()) }).await;
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
}

async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn sales_order(reference: &str) -> Value {
    json!({"reference": reference, "customer": "C-100", "customer_po": "PO-1", "currency": "USD", "total": "10.59",
        "lines": [{"line": 1, "sku": "SKU-1", "quantity": "1", "uom": "EA", "unit_price": "9.99", "amount": "9.99", "tax": "0.60"}],
        "ship_to": {"country": "US", "region": "GA"}})
}

fn fulfillment(reference: &str, lines: &Value) -> Value {
    json!({"reference": reference, "site": "EAST", "service_level": "standard", "lines": lines,
        "ship_to": {"name": "Ada Example", "line1": "1 Sample Street", "city": "Boston", "region": "MA", "postal_code": "02108", "country": "US"}})
}

fn line(line: u32, sku: &str, quantity: &str) -> Value {
    json!({"line": line, "sku": sku, "quantity": quantity, "uom": "EA"})
}

fn shipbob_order(reference: &str, quantity: u32) -> Value {
    json!({"reference_id": reference, "order_number": reference, "shipping_method": "Standard", "type": "DTC",
        "recipient": {"name": "Ada Example", "address": {"address1": "1 Sample Street", "city": "Seattle", "state": "WA", "zip_code": "98101", "country": "US"}},
        "products": [{"reference_id": "SKU-1", "name": "SKU-1", "quantity": quantity, "external_line_id": 1}]})
}

fn update(version: u64, status: &str) -> Value {
    json!({"order": "ord_1", "status": status, "version": version, "at": "2026-01-01T00:00:00Z", "lines": [], "packages": []})
}

// Documents and keys.

#[tokio::test]
async fn the_same_key_makes_one_document_and_another_body_under_it_is_refused() {
    let simulators = Simulators::start().await;
    let (first, answer) = simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await;
    assert_eq!((first, &answer), (201, &json!({"number": "SO-1"})));
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await, (200, answer));
    let (status, refusal) = simulators.post("/erp/sales-orders", "k1", &sales_order("ord_2")).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("KEY_REUSED")));
    let ledger = simulators.ledger("erp").await;
    assert_eq!(ledger["effects_by_reference"], json!({"ord_1": {"sales_order": 1}}));
    assert_eq!(ledger["totals"]["calls"]["sales_order.create"], 3);
    assert_eq!(ledger["calls"][0]["correlation_id"], "corr-1");
}

#[tokio::test]
async fn fifty_concurrent_copies_of_one_write_make_one_document() {
    let simulators = Simulators::start().await;
    let body = sales_order("ord_1");
    let answers = futures::future::join_all((0..50).map(|_| simulators.post("/erp/sales-orders", "k1", &body))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
    assert!(answers.iter().all(|(_, answer)| answer["number"] == "SO-1"));
}

#[tokio::test]
async fn a_second_key_for_the_same_reference_makes_a_second_document_that_the_ledger_shows() {
    let simulators = Simulators::start().await;
    simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await;
    simulators.post("/erp/sales-orders", "k2", &sales_order("ord_1")).await;
    let (_, found) = simulators.get("/erp/sales-orders?reference=ord_1").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    let (_, ledger) = simulators.get("/control/erp/ledger?reference=ord_1").await;
    assert_eq!(ledger["effects_by_reference"]["ord_1"]["sales_order"], 2);
    let (_, ledger) = simulators.get("/control/erp/ledger?key=k2").await;
    assert_eq!(ledger["totals"]["effects"], json!({"sales_order": 1}));
}

#[tokio::test]
async fn a_write_without_a_key_and_a_call_without_a_token_do_nothing() {
    let simulators = Simulators::start().await;
    let answer =
        simulators.try_call(Method::POST, "/erp/sales-orders", None, Some(&sales_order("ord_1"))).await.unwrap();
    assert_eq!(answer.status(), 400);
    for path in ["/crm/orders/1/status", "/erp/prices", "/eastco/fulfillments", "/shipwest/1.0/order"] {
        let url = format!("{}{path}", simulators.running.url);
        let answer = simulators.client.post(url).bearer_auth("wrong").json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
    }
    assert_eq!(simulators.ledger("erp").await["totals"]["effects"], json!({}));
}

#[tokio::test]
async fn an_order_becomes_documents_that_can_be_read_back_by_reference() {
    let simulators = Simulators::start().await;
    let lines = json!([line(1, "SKU-1-SPLIT", "4")]);
    let (_, allocation) =
        simulators.post("/erp/allocations", "a", &json!({"reference": "ord_1", "lines": lines})).await;
    assert_eq!(
        allocation["lines"][0]["sources"],
        json!([{"location": "EAST", "quantity": "2"}, {"location": "WEST", "quantity": "2"}])
    );
    simulators.post("/erp/sales-orders", "s", &sales_order("ord_1")).await;
    let issue =
        json!({"reference": "ord_1-1/P-1", "sales_order": "SO-1", "site": "EAST", "lines": [line(1, "SKU-1", "1")]});
    assert_eq!(simulators.post("/erp/goods-issues", "g", &issue).await, (201, json!({"number": "GI-1"})));
    let (_, found) = simulators.get("/erp/goods-issues?reference=ord_1-1%2FP-1").await;
    assert_eq!(found["items"][0]["number"], "GI-1");
    let invoice = json!({"reference": "ord_1", "sales_order": "SO-1"});
    let expected = json!({"number": "INV-1", "total": "10.59", "currency": "USD"});
    assert_eq!(simulators.post("/erp/invoices", "i", &invoice).await, (201, expected));
    let (status, _) = simulators.post("/erp/sales-orders/SO-1/cancel", "c", &json!({})).await;
    assert_eq!(status, 409);
    let unknown = json!({"reference": "ord_2", "sales_order": "SO-9"});
    assert_eq!(simulators.post("/erp/invoices", "i2", &unknown).await.1["code"], "UNKNOWN_SALES_ORDER");
}

#[tokio::test]
async fn credit_limits_and_stock_can_be_set() {
    let simulators = Simulators::start().await;
    let check = json!({"customer": "C-9", "amount": "100.00", "currency": "USD", "reference": "ord_1"});
    assert_eq!(simulators.post("/erp/credit-checks", "", &check).await.1["decision"], "approved");
    let change = json!({"credit": {"C-9": "99.99"}, "stock": [{"sku": "SKU-3", "location": "EAST", "quantity": "1"}, {"sku": "SKU-3", "location": "WEST", "quantity": "1"}]});
    simulators.control("/erp/settings", &change).await;
    assert_eq!(simulators.post("/erp/credit-checks", "", &check).await.1["decision"], "refused");
    let lines = json!([line(1, "SKU-3", "5")]);
    let (_, answer) = simulators.post("/erp/allocations", "a", &json!({"reference": "ord_1", "lines": lines})).await;
    assert_eq!(answer["lines"][0]["short"], "3");
}

#[tokio::test]
async fn the_crm_keeps_the_newest_status_and_every_crm_update() {
    let simulators = Simulators::start().await;
    let tell = async |version, status: &str| {
        let body = update(version, status);
        read(simulators.try_call(Method::PUT, "/crm/orders/CRM-1/status", None, Some(&body)).await.unwrap()).await
    };
    assert_eq!(tell(3, "released").await, (200, json!({"version": 3})));
    assert_eq!(tell(9, "delivered").await, (200, json!({"version": 9})));
    assert_eq!(tell(7, "in_transit").await, (409, json!({"version": 9})));
    assert_eq!(tell(9, "delivered").await, (200, json!({"version": 9})));
    let (_, state) = simulators.get("/control/crm/state").await;
    assert_eq!(state["statuses"]["CRM-1"]["status"], "delivered");
    assert_eq!(state["updates"].as_array().unwrap().len(), 4);
    assert_eq!(simulators.ledger("crm").await["totals"]["effects"], json!({"status": 2}));
}

// Webhooks.

#[tokio::test]
async fn a_new_order_sends_a_webhook_with_a_valid_signature() {
    let simulators = Simulators::start().await;
    let answer = simulators.control("/crm/orders", &json!({"count": 3, "seed": 5})).await;
    let arrived = simulators.gateway.wait_for(3).await;
    for webhook in &arrived {
        assert_eq!(webhook.path, "/v1/webhooks/acme-crm");
        assert!(webhook.is_genuine());
        assert_eq!(webhook.json()["type"], "order.created");
        assert!(webhook.json()["data"]["lines"][0]["quantity"].is_string());
    }
    let ids: BTreeSet<&str> = arrived.iter().map(Arrived::id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(answer["orders"][0]["id"], "CRM-1");
    let own = json!({"order": {"id": "CRM-X", "lines": []}});
    let (status, _) = simulators.post("/crm/control/orders", "", &own).await;
    assert_eq!(status, 200);
    assert_eq!(simulators.gateway.wait_for(4).await[3].json()["data"]["id"], "CRM-X");
}

#[tokio::test]
async fn a_failed_webhook_is_sent_again_with_its_id_and_body_until_it_is_taken() {
    let simulators = Simulators::start().await;
    simulators.gateway.answer_with(&[500, 429]);
    simulators.control("/crm/orders", &json!({"count": 1})).await;
    let arrived = simulators.gateway.wait_for(3).await;
    simulators.idle().await;
    assert!(arrived.iter().all(|webhook| webhook.id() == arrived[0].id() && webhook.body == arrived[0].body));
    assert!(arrived.iter().all(Arrived::is_genuine));
    let ledger = simulators.ledger("crm").await;
    let statuses: Vec<&Value> =
        ledger["webhooks"][0]["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [500, 429, 200]);
    assert_eq!(ledger["webhooks"][0]["delivered"], true);
}

#[tokio::test]
async fn a_partner_stops_sending_a_webhook_after_its_attempts() {
    let simulators = Simulators::start().await;
    simulators.gateway.answer_with(&[500; 4]);
    simulators.control("/crm/orders", &json!({"count": 1})).await;
    simulators.idle().await;
    assert_eq!(simulators.gateway.arrived().len(), 4);
    let ledger = simulators.ledger("crm").await;
    assert_eq!(ledger["webhooks"][0]["gave_up"], true);
    assert_eq!(ledger["totals"]["webhooks_undelivered"], 1);
}

#[tokio::test]
async fn webhooks_wait_until_the_gateway_is_known() {
    let simulators = Simulators::start().await;
    let alone = start(&Settings::default(), None).await.unwrap();
    let post = |path: &str, body: Value| simulators.client.post(format!("{}{path}", alone.url)).json(&body).send();
    post("/control/crm/orders", json!({"count": 1})).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    let gateway = Gateway::default();
    post("/control/gateway", json!({"url": gateway.open().await})).await.unwrap();
    assert!(gateway.wait_for(1).await[0].is_genuine());
}

#[tokio::test]
async fn a_duplicated_webhook_arrives_with_one_id() {
    let simulators = Simulators::start().await;
    simulators
        .fault("crm", json!({"operation": "webhook.order.created"}), json!({"kind": "duplicate", "copies": 4}))
        .await;
    let answer = simulators.control("/crm/orders", &json!({"count": 1})).await;
    let arrived = simulators.gateway.wait_for(5).await;
    assert_eq!(arrived.iter().map(Arrived::id).collect::<BTreeSet<_>>().len(), 1);
    let id = answer["orders"][0]["webhook"].as_str().unwrap();
    simulators.control(&format!("/crm/webhooks/{id}/resend"), &json!({"copies": 3})).await;
    simulators.gateway.wait_for(8).await;
    simulators.idle().await;
    assert_eq!(simulators.gateway.arrived().len(), 8);
    let ledger = simulators.ledger("crm").await;
    assert_eq!(ledger["totals"]["webhook_attempts"], 8);
    assert_eq!(ledger["totals"]["faults"], json!({"duplicate": 1}));
}

#[tokio::test]
async fn reordered_webhooks_all_arrive_in_another_order() {
    let simulators = Simulators::start().await;
    simulators.fault("crm", json!({}), json!({"kind": "reorder", "window": 6, "flush_ms": 5000})).await;
    let answer = simulators.control("/crm/orders", &json!({"count": 6})).await;
    let sent: Vec<&str> =
        answer["orders"].as_array().unwrap().iter().map(|order| order["webhook"].as_str().unwrap()).collect();
    simulators.gateway.wait_for(6).await;
    // Requests race once they are sent; the order in which the partner tried is in its ledger.
    let ledger = simulators.ledger("crm").await;
    assert_eq!(ledger["totals"]["faults"], json!({"reorder": 6}));
    let arrived = simulators.gateway.arrived();
    let came: Vec<&str> = arrived.iter().map(Arrived::id).collect();
    assert_ne!(came, sent);
    assert_eq!(came.iter().collect::<BTreeSet<_>>(), sent.iter().collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn a_reorder_window_that_does_not_fill_is_flushed() {
    let simulators = Simulators::start().await;
    simulators.fault("crm", json!({}), json!({"kind": "reorder", "window": 50, "flush_ms": 100})).await;
    simulators.control("/crm/orders", &json!({"count": 2})).await;
    assert_eq!(simulators.gateway.wait_for(2).await.len(), 2);
    simulators.idle().await;
}

#[tokio::test]
async fn a_dropped_webhook_comes_later_and_a_delayed_one_late() {
    let simulators = Simulators::start().await;
    simulators.fault("crm", json!({"reference": "CRM-1"}), json!({"kind": "drop", "redeliver_after_ms": 200})).await;
    simulators.fault("crm", json!({"reference": "CRM-2"}), json!({"kind": "delay", "ms": 400})).await;
    let begun = Instant::now();
    simulators.control("/crm/orders", &json!({"count": 3})).await;
    let arrived = simulators.gateway.wait_for(3).await;
    assert!(begun.elapsed() >= Duration::from_millis(400));
    let ids: Vec<Value> = arrived.iter().map(|webhook| webhook.json()["data"]["id"].clone()).collect();
    assert_eq!(ids, ["CRM-3", "CRM-1", "CRM-2"]);
    let ledger = simulators.ledger("crm").await;
    assert_eq!(ledger["webhooks"][0]["attempts"][0]["error"], "lost on the way");
}

#[tokio::test]
async fn a_tampered_attempt_does_not_verify_and_the_next_one_does() {
    for kind in ["wrong_signature", "tamper", "stale"] {
        let simulators = Simulators::start().await;
        simulators.gateway.answer_with(&[401]);
        simulators.fault("crm", json!({"nth": 1}), json!({"kind": kind})).await;
        simulators.control("/crm/orders", &json!({"count": 1})).await;
        let arrived = simulators.gateway.wait_for(2).await;
        let genuine: Vec<bool> = arrived.iter().map(Arrived::is_genuine).collect();
        assert_eq!(genuine, [false, true], "{kind}");
        assert_eq!(arrived[0].id(), arrived[1].id());
    }
}

#[tokio::test]
async fn a_rotating_partner_signs_with_all_its_secrets() {
    let simulators = Simulators::start().await;
    let other = "whsec_bmV3IHNlY3JldCBvZiB0aGUgcm90YXRpb24=";
    simulators.control("/crm/settings", &json!({"signing": [other, local_secret("acme-crm")]})).await;
    simulators.control("/crm/orders", &json!({"count": 1})).await;
    let arrived = simulators.gateway.wait_for(1).await;
    assert!(arrived[0].is_genuine());
    assert_eq!(arrived[0].headers["webhook-signature"].split(' ').count(), 2);
}

// Faults of calls.

#[tokio::test]
async fn a_timeout_leaves_the_caller_without_an_answer_before_or_after_the_effect() {
    for (kind, effects) in [("timeout_before", 0), ("timeout_after", 1), ("lost_reply", 1), ("down", 0)] {
        let mut simulators = Simulators::start().await;
        simulators.client = Client::builder().timeout(Duration::from_millis(700)).build().unwrap();
        let fault = match kind {
            "timeout_before" | "timeout_after" => json!({"kind": kind, "hold_ms": 10_000}),
            _ => json!({"kind": kind}),
        };
        simulators.fault("erp", json!({"operation": "sales_order.create", "nth": 1}), fault).await;
        let body = sales_order("ord_1");
        let error = simulators.try_call(Method::POST, "/erp/sales-orders", Some("k1"), Some(&body)).await.unwrap_err();
        assert_eq!(error.is_timeout(), kind.starts_with("timeout"), "{kind}: {error:?}");
        let ledger = simulators.ledger("erp").await;
        assert_eq!(ledger["effects"].as_array().unwrap().len(), effects, "{kind}");
        assert_eq!(ledger["calls"][0]["status"], Value::Null);
        assert_eq!(ledger["calls"][0]["fault"], kind);
        simulators.client = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        // A repeat with the same key makes one document in both cases.
        let (status, answer) = simulators.post("/erp/sales-orders", "k1", &body).await;
        assert_eq!((status, &answer["number"]), (if effects == 1 { 200 } else { 201 }, &json!("SO-1")), "{kind}");
        assert_eq!(simulators.ledger("erp").await["effects"].as_array().unwrap().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn refusals_and_server_errors_answer_as_scripted() {
    let simulators = Simulators::start().await;
    let body = sales_order("ord_1");
    simulators.fault("erp", json!({"nth": 1}), json!({"kind": "refuse", "status": 403, "code": "PERIOD_CLOSED"})).await;
    simulators.fault("erp", json!({"nth": 1}), json!({"kind": "fail", "status": 502})).await;
    simulators.fault("erp", json!({"nth": 1}), json!({"kind": "unauthorized"})).await;
    simulators.fault("erp", json!({"nth": 1}), json!({"kind": "fail", "after_effect": true})).await;
    let (status, answer) = simulators.post("/erp/sales-orders", "k1", &body).await;
    assert_eq!((status, &answer["code"]), (403, &json!("PERIOD_CLOSED")));
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &body).await.0, 502);
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &body).await.0, 401);
    assert_eq!(simulators.ledger("erp").await["effects"], json!([]));
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &body).await.0, 503);
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &body).await, (200, json!({"number": "SO-1"})));
    let ledger = simulators.ledger("erp").await;
    assert_eq!(ledger["totals"]["effects"], json!({"sales_order": 1}));
    assert_eq!(ledger["totals"]["faults"], json!({"refuse": 1, "fail": 1, "unauthorized": 1, "fail_after_effect": 1}));
}

#[tokio::test]
async fn a_429_has_the_scripted_text_in_the_partners_own_header() {
    let simulators = Simulators::start().await;
    for text in ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "0"] {
        for (partner, path, header) in
            [("eastco", "/eastco/fulfillments", "retry-after"), ("shipwest", "/shipwest/1.0/order", "x-retry-after")]
        {
            simulators.fault(partner, json!({"times": 1}), json!({"kind": "limit", "retry_after": text})).await;
            let answer = simulators.try_call(Method::GET, path, None, None).await.unwrap();
            assert_eq!(answer.status(), 429);
            assert_eq!(answer.headers()[header], text);
        }
    }
    simulators.fault("eastco", json!({}), json!({"kind": "limit"})).await;
    let answer = simulators.try_call(Method::GET, "/eastco/fulfillments", None, None).await.unwrap();
    assert!(!answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn garbage_is_answered_after_the_work_was_done() {
    let simulators = Simulators::start().await;
    simulators.fault("erp", json!({"nth": 1}), json!({"kind": "garbage"})).await;
    let body = sales_order("ord_1");
    let answer = simulators.try_call(Method::POST, "/erp/sales-orders", Some("k1"), Some(&body)).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.text().await.unwrap().starts_with("<!doctype html>"));
    assert_eq!(simulators.ledger("erp").await["totals"]["effects"], json!({"sales_order": 1}));
}

#[tokio::test]
async fn latency_delays_the_answer_and_nothing_else() {
    let simulators = Simulators::start().await;
    simulators.fault("erp", json!({"operation": "sales_order.*"}), json!({"kind": "latency", "ms": 300})).await;
    let begun = Instant::now();
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await.0, 201);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    simulators.get("/erp/invoices").await;
    let ledger = simulators.ledger("erp").await;
    assert_eq!((&ledger["calls"][0]["fault"], &ledger["calls"][1]["fault"]), (&json!("latency"), &Value::Null));
}

#[tokio::test]
async fn a_partner_that_is_down_stays_down_until_the_rule_is_cleared_and_the_others_work() {
    let simulators = Simulators::start().await;
    let rule = json!({"name": "outage", "fault": {"kind": "down"}});
    simulators.control("/erp/faults", &rule).await;
    for _ in 0..3 {
        assert!(simulators.try_call(Method::GET, "/erp/invoices", None, None).await.is_err());
    }
    assert_eq!(simulators.get("/eastco/fulfillments").await.0, 200);
    let (_, listed) = simulators.get("/control/erp/faults").await;
    assert_eq!(listed[0]["applied"], 3);
    let url = format!("{}/control/erp/faults?name=outage", simulators.running.url);
    simulators.client.delete(url).send().await.unwrap();
    assert_eq!(simulators.get("/erp/invoices").await.0, 200);
    assert_eq!(simulators.ledger("erp").await["totals"]["faults"], json!({"down": 3}));
}

#[tokio::test]
async fn a_rule_can_single_out_one_reference() {
    let simulators = Simulators::start().await;
    simulators.fault("erp", json!({"reference": "ord_2*"}), json!({"kind": "refuse", "code": "NO"})).await;
    assert_eq!(simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await.0, 201);
    assert_eq!(simulators.post("/erp/sales-orders", "k2", &sales_order("ord_22")).await.0, 422);
}

#[tokio::test]
async fn a_misspelt_script_is_refused_and_says_why() {
    let simulators = Simulators::start().await;
    for (path, body) in [
        ("/control/erp/faults", json!({"fault": {"kind": "lost_replies"}})),
        ("/control/erp/faults", json!([{"match": {"operaton": "price"}, "fault": {"kind": "down"}}])),
        ("/control/erp/settings", json!({"pace_ms": 3})),
        ("/control/eastco/settings", json!({"pace": 3})),
        ("/control/erp/script", json!({"silent": true})),
        ("/control/gateway", json!({"url": "localhost:80"})),
    ] {
        let (status, answer) = simulators.post(path, "", &body).await;
        assert_eq!(status, 400, "{path}");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
    }
    assert_eq!(simulators.get("/control/nobody/ledger").await.0, 404);
}

// Warehouses.

#[tokio::test]
async fn a_warehouse_reports_acceptance_packing_and_each_milestone_of_each_package() {
    let simulators = Simulators::start().await;
    let lines = json!([line(1, "SKU-1", "3"), line(2, "SKU-2", "1")]);
    let (status, answer) = simulators.post("/eastco/fulfillments", "ord_1-1", &fulfillment("ord_1-1", &lines)).await;
    assert_eq!((status, answer), (201, json!({"id": "F-1", "status": "accepted"})));
    let arrived = simulators.gateway.wait_for(12).await;
    simulators.idle().await;
    assert_eq!(simulators.gateway.arrived().len(), 12);
    assert!(arrived.iter().all(|webhook| webhook.path == "/v1/webhooks/eastco" && webhook.is_genuine()));
    assert_eq!(arrived[0].json()["type"], "fulfillment.accepted");
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut done = 0;
    for webhook in &arrived[1..] {
        let body = webhook.json();
        let data = &body["data"];
        assert_eq!((&data["reference"], &data["id"]), (&json!("ord_1-1"), &json!("F-1")));
        if body["type"] == "fulfillment.completed" {
            done += 1;
            continue;
        }
        let what = if body["type"] == "package.packed" { &body["type"] } else { &data["milestone"] };
        let package = data["package"]["id"].as_str().unwrap().to_owned();
        told.entry(package).or_default().push(what.as_str().unwrap().to_owned());
    }
    assert_eq!((told.len(), done), (2, 1));
    for mut package in told.into_values() {
        // What is sent at one instant may arrive in either order.
        package.sort();
        assert_eq!(package, ["delivered", "in_transit", "label_created", "package.packed", "picked_up"]);
    }
    let (_, found) = simulators.get("/eastco/fulfillments?reference=ord_1-1").await;
    assert_eq!(found["items"][0]["status"], "completed");
    assert_eq!(found["items"][0]["packages"][0]["lines"], json!([line(1, "SKU-1", "3")]));
}

#[tokio::test]
async fn a_script_packs_too_much_or_something_else_and_hides_a_request_for_a_while() {
    let simulators = Simulators::start().await;
    for script in [
        json!({"reference": "over", "over_by": 2, "packages": 1}),
        json!({"reference": "other", "substitute": "SKU-7", "packages": 1}),
        json!({"reference": "late", "late_ms": 700}),
    ] {
        simulators.control("/eastco/script", &script).await;
    }
    let lines = json!([line(1, "SKU-1", "3")]);
    for reference in ["over", "other", "late"] {
        let (status, _) = simulators.post("/eastco/fulfillments", reference, &fulfillment(reference, &lines)).await;
        assert_eq!(status, 201);
    }
    let hidden = simulators.get("/eastco/fulfillments?reference=late").await.1;
    assert_eq!(hidden["items"], json!([]), "nobody sees it yet");
    simulators.idle().await;
    let packed = async |reference: &str| {
        let (_, found) = simulators.get(&format!("/eastco/fulfillments?reference={reference}")).await;
        let package = &found["items"][0]["packages"][0];
        assert!(package["packed_at"].is_string() && package["milestones"][0]["occurred_at"].is_string());
        (package["lines"][0]["sku"].clone(), package["total_quantity"].clone())
    };
    assert_eq!(packed("over").await, (json!("SKU-1"), json!("5")));
    assert_eq!(packed("other").await, (json!("SKU-7"), json!("3")));
    assert_eq!(packed("late").await, (json!("SKU-1"), json!("3")));
}

#[tokio::test]
async fn a_scripted_number_of_packages_holds_exactly_what_was_asked_for() {
    let simulators = Simulators::start().await;
    simulators.control("/eastco/settings", &json!({"packages": 3})).await;
    simulators.post("/eastco/fulfillments", "r", &fulfillment("r", &json!([line(1, "SKU-1", "7")]))).await;
    simulators.idle().await;
    let (_, found) = simulators.get("/eastco/fulfillments?reference=r").await;
    let packed: Vec<&Value> =
        found["items"][0]["packages"].as_array().unwrap().iter().map(|it| &it["lines"][0]["quantity"]).collect();
    assert_eq!(packed, ["3", "2", "2"]);
}

#[tokio::test]
async fn scripts_reject_void_shorten_and_scramble() {
    let simulators = Simulators::start().await;
    for script in [
        json!({"reference": "reject", "reject": "no room"}),
        json!({"reference": "later", "reject_later": "not found on the shelf"}),
        json!({"reference": "void", "void_first": true}),
        json!({"sku": "SKU-SHORT-*", "short_by": 2}),
        json!({"reference": "scramble", "milestones": ["delivered", "in_transit", "strange code"]}),
        json!({"reference": "silent", "silent": true}),
    ] {
        simulators.control("/eastco/script", &script).await;
    }
    let ask = async |reference: &str, sku: &str| {
        simulators.post("/eastco/fulfillments", reference, &fulfillment(reference, &json!([line(1, sku, "5")]))).await
    };
    assert_eq!(ask("reject", "SKU-1").await.1, json!({"code": "REJECTED", "reason": "no room"}));
    for (reference, sku) in
        [("later", "SKU-1"), ("void", "SKU-1"), ("short", "SKU-SHORT-1"), ("scramble", "SKU-1"), ("silent", "SKU-1")]
    {
        assert_eq!(ask(reference, sku).await.0, 201);
    }
    simulators.idle().await;
    let arrived = simulators.gateway.arrived();
    let told = |reference: &str| -> Vec<Value> {
        let mut told: Vec<Value> =
            arrived.iter().map(Arrived::json).filter(|body| body["data"]["reference"] == reference).collect();
        told.sort_by_key(|body| body["timestamp"].to_string());
        told
    };
    assert!(told("silent").is_empty());
    assert_eq!(told("later").last().unwrap()["type"], "fulfillment.rejected");
    let voided = told("void");
    let of = |kind: &str| -> Vec<Value> {
        voided.iter().filter(|body| body["type"] == kind).map(|body| body["data"]["package"].clone()).collect()
    };
    let (packed, gone) = (of("package.packed"), of("package.voided"));
    assert_eq!((packed.len(), gone.len()), (2, 1));
    assert!(packed[0]["id"] == gone[0]["id"] && packed[0]["tracking"] != packed[1]["tracking"]);
    assert_eq!(packed[0]["lines"], packed[1]["lines"]);
    let short = told("short").into_iter().find(|body| body["type"] == "package.packed").unwrap();
    assert_eq!(short["data"]["package"]["lines"][0]["quantity"], "3");
    let milestones: Vec<Value> =
        told("scramble").iter().map(|body| body["data"]["milestone"].clone()).filter(|it| !it.is_null()).collect();
    assert_eq!(milestones, ["delivered", "in_transit", "strange code"]);
}

#[tokio::test]
async fn a_request_can_be_cancelled_until_packing_begins() {
    let simulators = Simulators::start().await;
    simulators.control("/eastco/settings", &json!({"pace_ms": 60_000})).await;
    simulators.post("/eastco/fulfillments", "r1", &fulfillment("r1", &json!([line(1, "SKU-1", "1")]))).await;
    let (status, answer) = simulators.post("/eastco/fulfillments/F-1/cancel", "c1", &json!({})).await;
    assert_eq!((status, &answer["status"]), (200, &json!("cancelled")));
    assert_eq!(simulators.post("/eastco/fulfillments/F-1/cancel", "c1", &json!({})).await.0, 200);
    simulators.idle().await;
    assert!(simulators.gateway.arrived().is_empty());
    simulators.control("/eastco/settings", &json!({"pace_ms": 10})).await;
    simulators.post("/eastco/fulfillments", "r2", &fulfillment("r2", &json!([line(1, "SKU-1", "1")]))).await;
    simulators.idle().await;
    let (status, refusal) = simulators.post("/eastco/fulfillments/F-2/cancel", "c2", &json!({})).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("TOO_LATE")));
}

#[tokio::test]
async fn shipwest_takes_a_reference_once_and_finds_it_again() {
    let simulators = Simulators::start().await;
    let (status, order) = simulators.post("/shipwest/1.0/order", "", &shipbob_order("ord_1-2", 2)).await;
    assert_eq!(status, 201);
    assert_eq!((&order["reference_id"], &order["status"]), (&json!("ord_1-2"), &json!("Processing")));
    let (status, refusal) = simulators.post("/shipwest/1.0/order", "", &shipbob_order("ord_1-2", 2)).await;
    assert_eq!(status, 422);
    assert!(refusal["reference_id"][0].is_string());
    let (_, found) = simulators.get("/shipwest/1.0/order?ReferenceIds=other,ord_1-2").await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["id"], order["id"]);
    assert_eq!(simulators.get("/shipwest/1.0/order?ReferenceIds=other").await.1, json!([]));
    let url = format!("{}/shipwest/1.0/order", simulators.running.url);
    let answer =
        simulators.client.post(url).bearer_auth(local_token("shipwest")).json(&shipbob_order("x", 1)).send().await;
    assert_eq!(answer.unwrap().status(), 400, "without its channel header");
    let ledger = simulators.ledger("shipwest").await;
    assert_eq!(ledger["effects_by_reference"], json!({"ord_1-2": {"fulfillment": 1}}));
}

#[tokio::test]
async fn shipwest_speaks_of_shipments_by_topic() {
    let simulators = Simulators::start().await;
    simulators.control("/shipwest/settings", &json!({"packages": 2})).await;
    simulators.post("/shipwest/1.0/order", "", &shipbob_order("ord_1-2", 3)).await;
    simulators.idle().await;
    let arrived = simulators.gateway.arrived();
    assert!(arrived.iter().all(|webhook| webhook.path == "/v1/webhooks/shipwest" && webhook.is_genuine()));
    let mut told: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for webhook in &arrived {
        let body = webhook.json();
        assert_eq!(body["reference_id"], "ord_1-2");
        assert!(body["tracking"]["tracking_number"].is_string() && body["products"][0]["quantity"].is_u64());
        let said = format!(
            "{} {} {}",
            webhook.headers["x-webhook-topic"],
            body["status"].as_str().unwrap(),
            body["status_details"][0]["name"].as_str().unwrap_or("-"),
        );
        told.entry(body["id"].as_u64().unwrap()).or_default().insert(said);
    }
    assert_eq!(told.len(), 2);
    let expected: BTreeSet<String> = [
        "order.shipped LabeledCreated -",
        "order.shipment.tracking.updated Completed -",
        "order.shipment.tracking.updated Completed InTransit",
        "order.shipment.delivered Completed Delivered",
    ]
    .map(str::to_owned)
    .into();
    assert!(told.values().all(|said| *said == expected), "{told:?}");
    let (_, found) = simulators.get("/shipwest/1.0/order?ReferenceIds=ord_1-2").await;
    assert_eq!(found[0]["status"], "Fulfilled");
}

#[tokio::test]
async fn shipwest_can_be_slow_to_show_an_order_and_strict_about_its_rate() {
    let simulators = Simulators::start().await;
    simulators.control("/shipwest/settings", &json!({"settle_ms": 300})).await;
    simulators.post("/shipwest/1.0/order", "", &shipbob_order("ord_1-2", 1)).await;
    assert_eq!(simulators.get("/shipwest/1.0/order?ReferenceIds=ord_1-2").await.1, json!([]));
    eventually(|| async {
        let (_, found) = simulators.get("/shipwest/1.0/order?ReferenceIds=ord_1-2").await;
        (found.as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    simulators.control("/shipwest/settings", &json!({"rate_per_minute": 2})).await;
    let statuses = [
        simulators.get("/shipwest/1.0/order").await.0,
        simulators.get("/shipwest/1.0/order").await.0,
        simulators.get("/shipwest/1.0/order").await.0,
    ];
    assert_eq!(statuses, [200, 200, 429]);
    let answer = simulators.try_call(Method::GET, "/shipwest/1.0/order", None, None).await.unwrap();
    let wait: u64 = answer.headers()["x-retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[tokio::test]
async fn shipwest_cancels_per_shipment_until_packing_begins() {
    let simulators = Simulators::start().await;
    simulators.control("/shipwest/settings", &json!({"pace_ms": 60_000})).await;
    let (_, order) = simulators.post("/shipwest/1.0/order", "", &shipbob_order("r", 1)).await;
    let path = format!("/shipwest/1.0/order/{}/cancel", order["id"]);
    let (status, answer) = simulators.post(&path, "", &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(answer["canceled_shipment_results"][0]["is_success"], true);
    assert_eq!(answer["order"]["status"], "Cancelled");
    let ledger = simulators.ledger("shipwest").await;
    assert_eq!(ledger["totals"]["effects"], json!({"fulfillment": 1, "fulfillment_cancelled": 1}));
}

// The whole.

#[tokio::test]
async fn a_reset_forgets_everything_but_the_numbers() {
    let simulators = Simulators::start().await;
    simulators.fault("erp", json!({"operation": "invoice.*"}), json!({"kind": "down"})).await;
    simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await;
    simulators.control("/reset", &json!({})).await;
    let ledger = simulators.ledger("erp").await;
    assert_eq!((&ledger["calls"], &ledger["effects"]), (&json!([]), &json!([])));
    assert_eq!(simulators.get("/erp/invoices").await.0, 200);
    assert_eq!(
        simulators.post("/erp/sales-orders", "k1", &sales_order("ord_1")).await,
        (201, json!({"number": "SO-2"}))
    );
}

#[tokio::test]
async fn sample_orders_differ_and_repeat_with_their_seed() {
    let simulators = Simulators::start().await;
    simulators.control("/crm/orders", &json!({"count": 50, "seed": 1})).await;
    let (_, state) = simulators.get("/control/crm/state").await;
    let orders = state["orders"].as_array().unwrap();
    let different: BTreeSet<String> = orders.iter().map(|order| order["lines"].to_string()).collect();
    assert!(different.len() > 45, "{}", different.len());
    let currencies: BTreeSet<&str> = orders.iter().map(|order| order["currency"].as_str().unwrap()).collect();
    assert!(currencies.len() >= 2);
    for order in orders {
        let price = json!({"customer": order["customer"]["id"], "currency": order["currency"],
            "country": order["ship_to"]["country"], "region": order["ship_to"]["region"], "lines": order["lines"]});
        assert_eq!(simulators.post("/erp/prices", "", &price).await.0, 200, "{order}");
    }
}

/// Without HTTP and clock, the same calls at the same times under the same faults leave the same ledgers.
#[test]
fn in_memory_a_run_repeats_exactly() {
    let run = || {
        let mut partners = SimulatedPartners::new(&Settings::default());
        let rules = json!([
            {"match": {"percent": 50, "seed": 3}, "fault": {"kind": "lost_reply"}},
            {"match": {"percent": 50, "seed": 4}, "fault": {"kind": "reorder", "window": 3}},
        ]);
        for rule in rules.as_array().unwrap() {
            let rule = serde_json::from_value(rule.clone()).unwrap();
            partners.partner_mut("eastco").unwrap().faults.add(rule);
        }
        let mut now = Timestamp::UNIX_EPOCH;
        let mut silent = 0;
        for n in 0..20 {
            let reference = format!("ord_{n}-1");
            let request = Request::new(simulators::exchange::Method::Post, "/fulfillments")
                .with_header("authorization", "Bearer local-eastco-token")
                .with_header("idempotency-key", &reference)
                .with_json(&fulfillment(&reference, &json!([line(1, "SKU-1", "2")])));
            let outcome = partners.partner_mut("eastco").unwrap().call(&request, now);
            silent += u32::from(matches!(outcome, Outcome::Silence { .. }));
            now = later(now, 100);
        }
        let mut sent = Vec::new();
        while let Some(due) = partners.next_due() {
            now = now.max(due);
            for (partner, started) in partners.tick(now) {
                let (message, attempt) = (started.message, started.attempt);
                // Every third attempt fails.
                let status = if sent.len() % 3 == 2 { 500 } else { 200 };
                sent.push(started);
                let outbox = &mut partners.partner_mut(partner).unwrap().outbox;
                outbox.answered(message, attempt, Ok(status), now);
            }
        }
        assert!(silent > 0 && silent < 20);
        assert_eq!(partners.pending(), 0);
        (sent, partners.partner("eastco").unwrap().report(&Default::default()))
    };
    assert_eq!(run(), run());
}

#[tokio::test]
async fn the_binary_explains_itself_and_prints_its_url() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let binary = env!("CARGO_BIN_EXE_simulators");
    let help = Command::new(binary).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for word in ["--gateway", "--pace-ms", "POST   /control/{partner}/faults", "timeout_after"] {
        assert!(help.contains(word), "{word}");
    }
    let secrets = std::env::temp_dir().join(format!("partners-{}.json", std::process::id()));
    let known = json!({"partners": {"eastco": {"token": "from the file", "signing": ["whsec_BBBB"]}}, "api": []});
    std::fs::write(&secrets, known.to_string()).unwrap();
    let mut child = Command::new(binary)
        .args(["--port", "0", "--token", "erp=secret", "--signing", "acme-crm=whsec_AAAA", "--secrets"])
        .arg(&secrets)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let client = Client::new();
    let health = client.get(format!("{url}/healthz")).send().await.unwrap().status();
    let (_, answer) = read(client.get(format!("{url}/control/partners")).send().await.unwrap()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(secrets).unwrap();
    assert_eq!(health, 200);
    let partners = &answer["partners"];
    assert_eq!((&partners[2]["token"], &partners[2]["signing"]), (&json!("from the file"), &json!(["whsec_BBBB"])));
    assert!(url.starts_with("http://127.0.0.1:"));
    assert_eq!(partners[0]["signing"], json!(["whsec_AAAA"]));
    assert_eq!(partners[1]["token"], "secret");
}
