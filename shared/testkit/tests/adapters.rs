//! The adapters of `partners` and the simulators, against each other over real HTTP: whoever is right, they agree.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use domain::fulfillment::{FulfillmentRequest, GoodsIssue, MilestoneKind};
use domain::order::{
    AllocationRequest, CreditQuestion, InvoiceRequest, LinePrice, OrderLine, PriceQuestion, SalesOrder, ServiceLevel,
    Share, Status, Telling,
};
use domain::party::{Destination, Party, PartyRef};
use domain::{DocumentNumber, FulfillmentCommand as Command, LineNo, OrderId, Quantity};
use engine::delivery::{Delivery, Role};
use engine::http::Request;
use engine::inbound::{OrderReader as _, ReportReader as _, Senders as _};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Crm as _, Documents, Erp as _, PriceAnswer, Secrets, Warehouse as _,
    WarehouseAnswer,
};
use engine::{Clock, Code, Context, Failure};
use jiff::Timestamp;
use partners::{HttpTransport, Partners};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::partners::sign::{local_secret, local_token};
use testkit::partners::{Running, Settings, start};
use tokio::sync::mpsc;

/// The local partners' own documents, pointed at the simulators.
#[derive(Clone)]
struct Local(String);

impl Documents for Local {
    async fn documents(&self) -> Result<Vec<String>, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/partners");
        let read = |id: &str| {
            let text = std::fs::read_to_string(folder.join(format!("{id}.toml"))).unwrap();
            let mut document: Value = toml::from_str(&text).unwrap();
            let path = document["base_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            document["base_url"] = json!(format!("{}/{path}", self.0));
            document.to_string()
        };
        Ok(["acme-crm", "acme-erp", "eastco", "shipwest"].map(read).to_vec())
    }
}

impl Secrets for Local {
    async fn secret(&self, name: &str, _fresh: bool) -> Result<SecretString, Failure> {
        let id = name.strip_prefix("partner/").unwrap();
        Ok(json!({"token": local_token(id), "signing": [local_secret(id)]}).to_string().into())
    }
}

#[derive(Clone)]
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

type Adapters = Partners<Local, HttpTransport, Now, ()>;

/// The simulators, the adapters that speak to them, and what the simulators say.
struct Town {
    simulators: Running,
    partners: Adapters,
    said: mpsc::UnboundedReceiver<(String, Request)>,
}

impl Town {
    async fn new() -> Self {
        let (hear, said) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(hear);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = Settings { run: "t".to_owned(), pace_ms: 20, ..Settings::default() };
        let simulators = start(&settings, Some(&gateway)).await.unwrap();
        let transport = HttpTransport::new(true, std::time::Duration::from_secs(60)).unwrap();
        let partners = Partners::new(Local(simulators.url.clone()), transport, Now, ());
        Self { simulators, partners, said }
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/control/{path}", self.simulators.url);
        let client = reqwest::Client::new();
        let answer = if body.is_null() { client.get(url) } else { client.post(url).json(body) };
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// The next call of `operation` at `partner` goes wrong that way.
    async fn fault(&self, partner: &str, operation: &str, fault: &Value) {
        let rule = json!([{"match": {"operation": operation, "times": 1}, "fault": fault}]);
        self.control(&format!("{partner}/faults"), &rule).await;
    }

    /// How many documents of `kind` the partner has made.
    async fn made(&self, partner: &str, kind: &str) -> usize {
        let ledger = self.control(&format!("{partner}/ledger"), &Value::Null).await;
        ledger["effects"].as_array().unwrap().iter().filter(|effect| effect["kind"] == *kind).count()
    }

    /// What is said next, proven and read as far as verification goes.
    async fn hear(&mut self) -> Delivery {
        let (partner, request) =
            tokio::time::timeout(Duration::from_secs(10), self.said.recv()).await.unwrap().unwrap();
        let now = Timestamp::now();
        let verified = self.partners.verify(&partner, &request, now).await.unwrap();
        let mut tampered = request.clone();
        tampered.body.push(b' ');
        assert!(self.partners.verify(&partner, &tampered, now).await.is_err());
        Delivery {
            partner: verified.partner,
            role: verified.role,
            id: verified.delivery,
            topic: verified.topic,
            body: request.body,
            received_at: now,
            correlation: "c".to_owned(),
            traceparent: None,
        }
    }
}

async fn receive(
    State(hear): State<mpsc::UnboundedSender<(String, Request)>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) {
    let partner = uri.path().rsplit('/').next().unwrap().to_owned();
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    hear.send((partner, Request { headers, body: body.to_vec(), ..Request::default() })).unwrap();
}

/// A step with so much time that a call has 400 ms.
fn cx() -> Context {
    Context {
        function: "test",
        correlation: "corr-1".to_owned(),
        traceparent: None,
        now: Timestamp::now(),
        event_time: Timestamp::now(),
        lease: Duration::from_secs(1),
        epoch: "e".to_owned(),
    }
}

fn order(external: &str) -> OrderId {
    OrderId::derive(&"acme-crm".parse().unwrap(), &external.parse().unwrap())
}

fn quantity(amount: &str, uom: &str) -> Quantity {
    Quantity::new(amount.parse().unwrap(), uom.parse().unwrap()).unwrap()
}

fn destination() -> Destination {
    Destination { country: "US".to_owned(), region: "NY".to_owned() }
}

fn party() -> Party {
    Party {
        name: "Ada Example".to_owned(),
        company: None,
        line1: "12 Sample Street".to_owned(),
        line2: None,
        city: "New York".to_owned(),
        region: Some("NY".to_owned()),
        postal_code: "10001".to_owned(),
        country: "US".to_owned(),
        phone: None,
        email: Some("ada@example.com".to_owned()),
    }
}

fn shares() -> Vec<Share> {
    let share = |n, sku: &str, amount: &str| Share {
        line: LineNo::new(n).unwrap(),
        sku: sku.parse().unwrap(),
        quantity: quantity(amount, "EA"),
    };
    vec![share(1, "SKU-1", "3"), share(2, "SKU-2-C12", "24")]
}

fn price_question() -> PriceQuestion {
    let line =
        |n, sku: &str, quantity| OrderLine { line: LineNo::new(n).unwrap(), sku: sku.parse().unwrap(), quantity };
    PriceQuestion {
        customer: "C-1".parse().unwrap(),
        currency: "USD".parse().unwrap(),
        destination: destination(),
        lines: vec![line(1, "SKU-1", quantity("3", "EA")), line(2, "SKU-2-C12", quantity("2", "CS"))],
    }
}

async fn sales_order(partners: &Adapters, order: &OrderId) -> SalesOrder {
    let question = price_question();
    let PriceAnswer::Quoted(quote) = partners.price(&cx(), &question).await.unwrap() else { panic!() };
    let line = |(ordered, quoted): (OrderLine, &domain::order::QuotedLine)| LinePrice {
        line: ordered.line,
        sku: ordered.sku,
        quantity: ordered.quantity,
        unit_price: quoted.unit_price,
        amount: quoted.amount,
        tax: quoted.tax,
    };
    SalesOrder {
        order: order.clone(),
        customer: question.customer,
        customer_po: "PO-1".parse().unwrap(),
        total: quote.total,
        destination: question.destination,
        lines: question.lines.into_iter().zip(&quote.lines).map(line).collect(),
    }
}

fn fulfillment_request(order: &OrderId, warehouse: &str, n: u32) -> FulfillmentRequest {
    FulfillmentRequest {
        fulfillment: order.fulfillment(n),
        warehouse: warehouse.parse().unwrap(),
        site: if warehouse == "shipwest" { "WEST" } else { "EAST" }.parse().unwrap(),
        service_level: ServiceLevel::Standard,
        ship_to: PartyRef { order: order.clone(), n: 1 },
        lines: shares(),
    }
}

#[tokio::test]
async fn an_orders_whole_conversation_is_understood_on_both_sides() {
    let mut town = Town::new().await;
    town.control("crm/orders", &json!({"count": 1, "seed": 1})).await;
    let delivery = town.hear().await;
    assert_eq!((delivery.role, delivery.topic.as_str()), (Role::Crm, "order.created"));
    let new = town.partners.read_order(&delivery).await.unwrap().unwrap();
    let order = new.submission.ship_to.order.clone();
    let (partners, cx) = (&town.partners, cx());

    let sales_order = sales_order(partners, &order).await;
    let credit = CreditQuestion { order: order.clone(), customer: "C-1".parse().unwrap(), amount: sales_order.total };
    assert!(matches!(partners.credit(&cx, &credit).await.unwrap(), CreditAnswer::Approved(_)));
    let poor = CreditQuestion { customer: "C-POOR".parse().unwrap(), ..credit };
    assert!(matches!(partners.credit(&cx, &poor).await.unwrap(), CreditAnswer::Refused(_)));
    let request = AllocationRequest { order: order.clone(), lines: shares() };
    let allocation = partners.allocate(&cx, &request, Attempt::First).await.unwrap();
    assert!(allocation.lines.iter().all(|line| line.short.is_zero() && !line.sources.is_empty()));
    let released = partners.create_sales_order(&cx, &sales_order, Attempt::First).await.unwrap();

    for (n, warehouse) in [(1, "eastco"), (2, "shipwest")] {
        let request = fulfillment_request(&order, warehouse, n);
        let answer = partners.request(&cx, &request, &new.party, Attempt::First).await.unwrap();
        assert!(matches!(answer, WarehouseAnswer::Accepted(_)), "{answer:?}");
        goods_issue(partners, &cx, &order, n, &released.sales_order).await;
    }
    let invoice = InvoiceRequest { order: order.clone(), sales_order: released.sales_order.clone() };
    let invoiced = partners.invoice(&cx, &invoice, Attempt::First).await.unwrap();
    assert_eq!(invoiced.total, sales_order.total);
    let telling = Telling {
        source: new.submission.source.clone(),
        external_id: new.submission.external_id.clone(),
        order: order.clone(),
        status: Status::Invoiced,
        lines: vec![],
        packages: vec![],
        sales_order: Some(released.sales_order),
        invoice: Some(invoiced.invoice),
    };
    assert_eq!(partners.tell(&cx, &telling, 9).await, Ok(()));
    assert_eq!(partners.tell(&cx, &telling, 8).await, Ok(()), "the CRM keeps the newer one");

    // Until every package of both shares has arrived.
    let mut delivered: BTreeMap<String, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, Vec<MilestoneKind>> = BTreeMap::new();
    while delivered.values().sum::<usize>() < 4 {
        let delivery = town.hear().await;
        let reported = town.partners.read_report(&delivery).await.unwrap().unwrap();
        assert_eq!(reported.fulfillment.order(), &order);
        for command in reported.commands {
            let Command::RecordMilestone(milestone) = command else { continue };
            let carried = milestone.carrier.is_some() && milestone.tracking.is_some();
            assert!(carried, "{}: {milestone:?}", delivery.partner);
            kinds.entry(delivery.partner.to_string()).or_default().push(milestone.milestone);
            if milestone.milestone == MilestoneKind::Delivered {
                *delivered.entry(delivery.partner.to_string()).or_default() += 1;
            }
        }
    }
    for (partner, kinds) in kinds {
        assert!(!kinds.contains(&MilestoneKind::Unknown), "{partner}: {kinds:?}");
        for kind in [MilestoneKind::LabelCreated, MilestoneKind::PickedUp, MilestoneKind::InTransit] {
            assert!(kinds.contains(&kind), "{partner}: {kinds:?}");
        }
    }
}

async fn goods_issue(partners: &Adapters, cx: &Context, order: &OrderId, n: u32, sales_order: &DocumentNumber) {
    let issue = GoodsIssue {
        fulfillment: order.fulfillment(n),
        package: format!("P-{n}").parse().unwrap(),
        sales_order: sales_order.clone(),
        site: "EAST".parse().unwrap(),
        lines: shares(),
    };
    let first = partners.post_goods_issue(cx, &issue, Attempt::First).await.unwrap();
    let again = partners.post_goods_issue(cx, &issue, repeat()).await.unwrap();
    assert_eq!(first, again);
}

/// Something may have been sent, a while ago.
fn repeat() -> Attempt {
    Attempt::Repeat { over_by: Timestamp::now() }
}

/// One write, by its name in the simulators.
async fn write(partners: &Adapters, operation: &str, order: &OrderId, attempt: Attempt) -> Result<String, CallFailure> {
    let cx = cx();
    match operation {
        "allocation.create" => {
            let request = AllocationRequest { order: order.clone(), lines: shares() };
            partners.allocate(&cx, &request, attempt).await.map(|made| made.number.to_string())
        }
        "sales_order.create" => {
            let wanted = sales_order(partners, order).await;
            partners.create_sales_order(&cx, &wanted, attempt).await.map(|made| made.sales_order.to_string())
        }
        warehouse => {
            let request = fulfillment_request(order, warehouse, 1);
            match partners.request(&cx, &request, &party(), attempt).await? {
                WarehouseAnswer::Accepted(accepted) => Ok(accepted.reference.to_string()),
                WarehouseAnswer::Rejected(rejected) => panic!("{rejected:?}"),
            }
        }
    }
}

/// Name, simulator, operation there, what it makes.
const WRITES: [(&str, &str, &str, &str); 4] = [
    ("allocation.create", "erp", "allocation.create", "allocation"),
    ("sales_order.create", "erp", "sales_order.create", "sales_order"),
    ("eastco", "eastco", "fulfillment.create", "fulfillment"),
    ("shipwest", "shipwest", "fulfillment.create", "fulfillment"),
];

#[tokio::test]
async fn b01_whatever_happens_to_an_answer_a_repeat_makes_no_second_document() {
    let faults = [
        (json!({"kind": "timeout_before", "hold_ms": 1500}), Some(Code::PartnerTimeout)),
        (json!({"kind": "timeout_after", "hold_ms": 1500}), Some(Code::PartnerTimeout)),
        (json!({"kind": "lost_reply"}), Some(Code::PartnerBusy)),
        (json!({"kind": "fail", "status": 503, "after_effect": true}), Some(Code::PartnerBusy)),
        (json!({"kind": "fail", "status": 500, "after_effect": false}), Some(Code::PartnerBusy)),
        (json!({"kind": "garbage", "body": "<html>"}), Some(Code::PartnerGarbage)),
        (json!({"kind": "limit", "retry_after": "3"}), None),
    ];
    let town = Town::new().await;
    for (operation, partner, at, kind) in WRITES {
        for (n, (fault, code)) in faults.iter().enumerate() {
            let order = order(&format!("{operation}-{n}"));
            let before = town.made(partner, kind).await;
            town.fault(partner, at, fault).await;
            let failed = write(&town.partners, operation, &order, Attempt::First).await.unwrap_err();
            match (code, &failed) {
                (Some(code), CallFailure::Unknown { code: told, .. }) => assert_eq!(told, code, "{operation} {fault}"),
                (None, CallFailure::Limited { retry_after, .. }) => assert_eq!(retry_after.as_secs(), 3),
                _ => panic!("{operation} {fault}: {failed:?}"),
            }
            let first = write(&town.partners, operation, &order, repeat()).await.unwrap();
            let again = write(&town.partners, operation, &order, repeat()).await.unwrap();
            assert_eq!(first, again, "{operation} {fault}");
            assert_eq!(town.made(partner, kind).await, before + 1, "{operation} {fault}");
        }
    }
}

#[tokio::test]
async fn b02_another_content_under_the_same_reference_is_refused() {
    let town = Town::new().await;
    let order = order("CRM-1");
    for warehouse in ["eastco", "shipwest"] {
        write(&town.partners, warehouse, &order, Attempt::First).await.unwrap();
        let mut other = fulfillment_request(&order, warehouse, 1);
        other.lines.pop();
        let refused = town.partners.request(&cx(), &other, &party(), repeat()).await;
        assert!(matches!(&refused, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{refused:?}");
        let refused = town.partners.request(&cx(), &other, &party(), Attempt::First).await;
        assert!(matches!(&refused, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{refused:?}");
        assert_eq!(town.made(warehouse, "fulfillment").await, 1);
    }
}

#[tokio::test]
async fn a_partner_that_is_down_or_does_not_know_us_is_told_apart() {
    let town = Town::new().await;
    for (operation, partner, at, _) in WRITES {
        town.fault(partner, at, &json!({"kind": "unauthorized"})).await;
        // The token is read anew and works: a partner that forgot us for a moment costs nothing.
        write(&town.partners, operation, &order("known-again"), Attempt::First).await.unwrap();
        let rule = json!([{"match": {"operation": at, "times": 2}, "fault": {"kind": "unauthorized"}}]);
        town.control(&format!("{partner}/faults"), &rule).await;
        let unknown = write(&town.partners, operation, &order("unknown"), Attempt::First).await.unwrap_err();
        assert!(matches!(unknown, CallFailure::Ours { code: Code::PartnerUnauthorized, .. }), "{unknown:?}");
        town.fault(partner, at, &json!({"kind": "down"})).await;
        let down = write(&town.partners, operation, &order("down"), Attempt::First).await.unwrap_err();
        assert!(matches!(down, CallFailure::Unknown { code: Code::PartnerBusy, .. }), "{down:?}");
    }
    let Town { simulators, partners, .. } = town;
    drop(simulators);
    let began = Instant::now();
    let gone = loop {
        // Its listener closes a moment later.
        let failed = write(&partners, "eastco", &order("gone"), Attempt::First).await.unwrap_err();
        if matches!(failed, CallFailure::NotSent { .. }) || began.elapsed() > Duration::from_secs(5) {
            break failed;
        }
    };
    assert!(matches!(gone, CallFailure::NotSent { code: Code::PartnerBusy, .. }), "{gone:?}");
}

#[tokio::test]
async fn b01_an_order_that_the_vendor_does_not_show_yet_is_neither_doubled_nor_given_up() {
    let town = Town::new().await;
    town.control("shipwest/settings", &json!({"settle_ms": 1500})).await;
    let order = order("CRM-1");
    town.fault("shipwest", "fulfillment.create", &json!({"kind": "lost_reply"})).await;
    write(&town.partners, "shipwest", &order, Attempt::First).await.unwrap_err();
    let began = Instant::now();
    let mut unsettled = 0;
    while let Err(failed) = write(&town.partners, "shipwest", &order, repeat()).await {
        assert!(matches!(failed, CallFailure::Unknown { .. }), "{failed:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
        unsettled += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(unsettled > 0);
    assert_eq!(town.made("shipwest", "fulfillment").await, 1);
}
