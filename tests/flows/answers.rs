//! Answers and reports of partners that do not agree with the order: prices, tax, invoices, stock, packages.

use std::time::Duration;

use crossdock_tests::deployment::{Deployment, order_id};
use domain::order::Status;
use serde_json::{Value, json};
use simulators::work::WorkScript;

use crate::support::{A_DAY, assert_promises_hold, line, order_of, requested, reviews, state, status};

const AN_HOUR: Duration = Duration::from_secs(3_600);

/// The pieces that the ERP posted, by line and SKU.
fn posted(deployment: &Deployment) -> Vec<(i64, String, String)> {
    let state = deployment.state("acme-erp");
    let issues = state["goods_issues"].as_array().unwrap().clone();
    let lines = issues.into_iter().flat_map(|issue| issue["lines"].as_array().unwrap().clone());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines.map(|line| (line["line"].as_i64().unwrap(), text(&line["sku"]), text(&line["quantity"]))).collect()
}

#[test]
fn c16_a_shipment_in_the_vendors_published_shape_is_counted_by_its_sku() {
    let mut deployment = Deployment::new(16);
    deployment.script("shipwest", WorkScript { as_published: true, ..WorkScript::default() });
    deployment.order(order_of(&json!([line(1, "SKU-5-W", "2"), line(2, "SKU-6-W", "3")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    assert_eq!(deployment.parked(), vec![]);
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    let posted = posted(&deployment);
    assert!(posted.contains(&(1, "SKU-5-W".to_owned(), "2".to_owned())), "{posted:?}");
    assert!(posted.contains(&(2, "SKU-6-W".to_owned(), "3".to_owned())), "{posted:?}");
    assert_promises_hold(&deployment);
}

#[test]
fn c16_messages_without_a_topic_and_packages_with_lines_of_nothing_are_counted_as_any_others() {
    let mut deployment = Deployment::new(17);
    let published = WorkScript { as_published: true, without_topic: true, ..WorkScript::default() };
    deployment.script("shipwest", published);
    deployment.script("eastco", WorkScript { lists_zeros: true, packages: Some(2), ..WorkScript::default() });
    deployment.order(order_of(&json!([line(1, "SKU-5-W", "2"), line(2, "SKU-1-E", "2"), line(3, "SKU-2-E", "3"),])));
    deployment.run(A_DAY);
    assert_eq!(deployment.parked(), vec![]);
    assert_eq!(status(&deployment, &order_id("CRM-1")), Status::Invoiced, "{deployment:?}");
    assert_promises_hold(&deployment);
}

#[test]
fn c16_a_shipment_whose_sku_is_on_several_lines_is_reviewed() {
    let mut deployment = Deployment::new(16);
    deployment.script("shipwest", WorkScript { as_published: true, packages: Some(1), ..WorkScript::default() });
    deployment.order(order_of(&json!([line(1, "SKU-5-W", "2"), line(2, "SKU-5-W", "3")])));
    deployment.run(AN_HOUR);
    let id = order_id("CRM-1");
    assert_eq!(deployment.parked(), vec![]);
    let reviews = reviews(&deployment, &id);
    assert!(reviews.iter().any(|(kind, _)| *kind == "content_mismatch"), "{reviews:?}");
    assert_eq!(posted(&deployment), vec![]);
}

#[test]
fn b36_an_invoice_with_another_total_or_currency_is_not_taken_as_the_orders_invoice() {
    for (total, currency) in [("99.00", "USD"), ("10.58", "EUR")] {
        let mut deployment = Deployment::new(36);
        let mut order = order_of(&json!([line(1, "SKU-1", "2")]));
        order["currency"] = json!("USD");
        deployment.answers(
            "acme-erp",
            "invoice.create",
            &json!({"number": "INV-X", "total": total, "currency": currency}),
        );
        deployment.order(order);
        deployment.run(A_DAY);
        let id = order_id("CRM-1");
        assert_ne!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
        let reviews = reviews(&deployment, &id);
        let (kind, reason) = reviews.first().unwrap();
        assert_eq!(*kind, "invoice_disagrees", "{reason}");
        assert!(reason.contains("INV-X") && reason.contains(total), "{reason}");
        assert_eq!(deployment.made("acme-erp", "invoice").values().sum::<usize>(), 1);
    }
}

/// The ERP prices `CRM-1`, two pieces in USD, with these members instead of the right ones.
fn priced(line_amount: &str, line_tax: &str, sums: [&str; 3]) -> (Deployment, Vec<(&'static str, String)>) {
    let mut deployment = Deployment::new(37);
    let [subtotal, tax, total] = sums;
    let lines = json!([{"line": 1, "unit_price": "10.00", "amount": line_amount, "tax": line_tax}]);
    let body = json!({"currency": "USD", "lines": lines, "subtotal": subtotal, "tax": tax, "total": total});
    deployment.answers("acme-erp", "price", &body);
    let mut order = order_of(&json!([line(1, "SKU-1", "2")]));
    order["currency"] = json!("USD");
    deployment.order(order);
    deployment.run(AN_HOUR);
    let found = reviews(&deployment, &order_id("CRM-1"));
    (deployment, found)
}

#[test]
fn b37_a_price_whose_lines_do_not_add_up_is_refused_with_the_difference() {
    for (amount, tax, sums, difference) in [
        ("20.00", "1.00", ["19.99", "1.00", "20.99"], "20.00"),
        ("20.00", "1.00", ["20.00", "1.01", "21.01"], "1.01"),
        ("20.00", "1.00", ["20.00", "1.00", "21.01"], "21.01"),
    ] {
        let (deployment, reviews) = priced(amount, tax, sums);
        let [(kind, reason)] = &reviews[..] else { panic!("{reviews:?}\n{deployment:?}") };
        assert_eq!(*kind, "unpriceable");
        assert!(reason.contains("TOTALS_DISAGREE") && reason.contains(difference), "{reason}");
        let partners = deployment.partners.borrow();
        let calls = &partners.partner("acme-erp").unwrap().ledger.calls;
        assert!(calls.iter().all(|call| call.operation != "credit"), "no credit is asked for");
    }
}

#[test]
fn b38_an_amount_with_more_decimals_than_its_currency_or_below_zero_is_refused() {
    for (amount, tax, sums) in [
        ("20.00", "1.005", ["20.00", "1.005", "21.005"]),
        ("20.000", "1.000", ["20.000", "1.000", "21.0001"]),
        ("-20.00", "-1.00", ["-20.00", "-1.00", "-21.00"]),
    ] {
        let (deployment, reviews) = priced(amount, tax, sums);
        let [(kind, reason)] = &reviews[..] else { panic!("{reviews:?}\n{deployment:?}") };
        assert_eq!(*kind, "unpriceable");
        assert!(reason.contains("AMOUNT_INVALID"), "{reason}");
    }
}

#[test]
fn b39_a_site_that_does_not_have_what_the_erp_shows_is_not_asked_again_while_another_can_ship() {
    let mut deployment = Deployment::new(39);
    deployment.script("eastco", WorkScript { short_by: 1, ..WorkScript::default() });
    deployment.order(order_of(&json!([line(1, "SKU-1", "2")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    assert_eq!(status(&deployment, &id), Status::Invoiced, "{deployment:?}");
    assert_eq!(requested(&deployment, "eastco").len(), 1, "{deployment:?}");
    assert_eq!(requested(&deployment, "shipwest"), [("SKU-1".to_owned(), "1".to_owned())]);
    let notices = deployment.published.iter().filter(|(_, body)| body.contains("order.customer_notice"));
    let notices = notices.filter(|(_, body)| body.contains("backordered")).count();
    assert!(notices <= 1, "{notices} notices");
    assert_promises_hold(&deployment);
}

#[test]
fn b41_the_sum_of_two_lines_of_one_sku_reported_on_one_line_is_not_sent_again() {
    let mut deployment = Deployment::new(41);
    deployment.script("eastco", WorkScript { sums_up: true, packages: Some(1), ..WorkScript::default() });
    deployment.order(order_of(&json!([line(1, "SKU-1-E", "2"), line(2, "SKU-1-E", "5")])));
    deployment.run(A_DAY);
    let id = order_id("CRM-1");
    let known = state(&deployment, &id);
    assert_eq!(known.status(), Status::Invoiced, "{:?}\n{deployment:?}", reviews(&deployment, &id));
    assert_eq!(known.fulfillments.assignments.len(), 1, "nothing is sent again");
    assert_eq!(
        posted(&deployment),
        [(1, "SKU-1-E".to_owned(), "2".to_owned()), (2, "SKU-1-E".to_owned(), "5".to_owned())]
    );
    assert_promises_hold(&deployment);
}
