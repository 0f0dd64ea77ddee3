//! What the CRM is told.

use domain::fulfillment::{MilestoneKind, PackageStatus};
use domain::order::{CrmLine, CrmUpdate, PackageSummary, Status};
use engine::Code;
use engine::partner::{CallFailure, Crm as _};
use serde_json::json;

use crate::support::{Script, crm, cx, line, order, partners, partners_of, quantity, run, store};

pub fn update(source: &str) -> CrmUpdate {
    CrmUpdate {
        source: source.parse().unwrap(),
        external_id: "CRM 1/a".parse().unwrap(),
        order: order(),
        status: Status::PartiallyShipped,
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
fn the_crm_is_told_under_its_own_id_in_its_own_words() {
    let script = Script::default().then(200, json!({"version": 7}));
    assert_eq!(run(partners(&script).update(&cx(), &update("acme-crm"), 7)), Ok(()));
    assert_eq!(script.asked(), ["PUT /api/orders/CRM%201%2Fa/status"]);
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
fn an_order_that_came_another_way_is_told_under_ours() {
    let script = Script::default().then(200, "{}");
    assert_eq!(run(partners(&script).update(&cx(), &update("portal"), 7)), Ok(()));
    assert_eq!(script.asked(), [format!("PUT /api/orders/{}/status", order())]);
    assert_eq!(script.body(0)["origin"], json!({"source": "portal", "id": "CRM 1/a"}));
}

#[test]
fn a_crm_that_shows_something_newer_keeps_it() {
    for (there, ok) in [(9, true), (7, true), (6, false)] {
        let script = Script::default().then(409, json!({"version": there}));
        assert_eq!(run(partners(&script).update(&cx(), &update("acme-crm"), 7)).is_ok(), ok, "{there}");
    }
}

#[test]
fn of_two_crms_the_one_that_the_order_came_from_is_told_and_a_stranger_tells_neither() {
    let script = Script::default().then(200, "{}");
    let store = store();
    let played = partners_of(&store, &script);
    let mut second = crm();
    second["id"] = json!("other-crm");
    second["base_url"] = json!("https://other.example");
    store.documents.borrow_mut().push(second);
    assert_eq!(run(played.update(&cx(), &update("other-crm"), 7)), Ok(()));
    assert_eq!(script.call(0).url.host_str(), Some("other.example"));
    let result = run(played.update(&cx(), &update("portal"), 7));
    assert!(matches!(result, Err(CallFailure::Ours { code: Code::PartnerUnknown, .. })), "{result:?}");
}

#[test]
fn an_id_that_walks_out_of_the_api_is_not_called() {
    for id in [".", ".."] {
        let script = Script::default();
        let update = CrmUpdate { external_id: id.parse().unwrap(), ..update("acme-crm") };
        let result = run(partners(&script).update(&cx(), &update, 7));
        assert!(matches!(result, Err(CallFailure::Ours { .. })), "{id}");
    }
}
