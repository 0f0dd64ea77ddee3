//! What a client may see and change: its own orders, or all; the reviews of its team.

use std::collections::BTreeMap;
use std::time::Duration;

use crossdock_tests::deployment::{CLIENT, Deployment, order_id, order_request};
use domain::OrderId;
use domain::order::Status;
use engine::http::{Request, Response};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::support::{A_DAY, id_of, slow_down_warehouses, split, state, status};

/// A request of [`CLIENT`] with one scope.
fn request(path: String, scope: &str) -> Request {
    let parts: Vec<&str> = path.split('/').collect();
    let variables = ["id", "change"].iter().zip(parts.iter().skip(3));
    let variables = variables.map(|(name, part)| ((*name).to_owned(), (*part).to_owned())).collect();
    Request {
        variables,
        headers: BTreeMap::from([("idempotency-key".to_owned(), format!("{scope}-{path}"))]),
        client: CLIENT.to_owned(),
        scopes: vec![scope.to_owned()],
        path,
        ..Request::default()
    }
}

fn read(deployment: &Deployment, path: String, scope: &str) -> (u16, String) {
    let (request, cx) = (request(path, scope), deployment.context("order-read"));
    let ports = order_read::Ports { journal: deployment.journal.clone() };
    let answer = order_read::handle(&ports, request, &cx).now_or_never().unwrap().unwrap();
    (answer.status, answer.body)
}

fn cancel(deployment: &Deployment, id: &OrderId, scope: &str, reason: &str) -> Response {
    let body = json!({ "reason": reason }).to_string().into_bytes();
    let request = Request { body, ..request(format!("/v1/orders/{id}/cancel"), scope) };
    let (journal, parties, read) = (deployment.journal.clone(), deployment.parties.clone(), partners::read_order_body);
    let ports = change_create::Ports { journal, parties, read };
    change_create::handle(&ports, request, &deployment.context("change-create")).now_or_never().unwrap().unwrap()
}

fn listed(deployment: &Deployment, status: Status, scope: &str) -> Vec<Value> {
    let query = BTreeMap::from([("status".to_owned(), status.as_str().to_owned())]);
    let request = Request { query, ..request("/v1/orders".to_owned(), scope) };
    let ports = order_list::Ports { views: deployment.views.clone() };
    let answer = order_list::handle(&ports, request, &deployment.context("order-list")).now_or_never();
    let body: Value = serde_json::from_str(&answer.unwrap().unwrap().body).unwrap();
    body["orders"].as_array().unwrap().clone()
}

#[test]
fn a_client_neither_sees_nor_changes_another_sources_order_unless_its_grant_says_all() {
    let mut deployment = Deployment::new(81);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    let now = status(&deployment, &id);
    for path in [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/timeline")] {
        let unknown = path.replace(id.as_str(), id_of(CLIENT, "NEVER").as_str());
        assert_eq!(read(&deployment, path.clone(), "orders:read"), read(&deployment, unknown, "orders:read"));
        assert_eq!(read(&deployment, path.clone(), "orders:read").0, 404);
        assert_eq!(read(&deployment, path.clone(), "orders:read:all").0, 200);
        assert_eq!(read(&deployment, path, "orders:write:all").0, 403);
    }
    assert_eq!(listed(&deployment, now, "orders:read").len(), 0);
    assert_eq!(listed(&deployment, now, "orders:read:all").len(), 1);
    assert_eq!(cancel(&deployment, &id, "orders:write", "a mistake").status, 404);
    assert_eq!(status(&deployment, &id), now);
    assert_eq!(cancel(&deployment, &id, "orders:write:all", "a mistake").status, 202);
}

#[test]
fn a_client_that_submits_another_sources_order_has_its_own_id_and_learns_no_other_name() {
    let mut deployment = Deployment::new(82);
    slow_down_warehouses(&deployment);
    deployment.order(split());
    deployment.run(Duration::from_secs(20));
    let mut again = split();
    again["id"] = json!("WEB-1");
    again["lines"][0]["quantity"] = json!("9");
    let own = id_of(CLIENT, "WEB-1");
    let conflict = deployment.post_order(order_request(&again, Some("k-1"), &["orders:write"])).unwrap().unwrap();
    assert_eq!((conflict.status, conflict.body.contains(own.as_str())), (409, true), "{}", conflict.body);
    again["lines"] = split()["lines"].clone();
    let same = deployment.post_order(order_request(&again, Some("k-2"), &["orders:write"])).unwrap().unwrap();
    let same_body: Value = serde_json::from_str(&same.body).unwrap();
    assert_eq!((same.status, same_body["id"].as_str()), (202, Some(own.as_str())));
    // The CRM holds it, too, and a person decides the conflict.
    deployment.change("order.held", json!({ "id": "CRM-1", "reason": "a call" }));
    deployment.run(Duration::from_secs(20));
    deployment.decide_all(&order_id("CRM-1"), 0);
    deployment.run(Duration::from_secs(20));

    let (code, detail) = read(&deployment, format!("/v1/orders/{own}"), "orders:read");
    let shown: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!((code, shown["id"].as_str(), shown["source"].as_str()), (200, Some(own.as_str()), Some(CLIENT)));
    assert_eq!(shown["external_id"], "WEB-1");
    let (code, timeline) = read(&deployment, format!("/v1/orders/{own}/timeline"), "orders:read");
    assert_eq!(code, 200);
    let rows = listed(&deployment, status(&deployment, &order_id("CRM-1")), "orders:read");
    assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), [own.as_str()]);
    for body in [&detail, &timeline, &json!(rows).to_string()] {
        // The customer's purchase order number is the customer's, and shown to all.
        let body = body.replace("PO-CRM-1", "");
        assert!(!body.contains("acme-crm") && !body.contains("CRM-1"), "{body}");
    }
    let (_, all) = read(&deployment, format!("/v1/orders/{own}"), "orders:read:all");
    assert!(all.contains("CRM-1") && all.contains("WEB-1"), "{all}");
    assert_eq!(cancel(&deployment, &own, "orders:write", "a mistake").status, 202);
}

#[test]
fn a15_a_reason_does_not_repeat_whom_the_order_goes_to() {
    let mut deployment = Deployment::new(83);
    slow_down_warehouses(&deployment);
    let mut order = split();
    order["ship_to"]["name"] = json!("Ada Example");
    order["ship_to"]["line1"] = json!("12 Sample Street");
    deployment.order(order);
    deployment.run(Duration::from_secs(20));
    let id = order_id("CRM-1");
    let reason = "ADA EXAMPLE of 12 Sample Street moved, ring +44 20 7946 0018";
    assert_eq!(cancel(&deployment, &id, "orders:write:all", reason).status, 202);
    let events: String = deployment.journal.commits(&format!("order/{id}")).into_iter().map(|it| it.events).collect();
    assert!(events.contains("[redacted] of [redacted] moved, ring [redacted]"), "{events}");
    deployment.run(A_DAY);
}

#[test]
fn a_desk_decides_its_own_kinds_of_review() {
    let mut deployment = Deployment::new(84);
    let mut order = split();
    order["customer"]["id"] = json!("C-POOR-1");
    order["ship_to"]["name"] = json!("Ada Example");
    deployment.order(order);
    deployment.run(Duration::from_secs(60));
    let id = order_id("CRM-1");
    let reviews = domain::Workflow::reviews(&state(&deployment, &id));
    let credit = reviews.iter().find(|review| review.kind.as_str() == "credit_refused").unwrap();
    let decide = |scope: &str| {
        let body = json!({ "choice": "approve", "note": "Ada Example paid" }).to_string().into_bytes();
        let request = Request { body, ..request(format!("/v1/reviews/{id}.{}/decision", credit.key()), scope) };
        let ports = review_decide::Ports { journal: deployment.journal.clone(), parties: deployment.parties.clone() };
        review_decide::handle(&ports, request, &deployment.context("review-decide")).now_or_never().unwrap().unwrap()
    };
    let refused = decide("reviews:decide:logistics");
    assert_eq!((refused.status, refused.body.contains("reviews:decide:credit")), (403, true), "{}", refused.body);
    assert_eq!(decide("reviews:read").status, 403);
    assert_eq!(decide("reviews:decide:credit").status, 202);
    let events: String = deployment.journal.commits(&format!("order/{id}")).into_iter().map(|it| it.events).collect();
    assert!(events.contains("[redacted] paid"), "{events}");
}
