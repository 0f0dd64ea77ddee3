//! Undoing effects, amended orders, kits, inquiries, and change requests from partners.

use domain::fulfillment::{GoodsIssue, Inquiry, Rejected, Withdrawal};
use domain::order::{
    AllocationNo, AllocationRequest, Deallocation, LineQuantity, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::{FulfillmentCommand as Command, Rejection};
use engine::delivery::{Delivery, Role};
use engine::inbound::{ChangeReader as _, ChangeRequest, OrderReader as _, ReportReader as _, Unmappable};
use engine::partner::{Attempt, CallFailure, Erp as _, Warehouse as _, WithdrawalAnswer};
use partners::Partners;
use serde_json::{Value, json};

use crate::support::{
    NOW, Script, Store, TestPartners, Watch, crm, cx, eastco, erp, line, line_quantity, order, partners, partners_that,
    quantity, run, sales_order, shipwest,
};

fn delivery(partner: &str, role: Role, body: &Value) -> Delivery {
    Delivery {
        partner: partner.parse().unwrap(),
        role,
        id: "msg-1".to_owned(),
        topic: body["type"].as_str().unwrap_or("order.shipped").to_owned(),
        body: body.to_string().into_bytes(),
        received_at: NOW.parse().unwrap(),
        correlation: "c".to_owned(),
        traceparent: None,
    }
}

fn lookup() -> Value {
    json!({"semantics": "lookup", "settle_seconds": 30})
}

fn refused<T: std::fmt::Debug>(answer: Result<T, CallFailure>) -> String {
    match answer {
        Err(CallFailure::Refused(why)) => why.code,
        other => panic!("{other:?}"),
    }
}

fn withdrawal(warehouse: &str, reference: Option<&str>, sent_until: Option<&str>) -> Withdrawal {
    Withdrawal {
        fulfillment: order().fulfillment(1),
        warehouse: warehouse.parse().unwrap(),
        reference: reference.map(|text| text.parse().unwrap()),
        sent_until: sent_until.map(|text| text.parse().unwrap()),
    }
}

fn withdraw(partners: &TestPartners, withdrawal: &Withdrawal) -> Result<WithdrawalAnswer, CallFailure> {
    run(partners.withdraw(&cx(), withdrawal, Attempt::First))
}

/// The four partners, where the ERP knows `KIT-1` as two of one part and one of another.
fn with_kits(script: &Script) -> TestPartners {
    let mut erp = erp();
    erp["maps"]["kits"] = json!({"KIT-1": [{"sku": "SKU-9", "per_kit": 2}, {"sku": "SKU-8", "per_kit": 1}]});
    Partners::new(Store::of(&[crm(), erp, eastco(), shipwest()]), script.clone(), Watch::at(NOW), ())
}

#[test]
fn b14_a_kit_is_allocated_as_parts_and_only_whole_kits_count() {
    let part = |sku: &str, requested: &str, sources: Value, short: &str| json!({"line": 1, "sku": sku, "quantity": requested, "uom": "EA", "sources": sources, "short": short});
    let at = |location: &str, amount: &str| json!({"location": location, "quantity": amount});
    let answer = json!({"id": "AL-1", "lines": [
        part("MAT-000009", "6", json!([at("LOC-1", "5"), at("LOC-2", "6")]), "0"),
        part("SKU-8", "3", json!([at("LOC-1", "3")]), "0"),
    ]});
    let script = Script::default().then(201, &answer);
    let request = AllocationRequest {
        order: order(),
        allocation_no: AllocationNo::new(2),
        lines: vec![line_quantity(1, "KIT-1", "3")],
    };
    let allocation = run(with_kits(&script).allocate(&cx(), &request, Attempt::First)).unwrap();
    let body = script.body(0);
    assert_eq!(body["reference"], format!("{}/2", order()));
    let requested: Vec<_> =
        body["lines"].as_array().unwrap().iter().map(|l| (l["sku"].clone(), l["quantity"].clone())).collect();
    assert_eq!(requested, [(json!("MAT-000009"), json!("6")), (json!("SKU-8"), json!("3"))]);
    let line = &allocation.lines[0];
    assert_eq!(allocation.allocation_no, AllocationNo::new(2));
    assert_eq!(line.asked, Some(quantity("3", "EA")));
    // The east has five of one part and three of the other: two kits. The west has one of the parts only: no kit.
    assert_eq!(line.sources.len(), 1);
    assert_eq!((line.sources[0].location.as_str(), line.sources[0].quantity), ("EAST", quantity("2", "EA")));
    assert_eq!(line.short, quantity("1", "EA"));

    for (lines, why) in [
        (json!([part("MAT-000009", "6", json!([]), "0")]), "a part is not answered"),
        (
            json!([part("MAT-000009", "6", json!([]), "0"), part("SKU-8", "3", json!([]), "4")]),
            "more short than requested",
        ),
    ] {
        let script = Script::default().then(201, json!({"id": "AL-1", "lines": lines}));
        let result = run(with_kits(&script).allocate(&cx(), &request, Attempt::First));
        assert!(matches!(result, Err(CallFailure::Unknown { .. })), "{why}: {result:?}");
    }
    let half = AllocationRequest {
        lines: vec![LineQuantity { quantity: quantity("0.5", "KG"), ..line_quantity(1, "KIT-1", "1") }],
        ..request
    };
    assert_eq!(refused(run(with_kits(&Script::default()).allocate(&cx(), &half, Attempt::First))), "KIT_NOT_WHOLE");
}

#[test]
fn b14_a_goods_issue_of_a_kit_posts_its_parts() {
    let script = Script::default().then(201, json!({"number": "GI-1"}));
    let issue = GoodsIssue {
        lines: vec![line_quantity(1, "KIT-1", "2"), line_quantity(2, "SKU-1", "1")],
        ..crate::support::goods_issue()
    };
    let issued = run(with_kits(&script).post_goods_issue(&cx(), &issue, Attempt::First)).unwrap();
    let posted: Vec<_> =
        script.body(0)["lines"].as_array().unwrap().iter().map(|l| (l["sku"].clone(), l["quantity"].clone())).collect();
    assert_eq!(posted, [(json!("MAT-000009"), json!("4")), (json!("SKU-8"), json!("2")), (json!("SKU-1"), json!("1"))]);
    assert_eq!(issued.lines, issue.lines, "the result names our products");
}

#[test]
fn stock_counts_for_one_line_only_and_a_kit_needs_all_parts_at_one_location() {
    let items = json!([
        {"sku": "MAT-000009", "location": "LOC-1", "available": "5", "uom": "EA"},
        {"sku": "SKU-8", "location": "LOC-1", "available": "1", "uom": "EA"},
        {"sku": "SKU-8", "location": "LOC-2", "available": "9", "uom": "EA"},
        {"sku": "SKU-1", "location": "LOC-2", "available": "4", "uom": "EA"},
        {"sku": "SKU-2", "location": "LOC-2", "available": "-3", "uom": "EA"},
    ]);
    let script = Script::default().then(200, json!({"items": items}));
    let lines = vec![
        line_quantity(1, "KIT-1", "3"),
        line_quantity(2, "SKU-1", "3"),
        line_quantity(3, "SKU-1", "3"),
        line_quantity(4, "SKU-2", "1"),
    ];
    let found = run(with_kits(&script).stock(&cx(), &StockQuery { order: order(), lines })).unwrap();
    assert_eq!(found, [line_quantity(1, "KIT-1", "1"), line_quantity(2, "SKU-1", "3"), line_quantity(3, "SKU-1", "1")]);
}

#[test]
fn f03_a_stock_amount_out_of_range_is_an_unreadable_answer_and_no_panic() {
    let most = |location: &str| json!({"sku": "SKU-1", "location": location, "available": "79228162514264337593543950335", "uom": "EA"});
    let script = Script::default().then(200, json!({"items": [most("LOC-1"), most("LOC-1")]}));
    let found =
        run(with_kits(&script)
            .stock(&cx(), &StockQuery { order: order(), lines: vec![line_quantity(1, "SKU-1", "3")] }));
    assert!(found.is_err(), "{found:?}");
    let script = Script::default().then(200, json!({"items": [most("LOC-1"), most("LOC-2")]}));
    let found =
        run(with_kits(&script)
            .stock(&cx(), &StockQuery { order: order(), lines: vec![line_quantity(1, "SKU-1", "3")] }));
    assert_eq!(found, Ok(vec![line_quantity(1, "SKU-1", "3")]));
}

#[test]
fn every_allocation_under_the_reference_is_released_and_none_twice() {
    let items = json!([
        {"id": "AL-1", "status": "released"}, {"id": "AL-2", "status": "open"}, {"id": "AL-3", "status": "open"},
    ]);
    let script = Script::default().then(200, json!({"items": items})).then(200, "{}").then(404, "{}");
    let deallocation = Deallocation { order: order(), allocation_no: AllocationNo::new(1), sent_until: None };
    assert_eq!(run(partners(&script).deallocate(&cx(), &deallocation, Attempt::First)), Ok(()));
    let expected = [
        format!("GET /allocations?reference={}", order()),
        "POST /allocations/AL-2/release".to_owned(),
        "POST /allocations/AL-3/release".to_owned(),
    ];
    assert_eq!(script.requests(), expected);
    assert_eq!(script.call(1).header("idempotency-key"), Some(format!("deallocate/{}/AL-2", order()).as_str()));
    assert_eq!(script.call(1).header("x-origin"), Some("crossdock"));
    assert_eq!(script.call(0).header("x-origin"), None, "a read has no origin");
}

#[test]
fn b01_an_undo_waits_for_a_document_that_may_have_been_sent_a_moment_ago() {
    let none = || Script::default().then(200, json!({"items": []}));
    let soon = Some("2026-03-02T09:59:45Z".parse().unwrap());
    let late = Some("2026-03-02T09:59:00Z".parse().unwrap());
    for (sent_until, waits) in [(soon, true), (late, false), (None, false)] {
        let deallocation = Deallocation { order: order(), allocation_no: AllocationNo::new(1), sent_until };
        let answer = run(partners_that(lookup(), &none()).deallocate(&cx(), &deallocation, Attempt::First));
        assert_eq!(matches!(answer, Err(CallFailure::Limited { .. })), waits, "{answer:?}");
        let cancel = SalesOrderCancellation { order: order(), sales_order: None, sent_until };
        let answer = run(partners_that(lookup(), &none()).cancel_sales_order(&cx(), &cancel, Attempt::First));
        assert_eq!(matches!(answer, Err(CallFailure::Limited { .. })), waits, "{answer:?}");
        let request = Withdrawal { sent_until, ..withdrawal("eastco", None, None) };
        let answer = withdraw(&partners_that(lookup(), &none()), &request);
        assert_eq!(matches!(answer, Err(CallFailure::Limited { .. })), waits, "{answer:?}");
    }
    // A partner without keys and look-up is left to an operator.
    let neither = || partners_that(json!({"semantics": "neither"}), &Script::default());
    let deallocation = Deallocation { order: order(), allocation_no: AllocationNo::new(1), sent_until: None };
    assert_eq!(refused(run(neither().deallocate(&cx(), &deallocation, Attempt::First))), "OUTCOME_UNKNOWN");
    assert_eq!(refused(withdraw(&neither(), &withdrawal("eastco", None, Some(NOW)))), "OUTCOME_UNKNOWN");
}

#[test]
fn b04_a_fulfillment_is_withdrawn_by_its_number_or_by_our_reference_or_it_is_too_late() {
    let reference = |answer: WithdrawalAnswer| match answer {
        WithdrawalAnswer::Withdrawn(withdrawn) => withdrawn.reference.map(|reference| reference.to_string()),
        WithdrawalAnswer::TooLate(why) => panic!("{why}"),
    };
    let script = Script::default().then(200, json!({"id": "F-1", "status": "cancelled"}));
    let answer = withdraw(&partners(&script), &withdrawal("eastco", Some("F-1"), None)).unwrap();
    assert_eq!(
        (reference(answer).as_deref(), script.requests()),
        (Some("F-1"), vec!["POST /v1/fulfillments/F-1/cancel".to_owned()])
    );
    for (items, then, withdrawn) in [
        (json!([]), None, None),
        (json!([{"id": "F-1", "status": "cancelled"}]), None, Some("F-1")),
        (json!([{"id": "F-1", "status": "rejected"}]), None, Some("F-1")),
        (json!([{"id": "F-1", "status": "cancelled"}, {"id": "F-2", "status": "accepted"}]), Some("{}"), Some("F-2")),
    ] {
        let script = Script::default().then(200, json!({"items": items}));
        let script = then.map_or(script.clone(), |body| script.then(200, body));
        let answer = withdraw(&partners(&script), &withdrawal("eastco", None, None)).unwrap();
        assert_eq!(reference(answer).as_deref(), withdrawn, "{items}");
    }
    let script = Script::default().then(409, json!({"code": "TOO_LATE", "reason": "packing has begun"}));
    let answer = withdraw(&partners(&script), &withdrawal("eastco", Some("F-1"), None)).unwrap();
    assert!(matches!(answer, WithdrawalAnswer::TooLate(why) if why.code == "TOO_LATE"));
}

#[test]
fn b04_shipbob_answers_for_each_shipment_whether_it_is_cancelled() {
    let cancel = |body: Value| {
        withdraw(&partners(&Script::default().then(200, body)), &withdrawal("shipwest", Some("501"), None))
    };
    let done = json!({"canceled_shipment_results": [{"is_success": true}, {"is_success": true}]});
    assert!(
        matches!(cancel(done).unwrap(), WithdrawalAnswer::Withdrawn(w) if w.reference == Some("501".parse().unwrap()))
    );
    let half = json!({"canceled_shipment_results": [{"is_success": true}, {"is_success": false, "reason": "packed"}]});
    assert!(matches!(cancel(half).unwrap(), WithdrawalAnswer::TooLate(why) if why.reason == "packed"));
    let before = json!({"order": {"status": "Cancelled"}, "canceled_shipment_results": []});
    assert!(matches!(cancel(before).unwrap(), WithdrawalAnswer::Withdrawn(_)));
    assert!(matches!(cancel(json!({})), Err(CallFailure::Unknown { .. })), "no result is not success");
    // The vendor may ignore the filter: another order is never cancelled.
    let script = Script::default().then(200, json!([{"id": 7, "reference_id": "another-order"}]));
    let answer = withdraw(&partners(&script), &withdrawal("shipwest", None, None)).unwrap();
    assert!(matches!(answer, WithdrawalAnswer::Withdrawn(w) if w.reference.is_none()));
}

#[test]
fn a15_without_the_receiver_every_word_with_a_digit_is_removed_from_a_warehouses_text() {
    let words = "12 Sample Street, 10001: closed, ring at dock B";
    let redacted = "[redacted] Sample Street, [redacted] closed, ring at dock B";
    let east = withdrawal("eastco", Some("F-1"), None);
    let script = Script::default().then(409, json!({"code": "TOO_LATE", "reason": words}));
    let late = WithdrawalAnswer::TooLate(Rejection::new("TOO_LATE", redacted));
    assert_eq!(withdraw(&partners(&script), &east), Ok(late.clone()));
    let script = Script::default().then(422, json!({"code": "DOCK_7", "line": 2, "reason": words}));
    let refused = CallFailure::Refused(Rejection::new("DOCK_7", format!("line 2: {redacted}")));
    assert_eq!(withdraw(&partners(&script), &east), Err(refused), "the code and the line number stay");

    let west = withdrawal("shipwest", Some("501"), None);
    let results = json!({"canceled_shipment_results": [{"is_success": false, "reason": words}]});
    assert_eq!(withdraw(&partners(&Script::default().then(200, results)), &west), Ok(late));
    let script = Script::default().then(422, json!({"order": [words]}));
    let refused = CallFailure::Refused(Rejection::new("HTTP_422", format!("order: {redacted}")));
    assert_eq!(withdraw(&partners(&script), &west), Err(refused));

    let fulfillment = order().fulfillment(1);
    let data = json!({"reference": fulfillment, "reason": words});
    let easts = json!({"type": "fulfillment.rejected", "timestamp": NOW, "data": data});
    let details = json!([{"name": "OutOfStock", "description": words}]);
    let wests = json!({"id": 9, "order_id": 501, "reference_id": fulfillment, "status": "Exception", "status_details": details});
    for (warehouse, body, reason) in
        [("eastco", easts, redacted.to_owned()), ("shipwest", wests, format!("Exception/OutOfStock: {redacted}"))]
    {
        let read = run(partners(&Script::default()).read_report(&delivery(warehouse, Role::Warehouse, &body)));
        assert_eq!(read.unwrap().unwrap().commands.last(), Some(&Command::RecordRejected(Rejected { reason })));
    }
}

fn revised() -> SalesOrder {
    SalesOrder { revision: 2, ..sales_order() }
}

fn existing(revision: u32, status: &str) -> Value {
    let line = json!({"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "EA", "unit_price": "9.99", "amount": "29.97", "tax": "2.53"});
    json!({
        "number": "SO-1", "reference": order(), "status": status, "revision": revision, "etag": "\"7\"", "customer": "C-1",
        "customer_po": "PO-1", "currency": "USD", "total": "32.50", "lines": [line],
    })
}

#[test]
fn b07_an_amended_sales_order_is_looked_up_and_updated() {
    let create =
        |script: &Script, order: &SalesOrder| run(partners(script).create_sales_order(&cx(), order, Attempt::First));
    let script =
        Script::default().then(200, json!({"items": [existing(1, "open")]})).then(200, json!({"number": "SO-1"}));
    let released = create(&script, &revised()).unwrap();
    assert_eq!((released.sales_order.as_str(), released.revision), ("SO-1", 2));
    let put = script.call(1);
    assert_eq!((put.header("if-match"), script.requests()[1].as_str()), (Some("\"7\""), "PUT /sales-orders/SO-1"));
    assert_eq!(script.body(1)["revision"], 2);

    let script = Script::default().then(200, json!({"items": [existing(2, "open")]}));
    assert_eq!(create(&script, &revised()).unwrap().sales_order.as_str(), "SO-1", "it has this content already");
    let script =
        Script::default().then(200, json!({"items": [existing(1, "cancelled")]})).then(201, json!({"number": "SO-2"}));
    assert_eq!(create(&script, &revised()).unwrap().sales_order.as_str(), "SO-2", "a cancelled one does not count");
    let script = Script::default().then(200, json!({"items": [existing(3, "open")]}));
    assert_eq!(refused(create(&script, &revised())), "STALE_REVISION", "an older revision never replaces a newer one");
    let other = SalesOrder { customer_po: "PO-2".parse().unwrap(), ..revised() };
    let script = Script::default().then(200, json!({"items": [existing(2, "open")]}));
    assert_eq!(refused(create(&script, &other)), "DUPLICATE_DIFFERS");
    let mut without_etag = existing(1, "open");
    without_etag["etag"] = json!(null);
    let script = Script::default().then(200, json!({"items": [without_etag]}));
    assert!(matches!(create(&script, &revised()), Err(CallFailure::Unknown { .. })), "no update without an etag");
}

#[test]
fn b25_an_etag_conflict_is_decided_again_three_times_and_then_retried_later() {
    let look = |script: Script| {
        script.then(200, json!({"items": [existing(1, "open")]})).then(412, json!({"code": "CHANGED"}))
    };
    let script = look(look(look(Script::default())));
    let answer = run(partners(&script).create_sales_order(&cx(), &revised(), Attempt::First));
    assert!(matches!(answer, Err(CallFailure::Unknown { .. })), "{answer:?}");
    assert!(script.is_finished());
    let script = look(Script::default()).then(200, json!({"items": [existing(2, "open")]}));
    let answer = run(partners(&script).create_sales_order(&cx(), &revised(), Attempt::First)).unwrap();
    assert_eq!(answer.sales_order.as_str(), "SO-1", "it has our content meanwhile");
}

#[test]
fn c14_a_closed_period_is_a_rejection_and_not_retried() {
    let script = Script::default().then(422, json!({"code": "PERIOD_CLOSED", "reason": "February is closed"}));
    let answer = run(partners(&script).post_goods_issue(&cx(), &crate::support::goods_issue(), Attempt::First));
    assert_eq!(refused(answer), "PERIOD_CLOSED");
}

#[test]
fn b10_what_a_warehouse_cannot_do_is_a_mistake_in_its_document() {
    let with = |pointer: &str, value: Value| {
        let mut document = eastco();
        document["warehouse"][pointer] = value;
        partners::Partner::read(&document)
    };
    let place = |read: Result<partners::Partner, (String, partners::registry::Offences)>| {
        read.unwrap_err().1.0[0].place.clone()
    };
    let kits = json!({"KIT-1": [{"sku": "PART-A", "per_kit": 2}, {"sku": "PART-B", "per_kit": 1}]});
    let read = with("kits", kits.clone()).unwrap();
    assert_eq!(read.sites[0].kits[&"KIT-1".parse().unwrap()][0].per_kit.get(), 2);
    for (kits, at) in [
        (json!({"KIT-1": []}), "warehouse.kits.KIT-1"),
        (json!({"KIT-1": [{"sku": "PART-A", "per_kit": 0}]}), "warehouse.kits.KIT-1[0].per_kit"),
        (json!({"KIT-1": [{"sku": "KIT-1", "per_kit": 1}]}), "warehouse.kits.KIT-1[0].sku"),
        (json!({"KIT-1": [{"sku": "A", "per_kit": 1}, {"sku": "A", "per_kit": 2}]}), "warehouse.kits.KIT-1[1].sku"),
    ] {
        assert_eq!(place(with("kits", kits)), at);
    }
    let mut both = eastco();
    both["warehouse"]["kits"] = kits;
    both["warehouse"]["traced"] = json!({"KIT-1": "serial", "PART-A": "lot"});
    assert_eq!(place(partners::Partner::read(&both)), "warehouse.traced.KIT-1", "a kit has no serial number");
    assert_eq!(place(with("traced", json!({"SKU-9": "colour"}))), "warehouse.traced.SKU-9");
    assert_eq!(place(with("on_short", json!("forget"))), "warehouse.on_short");
    assert_eq!(place(with("promises", json!({"overnight": {}}))), "warehouse.promises.overnight");
    assert_eq!(
        place(with("promises", json!({"standard": {"depart_hours": 0}}))),
        "warehouse.promises.standard.depart_hours"
    );
    let promised = with("promises", json!({"standard": {"acknowledge_minutes": 5}})).unwrap();
    let promise = promised.sites[0].promises[&domain::order::ServiceLevel::Standard];
    assert_eq!((promise.acknowledge_minutes, promise.depart_hours, promise.silence_hours), (5, 24, 168));
    let mut kits_of_a_warehouse = eastco();
    kits_of_a_warehouse["maps"]["kits"] = json!({"KIT-1": [{"sku": "A", "per_kit": 1}]});
    assert_eq!(place(partners::Partner::read(&kits_of_a_warehouse)), "maps.kits");
}

fn packed(package: &Value) -> Value {
    json!({"type": "package.packed", "timestamp": NOW, "data": {"reference": order().fulfillment(1), "id": "F-1", "package": package}})
}

#[test]
fn c15_a_package_whose_total_is_not_the_sum_of_its_lines_is_malformed() {
    let lines = json!([{"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "PCE"}, {"line": 2, "sku": "E-9", "quantity": "2", "uom": "PCE"}]);
    let read = |total: &str| {
        let package = json!({"id": "P-1", "lines": lines, "total_quantity": total});
        run(partners(&Script::default()).read_report(&delivery("eastco", Role::Warehouse, &packed(&package)))).unwrap()
    };
    assert!(read("5").is_ok());
    let Err(Unmappable::Malformed(offences)) = read("6") else { panic!("it was accepted") };
    assert_eq!(offences[0].pointer, "/data/package/total_quantity");
}

#[test]
fn b17_lots_and_serial_numbers_are_read_with_their_line() {
    let line = json!({"line": 1, "sku": "E-9", "quantity": "2", "uom": "PCE", "lot": "L-7", "serials": ["S-1", "S-2"]});
    let package = json!({"id": "P-1", "lines": [line, {"line": 2, "sku": "SKU-1", "quantity": "1", "uom": "PCE"}]});
    let reported =
        run(partners(&Script::default()).read_report(&delivery("eastco", Role::Warehouse, &packed(&package))));
    let Command::RecordPacked(packed) = &reported.unwrap().unwrap().commands[0] else { panic!() };
    assert_eq!(packed.traced.len(), 1);
    let traced = &packed.traced[0];
    assert_eq!((traced.line, traced.sku.as_str(), traced.quantity), (self::line(1), "SKU-9", quantity("2", "EA")));
    assert_eq!(traced.lot.as_ref().unwrap().as_str(), "L-7");
    assert_eq!(traced.serials.len(), 2);
}

#[test]
fn b21_an_unmapped_product_is_malformed_and_read_once_it_is_mapped() {
    let broken = packed(&json!({"id": "P-1", "lines": [{"line": 1, "sku": "Ä-9", "quantity": "2", "uom": "PCE"}]}));
    let read = |document: Value| {
        let partners = Partners::new(Store::of(&[document]), Script::default(), Watch::at(NOW), ());
        run(partners.read_report(&delivery("eastco", Role::Warehouse, &broken))).unwrap()
    };
    let Err(Unmappable::Malformed(offences)) = read(eastco()) else { panic!("it is not a SKU") };
    assert_eq!(offences[0].pointer, "/data/package/lines/0/sku");
    let mut mapped = eastco();
    mapped["maps"]["skus"]["SKU-9"] = json!("Ä-9");
    let reported = read(mapped).unwrap();
    assert!(matches!(&reported.commands[0], Command::RecordPacked(packed) if packed.lines[0].sku.as_str() == "SKU-9"));
}

#[test]
fn b28_our_own_writes_are_recognized_by_every_reader() {
    let partners = partners(&Script::default());
    let ours = |kind: &str| json!({"type": kind, "timestamp": NOW, "origin": "crossdock", "data": {"id": "CRM-1", "reference": order()}});
    let own = Unmappable::Unrelated("our own write");
    for kind in ["order.updated", "order.created", "order.cancelled"] {
        let crm = delivery("acme-crm", Role::Crm, &ours(kind));
        assert_eq!(run(partners.read_order(&crm)).unwrap().unwrap_err(), own);
        assert_eq!(run(partners.read_change(&crm)).unwrap().unwrap_err(), own);
    }
    let erp = delivery("acme-erp", Role::Erp, &ours("order.held"));
    assert_eq!(run(partners.read_change(&erp)).unwrap().unwrap_err(), own);
    let eastco = delivery("eastco", Role::Warehouse, &ours("fulfillment.accepted"));
    assert_eq!(run(partners.read_report(&eastco)).unwrap().unwrap_err(), own);
    let mut theirs = ours("order.updated");
    theirs["origin"] = json!("another-system");
    let read = run(partners.read_change(&delivery("acme-crm", Role::Crm, &theirs))).unwrap();
    assert_eq!(read.unwrap_err(), Unmappable::UnknownTopic("order.updated".to_owned()));
}

#[test]
fn a_change_request_has_its_order_and_reason_and_an_amendment_the_whole_order() {
    let partners = partners(&Script::default());
    let change = |kind: &str, data: Value| {
        let body = json!({"type": kind, "timestamp": NOW, "data": data});
        run(partners.read_change(&delivery("acme-crm", Role::Crm, &body))).unwrap()
    };
    let request = |kind: &str| change(kind, json!({"id": "CRM-1", "reason": "as asked"})).unwrap();
    assert_eq!(request("order.cancelled").order, order());
    let asked_at = NOW.parse().unwrap();
    assert_eq!(request("order.cancelled").request, ChangeRequest::Cancel { reason: "as asked".to_owned(), asked_at });
    assert!(matches!(request("order.held").request, ChangeRequest::Hold { .. }));
    assert!(matches!(request("order.hold_released").request, ChangeRequest::ReleaseHold { .. }));
    assert!(matches!(change("order.amended", json!({"id": "CRM-1"})), Err(Unmappable::Malformed(_))), "all of it");
    assert!(matches!(change("order.cancelled", json!({"reason": "x"})), Err(Unmappable::Malformed(_))));
    let mut data = crate::orders::order();
    data["reason"] = json!("two more");
    let amended = change("order.amended", data).unwrap();
    let ChangeRequest::Amend { new, reason } = amended.request else { panic!() };
    assert_eq!((reason.as_str(), new.submission.lines.len()), ("two more", 2));
    assert_eq!(new.submission.ship_to.order, amended.order);

    let body = json!({"type": "order.held", "timestamp": NOW, "data": {"reference": order(), "reason": "blocked"}});
    let held = run(partners.read_change(&delivery("acme-erp", Role::Erp, &body))).unwrap().unwrap();
    assert_eq!((held.order, held.request), (order(), ChangeRequest::Hold { reason: "blocked".to_owned() }));
}

#[test]
fn an_inquiry_yields_the_commands_of_the_messages() {
    let item = json!({
        "id": "F-1", "status": "completed", "lines": [], "completed_at": "2026-03-02T09:00:00Z",
        "packages": [{
            "id": "P-1", "carrier": "UPSN", "tracking": "1Z", "packed_at": "2026-03-02T08:00:00Z",
            "lines": [{"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "PCE"}], "total_quantity": "3",
            "milestones": [{"milestone": "picked_up", "carrier_code": "PU", "occurred_at": "2026-03-02T09:00:00Z"}],
        }, {
            "id": "P-2", "packed_at": "2026-03-02T07:00:00Z", "voided_at": "2026-03-02T07:30:00Z",
            "lines": [{"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "PCE"}],
        }],
    });
    let inquire = |item: &Value| {
        let script = Script::default().then(200, json!({"items": [item]}));
        let inquiry =
            Inquiry { fulfillment: order().fulfillment(1), warehouse: "eastco".parse().unwrap(), reference: None };
        run(partners(&script).inquire(&cx(), &inquiry))
    };
    let commands = inquire(&item).unwrap();
    assert_eq!(commands.len(), 6, "{commands:?}");
    let data = json!({
        "reference": order().fulfillment(1), "id": "F-1", "occurred_at": "2026-03-02T09:00:00Z", "milestone": "picked_up",
        "carrier_code": "PU", "package": {"id": "P-1", "carrier": "UPSN", "tracking": "1Z"},
    });
    let message = json!({"type": "shipment.milestone", "timestamp": NOW, "data": data});
    let reported =
        run(partners(&Script::default()).read_report(&delivery("eastco", Role::Warehouse, &message))).unwrap().unwrap();
    assert!(commands.contains(&reported.commands[0]), "the same command as the message's: {commands:?}");
    assert!(matches!(commands.last(), Some(Command::RecordClosed(_))));
    assert_eq!(inquire(&json!({"id": "F-1", "status": "cancelled"})), Ok(vec![]));
    let unreadable = inquire(&json!({"id": "F-1", "packages": [{"id": "P-1", "packed_at": "yesterday"}]}));
    assert!(matches!(unreadable, Err(CallFailure::Unknown { .. })), "{unreadable:?}");
}
