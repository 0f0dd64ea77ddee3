//! What people want of orders that are under way, through the whole house in memory: everything that was made for the old
//! wish is undone at the partners, and their ledgers agree.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use crossdock_tests::promises::broken;
use domain::order::OrderReview;
use domain::order::Status;
use domain::review::Choice;
use domain::{Order, OrderId};
use serde_json::{Value, json};
use testkit::partners::exchange::{Method, Outcome, Request};
use testkit::partners::samples;

const A_DAY: Duration = Duration::from_secs(24 * 3_600);

fn order_of(lines: &Value) -> Value {
    let mut order = samples::orders(1, 7, || "CRM-1".to_owned()).remove(0);
    order["lines"] = lines.clone();
    order
}

fn line(line: u32, sku: &str, quantity: &str) -> Value {
    json!({"line": line, "sku": sku, "quantity": quantity, "uom": "EA"})
}

/// Two lines, each at another warehouse.
fn split() -> Value {
    order_of(&json!([line(1, "SKU-1-E", "2"), line(2, "SKU-2-W", "3")]))
}

fn known(deployment: &Deployment, id: &OrderId) -> Order {
    let Some(known) = deployment.fold(id) else { panic!("{id} was never submitted\n{deployment:?}") };
    known
}

#[track_caller]
fn assert_kept(deployment: &Deployment) {
    let broken = broken(deployment);
    assert!(broken.is_empty(), "{}\n{deployment:?}", broken.join("\n"));
    assert_eq!(deployment.parked(), vec![]);
}

/// How many of `kind` stand at a partner: made, less undone.
fn live_documents(deployment: &Deployment, partner: &str, kind: &str, undone: &str) -> usize {
    let count = |kind: &str| deployment.made(partner, kind).values().sum::<usize>();
    count(kind) - count(undone)
}

/// A warehouse that takes its time, so that there is a moment before picking.
fn slow(deployment: &Deployment) {
    for name in ["eastco", "shipwest"] {
        let mut town = deployment.town.borrow_mut();
        town.partner_mut(name).unwrap().system.pace_mut().unwrap().pace_ms = 60_000;
    }
}

#[test]
fn b04_a_cancel_before_picking_takes_everything_back_at_every_partner() {
    let mut deployment = Deployment::new(11);
    slow(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    assert_eq!(known(&deployment, &id).fulfillments.assignments.len(), 2, "{deployment:?}");
    deployment.cancel(&id);
    deployment.run(A_DAY);
    assert_eq!(known(&deployment, &id).status(), Status::Cancelled, "{deployment:?}");
    assert_eq!(live_documents(&deployment, "acme-erp", "sales_order", "sales_order_cancelled"), 0);
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 0);
    for warehouse in ["eastco", "shipwest"] {
        assert_eq!(live_documents(&deployment, warehouse, "fulfillment", "fulfillment_cancelled"), 0, "{warehouse}");
    }
    assert_kept(&deployment);
}

#[test]
fn b01_b04_what_stands_at_a_warehouse_with_other_content_is_given_to_nobody_else_and_taken_back_by_a_cancel() {
    let mut deployment = Deployment::new(22);
    slow(&deployment);
    let (id, now) = (order_id("CRM-1"), deployment.clock.now());
    let fulfillment = format!("{id}-1");
    {
        let mut town = deployment.town.borrow_mut();
        let eastco = town.partner_mut("eastco").unwrap();
        let ship_to = json!({"name": "A", "line1": "B", "city": "C", "postal_code": "10001", "country": "US"});
        let body = json!({"reference": fulfillment, "ship_to": ship_to, "lines": [line(1, "SKU-1-E", "1")]});
        let request =
            Request::new(Method::Post, "/fulfillments").with_header("idempotency-key", &fulfillment).with_json(&body);
        let request = request.with_header("authorization", &format!("Bearer {}", eastco.token));
        let taken = eastco.call(&request, now);
        assert!(matches!(&taken, Outcome::Answer { reply, .. } if reply.status == 201), "{taken:?}");
        let unsaid =
            json!({"match": {"operation": "webhook.fulfillment.accepted"}, "fault": {"kind": "delay", "ms": 600_000}});
        eastco.faults.add(serde_json::from_value(unsaid).unwrap());
    }
    deployment.order(order_of(&json!([line(1, "SKU-1-E", "2")])));
    deployment.run(Duration::from_secs(20));
    let Some(asked) = deployment.fold_fulfillment(&fulfillment.parse().unwrap()) else { panic!("{deployment:?}") };
    let [why] = &asked.rejected_effects.values().collect::<Vec<_>>()[..] else { panic!("{asked:?}") };
    assert_eq!((why.code.as_str(), asked.accepted.len()), ("DUPLICATE_DIFFERS", 0));
    deployment.cancel(&id);
    deployment.run(A_DAY);
    assert_eq!(known(&deployment, &id).status(), Status::Cancelled, "{deployment:?}");
    assert_eq!(live_documents(&deployment, "eastco", "fulfillment", "fulfillment_cancelled"), 0);
    assert_eq!(live_documents(&deployment, "acme-erp", "sales_order", "sales_order_cancelled"), 0);
    assert_eq!(deployment.parked(), vec![]);
}

#[test]
fn b04_b05_a_cancel_after_picking_is_refused_and_the_order_ends_as_usual() {
    let mut deployment = Deployment::new(12);
    deployment.order(split());
    deployment.run(Duration::from_secs(8));
    let id = order_id("CRM-1");
    deployment.cancel(&id);
    deployment.run(A_DAY);
    let known = known(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    let told = deployment.journal.commits(&format!("order/{id}"));
    assert!(told.iter().any(|commit| commit.events.contains("cancel_rejected")), "the customer is told");
    assert_kept(&deployment);
}

#[test]
fn b03_a_held_orders_fulfillments_come_back_and_go_out_again_when_it_may_go_on() {
    let mut deployment = Deployment::new(13);
    slow(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    deployment.hold(&id);
    deployment.run(Duration::from_secs(3_600));
    assert_eq!(known(&deployment, &id).status(), Status::OnHold);
    assert_eq!(
        live_documents(&deployment, "eastco", "fulfillment", "fulfillment_cancelled"),
        0,
        "nothing is picked meanwhile"
    );
    deployment.release_hold(&id);
    deployment.run(A_DAY);
    assert_eq!(known(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
    assert_kept(&deployment);
}

#[test]
fn b03_what_came_back_of_a_held_order_goes_out_again_once_it_is_clear_that_the_rest_has_stayed() {
    let mut deployment = Deployment::new(21);
    // One warehouse gives its fulfillment back at once; the other one asks for patience, packs, and ships.
    let later = json!({"match": {"operation": "fulfillment.cancel", "times": 1}, "fault": {"kind": "limit", "retry_after": "20"}});
    deployment.town.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(later).unwrap());
    deployment.order(split());
    deployment.run(Duration::from_secs(1));
    let id = order_id("CRM-1");
    deployment.hold(&id);
    deployment.run(Duration::from_secs(1));
    deployment.release_hold(&id);
    deployment.run(A_DAY);
    let known = known(&deployment, &id);
    assert_eq!((known.status(), known.fulfillments.assignments.len()), (Status::Invoiced, 3), "{deployment:?}");
    for fulfillment in known.fulfillments.assignments.keys() {
        assert!(
            deployment.fold_fulfillment(fulfillment).unwrap().open_effects.is_empty(),
            "{fulfillment}: every effect has its answer"
        );
    }
    assert_kept(&deployment);
}

#[test]
fn b07_a_quantity_changed_after_the_release_ships_once_as_amended() {
    let mut deployment = Deployment::new(14);
    slow(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    deployment.amend(&id, 5);
    deployment.run(A_DAY);
    let known = known(&deployment, &id);
    assert_eq!((known.status(), known.terms.revision), (Status::Invoiced, 1), "{deployment:?}");
    assert_eq!(known.line_quantities()[0].shipped.amount(), 5.into());
    assert_eq!(deployment.made("acme-erp", "sales_order").values().sum::<usize>(), 1, "one sales order, changed");
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 1);
    assert_kept(&deployment);
}

#[test]
fn b09_what_was_short_ships_when_stock_comes_and_what_went_before_is_not_repeated() {
    let mut deployment = Deployment::new(15);
    deployment.stock("SKU-1", [4, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-1", "10")])));
    deployment.run(Duration::from_secs(4 * 3_600));
    let id = order_id("CRM-1");
    let short = known(&deployment, &id);
    assert_eq!(short.status(), Status::PartiallyShipped, "{deployment:?}");
    assert_eq!(short.line_quantities()[0].backordered.amount(), 6.into());
    deployment.stock("SKU-1", [100, 0]);
    deployment.run(A_DAY);
    let done = known(&deployment, &id);
    assert_eq!(done.status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(done.line_quantities()[0].shipped.amount(), 10.into());
    assert_eq!(deployment.made("eastco", "fulfillment").len(), 2, "two fulfillments, each asked for once");
    assert_kept(&deployment);
}

#[test]
fn b08_a_fulfillment_that_its_warehouse_refuses_goes_to_another_by_itself() {
    let mut deployment = Deployment::new(16);
    let script = json!({"reject": "no capacity"});
    let reject = serde_json::from_value(script).unwrap();
    assert!(deployment.town.borrow_mut().partner_mut("eastco").unwrap().system.script(reject));
    deployment.order(order_of(&json!([line(1, "SKU-1", "3")])));
    deployment.run(A_DAY);
    let known = known(&deployment, &order_id("CRM-1"));
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert!(known.fulfillments.assignments.values().any(|assignment| assignment.warehouse.as_str() == "shipwest"));
    assert_kept(&deployment);
}

#[test]
fn a_warehouse_that_never_answers_loses_its_fulfillment_to_another() {
    let mut deployment = Deployment::new(17);
    let down = json!({"match": {"operation": "*"}, "fault": {"kind": "down"}});
    deployment.town.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(down).unwrap());
    deployment.order(order_of(&json!([line(1, "SKU-1", "3")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    deployment.town.borrow_mut().partner_mut("eastco").unwrap().faults.clear(None);
    deployment.redrive();
    deployment.run(A_DAY);
    let known = known(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    let broken = broken(&deployment);
    assert!(broken.is_empty(), "{broken:?}\n{deployment:?}");
}

#[test]
fn a_customer_over_the_limit_waits_for_somebody_and_goes_on_when_they_say_so() {
    let mut deployment = Deployment::new(18);
    let mut order = split();
    order["customer"]["id"] = json!("C-POOR-1");
    deployment.order(order);
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    assert_eq!(known(&deployment, &id).status(), Status::CreditRefused, "{deployment:?}");
    deployment.decide(&id, OrderReview::CreditRefused, Choice::Approve);
    deployment.run(A_DAY);
    assert_eq!(known(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_kept(&deployment);
}

#[test]
fn f07_a_delivery_that_expired_early_or_came_late_makes_no_second_order() {
    let mut deployment = Deployment::new(19);
    deployment.order(split());
    deployment.run(A_DAY);
    let before = deployment.fingerprint();
    deployment.order(split());
    deployment.run(A_DAY);
    assert_eq!(deployment.fingerprint(), before, "the order's own stream remembers, whatever became of its delivery");
    assert_kept(&deployment);
}

#[test]
fn f10_a_day_of_events_played_again_from_the_archive_does_nothing_anywhere() {
    let mut deployment = Deployment::new(20);
    slow(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    deployment.amend(&order_id("CRM-1"), 4);
    deployment.run(A_DAY);
    assert_eq!(crossdock_tests::promises::redriven(&mut deployment, A_DAY), Vec::<String>::new());
}

#[test]
fn b09_stock_that_comes_in_parts_is_waited_for_until_all_of_it_has_come() {
    let mut deployment = Deployment::new(22);
    deployment.stock("SKU-1-SPLIT", [3, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-1-SPLIT", "4")])));
    deployment.run(Duration::from_secs(3_600));
    let id = order_id("CRM-1");
    assert_eq!(known(&deployment, &id).line_quantities()[0].backordered.amount(), 1.into(), "{deployment:?}");
    deployment.stock("SKU-1-SPLIT", [3, 3]);
    deployment.run(A_DAY);
    assert_eq!(known(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_kept(&deployment);
}
