//! One return's life and a few asides, as commits: where the samples of returns come from.

use engine::Commit;
use serde_json::{Value, json};

use crate::story::{ORDER, commit, commits, pieces};

/// The return that `acme-crm` knows as RET-1.
const RETURN: &str = "ret_6ce86670g2ykygj63p6wp7y650";
/// Goods that a warehouse received unannounced.
const UNANNOUNCED: &str = "ret_0123456789abcdefghjkmnpqrs";

pub(crate) fn all() -> Vec<Commit> {
    life().into_iter().chain(asides()).collect()
}

fn amounts(net: &str, tax: &str) -> Value {
    let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
    json!({ "net": usd(net), "taxes": { "SALES": usd(tax) } })
}

fn policy() -> Value {
    json!({
        "approval": { "above_value": "500" }, "fee": "none", "extension_limit_days": 60,
        "deadlines": {
            "shipment": 72, "scan": 168, "receipt": 504, "inspection": 48, "invoice": 96, "credit": 72,
        },
    })
}

fn content() -> Value {
    json!({
        "order": ORDER, "currency": "USD",
        "lines": [{
            "line": 1, "sku": "SKU-1", "quantity": pieces("2"), "reason": "change_of_mind",
            "reason_code": "change_of_mind", "handling": {},
        }],
        "assessment": {
            "value": "21.36", "percent_of_order": 22, "days_since_delivery": 3, "earlier_returns": 0,
            "serials_missing": false,
        },
    })
}

fn requested(origin: &str, id: &str, source: &str, external: &str) -> Value {
    json!({
        "type": "return.requested", "return": id, "source": source, "external_id": external, "origin": origin,
        "outcome": "credit", "policy": policy(), "requested_at": "2026-11-27T09:00:00Z",
    })
}

fn with(mut event: Value, member: &str, value: Value) -> Value {
    event[member] = value;
    event
}

fn typed(kind: &str, mut content: Value) -> Value {
    content["type"] = json!(kind);
    content
}

fn received(as_of: &str, rank: u32, goods: &[(&str, &str)]) -> Value {
    let goods: Vec<Value> = goods
        .iter()
        .map(|(state, amount)| json!({ "disposition": state, "quantity": pieces(amount), "action": "restock" }))
        .collect();
    json!({
        "type": "return.receipt_recorded", "warehouse": "eastco", "reference": "R-1", "key": "1", "as_of": as_of,
        "rank": rank, "line": 1, "sku": "SKU-1", "goods": goods,
    })
}

fn started(effect: &Value, key: &str, of_version: u64) -> Value {
    let mut started = effect.clone();
    let more = json!({
        "type": "return.effect_started", "key": key, "of_version": of_version, "until": "2026-11-27T09:00:14Z",
        "attempt": 1,
    });
    started.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    started
}

pub(crate) fn life() -> Vec<Commit> {
    let credit = json!({ "effect": "credit", "account": { "line": 1 }, "n": 1 });
    let reserved = json!({
        "return": RETURN, "line": 1, "number": 1, "round": 1, "asked": pieces("2"),
        "units": [{ "from": "0", "to": "2" }], "waiting": pieces("0"),
    });
    let invoiced = json!({ "quantity": pieces("3"), "amounts": amounts("30.00", "2.04") });
    commits(
        &format!("return/{RETURN}"),
        vec![
            (
                "return-import/acme-crm/msg_9",
                "2026-11-27T09:00:01Z",
                vec![with(requested("customer", RETURN, "acme-crm", "RET-1"), "content", content())],
            ),
            (
                "return-reserve/r@14",
                "2026-11-27T09:00:02Z",
                vec![json!({ "type": "return.units_reserved", "as_of": 14, "round": 1, "lines": [reserved] })],
            ),
            (
                "return-invoice-record/r/INV-1",
                "2026-11-27T09:00:02Z",
                vec![json!({
                    "type": "return.invoice_recorded", "invoice": "INV-1", "at": "2026-11-25T15:00:03Z",
                    "lines": { "1": invoiced }, "shipping": amounts("5.00", "0.00"),
                })],
            ),
            (
                "return-authorize/authorize-return/r#answer-2",
                "2026-11-27T09:00:04Z",
                vec![json!({
                    "type": "return.authorized", "rma": "RMA-1", "at": "2026-11-27T09:00:04Z",
                    "valid_until": "2026-12-27T09:00:04Z",
                })],
            ),
            (
                "return-route/r",
                "2026-11-27T09:00:05Z",
                vec![json!({
                    "type": "return.receipt_expected", "no": 1, "warehouse": "eastco", "site": "EAST",
                    "lines": [{ "line": 1, "sku": "SKU-1", "quantity": pieces("2") }],
                    "tracking": "1Z999AA10123456784",
                })],
            ),
            (
                "return-announce/announce-receipt/r/1/1#answer-5",
                "2026-11-27T09:00:06Z",
                vec![json!({ "type": "return.announced", "no": 1, "revision": 1, "reference": "R-1" })],
            ),
            (
                "return-report-record/eastco/msg_1",
                "2026-11-29T09:00:00Z",
                vec![json!({ "type": "return.scanned", "at": "2026-11-29T08:59:00Z" })],
            ),
            (
                "return-report-record/eastco/msg_2",
                "2026-12-01T09:00:00Z",
                vec![received("2026-12-01T08:59:00Z", 3, &[("sellable_accessible", "2")])],
            ),
            (
                "return-stock-move/move-stock/r/1#answer-8",
                "2026-12-01T09:00:01Z",
                vec![json!({ "type": "return.moved", "n": 1, "document": "MV-1" })],
            ),
            (
                "return-credit/credit/r/1/1#started-10",
                "2026-12-01T09:00:02Z",
                vec![started(&credit, &format!("credit/{RETURN}/1/1"), 9)],
            ),
            (
                "return-credit/credit/r/1/1#failed-10",
                "2026-12-01T09:00:03Z",
                vec![json!({
                    "type": "return.effect_failed", "effect": "credit", "account": { "line": 1 }, "n": 1, "attempt": 1,
                    "code": "PRT-001",
                })],
            ),
            (
                "return-credit/credit/r/1/1#answer-12",
                "2026-12-01T09:00:08Z",
                vec![json!({
                    "type": "return.credited", "account": { "line": 1 }, "n": 1, "document": "CM-1",
                    "amounts": amounts("20.00", "1.36"),
                })],
            ),
            (
                "return-crm-update/13/0123456789abcdefgh",
                "2026-12-01T09:00:09Z",
                vec![json!({ "type": "return.crm_updated", "version": 12, "digest": "0123456789abcdefgh" })],
            ),
            (
                "return-debit/debit/r/1/2#answer-15",
                "2026-12-02T09:00:08Z",
                vec![json!({
                    "type": "return.debited", "account": { "line": 1 }, "n": 2, "document": "DM-1",
                    "amounts": amounts("10.00", "0.68"),
                })],
            ),
        ],
    )
}

/// What happens to other returns.
fn asides() -> Vec<Commit> {
    let at = "2026-12-03T09:00:00Z";
    let refused = json!({ "code": "PERIOD_CLOSED", "reason": "the period is closed" });
    let of = |version: u64, event: Value| commit(&format!("return/{RETURN}"), version, "sample", at, vec![event]);
    let unannounced =
        |version: u64, event: Value| commit(&format!("return/{UNANNOUNCED}"), version, "sample", at, vec![event]);
    vec![
        unannounced(1, requested("warehouse", UNANNOUNCED, "eastco", "R-2")),
        unannounced(2, typed("return.matched", content())),
        unannounced(3, json!({ "type": "return.approved", "by": "ann", "evidence": "T-18: photo of the label" })),
        of(
            2,
            json!({
                "type": "return.reservation_refused", "round": 1,
                "rejection": {
                    "code": "MORE_THAN_RETURNABLE", "reason": "line 1: 1 EA can be returned, 2 EA were asked for",
                },
            }),
        ),
        of(2, json!({ "type": "return.denied", "by": "order", "reason": "MORE_THAN_RETURNABLE: line 1" })),
        of(5, json!({ "type": "return.extended", "valid_until": "2027-01-10T00:00:00Z" })),
        of(6, json!({ "type": "return.closed", "why": "expired", "kept": { "1": pieces("0") } })),
        of(7, json!({ "type": "return.announcement_withdrawn", "no": 1 })),
        of(4, json!({ "type": "return.advance_granted", "due": "2026-12-11T09:00:04Z" })),
        of(9, json!({ "type": "return.advance_lapsed", "due": "2026-12-11T09:00:04Z" })),
        of(9, json!({ "type": "return.credited_by_erp", "document": "CM-7", "line": 1, "quantity": pieces("1") })),
        of(5, json!({ "type": "return.exchange_ordered", "order": ORDER })),
        of(8, json!({ "type": "return.late", "missing": "receipt", "due": "2026-12-18T09:00:04Z" })),
        of(
            9,
            json!({
                "type": "return.review_decided", "review": "late-0123456789ab", "kind": "late",
                "choice": "acknowledge", "by": "ann",
            }),
        ),
        of(
            9,
            json!({ "type": "return.request_rejected", "code": "FOUR_EYES", "reason": "a second person has to approve" }),
        ),
        of(
            9,
            json!({
                "type": "return.effect_rejected", "effect": "credit", "account": { "line": 1 }, "n": 1,
                "rejection": refused,
            }),
        ),
    ]
}
