//! The adapters of `partners` and the simulators agree, over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use domain::fulfillment::{FulfillmentRequest, GoodsIssue, Inquiry, Withdrawal};
use domain::order::{
    AllocationNo, AllocationRequest, CreditQuery, CrmUpdate, Deallocation, InvoiceRequest, LinePrice, LineQuantity,
    OrderLine, PriceQuery, SalesOrder, SalesOrderCancellation, ServiceLevel, Status, StockQuery,
};
use domain::party::{Destination, Party, PartyRef};
use domain::shipment::MilestoneKind;
use domain::{DocumentNumber, FulfillmentCommand as Command, LineNo, OrderId, Quantity};
use engine::delivery::{Delivery, Role};
use engine::http::Request;
use engine::inbound::{
    ChangeReader as _, ChangeRequest, OrderReader as _, ReportReader as _, Senders as _, Unmappable,
};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Crm as _, Documents, Erp as _, PriceAnswer, Secrets, Warehouse as _,
    WarehouseAnswer, WithdrawalAnswer,
};
use engine::{Clock, Code, Context, Failure};
use jiff::Timestamp;
use partners::{HttpTransport, Partners};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::sign::{local_secret, local_token};
use simulators::{Running, Settings, start};
use tokio::sync::mpsc;

/// The local partners' documents with the simulators' URLs.
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
        let (_purpose, id) = name.rsplit_once('/').unwrap();
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

fn adapters(url: &str) -> Adapters {
    let transport = HttpTransport::new(true, std::time::Duration::from_secs(60)).unwrap();
    Partners::new(Local(url.to_owned()), transport, Now, ())
}

/// The simulators, the adapters that call them, and the simulators' messages.
struct Simulators {
    simulators: Running,
    partners: Adapters,
    said: mpsc::UnboundedReceiver<(String, Request)>,
}

impl Simulators {
    async fn new() -> Self {
        let (hear, said) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(hear);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = Settings { run: "t".to_owned(), pace_ms: 20, ..Settings::default() };
        let simulators = start(&settings, Some(&gateway)).await.unwrap();
        let partners = adapters(&simulators.url);
        Self { simulators, partners, said }
    }

    /// Adapters without any state.
    fn others(&self) -> Adapters {
        adapters(&self.simulators.url)
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/control/{path}", self.simulators.url);
        let client = reqwest::Client::new();
        let answer = if body.is_null() { client.get(url) } else { client.post(url).json(body) };
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// The next call of `operation` at `partner` meets this fault.
    async fn fault(&self, partner: &str, operation: &str, fault: &Value) {
        let rule = json!([{"match": {"operation": operation, "times": 1}, "fault": fault}]);
        self.control(&format!("{partner}/faults"), &rule).await;
    }

    /// How many documents of `kind` the partner created.
    async fn made(&self, partner: &str, kind: &str) -> usize {
        let ledger = self.control(&format!("{partner}/ledger"), &Value::Null).await;
        ledger["effects"].as_array().unwrap().iter().filter(|effect| effect["kind"] == *kind).count()
    }

    /// The next message, verified.
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
        epoch: engine::Epoch::FIRST,
        actor: None,
        folds: Default::default(),
        measures: Default::default(),
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
        postal_code: Some("10001".to_owned()),
        country: "US".to_owned(),
        phone: None,
        email: Some("ada@example.com".to_owned()),
    }
}

fn lines() -> Vec<LineQuantity> {
    let fulfillment = |n, sku: &str, amount: &str| LineQuantity {
        line: LineNo::new(n).unwrap(),
        sku: sku.parse().unwrap(),
        quantity: quantity(amount, "EA"),
    };
    vec![fulfillment(1, "SKU-1", "3"), fulfillment(2, "SKU-2-C12", "24")]
}

fn price_query() -> PriceQuery {
    let line =
        |n, sku: &str, quantity| OrderLine { line: LineNo::new(n).unwrap(), sku: sku.parse().unwrap(), quantity };
    PriceQuery {
        revision: 0,
        customer: "C-1".parse().unwrap(),
        currency: "USD".parse().unwrap(),
        destination: destination(),
        lines: vec![line(1, "SKU-1", quantity("3", "EA")), line(2, "SKU-2-C12", quantity("2", "CS"))],
    }
}

async fn sales_order(partners: &Adapters, order: &OrderId) -> SalesOrder {
    let query = price_query();
    let PriceAnswer::Quoted(quote) = partners.price(&cx(), &query).await.unwrap() else { panic!() };
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
        revision: 0,
        customer: query.customer,
        customer_po: "PO-1".parse().unwrap(),
        total: quote.total,
        destination: query.destination,
        lines: query.lines.into_iter().zip(&quote.lines).map(line).collect(),
    }
}

fn fulfillment_request(order: &OrderId, warehouse: &str, n: u32) -> FulfillmentRequest {
    FulfillmentRequest {
        fulfillment: order.fulfillment(n),
        warehouse: warehouse.parse().unwrap(),
        site: if warehouse == "shipwest" { "WEST" } else { "EAST" }.parse().unwrap(),
        service_level: ServiceLevel::Standard,
        requested_by: None,
        ship_to: PartyRef { order: order.clone(), n: 1 },
        lines: lines(),
    }
}

#[tokio::test]
async fn every_call_and_message_of_an_order_is_understood_on_both_sides() {
    let mut simulators = Simulators::new().await;
    simulators.control("crm/orders", &json!({"count": 1, "seed": 1})).await;
    let delivery = simulators.hear().await;
    assert_eq!((delivery.role, delivery.topic.as_str()), (Role::Crm, "order.created"));
    let new = simulators.partners.read_order(&delivery).await.unwrap().unwrap();
    let order = new.submission.ship_to.order.clone();
    let (partners, cx) = (&simulators.partners, cx());

    let sales_order = sales_order(partners, &order).await;
    let credit = CreditQuery { order: order.clone(), customer: "C-1".parse().unwrap(), amount: sales_order.total };
    assert!(matches!(partners.credit(&cx, &credit).await.unwrap(), CreditAnswer::Approved(_)));
    let poor = CreditQuery { customer: "C-POOR".parse().unwrap(), ..credit };
    assert!(matches!(partners.credit(&cx, &poor).await.unwrap(), CreditAnswer::Refused(_)));
    let request = AllocationRequest { order: order.clone(), allocation_no: AllocationNo::new(1), lines: lines() };
    let allocation = partners.allocate(&cx, &request, Attempt::First).await.unwrap();
    assert!(allocation.lines.iter().all(|line| line.short.is_zero() && !line.sources.is_empty()));
    let released = partners.create_sales_order(&cx, &sales_order, Attempt::First).await.unwrap();

    for (n, warehouse) in [(1, "eastco"), (2, "shipwest")] {
        let request = fulfillment_request(&order, warehouse, n);
        let answer = partners.request(&cx, &request, &new.party, Attempt::First).await.unwrap();
        assert!(matches!(answer, WarehouseAnswer::Accepted(_)), "{answer:?}");
        goods_issue(partners, &cx, &order, n, &released.sales_order).await;
    }
    let invoice = InvoiceRequest { order: order.clone(), sales_order: released.sales_order.clone(), lines: lines() };
    let invoiced = partners.invoice(&cx, &invoice, Attempt::First).await.unwrap();
    assert_eq!(invoiced.total, sales_order.total);
    let update = CrmUpdate {
        source: new.submission.source.clone(),
        external_id: new.submission.external_id.clone(),
        order: order.clone(),
        status: Status::Invoiced,
        requested_by: None,
        lines: vec![],
        packages: vec![],
        sales_order: Some(released.sales_order),
        invoice: Some(invoiced.invoice),
    };
    assert_eq!(partners.update(&cx, &update, 9).await, Ok(()));
    assert_eq!(partners.update(&cx, &update, 8).await, Ok(()), "the CRM keeps the newer one");

    // Until every package of both fulfillments has arrived.
    let mut delivered: BTreeMap<String, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, Vec<MilestoneKind>> = BTreeMap::new();
    while delivered.values().sum::<usize>() < 4 {
        let delivery = simulators.hear().await;
        let reported = simulators.partners.read_report(&delivery).await.unwrap().unwrap();
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
        lines: lines(),
    };
    let first = partners.post_goods_issue(cx, &issue, Attempt::First).await.unwrap();
    let again = partners.post_goods_issue(cx, &issue, repeat()).await.unwrap();
    assert_eq!(first, again);
}

/// An earlier attempt may have reached the partner.
fn repeat() -> Attempt {
    Attempt::Repeat { over_by: Timestamp::now() }
}

/// One write, by its name in the simulators.
async fn write(partners: &Adapters, operation: &str, order: &OrderId, attempt: Attempt) -> Result<String, CallFailure> {
    let cx = cx();
    match operation {
        "allocation.create" => {
            let request =
                AllocationRequest { order: order.clone(), allocation_no: AllocationNo::new(1), lines: lines() };
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

/// Name, simulator, operation there, kind of the document.
const WRITES: [(&str, &str, &str, &str); 4] = [
    ("allocation.create", "erp", "allocation.create", "allocation"),
    ("sales_order.create", "erp", "sales_order.create", "sales_order"),
    ("eastco", "eastco", "fulfillment.create", "fulfillment"),
    ("shipwest", "shipwest", "fulfillment.create", "fulfillment"),
];

#[tokio::test]
async fn b01_a_repeat_after_any_lost_answer_makes_no_second_document() {
    let faults = [
        (json!({"kind": "timeout_before", "hold_ms": 1500}), Some(Code::PartnerTimeout)),
        (json!({"kind": "timeout_after", "hold_ms": 1500}), Some(Code::PartnerTimeout)),
        (json!({"kind": "lost_reply"}), Some(Code::PartnerBusy)),
        (json!({"kind": "fail", "status": 503, "after_effect": true}), Some(Code::PartnerBusy)),
        (json!({"kind": "fail", "status": 500, "after_effect": false}), Some(Code::PartnerBusy)),
        (json!({"kind": "garbage", "body": "<html>"}), Some(Code::PartnerGarbage)),
        (json!({"kind": "limit", "retry_after": "3"}), None),
    ];
    let simulators = Simulators::new().await;
    for (operation, partner, at, kind) in WRITES {
        for (n, (fault, code)) in faults.iter().enumerate() {
            let order = order(&format!("{operation}-{n}"));
            let before = simulators.made(partner, kind).await;
            simulators.fault(partner, at, fault).await;
            let failed = write(&simulators.others(), operation, &order, Attempt::First).await.unwrap_err();
            match (code, &failed) {
                (Some(code), CallFailure::Unknown { code: told, .. }) => assert_eq!(told, code, "{operation} {fault}"),
                (None, CallFailure::Limited { retry_after, .. }) => assert_eq!(retry_after.as_secs(), 3),
                _ => panic!("{operation} {fault}: {failed:?}"),
            }
            let first = write(&simulators.partners, operation, &order, repeat()).await.unwrap();
            let again = write(&simulators.partners, operation, &order, repeat()).await.unwrap();
            assert_eq!(first, again, "{operation} {fault}");
            assert_eq!(simulators.made(partner, kind).await, before + 1, "{operation} {fault}");
        }
    }
}

#[tokio::test]
async fn b02_another_content_under_the_same_reference_is_refused() {
    let simulators = Simulators::new().await;
    let order = order("CRM-1");
    for warehouse in ["eastco", "shipwest"] {
        write(&simulators.partners, warehouse, &order, Attempt::First).await.unwrap();
        let mut other = fulfillment_request(&order, warehouse, 1);
        other.lines.pop();
        let refused = simulators.partners.request(&cx(), &other, &party(), repeat()).await;
        assert!(matches!(&refused, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{refused:?}");
        let refused = simulators.partners.request(&cx(), &other, &party(), Attempt::First).await;
        assert!(matches!(&refused, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{refused:?}");
        assert_eq!(simulators.made(warehouse, "fulfillment").await, 1);
    }
}

#[tokio::test]
async fn a_partner_that_is_down_and_one_that_refuses_our_token_are_different_failures() {
    let simulators = Simulators::new().await;
    for (operation, partner, at, _) in WRITES {
        simulators.fault(partner, at, &json!({"kind": "unauthorized"})).await;
        // The token is read again and works.
        write(&simulators.partners, operation, &order("known-again"), Attempt::First).await.unwrap();
        let rule = json!([{"match": {"operation": at, "times": 2}, "fault": {"kind": "unauthorized"}}]);
        simulators.control(&format!("{partner}/faults"), &rule).await;
        let unknown = write(&simulators.partners, operation, &order("unknown"), Attempt::First).await.unwrap_err();
        assert!(matches!(unknown, CallFailure::NotSent { code: Code::PartnerUnauthorized, .. }), "{unknown:?}");
        simulators.fault(partner, at, &json!({"kind": "down"})).await;
        let down = write(&simulators.partners, operation, &order("down"), Attempt::First).await.unwrap_err();
        assert!(matches!(down, CallFailure::Unknown { code: Code::PartnerBusy, .. }), "{down:?}");
    }
    let Simulators { simulators, partners, .. } = simulators;
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
async fn b01_an_order_that_the_vendor_does_not_show_yet_is_neither_duplicated_nor_lost() {
    let simulators = Simulators::new().await;
    simulators.control("shipwest/settings", &json!({"settle_ms": 1500})).await;
    let order = order("CRM-1");
    simulators.fault("shipwest", "fulfillment.create", &json!({"kind": "lost_reply"})).await;
    write(&simulators.partners, "shipwest", &order, Attempt::First).await.unwrap_err();
    let began = Instant::now();
    let mut unsettled = 0;
    while let Err(failed) = write(&simulators.partners, "shipwest", &order, repeat()).await {
        assert!(matches!(failed, CallFailure::Unknown { .. }), "{failed:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
        unsettled += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(unsettled > 0);
    assert_eq!(simulators.made("shipwest", "fulfillment").await, 1);
}

/// The write that is undone, the simulator, the operation there, and the kind of its effect.
const UNDOINGS: [(&str, &str, &str, &str); 4] = [
    ("allocation.create", "erp", "allocation.release", "allocation_deallocated"),
    ("sales_order.create", "erp", "sales_order.cancel", "sales_order_cancelled"),
    ("eastco", "eastco", "fulfillment.cancel", "fulfillment_cancelled"),
    ("shipwest", "shipwest", "fulfillment.cancel", "fulfillment_cancelled"),
];

/// Undoes the write of that name. Returns the number of the undone document; `None` where there was none.
async fn undo(
    partners: &Adapters,
    write: &str,
    order: &OrderId,
    attempt: Attempt,
) -> Result<Option<String>, CallFailure> {
    let (cx, order) = (cx(), order.clone());
    match write {
        "allocation.create" => {
            let deallocation = Deallocation { order, allocation_no: AllocationNo::new(1), sent_until: None };
            partners.deallocate(&cx, &deallocation, attempt).await.map(|()| None)
        }
        "sales_order.create" => {
            let cancel = SalesOrderCancellation { order, sales_order: None, sent_until: None };
            let cancelled = partners.cancel_sales_order(&cx, &cancel, attempt).await?;
            Ok(cancelled.map(|number| number.to_string()))
        }
        warehouse => {
            let withdrawal = Withdrawal {
                fulfillment: order.fulfillment(1),
                warehouse: warehouse.parse().unwrap(),
                reference: None,
                sent_until: None,
            };
            match partners.withdraw(&cx, &withdrawal, attempt).await? {
                WithdrawalAnswer::Withdrawn(withdrawn) => Ok(withdrawn.reference.map(|name| name.to_string())),
                WithdrawalAnswer::TooLate(why) => Err(CallFailure::Refused(why)),
            }
        }
    }
}

#[tokio::test]
async fn b01_after_any_lost_answer_nothing_is_undone_twice_and_everything_is_undone() {
    let faults = [
        json!({"kind": "timeout_before", "hold_ms": 1500}),
        json!({"kind": "timeout_after", "hold_ms": 1500}),
        json!({"kind": "lost_reply"}),
        json!({"kind": "fail", "status": 503, "after_effect": true}),
        json!({"kind": "fail", "status": 500, "after_effect": false}),
        json!({"kind": "limit", "retry_after": "3"}),
    ];
    let simulators = Simulators::new().await;
    for warehouse in ["eastco", "shipwest"] {
        simulators.control(&format!("{warehouse}/settings"), &json!({"pace_ms": 60_000})).await;
    }
    for (made, partner, operation, kind) in UNDOINGS {
        let nothing = undo(&simulators.partners, made, &order("never-made"), Attempt::First).await.unwrap();
        assert_eq!(nothing, None, "{made}: that nothing stands there is success");
        for (n, fault) in faults.iter().enumerate() {
            let order = order(&format!("{made}-{n}"));
            write(&simulators.partners, made, &order, Attempt::First).await.unwrap();
            let before = simulators.made(partner, kind).await;
            simulators.fault(partner, operation, fault).await;
            undo(&simulators.others(), made, &order, Attempt::First).await.unwrap_err();
            let first = undo(&simulators.partners, made, &order, repeat()).await.unwrap();
            let again = undo(&simulators.partners, made, &order, repeat()).await.unwrap();
            assert_eq!(first, again, "{made} {fault}");
            assert_eq!(simulators.made(partner, kind).await, before + 1, "{made} {fault}");
        }
    }
}

#[tokio::test]
async fn b04_a_fulfillment_that_is_being_packed_is_not_withdrawn() {
    let simulators = Simulators::new().await;
    for warehouse in ["eastco", "shipwest"] {
        write(&simulators.partners, warehouse, &order("packed"), Attempt::First).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let refused = undo(&simulators.partners, warehouse, &order("packed"), Attempt::First).await.unwrap_err();
        assert!(matches!(&refused, CallFailure::Refused(why) if why.code == "TOO_LATE"), "{warehouse}: {refused:?}");
        assert_eq!(simulators.made(warehouse, "fulfillment_cancelled").await, 0);
    }
}

#[tokio::test]
async fn b25_an_amended_sales_order_is_changed_once_and_never_back() {
    let simulators = Simulators::new().await;
    let (partners, order) = (&simulators.partners, order("CRM-1"));
    let first = sales_order(partners, &order).await;
    let made = partners.create_sales_order(&cx(), &first, Attempt::First).await.unwrap();
    let amended = |revision| SalesOrder { revision, ..first.clone() };
    simulators.control("erp/settings", &json!({"failing_changes": 1})).await;
    let changed = partners.create_sales_order(&cx(), &amended(1), Attempt::First).await.unwrap();
    assert_eq!((&changed.sales_order, changed.revision), (&made.sales_order, 1));
    assert_eq!(partners.create_sales_order(&cx(), &amended(1), repeat()).await.unwrap(), changed);
    simulators.fault("erp", "sales_order.change", &json!({"kind": "lost_reply"})).await;
    partners.create_sales_order(&cx(), &amended(2), Attempt::First).await.unwrap_err();
    partners.create_sales_order(&cx(), &amended(2), repeat()).await.unwrap();
    assert_eq!(simulators.made("erp", "sales_order_changed").await, 2);
    let stale = partners.create_sales_order(&cx(), &amended(1), repeat()).await.unwrap_err();
    assert!(matches!(&stale, CallFailure::Refused(why) if why.code == "STALE_REVISION"), "{stale:?}");
    simulators.control("erp/settings", &json!({"failing_changes": 9})).await;
    let restless = partners.create_sales_order(&cx(), &amended(3), Attempt::First).await.unwrap_err();
    assert!(matches!(restless, CallFailure::Unknown { code: Code::PartnerBusy, .. }), "{restless:?}");
    assert_eq!(simulators.made("erp", "sales_order").await, 1);
}

#[tokio::test]
async fn an_invoice_of_everything_has_the_orders_total_and_a_part_its_proportion() {
    let simulators = Simulators::new().await;
    let partners = &simulators.partners;
    for (n, lines) in
        [("all", lines()), ("part", vec![LineQuantity { quantity: quantity("1", "EA"), ..lines()[0].clone() }])]
    {
        let order = order(n);
        let wanted = sales_order(partners, &order).await;
        let made = partners.create_sales_order(&cx(), &wanted, Attempt::First).await.unwrap();
        let invoice = InvoiceRequest { order, sales_order: made.sales_order, lines };
        let first = partners.invoice(&cx(), &invoice, Attempt::First).await.unwrap();
        assert_eq!(partners.invoice(&cx(), &invoice, repeat()).await.unwrap(), first);
        if n == "all" {
            assert_eq!(first.total, wanted.total);
        } else {
            // A third of 29.97 and of its tax of 2.66, each rounded once.
            assert_eq!(first.total.amount.to_string(), "10.88");
        }
    }
}

#[tokio::test]
async fn c14_and_b21_a_refusal_of_the_erp_has_its_reason() {
    let simulators = Simulators::new().await;
    let (partners, order) = (&simulators.partners, order("CRM-1"));
    let wanted = sales_order(partners, &order).await;
    let made = partners.create_sales_order(&cx(), &wanted, Attempt::First).await.unwrap();
    simulators.fault("erp", "goods_issue.create", &json!({"kind": "refuse", "code": "PERIOD_CLOSED"})).await;
    let issue = GoodsIssue {
        fulfillment: order.fulfillment(1),
        package: "P-1".parse().unwrap(),
        sales_order: made.sales_order,
        site: "EAST".parse().unwrap(),
        lines: lines(),
    };
    let closed = partners.post_goods_issue(&cx(), &issue, Attempt::First).await.unwrap_err();
    assert!(matches!(&closed, CallFailure::Refused(why) if why.code == "PERIOD_CLOSED"), "{closed:?}");
    // The period is open again: the same key makes one posting.
    let posted = partners.post_goods_issue(&cx(), &issue, repeat()).await.unwrap();
    assert_eq!(partners.post_goods_issue(&cx(), &issue, repeat()).await.unwrap(), posted);
    assert_eq!(simulators.made("erp", "goods_issue").await, 1);
    let mut query = price_query();
    query.lines[0].sku = "SKU-UNKNOWN-1".parse().unwrap();
    let answer = partners.price(&cx(), &query).await.unwrap();
    assert!(matches!(&answer, PriceAnswer::Unpriceable(why) if why.code == "UNKNOWN_SKU"), "{answer:?}");
}

#[tokio::test]
async fn new_stock_is_found_by_a_query_and_capped_at_the_requested_quantity() {
    let simulators = Simulators::new().await;
    let ask = async || {
        let query = StockQuery {
            order: order("CRM-1"),
            lines: vec![LineQuantity { quantity: quantity("7", "EA"), ..lines()[0].clone() }],
        };
        simulators.partners.stock(&cx(), &query).await.unwrap()
    };
    for (east, west, there) in [(0, 0, None), (2, 3, Some("5")), (5, 9, Some("7"))] {
        let at =
            |location: &str, amount: u32| json!({"sku": "SKU-1", "location": location, "quantity": amount.to_string()});
        simulators.control("erp/settings", &json!({"stock": [at("EAST", east), at("WEST", west)]})).await;
        let found = ask().await.first().map(|fulfillment| fulfillment.quantity.amount().to_string());
        assert_eq!(found.as_deref(), there);
    }
}

/// All reports of a warehouse about one fulfillment, as commands.
async fn told_of(simulators: &mut Simulators, fulfillment: &domain::FulfillmentId) -> Vec<Command> {
    let mut told = Vec::new();
    loop {
        let pending = simulators.control("idle", &Value::Null).await["pending"].as_u64().unwrap();
        match tokio::time::timeout(Duration::from_millis(300), simulators.hear()).await {
            Ok(delivery) => {
                let reported = simulators.partners.read_report(&delivery).await.unwrap().unwrap();
                assert_eq!(reported.fulfillment, *fulfillment);
                told.extend(reported.commands);
            }
            Err(_) if pending == 0 => return told,
            Err(_) => {}
        }
    }
}

fn inquiry(order: &OrderId, warehouse: &str) -> Inquiry {
    Inquiry { fulfillment: order.fulfillment(1), warehouse: warehouse.parse().unwrap(), reference: None }
}

#[tokio::test]
async fn a_query_after_all_messages_finds_nothing_new() {
    let mut simulators = Simulators::new().await;
    for warehouse in ["eastco", "shipwest"] {
        let script = json!({"packages": 2, "trace": "serials", "void_first": warehouse == "eastco"});
        simulators.control(&format!("{warehouse}/script"), &script).await;
        let order = order(&format!("polled-{warehouse}"));
        write(&simulators.partners, warehouse, &order, Attempt::First).await.unwrap();
        let told = told_of(&mut simulators, &order.fulfillment(1)).await;
        let polled = simulators.partners.inquire(&cx(), &inquiry(&order, warehouse)).await.unwrap();
        assert!(polled.len() > 3, "{warehouse}: {polled:?}");
        for command in &polled {
            // ShipBob sends no message when an order is complete.
            let unreported = warehouse == "shipwest" && matches!(command, Command::RecordClosed(_));
            assert!(unreported || told.contains(command), "{warehouse}: {command:?} is news after {told:#?}");
        }
        assert!(polled.iter().any(|command| matches!(command, Command::RecordClosed(_))), "{warehouse}: {polled:?}");
        let traced = |command: &Command| matches!(command, Command::RecordPacked(packed) if !packed.traced.is_empty());
        assert!(polled.iter().any(traced), "{warehouse}");
    }
}

#[tokio::test]
async fn c09_packages_without_messages_are_found_by_a_query() {
    let mut simulators = Simulators::new().await;
    for warehouse in ["eastco", "shipwest"] {
        simulators.control(&format!("{warehouse}/script"), &json!({"packages": 2, "first_only": true})).await;
        let order = order(&format!("split-{warehouse}"));
        write(&simulators.partners, warehouse, &order, Attempt::First).await.unwrap();
        let told = told_of(&mut simulators, &order.fulfillment(1)).await;
        let polled = simulators.partners.inquire(&cx(), &inquiry(&order, warehouse)).await.unwrap();
        let packages = |commands: &[Command]| {
            let packed = commands.iter().filter_map(|command| match command {
                Command::RecordPacked(packed) => Some(packed.package.to_string()),
                _ => None,
            });
            packed.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!((packages(&told), packages(&polled)), (1, 2), "{warehouse}");
    }
}

#[tokio::test]
async fn b28_echoes_of_our_writes_are_ignored_and_changes_by_others_are_read() {
    let mut simulators = Simulators::new().await;
    for partner in ["crm", "erp"] {
        simulators.control(&format!("{partner}/settings"), &json!({"echo": true})).await;
    }
    let order = order("CRM-1");
    write(&simulators.partners, "sales_order.create", &order, Attempt::First).await.unwrap();
    let update = CrmUpdate {
        source: "acme-crm".parse().unwrap(),
        external_id: "CRM-1".parse().unwrap(),
        order: order.clone(),
        status: Status::Submitted,
        requested_by: None,
        lines: vec![],
        packages: vec![],
        sales_order: None,
        invoice: None,
    };
    simulators.partners.update(&cx(), &update, 3).await.unwrap();
    for _ in 0..2 {
        let delivery = simulators.hear().await;
        let read = simulators.partners.read_change(&delivery).await.unwrap();
        assert_eq!(read, Err(Unmappable::Unrelated("our own write")), "{}", delivery.topic);
    }
    let cancelled = json!({"topic": "order.cancelled", "data": {"id": "CRM-1", "reason": "changed their mind"}});
    simulators.control("crm/changes", &cancelled).await;
    let held = json!({"topic": "order.held", "data": {"reference": order.to_string(), "reason": "over the limit"}});
    simulators.control("erp/changes", &held).await;
    let mut wanted = Vec::new();
    for _ in 0..2 {
        let delivery = simulators.hear().await;
        let change = simulators.partners.read_change(&delivery).await.unwrap().unwrap();
        assert_eq!(change.order, order);
        wanted.push(change.request);
    }
    let cancels =
        |it: &ChangeRequest| matches!(it, ChangeRequest::Cancel { reason, .. } if reason == "changed their mind");
    assert!(wanted.iter().any(cancels), "{wanted:?}");
    assert!(wanted.contains(&ChangeRequest::Hold { reason: "over the limit".to_owned() }), "{wanted:?}");
}

#[tokio::test]
async fn c15_a_total_that_disagrees_with_its_lines_is_parked_with_the_place() {
    let mut simulators = Simulators::new().await;
    simulators.control("eastco/script", &json!({"packages": 1, "wrong_total": true, "milestones": []})).await;
    write(&simulators.partners, "eastco", &order("CRM-1"), Attempt::First).await.unwrap();
    loop {
        let delivery = simulators.hear().await;
        if delivery.topic != "package.packed" {
            continue;
        }
        let read = simulators.partners.read_report(&delivery).await.unwrap();
        let Err(Unmappable::Malformed(offences)) = read else { panic!("{read:?}") };
        assert_eq!(offences[0].pointer, "/data/package/total_quantity");
        return;
    }
}
