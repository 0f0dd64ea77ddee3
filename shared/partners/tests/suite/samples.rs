//! Every sample message in `events/samples` can be read.

use std::path::{Path, PathBuf};

use domain::FulfillmentCommand as Command;
use domain::shipment::MilestoneKind;
use engine::delivery::{Delivery, Role};
use engine::inbound::Unmappable;
use engine::inbound::{ChangeReader as _, OrderReader as _, ReportReader as _};
use engine::returns::{ReceiptReader as _, ReturnReader as _};
use partners::Partners;
use serde_json::Value;

use crate::support::{Script, Store, Watch, run};

const LATER: &str = "2026-04-01T00:00:00Z";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn samples(partner: &str) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("events/samples").join(partner);
    let mut all: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

/// The local partners, with their documents.
fn partners() -> Partners<Store, Script, Watch, ()> {
    let document = |id: &str| -> Value {
        let text = std::fs::read_to_string(root().join("infra/partners").join(format!("{id}.toml"))).unwrap();
        toml::from_str(&text).unwrap()
    };
    let documents = ["acme-crm", "acme-erp", "eastco", "shipwest"].map(document);
    Partners::new(Store::of(&documents), Script::default(), Watch::at(LATER), ())
}

fn delivery(partner: &str, role: Role, topic: &str, body: Vec<u8>) -> Delivery {
    Delivery {
        partner: partner.parse().unwrap(),
        role,
        id: "msg_1".to_owned(),
        topic: topic.to_owned(),
        body,
        received_at: LATER.parse().unwrap(),
        correlation: "corr-1".to_owned(),
        traceparent: None,
    }
}

#[test]
fn every_sample_of_the_crm_and_the_erp_is_an_order_a_change_of_one_or_a_test_message() {
    for (partner, role) in [("acme-crm", Role::Crm), ("acme-erp", Role::Erp)] {
        for (name, body) in samples(partner) {
            let delivery = delivery(partner, role, "any", body);
            if name == "ping" || name.starts_with("order.created") {
                let read = run(partners().read_order(&delivery)).unwrap();
                match name.as_str() {
                    "ping" => assert!(matches!(read, Err(Unmappable::Unrelated(_))), "{name}: {read:?}"),
                    _ => assert!(read.is_ok(), "{name}: {read:?}"),
                }
            } else {
                let read = run(partners().read_change(&delivery)).unwrap();
                assert!(read.is_ok(), "{name}: {read:?}");
            }
        }
    }
}

#[test]
fn every_sample_of_a_warehouse_is_a_report() {
    for partner in ["eastco", "shipwest"] {
        for (name, body) in samples(partner) {
            // ShipBob's topic is a header. The file's name begins with it; the rest distinguishes samples of one topic.
            let topic = ["order.shipment.tracking.updated"].into_iter().find(|topic| name.starts_with(topic));
            let delivery = delivery(partner, Role::Warehouse, topic.unwrap_or(&name), body);
            let reported = run(partners().read_report(&delivery)).unwrap().unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let last = reported.commands.last().unwrap();
            let kind = match last {
                Command::RecordMilestone(milestone) => Some(milestone.milestone),
                _ => None,
            };
            let word = name.rsplit('.').next().unwrap();
            let expected = match word {
                "label_created" | "shipped" => Some(MilestoneKind::LabelCreated),
                "picked_up" => Some(MilestoneKind::PickedUp),
                "in_transit" => Some(MilestoneKind::InTransit),
                "out_for_delivery" => Some(MilestoneKind::OutForDelivery),
                "delivered" => Some(MilestoneKind::Delivered),
                "on_hold" => Some(MilestoneKind::OnHold),
                "cancelled" => Some(MilestoneKind::Cancelled),
                "unmapped" => Some(MilestoneKind::Unknown),
                _ => None,
            };
            assert_eq!(kind, expected, "{partner} {name}");
            if matches!(word, "rejected" | "exception") {
                assert!(matches!(last, Command::RecordRejected(_)), "{name}");
            }
        }
    }
}

/// Panics if `message` cannot be read.
pub fn assert_readable(message: &Value) {
    let body = message.to_string().into_bytes();
    let kind = message["type"].as_str().unwrap();
    if kind == "order.created" {
        run(partners().read_order(&delivery("acme-crm", Role::Crm, "any", body))).unwrap().unwrap();
    } else if kind.starts_with("order.") {
        let of_the_erp = message["data"]["id"].is_null();
        let (partner, role) = if of_the_erp { ("acme-erp", Role::Erp) } else { ("acme-crm", Role::Crm) };
        run(partners().read_change(&delivery(partner, role, "any", body))).unwrap().unwrap();
    } else if kind == "return.requested" {
        run(partners().read_return(&delivery("acme-crm", Role::Crm, "any", body))).unwrap().unwrap();
    } else if kind.starts_with("return.") {
        run(partners().read_receipt(&delivery("eastco", Role::Warehouse, "any", body))).unwrap().unwrap();
    } else {
        run(partners().read_report(&delivery("eastco", Role::Warehouse, "any", body))).unwrap().unwrap();
    }
}
