//! Orders: from their webhook to their invoice, with every message twice, with a fault at every call, cancelled, held, amended
//! and backordered.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use crossdock_tests::promises::statuses;
use crossdock_tests::wiring::Rules;
use domain::order::OrderReview;
use domain::order::Status;
use domain::review::Choice;
use serde_json::json;
use testkit::memory::{Fault, Script};

use crate::support::{
    A_DAY, assert_promises_hold, line, live_documents, order_of, sample, slow_down_warehouses, split, state, status,
};

#[test]
fn every_kind_of_order_is_delivered_and_invoiced_and_all_ledgers_agree() {
    let mut deployment = Deployment::new(1);
    for n in 0..16 {
        deployment.order(sample(n));
    }
    deployment.run(A_DAY);
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 16)]), "{deployment:?}");
    assert_eq!(deployment.parked(), vec![]);
    assert_promises_hold(&deployment);
}

#[test]
fn b08_an_order_split_over_two_warehouses_is_one_order_with_a_status_from_both() {
    let mut deployment = Deployment::new(2);
    let order = split();
    deployment.order(order.clone());
    deployment.run(A_DAY);
    let id = order_id(order["id"].as_str().unwrap());
    let known = state(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(known.fulfillments.assignments.len(), 2);
    assert_eq!(deployment.made("eastco", "fulfillment").len(), 1);
    assert_eq!(deployment.made("shipwest", "fulfillment").len(), 1);
    assert_eq!(deployment.made("acme-erp", "invoice").len(), 1);
    assert_promises_hold(&deployment);
}

#[test]
fn every_message_delivered_twice_changes_nothing() {
    for n in 0..8 {
        let mut deployment = Deployment::new(3);
        deployment.copies = 2;
        let order = sample(n);
        deployment.order(order.clone());
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &order_id(order["id"].as_str().unwrap())), Status::Invoiced, "{deployment:?}");
        assert_promises_hold(&deployment);
    }
}

/// The functions that an order passes through, each with the number of calls that it makes for an order without faults.
fn functions() -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for function in Rules::read().functions().into_iter().chain(["webhook-receive".to_owned()]) {
        let function: &'static str = function.leak();
        let mut deployment = Deployment::new(4);
        let script = Script::default();
        deployment.faults = Some((function, script.clone()));
        deployment.order(split());
        deployment.run(A_DAY);
        found.push((function, script.calls().len()));
    }
    found.retain(|(_, calls)| *calls > 0);
    found
}

#[test]
fn f08_an_order_ends_the_same_when_any_function_is_killed_at_any_call_or_loses_any_reply() {
    let (order, mut places) = (split(), 0);
    for (function, calls) in functions() {
        for n in 0..calls {
            for fault in [Fault::KillBefore, Fault::KillAfter, Fault::LoseReply] {
                let mut deployment = Deployment::new(4);
                let script = Script::fault_at(n, fault, || {});
                deployment.faults = Some((function, script.clone()));
                deployment.order(order.clone());
                deployment.run(A_DAY);
                assert!(script.has_happened(), "{function} call {n}");
                let status = status(&deployment, &order_id(order["id"].as_str().unwrap()));
                assert_eq!(status, Status::Invoiced, "{function} call {n} {fault:?}\n{deployment:?}");
                assert_eq!(deployment.parked(), vec![], "{function} call {n} {fault:?}");
                assert_promises_hold(&deployment);
                places += 1;
            }
        }
    }
    assert!(places > 200, "only {places} places had a fault");
}

#[test]
fn a_cancel_between_any_two_calls_of_any_function_duplicates_nothing_and_hides_nothing() {
    let order = split();
    let id = order_id(order["id"].as_str().unwrap());
    // Before its submission an order cannot be cancelled.
    let before = ["webhook-receive", "order-import"];
    for (function, calls) in functions().into_iter().filter(|(function, _)| !before.contains(function)) {
        for n in 0..calls {
            let mut deployment = Deployment::new(4);
            let script = Script::fault_at(n, Fault::Interleave, deployment.canceller(&id));
            deployment.faults = Some((function, script.clone()));
            deployment.order(order.clone());
            deployment.run(A_DAY);
            assert!(script.has_happened(), "{function} call {n}");
            assert_promises_hold(&deployment);
            let known = state(&deployment, &id);
            // Where a document or a shipment remains, a review says so.
            let settled = known.status().is_final() || !known.reviews().is_empty();
            assert!(settled, "{function} call {n}: {:?}\n{deployment:?}", known.status());
            assert_eq!(deployment.parked(), vec![], "{function} call {n}");
        }
    }
}

#[test]
fn b04_a_cancel_before_picking_undoes_every_document_at_every_partner() {
    let mut deployment = Deployment::new(11);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    assert_eq!(state(&deployment, &id).fulfillments.assignments.len(), 2, "{deployment:?}");
    deployment.cancel(&id);
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &id).status(), Status::Cancelled, "{deployment:?}");
    assert_eq!(live_documents(&deployment, "acme-erp", "sales_order", "sales_order_cancelled"), 0);
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 0);
    for warehouse in ["eastco", "shipwest"] {
        assert_eq!(live_documents(&deployment, warehouse, "fulfillment", "fulfillment_cancelled"), 0, "{warehouse}");
    }
    assert_promises_hold(&deployment);
}

#[test]
fn b04_b05_a_cancel_after_picking_is_refused_and_the_order_ends_as_usual() {
    let mut deployment = Deployment::new(12);
    deployment.order(split());
    deployment.run(Duration::from_secs(8));
    let id = order_id("CRM-1");
    deployment.cancel(&id);
    deployment.run(A_DAY);
    let known = state(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    let commits = deployment.journal.commits(&format!("order/{id}"));
    assert!(commits.iter().any(|commit| commit.events.contains("cancel_rejected")), "the customer gets a notice");
    assert_promises_hold(&deployment);
}

/// Expected: a hold before picking withdraws what the warehouses have; after the release of the hold all of it ships once.
#[test]
fn b03_a_held_orders_fulfillments_are_withdrawn_and_requested_again_after_the_hold() {
    let mut deployment = Deployment::new(13);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    deployment.hold(&id);
    deployment.run(Duration::from_secs(3_600));
    assert_eq!(state(&deployment, &id).status(), Status::OnHold);
    assert_eq!(
        live_documents(&deployment, "eastco", "fulfillment", "fulfillment_cancelled"),
        0,
        "nothing is picked meanwhile"
    );
    deployment.release_hold(&id);
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(deployment.made("acme-erp", "sales_order").len(), 1);
    assert_promises_hold(&deployment);
}

/// Expected: one warehouse withdraws its fulfillment and the other one ships; the withdrawn part becomes a third fulfillment.
#[test]
fn b03_what_a_hold_withdrew_is_routed_again_once_the_other_warehouse_refused_its_withdrawal() {
    let mut deployment = Deployment::new(21);
    // One warehouse withdraws its fulfillment at once; the other one answers 429, packs, and ships.
    let later = json!({"match": {"operation": "fulfillment.cancel", "times": 1}, "fault": {"kind": "limit", "retry_after": "20"}});
    deployment.partners.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(later).unwrap());
    deployment.order(split());
    deployment.run(Duration::from_secs(1));
    let id = order_id("CRM-1");
    deployment.hold(&id);
    deployment.run(Duration::from_secs(1));
    deployment.release_hold(&id);
    deployment.run(A_DAY);
    let known = state(&deployment, &id);
    assert_eq!((known.status(), known.fulfillments.assignments.len()), (Status::Invoiced, 3), "{deployment:?}");
    for fulfillment in known.fulfillments.assignments.keys() {
        assert!(
            deployment.fold_fulfillment(fulfillment).unwrap().open_effects.is_empty(),
            "{fulfillment}: every effect has its answer"
        );
    }
    assert_promises_hold(&deployment);
}

/// Expected: the fulfillments are withdrawn first; then the amended order ships once.
#[test]
fn b07_a_quantity_changed_after_the_release_ships_once_as_amended() {
    let mut deployment = Deployment::new(14);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    deployment.amend(&id, 5);
    deployment.run(A_DAY);
    let known = state(&deployment, &id);
    assert_eq!((known.status(), known.terms.revision), (Status::Invoiced, 1), "{deployment:?}");
    assert_eq!(known.line_quantities()[0].shipped.amount(), 5.into());
    assert_eq!(deployment.made("acme-erp", "sales_order").values().sum::<usize>(), 1, "one sales order, changed");
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 1);
    assert_promises_hold(&deployment);
}

#[test]
fn b09_a_backorder_ships_when_stock_arrives_and_nothing_ships_twice() {
    let mut deployment = Deployment::new(15);
    deployment.stock("SKU-1", [4, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-1", "10")])));
    deployment.run(Duration::from_secs(4 * 3_600));
    let id = order_id("CRM-1");
    let short = state(&deployment, &id);
    assert_eq!(short.status(), Status::PartiallyShipped, "{deployment:?}");
    assert_eq!(short.line_quantities()[0].backordered.amount(), 6.into());
    deployment.stock("SKU-1", [100, 0]);
    deployment.run(A_DAY);
    let done = state(&deployment, &id);
    assert_eq!(done.status(), Status::Invoiced, "{deployment:?}");
    assert_eq!(done.line_quantities()[0].shipped.amount(), 10.into());
    assert_eq!(deployment.made("eastco", "fulfillment").len(), 2, "two fulfillments, each requested once");
    assert_promises_hold(&deployment);
}

#[test]
fn b09_a_backorder_waits_until_all_of_its_stock_has_arrived() {
    let mut deployment = Deployment::new(22);
    deployment.stock("SKU-1-SPLIT", [3, 0]);
    deployment.order(order_of(&json!([line(1, "SKU-1-SPLIT", "4")])));
    deployment.run(Duration::from_secs(3_600));
    let id = order_id("CRM-1");
    assert_eq!(state(&deployment, &id).line_quantities()[0].backordered.amount(), 1.into(), "{deployment:?}");
    deployment.stock("SKU-1-SPLIT", [3, 3]);
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}

#[test]
fn an_order_without_credit_waits_for_a_decision_and_continues_when_it_is_approved() {
    let mut deployment = Deployment::new(18);
    let mut order = split();
    order["customer"]["id"] = json!("C-POOR-1");
    deployment.order(order);
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    assert_eq!(state(&deployment, &id).status(), Status::CreditRefused, "{deployment:?}");
    deployment.decide(&id, OrderReview::CreditRefused, Choice::Approve);
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &id).status(), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}
