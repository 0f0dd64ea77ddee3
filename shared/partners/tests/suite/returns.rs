//! Returns: what partners are asked, and what their messages and answers mean.

use std::collections::BTreeMap;

use domain::returns::{
    Account, Adjustment, Amounts, Announcement, AnnouncementWithdrawal, AuthorizationRequest, Disposition,
    ExpectedReceipt, Fee, Movement, Outcome, ReasonClass, Receipt, StockChange, StockKey,
};
use domain::{Money, ReturnCommand, ReturnId, Uom};
use engine::delivery::{Delivery, Role};
use engine::inbound::Unmappable;
use engine::partner::{Attempt, CallFailure};
use engine::returns::{
    ErpReturns as _, ReceiptReader as _, ReceiptReported, ReturnPolicies as _, ReturnReader as _, WarehouseReturns as _,
};
use partners::{Partner, Partners};
use serde_json::{Value, json};

use crate::support::{
    NOW, Script, Store, TestPartners, Watch, crm, cx, eastco, erp, line, line_quantity, money, order, partners,
    partners_that, quantity, run, shipwest,
};

fn id() -> ReturnId {
    ReturnId::derive(&"acme-crm".parse().unwrap(), &"RET-1".parse().unwrap())
}

fn amounts(net: &str, tax: &str) -> Amounts {
    Amounts { net: money(net), taxes: BTreeMap::from([("SALES".to_owned(), money(tax))]) }
}

fn adjustment(is_debit: bool) -> Adjustment {
    Adjustment {
        return_id: id(),
        order: order(),
        invoice: "INV-1".parse().unwrap(),
        account: Account::Line(line(1)),
        n: 2,
        is_debit,
        units: 2.into(),
        amounts: amounts("20.00", "1.36"),
    }
}

fn announcement(known_as: Option<&str>) -> Announcement {
    Announcement {
        return_id: id(),
        rma: "RMA-1".parse().unwrap(),
        expected: ExpectedReceipt {
            no: 1,
            warehouse: "eastco".parse().unwrap(),
            site: "EAST".parse().unwrap(),
            lines: vec![line_quantity(1, "SKU-9", "2")],
            tracking: None,
        },
        known_as: known_as.map(|known| known.parse().unwrap()),
        revision: 1,
    }
}

fn repeat() -> Attempt {
    Attempt::Repeat { over_by: "2026-03-02T09:59:00Z".parse().unwrap() }
}

/// The partners, where `eastco` reports in this way.
fn reporting(receipts: Option<&str>, script: &Script) -> TestPartners {
    let mut eastco = eastco();
    if let Some(receipts) = receipts {
        eastco["warehouse"]["receipts"] = json!(receipts);
    }
    Partners::new(Store::of(&[crm(), erp(), eastco, shipwest()]), script.clone(), Watch::at(NOW), ())
}

fn delivery(partner: &str, role: Role, body: &Value) -> Delivery {
    Delivery {
        partner: partner.parse().unwrap(),
        role,
        id: "msg-1".to_owned(),
        topic: body["type"].as_str().unwrap_or_default().to_owned(),
        body: body.to_string().into_bytes(),
        received_at: NOW.parse().unwrap(),
        correlation: "c".to_owned(),
        traceparent: None,
    }
}

#[test]
fn a_memo_is_posted_under_its_key_and_read_back_also_where_the_erp_posted_another_amount() {
    for (is_debit, path, key) in [(false, "credit-memos", "credit"), (true, "debit-memos", "debit")] {
        let reference = format!("{key}/{}/1/2", id());
        let posted = json!({
            "number": "CM-1", "reference": reference, "invoice": "INV-1", "line": 1, "quantity": "2", "net": "20.01",
            "taxes": [{"code": "SALES", "amount": "1.36"}], "currency": "USD",
        });
        let script =
            Script::default().then(201, json!({"number": "CM-1"})).then(200, json!({"items": [posted.clone()]}));
        let answer = run(partners(&script).adjust(&cx(), &adjustment(is_debit), Attempt::First)).unwrap();
        assert_eq!((answer.document.as_str(), answer.n), ("CM-1", 2));
        assert_eq!(answer.amounts, amounts("20.01", "1.36"), "what was posted counts, not what was asked for");
        assert!(script.requests()[0].starts_with(&format!("POST /{path}")), "{:?}", script.requests());
        let body = script.body(0);
        assert_eq!((&body["net"], &body["quantity"], &body["line"]), (&json!("20.00"), &json!("2"), &json!(1)));
        assert_eq!((&body["invoice"], &body["reference"]), (&json!("INV-1"), &json!(reference)));

        // A repeat finds what an earlier attempt posted, and posts nothing.
        let lookup = json!({"semantics": "lookup", "settle_seconds": 30});
        let items = json!({"items": [posted]});
        let script = Script::default().then(200, &items).then(200, &items);
        let again = run(partners_that(lookup, &script).adjust(&cx(), &adjustment(is_debit), repeat())).unwrap();
        assert_eq!(again, answer);
        assert!(script.requests().iter().all(|request| request.starts_with("GET")), "{:?}", script.requests());
    }
}

#[test]
fn a_memo_that_cannot_be_read_back_has_an_unknown_outcome() {
    let script = Script::default().then(201, json!({"number": "CM-1"})).then(200, json!({"items": []}));
    let answer = run(partners(&script).adjust(&cx(), &adjustment(false), Attempt::First));
    assert!(matches!(answer, Err(CallFailure::Unknown { .. })), "{answer:?}");
}

#[test]
fn an_invoice_is_read_by_line_with_each_tax_and_undone_ones_do_not_count() {
    let invoice = |number: &str, status: &str, net: &str| {
        json!({
            "number": number, "status": status, "issued_at": "2026-02-27T09:00:00Z", "currency": "USD", "total": "1",
            "lines": [{"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "EA", "net": net,
                       "taxes": [{"code": "STATE", "amount": "1.20"}, {"code": "CITY", "amount": "0.60"}]}],
            "shipping": {"net": "5.00", "taxes": []},
        })
    };
    let items = json!({"items": [invoice("INV-1", "reversed", "1.00"), invoice("INV-2", "open", "30.00")]});
    let script = Script::default().then(200, items);
    let read = run(partners(&script).read_invoice(&cx(), &order())).unwrap().unwrap();
    assert_eq!(read.invoice.as_str(), "INV-2");
    let of_line = &read.lines[&line(1)];
    assert_eq!((of_line.quantity, of_line.amounts.net), (quantity("3", "EA"), money("30.00")));
    assert_eq!(of_line.amounts.taxes["CITY"], money("0.60"));
    assert_eq!(read.shipping.unwrap().total(), Some(money("5.00")));
    let none = run(partners(&Script::default().then(404, "{}")).read_invoice(&cx(), &order())).unwrap();
    assert_eq!(none, None);
}

#[test]
fn the_erp_authorizes_and_moves_stock_under_keys_of_the_return() {
    let answer = json!({"number": "RMA-1", "authorized_at": NOW, "valid_until": "2026-04-01T00:00:00Z"});
    let script = Script::default().then(201, answer).then(201, json!({"number": "MV-1"}));
    let partners = partners(&script);
    let lines = BTreeMap::from([(line(1), quantity("2", "EA"))]);
    let request = AuthorizationRequest { return_id: id(), order: order(), lines };
    let authorized = run(partners.authorize(&cx(), &request, Attempt::First)).unwrap();
    assert_eq!((authorized.rma.as_str(), authorized.at), ("RMA-1", NOW.parse().unwrap()));
    let of = StockKey {
        warehouse: "eastco".parse().unwrap(),
        sku: "SKU-9".parse().unwrap(),
        uom: Uom::EACH,
        disposition: Disposition::Damaged,
    };
    let changes = vec![StockChange { of, by: (-2).into() }];
    let movement = Movement { return_id: id(), order: Some(order()), n: 3, changes };
    let moved = run(partners.move_stock(&cx(), &movement, Attempt::First)).unwrap();
    assert_eq!((moved.document.as_str(), moved.n), ("MV-1", 3));
    let change = &script.body(1)["changes"][0];
    assert_eq!((&change["sku"], &change["quantity"]), (&json!("MAT-000009"), &json!("-2")));
    assert_eq!(
        (&change["disposition"], &script.body(1)["reference"]),
        (&json!("damaged"), &json!(format!("{}/3", id())))
    );
}

#[test]
fn a_parcel_is_announced_edited_and_withdrawn_in_the_warehouses_words() {
    let script = Script::default().then(201, json!({"id": "R-1"})).then(200, json!({}));
    let partners = partners(&script);
    let announced = run(partners.announce(&cx(), &announcement(None), Attempt::First)).unwrap();
    assert_eq!((announced.reference.as_str(), announced.no, announced.revision), ("R-1", 1, 1));
    assert_eq!(script.body(0)["reference"], format!("{}-1", id()));
    assert_eq!(script.body(0)["lines"][0], json!({"line": 1, "sku": "E-9", "quantity": "2", "uom": "PCE"}));
    let edited = run(partners.announce(&cx(), &announcement(Some("R-1")), Attempt::First)).unwrap();
    assert_eq!(edited.reference.as_str(), "R-1");
    assert_eq!(script.requests()[1], "PUT /v1/returns/R-1");

    let withdrawal = |known_as: Option<&str>| AnnouncementWithdrawal {
        return_id: id(),
        no: 1,
        warehouse: "eastco".parse().unwrap(),
        known_as: known_as.map(|known| known.parse().unwrap()),
        sent_until: None,
    };
    let late = json!({"code": "TOO_LATE", "reason": "the goods are here"});
    for (known_as, script) in [
        (Some("R-1"), Script::default().then(200, json!({}))),
        (Some("R-1"), Script::default().then(409, late)),
        (
            None,
            Script::default().then(200, json!({"items": [{"id": "R-1", "status": "announced"}]})).then(200, json!({})),
        ),
        (None, Script::default().then(404, "{}")),
    ] {
        let partners = crate::support::partners(&script);
        let withdrawn = run(partners.withdraw_announcement(&cx(), &withdrawal(known_as), Attempt::First)).unwrap();
        assert_eq!(withdrawn.no, 1);
        assert!(script.is_finished(), "{:?}", script.requests());
    }
}

#[test]
fn a_repeated_announcement_finds_the_first_one_and_another_content_is_refused() {
    let lookup = json!({"semantics": "lookup", "settle_seconds": 0});
    let item = |quantity: &str| {
        let lines = json!([{"line": 1, "sku": "E-9", "quantity": quantity, "uom": "PCE"}]);
        json!({"items": [{"id": "R-1", "status": "announced", "lines": lines}]})
    };
    let partners = partners_that(lookup.clone(), &Script::default().then(200, item("2.0")));
    let found = run(partners.announce(&cx(), &announcement(None), repeat())).unwrap();
    assert_eq!(found.reference.as_str(), "R-1");
    let partners = partners_that(lookup, &Script::default().then(200, item("3")));
    let other = run(partners.announce(&cx(), &announcement(None), repeat()));
    assert!(matches!(&other, Err(CallFailure::Refused(why)) if why.code == "DUPLICATE_DIFFERS"), "{other:?}");
}

#[test]
fn a_warehouse_whose_protocol_has_no_returns_refuses_without_a_call() {
    let mut announcement = announcement(None);
    announcement.expected.warehouse = "shipwest".parse().unwrap();
    let answer = run(partners(&Script::default()).announce(&cx(), &announcement, Attempt::First));
    assert!(matches!(&answer, Err(CallFailure::Refused(why)) if why.code == "RETURNS_NOT_OFFERED"), "{answer:?}");
}

fn message(reference: &str, more: &Value) -> Value {
    let mut data = json!({
        "id": "R-1", "reference": reference, "status": "processing", "occurred_at": "2026-03-02T09:00:00Z",
        "lines": [{"key": "7", "line": 1, "sku": "E-9", "uom": "PCE", "lot": "L-1", "serials": ["S-1"],
                   "received": [{"disposition": "sellable_accessible", "quantity": "2", "action": "restock"},
                                {"disposition": "haunted", "quantity": "1"}, {"quantity": "1"}]}],
    });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"type": "return.updated", "timestamp": "2026-03-02T09:01:00Z", "data": data})
}

fn read(receipts: Option<&str>, body: &Value) -> Result<ReceiptReported, Unmappable> {
    run(reporting(receipts, &Script::default()).read_receipt(&delivery("eastco", Role::Warehouse, body))).unwrap()
}

fn receipt(reported: &ReceiptReported) -> Receipt {
    let [ReturnCommand::RecordReceipt(receipt)] = &reported.commands[..] else { panic!("{reported:?}") };
    receipt.clone()
}

#[test]
fn d23_a_cumulative_report_names_its_lines_and_an_incremental_one_itself() {
    let ours = format!("{}-1", id());
    let reported = read(Some("cumulative"), &message(&ours, &json!({}))).unwrap();
    assert_eq!((reported.return_id.as_ref(), reported.reference.as_str()), (Some(&id()), "R-1"));
    let cumulative = receipt(&reported);
    assert_eq!((cumulative.key.as_str(), cumulative.rank, cumulative.sku.as_str()), ("7", 2, "SKU-9"));
    let states: Vec<Disposition> = cumulative.goods.iter().map(|goods| goods.disposition).collect();
    assert_eq!(states, [Disposition::SellableAccessible, Disposition::Unknown, Disposition::Returned]);
    assert_eq!((cumulative.goods[0].action.as_str(), cumulative.goods[1].action.as_str()), ("restock", "haunted"));
    let incremental = read(Some("incremental"), &message(&ours, &json!({"report": "REP-9"}))).unwrap();
    assert_eq!(receipt(&incremental).key.as_str(), "REP-9/7");
    let unnamed = read(Some("incremental"), &message(&ours, &json!({}))).unwrap();
    assert_eq!(receipt(&unnamed).key.as_str(), "msg-1/7");
}

#[test]
fn d02_a_report_without_our_reference_is_of_goods_that_no_one_announced() {
    for reference in ["", "customer wrote this", "ord_6ce86670g2ykygj63p6wp7y650-1"] {
        let reported = read(Some("cumulative"), &message(reference, &json!({}))).unwrap();
        assert_eq!(reported.return_id, None, "{reference}");
    }
}

#[test]
fn a_report_of_a_partner_that_does_not_say_how_it_counts_is_not_read() {
    let Err(Unmappable::Malformed(offences)) = read(None, &message("", &json!({}))) else { panic!("it was read") };
    assert!(offences[0].detail.contains("warehouse.receipts"), "{offences:?}");
}

#[test]
fn a_question_after_the_messages_reads_the_same() {
    let mut item = message("", &json!({"updated_at": "2026-03-02T09:00:00Z"}))["data"].clone();
    item["reference"] = json!(format!("{}-1", id()));
    let script = Script::default().then(200, &item);
    let query =
        engine::returns::ReceiptQuery { warehouse: "eastco".parse().unwrap(), reference: "R-1".parse().unwrap() };
    let asked = run(reporting(Some("cumulative"), &script).read_receipts(&cx(), &query)).unwrap();
    let told = read(Some("cumulative"), &message("", &json!({}))).unwrap();
    assert_eq!(asked, told.commands);
}

#[test]
fn a_crms_return_is_read_and_a_reason_of_its_own_is_left_to_a_person() {
    let lines = json!([
        {"line": 1, "quantity": "2", "uom": "EA", "reason": "change_of_mind"},
        {"line": 2, "quantity": "1", "uom": "CASE", "reason": "R-17", "serials": ["S-1"]},
    ]);
    let body = |lines: &Value| {
        let data = json!({"id": "RET-1", "order": "CRM-1", "outcome": "exchange", "lines": lines});
        json!({"type": "return.requested", "timestamp": "2026-03-02T09:00:00Z", "data": data})
    };
    let read =
        |body: &Value| run(partners(&Script::default()).read_return(&delivery("acme-crm", Role::Crm, body))).unwrap();
    let new = read(&body(&lines)).unwrap();
    assert_eq!((new.id(), new.order.clone(), new.outcome), (id(), order(), Outcome::Exchange));
    let reasons: Vec<(ReasonClass, &str)> = new.lines.iter().map(|it| (it.reason, it.reason_code.as_str())).collect();
    assert_eq!(reasons, [(ReasonClass::ChangeOfMind, "change_of_mind"), (ReasonClass::Other, "R-17")]);
    assert_eq!(new.lines[1].quantity, quantity("1", "CS"), "in the CRM's unit");
    for wrong in [
        json!([]),
        json!([{"line": 1, "quantity": "0", "uom": "EA", "reason": "other"}]),
        json!([{"line": 1, "quantity": "1", "uom": "EA"}]),
        json!([lines[0], lines[0]]),
    ] {
        assert!(matches!(read(&body(&wrong)), Err(Unmappable::Malformed(_))), "{wrong}");
    }
    let api = json!({"id": "RET-1", "order": order(), "lines": [lines[0]], "extra": 1}).to_string();
    let offences = partners::read_return_body(&"portal".parse().unwrap(), api.as_bytes(), NOW.parse().unwrap());
    assert_eq!(offences.unwrap_err()[0].pointer, "/extra");
}

#[test]
fn the_erps_document_has_the_rules_for_returns_and_each_mistake_is_found() {
    let usual = run(partners(&Script::default()).return_policy(&cx())).unwrap();
    assert_eq!((usual.fee, usual.deadlines.credit, usual.advance_days), (Fee::None, 72, None));
    let with = |returns: Value| {
        let mut erp = erp();
        erp["returns"] = returns;
        Partner::read(&erp)
    };
    let own = with(json!({
        "fee": {"percent": 15}, "deadlines": {"credit": 24}, "approval": {"above_value": "500"},
        "acceptance": [{"reason": "change_of_mind", "disposition": "damaged", "verdict": "person"}],
    }));
    let own = own.unwrap().returns;
    assert_eq!((own.fee, own.deadlines.credit, own.deadlines.scan), (Fee::Percent(15), 24, 168));
    assert_eq!(own.approval.above_value, Some(500.into()));
    for wrong in [
        json!({"fees": 1}),
        json!({"deadlines": {"credits": 24}}),
        json!({"approval": {"above": "500"}}),
        json!({"acceptance": [{"disposition": "haunted", "verdict": "accept"}]}),
        json!({"acceptance": [{"disposition": "damaged"}]}),
        json!({"advance_days": "soon"}),
    ] {
        assert!(with(wrong.clone()).is_err(), "{wrong}");
    }
    let mut eastco = eastco();
    eastco["returns"] = json!({});
    assert!(Partner::read(&eastco).is_err(), "the rules are the ERP's");
}

/// A money amount is never a float.
#[test]
fn amounts_are_written_as_texts() {
    let script = Script::default().then(422, json!({"code": "PERIOD_CLOSED", "reason": "closed"}));
    let mut large = adjustment(false);
    large.amounts.net = Money { amount: "12345678901234.10".parse().unwrap(), ..large.amounts.net };
    let refused = run(partners(&script).adjust(&cx(), &large, Attempt::First));
    assert!(matches!(&refused, Err(CallFailure::Refused(why)) if why.code == "PERIOD_CLOSED"), "{refused:?}");
    assert_eq!(script.body(0)["net"], "12345678901234.10");
}
