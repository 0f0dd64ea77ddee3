//! One order's life and a few asides, as commits: where the samples come from, and what the API's description is held to.

use domain::intake::DeliveryEvent;
use domain::{FulfillmentEvent, OrderEvent, ReturnEvent};
use engine::Commit;
use engine::delivery::{DeliveryReceived, Role};
use engine::relay::{Entry, delivery_entry, entries};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::returns_story;

/// The order that `acme-crm` knows as CRM-1001.
pub(crate) const ORDER: &str = "ord_6ce86670g2ykygj63p6wp7y650";

/// Another order, or another id of it.
const OTHER: &str = "ord_0123456789abcdefghjkmnpqrs";

const SOURCE: &str = "/crossdock/sample";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) fn fulfillment_id(n: u32) -> String {
    format!("{ORDER}-{n}")
}

pub(crate) fn pieces(amount: &str) -> Value {
    json!({ "amount": amount, "uom": "EA" })
}

fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// The order's own commits.
pub(crate) fn order() -> Vec<Commit> {
    let stream = format!("order/{ORDER}");
    let (east, west) = (fulfillment_id(1), fulfillment_id(2));
    let progressed = |id: &str, as_of: u64, line: &str, amount: &str, delivered: bool, goods_issued: bool| {
        let mut progressed = json!({
            "type": "order.fulfillment_progressed", "fulfillment": id, "as_of": as_of, "request_status": "accepted",
            "shipped": { line: pieces(amount) }, "delivered": {}, "has_packages": true, "goods_issued": goods_issued,
        });
        let (member, value) =
            if delivered { ("delivered", json!({ line: pieces(amount) })) } else { ("under_way", json!(true)) };
        progressed[member] = value;
        progressed
    };
    commits(
        &stream,
        vec![
            ("order-import/acme-crm/msg_1", "2026-11-23T09:00:00Z", vec![submitted()]),
            ("order-price/price", "2026-11-23T09:00:01Z", vec![priced()]),
            (
                "credit-check/credit",
                "2026-11-23T09:00:02Z",
                vec![json!({
                    "type": "order.credit_approved", "amount": usd("97.11"), "valid_until": "2026-12-23T00:00:00Z",
                })],
            ),
            (
                &format!("stock-allocate/allocate/{ORDER}#started-4"),
                "2026-11-23T09:00:02Z",
                vec![started("order", "allocate", &format!("allocate/{ORDER}"), 3)],
            ),
            (
                &format!("stock-allocate/allocate/{ORDER}#failed-1"),
                "2026-11-23T09:00:04Z",
                vec![json!({
                    "type": "order.effect_failed", "effect": "allocate", "attempt": 1, "code": "PRT-001",
                })],
            ),
            (&format!("stock-allocate/allocate/{ORDER}#answer-2"), "2026-11-23T09:00:08Z", vec![allocated()]),
            (
                &format!("sales-order-create/sales-order/{ORDER}#answer-1"),
                "2026-11-23T09:00:09Z",
                vec![json!({
                    "type": "order.released", "sales_order": "SO-1",
                })],
            ),
            ("order-route/route", "2026-11-23T09:00:10Z", routed()),
            (
                "crm-update/8/0123456789abcdefghjkmnpqrs",
                "2026-11-23T09:00:11Z",
                vec![json!({
                    "type": "order.crm_updated", "version": 8, "digest": "0123456789abcdefghjkmnpqrs",
                    "order_digest": "1123456789abcdefghjkmnpqrs",
                })],
            ),
            (
                &format!("fulfillment-rollup/{east}@6"),
                "2026-11-23T16:00:01Z",
                vec![progressed(&east, 6, "1", "3", false, true)],
            ),
            (
                &format!("fulfillment-rollup/{east}@7"),
                "2026-11-24T15:00:01Z",
                vec![progressed(&east, 7, "1", "3", true, true)],
            ),
            (
                &format!("fulfillment-rollup/{west}@7"),
                "2026-11-25T15:00:01Z",
                vec![progressed(&west, 7, "2", "12", true, true)],
            ),
            (
                &format!("invoice-create/invoice/{ORDER}#answer-1"),
                "2026-11-25T15:00:03Z",
                vec![json!({
                    "type": "order.invoiced", "invoice": "INV-1", "total": usd("97.11"),
                })],
            ),
        ],
    )
}

/// The commits of both fulfillments.
pub(crate) fn fulfillments() -> Vec<Vec<Commit>> {
    [(1, "eastco", "EAST", "1", "SKU-1", "3"), (2, "shipwest", "WEST", "2", "SKU-2-C12", "12")]
        .map(|(n, warehouse, site, line, sku, amount)| {
            let id = fulfillment_id(n);
            let lines = json!([{ "line": line.parse::<u32>().unwrap(), "sku": sku, "quantity": pieces(amount) }]);
            let milestone = |kind: &str, at: &str| {
                json!({
                    "type": "fulfillment.milestone_recorded", "package": "P-1", "milestone": kind, "at": at,
                    "carrier": "ups", "tracking": "1Z999AA10123456784",
                })
            };
            commits(&format!("fulfillment/{id}"), vec![
                (&format!("fulfillment-request/{id}#started-1"), "2026-11-23T09:00:11Z", vec![
                    json!({
                        "type": "fulfillment.opened", "fulfillment": id, "order": ORDER, "sales_order": "SO-1",
                        "warehouse": warehouse, "site": site, "service_level": "standard",
                        "ship_to": { "order": ORDER, "n": 1 }, "lines": lines,
                    }),
                    started("fulfillment", "request_fulfillment", &id, 0),
                ]),
                (&format!("fulfillment-request/{id}#answer-1"), "2026-11-23T09:00:12Z", vec![json!({
                    "type": "fulfillment.accepted", "reference": "F-1",
                })]),
                (&format!("warehouse-report-record/{warehouse}/msg_2"), "2026-11-23T12:00:00Z", vec![json!({
                    "type": "fulfillment.package_packed", "package": "P-1", "at": "2026-11-23T11:59:58Z", "lines": lines,
                    "carrier": "ups", "tracking": "1Z999AA10123456784",
                })]),
                (&format!("warehouse-report-record/{warehouse}/msg_3"), "2026-11-23T16:00:00Z", vec![milestone(
                    "picked_up", "2026-11-23T15:58:00Z",
                )]),
                (&format!("goods-issue-post/goods-issue/{ORDER}/{id}/P-1#started-5"), "2026-11-23T16:00:01Z", vec![json!({
                    "type": "fulfillment.effect_started", "effect": "post_goods_issue", "package": "P-1",
                    "key": format!("goods-issue/{ORDER}/{id}/P-1"), "of_version": 4,
                    "until": "2026-11-23T16:00:13Z", "attempt": 1,
                })]),
                (&format!("goods-issue-post/goods-issue/{ORDER}/{id}/P-1#answer-1"), "2026-11-23T16:00:02Z", vec![json!({
                    "type": "fulfillment.goods_issued", "package": "P-1", "document": "GI-1", "lines": lines,
                })]),
                (&format!("warehouse-report-record/{warehouse}/msg_4"), "2026-11-24T15:00:00Z", vec![milestone(
                    "delivered", "2026-11-24T14:55:00Z",
                )]),
            ])
        })
        .into()
}

/// A copy of the order that could not be read.
fn unreadable() -> Vec<Commit> {
    let digest = "0123456789abcdef";
    let unmappable = json!({
        "type": "delivery.unmappable", "partner": "acme-crm", "delivery": "msg_0", "topic": "order.created",
        "code": "MSG-004", "order": "CRM-1001",
        "places": [{ "pointer": "/data/ship_to/country", "detail": "is not an ISO 3166-1 alpha-2 code, such as \"DE\"" }],
    });
    let shown = json!({ "type": "delivery.crm_updated", "digest": digest });
    let mapped = json!({ "type": "delivery.mapped", "delivery": "msg_1" });
    commits(
        "delivery/dlv_0123456789abcdefghjkmnpqrs",
        vec![
            (&format!("order-import/acme-crm/msg_0/{digest}"), "2026-11-23T08:50:00Z", vec![unmappable]),
            (&format!("crm-update/1/{digest}"), "2026-11-23T08:50:01Z", vec![shown]),
            (
                "review-decide/portal/key-1",
                "2026-11-23T08:55:00Z",
                vec![decided("delivery.review_decided", "unmappable_delivery", "acknowledge")],
            ),
            ("order-import/acme-crm/msg_1/mapped/3", "2026-11-23T09:00:00Z", vec![mapped]),
        ],
    )
}

/// What happens to other orders and fulfillments: every event that the good one does not meet.
fn asides() -> Vec<Commit> {
    let at = "2026-11-23T10:00:00Z";
    let order = |version: u64, event: Value| commit(&format!("order/{ORDER}"), version, "sample", at, vec![event]);
    let fulfillment = |version: u64, event: Value| {
        commit(&format!("fulfillment/{}", fulfillment_id(1)), version, "sample", at, vec![event])
    };
    let refused = json!({ "code": "BLOCKED", "reason": "the customer is blocked" });
    let mut unroutable = routed().remove(0);
    unroutable["type"] = json!("order.unroutable");
    unroutable["candidates"] = json!([
        { "warehouse": "eastco", "site": "EAST", "chosen": false,
          "reasons": [{ "reason": "country_not_served", "country": "DE" }, { "reason": "no_stock" }] },
        { "warehouse": "shipwest", "site": "WEST", "chosen": false,
          "reasons": [{ "reason": "service_level_not_offered", "service_level": "expedited" }] },
    ]);
    vec![
        order(
            2,
            json!({
                "type": "order.submission_conflicted", "source": "portal", "external_id": "P-5", "digest": "b".repeat(64),
            }),
        ),
        order(3, json!({ "type": "order.alias_added", "alias": OTHER, "source": "portal", "external_id": "P-5" })),
        commit(&format!("order/{OTHER}"), 1, "sample", at, vec![json!({ "type": "order.aliased", "order": ORDER })]),
        order(12, json!({ "type": "order.purchase_order_moved", "to": OTHER })),
        order(
            1,
            json!({ "type": "order.purchase_order_taken", "from": OTHER, "cancelled_at": "2026-11-22T16:00:00Z" }),
        ),
        order(9, json!({ "type": "order.predecessor_shipped", "fulfillment": format!("{OTHER}-1") })),
        order(
            2,
            json!({
                "type": "order.unpriceable", "code": "UNKNOWN_SKU", "reason": "line 1: the ERP does not know the product",
            }),
        ),
        order(3, json!({ "type": "order.credit_refused", "reason": "over the limit" })),
        order(8, unroutable),
        order(
            9,
            json!({
                "type": "order.cancel_requested", "reason": "the customer ordered twice", "asked_at": "2026-11-23T09:59:58Z",
            }),
        ),
        order(
            10,
            json!({
                "type": "order.request_rejected", "code": "ALREADY_SHIPPED",
                "reason": "goods have left the warehouse; a return can be offered",
            }),
        ),
        order(11, json!({ "type": "order.overdue", "deadline": "2026-12-07T09:00:00Z" })),
        order(
            14,
            json!({
                "type": "order.return_reserved", "return": "ret_6ce86670g2ykygj63p6wp7y650", "line": 1, "number": 1,
                "round": 1, "asked": pieces("3"), "units": [{ "from": "0", "to": "2" }], "waiting": pieces("1"),
            }),
        ),
        order(
            12,
            json!({
                "type": "order.work_discarded", "step": "order-price", "stream": format!("order/{ORDER}"), "code": "PRT-002",
                "by": "ann", "note": "T-17: priced by phone",
            }),
        ),
        order(6, json!({ "type": "order.effect_rejected", "effect": "create_sales_order", "rejection": refused })),
        order(
            13,
            json!({
                "type": "order.invoice_disagreed", "invoice": "INV-2", "total": usd("99.00"), "expected": usd("97.11"),
            }),
        ),
        order(
            9,
            json!({
                "type": "order.held", "reason": "over the credit limit", "holder": "acme-erp",
                "asked_at": "2026-11-23T09:59:58Z",
            }),
        ),
        order(
            10,
            json!({
                "type": "order.hold_released", "reason": "paid", "holder": "acme-erp", "asked_at": "2026-11-23T09:59:59Z",
            }),
        ),
        order(9, amendment("order.amend_requested")),
        order(10, amendment("order.amended")),
        order(
            10,
            json!({
                "type": "order.amend_rejected", "revision": 1,
                "rejection": { "code": "ALREADY_PICKED", "reason": format!("{} is being picked, or has left", fulfillment_id(1)) },
            }),
        ),
        order(9, json!({ "type": "order.withdrawal_requested", "fulfillment": fulfillment_id(1), "why": "cancelled" })),
        order(6, json!({ "type": "order.credit_expired", "valid_until": "2026-11-24T09:00:00Z" })),
        order(
            9,
            json!({
                "type": "order.stock_arrived", "lines": [{ "line": 1, "sku": "SKU-1", "quantity": pieces("2") }],
            }),
        ),
        order(11, json!({ "type": "order.deallocated", "allocation_no": 1 })),
        order(12, json!({ "type": "order.sales_order_cancelled", "sales_order": "SO-1" })),
        order(13, json!({ "type": "order.orphan_document", "document": "SO-2" })),
        order(4, decided("order.review_decided", "credit_refused", "approve")),
        order(9, json!({ "type": "order.customer_notice", "template": "cancel_rejected" })),
        fulfillment(4, json!({ "type": "fulfillment.closed", "at": "2026-11-23T09:58:00Z" })),
        fulfillment(4, json!({ "type": "fulfillment.withdrawn", "reference": "F-1" })),
        fulfillment(
            4,
            json!({
                "type": "fulfillment.withdrawal_refused", "code": "TOO_LATE", "reason": "packing has begun",
            }),
        ),
        fulfillment(
            4,
            json!({
                "type": "fulfillment.late", "missing": { "missing": "acknowledgement" }, "due": "2026-11-23T09:30:00Z",
            }),
        ),
        fulfillment(5, decided("fulfillment.review_decided", "content_mismatch", "accept")),
        fulfillment(
            6,
            json!({
                "type": "fulfillment.request_rejected", "code": "REVIEW_NOT_OPEN",
                "reason": "no review of that name waits for a decision (any more)",
            }),
        ),
        fulfillment(3, json!({ "type": "fulfillment.rejected", "reason": "out of stock" })),
        fulfillment(4, json!({ "type": "fulfillment.package_voided", "package": "P-2", "at": "2026-11-23T09:55:00Z" })),
        fulfillment(
            6,
            json!({
                "type": "fulfillment.effect_rejected", "effect": "post_goods_issue", "package": "P-1", "rejection": refused,
            }),
        ),
        fulfillment(
            5,
            json!({
                "type": "fulfillment.effect_failed", "effect": "request_fulfillment", "attempt": 1, "code": "PRT-001",
            }),
        ),
    ]
}

fn amendment(kind: &str) -> Value {
    json!({
        "type": kind, "revision": 1, "reason": "the customer wants one less",
        "ship_to": { "order": ORDER, "n": 1 }, "destination": { "country": "US", "region": "NY" },
        "lines": [{ "line": 1, "sku": "SKU-1", "quantity": pieces("2") }], "digest": "c".repeat(64),
    })
}

fn decided(kind: &str, review: &str, choice: &str) -> Value {
    json!({
        "type": kind, "review": format!("{review}-0123456789ab"), "kind": review, "choice": choice, "by": "portal",
        "note": "agreed with the customer",
    })
}

fn all_commits() -> impl Iterator<Item = Commit> {
    order()
        .into_iter()
        .chain(fulfillments().into_iter().flatten())
        .chain(unreadable())
        .chain(asides())
        .chain(returns_story::all())
}

/// Every published event once, as the relays put it on the bus.
pub(crate) fn samples() -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    let commits = all_commits();
    for entry in commits.flat_map(|commit| entries(&commit, SOURCE).unwrap()).chain([delivery()]) {
        if all.iter().all(|known| known.kind != entry.kind) {
            all.push(entry);
        }
    }
    all
}

/// Every event of the story, published or not, as its type's own JSON.
pub(crate) fn events() -> Vec<Value> {
    all_commits().flat_map(|commit| serde_json::from_str::<Vec<Value>>(&commit.events).unwrap()).collect()
}

fn delivery() -> Entry {
    let received = DeliveryReceived {
        partner: "acme-crm".parse().unwrap(),
        role: Role::Crm,
        delivery: "msg_1".to_owned(),
        topic: "order.created".to_owned(),
    };
    delivery_entry(&received, time("2026-11-23T08:59:59Z"), CORRELATION, Some(TRACE), SOURCE).unwrap()
}

const CORRELATION: &str = "01939f1e-7c00-7000-8000-000000000001";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A stream's commits, versions counted from 1.
pub(crate) fn commits(stream: &str, all: Vec<(&str, &str, Vec<Value>)>) -> Vec<Commit> {
    (1..).zip(all).map(|(version, (cause, at, events))| commit(stream, version, cause, at, events)).collect()
}

pub(crate) fn commit(stream: &str, version: u64, cause: &str, at: &str, events: Vec<Value>) -> Commit {
    Commit {
        stream: stream.to_owned(),
        version,
        cause: engine::Cause::stored(cause),
        correlation: CORRELATION.to_owned(),
        caused_by: None,
        actor: cause.split('/').next().unwrap_or_default().to_owned(),
        at: time(at),
        traceparent: Some(TRACE.to_owned()),
        epoch: "1".to_owned(),
        events: through_the_type(stream, &events),
        opened_reviews: vec![],
        listed: false,
        wakes: vec![],
    }
}

/// The events as their own type writes them: a sample that no type could have written fails here.
fn through_the_type(stream: &str, events: &[Value]) -> String {
    fn pass<E: serde::de::DeserializeOwned + serde::Serialize>(events: &[Value]) -> String {
        let typed: Vec<E> = events
            .iter()
            .map(|event| serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{event}: {error}")))
            .collect();
        let written = serde_json::to_value(&typed).unwrap();
        assert_eq!(written, Value::Array(events.to_vec()), "the type writes it otherwise");
        written.to_string()
    }
    match stream.split_once('/') {
        Some(("order", _)) => pass::<OrderEvent>(events),
        Some(("delivery", _)) => pass::<DeliveryEvent>(events),
        Some(("return", _)) => pass::<ReturnEvent>(events),
        _ => pass::<FulfillmentEvent>(events),
    }
}

fn started(stream: &str, effect: &str, key: &str, of_version: u64) -> Value {
    json!({
        "type": format!("{stream}.effect_started"), "effect": effect, "key": key, "of_version": of_version,
        "until": "2026-11-23T09:00:14Z", "attempt": 1,
    })
}

fn submitted() -> Value {
    json!({
        "type": "order.submitted",
        "source": "acme-crm", "external_id": "CRM-1001", "customer": "C-100", "customer_po": "PO-77", "currency": "USD",
        "service_level": "standard", "ship_complete": false,
        "ship_to": { "order": ORDER, "n": 1 }, "destination": { "country": "US", "region": "NY" },
        "lines": [
            { "line": 1, "sku": "SKU-1", "quantity": pieces("3") },
            { "line": 2, "sku": "SKU-2-C12", "quantity": { "amount": "1", "uom": "CS" } },
        ],
        "digest": "a".repeat(64), "ordered_at": "2026-11-23T08:59:58Z", "deadline": "2026-12-07T09:00:00Z",
    })
}

fn priced() -> Value {
    json!({
        "type": "order.priced",
        "lines": [
            { "line": 1, "base": pieces("3"), "unit_price": "9.99", "amount": "29.97", "tax": "2.40" },
            { "line": 2, "base": pieces("12"), "unit_price": "59.94", "amount": "59.94", "tax": "4.80",
              "conversion": { "from": "CS", "to": "EA", "numerator": 12, "denominator": 1 } },
        ],
        "subtotal": usd("89.91"), "tax": usd("7.20"), "total": usd("97.11"),
    })
}

fn allocated() -> Value {
    json!({
        "type": "order.allocated", "number": "AL-1",
        "lines": [
            { "line": 1, "sources": [{ "location": "EAST", "quantity": pieces("3") }], "short": pieces("0") },
            { "line": 2, "sources": [{ "location": "WEST", "quantity": pieces("12") }], "short": pieces("0") },
        ],
    })
}

fn routed() -> Vec<Value> {
    let assigned = |n: u32, warehouse: &str, site: &str, line: u32, sku: &str, amount: &str| {
        json!({
            "type": "order.assigned", "fulfillment": fulfillment_id(n), "warehouse": warehouse, "site": site,
            "ship_by": "2026-11-23", "lines": [{ "line": line, "sku": sku, "quantity": pieces(amount) }],
        })
    };
    vec![
        json!({
            "type": "order.routed",
            "candidates": [
                { "warehouse": "eastco", "site": "EAST", "chosen": true, "reasons": [
                    { "reason": "has_part" }, { "reason": "home_region", "region": "NY" },
                    { "reason": "ships_on", "date": "2026-11-23", "after_cut_off": false }, { "reason": "cost", "cost": 100 },
                ] },
                { "warehouse": "shipwest", "site": "WEST", "chosen": true, "reasons": [
                    { "reason": "has_part" },
                    { "reason": "ships_on", "date": "2026-11-23", "after_cut_off": false }, { "reason": "cost", "cost": 120 },
                ] },
            ],
        }),
        assigned(1, "eastco", "EAST", 1, "SKU-1", "3"),
        assigned(2, "shipwest", "WEST", 2, "SKU-2-C12", "12"),
    ]
}
