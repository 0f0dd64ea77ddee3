//! CSRF tokens: fetched before a write, cached, and fetched again when the session ends.

use domain::order::{AllocationNo, Deallocation};
use engine::Code;
use engine::partner::{Attempt, CallFailure, Erp as _};
use partners::{Partners, TransportFailure};
use serde_json::json;

use crate::support::{NOW, Script, Store, TestPartners, Watch, cx, erp, goods_issue, run};

const TOKEN: (&str, &str) = ("x-csrf-token", "abc==");
const COOKIE: (&str, &str) = ("set-cookie", "SAP_SESSIONID=xyz%3d; path=/; secure; HttpOnly");
const OTHER: (&str, &str) = ("set-cookie", "sap-usercontext=sap-client=100; path=/");

fn sap(script: &Script) -> TestPartners {
    let mut erp = erp();
    erp["auth"]["csrf"] = json!(true);
    Partners::new(Store::of(&[erp]), script.clone(), Watch::at(NOW), ())
}

fn post(erp: &TestPartners) -> Result<(), CallFailure> {
    run(erp.post_goods_issue(&cx(), &goods_issue(), Attempt::First)).map(|_issued| ())
}

fn done() -> String {
    json!({"number": "GI-1"}).to_string()
}

#[test]
fn a_token_is_fetched_once_and_sent_with_each_write_and_its_session() {
    let script = Script::default().then_with(200, &[TOKEN, COOKIE, OTHER], "{}").then(201, done()).then(201, done());
    let erp = sap(&script);
    assert_eq!((post(&erp), post(&erp)), (Ok(()), Ok(())));
    assert_eq!(script.requests().iter().filter(|request| request.starts_with("GET")).count(), 1);
    assert_eq!(script.call(0).header("x-csrf-token"), Some("Fetch"));
    for n in [1, 2] {
        assert_eq!(script.call(n).header("x-csrf-token"), Some("abc=="));
        assert_eq!(script.call(n).header("cookie"), Some("SAP_SESSIONID=xyz%3d; sap-usercontext=sap-client=100"));
    }
}

#[test]
fn b26_an_expired_token_is_fetched_again_once_and_the_request_is_repeated() {
    let required = ("x-csrf-token", "Required");
    let script = Script::default()
        .then_with(200, &[TOKEN], "{}")
        .then(201, done())
        .then_with(403, &[required], "CSRF token validation failed")
        .then_with(200, &[("x-csrf-token", "def==")], "{}")
        .then(201, done());
    let erp = sap(&script);
    assert_eq!((post(&erp), post(&erp)), (Ok(()), Ok(())));
    assert_eq!(script.call(4).header("x-csrf-token"), Some("def=="));
    let keys = [2, 4].map(|n| script.call(n).header("idempotency-key").map(str::to_owned));
    assert_eq!(keys[0], keys[1], "the same write");
    assert_eq!(script.body(2), script.body(4));

    let stubborn = Script::default().then_with(200, &[TOKEN], "{}").then_with(403, &[required], "");
    let refused = post(&sap(&stubborn));
    assert!(matches!(refused, Err(CallFailure::NotSent { code: Code::PartnerUnauthorized, .. })), "{refused:?}");
    assert!(stubborn.is_finished());
}

#[test]
fn b26_a_failed_fetch_means_that_the_write_was_not_sent() {
    for script in [Script::default().then(503, ""), Script::default().then_fail(TransportFailure::TimedOut)] {
        let failed = post(&sap(&script));
        assert!(matches!(failed, Err(CallFailure::NotSent { .. })), "{failed:?}");
    }
    let none = post(&sap(&Script::default().then(200, "{}")));
    assert!(matches!(none, Err(CallFailure::NotSent { code: Code::PartnerUnauthorized, .. })), "{none:?}");
}

#[test]
fn reads_and_partners_without_csrf_fetch_no_token() {
    let script = Script::default().then(422, json!({"code": "NO"}));
    let erp = Partners::new(Store::of(&[erp()]), script.clone(), Watch::at(NOW), ());
    assert!(post(&erp).is_err());
    let script = Script::default().then(200, json!({"items": []}));
    let nothing = Deallocation {
        order: goods_issue().fulfillment.order().clone(),
        allocation_no: AllocationNo::new(1),
        sent_until: None,
    };
    assert_eq!(run(sap(&script).deallocate(&cx(), &nothing, Attempt::First)), Ok(()));
    assert_eq!((script.calls.borrow().len(), script.call(0).header("x-csrf-token")), (1, None));
}
