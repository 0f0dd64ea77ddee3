//! Writes: their content and idempotency keys, and what a repeat does first.

use domain::fulfillment::{Accepted, Rejected};
use domain::order::{Allocation, AllocationNo, Invoiced, QuotedLine, Source, StockQuery};
use domain::{Quantity, Uom};
use engine::Wait;
use engine::partner::{Attempt, CallFailure, CreditAnswer, Erp as _, PriceAnswer, Warehouse as _, WarehouseAnswer};
use serde_json::{Value, json};

use crate::statuses::attempt;
use crate::support::{
    Script, allocation_request, credit_query, cx, fulfillment_request, goods_issue, invoice_request, line_quantity,
    money, order, partners, partners_that, party, price_query, quantity, run, sales_order,
};

/// A successful answer to each write, and the item that a look-up lists for it.
fn answer(operation: &str) -> (Value, Value) {
    let line = json!({"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "EA"});
    let nine = |sku: &str| json!({"line": 2, "sku": sku, "quantity": "24", "uom": "EA"});
    match operation {
        "allocate" => {
            let allocated = |line: &Value, location: &str| {
                let mut line = line.clone();
                line["sources"] = json!([{"location": location, "quantity": line["quantity"]}]);
                line["short"] = json!("0");
                line
            };
            let lines = json!([allocated(&line, "LOC-1"), allocated(&nine("MAT-000009"), "LOC-2")]);
            let item = json!({"id": "AL-1", "reference": order(), "status": "open", "lines": lines});
            (json!({"id": "AL-1", "lines": lines}), item)
        }
        "sales-order" => {
            let mut line = line;
            line["unit_price"] = json!("9.990");
            line["amount"] = json!(29.97);
            line["tax"] = json!("2.53");
            let item = json!({
                "number": "SO-1", "reference": order(), "status": "open", "customer": "C-1", "customer_po": "PO-1",
                "currency": "USD", "total": "32.5", "lines": [line], "ship_to": {"country": "US", "region": "NY"},
            });
            (json!({"number": "SO-1"}), item)
        }
        "goods-issue" => {
            let item = json!({"number": "GI-1", "sales_order": "SO-1", "site": "LOC-1", "lines": [line]});
            (json!({"number": "GI-1"}), item)
        }
        "invoice" => {
            let answer = json!({"number": "INV-1", "total": "32.50", "currency": "USD"});
            let mut item = answer.clone();
            item["sales_order"] = json!("SO-1");
            item["lines"] = json!([line]);
            (answer, item)
        }
        "eastco" => {
            let pieces = |mut line: Value| {
                line["uom"] = json!("PCE");
                line
            };
            let lines = json!([pieces(nine("E-9")), pieces(line)]);
            (json!({"id": "F-1", "status": "accepted"}), json!({"id": "F-1", "status": "packing", "lines": lines}))
        }
        "shipwest" => {
            let item = json!({
                "id": 501, "reference_id": order().fulfillment(1), "status": "Processing",
                "recipient": recipient(),
                "products": [
                    {"reference_id": "SKU-1", "quantity": 3, "external_line_id": 1, "quantity_unit_of_measure_code": "EA"},
                    {"reference_id": "W-9", "quantity": 24, "external_line_id": 2},
                ],
            });
            (item.clone(), item)
        }
        other => panic!("{other} is not a write"),
    }
}

fn recipient() -> Value {
    json!({
        "name": "Ada Example", "email": "ada@example.com", "phone_number": null,
        "address": {
            "address1": "12 Sample Street", "address2": null, "city": "New York", "state": "NY", "zip_code": "10001",
            "country": "US",
        },
    })
}

/// An earlier attempt may have sent the write; its lease ended a minute ago.
fn repeat() -> Attempt {
    Attempt::Repeat { over_by: "2026-03-02T09:59:00Z".parse().unwrap() }
}

const KEYED: [&str; 5] = ["allocate", "sales-order", "goods-issue", "invoice", "eastco"];

fn items(operation: &str, items: &[Value]) -> Value {
    if operation == "shipwest" { json!(items) } else { json!({ "items": items }) }
}

fn look_up(operation: &str) -> String {
    let (order, fulfillment) = (order(), order().fulfillment(1));
    match operation {
        "allocate" => format!("GET /allocations?reference={order}"),
        "sales-order" => format!("GET /sales-orders?reference={order}"),
        "goods-issue" => format!("GET /goods-issues?reference={fulfillment}%2FP-1"),
        "invoice" => format!("GET /invoices?reference={order}"),
        "eastco" => format!("GET /v1/fulfillments?reference={fulfillment}"),
        _ => format!("GET /1.0/order?ReferenceIds={fulfillment}"),
    }
}

/// The item with one member of its content changed.
fn other(operation: &str) -> Value {
    let mut item = answer(operation).1;
    match operation {
        "allocate" => item["lines"][0]["quantity"] = json!("4"),
        "sales-order" => item["total"] = json!("32.51"),
        "goods-issue" => item["site"] = json!("LOC-2"),
        "invoice" => item["sales_order"] = json!("SO-2"),
        "eastco" => item["lines"][0]["sku"] = json!("E-8"),
        _ => item["products"][1]["quantity"] = json!(23),
    }
    item
}

#[test]
fn every_write_has_its_key_the_correlation_id_and_the_trace() {
    let fulfillment = order().fulfillment(1);
    let keys = [
        ("allocate", format!("allocate/{}", order())),
        ("sales-order", format!("sales-order/{}", order())),
        ("goods-issue", format!("goods-issue/{}/{fulfillment}/P-1", order())),
        ("invoice", format!("invoice/{}", order())),
        ("eastco", fulfillment.to_string()),
        ("shipwest", fulfillment.to_string()),
    ];
    for (operation, key) in keys {
        let script = Script::default().then(201, answer(operation).0);
        assert_eq!(attempt(&partners(&script), operation, Attempt::First), Ok(()), "{operation}");
        let call = script.call(0);
        assert_eq!(call.header("idempotency-key"), Some(key.as_str()));
        assert_eq!(call.header("authorization"), Some("Bearer token-one"));
        assert_eq!(call.header("x-correlation-id"), Some("corr-1"));
        assert_eq!(call.header("traceparent"), cx().traceparent.as_deref());
        assert_eq!(call.timeout.as_millis(), 10_000, "{operation}");
    }
}

#[test]
fn a_call_ends_early_enough_for_its_step_to_record_the_outcome() {
    let script = Script::default().then(201, answer("sales-order").0);
    let short = engine::Context { lease: std::time::Duration::from_secs(3), ..cx() };
    run(partners(&script).create_sales_order(&short, &sales_order(), Attempt::First)).unwrap();
    assert_eq!(script.call(0).timeout.as_millis(), 1_200);
}

#[test]
fn b01_a_keyed_partner_gets_the_same_key_and_the_same_bytes_again() {
    for operation in KEYED {
        let first = Script::default().then(201, answer(operation).0);
        let second = Script::default().then(200, answer(operation).0);
        assert_eq!(attempt(&partners(&first), operation, Attempt::First), Ok(()));
        assert_eq!(attempt(&partners(&second), operation, repeat()), Ok(()));
        let (first, second) = (first.call(0), second.call(0));
        assert_eq!(first, second, "{operation}");
    }
}

#[test]
fn b01_timeout_after_post_reads_back_before_resubmitting() {
    for operation in KEYED.into_iter().chain(["shipwest"]) {
        let semantics = json!({"semantics": "lookup", "settle_seconds": 2});
        let posts = |requests: &[String]| requests.iter().filter(|request| request.starts_with("POST")).count();

        let found = Script::default().then(200, items(operation, &[answer(operation).1]));
        assert_eq!(attempt(&partners_that(semantics.clone(), &found), operation, repeat()), Ok(()), "{operation}");
        assert_eq!(found.requests(), [look_up(operation)]);

        let absent = Script::default().then(200, items(operation, &[])).then(201, answer(operation).0);
        assert_eq!(attempt(&partners_that(semantics.clone(), &absent), operation, repeat()), Ok(()), "{operation}");
        assert_eq!(posts(&absent.requests()), 1);

        let timed_out = Script::default().then_fail(partners::TransportFailure::TimedOut);
        let result = attempt(&partners_that(semantics.clone(), &timed_out), operation, repeat());
        assert!(matches!(result, Err(CallFailure::Unknown { .. })), "{operation}: {result:?}");
        assert_eq!(posts(&timed_out.requests()), 0, "{operation} was sent without a look-up");
    }
}

#[test]
fn b01_a_partner_that_lists_late_is_looked_up_twice_with_its_settle_time_between() {
    let semantics = json!({"semantics": "lookup", "settle_seconds": 90});
    let over = |text: &str| Attempt::Repeat { over_by: text.parse().unwrap() };
    for operation in KEYED {
        // A minute ago is too recent for a settle time of a minute and a half.
        let early = Script::default().then(200, items(operation, &[]));
        let result = attempt(&partners_that(semantics.clone(), &early), operation, over("2026-03-02T09:59:00Z"));
        assert!(matches!(&result, Err(CallFailure::Limited { retry_after, .. }) if retry_after.as_secs() == 90));
        assert_eq!(early.requests(), [look_up(operation)], "{operation} was sent too early");

        let late = Script::default().then(200, items(operation, &[])).then(201, answer(operation).0);
        let result = attempt(&partners_that(semantics.clone(), &late), operation, over("2026-03-02T09:58:30Z"));
        assert_eq!((result, late.requests().len()), (Ok(()), 2), "{operation}");

        // A document that is listed already needs no wait.
        let found = Script::default().then(200, items(operation, &[answer(operation).1]));
        assert_eq!(attempt(&partners_that(semantics.clone(), &found), operation, over("2026-03-02T10:00:00Z")), Ok(()));
    }
}

#[test]
fn b02_a_duplicate_with_the_same_content_is_success_and_with_other_content_is_a_rejection() {
    for operation in KEYED.into_iter().chain(["shipwest"]) {
        let duplicate = |script: Script| match operation {
            "shipwest" => script.then(422, json!({"reference_id": ["already exists"]})),
            _ => script.then(409, json!({"code": "KEY_REUSED"})),
        };
        for (existing, expected) in [(answer(operation).1, "same"), (other(operation), "other")] {
            let script = duplicate(Script::default()).then(200, items(operation, &[existing]));
            let result = attempt(&partners(&script), operation, Attempt::First);
            match expected {
                "same" => assert_eq!(result, Ok(()), "{operation}"),
                _ => {
                    let Err(CallFailure::Refused(why)) = &result else { panic!("{operation}: {result:?}") };
                    assert_eq!(why.code, "DUPLICATE_DIFFERS");
                }
            }
            assert_eq!(script.requests()[1], look_up(operation));
        }
        // It reports a duplicate and does not list it yet: the outcome is unknown, and retried later.
        let script = duplicate(Script::default()).then(200, items(operation, &[]));
        let result = attempt(&partners(&script), operation, Attempt::First);
        assert!(matches!(result, Err(CallFailure::Unknown { .. })), "{operation}: {result:?}");
    }
}

#[test]
fn b02_an_undone_document_does_not_count_as_the_result() {
    for (operation, status) in [("allocate", "released"), ("sales-order", "cancelled"), ("eastco", "cancelled")] {
        let semantics = json!({"semantics": "lookup"});
        let mut undone = answer(operation).1;
        undone["status"] = json!(status);
        let script = Script::default().then(200, items(operation, &[undone])).then(201, answer(operation).0);
        assert_eq!(attempt(&partners_that(semantics, &script), operation, repeat()), Ok(()));
        assert_eq!(script.requests().len(), 2, "{operation}");
    }
}

#[test]
fn b02_a_duplicate_whose_look_up_gets_a_429_may_exist() {
    let script = Script::default().then(409, json!({"code": "KEY_REUSED"})).then(429, json!({}));
    let answer = run(partners(&script).request(&cx(), &fulfillment_request("eastco"), &party(), Attempt::First));
    let failure = answer.unwrap_err();
    assert!(script.is_finished() && !failure.is_undone(), "{failure:?}");
    assert!(matches!(failure, CallFailure::Closed { why: Wait::Limited(_), .. }), "{failure:?}");
}

#[test]
fn a_partner_without_keys_and_look_up_needs_an_operator() {
    for operation in KEYED {
        let semantics = json!({"semantics": "neither"});
        let result = attempt(&partners_that(semantics.clone(), &Script::default()), operation, repeat());
        assert!(matches!(&result, Err(CallFailure::Refused(why)) if why.code == "OUTCOME_UNKNOWN"), "{result:?}");
        let script = Script::default().then(201, answer(operation).0);
        assert_eq!(attempt(&partners_that(semantics, &script), operation, Attempt::First), Ok(()));
    }
}

#[test]
fn b16_prices_come_with_the_ratio_to_the_stock_keeping_unit() {
    let lines = json!([
        {"line": 2, "unit_price": "100.5", "amount": "201.00", "tax": 16.08, "base_uom": "EA",
         "per_uom": {"numerator": 12, "denominator": 1}},
        {"line": 1, "unit_price": 9.99, "amount": 29.97, "tax": "2.40"},
    ]);
    let body = json!({"currency": "USD", "lines": lines, "subtotal": "230.97", "tax": "18.48", "total": "249.45"});
    let script = Script::default().then(200, body);
    let answer = run(partners(&script).price(&cx(), &price_query())).unwrap();
    let PriceAnswer::Quoted(quote) = answer else { panic!("{answer:?}") };
    let row = |line: &QuotedLine| {
        (line.line.0.get(), line.base_uom, line.numerator.get(), line.unit_price.to_string(), line.tax.to_string())
    };
    let rows: Vec<_> = quote.lines.iter().map(row).collect();
    let ea = Uom::EACH;
    assert_eq!(rows, [(1, ea, 1, "9.99".into(), "2.40".into()), (2, ea, 12, "100.5".into(), "16.08".into())]);
    assert_eq!(quote.total, money("249.45"));
    let body = script.body(0);
    assert_eq!(body["lines"][1], json!({"line": 2, "sku": "MAT-000009", "quantity": "2", "uom": "CS"}));
    assert_eq!((&body["country"], &body["region"]), (&json!("US"), &json!("NY")));
}

#[test]
fn a_price_without_each_line_exactly_once_is_unreadable() {
    let line = |n: u32| json!({"line": n, "unit_price": "1", "amount": "1", "tax": "0"});
    let body = |lines: Value| json!({"currency": "USD", "lines": lines, "subtotal": "1", "tax": "0", "total": "1"});
    for lines in [json!([line(1)]), json!([line(1), line(1), line(2)]), json!([])] {
        let script = Script::default().then(200, body(lines.clone()));
        let result = run(partners(&script).price(&cx(), &price_query()));
        assert!(matches!(result, Err(CallFailure::Unknown { .. })), "{lines}: {result:?}");
    }
}

#[test]
fn b21_an_unknown_sku_is_an_answer_with_its_line() {
    let script = Script::default().then(422, json!({"code": "UNKNOWN_SKU", "line": 2, "reason": "not in the catalog"}));
    let answer = run(partners(&script).price(&cx(), &price_query())).unwrap();
    let PriceAnswer::Unpriceable(why) = answer else { panic!("{answer:?}") };
    assert_eq!(why.to_string(), "UNKNOWN_SKU: line 2: not in the catalog");
}

#[test]
fn credit_is_approved_refused_or_unreadable() {
    let check = |body: Value| run(partners(&Script::default().then(200, body)).credit(&cx(), &credit_query()));
    let approved = check(json!({"decision": "approved", "valid_until": "2026-03-03T10:00:00Z"})).unwrap();
    assert!(matches!(approved, CreditAnswer::Approved(approved) if approved.amount == money("32.50")));
    let refused = check(json!({"decision": "refused", "reason": "over the limit"})).unwrap();
    assert!(matches!(refused, CreditAnswer::Refused(refused) if refused.reason == "over the limit"));
    assert!(matches!(check(json!({"decision": "maybe"})), Err(CallFailure::Unknown { .. })));
}

#[test]
fn b43_a_question_that_the_erp_cannot_take_is_an_answer_for_people_and_not_a_failure() {
    let refusal = json!({"code": "MALFORMED", "reason": "amount is no decimal within reason"});
    for status in [409, 422] {
        let script = || Script::default().then(status, refusal.clone());
        let credit = run(partners(&script()).credit(&cx(), &credit_query())).unwrap();
        let CreditAnswer::Refused(refused) = credit else { panic!("{credit:?}") };
        assert_eq!(
            (refused.reason.as_str(), refused.unanswerable),
            ("MALFORMED: amount is no decimal within reason", true)
        );
        let price = run(partners(&script()).price(&cx(), &price_query())).unwrap();
        assert!(matches!(price, PriceAnswer::Unpriceable(_)), "{price:?}");
        let query = StockQuery { order: order(), lines: vec![line_quantity(1, "SKU-1", "3")] };
        assert_eq!(run(partners(&script()).stock(&cx(), &query)).unwrap(), []);
    }
    let refused =
        run(partners(&Script::default().then(200, json!({"decision": "refused"}))).credit(&cx(), &credit_query()));
    assert!(matches!(refused, Ok(CreditAnswer::Refused(refused)) if !refused.unanswerable));
}

#[test]
fn c16_a_look_up_is_compared_by_the_members_that_the_vendor_lists() {
    for (products, is_ours) in [
        (json!([{"id": 1, "sku": "SKU-1", "inventory_items": []}, {"id": 2, "sku": "W-9"}]), true),
        (
            json!([{"id": 1, "reference_id": "SKU-1", "quantity": 3}, {"id": 2, "reference_id": "W-9", "quantity": 24}]),
            true,
        ),
        (json!([{"id": 1, "quantity": 24}, {"id": 2, "quantity": 3}]), true),
        (json!([{"id": 1, "sku": "SKU-1"}, {"id": 2, "sku": "W-8"}]), false),
        (
            json!([{"id": 1, "reference_id": "SKU-1", "quantity": 3}, {"id": 2, "reference_id": "W-9", "quantity": 23}]),
            false,
        ),
        (json!([{"id": 1, "sku": "SKU-1"}]), false),
    ] {
        let mut existing = answer("shipwest").1;
        existing["products"] = products.clone();
        let script = Script::default().then(200, json!([existing]));
        let result = attempt(&partners(&script), "shipwest", repeat());
        assert_eq!(result.is_ok(), is_ours, "{products}: {result:?}");
    }
}

#[test]
fn b15_stock_is_allocated_line_by_line_and_locations_have_our_names() {
    let script = Script::default().then(201, answer("allocate").0);
    let Allocation { number, lines, allocation_no } =
        run(partners(&script).allocate(&cx(), &allocation_request(), Attempt::First)).unwrap();
    assert_eq!(allocation_no, AllocationNo::FIRST);
    assert_eq!(number.as_str(), "AL-1");
    let from = |location: &str, q: Quantity| vec![Source { location: location.parse().unwrap(), quantity: q }];
    assert_eq!(lines[0].sources, from("EAST", quantity("3", "EA")));
    assert_eq!(lines[1].sources, from("WEST", quantity("24", "EA")));
    assert!(lines[1].short.is_zero());
}

#[test]
fn an_invoice_and_a_goods_issue_return_their_numbers() {
    let script = Script::default().then(201, answer("invoice").0).then(201, answer("goods-issue").0);
    let partners = partners(&script);
    let invoiced = run(partners.invoice(&cx(), &invoice_request(), Attempt::First)).unwrap();
    assert_eq!(invoiced, Invoiced { invoice: "INV-1".parse().unwrap(), total: money("32.50") });
    let issued = run(partners.post_goods_issue(&cx(), &goods_issue(), Attempt::First)).unwrap();
    assert_eq!(issued.document.as_str(), "GI-1");
    assert_eq!(script.body(1)["reference"], json!(format!("{}/P-1", order().fulfillment(1))));
    assert_eq!(script.body(1)["site"], json!("LOC-1"));
}

#[test]
fn a_request_to_a_warehouse_has_the_warehouses_own_names() {
    let script = Script::default().then(201, answer("eastco").0);
    let accepted =
        run(partners(&script).request(&cx(), &fulfillment_request("eastco"), &party(), Attempt::First)).unwrap();
    assert_eq!(accepted, WarehouseAnswer::Accepted(Accepted { reference: "F-1".parse().unwrap() }));
    let body = script.body(0);
    assert_eq!(body["service_level"], json!("expedited"));
    assert_eq!(body["lines"][1], json!({"line": 2, "sku": "E-9", "quantity": "24", "uom": "PCE"}));
    assert_eq!(body["ship_to"]["name"], json!("Ada Example"));
    assert_eq!(body.get("fill"), None);

    let script = Script::default().then(201, answer("shipwest").0);
    let accepted =
        run(partners(&script).request(&cx(), &fulfillment_request("shipwest"), &party(), Attempt::First)).unwrap();
    assert_eq!(accepted, WarehouseAnswer::Accepted(Accepted { reference: "501".parse().unwrap() }));
    let body = script.body(0);
    assert_eq!(script.requests(), ["POST /1.0/order"]);
    assert_eq!(script.call(0).header("shipbob_channel_id"), Some("77"));
    assert_eq!((&body["shipping_method"], &body["location_id"]), (&json!("2-Day"), &json!(9)));
    let nine =
        json!({"reference_id": "W-9", "quantity": 24, "external_line_id": 2, "quantity_unit_of_measure_code": "EA"});
    assert_eq!(body["products"][1], nine);
}

#[test]
fn a_warehouses_rejection_is_an_answer() {
    let rejected = |reason: &str| WarehouseAnswer::Rejected(Rejected { reason: reason.to_owned() });
    let script = Script::default().then(422, json!({"code": "REJECTED", "reason": "closed"}));
    let no = run(partners(&script).request(&cx(), &fulfillment_request("eastco"), &party(), Attempt::First));
    assert_eq!(no, Ok(rejected("closed")));
    let script = Script::default().then(422, json!({"products": ["is not sold here"]})).then(200, "[]");
    let no = run(partners(&script).request(&cx(), &fulfillment_request("shipwest"), &party(), Attempt::First));
    assert_eq!(no, Ok(rejected("products: is not sold here")));
    let mut rejected_item = answer("eastco").1;
    rejected_item["status"] = json!("rejected");
    let script = Script::default().then(200, items("eastco", &[rejected_item]));
    let partners = partners_that(json!({"semantics": "lookup"}), &script);
    let no = run(partners.request(&cx(), &fulfillment_request("eastco"), &party(), repeat()));
    assert_eq!(no, Ok(rejected("the warehouse named no reason")));
}

#[test]
fn b16_a_fraction_is_not_sent_to_a_warehouse_that_counts_whole_units() {
    let mut request = fulfillment_request("shipwest");
    request.lines[0].quantity = quantity("1.5", "KG");
    let script = Script::default();
    let result = run(partners(&script).request(&cx(), &request, &party(), Attempt::First));
    assert!(matches!(result, Err(CallFailure::Refused(why)) if why.code == "FRACTION"));
    assert!(script.requests().is_empty());
}

#[test]
fn b02_an_existing_order_is_ours_in_any_spelling_of_its_address_and_not_at_another_place() {
    let sent = json!({"name": "Ada Example", "line1": "12 Sample Street", "postal_code": "10001", "country": "US"});
    for (postal_code, is_ours) in [("10001", true), ("10001-2345", true), ("10002", false)] {
        for warehouse in ["eastco", "shipwest"] {
            let mut existing = answer(warehouse).1;
            if warehouse == "eastco" {
                let capitals = |text: &Value| json!(text.as_str().unwrap().to_uppercase().replace("STREET", "ST"));
                existing["ship_to"] = json!({
                    "name": capitals(&sent["name"]), "line1": capitals(&sent["line1"]), "postal_code": postal_code,
                    "country": "US",
                });
            } else {
                existing["recipient"]["name"] = json!("ADA EXAMPLE");
                existing["recipient"]["address"]["address1"] = json!("12 SAMPLE ST");
                existing["recipient"]["address"]["zip_code"] = json!(postal_code);
            }
            let duplicate = match warehouse {
                "shipwest" => json!({"reference_id": ["already exists"]}),
                _ => json!({"code": "KEY_REUSED"}),
            };
            let status = if warehouse == "shipwest" { 422 } else { 409 };
            let script = Script::default().then(status, duplicate).then(200, items(warehouse, &[existing]));
            let result = attempt(&partners(&script), warehouse, Attempt::First);
            assert_eq!(result.is_ok(), is_ours, "{warehouse} {postal_code}: {result:?}");
        }
    }
}

#[test]
fn an_order_that_was_cancelled_there_does_not_count_as_accepted() {
    let mut cancelled = answer("shipwest").1;
    cancelled["status"] = json!("Cancelled");
    let script = Script::default().then(422, json!({"reference_id": ["already exists"]})).then(200, json!([cancelled]));
    let result = attempt(&partners(&script), "shipwest", Attempt::First);
    assert!(matches!(&result, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{result:?}");
}

#[test]
fn a_look_up_that_lists_all_orders_finds_only_the_requested_one() {
    let mut other_order = answer("shipwest").1;
    other_order["reference_id"] = json!("another-order");
    let script = Script::default().then(200, json!([other_order])).then(201, answer("shipwest").0);
    assert_eq!(attempt(&partners(&script), "shipwest", repeat()), Ok(()));
    assert_eq!(script.requests().len(), 2);
}
