//! Reading warehouses' reports.

use domain::FulfillmentCommand as Command;
use domain::fulfillment::{Milestone, Packed, Voided};
use domain::shipment::MilestoneKind;
use engine::delivery::{Delivery, Role};
use engine::inbound::{ReportReader as _, Reported, Unmappable};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{NOW, Script, line_quantity, order, partners, run};

pub fn delivery(partner: &str, topic: &str, body: Vec<u8>) -> Delivery {
    Delivery {
        partner: partner.parse().unwrap(),
        role: Role::Warehouse,
        id: "msg-1".to_owned(),
        topic: topic.to_owned(),
        body,
        received_at: NOW.parse().unwrap(),
        correlation: "corr-1".to_owned(),
        traceparent: None,
    }
}

fn eastco(body: &Value) -> Result<Reported, Unmappable> {
    let delivery = delivery("eastco", "any", body.to_string().into_bytes());
    run(partners(&Script::default()).read_report(&delivery)).unwrap()
}

fn shipwest(topic: &str, body: &Value) -> Result<Reported, Unmappable> {
    let delivery = delivery("shipwest", topic, body.to_string().into_bytes());
    run(partners(&Script::default()).read_report(&delivery)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn message(kind: &str, more: &Value) -> Value {
    let mut data = json!({"reference": order().fulfillment(1), "id": "F-1", "occurred_at": "2026-03-02T09:00:00Z"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"type": kind, "timestamp": "2026-03-02T09:01:00Z", "data": data})
}

fn package() -> Value {
    json!({
        "id": "P-1", "carrier": "UPSN", "tracking": "1Z",
        "lines": [
            {"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "PCE"}, {"line": 2, "sku": "E-9", "quantity": 24, "uom": "PCE"},
        ],
    })
}

fn milestone(reported: Result<Reported, Unmappable>) -> Milestone {
    match reported.unwrap().commands.pop() {
        Some(Command::RecordMilestone(milestone)) => milestone,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_acceptance_and_a_rejection_are_read() {
    let Reported { fulfillment, commands } = eastco(&message("fulfillment.accepted", &json!({}))).unwrap();
    assert_eq!(fulfillment, order().fulfillment(1));
    assert!(matches!(&commands[..], [Command::RecordAccepted(accepted)] if accepted.reference.as_str() == "F-1"));
    let rejected =
        eastco(&message("fulfillment.rejected", &json!({"reason": "closed, mail ada@example.com"}))).unwrap();
    assert!(
        matches!(&rejected.commands[..], [Command::RecordRejected(rejected)] if rejected.reason == "closed, mail [redacted]")
    );
}

#[test]
fn c05_a_packages_content_is_read_with_our_names() {
    let reported = eastco(&message("package.packed", &json!({"package": package()}))).unwrap();
    let packed = Packed {
        package: "P-1".parse().unwrap(),
        at: at("2026-03-02T09:00:00Z"),
        lines: vec![line_quantity(1, "SKU-1", "3"), line_quantity(2, "SKU-9", "24")],
        carrier: Some("UPS".parse().unwrap()),
        tracking: Some("1Z".parse().unwrap()),
        traced: vec![],
        unassigned: vec![],
    };
    assert_eq!(reported.commands, [Command::RecordPacked(packed)]);
}

#[test]
fn c04_a_voided_label_is_a_report_of_its_own() {
    let reported = eastco(&message("package.voided", &json!({"package": {"id": "P-1"}}))).unwrap();
    let voided = Voided { package: "P-1".parse().unwrap(), at: at("2026-03-02T09:00:00Z") };
    assert_eq!(reported.commands, [Command::RecordVoided(voided)]);
}

#[test]
fn every_milestone_of_the_protocol_and_of_the_document_is_read() {
    for (word, kind, code) in [
        ("label_created", MilestoneKind::LabelCreated, None),
        ("on_hold", MilestoneKind::OnHold, None),
        ("picked_up", MilestoneKind::PickedUp, None),
        ("in_transit", MilestoneKind::InTransit, None),
        ("delivery_delayed", MilestoneKind::DeliveryDelayed, None),
        ("out_for_delivery", MilestoneKind::OutForDelivery, None),
        ("ready_for_pickup", MilestoneKind::ReadyForPickup, None),
        ("delivery_failed", MilestoneKind::DeliveryFailed, None),
        ("delivered", MilestoneKind::Delivered, None),
        ("return_to_sender", MilestoneKind::ReturnToSender, None),
        ("cancelled", MilestoneKind::Cancelled, None),
        ("GONE", MilestoneKind::PickedUp, Some("GONE")),
        ("delivered_to_agent", MilestoneKind::InTransit, Some("delivered_to_agent")),
    ] {
        let read = milestone(eastco(&message("shipment.milestone", &json!({"package": package(), "milestone": word}))));
        assert_eq!((read.milestone, read.code.as_deref()), (kind, code), "{word}");
        assert_eq!(read.carrier.unwrap().as_str(), "UPS");
    }
}

#[test]
fn c08_an_unmapped_status_is_unknown_with_its_code_and_never_guessed() {
    for word in ["Delivered", "DELIVERED", "deliverd", "left_the_building", "unknown"] {
        let read =
            milestone(eastco(&message("shipment.milestone", &json!({"package": {"id": "P-1"}, "milestone": word}))));
        assert_eq!((read.milestone, read.code.as_deref()), (MilestoneKind::Unknown, Some(word)));
    }
    let raw = json!({"package": {"id": "P-1"}, "carrier_code": "X7"});
    let read = milestone(eastco(&message("shipment.milestone", &raw)));
    assert_eq!((read.milestone, read.code.as_deref()), (MilestoneKind::Unknown, Some("X7")));
}

#[test]
fn a_document_may_map_a_status_to_a_rejection_or_to_nothing() {
    let read =
        |word: &str| eastco(&message("shipment.milestone", &json!({"package": {"id": "P-1"}, "milestone": word})));
    assert!(matches!(&read("NEVER").unwrap().commands[..], [Command::RecordRejected(_)]));
    assert_eq!(read("NOISE").unwrap().commands, []);
}

#[test]
fn c07_times_without_a_zone_are_local_to_the_warehouse_and_a_clock_ahead_is_cut_and_flagged() {
    for (occurred, expected, ahead) in [
        (json!("2026-03-02T03:00:00"), "2026-03-02T08:00:00Z", false),
        (json!("2026-03-02T11:00:00Z"), NOW, true),
        (json!("2026-03-02T05:00:00.001"), NOW, true),
        (json!(null), "2026-03-02T09:01:00Z", false),
    ] {
        let more = json!({"package": {"id": "P-1"}, "milestone": "delivered", "occurred_at": occurred});
        let read = milestone(eastco(&message("shipment.milestone", &more)));
        assert_eq!((read.at, read.clock_ahead), (at(expected), ahead), "{occurred}");
    }
}

#[test]
fn every_offence_of_a_report_is_reported_with_its_place() {
    let milestone = json!({"package": package(), "milestone": "delivered"});
    for (kind, more, place) in [
        ("fulfillment.accepted", json!({"reference": "F-9"}), "/data/reference"),
        ("fulfillment.accepted", json!({"id": null}), "/data/id"),
        ("package.packed", json!({}), "/data/package"),
        ("package.packed", json!({"package": {"id": "P-1"}}), "/data/package/lines"),
        (
            "package.packed",
            json!({"package": {"id": "P-1", "lines": [{"line": 1, "sku": "S", "quantity": 1.5, "uom": "EA"}]}}),
            "/data/package/lines/0/quantity",
        ),
        (
            "package.packed",
            json!({"package": {"id": "P-1", "lines": [{"line": 1, "sku": "S", "quantity": "1.5", "uom": "EA"}]}}),
            "/data/package/lines/0/quantity",
        ),
        ("shipment.milestone", json!({"package": package()}), "/data/milestone"),
        ("shipment.milestone", json!({"package": {}, "milestone": "delivered"}), "/data/package/id"),
        (
            "shipment.milestone",
            json!({"occurred_at": "noon", "package": package(), "milestone": "delivered"}),
            "/data/occurred_at",
        ),
    ] {
        let Err(Unmappable::Malformed(offences)) = eastco(&message(kind, &more)) else { panic!("{kind} {more}") };
        assert_eq!(offences[0].pointer, place);
    }
    assert!(eastco(&message("shipment.milestone", &milestone)).is_ok());
    assert_eq!(eastco(&message("parcel.lost", &json!({}))), Err(Unmappable::UnknownTopic("parcel.lost".to_owned())));
    assert!(matches!(eastco(&json!({})), Err(Unmappable::Malformed(_))));
}

fn shipment(status: &str, detail: Option<&str>) -> Value {
    let details: Vec<Value> =
        detail.into_iter().map(|name| json!({"id": 1, "name": name, "description": "why"})).collect();
    json!({
        "id": 70002, "order_id": 50001, "reference_id": order().fulfillment(1), "status": status, "status_details": details,
        "created_date": "2026-03-02T07:00:00.0000000+00:00", "last_update_at": "2026-03-02T09:50:00.0000000+00:00",
        "last_tracking_update_at": "2026-03-02T09:40:00", "actual_fulfillment_date": "2026-03-02T09:10:00+00:00",
        "delivery_date": "2026-03-02T09:20:00+00:00",
        "tracking": {"carrier": "USPS", "tracking_number": "94"},
        "products": [{"reference_id": "W-9", "quantity": 24, "external_line_id": 2}],
    })
}

#[test]
fn a_printed_label_is_not_a_departure_and_a_departure_is_not_a_delivery() {
    for (topic, status, detail, kind, time) in [
        ("order.shipped", "LabeledCreated", None, MilestoneKind::LabelCreated, "2026-03-02T09:50:00Z"),
        ("order.shipment.tracking.updated", "Completed", None, MilestoneKind::PickedUp, "2026-03-02T09:10:00Z"),
        // A time without a zone, seven and a half hours ahead: cut to the time of receipt.
        ("order.shipment.tracking.updated", "Completed", Some("InTransit"), MilestoneKind::InTransit, NOW),
        ("order.shipment.tracking.updated", "Completed", Some("OutForDelivery"), MilestoneKind::OutForDelivery, NOW),
        ("order.shipment.delivered", "Completed", Some("Delivered"), MilestoneKind::Delivered, "2026-03-02T09:20:00Z"),
        ("order.shipment.on_hold", "OnHold", None, MilestoneKind::OnHold, "2026-03-02T09:50:00Z"),
        ("order.shipment.on_hold", "OnHold", Some("InvalidAddress"), MilestoneKind::OnHold, "2026-03-02T09:50:00Z"),
        ("order.shipment.exception", "Exception", Some("Damaged"), MilestoneKind::OnHold, "2026-03-02T09:50:00Z"),
        ("order.shipment.cancelled", "Cancelled", None, MilestoneKind::Cancelled, "2026-03-02T09:50:00Z"),
        // The status decides, not the topic.
        ("order.shipment.delivered", "Completed", None, MilestoneKind::PickedUp, "2026-03-02T09:10:00Z"),
        (
            "order.shipment.tracking.updated",
            "Completed",
            Some("Abducted"),
            MilestoneKind::Unknown,
            "2026-03-02T09:50:00Z",
        ),
        ("order.shipment.tracking.updated", "CleanSweeped", None, MilestoneKind::Unknown, "2026-03-02T09:50:00Z"),
    ] {
        let read = milestone(shipwest(topic, &shipment(status, detail)));
        assert_eq!(read.milestone, kind, "{status} {detail:?}");
        assert_eq!(read.at, at(time), "{status} {detail:?}");
        let raw = detail.map_or(status.to_owned(), |detail| format!("{status}/{detail}"));
        assert_eq!((read.code.unwrap(), read.package.as_str()), (raw, "70002"));
        assert_eq!((read.carrier.unwrap().as_str(), read.tracking.unwrap().as_str()), ("USPS", "94"));
    }
}

#[test]
fn c01_every_message_of_a_shipment_has_its_content_and_a_repetition_changes_nothing() {
    let packed = |topic: &str, status: &str, detail: Option<&str>| {
        let commands = shipwest(topic, &shipment(status, detail)).unwrap().commands;
        assert!(matches!(&commands[0], Command::RecordAccepted(accepted) if accepted.reference.as_str() == "50001"));
        commands.into_iter().find(|command| matches!(command, Command::RecordPacked(_)))
    };
    let label = packed("order.shipped", "LabeledCreated", None).unwrap();
    let delivered = packed("order.shipment.delivered", "Completed", Some("Delivered")).unwrap();
    assert_eq!(label, delivered);
    let Command::RecordPacked(content) = label else { panic!() };
    assert_eq!((content.lines, content.at), (vec![line_quantity(2, "SKU-9", "24")], at("2026-03-02T07:00:00Z")));
    assert_eq!(packed("order.shipment.on_hold", "OnHold", None), None);
    assert_eq!(packed("order.shipment.cancelled", "Cancelled", None), None);
}

fn content(products: &Value) -> Packed {
    let mut shipment = shipment("Completed", None);
    shipment["products"] = products.clone();
    let commands = shipwest("order.shipment.tracking.updated", &shipment).unwrap().commands;
    let packed =
        commands.into_iter().find_map(|it| if let Command::RecordPacked(packed) = it { Some(packed) } else { None });
    packed.unwrap()
}

#[test]
fn c16_a_product_in_the_vendors_published_shape_is_read_by_its_sku_and_its_inventory_items() {
    let item = |id: u64, quantity: u64| json!({"id": id, "quantity": quantity, "quantity_committed": quantity});
    let product = |items: Value| json!([{"id": 31, "reference_id": "W-9", "sku": "W-9", "inventory_items": items}]);
    let each = |amount: &str| Some(line_quantity(1, "SKU-9", amount).quantity);
    for (items, quantity) in [
        (json!([item(31, 2)]), each("2")),
        (json!([item(31, 2), item(31, 3)]), each("5")),
        // The components of a bundle.
        (json!([item(31, 2), item(32, 4)]), None),
        (json!([]), None),
    ] {
        let packed = content(&product(items));
        assert_eq!(packed.lines, []);
        let [goods] = &packed.unassigned[..] else { panic!("{packed:?}") };
        assert_eq!((goods.sku.as_str(), goods.quantity), ("SKU-9", quantity));
    }
    // A product's own quantity counts before its items, and a line without a quantity is not guessed.
    let packed = content(&json!([{"sku": "W-9", "quantity": 4, "inventory_items": [item(1, 8)]}]));
    assert_eq!(packed.unassigned[0].quantity, each("4"));
    let packed = content(&json!([{"sku": "W-9", "external_line_id": 2, "inventory_items": [item(1, 8)]}]));
    assert_eq!(packed.lines, [line_quantity(2, "SKU-9", "8")]);
    let lot = json!({"id": 31, "quantity": 2, "lot": "L-1", "serial_numbers": ["S-1", "S-2"]});
    let packed = content(&product(json!([lot, item(31, 3)])));
    let parts: Vec<_> =
        packed.unassigned.iter().map(|goods| (goods.quantity, goods.lot.is_some(), goods.serials.len())).collect();
    assert_eq!(parts, [(each("2"), true, 2), (each("3"), false, 0)]);
}

#[test]
fn an_ignored_status_is_an_acceptance_only() {
    for status in ["Processing", "None", "ImportReview"] {
        let commands = shipwest("order.shipment.tracking.updated", &shipment(status, None)).unwrap().commands;
        assert!(matches!(&commands[..], [Command::RecordAccepted(_)]), "{status}: {commands:?}");
    }
}

#[test]
fn a_document_maps_an_exception_to_a_rejection() {
    let commands = shipwest("order.shipment.exception", &shipment("Exception", Some("OutOfStock"))).unwrap().commands;
    let Some(Command::RecordRejected(rejected)) = commands.last() else { panic!("{commands:?}") };
    assert_eq!(rejected.reason, "Exception/OutOfStock: why");
}

#[test]
fn c05_an_order_with_several_shipments_is_several_packages() {
    let mut second = shipment("Completed", Some("InTransit"));
    second["id"] = json!(70003);
    let body = json!({
        "id": 50001, "reference_id": order().fulfillment(1), "shipments": [shipment("LabeledCreated", None), second],
    });
    let commands = shipwest("order.shipped", &body).unwrap().commands;
    let packages: Vec<&str> = commands
        .iter()
        .filter_map(|command| match command {
            Command::RecordMilestone(milestone) => Some(milestone.package.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(packages, ["70002", "70003"]);
}

#[test]
fn c16_a_shipment_without_the_header_of_its_topic_is_known_by_its_members() {
    let read = milestone(shipwest("unnamed", &shipment("Completed", None)));
    assert_eq!(read.milestone, MilestoneKind::PickedUp);
}

#[test]
fn a13_topics_of_other_workflows_are_unknown() {
    for topic in ["return.created", "wro.completed", "order.shipment.exploded", "unnamed"] {
        assert_eq!(shipwest(topic, &json!({})), Err(Unmappable::UnknownTopic(topic.to_owned())));
    }
}

#[test]
fn every_offence_of_a_shipment_is_reported_with_its_place() {
    for (place, value) in [
        ("/reference_id", json!("CRM-1")),
        ("/order_id", json!("50001")),
        ("/id", json!(null)),
        ("/status", json!(null)),
        ("/products/0/quantity", json!(1.5)),
        ("/products/0/quantity", json!("3")),
        ("/products/0/external_line_id", json!("2")),
        ("/products/0/reference_id", json!("")),
        ("/actual_fulfillment_date", json!("soon")),
    ] {
        let mut body = shipment("Completed", None);
        *body.pointer_mut(place).unwrap() = value.clone();
        let reported = shipwest("order.shipment.tracking.updated", &body);
        let Err(Unmappable::Malformed(offences)) = reported else { panic!("{place} {value}") };
        assert_eq!(offences[0].pointer, place, "{offences:?}");
    }
}

mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::support::wild;

    proptest! {
        #[test]
        fn a_report_with_any_value_at_any_place_is_read_or_has_offences(
            value in wild(),
            place in prop::sample::select(vec![
                "/type", "/data", "/data/reference", "/data/id", "/data/occurred_at", "/data/package", "/data/package/id",
                "/data/package/lines", "/data/package/lines/0", "/data/package/lines/0/quantity", "/data/milestone",
            ]),
            kind in prop::sample::select(vec!["package.packed", "shipment.milestone", "fulfillment.accepted", "package.voided"]),
        ) {
            let mut body = message(kind, &json!({"package": package(), "milestone": "delivered"}));
            *body.pointer_mut(place).unwrap() = value;
            if let Err(Unmappable::Malformed(offences)) = eastco(&body) {
                prop_assert!(!offences.is_empty());
                prop_assert!(offences.iter().all(|offence| offence.pointer.starts_with(place)), "{offences:?}");
            }
        }

        #[test]
        fn a_shipment_with_any_value_at_any_place_is_read_or_has_offences(
            value in wild(),
            place in prop::sample::select(vec![
                "/id", "/order_id", "/reference_id", "/status", "/status_details", "/status_details/0", "/created_date",
                "/last_update_at", "/tracking", "/tracking/carrier", "/products", "/products/0", "/products/0/quantity",
            ]),
        ) {
            let mut body = shipment("Completed", Some("InTransit"));
            *body.pointer_mut(place).unwrap() = value;
            if let Err(Unmappable::Malformed(offences)) = shipwest("order.shipped", &body) {
                prop_assert!(!offences.is_empty());
                prop_assert!(offences.iter().all(|offence| offence.pointer.starts_with(place)), "{offences:?}");
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (partner, topic) in [("eastco", "any"), ("shipwest", "order.shipped")] {
                let delivery = delivery(partner, topic, body.clone());
                prop_assert!(run(partners(&Script::default()).read_report(&delivery)).unwrap().is_err());
            }
        }
    }
}

#[test]
fn c16_a_line_or_product_with_0_says_that_nothing_of_it_is_in_the_package() {
    let mut package = package();
    package["lines"][0]["quantity"] = json!("0");
    let reported = eastco(&message("package.packed", &json!({"package": package}))).unwrap();
    let [Command::RecordPacked(packed)] = &reported.commands[..] else { panic!("{reported:?}") };
    assert_eq!(packed.lines.iter().map(|line| line.line.0.get()).collect::<Vec<_>>(), [2]);
    package["lines"][1]["quantity"] = json!(0);
    let nothing = eastco(&message("package.packed", &json!({"package": package}))).unwrap();
    assert_eq!(nothing.commands, []);

    let mut body = shipment("Completed", None);
    body["products"][0]["quantity"] = json!(0);
    let commands = shipwest("order.shipped", &body).unwrap().commands;
    let packed =
        commands.iter().find_map(|it| if let Command::RecordPacked(packed) = it { Some(packed) } else { None });
    let first = shipment("Completed", None)["products"][0]["reference_id"].clone();
    assert!(packed.is_none_or(|it| it.lines.iter().all(|line| line.sku.as_str() != first)), "{packed:?}");
    assert!(commands.iter().any(|it| matches!(it, Command::RecordMilestone(_))), "{commands:?}");
}

#[test]
fn c17_the_content_of_a_package_is_taken_from_a_milestone() {
    let reported =
        eastco(&message("shipment.milestone", &json!({"milestone": "picked_up", "package": package()}))).unwrap();
    let [Command::RecordPacked(packed), Command::RecordMilestone(milestone)] = &reported.commands[..] else {
        panic!("{reported:?}")
    };
    let by_itself = eastco(&message("package.packed", &json!({"package": package()}))).unwrap();
    assert_eq!(
        by_itself.commands,
        [Command::RecordPacked(packed.clone())],
        "as the package's own message would tell it"
    );
    assert_eq!((milestone.milestone, &milestone.package), (MilestoneKind::PickedUp, &packed.package));
    let wrong = json!({"milestone": "picked_up", "package": {"id": "P-1", "lines": [{"line": 1}]}});
    assert!(matches!(eastco(&message("shipment.milestone", &wrong)), Err(Unmappable::Malformed(_))));
}
