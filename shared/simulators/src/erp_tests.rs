//! The ERP by itself.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::erp::Erp;
use crate::exchange::{Method, Request};

fn ask(erp: &mut Erp, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = Request::new(Method::Post, path).with_header("idempotency-key", key).with_json(body);
    let handled = erp.handle(&request, Timestamp::UNIX_EPOCH);
    (handled.reply.status, handled.reply.value())
}

fn one(sku: &str, quantity: &str, uom: &str) -> Value {
    json!([{"line": 1, "sku": sku, "quantity": quantity, "uom": uom}])
}

#[test]
fn a_price_is_exact_and_taxed_once_per_line() {
    let body = json!({"customer": "C-1", "currency": "USD", "country": "US", "region": "NY", "lines": one("SKU-1", "3", "EA")});
    let (status, answer) = ask(&mut Erp::new(""), "/prices", "k", &body);
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({
            "currency": "USD",
            "lines": [{"line": 1, "unit_price": "9.99", "amount": "29.97", "tax": "2.66", "base_uom": "EA",
                       "per_uom": {"numerator": 1, "denominator": 1}}],
            "subtotal": "29.97", "tax": "2.66", "total": "32.63",
        })
    );
}

#[test]
fn yen_have_no_decimals_and_a_case_is_twelve_eaches() {
    let body = json!({"customer": "C-1", "currency": "JPY", "country": "JP", "lines": one("SKU-5-C12", "2", "CS")});
    let (_, answer) = ask(&mut Erp::new(""), "/prices", "k", &body);
    assert!(!answer["total"].as_str().unwrap().contains('.'));
    assert_eq!(answer["lines"][0]["per_uom"], json!({"numerator": 12, "denominator": 1}));
}

#[test]
fn what_is_unknown_is_refused_by_name() {
    let body = |customer: &str, sku: &str, uom: &str| json!({"customer": customer, "currency": "USD", "country": "US", "lines": one(sku, "1", uom)});
    let code = |body: Value| ask(&mut Erp::new(""), "/prices", "k", &body).1["code"].clone();
    assert_eq!(code(body("C-1", "NOPE-1", "EA")), "UNKNOWN_SKU");
    assert_eq!(code(body("C-1", "SKU-UNKNOWN-1", "EA")), "UNKNOWN_SKU");
    assert_eq!(code(body("C-1", "SKU-1", "CS")), "UNKNOWN_UOM");
    assert_eq!(code(body("X-1", "SKU-1", "EA")), "UNKNOWN_CUSTOMER");
}

#[test]
fn stock_is_where_the_sku_says() {
    let mut erp = Erp::new("");
    let mut sources = |sku: &str, quantity: &str, uom: &str| {
        let body = json!({"reference": "ord_1", "lines": one(sku, quantity, uom)});
        let (_, answer) = ask(&mut erp, "/allocations", sku, &body);
        (answer["lines"][0]["sources"].clone(), answer["lines"][0]["short"].clone())
    };
    assert_eq!(sources("SKU-1-W", "3", "EA"), (json!([{"location": "WEST", "quantity": "3"}]), json!("0")));
    assert_eq!(sources("SKU-1-E", "3", "EA"), (json!([{"location": "EAST", "quantity": "3"}]), json!("0")));
    assert_eq!(
        sources("SKU-1-SPLIT", "5", "EA"),
        (json!([{"location": "EAST", "quantity": "3"}, {"location": "WEST", "quantity": "3"}]), json!("0"))
    );
    assert_eq!(sources("SKU-1-SHORT", "3", "EA"), (json!([{"location": "EAST", "quantity": "1"}]), json!("2")));
    assert_eq!(sources("SKU-1-SHORT-C12", "1", "CS"), (json!([]), json!("1")));
}

#[test]
fn a_released_allocation_gives_its_stock_back_once() {
    let mut erp = Erp::new("");
    assert!(erp.set_stock("SKU-7", "EAST", 5.into()) && erp.set_stock("SKU-7", "WEST", 0.into()));
    let body = json!({"reference": "ord_1", "lines": one("SKU-7", "5", "EA")});
    assert_eq!(ask(&mut erp, "/allocations", "a", &body).0, 201);
    assert_eq!(ask(&mut erp, "/allocations/AL-1/release", "r1", &Value::Null).0, 201);
    assert_eq!(ask(&mut erp, "/allocations/AL-1/release", "r2", &Value::Null).0, 201);
    let body = json!({"reference": "ord_2", "lines": one("SKU-7", "9", "EA")});
    assert_eq!(ask(&mut erp, "/allocations", "b", &body).1["lines"][0]["short"], "4");
}

#[test]
fn a_sales_order_whose_lines_do_not_add_up_is_refused() {
    let body = json!({"reference": "ord_1", "customer": "C-1", "currency": "USD", "total": "9.99",
        "lines": [{"line": 1, "sku": "SKU-1", "quantity": "1", "uom": "EA", "unit_price": "9.99", "amount": "9.99", "tax": "0.60"}]});
    assert_eq!(ask(&mut Erp::new(""), "/sales-orders", "k", &body).1["code"], "TOTAL_MISMATCH");
}

#[test]
fn credit_follows_the_customer() {
    let mut erp = Erp::new("");
    let mut decide = |customer: &str, amount: &str| {
        let body = json!({"customer": customer, "amount": amount, "currency": "USD", "reference": "ord_1"});
        ask(&mut erp, "/credit-checks", "k", &body).1["decision"].clone()
    };
    assert_eq!(decide("C-1", "5000.00"), "approved");
    assert_eq!(decide("C-POOR-1", "0.01"), "refused");
    assert_eq!(decide("C-LIMIT-500-X", "500.00"), "approved");
    assert_eq!(decide("C-LIMIT-500-X", "500.01"), "refused");
}
