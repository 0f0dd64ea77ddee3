//! The intake and the API: which requests are accepted, what is stored, what is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_request};
use domain::OrderId;
use engine::http::{Request, Response};
use futures::FutureExt;
use serde_json::{Value, json};
use simulators::{samples, sign};

use crate::support::{A_DAY, assert_promises_hold, id_of, split, state};

pub(crate) fn order(id: &str) -> Value {
    samples::orders(1, 7, || id.to_owned()).remove(0)
}

/// A webhook of the CRM, signed now.
pub(crate) fn webhook(deployment: &Deployment, delivery: &str, order: &Value) -> Request {
    let body = json!({ "type": "order.created", "timestamp": deployment.clock.now().to_string(), "data": order });
    signed(deployment, delivery, body.to_string().into_bytes(), &[sign::local_secret("acme-crm")])
}

pub(crate) fn signed(deployment: &Deployment, delivery: &str, body: Vec<u8>, secrets: &[String]) -> Request {
    let timestamp = deployment.clock.now().as_second();
    let signature = sign::signature(secrets, delivery, timestamp, &body);
    let headers = [
        ("webhook-id", delivery.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    Request {
        method: "POST".to_owned(),
        path: "/v1/webhooks/acme-crm".to_owned(),
        variables: BTreeMap::from([("partner".to_owned(), "acme-crm".to_owned())]),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body,
        ..Request::default()
    }
}

/// A webhook of a warehouse, signed now.
pub(crate) fn report(deployment: &Deployment, partner: &str, delivery: &str, kind: &str, data: &Value) -> Request {
    let body = json!({ "type": kind, "timestamp": deployment.clock.now().to_string(), "data": data });
    let request = signed(deployment, delivery, body.to_string().into_bytes(), &[sign::local_secret(partner)]);
    Request {
        path: format!("/v1/webhooks/{partner}"),
        variables: BTreeMap::from([("partner".to_owned(), partner.to_owned())]),
        ..request
    }
}

#[test]
fn a04_a_warehouse_with_a_valid_signature_cannot_report_on_another_warehouses_fulfillment() {
    let mut deployment = Deployment::new(18);
    let mut order = order("CRM-1");
    order["lines"] = json!([{"line": 1, "sku": "SKU-2-W", "quantity": "3", "uom": "EA"}]);
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &order)), Some(202));
    deployment.run(Duration::from_secs(2));
    let id = id_of("acme-crm", "CRM-1");
    let known = state(&deployment, &id);
    let [fulfillment] = &known.fulfillments.assignments.values().collect::<Vec<_>>()[..] else {
        panic!("{:?}", known.fulfillments.assignments)
    };
    assert_eq!(fulfillment.warehouse.as_str(), "shipwest");
    let data = json!({ "reference": fulfillment.fulfillment, "reason": "no room" });
    let forged = report(&deployment, "eastco", "msg-2", "fulfillment.rejected", &data);
    assert_eq!(deployment.webhook(forged), Some(202));
    deployment.run(A_DAY);
    let parked = deployment.parked();
    assert!(matches!(&parked[..], [parked] if parked.code == engine::Code::DeliveryUnmappable), "{parked:?}");
    let known = state(&deployment, &id);
    assert_eq!((known.status(), known.fulfillments.assignments.len()), (domain::order::Status::Invoiced, 1));
}

fn conflicts(deployment: &Deployment, id: &OrderId) -> usize {
    state(deployment, id).terms.conflicts.len()
}

#[test]
fn a01_the_same_webhook_fifty_times_is_one_order_and_fifty_successes() {
    let mut deployment = Deployment::new(11);
    let request = webhook(&deployment, "msg-1", &order("CRM-1"));
    for _ in 0..50 {
        assert_eq!(deployment.webhook(request.clone()), Some(202));
    }
    assert_eq!(deployment.deliveries.len(), 1);
    deployment.run(A_DAY);
    assert_eq!(deployment.orders(), [id_of("acme-crm", "CRM-1")]);
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
}

#[test]
fn a02_one_delivery_id_with_two_bodies_stores_the_first_and_reviews_the_second() {
    let mut deployment = Deployment::new(12);
    let mut other = order("CRM-1");
    other["lines"][0]["quantity"] = json!("99");
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &order("CRM-1"))), Some(202));
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &other)), Some(202));
    deployment.run(A_DAY);
    let id = id_of("acme-crm", "CRM-1");
    let known = state(&deployment, &id);
    assert_ne!(known.terms.submission.lines.first().unwrap().quantity.amount().to_string(), "99");
    assert_eq!(conflicts(&deployment, &id), 1);
    assert!(known.reviews().iter().any(|review| review.kind == domain::order::OrderReview::ConflictingSubmission));
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
}

#[test]
fn a03_another_delivery_of_the_same_order_is_the_same_order() {
    let mut deployment = Deployment::new(13);
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &order("CRM-1"))), Some(202));
    deployment.run(Duration::from_secs(1));
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-2", &order("CRM-1"))), Some(202));
    deployment.run(A_DAY);
    let id = id_of("acme-crm", "CRM-1");
    assert_eq!(deployment.orders(), std::slice::from_ref(&id));
    assert_eq!(conflicts(&deployment, &id), 0);
    assert_promises_hold(&deployment);
}

#[test]
fn f14_a_delivery_that_was_never_announced_is_announced_when_its_sender_repeats_it() {
    let mut deployment = Deployment::new(13);
    let at = deployment.clock.now().to_string();
    let body = json!({ "type": "order.created", "timestamp": at, "data": order("CRM-1") }).to_string().into_bytes();
    let send = |deployment: &mut Deployment| {
        let request = signed(deployment, "msg-1", body.clone(), &[sign::local_secret("acme-crm")]);
        assert_eq!(deployment.webhook(request), Some(202));
    };
    send(&mut deployment);
    let lost = deployment.deliveries.take_stream();
    assert_eq!(lost.len(), 1, "the relay gave it up");
    deployment.run(A_DAY);
    assert!(deployment.orders().is_empty());
    deployment.wait(Duration::from_secs(120));
    send(&mut deployment);
    deployment.run(A_DAY);
    assert_eq!(deployment.orders(), [id_of("acme-crm", "CRM-1")]);
    let imported = deployment.published.iter().filter(|(function, _)| function == "order-import").count();
    assert_eq!(imported, 1);
    send(&mut deployment);
    send(&mut deployment);
    deployment.run(A_DAY);
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
    assert_promises_hold(&deployment);
}

#[test]
fn f14_a_sender_that_repeats_at_once_costs_no_second_announcement() {
    let mut deployment = Deployment::new(13);
    for _ in 0..3 {
        let request = webhook(&deployment, "msg-1", &order("CRM-1"));
        assert_eq!(deployment.webhook(request), Some(202));
    }
    deployment.run(A_DAY);
    let imported = deployment.published.iter().filter(|(function, _)| function == "order-import").count();
    assert_eq!(imported, 1);
}

#[test]
fn a04_a_wrong_signature_is_refused_and_nothing_is_stored() {
    let mut deployment = Deployment::new(14);
    let mut request = webhook(&deployment, "msg-1", &order("CRM-1"));
    let last = request.body.len() - 3;
    request.body[last] ^= 1;
    assert_eq!(deployment.webhook(request), Some(401));
    let stranger = signed(&deployment, "msg-1", b"{}".to_vec(), &[sign::local_secret("another partner")]);
    assert_eq!(deployment.webhook(stranger), Some(401));
    let mut unknown = webhook(&deployment, "msg-1", &order("CRM-1"));
    unknown.variables.insert("partner".to_owned(), "unknown-partner".to_owned());
    assert_eq!(deployment.webhook(unknown), Some(401), "no one learns who our partners are");
    assert!(deployment.deliveries.is_empty());
}

#[test]
fn a05_a_timestamp_outside_five_minutes_is_refused() {
    let mut deployment = Deployment::new(15);
    let request = webhook(&deployment, "msg-1", &order("CRM-1"));
    // Time passes; nothing else happens before the deadline of an order that does not exist.
    deployment.wait(Duration::from_secs(301));
    assert_eq!(deployment.webhook(request), Some(401));
    assert!(deployment.deliveries.is_empty());
}

#[test]
fn a06_two_secrets_are_valid_during_a_rotation() {
    let mut deployment = Deployment::new(16);
    let body = json!({ "type": "order.created", "data": order("CRM-1") }).to_string().into_bytes();
    let both = [sign::local_secret("another partner"), sign::local_secret("acme-crm")];
    assert_eq!(deployment.webhook(signed(&deployment, "msg-1", body, &both)), Some(202));
}

#[test]
fn a07_the_signature_is_over_the_bytes_that_were_sent_with_their_byte_order_mark() {
    let mut deployment = Deployment::new(17);
    let at = deployment.clock.now().to_string();
    let text = json!({ "type": "order.created", "timestamp": at, "data": order("CRM-1") }).to_string();
    let body = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
    let secrets = [sign::local_secret("acme-crm")];
    assert_eq!(deployment.webhook(signed(&deployment, "msg-1", body, &secrets)), Some(202));
    deployment.run(A_DAY);
    assert_eq!(deployment.orders().len(), 1);
}

#[test]
fn a_body_that_cannot_be_an_order_is_refused_with_its_place_and_nothing_is_stored() {
    let mut deployment = Deployment::new(18);
    let secrets = [sign::local_secret("acme-crm")];
    for body in [b"{\"type\":".to_vec(), b"\xFF\xFE{}".to_vec(), vec![], b"{} {}".to_vec()] {
        assert_eq!(deployment.webhook(signed(&deployment, "msg-1", body, &secrets)), Some(400));
    }
    assert!(deployment.deliveries.is_empty());
}

#[test]
fn a_signed_delivery_that_is_no_order_is_parked_with_the_offending_places() {
    let mut deployment = Deployment::new(19);
    let mut bad = order("CRM-1");
    bad["lines"] = json!([]);
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &bad)), Some(202));
    deployment.run(A_DAY);
    let parked = deployment.parked();
    assert_eq!(parked.len(), 1);
    let message = parked.first().unwrap();
    assert_eq!(message.code.as_str(), "MSG-004");
    assert!(message.cause.contains("/lines"), "{}", message.cause);
    assert!(!message.body.contains("@example.com"), "a dead letter carries no personal data");
}

/// One request to the API.
fn post(deployment: &Deployment, key: Option<&str>, scopes: &[&str], order: &Value) -> Response {
    deployment.post_order(order_request(order, key, scopes)).unwrap().unwrap()
}

pub(crate) fn get(deployment: &Deployment, path: &str, id: &OrderId) -> (u16, Value) {
    let request = Request {
        path: path.to_owned(),
        variables: BTreeMap::from([("id".to_owned(), id.to_string())]),
        scopes: vec!["orders:read:all".to_owned()],
        ..Request::default()
    };
    let ports = order_read::Ports { journal: deployment.journal.clone() };
    let cx = deployment.context("order-read");
    let answer = order_read::handle(&ports, request, &cx).now_or_never().unwrap().unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[test]
fn an_order_by_our_own_api_is_one_order_and_readable_at_once() {
    let mut deployment = Deployment::new(20);
    let write = ["orders:write"];
    let id = id_of("portal", "WEB-1");
    let first = post(&deployment, Some("k-1"), &write, &order("WEB-1"));
    assert_eq!(first.status, 202, "{}", first.body);
    assert_eq!(get(&deployment, &format!("/v1/orders/{id}"), &id).0, 200, "a 202 is never followed by a 404");
    let again = post(&deployment, Some("k-1"), &write, &order("WEB-1"));
    assert_eq!((again.status, again.body.contains(id.as_str())), (202, true));
    let other = post(&deployment, Some("k-1"), &write, &order("WEB-2"));
    assert_eq!(other.status, 409, "{}", other.body);
    assert!(other.body.contains("KEY_REUSED"));
    assert_eq!(post(&deployment, None, &write, &order("WEB-3")).status, 400);
    assert_eq!(post(&deployment, Some("k-3"), &["orders:read"], &order("WEB-3")).status, 403);
    let mut bad = order("WEB-3");
    bad["lines"][0]["quantity"] = json!("0");
    let refused = post(&deployment, Some("k-3"), &write, &bad);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("/lines/0/quantity"), "{}", refused.body);
    deployment.run(A_DAY);
    assert_eq!(deployment.orders(), std::slice::from_ref(&id));
    let (status, detail) = get(&deployment, &format!("/v1/orders/{id}"), &id);
    assert_eq!((status, detail["status"].as_str()), (200, Some("invoiced")), "{detail}");
    let (_, timeline) = get(&deployment, &format!("/v1/orders/{id}/timeline"), &id);
    let entries = timeline["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["status"] == "delivered"), "{timeline}");
    assert_promises_hold(&deployment);
}

#[test]
fn one_order_from_two_sources_is_one_order_by_its_purchase_order_number() {
    let mut deployment = Deployment::new(21);
    let mut same = order("CRM-1");
    assert_eq!(deployment.webhook(webhook(&deployment, "msg-1", &same)), Some(202));
    deployment.run(A_DAY);
    let id = id_of("acme-crm", "CRM-1");
    same["id"] = json!("WEB-1");
    let twin = post(&deployment, Some("k-1"), &["orders:write"], &same);
    let own = id_of("portal", "WEB-1");
    assert_eq!((twin.status, twin.body.contains(own.as_str())), (202, true), "{}", twin.body);
    same["lines"][0]["quantity"] = json!("77");
    let conflict = post(&deployment, Some("k-2"), &["orders:write"], &same);
    assert_eq!(conflict.status, 409, "{}", conflict.body);
    assert_eq!(conflicts(&deployment, &id), 1);
    deployment.run(A_DAY);
    assert_eq!(deployment.orders(), [id]);
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
}

/// Expected: the order's own stream shows that the order exists, whether its delivery is still stored or not.
#[test]
fn f07_a_delivery_that_expired_or_came_late_makes_no_second_order() {
    let mut deployment = Deployment::new(19);
    deployment.order(split());
    deployment.run(A_DAY);
    let before = deployment.fingerprint();
    deployment.order(split());
    deployment.run(A_DAY);
    assert_eq!(deployment.fingerprint(), before, "the order exists already");
    assert_promises_hold(&deployment);
}
