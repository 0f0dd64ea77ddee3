//! Fulfillments: refused, unanswered, existing with other content, and a warehouse that is down or slow for hours.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use crossdock_tests::promises::statuses;
use domain::OrderId;
use domain::fulfillment::FulfillmentReview;
use domain::order::Status;
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::exchange::{Method, Outcome, Request};
use simulators::fault::PartnerFault;
use simulators::samples;

use crate::intake::report;
use crate::support::{
    A_DAY, assert_promises_hold, line, live_documents, order_of, reviews, slow_down_warehouses, state,
};

const MINUTE: Duration = Duration::from_secs(60);
/// Orders for each of the two warehouses.
const ORDERS: usize = 24;

/// Expected: the warehouse has another content under our reference, so the request is refused as a duplicate that differs. Its goods
/// may ship, so no other warehouse gets the fulfillment; a cancel withdraws it.
#[test]
fn b01_b04_a_fulfillment_that_exists_with_other_content_is_not_requested_elsewhere_and_a_cancel_withdraws_it() {
    let mut deployment = Deployment::new(22);
    slow_down_warehouses(&deployment);
    let (id, now) = (order_id("CRM-1"), deployment.clock.now());
    let fulfillment = format!("{id}-1");
    {
        let mut partners = deployment.partners.borrow_mut();
        let eastco = partners.partner_mut("eastco").unwrap();
        let ship_to = json!({"name": "A", "line1": "B", "city": "C", "postal_code": "10001", "country": "US"});
        let body = json!({"reference": fulfillment, "ship_to": ship_to, "lines": [line(1, "SKU-1-E", "1")]});
        let request =
            Request::new(Method::Post, "/fulfillments").with_header("idempotency-key", &fulfillment).with_json(&body);
        let request = request.with_header("authorization", &format!("Bearer {}", eastco.token));
        let taken = eastco.call(&request, now);
        assert!(matches!(&taken, Outcome::Answer { reply, .. } if reply.status == 201), "{taken:?}");
        let late =
            json!({"match": {"operation": "webhook.fulfillment.accepted"}, "fault": {"kind": "delay", "ms": 600_000}});
        eastco.faults.add(serde_json::from_value(late).unwrap());
    }
    deployment.order(order_of(&json!([line(1, "SKU-1-E", "2")])));
    deployment.run(Duration::from_secs(20));
    let Some(asked) = deployment.fold_fulfillment(&fulfillment.parse().unwrap()) else { panic!("{deployment:?}") };
    let [why] = &asked.rejected_effects.values().collect::<Vec<_>>()[..] else { panic!("{asked:?}") };
    assert_eq!((why.code.as_str(), asked.accepted.len()), ("DUPLICATE_DIFFERS", 0));
    deployment.cancel(&id);
    deployment.run(A_DAY);
    assert_eq!(state(&deployment, &id).status(), Status::Cancelled, "{deployment:?}");
    assert_eq!(live_documents(&deployment, "eastco", "fulfillment", "fulfillment_cancelled"), 0);
    assert_eq!(live_documents(&deployment, "acme-erp", "sales_order", "sales_order_cancelled"), 0);
    assert_eq!(deployment.parked(), vec![]);
}

#[test]
fn b08_a_fulfillment_that_its_warehouse_rejects_goes_to_another_warehouse() {
    let mut deployment = Deployment::new(16);
    let script = json!({"reject": "no capacity"});
    let reject = serde_json::from_value(script).unwrap();
    assert!(deployment.partners.borrow_mut().partner_mut("eastco").unwrap().system.script(reject));
    deployment.order(order_of(&json!([line(1, "SKU-1", "3")])));
    deployment.run(A_DAY);
    let known = state(&deployment, &order_id("CRM-1"));
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert!(known.fulfillments.assignments.values().any(|assignment| assignment.warehouse.as_str() == "shipwest"));
    assert_promises_hold(&deployment);
}

#[test]
fn a_fulfillment_of_a_warehouse_that_never_answers_goes_to_another_warehouse() {
    let mut deployment = Deployment::new(17);
    let down = json!({"match": {"operation": "*"}, "fault": {"kind": "down"}});
    deployment.partners.borrow_mut().partner_mut("eastco").unwrap().faults.add(serde_json::from_value(down).unwrap());
    deployment.order(order_of(&json!([line(1, "SKU-1", "3")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    deployment.end_all_faults("eastco");
    deployment.redrive();
    deployment.run(A_DAY);
    let known = state(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}

/// The east reports a package that it packed after it had closed the fulfillment, and that the package left.
fn late_package(deployment: &mut Deployment, fulfillment: &str) {
    let goods = json!({"id": "P-LATE", "lines": [{"line": 1, "sku": "SKU-1", "quantity": "1", "uom": "EA"}]});
    let packed = json!({ "reference": fulfillment, "package": goods });
    let left = json!({ "reference": fulfillment, "package": {"id": "P-LATE"}, "milestone": "picked_up" });
    for (delivery, kind, data) in [("late-1", "package.packed", packed), ("late-2", "shipment.milestone", left)] {
        let request = report(deployment, "eastco", delivery, kind, &data);
        assert_eq!(deployment.webhook(request), Some(202));
    }
}

/// The order of three pieces of which the east ships two and closes, and the west is asked for the third. Returns its id.
fn short_order(deployment: &mut Deployment) -> OrderId {
    let script = json!({"short_by": 1, "times": 1});
    deployment.script("eastco", serde_json::from_value(script).unwrap());
    deployment.order(order_of(&json!([line(1, "SKU-1", "3")])));
    order_id("CRM-1")
}

#[test]
fn c20_a_package_after_the_close_is_reviewed_as_an_excess_while_what_was_asked_again_is_being_packed() {
    let mut deployment = Deployment::new(20);
    let id = short_order(&mut deployment);
    {
        let mut partners = deployment.partners.borrow_mut();
        partners.partner_mut("shipwest").unwrap().system.pace_mut().unwrap().pace_ms = 3_600_000;
    }
    let is_asked_again =
        |deployment: &Deployment| deployment.fold(&id).is_some_and(|order| order.fulfillments.assignments.len() == 2);
    for _ in 0..60 {
        if !is_asked_again(&deployment) {
            pass(&mut deployment, MINUTE);
        }
    }
    assert!(is_asked_again(&deployment), "{deployment:?}");
    pass(&mut deployment, MINUTE);
    late_package(&mut deployment, &format!("{id}-1"));
    deployment.run(2 * A_DAY);
    let open = reviews(&deployment, &id);
    assert!(open.iter().any(|(kind, _)| *kind == "over_shipped"), "{open:?}");
}

#[test]
fn c20_a_package_after_the_close_is_reviewed_as_an_excess_if_what_was_asked_again_has_shipped() {
    let mut deployment = Deployment::new(21);
    let id = short_order(&mut deployment);
    deployment.run(2 * A_DAY);
    let known = state(&deployment, &id);
    assert_eq!(known.line_quantities().remove(0).shipped.amount(), 3.into(), "{deployment:?}");
    late_package(&mut deployment, &format!("{id}-1"));
    deployment.run(2 * A_DAY);
    let open = reviews(&deployment, &id);
    assert!(open.iter().any(|(kind, _)| *kind == "over_shipped"), "{open:?}");
    assert_promises_hold(&deployment);
}

/// The nth order: even ones ship from the east, odd ones from the west.
fn order(n: usize) -> Value {
    let mut number = n;
    let mut order = samples::orders(1, 7, || {
        number += 1;
        format!("CRM-{number}")
    })
    .remove(0);
    let sku = if n.is_multiple_of(2) { "SKU-1-E" } else { "SKU-2-W" };
    order["lines"] = json!([{"line": 1, "sku": sku, "quantity": "1", "uom": "EA"}]);
    order
}

fn id(order: &Value) -> OrderId {
    order_id(order["id"].as_str().unwrap())
}

/// Works for `time` and advances the clock to its end.
fn pass(deployment: &mut Deployment, time: Duration) {
    let end = deployment.clock.now() + time;
    deployment.run(time);
    deployment.wait(Duration::try_from(end.duration_since(deployment.clock.now())).unwrap());
}

/// The time from the first to the last commit of an order.
fn took(deployment: &Deployment, id: &OrderId) -> Duration {
    let commits = deployment.journal.commits(&format!("order/{id}"));
    let (first, last) = (commits.first().unwrap().at, commits.last().unwrap().at);
    Duration::try_from(last.duration_since(first)).unwrap()
}

fn are_invoiced(deployment: &Deployment, orders: &[OrderId]) {
    for id in orders {
        assert_eq!(deployment.fold(id).unwrap().status(), Status::Invoiced, "{id}\n{deployment:?}");
    }
}

/// An order for each warehouse every ten seconds, then six hours. Returns the ids of the eastern and of the western orders.
fn six_hours(deployment: &mut Deployment, fault: Option<PartnerFault>) -> (Vec<OrderId>, Vec<OrderId>) {
    if let Some(fault) = fault {
        deployment.start_outage("eastco", fault);
    }
    let (mut east, mut west) = (vec![], vec![]);
    for n in 0..ORDERS {
        for (order, ids) in [(order(2 * n), &mut east), (order(2 * n + 1), &mut west)] {
            ids.push(id(&order));
            deployment.order(order);
        }
        pass(deployment, MINUTE / 6);
    }
    pass(deployment, 6 * 60 * MINUTE);
    (east, west)
}

/// When the warehouse accepted the fulfillment of each order.
fn accepted(deployment: &Deployment, orders: &[OrderId]) -> Vec<Timestamp> {
    let at = |id: &OrderId| {
        let known = deployment.fold(id);
        let fulfillment = known.as_ref().unwrap().fulfillments.assignments.keys().next().unwrap().clone();
        let commits = deployment.journal.commits(&format!("fulfillment/{fulfillment}"));
        commits.iter().find(|commit| commit.events.contains("fulfillment.accepted")).unwrap().at
    };
    orders.iter().map(at).collect()
}

/// Expected: the other warehouse is as fast as without the outage, few calls probe the broken one, every waiting fulfillment has a
/// review, and all of them are accepted within minutes after the outage.
fn outage(name: &str, fault: PartnerFault, requests: usize) {
    let mut undisturbed = Deployment::new(11);
    let (_, without_outage) = six_hours(&mut undisturbed, None);
    assert_eq!(undisturbed.partner_health.writes(), 0, "healthy partners cost no write");
    let mut deployment = Deployment::new(11);
    let (east, west) = six_hours(&mut deployment, Some(fault));

    are_invoiced(&deployment, &west);
    let mean =
        |deployment: &Deployment, ids: &[OrderId]| ids.iter().map(|id| took(deployment, id)).sum::<Duration>() / 24;
    let (with, without) = (mean(&deployment, &west), mean(&undisturbed, &without_outage));
    let parked = deployment.parked();
    assert!(parked.is_empty(), "{parked:?}");
    assert!(deployment.most_deliveries <= 4, "{} deliveries of one message", deployment.most_deliveries);
    assert!(with <= without + Duration::from_secs(2), "{with:?} beside an outage, {without:?} without");
    let fulfillments = deployment.journal.streams().into_iter().filter(|name| name.starts_with("fulfillment/"));
    let sizes: BTreeMap<String, usize> =
        fulfillments.map(|name| (name.clone(), deployment.journal.commits(&name).len())).collect();
    let (probes, waiting) =
        (deployment.partners.borrow().partner("eastco").unwrap().ledger.calls.len(), deployment.due.all().len());
    let most = sizes.values().max().copied().unwrap_or_default();
    println!(
        "{name}: six hours, {ORDERS} orders each: west took {with:?} (without an outage {without:?}); eastco was called \
         {probes} times, the longest fulfillment's stream has {most} commits, partner health was written {} times, {} deliveries of \
         one message at most, {waiting} items wait",
        deployment.partner_health.writes(),
        deployment.most_deliveries
    );
    for id in &east {
        let known = deployment.fold(id);
        if known.as_ref().unwrap().status() != Status::Routed {
            continue;
        }
        let fulfillment = known.as_ref().unwrap().fulfillments.assignments.keys().next().unwrap().clone();
        let reviews = deployment.fold_fulfillment(&fulfillment).map(|state| state.reviews()).unwrap_or_default();
        assert!(
            reviews.iter().any(|review| review.kind == FulfillmentReview::Late),
            "{fulfillment} waits without a review"
        );
    }
    assert!(probes < 100 * requests, "{probes} calls in six hours");
    assert!(most <= 24, "{sizes:?}");

    deployment.end_outage("eastco");
    let recovered_at = deployment.clock.now();
    deployment.run(A_DAY);
    are_invoiced(&deployment, &east);
    let since: Vec<i64> = accepted(&deployment, &east)
        .iter()
        .map(|at| at.duration_since(recovered_at).as_secs())
        .filter(|s| *s >= 0)
        .collect();
    println!("{name}: {} were accepted afterwards, so many seconds after its end: {since:?}", since.len());
    assert!(
        since.iter().all(|seconds| *seconds < 330),
        "no fulfillment waits longer than the circuit is open: {since:?}"
    );
    assert_eq!(statuses(&deployment), BTreeMap::from([("invoiced", 2 * ORDERS)]));
    assert_promises_hold(&deployment);
}

#[test]
fn b23_a_warehouse_that_is_down_for_hours_delays_only_its_own_work() {
    outage("down", PartnerFault::Down, 1);
}

#[test]
fn f16_a_warehouse_that_answers_401_for_hours_delays_only_its_own_work() {
    // Each call reads the token again and sends once more.
    outage("unauthorized", PartnerFault::Unauthorized, 2);
}

#[test]
fn b23_a_warehouse_that_answers_after_twenty_seconds_delays_only_its_own_work() {
    outage("slow", PartnerFault::Latency { ms: 20_000 }, 1);
}
