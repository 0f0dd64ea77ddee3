//! Deliveries that were acknowledged and cannot be read: what the worklist and the sender show of them.

use std::time::Duration;

use crossdock_tests::deployment::Deployment;
use domain::order::Status;
use domain::{DeliveryId, PartnerId, intake};
use engine::Stream;
use engine::context::DeliveryWork;
use engine::http::Request;
use futures::FutureExt;
use serde_json::{Value, json};
use simulators::sign;
use testkit::memory::{Fault, Faulty, Script};

use crate::intake::{order, report, signed, webhook};
use crate::support::{A_DAY, assert_promises_hold, id_of, status};

/// The worklist, as `GET /v1/reviews` answers.
fn worklist(deployment: &Deployment) -> Vec<Value> {
    let request = Request { scopes: vec!["reviews:read".to_owned()], ..Request::default() };
    let ports = review_list::Ports { views: deployment.views.clone() };
    let cx = deployment.context("review-list");
    let answer = review_list::handle(&ports, request, &cx).now_or_never().unwrap().unwrap();
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["reviews"].as_array().unwrap().clone()
}

fn crm() -> PartnerId {
    "acme-crm".parse().unwrap()
}

/// What the CRM shows of `CRM-1`.
fn shown(deployment: &Deployment) -> Value {
    deployment.state("acme-crm")["statuses"]["CRM-1"].clone()
}

fn unmappable() -> Value {
    let mut order = order("CRM-1");
    order["ship_to"]["country"] = json!("UK");
    order
}

fn send(deployment: &mut Deployment, delivery: &str, order: &Value) {
    assert_eq!(deployment.webhook(webhook(deployment, delivery, order)), Some(202));
}

#[test]
fn b44_an_order_that_cannot_be_mapped_is_on_the_worklist_and_told_to_the_crm_until_its_corrected_copy_comes() {
    let mut deployment = Deployment::new(44);
    send(&mut deployment, "msg-1", &unmappable());
    deployment.run(A_DAY);
    let listed = worklist(&deployment);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["kind"], "unmappable_delivery");
    let reason = listed[0]["reason"].as_str().unwrap();
    for part in ["MSG-004", "acme-crm", "msg-1", "CRM-1", "/data/ship_to/country", "ISO 3166"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let told = shown(&deployment);
    assert_eq!(
        (told["status"].as_str(), told["order"].as_str()),
        (Some("rejected"), Some(id_of("acme-crm", "CRM-1").as_str()))
    );
    assert_eq!(told["errors"][0]["pointer"], "/data/ship_to/country", "{told}");
    let parked = deployment.parked();
    assert_eq!(parked.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["MSG-004"]);

    send(&mut deployment, "msg-2", &order("CRM-1"));
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment), Vec::<Value>::new());
    let id = id_of("acme-crm", "CRM-1");
    assert_eq!(status(&deployment, &id), Status::Invoiced);
    assert_eq!(
        (shown(&deployment)["status"].as_str(), shown(&deployment)["errors"].is_null()),
        (Some("invoiced"), true)
    );

    // What was parked is redriven after the correction: nothing is listed again, and the CRM shows the order as it is.
    assert_eq!(deployment.redrive(), 1);
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment), Vec::<Value>::new());
    assert_eq!(shown(&deployment)["status"], "invoiced");
    for message in deployment.parked() {
        assert_eq!(deployment.discard(&message.body), 1);
    }
    assert_promises_hold(&deployment);
}

#[test]
fn b44_copies_with_the_same_mistake_are_one_review_and_one_call_to_the_crm_however_often_they_come() {
    let mut deployment = Deployment::new(45);
    for delivery in ["msg-1", "msg-2", "msg-3"] {
        send(&mut deployment, delivery, &unmappable());
        deployment.run(Duration::from_secs(120));
    }
    deployment.redrive();
    deployment.run(A_DAY);
    let listed = worklist(&deployment);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(deployment.state("acme-crm")["updates"].as_array().unwrap().len(), 1);
    // Another mistake is another review, and the CRM shows it.
    let mut other = order("CRM-1");
    other["lines"] = json!([]);
    send(&mut deployment, "msg-4", &other);
    deployment.run(A_DAY);
    let listed = worklist(&deployment);
    assert!(matches!(&listed[..], [one] if one["reason"].as_str().unwrap().contains("/data/lines")), "{listed:?}");
    assert_eq!(shown(&deployment)["errors"][0]["pointer"], "/data/lines");
    // A person has seen it.
    let review = listed[0]["id"].as_str().unwrap();
    let answer = deployment.decide_by_api("ann", review, &json!({ "choice": "acknowledge" }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment), Vec::<Value>::new());
}

#[test]
fn b44_a_copy_that_arrives_after_the_order_it_was_corrected_by_opens_no_review() {
    let mut deployment = Deployment::new(46);
    let late = webhook(&deployment, "msg-1", &unmappable());
    assert_eq!(deployment.webhook(late), Some(202));
    send(&mut deployment, "msg-2", &order("CRM-1"));
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment), Vec::<Value>::new());
    assert_eq!(shown(&deployment)["status"], "invoiced");
}

/// Imports the delivery `id` of the CRM outside of any queue; `during` runs just before the `n`th call of the journal. Returns whether
/// there was such a call.
fn import(deployment: &Deployment, id: &'static str, n: usize, during: impl FnMut() + 'static) -> bool {
    let script = Script::fault_at(n, Fault::Interleave, during);
    script.arm(true);
    importing(deployment, id, &script)();
    script.has_happened()
}

/// Imports the delivery `id` of the CRM. The calls of its journal meet the fault of `script`.
fn importing(deployment: &Deployment, id: &'static str, script: &Script) -> impl FnMut() + use<> {
    let ports = order_import::Ports {
        journal: Faulty::new(deployment.journal.clone(), script),
        deliveries: deployment.deliveries.clone(),
        registry: deployment.adapters.clone(),
    };
    let cx = deployment.context("order-import");
    move || {
        let work = DeliveryWork { partner: crm(), delivery: id.to_owned() };
        order_import::handle(&ports, work, &cx).now_or_never().unwrap().ok();
    }
}

#[test]
fn b44_a_broken_and_a_good_copy_that_are_imported_at_the_same_instant_leave_no_review() {
    for (first, second) in [("broken", "good"), ("good", "broken")] {
        for n in 0.. {
            let mut deployment = Deployment::new(50);
            send(&mut deployment, "broken", &unmappable());
            send(&mut deployment, "good", &order("CRM-1"));
            let meanwhile = importing(&deployment, second, &Script::default());
            if !import(&deployment, first, n, meanwhile) {
                assert!(n > 2, "{first} makes {n} calls");
                break;
            }
            let review = DeliveryId::of_order(&crm(), &"CRM-1".parse().unwrap());
            let cx = deployment.context("test");
            let loaded = Stream::<intake::Delivery>::load(&deployment.journal, &review, &cx).now_or_never();
            let unread = loaded.unwrap().unwrap().state;
            assert!(unread.is_none_or(|unread| unread.is_mapped), "{second} was imported at call {n} of {first}");
            deployment.run(A_DAY);
            assert_eq!(worklist(&deployment), Vec::<Value>::new());
            assert_eq!(shown(&deployment)["status"], "invoiced");
        }
    }
}

#[test]
fn b44_a_broken_copy_that_is_redriven_does_not_close_the_review_of_another_one() {
    let mut deployment = Deployment::new(51);
    send(&mut deployment, "msg-1", &unmappable());
    deployment.run(A_DAY);
    send(&mut deployment, "msg-2", &order("CRM-1"));
    deployment.run(A_DAY);
    let mut other = order("CRM-1");
    other["lines"] = json!([]);
    send(&mut deployment, "msg-3", &other);
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment).len(), 1);
    deployment.redrive();
    deployment.run(A_DAY);
    let listed = worklist(&deployment);
    assert!(matches!(&listed[..], [one] if one["reason"].as_str().unwrap().contains("msg-3")), "{listed:?}");
}

#[test]
fn a16_a_member_that_is_given_twice_is_listed_with_its_place_and_told_to_the_crm() {
    let mut deployment = Deployment::new(16);
    let text = json!({ "type": "order.created", "data": order("CRM-1") }).to_string();
    let twice = text.replacen("\"quantity\":", "\"quantity\":\"1\",\"quantity\":", 1);
    let request = signed(&deployment, "msg-1", twice.into_bytes(), &[sign::local_secret("acme-crm")]);
    assert_eq!(deployment.webhook(request), Some(202));
    deployment.run(A_DAY);
    let listed = worklist(&deployment);
    let reason = listed[0]["reason"].as_str().unwrap();
    assert!(reason.contains("/data/lines/0/quantity: the member `quantity` is given twice"), "{reason}");
    assert_eq!(shown(&deployment)["errors"][0]["pointer"], "/data/lines/0/quantity");
    assert!(deployment.orders().is_empty());
}

#[test]
fn b44_a_warehouses_report_that_cannot_be_read_is_on_the_worklist_and_no_crm_is_told() {
    let mut deployment = Deployment::new(47);
    let unknown = report(&deployment, "eastco", "msg-1", "parcel.lost", &json!({}));
    assert_eq!(deployment.webhook(unknown), Some(202));
    let shapeless = report(&deployment, "eastco", "msg-2", "package.packed", &json!({ "package": 7 }));
    assert_eq!(deployment.webhook(shapeless), Some(202));
    deployment.run(A_DAY);
    let mut reasons: Vec<String> =
        worklist(&deployment).iter().map(|review| review["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("package.packed msg-2: /data/reference: is missing"), "{reasons:?}");
    assert!(reasons[1].contains("UNKNOWN_EVENT"), "{reasons:?}");
    assert_eq!(deployment.state("acme-crm")["updates"], json!([]));
}

#[test]
fn c06_a_report_whose_fulfillment_never_came_is_on_the_worklist_until_it_is_redriven_with_success() {
    let mut deployment = Deployment::new(48);
    let fulfillment = format!("{}-1", id_of("acme-crm", "CRM-1"));
    let accepted = json!({ "reference": fulfillment, "id": "F-EARLY" });
    let request = report(&deployment, "eastco", "msg-1", "fulfillment.accepted", &accepted);
    assert_eq!(deployment.webhook(request), Some(202));
    deployment.run(2 * A_DAY);
    let listed = worklist(&deployment);
    assert!(matches!(&listed[..], [one] if one["reason"].as_str().unwrap().starts_with("MSG-005")), "{listed:?}");
    let mut late = order("CRM-1");
    late["lines"] = json!([{"line": 1, "sku": "SKU-1-E", "quantity": "2", "uom": "EA"}]);
    send(&mut deployment, "msg-2", &late);
    deployment.run(A_DAY);
    assert_eq!(deployment.redrive(), 1);
    deployment.run(A_DAY);
    let kinds: Vec<Value> = worklist(&deployment).iter().map(|review| review["kind"].clone()).collect();
    assert!(!kinds.contains(&json!("unmappable_delivery")), "{kinds:?}");
    assert_eq!(deployment.parked(), vec![]);
}

#[test]
fn a13_all_messages_of_an_unknown_topic_are_one_review() {
    let mut deployment = Deployment::new(49);
    for delivery in ["msg-1", "msg-2", "msg-3"] {
        let unknown = report(&deployment, "eastco", delivery, "parcel.lost", &json!({ "n": delivery }));
        assert_eq!(deployment.webhook(unknown), Some(202));
    }
    deployment.run(A_DAY);
    assert_eq!(worklist(&deployment).len(), 1);
    assert_eq!(deployment.parked().len(), 3);
}
