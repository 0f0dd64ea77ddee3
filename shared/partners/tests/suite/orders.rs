//! Reading orders, from webhooks and from our API.

use domain::order::ServiceLevel;
use engine::delivery::{Delivery, Role};
use engine::inbound::{NewOrder, OrderReader as _, Unmappable};
use jiff::Timestamp;
use partners::read_order_body;
use serde_json::{Value, json};

use crate::support::{NOW, Script, crm, partners, partners_of, run, store};

pub fn order() -> Value {
    json!({
        "id": "CRM-1", "customer": {"id": "C-1", "name": "Sample Trading"}, "customer_po": "PO-1", "currency": "USD",
        "service_level": "expedited", "requested_by": null, "ship_complete": true,
        "ship_to": {
            "name": "Ada Example", "line1": "12 Sample Street", "city": "New York", "region": "NY", "postal_code": "10001",
            "country": "US", "phone": null, "email": "ada@example.com",
        },
        "lines": [
            {"line": 1, "sku": "SKU-1", "quantity": "3", "uom": "EA"},
            {"line": 2, "sku": "SKU-2", "quantity": 2, "uom": "CS"},
        ],
        "expected_total": {"amount": "10.00", "currency": "USD"},
    })
}

fn delivery(body: Vec<u8>) -> Delivery {
    Delivery {
        partner: "acme-crm".parse().unwrap(),
        role: Role::Crm,
        id: "msg-1".to_owned(),
        topic: "order.created".to_owned(),
        body,
        received_at: NOW.parse().unwrap(),
        correlation: "corr-1".to_owned(),
        traceparent: None,
    }
}

fn wrapped(order: &Value) -> Vec<u8> {
    json!({"type": "order.created", "timestamp": "2026-03-02T09:30:00Z", "data": order}).to_string().into_bytes()
}

fn by_webhook(body: Vec<u8>) -> Result<NewOrder, Unmappable> {
    run(partners(&Script::default()).read_order(&delivery(body))).unwrap()
}

fn by_api(order: &Value) -> Result<NewOrder, Vec<engine::http::Offence>> {
    read_order_body(&"portal".parse().unwrap(), order.to_string().as_bytes(), NOW.parse().unwrap())
}

/// `order` with the value at `pointer` replaced or removed.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut order = order();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = order.pointer_mut(parent).unwrap();
    match value {
        Some(value) if parent.is_array() => parent[name.parse::<usize>().unwrap()] = value,
        Some(value) => parent[name] = value,
        None => drop(parent.as_object_mut().unwrap().remove(name)),
    }
    order
}

#[test]
fn all_members_of_an_order_are_read() {
    let cases = with("/lines/1/uom", Some(json!("CASE")));
    let order = by_webhook(wrapped(&cases)).unwrap();
    let (purchase_order, NewOrder { submission, party, .. }) = (order.purchase_order(), order);
    assert_eq!((submission.source.as_str(), purchase_order.as_str()), ("acme-crm", "PO-1"));
    assert_eq!(submission.ship_to.order, domain::OrderId::derive(&submission.source, &submission.external_id));
    assert_eq!((submission.service_level, submission.ship_complete), (ServiceLevel::Expedited, true));
    assert_eq!(submission.lines[1].quantity.to_string(), "2 CS");
    assert_eq!((submission.destination.country.as_str(), submission.destination.region.as_str()), ("US", "NY"));
    assert_eq!(submission.ordered_at, "2026-03-02T09:30:00Z".parse::<Timestamp>().unwrap());
    // A week after its arrival, as the document says.
    assert_eq!(submission.deadline, "2026-03-09T10:00:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(
        (party.name.as_str(), party.email.as_deref(), party.phone),
        ("Ada Example", Some("ada@example.com"), None)
    );
}

#[test]
fn every_offence_is_reported_with_its_place_and_without_the_senders_text() {
    let long = "x".repeat(200);
    for (pointer, value) in [
        ("/id", None),
        ("/id", Some(json!(""))),
        ("/id", Some(json!(7))),
        ("/id", Some(json!(".."))),
        ("/id", Some(json!("secret\u{7}"))),
        ("/customer", Some(json!("C-1"))),
        ("/customer/id", None),
        ("/customer_po", None),
        ("/currency", None),
        ("/currency", Some(json!("XYZ"))),
        ("/currency", Some(json!("usd"))),
        ("/service_level", Some(json!("teleport"))),
        ("/service_level", Some(json!(1))),
        ("/requested_by", Some(json!("next week"))),
        ("/requested_by", Some(json!("2026-02-30"))),
        ("/ship_complete", Some(json!("yes"))),
        ("/ship_to", None),
        ("/ship_to/name", None),
        ("/ship_to/name", Some(json!("   "))),
        ("/ship_to/name", Some(json!(long))),
        ("/ship_to/line1", Some(json!("a\nb"))),
        ("/ship_to/city", None),
        ("/ship_to/postal_code", None),
        ("/ship_to/postal_code", Some(json!(10001))),
        ("/ship_to/postal_code", Some(json!(""))),
        ("/ship_to/postal_code", Some(json!("2108"))),
        ("/ship_to/postal_code", Some(json!("SW1A 1AA"))),
        ("/ship_to/country", Some(json!("UK"))),
        ("/ship_to/country", Some(json!("us"))),
        ("/ship_to/country", Some(json!("USA"))),
        ("/ship_to/country", None),
        ("/ship_to/region", None),
        ("/ship_to/region", Some(json!(""))),
        ("/ship_to/region", Some(json!(" "))),
        ("/ship_to/region", Some(json!("ON"))),
        ("/ship_to/region", Some(json!("New Amsterdam"))),
        ("/ship_to/email", Some(json!("nobody"))),
        ("/lines", None),
        ("/lines", Some(json!([]))),
        ("/lines", Some(json!({}))),
        ("/lines/0", Some(json!("SKU-1"))),
        ("/lines/0/line", Some(json!(0))),
        ("/lines/0/line", Some(json!("1"))),
        ("/lines/0/line", Some(json!(1.0))),
        ("/lines/1/line", Some(json!(1))),
        ("/lines/0/sku", Some(json!(""))),
        ("/lines/0/sku", Some(json!(long))),
        ("/lines/0/uom", Some(json!("each"))),
        ("/lines/0/uom", None),
        ("/lines/0/quantity", None),
        ("/lines/0/quantity", Some(json!("0"))),
        ("/lines/0/quantity", Some(json!(0))),
        ("/lines/0/quantity", Some(json!("-1"))),
        ("/lines/0/quantity", Some(json!("1.5"))),
        ("/lines/0/quantity", Some(json!(1.0))),
        ("/lines/0/quantity", Some(json!(3.0000000001))),
        ("/lines/0/quantity", Some(json!("1e3"))),
        ("/lines/0/quantity", Some(json!("three"))),
        ("/lines/0/quantity", Some(json!("1000000000001"))),
        ("/expected_total/currency", Some(json!("EUR"))),
        ("/expected_total/amount", Some(json!(9.99))),
    ] {
        let wrong = with(pointer, value.clone());
        let offences = by_api(&wrong).unwrap_err();
        let places: Vec<&str> = offences.iter().map(|offence| offence.pointer.as_str()).collect();
        assert_eq!(places, [pointer], "{value:?}: {offences:?}");
        assert!(!offences[0].detail.contains("secret") && !offences[0].detail.contains(&long));
        let offences = match by_webhook(wrapped(&wrong)) {
            Err(Unmappable::MalformedOrder { order, offences }) if pointer != "/id" => {
                assert_eq!(order.as_str(), "CRM-1");
                offences
            }
            Err(Unmappable::Malformed(offences)) if pointer == "/id" => offences,
            other => panic!("{pointer} {value:?}: {other:?}"),
        };
        assert_eq!(offences[0].pointer, format!("/data{pointer}"));
    }
}

#[test]
fn b45_the_spellings_of_a_region_are_one_order_for_one_destination() {
    let read = |region: &str| by_api(&with("/ship_to/region", Some(json!(region)))).unwrap();
    let (known, address) = (read("NY").submission, read("NY").party);
    for spelling in ["ny", "US-NY", "New York"] {
        let order = read(spelling);
        assert_eq!(
            (order.submission.digest, order.submission.destination.region.as_str()),
            (known.digest.clone(), "NY")
        );
        assert_eq!(order.party.number(), address.number(), "{spelling}: warehouses get the same address");
    }
    let german = with("/ship_to/country", Some(json!("DE")));
    assert!(by_api(&german).is_ok(), "a region that we do not know is passed on");
}

#[test]
fn b45_an_address_has_a_postal_code_only_where_the_country_has_them() {
    let mut order = with("/ship_to/postal_code", None);
    assert!(by_api(&order).is_err());
    order["ship_to"]["country"] = json!("HK");
    order["ship_to"]["region"] = json!(null);
    let without = by_api(&order).unwrap();
    assert_eq!(without.party.postal_code, None);
    order["ship_to"]["postal_code"] = json!("");
    assert_eq!(by_api(&order).unwrap().submission.digest, without.submission.digest);
    order["ship_to"]["postal_code"] = json!("999077");
    assert_eq!(by_api(&order).unwrap().party.postal_code.as_deref(), Some("999077"));
}

#[test]
fn an_optional_member_that_is_an_empty_text_is_as_if_it_were_absent() {
    let optional =
        ["/service_level", "/requested_by", "/ship_to/company", "/ship_to/line2", "/ship_to/phone", "/ship_to/email"];
    for pointer in optional {
        let digest = |order: Value| by_api(&order).unwrap().submission.digest;
        assert_eq!(digest(with(pointer, Some(json!("")))), digest(with(pointer, None)), "{pointer}");
    }
}

#[test]
fn an_order_whose_message_has_no_time_is_ordered_when_it_arrives() {
    for timestamp in [json!(null), json!("")] {
        let message = json!({"type": "order.created", "timestamp": timestamp, "data": order()});
        let read = by_webhook(message.to_string().into_bytes()).unwrap();
        assert_eq!(read.submission.ordered_at, NOW.parse::<Timestamp>().unwrap());
    }
}

#[test]
fn all_offences_are_reported_at_once() {
    let mut wrong = order();
    wrong["currency"] = json!("??");
    wrong["ship_to"]["country"] = json!("??");
    wrong["lines"][1]["quantity"] = json!(0);
    assert_eq!(by_api(&wrong).unwrap_err().len(), 3);
    assert_eq!(by_api(&json!([])).unwrap_err()[0].pointer, "");
    assert!(by_api(&json!({})).unwrap_err().len() > 5);
}

#[test]
fn our_api_rejects_unknown_members_and_a_partner_may_add_some() {
    for pointer in ["/servicelevel", "/customer/vip", "/ship_to/state", "/lines/0/qty", "/expected_total/tax"] {
        let more = with(pointer, Some(json!("x")));
        assert_eq!(by_api(&more).unwrap_err()[0].pointer, pointer);
        assert!(by_webhook(wrapped(&more)).is_ok(), "{pointer}");
    }
}

#[test]
fn b27_the_same_order_has_the_same_digest_from_any_sender_and_a_changed_one_another() {
    let api = order();
    let digest = |order: &Value| by_api(order).unwrap().submission.digest;
    let original = digest(&api);
    let cases = with("/lines/1/uom", Some(json!("CASE")));
    assert_eq!(by_webhook(wrapped(&cases)).unwrap().submission.digest, original);
    assert_eq!(original.len(), 64);

    let mut same = api.clone();
    same["id"] = json!("PORTAL-7");
    same["ordered_at"] = json!("2026-01-01T00:00:00Z");
    same["lines"] = json!([api["lines"][1], api["lines"][0]]);
    same["lines"][1]["quantity"] = json!("3.000");
    same["customer"]["name"] = json!("Another spelling");
    same["ship_to"]["name"] = json!("  Ada Example ");
    same["ship_to"]["company"] = json!("");
    assert_eq!(digest(&same), original);
    // The expected price is not part of the content.
    same["expected_total"]["amount"] = json!("10.01");
    assert_eq!(digest(&same), original);
    same["expected_total"] = json!(null);
    assert_eq!(digest(&same), original);

    for (pointer, value) in [
        ("/customer/id", json!("C-2")),
        ("/customer_po", json!("PO-2")),
        ("/service_level", json!("standard")),
        ("/requested_by", json!("2026-03-09")),
        ("/ship_complete", json!(false)),
        ("/ship_to/name", json!("Eve Example")),
        ("/ship_to/line2", json!("Floor 3")),
        ("/ship_to/phone", json!("1")),
        ("/lines/0/sku", json!("SKU-3")),
        ("/lines/0/quantity", json!("4")),
        ("/lines/0/uom", json!("BX")),
        ("/lines/0/line", json!(7)),
    ] {
        let mut other = api.clone();
        *other.pointer_mut(pointer).unwrap_or(&mut json!(null)) = value.clone();
        if other.pointer(pointer).is_none() {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            other.pointer_mut(parent).unwrap()[name] = value;
        }
        assert_ne!(digest(&other), original, "{pointer}");
    }
}

#[test]
fn a07_an_order_with_a_byte_order_mark_or_in_gzip_is_read() {
    let marked = [b"\xEF\xBB\xBF".as_slice(), &wrapped(&order())].concat();
    assert!(by_webhook(marked.clone()).is_ok());
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut writer, &marked).unwrap();
    assert!(by_webhook(writer.finish().unwrap()).is_ok());
    // A decompression bomb, and bytes that only begin like gzip.
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut writer, &vec![b' '; 64 << 20]).unwrap();
    assert!(matches!(by_webhook(writer.finish().unwrap()), Err(Unmappable::Malformed(_))));
    assert!(matches!(by_webhook(vec![0x1F, 0x8B, 1, 2, 3]), Err(Unmappable::Malformed(_))));
}

#[test]
fn a13_an_unknown_topic_is_another_result_than_an_unreadable_body() {
    let read = |body: &[u8]| by_webhook(body.to_vec());
    assert_eq!(read(br#"{"type":"order.exploded"}"#), Err(Unmappable::UnknownTopic("order.exploded".to_owned())));
    for body in
        [b"".as_slice(), b"{", b"\xFF\xFE", b"[]", b"null", b"7", br#"{"type":7}"#, br#"{"type":"order.created"}"#]
    {
        assert!(matches!(read(body), Err(Unmappable::Malformed(_))), "{body:?}");
    }
    // A sender's topic is logged, so it has only characters that are safe in a log.
    let wild = format!(r#"{{"type":"a b\n{}"}}"#, "x".repeat(500));
    let Err(Unmappable::UnknownTopic(topic)) = read(wild.as_bytes()) else { panic!() };
    assert!(topic.len() <= 64 && !topic.contains(' '));
}

#[test]
fn a14_a_test_message_creates_no_order() {
    for kind in ["test", "ping"] {
        let body = json!({ "type": kind }).to_string().into_bytes();
        assert!(matches!(by_webhook(body), Err(Unmappable::Unrelated(_))));
    }
}

#[test]
fn c07_an_order_from_a_clock_ahead_of_ours_has_the_time_of_its_arrival() {
    let body = json!({"type": "order.created", "timestamp": "2027-01-01T00:00:00Z", "data": order()});
    let read = by_webhook(body.to_string().into_bytes()).unwrap();
    assert_eq!(read.submission.ordered_at, NOW.parse::<Timestamp>().unwrap());
}

#[test]
fn b27_spellings_of_a_purchase_order_number_are_one_number_as_the_partners_document_says() {
    let read = |rule: Option<&str>, number: &str| {
        let store = store();
        if let Some(rule) = rule {
            store.documents.borrow_mut()[0]["orders"]["purchase_orders"] = json!(rule);
        }
        let body = wrapped(&with("/customer_po", Some(json!(number))));
        run(partners_of(&store, &Script::default()).read_order(&delivery(body))).unwrap().unwrap()
    };
    for (rule, same, others) in [
        (None, &[][..], &["po-x", "PO X", "POX"][..]),
        (Some("exact"), &[], &["po-x", "PO X", "POX"]),
        (Some("ignore_case"), &["po-x", "Po-X"], &["PO X", "POX"]),
        (Some("letters_and_digits"), &["po-x", "PO X", "p.o. x"], &["PO-Y"]),
    ] {
        let first = read(rule, "PO-X");
        assert_eq!(first.submission.customer_po.as_str(), "PO-X", "partners get the sender's spelling");
        for number in same {
            let other = read(rule, number);
            assert_eq!(other.purchase_order(), first.purchase_order(), "{rule:?} {number}");
            assert_eq!(other.submission.digest, first.submission.digest, "{rule:?} {number}: the same content");
        }
        for number in others {
            assert_ne!(read(rule, number).purchase_order(), first.purchase_order(), "{rule:?} {number}");
        }
    }
    assert_eq!(read(Some("letters_and_digits"), "#1").purchase_order(), "1");
    assert_eq!(read(Some("letters_and_digits"), "#-").purchase_order(), "#-");
}

#[test]
fn b46_an_order_is_the_same_in_each_unicode_form_and_a_name_that_no_one_sees_is_refused() {
    let digest = |name: &str| by_api(&with("/ship_to/name", Some(json!(name)))).map(|new| new.submission.digest);
    assert_eq!(digest("Zoe\u{308} Example").unwrap(), digest("Zo\u{EB} Example").unwrap());
    for name in ["\u{200B}", "\u{3164}\u{3164}", "\u{202E}elpmaxE adA", "Ada\u{200F}"] {
        let offences = digest(name).unwrap_err();
        assert_eq!(offences[0].pointer, "/ship_to/name", "{name:?}");
    }
}

#[test]
fn b40_the_requested_date_is_part_of_the_order_and_a_time_of_day_is_refused() {
    let read = |date: Value| by_api(&with("/requested_by", Some(date)));
    let date = read(json!("2026-03-09")).unwrap().submission.requested_by;
    assert_eq!(date, Some(jiff::civil::date(2026, 3, 9)));
    assert_eq!(read(json!("2026-03-09T12:00:00Z")).unwrap_err()[0].pointer, "/requested_by");
}

#[test]
fn b21_a_partners_skus_and_service_levels_become_ours() {
    let mut document = crm();
    document["maps"]["skus"] = json!({"SKU-1": "their 1"});
    document["maps"]["service_levels"] = json!({"expedited": "next-day"});
    let store = store();
    store.documents.borrow_mut()[0] = document;
    let mut theirs = order();
    theirs["lines"][0]["sku"] = json!("their 1");
    theirs["service_level"] = json!("next-day");
    let read = run(partners_of(&store, &Script::default()).read_order(&delivery(wrapped(&theirs)))).unwrap().unwrap();
    assert_eq!(read.submission.lines[0].sku.as_str(), "SKU-1");
    assert_eq!(read.submission.service_level, ServiceLevel::Expedited);
}

mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::support::wild;

    proptest! {
        #[test]
        fn an_order_with_any_value_at_any_place_is_read_or_has_offences(
            value in wild(),
            place in prop::sample::select(vec![
                "/id", "/customer", "/currency", "/ship_to", "/ship_to/name", "/lines", "/lines/0", "/lines/0/quantity",
                "/expected_total", "/requested_by",
            ]),
        ) {
            let changed = with(place, Some(value));
            if let Err(offences) = by_api(&changed) {
                prop_assert!(!offences.is_empty());
                prop_assert!(offences.iter().all(|offence| offence.pointer.starts_with(place)));
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(by_webhook(body).is_err());
        }
    }
}

#[test]
fn the_expected_price_is_read_in_the_orders_own_currency() {
    let mut order = order();
    order["expected_tax"] = json!({"amount": "0.80", "currency": "USD"});
    let expected = by_api(&order).unwrap().submission.expected.unwrap();
    assert_eq!(
        (expected.total.to_string(), expected.tax.unwrap().to_string()),
        ("10.00".to_owned(), "0.80".to_owned())
    );
    order["expected_tax"]["currency"] = json!("EUR");
    assert_eq!(by_api(&order).unwrap_err()[0].pointer, "/expected_tax/currency");
    order["expected_tax"]["currency"] = json!("USD");
    order["expected_total"] = json!(null);
    assert_eq!(by_api(&order).unwrap_err()[0].pointer, "/expected_tax", "a tax without a total");
    order["expected_tax"] = json!(null);
    assert_eq!(by_api(&order).unwrap().submission.expected, None);
}
