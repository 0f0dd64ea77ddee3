//! Registry documents: mistakes and their places.

use partners::Partner;
use partners::registry::{CrmProtocol, ErpProtocol, Fill, Protocol, Registry, Submissions, WarehouseProtocol};
use serde_json::{Value, json};

use crate::support::{crm, eastco, erp, read, shipwest};

/// `document` with the value at `pointer` replaced or added, or removed by `null`.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    let name = &name.replace("~1", "/");
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        Value::Object(members) if value.is_null() => drop(members.remove(name)),
        other => other[name] = value,
    }
    document
}

#[test]
fn the_documents_of_the_local_partners_are_valid() {
    for (id, protocol) in [
        ("acme-crm", Protocol::Crm(CrmProtocol::Rest)),
        ("acme-erp", Protocol::Erp(ErpProtocol::Rest)),
        ("eastco", Protocol::Warehouse(WarehouseProtocol::Rest)),
        ("shipwest", Protocol::Warehouse(WarehouseProtocol::Shipbob { channel: 1 })),
    ] {
        let path = format!("{}/../../infra/partners/{id}.toml", env!("CARGO_MANIFEST_DIR"));
        let json: Value = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let partner = read(&json);
        assert_eq!((partner.id.as_str(), partner.protocol), (id, protocol));
        assert!(partner.webhook.is_some(), "{id}");
    }
}

#[test]
fn absent_members_have_defaults() {
    let partner = read(&erp());
    assert_eq!((partner.timeout_ms, partner.submission, partner.deadline_days), (10_000, Submissions::Keyed, 14));
    assert_eq!((partner.webhook, partner.fill, partner.sites.len()), (None, Fill::Partial, 0));
    assert_eq!(partner.secret, "partner/erp/the-erp");
    assert_eq!(read(&shipwest()).submission, Submissions::Lookup { settle_seconds: 0 });
    assert_eq!(read(&eastco()).secret, "partner/warehouse/eastco");
    assert_eq!(read(&crm()).base_url.as_str(), "https://crm.example/api");
    assert_eq!(read(&crm()).webhook.unwrap().tolerance_seconds, 300);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    for (document, pointer, value, place) in [
        (crm(), "/id", json!(null), "id"),
        (crm(), "/id", json!("Acme CRM"), "id"),
        (crm(), "/id", json!("a/b"), "id"),
        (crm(), "/role", json!("customer"), "role"),
        (crm(), "/protocol", json!("soap"), "protocol"),
        (crm(), "/protocol", json!(null), "protocol"),
        (crm(), "/base_url", json!("crm.example"), "base_url"),
        (crm(), "/base_url", json!("http://crm.example"), "base_url"),
        (crm(), "/base_url", json!("ftp://crm.example"), "base_url"),
        (crm(), "/base_url", json!("https://user:secret@crm.example"), "base_url"),
        (crm(), "/base_url", json!("https://crm.example/?key=1"), "base_url"),
        (crm(), "/base_url", json!("https://crm.example/#x"), "base_url"),
        (crm(), "/time_zone", json!("Mars/Olympus"), "time_zone"),
        (crm(), "/colour", json!("red"), "colour"),
        (crm(), "/auth", json!(null), "auth"),
        (crm(), "/auth", json!("bearer"), "auth"),
        (crm(), "/auth/scheme", json!("basic"), "auth.scheme"),
        (crm(), "/auth/token", json!("secret"), "auth.token"),
        (crm(), "/auth/secret", json!("api/tokens"), "auth.secret"),
        (crm(), "/auth/secret", json!("partner/crm/"), "auth.secret"),
        (crm(), "/auth/secret", json!("partner/acme-crm"), "auth.secret"),
        (crm(), "/auth/secret", json!("partner/erp/acme-crm"), "auth.secret"),
        (crm(), "/auth/secret", json!("partner/crm/../erp/acme-erp"), "auth.secret"),
        (crm(), "/auth/secret", json!("webhook/acme-crm"), "auth.secret"),
        (crm(), "/webhook/scheme", json!("hmac"), "webhook.scheme"),
        (crm(), "/webhook/tolerance_seconds", json!(0), "webhook.tolerance_seconds"),
        (crm(), "/webhook/tolerance_seconds", json!(86400), "webhook.tolerance_seconds"),
        (crm(), "/webhook/tolerance_seconds", json!("300"), "webhook.tolerance_seconds"),
        (crm(), "/limits", json!({"timeout_ms": 1}), "limits.timeout_ms"),
        (crm(), "/limits", json!({"timeout": 1000}), "limits.timeout"),
        (crm(), "/limits", json!(7), "limits"),
        (crm(), "/limits", json!({"timeout_ms": 2000, "slow_ms": 2000}), "limits.slow_ms"),
        (crm(), "/limits", json!({"in_flight": 0}), "limits.in_flight"),
        (crm(), "/limits", json!({"burst": 5}), "limits.burst"),
        (crm(), "/limits", json!({"requests_per_minute": 0}), "limits.requests_per_minute"),
        (crm(), "/auth/csrf", json!("yes"), "auth.csrf"),
        (crm(), "/submission", json!({"semantics": "maybe"}), "submission.semantics"),
        (crm(), "/submission", json!({"semantics": "keyed", "settle_seconds": 5}), "submission.settle_seconds"),
        (crm(), "/orders/deadline_days", json!(0), "orders.deadline_days"),
        (erp(), "/orders", json!({"deadline_days": 7}), "orders"),
        (erp(), "/shipbob", json!({"channel_id": 1}), "shipbob"),
        (erp(), "/maps/colours", json!({}), "maps.colours"),
        (erp(), "/maps/sites/NOWHERE", json!("LOC-1"), "maps.sites.NOWHERE"),
        (erp(), "/maps/units", json!({"each": "EA"}), "maps.units.each"),
        (erp(), "/maps/skus", json!(["SKU-1"]), "maps.skus"),
        (eastco(), "/warehouse", json!(null), "warehouse"),
        (eastco(), "/warehouse/sites", json!([]), "warehouse.sites"),
        (eastco(), "/warehouse/sites/0/cut_off", json!("3 pm"), "warehouse.sites[0].cut_off"),
        (eastco(), "/warehouse/sites/0/cut_off", json!(null), "warehouse.sites[0].cut_off"),
        (eastco(), "/warehouse/sites/0/time_zone", json!("EST5"), "warehouse.sites[0].time_zone"),
        (eastco(), "/warehouse/sites/0/code", json!(""), "warehouse.sites[0].code"),
        (eastco(), "/warehouse/sites/0/serves", json!([]), "warehouse.sites[0].serves"),
        (eastco(), "/warehouse/sites/0/serves/0/country", json!("UK"), "warehouse.sites[0].serves[0].country"),
        (eastco(), "/warehouse/sites/0/serves/0/regions", json!([]), "warehouse.sites[0].serves[0].regions"),
        (eastco(), "/warehouse/sites/0/service_levels", json!(["overnight"]), "warehouse.sites[0].service_levels[0]"),
        (eastco(), "/warehouse/sites/0/service_levels", json!([]), "warehouse.sites[0].service_levels"),
        (eastco(), "/warehouse/sites/0/holidays", json!(["Christmas"]), "warehouse.sites[0].holidays[0]"),
        (eastco(), "/warehouse/sites/0/cost", json!(1.5), "warehouse.sites[0].cost"),
        (eastco(), "/warehouse/fill", json!("some"), "warehouse.fill"),
        (eastco(), "/maps/statuses/GONE", json!("gone"), "maps.statuses.GONE"),
        (eastco(), "/maps/statuses/GONE", json!("unknown"), "maps.statuses.GONE"),
        (eastco(), "/maps/service_levels", json!({"overnight": "1"}), "maps.service_levels.overnight"),
        (eastco(), "/maps/sites", json!({"EASTT": "9"}), "maps.sites.EASTT"),
        (crm(), "/maps/sites", json!({}), "maps.sites"),
        (crm(), "/maps/statuses", json!({}), "maps.statuses"),
        (erp(), "/maps/service_levels", json!({}), "maps.service_levels"),
        (crm(), "/base_url", json!("https://169.254.169.254/x"), "base_url"),
        (crm(), "/base_url", json!("https://[fe80::1]/x"), "base_url"),
        (crm(), "/base_url", json!("http://169.254.1.1/x"), "base_url"),
        (shipwest(), "/shipbob", json!(null), "shipbob"),
        (crm(), "/orders/purchase_orders", json!("loose"), "orders.purchase_orders"),
        (shipwest(), "/shipbob/channel_id", json!("77"), "shipbob.channel_id"),
        (shipwest(), "/maps/statuses/Exception~1OutOfStock", json!("no"), "maps.statuses.\"Exception/OutOfStock\""),
    ] {
        let wrong = with(document, pointer, value.clone());
        let (_, offences) = Partner::read(&wrong).unwrap_err();
        let places: Vec<&str> = offences.0.iter().map(|offence| offence.place.as_str()).collect();
        assert_eq!(places, [place], "{pointer} {value}: {offences}");
        assert!(!offences.to_string().contains("secret@"), "{offences}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut wrong = eastco();
    wrong["base_url"] = json!("http://example.com");
    wrong["warehouse"]["sites"][0]["cut_off"] = json!("noon");
    wrong["maps"]["statuses"]["GONE"] = json!("gone");
    wrong["extra"] = json!(1);
    let (id, offences) = Partner::read(&wrong).unwrap_err();
    assert_eq!((id.as_str(), offences.0.len()), ("eastco", 4), "{offences}");
}

#[test]
fn b10_what_a_protocol_cannot_do_is_a_mistake_in_the_document() {
    let keyed = with(shipwest(), "/submission", json!({"semantics": "keyed"}));
    assert!(Partner::read(&keyed).unwrap_err().1.to_string().starts_with("submission.semantics: "));
    let whole = with(shipwest(), "/warehouse/fill", json!("whole"));
    assert!(Partner::read(&whole).unwrap_err().1.to_string().starts_with("warehouse.fill: "));
    let (_, offences) = Partner::read(&with(shipwest(), "/role", json!("erp"))).unwrap_err();
    assert!(offences.0.iter().any(|offence| offence.place == "protocol"), "{offences}");
    assert_eq!(read(&with(eastco(), "/warehouse/fill", json!("whole"))).fill, Fill::Whole);
}

#[test]
fn http_is_for_loopback_and_private_addresses_only() {
    for url in
        ["http://127.0.0.1:4580/crm", "http://localhost:1", "http://[::1]:1", "http://10.1.2.3", "http://a.localhost"]
    {
        assert!(Partner::read(&with(crm(), "/base_url", json!(url))).is_ok(), "{url}");
    }
    for url in ["http://8.8.8.8", "http://localhost.example", "http://2130706433.example"] {
        assert!(Partner::read(&with(crm(), "/base_url", json!(url))).is_err(), "{url}");
    }
}

#[test]
fn documents_that_are_valid_one_by_one_may_contradict_each_other() {
    let (mut second_erp, mut second_warehouse) = (erp(), eastco());
    second_erp["id"] = json!("other-erp");
    second_warehouse["id"] = json!("other");
    let texts = [crm(), erp(), eastco(), shipwest()].map(|document| document.to_string());
    assert_eq!(Registry::read(&texts).contradictions(), Vec::<String>::new());
    let texts = [erp(), second_erp, eastco(), second_warehouse].map(|document| document.to_string());
    let found = Registry::read(&texts).contradictions();
    let about = |words: &str| found.iter().filter(|text| text.contains(words)).count();
    assert_eq!((about("more than one ERP"), about("belongs to both")), (1, 1), "{found:?}");
    // The ERP's map has a site of the warehouse that is not there.
    assert_eq!(about("which no warehouse has"), found.len() - 2);
}

#[test]
fn a_document_that_is_not_json_is_one_mistake_without_a_place() {
    for text in ["", "{", "[]", "7", "null"] {
        let (id, offences) = Partner::from_json(text).unwrap_err();
        assert_eq!((id.as_str(), offences.0.len(), offences.0[0].place.as_str()), ("", 1, ""), "{text}: {offences}");
    }
}

#[test]
fn a17_a_document_of_very_many_values_or_levels_is_refused() {
    for text in ["[".repeat(5_000), format!("{{\"id\":[{}0]}}", "0,".repeat(200_000))] {
        let (_, offences) = Partner::from_json(&text).unwrap_err();
        assert!(offences.to_string().contains("more than"), "{offences}");
    }
}

/// The fenced blocks of one language in a page of `docs/partners`.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = format!("{}/../../docs/partners/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documents_in_the_pages_are_valid() {
    let shown: Vec<String> = ["registry", "shipbob"].into_iter().flat_map(|page| blocks(page, "toml")).collect();
    assert_eq!(shown.len(), 5);
    for text in shown {
        let document: Value = toml::from_str(&text).unwrap();
        read(&document);
    }
}

#[test]
fn the_messages_in_the_pages_can_be_read() {
    let messages: Vec<Value> = blocks("rest", "json").iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut read = 0;
    for message in messages.iter().filter(|message| message.get("type").is_some()) {
        crate::samples::assert_readable(message);
        read += 1;
    }
    assert_eq!(read, 8);
}

mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::support::wild;

    proptest! {
        #[test]
        fn a_document_with_any_value_at_any_place_is_read_or_has_mistakes(
            value in wild(),
            place in prop::sample::select(vec![
                "/id", "/role", "/protocol", "/base_url", "/time_zone", "/auth", "/webhook", "/warehouse", "/warehouse/sites",
                "/warehouse/sites/0", "/warehouse/sites/0/cut_off", "/maps", "/maps/statuses", "/maps/skus",
            ]),
        ) {
            let mut document = eastco();
            *document.pointer_mut(place).unwrap() = value;
            if let Err((_, offences)) = Partner::read(&document) {
                prop_assert!(!offences.0.is_empty());
            }
        }
    }
}

#[test]
fn sites_at_shipbob_are_numbers_and_of_the_warehouse() {
    let code = shipwest()["warehouse"]["sites"][0]["code"].as_str().unwrap().to_owned();
    for (site, value, right) in [(code.as_str(), "9", true), (code.as_str(), "nine", false), ("WESTT", "9", false)] {
        let document = with(with(shipwest(), "/maps/sites", json!({})), &format!("/maps/sites/{site}"), json!(value));
        let read = Partner::read(&document);
        assert_eq!(read.is_ok(), right, "{site} = {value}: {read:?}");
    }
}

#[test]
fn all_mistakes_of_a_document_are_reported_at_once_also_in_a_section_of_another_role() {
    let mut document = crm();
    document["auth"] = json!({"scheme": "basic", "secret": "api/x"});
    document["webhook"] = json!({"scheme": "hmac", "tolerance_seconds": 0});
    document["limits"] = json!({"requests_per_minute": 0, "burst": 0});
    document["shipbob"] = json!({"channel_id": "x"});
    document["warehouse"] = json!({
        "fill": "some", "on_short": "wait", "promises": {"standard": {"depart_hours": 0}, "soon": {"silence_hours": 0}},
        "sites": [{"code": "", "serves": [{"country": "UK"}]}],
    });
    let (_, offences) = Partner::read(&document).unwrap_err();
    let places: Vec<&str> = offences.0.iter().map(|offence| offence.place.as_str()).collect();
    for place in [
        "auth.scheme",
        "auth.secret",
        "webhook.scheme",
        "webhook.tolerance_seconds",
        "limits.requests_per_minute",
        "limits.burst",
        "shipbob",
        "shipbob.channel_id",
        "warehouse",
        "warehouse.fill",
        "warehouse.on_short",
        "warehouse.promises.standard.depart_hours",
        "warehouse.promises.soon",
        "warehouse.promises.soon.silence_hours",
        "warehouse.sites[0].code",
        "warehouse.sites[0].serves[0].country",
    ] {
        assert!(places.contains(&place), "{place} is not in {places:?}");
    }
}
