//! What the live tests share: orders, faults, and waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drive::live::{Answer, Live, Webhook, order_id};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The longest wait for anything. A killed function's messages become visible again after the queue's visibility timeout, when
/// their claims have lapsed; deferred work waits for the next tick, several times where other tests' faults open a partner's
/// circuit.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(400);

/// The running stack.
pub(crate) fn live() -> Live {
    Live::from_environment().unwrap_or_else(|error| panic!("{error:#}"))
}

/// A text that no other test and no other run uses.
pub(crate) fn unique(test: &str) -> String {
    format!("LIVE-{test}-{:x}", Timestamp::now().as_microsecond())
}

/// Which warehouses an order is for, by the names of its SKUs.
#[derive(Clone, Copy)]
pub(crate) enum Goods {
    East,
    West,
    Both,
}

/// An order of the CRM, with its ids.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) external: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Order {
    pub(crate) fn new(test: &str, goods: Goods) -> Self {
        Self::of("acme-crm", test, goods)
    }

    /// An order that comes from `source`: the CRM, or a client of the API.
    pub(crate) fn of(source: &str, test: &str, goods: Goods) -> Self {
        let external = unique(test);
        let line = |line: u32, sku: &str, quantity: &str, uom: &str| json!({"line": line, "sku": sku, "quantity": quantity, "uom": uom});
        let lines = match goods {
            Goods::East => json!([line(1, "SKU-7-E", "3", "EA")]),
            Goods::West => json!([line(1, "SKU-7-W", "3", "EA")]),
            Goods::Both => json!([line(1, "SKU-8-E-C12", "1", "CS"), line(2, "SKU-9-W", "5", "EA")]),
        };
        let data = json!({
            "id": external,
            "customer": {"id": "C-100", "name": "Sample Trading"},
            "customer_po": format!("PO-{external}"),
            "currency": "USD",
            "service_level": "standard",
            "ship_to": {
                "name": "Ada Example", "line1": "12 Sample Street", "city": "Boston", "region": "MA",
                "postal_code": "02108", "country": "US", "email": "ada@example.com",
            },
            "lines": lines,
        });
        let id = order_id(source, &external).unwrap().to_string();
        Self { external, id, data }
    }

    /// The webhook's body that the CRM would send for it.
    pub(crate) fn body(&self) -> Vec<u8> {
        let at = Timestamp::now().to_string();
        json!({"type": "order.created", "timestamp": at, "data": self.data}).to_string().into_bytes()
    }

    /// The common beginning of the references of the order and its fulfillments.
    pub(crate) fn references(&self) -> String {
        format!("{}*", self.id)
    }
}

/// Sends a webhook of the CRM with a valid signature.
pub(crate) async fn send(live: &Live, id: &str, body: &[u8]) -> Answer {
    live.signed(&Webhook { partner: "acme-crm", id, body }).await.unwrap()
}

/// Orders by webhook. Returns the correlation id.
pub(crate) async fn submit(live: &Live, order: &Order) -> String {
    let answer = send(live, &format!("msg-{}", order.external), &order.body()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body["correlation_id"].as_str().unwrap().to_owned()
}

/// The order by the API; `None` while it does not exist.
pub(crate) async fn found(live: &Live, order: &Order) -> Option<Value> {
    let answer = live.api(Some("reader"), &format!("/v1/orders/{}", order.id)).await.unwrap();
    match answer.status {
        200 => Some(answer.body),
        404 => None,
        status => panic!("GET of {} answered {status}: {}", order.id, answer.body),
    }
}

/// The events of an order's timeline, oldest first.
pub(crate) async fn events(live: &Live, order: &Order) -> Vec<String> {
    let answer = live.api(Some("reader"), &format!("/v1/orders/{}/timeline", order.id)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let entries = answer.body["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the order has a status.
pub(crate) async fn reaches(live: &Live, order: &Order, status: &str) -> Value {
    until(&format!("{} ({}) is {status}", order.external, order.id), async || {
        found(live, order).await.filter(|detail| detail["status"] == status)
    })
    .await
}

/// Waits until `look` finds something; looks four times a second.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < MAX_WAIT, "after {} s not yet: {what}", MAX_WAIT.as_secs());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Takes the message that a function parked for a correlation id; other tests' messages stay in the dead-letter queue. `None` also
/// while another test's pass over the queue holds the message.
pub(crate) async fn parked(live: &Live, function: &str, correlation: &str) -> Option<Value> {
    let queue = live.queue(&format!("{function}-dlq")).unwrap();
    let asked = json!({
        "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "MessageAttributeNames": ["All"],
    });
    let told = live.aws("AmazonSQS.ReceiveMessage", &asked).await.unwrap();
    let messages = told["Messages"].as_array().cloned().unwrap_or_default();
    let ours = |message: &Value| message["MessageAttributes"]["correlation_id"]["StringValue"] == correlation;
    let message = messages.into_iter().find(ours)?;
    let done = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
    match live.aws("AmazonSQS.DeleteMessage", &done).await {
        Ok(_) => Some(message),
        Err(error) if error.to_string().contains("ReceiptHandleIsInvalid") => None,
        Err(error) => panic!("{error:#}"),
    }
}

/// How many documents the partners have for an order, by `<partner>/<reference>/<kind>`.
pub(crate) async fn effects(live: &Live, order: &Order) -> BTreeMap<String, u64> {
    let mut effects = BTreeMap::new();
    for partner in ["erp", "eastco", "shipwest"] {
        let ledger = live.read(&format!("/control/{partner}/ledger?reference={}", order.references())).await.unwrap();
        for (reference, kinds) in ledger["effects_by_reference"].as_object().unwrap() {
            for (kind, count) in kinds.as_object().unwrap() {
                effects.insert(format!("{partner}/{reference}/{kind}"), count.as_u64().unwrap());
            }
        }
    }
    effects
}

/// Waits until the order is invoiced and the CRM shows it, then checks every ledger: one document of each kind at the ERP, one
/// request for each fulfillment, one goods issue for each package, nothing else.
pub(crate) async fn ends_well(live: &Live, order: &Order) -> Value {
    let detail = reaches(live, order, "invoiced").await;
    once(live, order, &detail).await;
    until(&format!("the CRM shows {} as invoiced", order.external), async || {
        let shown = live.read(&format!("/control/crm/ledger?reference={}", order.external)).await.unwrap();
        let told = shown["effects"].as_array().unwrap().iter().any(|effect| effect["kind"] == "status");
        (told && live.read("/control/crm/state").await.unwrap()["statuses"][&order.external]["status"] == "invoiced")
            .then_some(())
    })
    .await;
    detail
}

/// Checks that the partners' ledgers have exactly the documents of an order.
pub(crate) async fn once(live: &Live, order: &Order, detail: &Value) {
    let id = &order.id;
    let mut expected: BTreeMap<String, u64> =
        ["allocation", "sales_order", "invoice"].into_iter().map(|kind| (format!("erp/{id}/{kind}"), 1)).collect();
    for fulfillment in detail["fulfillments"].as_array().unwrap() {
        let (reference, warehouse) = (fulfillment["id"].as_str().unwrap(), fulfillment["warehouse"].as_str().unwrap());
        expected.insert(format!("{warehouse}/{reference}/fulfillment"), 1);
        for package in fulfillment["packages"].as_array().unwrap() {
            let package = package["package"].as_str().unwrap();
            expected.insert(format!("erp/{reference}/{package}/goods_issue"), 1);
        }
    }
    assert_eq!(effects(live, order).await, expected, "{} ({id})", order.external);
}

/// Faults that are scripted for one order, at several partners.
pub(crate) struct Faults<'a> {
    live: &'a Live,
    name: String,
    partners: Vec<&'static str>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(live: &'a Live, order: &Order) -> Self {
        Self { live, name: order.external.clone(), partners: Vec::new() }
    }

    /// Scripts a fault for the first `times` calls of an operation about the order.
    pub(crate) async fn script(
        &mut self,
        partner: &'static str,
        operation: &str,
        order: &Order,
        times: u64,
        fault: Value,
    ) {
        let when = json!({"operation": operation, "reference": order.references(), "times": times});
        self.live.fault(partner, &self.name, when, fault).await.unwrap();
        self.partners.push(partner);
    }

    /// How often the faults applied.
    pub(crate) async fn applied(&self) -> u64 {
        let mut applied = 0;
        let partners: std::collections::BTreeSet<_> = self.partners.iter().collect();
        for partner in partners {
            let rules = self.live.read(&format!("/control/{partner}/faults")).await.unwrap();
            let ours = rules.as_array().unwrap().iter().filter(|rule| rule["rule"]["name"] == *self.name);
            applied += ours.map(|rule| rule["applied"].as_u64().unwrap()).sum::<u64>();
        }
        applied
    }

    /// Ends the faults.
    pub(crate) async fn mend(self) {
        for partner in &self.partners {
            self.live.mend(partner, &self.name).await.unwrap();
        }
    }
}
