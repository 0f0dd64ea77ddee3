//! Change requests of several senders, in other orders than they were sent: holds, and amendments.

use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use domain::OrderId;
use domain::order::Status;
use serde_json::{Value, json};

use crate::support::{
    A_DAY, assert_promises_hold, line, order_of, requested, reviews, slow_down_warehouses, state, status,
};

/// `CRM-1`, which the warehouse in the east ships.
fn two_pieces() -> (Value, OrderId) {
    (order_of(&json!([line(1, "SKU-1-E", "2")])), order_id("CRM-1"))
}

/// The CRM or the ERP sends a message about `CRM-1`, dated so many seconds ago.
fn send(deployment: &mut Deployment, partner: &str, topic: &str, seconds_ago: i64) {
    let sent = deployment.clock.now() - jiff::SignedDuration::from_secs(seconds_ago);
    let (id, reference) = ("CRM-1", order_id("CRM-1"));
    let data = json!({"id": id, "reference": reference, "reason": "because"});
    deployment.message(partner, topic, data, sent);
    deployment.run(Duration::from_secs(20));
}

/// The CRM amends the first line of `CRM-1` to this quantity, dated so many seconds ago.
fn amend(deployment: &Deployment, quantity: &str, seconds_ago: i64) {
    let sent = deployment.clock.now() - jiff::SignedDuration::from_secs(seconds_ago);
    let mut order = two_pieces().0;
    order["lines"] = json!([line(1, "SKU-1-E", quantity)]);
    order["reason"] = json!("another number");
    deployment.message("acme-crm", "order.amended", order, sent);
}

#[test]
fn b33_an_order_that_several_parties_hold_waits_until_each_has_released_its_own_hold() {
    for (first, second) in [("acme-crm", "acme-erp"), ("acme-erp", "acme-crm")] {
        let mut deployment = Deployment::new(33);
        slow_down_warehouses(&deployment);
        let (order, id) = two_pieces();
        deployment.order(order);
        deployment.run(Duration::from_secs(5));
        send(&mut deployment, "acme-crm", "order.held", 0);
        send(&mut deployment, "acme-erp", "order.held", 0);
        assert_eq!(status(&deployment, &id), Status::OnHold, "{deployment:?}");
        deployment.wait(Duration::from_secs(60));
        send(&mut deployment, first, "order.hold_released", 0);
        deployment.run(Duration::from_secs(3_600));
        assert_eq!(status(&deployment, &id), Status::OnHold, "{second} still holds it\n{deployment:?}");
        send(&mut deployment, second, "order.hold_released", 0);
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b34_a_release_that_overtakes_its_holders_earlier_hold_is_remembered() {
    let mut deployment = Deployment::new(34);
    slow_down_warehouses(&deployment);
    let (order, id) = two_pieces();
    deployment.order(order);
    deployment.run(Duration::from_secs(5));
    send(&mut deployment, "acme-crm", "order.hold_released", 2);
    send(&mut deployment, "acme-crm", "order.held", 60);
    assert_ne!(status(&deployment, &id), Status::OnHold, "{deployment:?}");
    deployment.run(A_DAY);
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}

#[test]
fn b34_an_older_amendment_of_the_same_sender_does_not_replace_its_newer_one() {
    for pause in [Duration::ZERO, Duration::from_secs(30)] {
        let mut deployment = Deployment::new(34);
        slow_down_warehouses(&deployment);
        let (order, id) = two_pieces();
        deployment.order(order);
        deployment.run(Duration::from_secs(30));
        amend(&deployment, "5", 10);
        deployment.run(Duration::from_millis(50) + pause);
        deployment.wait(Duration::from_millis(50) + pause);
        // Older than the first, also after the pause.
        amend(&deployment, "4", 120);
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
        assert_eq!(requested(&deployment, "eastco"), [("SKU-1-E".to_owned(), "5".to_owned())], "{deployment:?}");
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b35_the_newest_of_two_amendments_in_a_second_is_carried_out() {
    let mut deployment = Deployment::new(35);
    slow_down_warehouses(&deployment);
    let (order, id) = two_pieces();
    deployment.order(order);
    deployment.run(Duration::from_secs(30));
    // The warehouse withdraws on the second call, so that the first amendment waits.
    let fail = json!({"match": {"operation": "fulfillment.cancel", "times": 1}, "fault": {"kind": "fail"}});
    deployment.partners.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(fail).unwrap());
    amend(&deployment, "4", 0);
    deployment.run(Duration::from_millis(50));
    deployment.wait(Duration::from_millis(50));
    assert!(state(&deployment, &id).changes.amending.is_some(), "{deployment:?}");
    amend(&deployment, "5", 0);
    deployment.run(A_DAY);
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    assert_eq!(requested(&deployment, "eastco"), [("SKU-1-E".to_owned(), "5".to_owned())], "{deployment:?}");
    assert_eq!(reviews(&deployment, &id), []);
    assert_promises_hold(&deployment);
}

#[test]
fn b40_an_amendment_of_the_service_level_alone_is_carried_out() {
    let mut deployment = Deployment::new(40);
    slow_down_warehouses(&deployment);
    let (mut order, id) = two_pieces();
    order["service_level"] = json!("standard");
    deployment.order(order.clone());
    deployment.run(Duration::from_secs(30));
    order["service_level"] = json!("expedited");
    order["reason"] = json!("sooner");
    deployment.message("acme-crm", "order.amended", order, deployment.clock.now());
    deployment.run(A_DAY);
    let known = state(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(known.terms.submission.service_level, domain::order::ServiceLevel::Expedited);
    assert_promises_hold(&deployment);
}
