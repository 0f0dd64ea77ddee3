//! An order's names: a purchase order that is used again, an order's second id, and what the doors answer to them.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{CLIENT, Deployment, order_id, order_request};
use domain::order::{OrderReview, Status};
use domain::{FulfillmentId, OrderId};
use engine::http::{Request, Response};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::intake::{get, report};
use crate::support::{A_DAY, assert_promises_hold, id_of, slow_down_warehouses, split, state, status};

const A_MINUTE: Duration = Duration::from_secs(60);

/// The same order under another id.
fn under(id: &str) -> Value {
    let mut order = split();
    order["id"] = json!(id);
    order
}

/// An API client submits `order`.
fn post(deployment: &Deployment, key: &str, order: &Value) -> Response {
    let posted = deployment.post_order(order_request(order, Some(key), &["orders:write"])).unwrap();
    posted.unwrap_or_else(|failure| engine::http::Problem::from(failure).into())
}

/// An API client requests a change of the order with our id `order`.
fn change(deployment: &Deployment, change: &str, order: &OrderId, body: &Value) -> Response {
    let request = Request {
        method: "POST".to_owned(),
        path: format!("/v1/orders/{order}/{change}"),
        variables: BTreeMap::from([("id".to_owned(), order.to_string()), ("change".to_owned(), change.to_owned())]),
        headers: BTreeMap::from([("idempotency-key".to_owned(), format!("{change}-1"))]),
        body: body.to_string().into_bytes(),
        client: CLIENT.to_owned(),
        scopes: vec!["orders:write".to_owned()],
        ..Request::default()
    };
    let read = partners::read_order_body;
    let ports = change_create::Ports { journal: deployment.journal.clone(), parties: deployment.parties.clone(), read };
    let cx = deployment.context("change-create");
    change_create::handle(&ports, request, &cx).now_or_never().unwrap().unwrap()
}

/// The CRM cancels the order that it calls `id`.
fn cancelled_by_crm(deployment: &Deployment, id: &str) {
    deployment.change("order.cancelled", json!({ "id": id, "reason": "ordered by mistake" }));
}

fn conflicts(deployment: &Deployment, id: &OrderId) -> usize {
    let reviews = state(deployment, id).reviews();
    reviews.iter().filter(|review| review.kind == OrderReview::ConflictingSubmission).count()
}

/// The CRM's order `CRM-1`, cancelled by the CRM before any warehouse picks.
fn cancelled_order(seed: u64) -> Deployment {
    let mut deployment = Deployment::new(seed);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    cancelled_by_crm(&deployment, "CRM-1");
    deployment.run(A_MINUTE);
    assert_eq!(status(&deployment, &order_id("CRM-1")), Status::Cancelled, "{deployment:?}");
    deployment.wait(A_MINUTE);
    deployment
}

/// Eastco ships what it has of `order`, whatever was agreed with it.
fn ships_all_the_same(deployment: &mut Deployment, order: &OrderId) -> FulfillmentId {
    let assigned = state(deployment, order).fulfillments.assignments;
    let mine = assigned.into_values().find(|assignment| assignment.warehouse.as_str() == "eastco").unwrap();
    let reference = mine.fulfillment;
    let lines = json!([{"line": 1, "sku": "SKU-1-E", "quantity": "2", "uom": "EA"}]);
    let packed = json!({"reference": reference, "package": {"id": "P-1", "lines": lines}});
    let left = json!({"reference": reference, "package": {"id": "P-1"}, "milestone": "picked_up"});
    for (delivery, kind, data) in [("late-1", "package.packed", packed), ("late-2", "shipment.milestone", left)] {
        let request = report(deployment, "eastco", delivery, kind, &data);
        assert_eq!(deployment.webhook(request), Some(202));
        deployment.run(Duration::from_secs(5));
    }
    reference
}

#[test]
fn b29_an_order_under_the_purchase_order_of_a_cancelled_one_is_a_new_order_by_either_door() {
    for by_api in [false, true] {
        let mut deployment = cancelled_order(61);
        let id = if by_api { id_of(CLIENT, "NEW-2") } else { order_id("NEW-2") };
        if by_api {
            let answer = post(&deployment, "k-1", &under("NEW-2"));
            assert_eq!((answer.status, answer.body.contains(id.as_str())), (202, true), "{}", answer.body);
        } else {
            deployment.order(under("NEW-2"));
        }
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
        assert_eq!(status(&deployment, &order_id("CRM-1")), Status::Cancelled);
        assert_eq!(deployment.parked(), vec![]);
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b30_a_cancel_under_the_second_sources_id_reaches_the_order_by_either_door() {
    for by_api in [false, true] {
        let mut deployment = Deployment::new(62);
        slow_down_warehouses(&deployment);
        // The first source is the other one of the two.
        let (first, alias) = if by_api {
            deployment.order(split());
            deployment.run(Duration::from_secs(20));
            assert_eq!(post(&deployment, "k-1", &under("WEB-1")).status, 202);
            (order_id("CRM-1"), id_of(CLIENT, "WEB-1"))
        } else {
            assert_eq!(post(&deployment, "k-1", &under("WEB-1")).status, 202);
            deployment.run(Duration::from_secs(20));
            deployment.order(split());
            deployment.run(Duration::from_secs(1));
            (id_of(CLIENT, "WEB-1"), order_id("CRM-1"))
        };
        if by_api {
            let answer = change(&deployment, "cancel", &alias, &json!({ "reason": "not needed" }));
            assert_eq!((answer.status, answer.body.contains(alias.as_str())), (202, true), "{}", answer.body);
        } else {
            cancelled_by_crm(&deployment, "CRM-1");
        }
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &first), Status::Cancelled, "{deployment:?}");
        let (code, shown) = get(&deployment, &format!("/v1/orders/{alias}"), &alias);
        assert_eq!((code, shown["id"].as_str()), (200, Some(first.as_str())), "an alias shows its order");
        assert_eq!(deployment.parked(), vec![]);
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b30_an_amendment_under_the_second_sources_id_reaches_the_order() {
    let mut deployment = Deployment::new(63);
    slow_down_warehouses(&deployment);
    assert_eq!(post(&deployment, "k-1", &under("WEB-1")).status, 202);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let mut amended = split();
    amended["lines"][0]["quantity"] = json!("1");
    amended["ship_to"]["line1"] = json!("7 Another Road");
    deployment.change("order.amended", amended);
    deployment.run(A_DAY);
    let order = state(&deployment, &id_of(CLIENT, "WEB-1"));
    assert_eq!((order.status(), order.terms.revision), (Status::Invoiced, 1), "{deployment:?}");
    assert_eq!(order.terms.submission.ship_to.order, id_of(CLIENT, "WEB-1"), "its party is erased with the order's");
    assert_promises_hold(&deployment);
}

#[test]
fn b30_a_cancel_that_overtakes_the_second_sources_copy_waits_for_it_and_reaches_the_order() {
    let mut deployment = Deployment::new(64);
    slow_down_warehouses(&deployment);
    assert_eq!(post(&deployment, "k-1", &under("WEB-1")).status, 202);
    deployment.run(Duration::from_secs(20));
    cancelled_by_crm(&deployment, "CRM-1");
    deployment.run(Duration::from_secs(5));
    assert_ne!(status(&deployment, &id_of(CLIENT, "WEB-1")), Status::Cancelled);
    deployment.order(split());
    deployment.run(A_MINUTE);
    assert_eq!(status(&deployment, &id_of(CLIENT, "WEB-1")), Status::Cancelled, "{deployment:?}");
    deployment.run(A_DAY);
    assert_promises_hold(&deployment);
}

#[test]
fn b51_a_copy_that_was_ordered_before_the_cancel_and_arrives_after_it_is_a_conflict_and_ships_nothing() {
    for by_api in [false, true] {
        let mut deployment = Deployment::new(65);
        slow_down_warehouses(&deployment);
        let ordered_at = deployment.clock.now().to_string();
        assert_eq!(post(&deployment, "k-1", &under("WEB-1")).status, 202);
        if !by_api {
            // The CRM's copy is sent now, and its delivery is late.
            let late =
                json!({"match": {"operation": "webhook.*", "times": 1}, "fault": {"kind": "delay", "ms": 300_000}});
            let late = serde_json::from_value(late).unwrap();
            deployment.partners.borrow_mut().partner_mut("acme-crm").unwrap().faults.add(late);
            deployment.order(split());
        }
        deployment.run(Duration::from_secs(20));
        let first = id_of(CLIENT, "WEB-1");
        deployment.cancel(&first);
        deployment.run(A_MINUTE);
        assert_eq!(status(&deployment, &first), Status::Cancelled, "{deployment:?}");
        if by_api {
            let mut copy = under("WEB-2");
            copy["ordered_at"] = json!(ordered_at);
            let answer = post(&deployment, "k-2", &copy);
            assert_eq!(
                (answer.status, answer.body.contains(id_of(CLIENT, "WEB-2").as_str())),
                (409, true),
                "{}",
                answer.body
            );
            assert_eq!(post(&deployment, "k-2", &copy).status, 409, "asked again, the answer is the same");
        } else {
            deployment.run(Duration::from_secs(600));
        }
        assert_eq!(conflicts(&deployment, &first), 1, "{deployment:?}");
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &first), Status::Cancelled);
        assert_eq!(deployment.made("acme-erp", "invoice").len(), 0, "nothing ships");
        assert_eq!(deployment.parked(), vec![]);
        assert_promises_hold(&deployment);
    }
}

/// Expected: what the cancelled order's warehouse ships in spite of all is recorded there, and both orders are reviewed.
#[test]
fn b52_a_cancelled_order_that_ships_after_its_purchase_order_was_taken_over_is_reviewed_on_both() {
    let mut deployment = cancelled_order(66);
    deployment.order(under("NEW-2"));
    deployment.run(Duration::from_secs(20));
    let (old, new) = (order_id("CRM-1"), order_id("NEW-2"));
    let shipped = ships_all_the_same(&mut deployment, &old);
    deployment.run(Duration::from_secs(30));
    let of = |id: &OrderId, kind: OrderReview| state(&deployment, id).reviews().into_iter().any(|it| it.kind == kind);
    assert!(state(&deployment, &old).fulfillments.has_shipped(&shipped), "{deployment:?}");
    assert!(of(&old, OrderReview::ShippedAfterCancel), "{:?}", state(&deployment, &old).reviews());
    assert!(of(&new, OrderReview::PredecessorShipped), "{:?}", state(&deployment, &new).reviews());
}
