//! A partner with scripted answers, and the requests that tests send to it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use domain::fulfillment::{FulfillmentRequest, GoodsIssue};
use domain::order::{
    AllocationNo, AllocationRequest, CreditQuery, InvoiceRequest, LinePrice, LineQuantity, OrderLine, PriceQuery,
    SalesOrder, ServiceLevel,
};
use domain::party::{Destination, Party, PartyRef};
use domain::{LineNo, Money, OrderId, Quantity};
use engine::partner::{Documents, Secrets};
use engine::{Clock, Context, Failure};
use jiff::Timestamp;
use partners::{Call, Partner, Partners, Reply, Transport, TransportFailure};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use secrecy::SecretString;
use serde_json::{Value, json};

pub const NOW: &str = "2026-03-02T10:00:00Z";

/// Returns the scripted answers in their order, and records the calls.
#[derive(Clone, Default)]
pub struct Script {
    answers: Rc<RefCell<VecDeque<Result<Reply, TransportFailure>>>>,
    pub calls: Rc<RefCell<Vec<Call>>>,
}

impl Script {
    pub fn then(self, status: u16, body: impl ToString) -> Self {
        self.then_with(status, &[], body)
    }

    pub fn then_with(self, status: u16, headers: &[(&str, &str)], body: impl ToString) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.answers.borrow_mut().push_back(Ok(Reply { status, headers, body: body.to_string().into_bytes() }));
        self
    }

    pub fn then_fail(self, failure: TransportFailure) -> Self {
        self.answers.borrow_mut().push_back(Err(failure));
        self
    }

    /// The recorded calls in their order, such as `GET /x`.
    pub fn requests(&self) -> Vec<String> {
        let one = |call: &Call| {
            let query = call.url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{} {}{query}", call.method.as_str(), call.url.path())
        };
        self.calls.borrow().iter().map(one).collect()
    }

    pub fn call(&self, n: usize) -> Call {
        self.calls.borrow()[n].clone()
    }

    pub fn body(&self, n: usize) -> Value {
        serde_json::from_slice(&self.calls.borrow()[n].body).unwrap()
    }

    pub fn is_finished(&self) -> bool {
        self.answers.borrow().is_empty()
    }
}

impl Transport for Script {
    async fn send(&self, call: Call) -> Result<Reply, TransportFailure> {
        self.calls.borrow_mut().push(call);
        self.answers.borrow_mut().pop_front().expect("a call without a scripted answer")
    }
}

/// Documents and secrets in memory; counts reads of documents. It has no secret but the tokens of partners by role and the
/// webhooks' signing secrets, each without the other's part.
#[derive(Clone)]
pub struct Store {
    pub documents: Rc<RefCell<Vec<Value>>>,
    pub reads: Rc<Cell<u32>>,
    /// The cached secret, and the current one.
    pub secrets: Rc<RefCell<(Value, Value)>>,
}

impl Store {
    pub fn of(documents: &[Value]) -> Self {
        let secret = json!({"token": "token-one", "signing": [SECRET]});
        Self {
            documents: Rc::new(RefCell::new(documents.to_vec())),
            reads: Rc::default(),
            secrets: Rc::new(RefCell::new((secret.clone(), secret))),
        }
    }
}

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Documents for Store {
    async fn documents(&self) -> Result<Vec<String>, Failure> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.documents.borrow().iter().map(Value::to_string).collect())
    }
}

impl Secrets for Store {
    async fn secret(&self, name: &str, fresh: bool) -> Result<SecretString, Failure> {
        let unused = match name.split('/').collect::<Vec<_>>()[..] {
            ["partner", "crm" | "erp" | "warehouse", _] => "signing",
            ["webhook", _] => "token",
            _ => panic!("{name}"),
        };
        let (cached, current) = &*self.secrets.borrow();
        let mut secret = if fresh { current } else { cached }.clone();
        if let Some(secret) = secret.as_object_mut() {
            secret.remove(unused);
        }
        Ok(secret.to_string().into())
    }
}

#[derive(Clone)]
pub struct Watch(pub Rc<Cell<Timestamp>>);

impl Watch {
    pub fn at(text: &str) -> Self {
        Self(Rc::new(Cell::new(text.parse().unwrap())))
    }

    pub fn pass(&self, seconds: i64) {
        self.0.set(self.0.get() + jiff::SignedDuration::from_secs(seconds));
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

pub type TestPartners = Partners<Store, Script, Watch, ()>;

/// The four partners, which all answer by `script`.
pub fn partners(script: &Script) -> TestPartners {
    partners_of(&store(), script)
}

/// The documents of the four partners.
pub fn store() -> Store {
    Store::of(&[crm(), erp(), eastco(), shipwest()])
}

/// The partners of `store`.
pub fn partners_of(store: &Store, script: &Script) -> TestPartners {
    Partners::new(store.clone(), script.clone(), Watch::at(NOW), ())
}

/// The same, with another submission semantics for the ERP and `eastco`.
pub fn partners_that(semantics: Value, script: &Script) -> TestPartners {
    let (mut erp, mut eastco) = (erp(), eastco());
    erp["submission"] = semantics.clone();
    eastco["submission"] = semantics;
    Partners::new(Store::of(&[crm(), erp, eastco, shipwest()]), script.clone(), Watch::at(NOW), ())
}

/// Runs a future that never waits: it is ready at the first poll.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future waits"),
    }
}

pub fn read(document: &Value) -> Partner {
    Partner::read(document).unwrap()
}

pub fn crm() -> Value {
    json!({
        "id": "acme-crm", "role": "crm", "protocol": "rest", "base_url": "https://crm.example/api/",
        "auth": {"scheme": "bearer"}, "webhook": {"scheme": "standard"}, "orders": {"deadline_days": 7},
        "maps": {"carriers": {"ups-ground": "UPS"}, "units": {"CS": "CASE"}},
    })
}

pub fn erp() -> Value {
    json!({
        "id": "acme-erp", "role": "erp", "protocol": "rest", "base_url": "https://erp.example",
        "auth": {"scheme": "bearer", "secret": "partner/erp/the-erp"},
        "maps": {"sites": {"EAST": "LOC-1", "WEST": "LOC-2"}, "skus": {"SKU-9": "MAT-000009"}},
    })
}

pub fn eastco() -> Value {
    json!({
        "id": "eastco", "role": "warehouse", "protocol": "rest", "base_url": "https://eastco.example/v1",
        "time_zone": "America/New_York",
        "auth": {"scheme": "bearer"}, "webhook": {"scheme": "standard"},
        "warehouse": {"sites": [site("EAST")]},
        "maps": {
            "statuses": {"GONE": "picked_up", "NEVER": "rejected", "NOISE": "nothing", "delivered_to_agent": "in_transit"},
            "carriers": {"UPSN": "UPS"},
            "skus": {"SKU-9": "E-9"},
            "units": {"EA": "PCE"},
        },
    })
}

pub fn shipwest() -> Value {
    json!({
        "id": "shipwest", "role": "warehouse", "protocol": "shipbob", "base_url": "https://shipbob.example",
        "time_zone": "America/Los_Angeles",
        "auth": {"scheme": "bearer"}, "webhook": {"scheme": "standard"},
        "shipbob": {"channel_id": 77},
        "warehouse": {"sites": [site("WEST")]},
        "maps": {
            "service_levels": {"expedited": "2-Day"},
            "sites": {"WEST": "9"},
            "skus": {"SKU-9": "W-9"},
            "statuses": {"Exception/OutOfStock": "rejected"},
        },
    })
}

pub fn site(code: &str) -> Value {
    json!({
        "code": code, "serves": [{"country": "US", "home_regions": ["NY"]}], "service_levels": ["standard"],
        "cut_off": "15:00", "time_zone": "America/New_York",
    })
}

pub fn cx() -> Context {
    Context {
        function: "test",
        correlation: "corr-1".to_owned(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        now: NOW.parse().unwrap(),
        event_time: "2026-03-02T09:59:58Z".parse().unwrap(),
        lease: Duration::from_secs(60),
        epoch: engine::Epoch::FIRST,
        actor: None,
        folds: Default::default(),
        measures: Default::default(),
    }
}

pub fn order() -> OrderId {
    OrderId::derive(&"acme-crm".parse().unwrap(), &"CRM-1".parse().unwrap())
}

pub fn quantity(amount: &str, uom: &str) -> Quantity {
    Quantity::new(amount.parse().unwrap(), uom.parse().unwrap()).unwrap()
}

pub fn money(amount: &str) -> Money {
    Money { amount: amount.parse().unwrap(), currency: "USD".parse().unwrap() }
}

pub fn line(n: u32) -> LineNo {
    LineNo::new(n).unwrap()
}

pub fn line_quantity(n: u32, sku: &str, amount: &str) -> LineQuantity {
    LineQuantity { line: line(n), sku: sku.parse().unwrap(), quantity: quantity(amount, "EA") }
}

pub fn destination() -> Destination {
    Destination { country: "US".to_owned(), region: "NY".to_owned() }
}

pub fn party() -> Party {
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

pub fn price_query() -> PriceQuery {
    let line = |n, sku: &str, q| OrderLine { line: line(n), sku: sku.parse().unwrap(), quantity: q };
    PriceQuery {
        revision: 0,
        customer: "C-1".parse().unwrap(),
        currency: "USD".parse().unwrap(),
        destination: destination(),
        lines: vec![line(1, "SKU-1", quantity("3", "EA")), line(2, "SKU-9", quantity("2", "CS"))],
    }
}

pub fn credit_query() -> CreditQuery {
    CreditQuery { order: order(), customer: "C-1".parse().unwrap(), amount: money("32.50") }
}

pub fn allocation_request() -> AllocationRequest {
    AllocationRequest {
        order: order(),
        allocation_no: AllocationNo::new(1),
        lines: vec![line_quantity(1, "SKU-1", "3"), line_quantity(2, "SKU-9", "24")],
    }
}

pub fn sales_order() -> SalesOrder {
    let line = LinePrice {
        line: line(1),
        sku: "SKU-1".parse().unwrap(),
        quantity: quantity("3", "EA"),
        unit_price: "9.99".parse().unwrap(),
        amount: "29.97".parse().unwrap(),
        tax: "2.53".parse().unwrap(),
    };
    SalesOrder {
        order: order(),
        revision: 0,
        customer: "C-1".parse().unwrap(),
        customer_po: "PO-1".parse().unwrap(),
        total: money("32.50"),
        destination: destination(),
        lines: vec![line],
    }
}

pub fn goods_issue() -> GoodsIssue {
    GoodsIssue {
        fulfillment: order().fulfillment(1),
        package: "P-1".parse().unwrap(),
        sales_order: "SO-1".parse().unwrap(),
        site: "EAST".parse().unwrap(),
        lines: vec![line_quantity(1, "SKU-1", "3")],
    }
}

pub fn invoice_request() -> InvoiceRequest {
    InvoiceRequest { order: order(), sales_order: "SO-1".parse().unwrap(), lines: vec![line_quantity(1, "SKU-1", "3")] }
}

pub fn fulfillment_request(warehouse: &str) -> FulfillmentRequest {
    FulfillmentRequest {
        fulfillment: order().fulfillment(1),
        warehouse: warehouse.parse().unwrap(),
        site: if warehouse == "shipwest" { "WEST" } else { "EAST" }.parse().unwrap(),
        service_level: ServiceLevel::Expedited,
        requested_by: None,
        ship_to: PartyRef { order: order(), n: 1 },
        lines: vec![line_quantity(1, "SKU-1", "3"), line_quantity(2, "SKU-9", "24")],
    }
}

/// Any JSON.
pub fn wild() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(".{0,8}", inner, 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}
