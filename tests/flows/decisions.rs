//! Decisions of people, at the API: decided at once by two, made by hand at a partner, and what no one may have to decide twice.

use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use domain::OrderId;
use domain::order::{OrderReview, Status};
use domain::review::Choice;
use engine::http::Response;
use serde_json::{Value, json};
use simulators::habits::CreditValidity;

use crate::support::{A_DAY, assert_promises_hold, line, live_documents, order_of, reviews, state, status};

const AN_HOUR: Duration = Duration::from_secs(3_600);

/// `CRM-1`: ten pieces of a product that the warehouse in the east has.
fn ten_pieces() -> Value {
    order_of(&json!([line(1, "SKU-1-E", "10")]))
}

fn problem(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    (response.status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// The open reviews of the order and of its fulfillments, as the API names them.
fn open_reviews(deployment: &Deployment, id: &OrderId) -> Vec<String> {
    let order = state(deployment, id);
    let of_order = order.reviews().into_iter().map(|review| format!("{id}.{}", review.key()));
    let fulfillments = order.fulfillments.assignments.keys().filter_map(|id| deployment.fold_fulfillment(id));
    let of_fulfillments = fulfillments.flat_map(|known| {
        let id = known.opened.fulfillment.clone();
        known.reviews().into_iter().map(move |review| format!("{id}.{}", review.key())).collect::<Vec<_>>()
    });
    of_order.chain(of_fulfillments).collect()
}

fn refuse(deployment: &Deployment, partner: &str, operation: &str) {
    let rule = json!({"match": {"operation": operation}, "fault": {"kind": "refuse", "code": "CLOSED"}});
    let mut partners = deployment.partners.borrow_mut();
    partners.partner_mut(partner).unwrap().faults.add(serde_json::from_value(rule).unwrap());
}

#[test]
fn b47_the_second_of_two_people_who_decide_at_once_is_told_that_it_is_decided() {
    for (partner, operation) in [("eastco", "fulfillment.create"), ("acme-erp", "allocation.create")] {
        let mut deployment = Deployment::new(47);
        refuse(&deployment, partner, operation);
        deployment.order(ten_pieces());
        deployment.run(AN_HOUR);
        let id = order_id("CRM-1");
        let review = open_reviews(&deployment, &id).remove(0);
        let retry = json!({"choice": "retry"});
        let answers = deployment.decide_at_once(&review, &retry, &retry);
        assert_eq!(answers, [202, 409], "{partner}");
        let late = |deployment: &Deployment| problem(&deployment.decide_by_api("cy", &review, &retry));
        assert_eq!(late(&deployment), (409, "REVIEW_NOT_OPEN".to_owned()));
        refuse(&deployment, partner, operation);
        deployment.run(AN_HOUR);
        assert!(open_reviews(&deployment, &id).contains(&review), "the partner refuses again");
        assert_eq!(late(&deployment), (409, "REVIEW_NOT_OPEN".to_owned()), "a repeated request gets its first answer");
    }
}

/// The ERP does the first call of `operation` without an answer, and refuses all others.
fn do_and_refuse(deployment: &Deployment, operation: &str) {
    // A rule does not count the calls at which an earlier one decided.
    for (times, fault) in [(1, json!({"kind": "lost_reply"})), (1_000, json!({"kind": "refuse", "code": "CLOSED"}))] {
        let rule = json!({"match": {"operation": operation, "times": times}, "fault": fault});
        let mut partners = deployment.partners.borrow_mut();
        partners.partner_mut("acme-erp").unwrap().faults.add(serde_json::from_value(rule).unwrap());
    }
}

#[test]
fn b48_a_document_that_a_person_found_or_made_becomes_a_fact_and_the_order_goes_on() {
    let made = [
        ("allocation.create", "/allocations/0/id", json!({"site": "EAST"})),
        ("sales_order.create", "/sales_orders/0/number", json!({})),
        ("invoice.create", "/invoices/0/number", json!({"total": "10.00"})),
    ];
    for (operation, place, mut document) in made {
        let mut deployment = Deployment::new(48);
        do_and_refuse(&deployment, operation);
        deployment.order(ten_pieces());
        deployment.run(A_DAY);
        let id = order_id("CRM-1");
        let [review] = &open_reviews(&deployment, &id)[..] else { panic!("{operation}: {deployment:?}") };
        let decide = |deployment: &Deployment, body: Value| deployment.decide_by_api("ann", review, &body);
        let nameless = decide(&deployment, json!({"choice": "resolved_manually"}));
        assert_eq!(problem(&nameless), (409, "DOCUMENT_NEEDED".to_owned()), "{operation}");
        assert_eq!(open_reviews(&deployment, &id), std::slice::from_ref(review), "nothing is decided");
        document["number"] = deployment.state("acme-erp").pointer(place).unwrap().clone();
        let decided = decide(&deployment, json!({"choice": "resolved_manually", "document": document}));
        assert_eq!(decided.status, 202, "{operation}");
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &id), Status::Invoiced, "{operation}: {deployment:?}");
        let order = state(&deployment, &id);
        let numbers = [
            json!(order.stock.allocations.values().next().unwrap().number),
            json!(order.documents.sales_order()),
            json!(order.stage.invoice().unwrap().invoice),
        ];
        assert!(numbers.contains(&document["number"]), "{numbers:?}");
        assert_eq!(deployment.parked(), vec![]);
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b43_an_order_of_more_than_the_erp_can_take_is_reviewed_and_its_stock_is_free_for_others() {
    let mut deployment = Deployment::new(43);
    deployment.order(order_of(&json!([line(1, "SKU-1-E", "999999999")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    let open = reviews(&deployment, &id);
    assert!(matches!(&open[..], [("credit_refused", why)] if why.starts_with("MALFORMED")), "{open:?}");
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 0);
    assert_eq!(deployment.parked(), vec![]);
    // It goes on if a person has settled credit otherwise.
    deployment.decide(&id, OrderReview::CreditRefused, Choice::Approve);
    deployment.run(A_DAY);
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 1);
    deployment.cancel(&id);
    deployment.run(A_DAY);
    assert_eq!(status(&deployment, &id), Status::Cancelled);
    assert_eq!(live_documents(&deployment, "acme-erp", "allocation", "allocation_deallocated"), 0);
}

#[test]
fn b31_an_approval_that_has_expired_when_it_arrives_is_reviewed_and_does_not_loop() {
    for validity in [-1_000, 0, 100] {
        let mut deployment = Deployment::new(31);
        deployment.erp(|erp| erp.credit_validity = CreditValidity::For(validity));
        // To the step that asks, a short approval is still valid; to the step that uses it, it has expired.
        deployment.skews.insert("sales-order-create".to_owned(), 500);
        deployment.order(ten_pieces());
        deployment.run(A_DAY);
        let id = order_id("CRM-1");
        let kinds: Vec<OrderReview> = state(&deployment, &id).reviews().into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [OrderReview::CreditExpired], "{validity}: {deployment:?}");
        let commits = deployment.journal.commits(&format!("order/{id}")).len();
        assert!(commits < 20, "{commits} commits");
        deployment.erp(|erp| erp.credit_validity = CreditValidity::For(60_000));
        deployment.decide(&id, OrderReview::CreditExpired, Choice::Retry);
        deployment.run(A_DAY);
        assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
        assert_promises_hold(&deployment);
    }
}

#[test]
fn b32_the_same_approval_twice_is_asked_again_and_then_reviewed() {
    let mut deployment = Deployment::new(32);
    // No stock: the approval ends while the order waits.
    deployment.stock("SKU-1-E", [0, 0]);
    let until = deployment.clock.now().checked_add(AN_HOUR).unwrap();
    deployment.erp(|erp| erp.credit_validity = CreditValidity::Until(until));
    deployment.order(ten_pieces());
    deployment.run(2 * AN_HOUR);
    deployment.stock("SKU-1-E", [10, 0]);
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    let order = state(&deployment, &id);
    assert!(order.reviews().iter().any(|it| it.kind == OrderReview::CreditExpired), "{deployment:?}");
    deployment.decide(&id, OrderReview::CreditExpired, Choice::Approve);
    deployment.run(A_DAY);
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}

#[test]
fn an_erp_that_shows_stock_and_allocates_none_is_asked_a_bounded_number_of_times() {
    let mut deployment = Deployment::new(33);
    deployment.erp(|erp| erp.shows_stock_only = true);
    deployment.order(ten_pieces());
    deployment.run(4 * A_DAY);
    let id = order_id("CRM-1");
    let order = state(&deployment, &id);
    assert!(order.reviews().iter().any(|it| it.kind == OrderReview::StockNotAllocated), "{deployment:?}");
    let asked = deployment.made("acme-erp", "allocation").len();
    assert!(asked <= 12, "{asked} allocations");
    deployment.erp(|erp| erp.shows_stock_only = false);
    deployment.decide(&id, OrderReview::StockNotAllocated, Choice::Retry);
    deployment.run(A_DAY);
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}
