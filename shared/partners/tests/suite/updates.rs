//! Status updates to the CRM.

use domain::fulfillment::FulfillmentRequest;
use domain::intake::{OffendingPlace, OrderRefusal};
use domain::order::{CrmLine, CrmUpdate, Status};
use domain::shipment::PackageSummary;
use domain::shipment::{MilestoneKind, PackageStatus};
use engine::Code;
use engine::partner::{Attempt, CallFailure, Crm as _, Warehouse as _};
use serde_json::json;

use crate::support::{
    Script, crm, cx, fulfillment_request, line, order, partners, partners_of, party, quantity, run, store,
};

pub fn update(source: &str) -> CrmUpdate {
    CrmUpdate {
        source: source.parse().unwrap(),
        external_id: "CRM 1/a".parse().unwrap(),
        order: order(),
        status: Status::PartiallyShipped,
        requested_by: None,
        lines: vec![CrmLine {
            line: line(1),
            ordered: quantity("3", "CS"),
            shipped: quantity("1", "CS"),
            delivered: quantity("0", "CS"),
        }],
        packages: vec![PackageSummary {
            package: "P-1".parse().unwrap(),
            carrier: Some("UPS".parse().unwrap()),
            tracking: Some("1Z".parse().unwrap()),
            status: PackageStatus::At(MilestoneKind::InTransit),
        }],
        sales_order: Some("SO-1".parse().unwrap()),
        invoice: None,
    }
}

#[test]
fn an_update_has_the_crms_own_order_id_and_names() {
    let script = Script::default().then(200, json!({"version": 7}));
    assert_eq!(run(partners(&script).update(&cx(), &update("acme-crm"), 7)), Ok(()));
    assert_eq!(script.requests(), ["PUT /api/orders/CRM%201%2Fa/status"]);
    assert_eq!(script.call(0).header("idempotency-key"), Some(format!("crm-update/{}/7", order()).as_str()));
    assert_eq!(
        script.body(0),
        json!({
            "order": order(), "status": "partially_shipped", "version": 7, "at": "2026-03-02T09:59:58Z",
            "lines": [{"line": 1, "ordered": "3", "shipped": "1", "delivered": "0", "uom": "CASE"}],
            "packages": [{"package": "P-1", "tracking": "1Z", "carrier": "ups-ground", "status": "in_transit"}],
            "erp_order": "SO-1",
        })
    );
}

#[test]
fn b40_the_warehouse_and_the_crm_are_told_the_date_that_the_customer_asks_for() {
    let date = Some(jiff::civil::date(2026, 3, 9));
    let script = Script::default().then(200, "{}");
    let dated = CrmUpdate { requested_by: date, ..update("acme-crm") };
    assert_eq!(run(partners(&script).update(&cx(), &dated, 7)), Ok(()));
    assert_eq!(script.body(0)["requested_by"], json!("2026-03-09"));
    let script = Script::default().then(201, json!({"id": "F-1", "status": "accepted"}));
    let request = FulfillmentRequest { requested_by: date, ..fulfillment_request("eastco") };
    run(partners(&script).request(&cx(), &request, &party(), Attempt::First)).unwrap();
    assert_eq!(script.body(0)["requested_by"], json!("2026-03-09"));
}

#[test]
fn b44_an_order_that_was_not_taken_is_shown_with_the_places_that_are_wrong() {
    let places = vec![OffendingPlace { pointer: "/data/lines".to_owned(), detail: "is missing".to_owned() }];
    let (source, external_id) = ("acme-crm".parse().unwrap(), "CRM 1/a".parse().unwrap());
    let refusal = OrderRefusal { source, external_id, order: order(), places };
    let script = Script::default().then(409, json!({"version": 1_000_000_001}));
    assert_eq!(run(partners(&script).refuse(&cx(), &refusal, 1)), Ok(()), "the CRM shows the order itself");
    assert_eq!(script.requests(), ["PUT /api/orders/CRM%201%2Fa/status"]);
    assert_eq!(
        script.body(0),
        json!({
            "order": order(), "status": "rejected", "version": 1, "at": "2026-03-02T09:59:58Z", "lines": [], "packages": [],
            "errors": [{"pointer": "/data/lines", "detail": "is missing"}],
        })
    );
}

#[test]
fn an_order_from_elsewhere_has_our_order_id() {
    let script = Script::default().then(200, "{}");
    assert_eq!(run(partners(&script).update(&cx(), &update("portal"), 7)), Ok(()));
    assert_eq!(script.requests(), [format!("PUT /api/orders/{}/status", order())]);
    assert_eq!(script.body(0)["origin"], json!({"source": "portal", "id": "CRM 1/a"}));
}

#[test]
fn a_crm_that_shows_a_newer_version_is_no_failure() {
    for (shown, ok) in [(9, true), (7, true), (6, false)] {
        let script = Script::default().then(409, json!({"version": shown}));
        assert_eq!(run(partners(&script).update(&cx(), &update("acme-crm"), 7)).is_ok(), ok, "{shown}");
    }
}

#[test]
fn of_two_crms_the_orders_own_is_updated_and_neither_for_an_order_from_elsewhere() {
    let script = Script::default().then(200, "{}");
    let store = store();
    let partners = partners_of(&store, &script);
    let mut second = crm();
    second["id"] = json!("other-crm");
    second["base_url"] = json!("https://other.example");
    store.documents.borrow_mut().push(second);
    assert_eq!(run(partners.update(&cx(), &update("other-crm"), 7)), Ok(()));
    assert_eq!(script.call(0).url.host_str(), Some("other.example"));
    let result = run(partners.update(&cx(), &update("portal"), 7));
    assert!(matches!(result, Err(CallFailure::Ours { code: Code::PartnerUnknown, .. })), "{result:?}");
}

#[test]
fn an_id_that_would_leave_the_api_is_not_called() {
    for id in [".", ".."] {
        let script = Script::default();
        let update = CrmUpdate { external_id: id.parse().unwrap(), ..update("acme-crm") };
        let result = run(partners(&script).update(&cx(), &update, 7));
        assert!(matches!(result, Err(CallFailure::Ours { .. })), "{id}");
    }
}
