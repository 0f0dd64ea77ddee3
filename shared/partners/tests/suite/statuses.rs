//! Every HTTP status and every way of not answering, for every operation.

use std::time::Duration;

use engine::Code;
use engine::partner::{Attempt, CallFailure, CreditAnswer, Crm as _, Erp as _, Warehouse as _};
use partners::TransportFailure;
use serde_json::json;

use crate::support::{
    Script, TestPartners, allocation_request, credit_query, cx, fulfillment_request, goods_issue, invoice_request,
    partners, partners_of, party, price_query, run, sales_order, store,
};
use crate::updates::update;

pub const OPERATIONS: [&str; 9] =
    ["price", "credit", "allocate", "sales-order", "goods-issue", "invoice", "crm-update", "eastco", "shipwest"];

/// Carries out `operation`; drops its result.
pub fn attempt(partners: &TestPartners, operation: &str, attempt: Attempt) -> Result<(), CallFailure> {
    let cx = cx();
    run(async {
        match operation {
            "price" => partners.price(&cx, &price_query()).await.map(drop),
            "credit" => partners.credit(&cx, &credit_query()).await.map(drop),
            "allocate" => partners.allocate(&cx, &allocation_request(), attempt).await.map(drop),
            "sales-order" => partners.create_sales_order(&cx, &sales_order(), attempt).await.map(drop),
            "goods-issue" => partners.post_goods_issue(&cx, &goods_issue(), attempt).await.map(drop),
            "invoice" => partners.invoice(&cx, &invoice_request(), attempt).await.map(drop),
            "crm-update" => partners.update(&cx, &update("acme-crm"), 7).await,
            warehouse => partners.request(&cx, &fulfillment_request(warehouse), &party(), attempt).await.map(drop),
        }
    })
}

/// A failure's kind and code.
fn kind(result: &Result<(), CallFailure>) -> (&'static str, Option<Code>) {
    match result {
        Ok(()) => ("done", None),
        Err(CallFailure::Refused(_)) => ("refused", None),
        Err(CallFailure::Limited { .. }) => ("limited", None),
        Err(CallFailure::Closed { .. }) => ("closed", None),
        Err(CallFailure::NotSent { code, .. }) => ("not sent", Some(*code)),
        Err(CallFailure::Unknown { code, .. }) => ("unknown", Some(*code)),
        Err(CallFailure::Ours { code, .. }) => ("ours", Some(*code)),
    }
}

/// The result of a status with an empty body.
fn expected(operation: &str, status: u16) -> (&'static str, Option<Code>) {
    match (operation, status) {
        // A CRM's 2xx has no body to read.
        ("crm-update", 200..=299) => ("done", None),
        (_, 200..=299) => ("unknown", Some(Code::PartnerGarbage)),
        (_, 300..=399) => ("ours", Some(Code::PartnerRefused)),
        (_, 401 | 403) => ("not sent", Some(Code::PartnerUnauthorized)),
        ("shipwest", 404) => ("ours", Some(Code::PartnerRefused)),
        // Answers: the warehouse rejects the request, and the ERP has no price or cannot take the question.
        ("shipwest", 422) | ("price" | "credit", 409 | 422) => ("done", None),
        (_, 404 | 409 | 422) => ("refused", None),
        (_, 429) => ("limited", None),
        (_, 408 | 504) => ("unknown", Some(Code::PartnerTimeout)),
        (_, 400..=499) => ("ours", Some(Code::PartnerRefused)),
        (_, 500..=599) => ("unknown", Some(Code::PartnerBusy)),
        _ => ("unknown", Some(Code::PartnerGarbage)),
    }
}

#[test]
fn every_status_has_one_meaning_for_every_operation() {
    for operation in OPERATIONS {
        for status in 100..=700 {
            let script = match status {
                401 | 403 => Script::default().then(status, "").then(status, ""),
                // A duplicate or a rejection: the look-up shows which.
                422 if operation == "shipwest" => Script::default().then(status, "{}").then(200, "[]"),
                _ => Script::default().then(status, ""),
            };
            let result = attempt(&partners(&script), operation, Attempt::First);
            assert_eq!(kind(&result), expected(operation, status), "{operation} {status} {result:?}");
            assert!(script.is_finished(), "{operation} {status}");
        }
    }
}

#[test]
fn a17_an_answer_of_very_many_values_is_one_that_cannot_be_read() {
    let many = format!("{{\"decision\":\"approved\",\"more\":[{}0]}}", "{\"a\":0},".repeat(100_000));
    let answered = run(partners(&Script::default().then(200, &many)).credit(&cx(), &credit_query()));
    let Err(CallFailure::Unknown { code, cause }) = answered else { panic!("{answered:?}") };
    assert_eq!(code, Code::PartnerGarbage);
    assert!(cause.contains("more than 100000 values"), "{cause}");
    // A refusal is known by its status, whatever its body is.
    let refused = run(partners(&Script::default().then(422, &many)).credit(&cx(), &credit_query()));
    assert!(matches!(&refused, Ok(CreditAnswer::Refused(why)) if why.reason.starts_with("HTTP_422")), "{refused:?}");
}

#[test]
fn b01_a_request_without_an_answer_is_unknown_and_one_that_was_not_sent_is_not() {
    let table = [
        (TransportFailure::NotSent("refused".to_owned()), ("not sent", Some(Code::PartnerBusy))),
        (TransportFailure::Forbidden("private"), ("not sent", Some(Code::PartnerUnknown))),
        (TransportFailure::TimedOut, ("unknown", Some(Code::PartnerTimeout))),
        (TransportFailure::Lost("reset".to_owned()), ("unknown", Some(Code::PartnerBusy))),
    ];
    for operation in OPERATIONS {
        for (failure, expected) in &table {
            let script = Script::default().then_fail(failure.clone());
            assert_eq!(
                kind(&attempt(&partners(&script), operation, Attempt::First)),
                *expected,
                "{operation} {failure:?}"
            );
        }
    }
}

#[test]
fn an_unreadable_success_leaves_the_outcome_unknown() {
    for body in
        ["", "<html>", "null", "[]", "{}", "{\"number\": \"\"}", "\u{feff}{}", "{\"number\":\"SO-1\"", "[{}]", "7"]
    {
        for operation in OPERATIONS.into_iter().filter(|operation| *operation != "crm-update") {
            let result = attempt(&partners(&Script::default().then(200, body)), operation, Attempt::First);
            assert_eq!(kind(&result), ("unknown", Some(Code::PartnerGarbage)), "{operation} {body:?}");
        }
    }
}

#[test]
fn b24_a_429_names_the_partner_to_wait_for_and_how_long() {
    for (header, text, seconds) in [
        ("retry-after", "7", 7),
        ("retry-after", "Mon, 02 Mar 2026 10:00:42 GMT", 42),
        ("x-retry-after", "9", 9),
        ("retry-after", "31536000", 3600),
        ("retry-after", "0", 1),
        ("retry-after", "unreadable", 30),
    ] {
        let script = Script::default().then_with(429, &[(header, text)], "");
        let result = attempt(&partners(&script), "shipwest", Attempt::First);
        let (partner, retry_after) = ("shipwest".parse().unwrap(), Duration::from_secs(seconds));
        assert_eq!(result, Err(CallFailure::Limited { partner, retry_after }), "{text}");
    }
}

#[test]
fn f09_a_rejected_token_is_read_again_once() {
    for status in [401, 403] {
        let script = Script::default().then(status, "").then(201, json!({"number": "SO-1"}));
        let store = store();
        *store.secrets.borrow_mut() = (json!({"token": "token-one"}), json!({"token": "token-two"}));
        assert_eq!(attempt(&partners_of(&store, &script), "sales-order", Attempt::First), Ok(()));
        assert_eq!(script.call(0).header("authorization"), Some("Bearer token-one"));
        assert_eq!(script.call(1).header("authorization"), Some("Bearer token-two"));
        assert_eq!(script.call(0).header("idempotency-key"), script.call(1).header("idempotency-key"));
        assert_eq!(script.call(0).body, script.call(1).body);
    }
}

#[test]
fn f16_without_a_token_nothing_is_sent() {
    for secret in [json!({}), json!({"token": ""}), json!("token"), json!({"token": 7})] {
        let script = Script::default();
        let store = store();
        *store.secrets.borrow_mut() = (secret.clone(), secret.clone());
        let result = attempt(&partners_of(&store, &script), "price", Attempt::First);
        assert_eq!(kind(&result), ("not sent", Some(Code::SecretMissing)), "{secret}");
    }
}

#[test]
fn a15_no_failure_repeats_a_token_or_personal_data_that_a_partner_quoted() {
    let words = "ada@example.com said Bearer token-one at +1-212-555-0100";
    let quoted = json!({"code": "no such code", "reason": words, "products": [words]});
    for operation in OPERATIONS {
        for status in [400, 401, 404, 409, 422, 500, 200] {
            let script = Script::default().then(status, &quoted).then(status, &quoted).then(status, &quoted);
            let result = format!("{:?}", attempt(&partners(&script), operation, Attempt::First));
            for secret in ["ada@example.com", "token-one", "555"] {
                assert!(!result.contains(secret), "{operation} {status}: {result}");
            }
        }
    }
}

#[test]
fn a15_an_address_that_a_warehouse_quotes_is_redacted() {
    for (words, redacted) in [
        (
            "Ada Example at 12 Sample Street, 10001: undeliverable",
            "[redacted] at [redacted], [redacted]: undeliverable",
        ),
        ("ADA EXAMPLE, 12 sample street; Ada EXAMPLE?", "[redacted], [redacted]; [redacted]?"),
        // Side by side, the postal code and the house number have as many digits as a phone number.
        ("10001 12 Sample Street, bay 7", "[redacted] [redacted], bay 7"),
    ] {
        let bodies =
            [("eastco", json!({"code": "REJECTED", "reason": words})), ("shipwest", json!({"recipient": [words]}))];
        for (warehouse, body) in bodies {
            let script = Script::default().then(422, body).then(200, "[]");
            let answer =
                run(partners(&script).request(&cx(), &fulfillment_request(warehouse), &party(), Attempt::First));
            let answer = format!("{answer:?}");
            assert!(answer.contains(redacted), "{answer}");
        }
    }
}
