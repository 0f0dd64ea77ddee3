//! Verification of senders, and the age of the cached registry.

use std::collections::BTreeMap;

use base64::Engine as _;
use engine::delivery::Role;
use engine::http::Request;
use engine::inbound::{Senders as _, Sites as _, Unverified};
use engine::partner::{CallFailure, Erp as _};
use engine::{Code, Failure, Wait};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use partners::Partners;
use serde_json::json;
use sha2::Sha256;

use crate::support::{NOW, SECRET, Script, Watch, credit_query, cx, eastco, erp, partners, partners_of, run, store};

const OTHER: &str = "whsec_b3RoZXIgc2VjcmV0IG9mIDI0IGJ5dGVzISE=";

fn request(secret: &str, body: &[u8], more: &[(&str, &str)]) -> Request {
    let timestamp = NOW.parse::<jiff::Timestamp>().unwrap().as_second().to_string();
    let standard = base64::engine::general_purpose::STANDARD;
    let key = standard.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("msg_1.{timestamp}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", standard.encode(mac.finalize().into_bytes()));
    let mut headers: BTreeMap<String, String> =
        more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.insert("webhook-id".to_owned(), "msg_1".to_owned());
    headers.insert("webhook-timestamp".to_owned(), timestamp);
    headers.insert("webhook-signature".to_owned(), signature);
    Request { method: "POST".to_owned(), headers, body: body.to_vec(), ..Request::default() }
}

#[test]
fn a_verified_sender_is_returned_with_its_delivery_and_topic() {
    let partners = partners(&Script::default());
    let now = NOW.parse().unwrap();
    let signed = request(SECRET, br#"{"type":"order.created"}"#, &[]);
    let verified = run(partners.verify("acme-crm", &signed, now)).unwrap();
    assert_eq!((verified.partner.as_str(), verified.role), ("acme-crm", Role::Crm));
    assert_eq!((verified.delivery.as_str(), verified.topic.as_str()), ("msg_1", "order.created"));
    let signed = request(SECRET, b"{}", &[("x-webhook-topic", "order.shipped")]);
    assert_eq!(run(partners.verify("shipwest", &signed, now)).unwrap().topic, "order.shipped");
    for body in [b"not JSON".as_slice(), b"{}", b"[]", br#"{"type":7}"#] {
        assert_eq!(run(partners.verify("eastco", &request(SECRET, body, &[]), now)).unwrap().topic, "unnamed");
    }
}

#[test]
fn a04_a_wrong_signature_an_unknown_name_and_a_partner_without_webhooks_are_rejected() {
    let partners = partners(&Script::default());
    let now = NOW.parse().unwrap();
    let good = request(SECRET, b"{}", &[]);
    for name in ["unknown", "", "acme-erp", "../acme-crm", "ACME-CRM"] {
        assert_eq!(
            run(partners.verify(name, &good, now)),
            Err(Unverified::UnknownPartner("webhook-signature does not match the body")),
            "{name}"
        );
    }
    let unsigned = Request { headers: Default::default(), ..good.clone() };
    for request in [&unsigned, &request(OTHER, b"{}", &[])] {
        let Err(Unverified::BadSignature(known)) = run(partners.verify("acme-crm", request, now)) else { panic!() };
        assert_eq!(run(partners.verify("unknown", request, now)), Err(Unverified::UnknownPartner(known)));
    }
    let bad = [request(OTHER, b"{}", &[]), Request { body: b"{ }".to_vec(), ..good.clone() }, Request::default()];
    for request in bad {
        let refused = run(partners.verify("acme-crm", &request, now));
        assert!(matches!(refused, Err(Unverified::BadSignature(_))), "{refused:?}");
    }
    let late = now.checked_add(jiff::SignedDuration::from_secs(301)).unwrap();
    assert!(matches!(run(partners.verify("acme-crm", &good, late)), Err(Unverified::BadSignature(_))));
}

#[test]
fn f09_a_signing_secret_that_was_just_rotated_is_read_again() {
    let store = store();
    let old = json!({"token": "t", "signing": [OTHER]});
    let new = json!({"token": "t", "signing": [SECRET]});
    *store.secrets.borrow_mut() = (old, new);
    let partners = partners_of(&store, &Script::default());
    assert!(run(partners.verify("acme-crm", &request(SECRET, b"{}", &[]), NOW.parse().unwrap())).is_ok());
}

#[test]
fn a_partner_without_a_usable_signing_secret_cannot_be_checked() {
    for secret in [json!({"token": "t"}), json!({"signing": []}), json!({"signing": ["whsec_"]}), json!("x")] {
        let store = store();
        *store.secrets.borrow_mut() = (secret.clone(), secret.clone());
        let partners = partners_of(&store, &Script::default());
        let refused = run(partners.verify("acme-crm", &request(SECRET, b"{}", &[]), NOW.parse().unwrap()));
        let Err(Unverified::Unchecked(Failure::Permanent { code, cause })) = refused else { panic!("{secret}") };
        assert_eq!(
            (code, cause.as_ref()),
            (Code::SecretMissing, "the secret webhook/acme-crm has no usable signing secret")
        );
    }
}

#[test]
fn the_registry_is_cached_for_a_minute_and_an_unknown_name_is_read_again() {
    let (store, watch) = (store(), Watch::at(NOW));
    let partners = Partners::new(store.clone(), Script::default(), watch.clone(), ());
    let good = request(SECRET, b"{}", &[]);
    let now = NOW.parse().unwrap();
    for _ in 0..3 {
        assert!(run(partners.verify("acme-crm", &good, now)).is_ok());
    }
    assert_eq!(store.reads.get(), 1);
    watch.pass(59);
    assert!(run(partners.verify("acme-crm", &good, now)).is_ok());
    assert_eq!(store.reads.get(), 1);
    watch.pass(1);
    assert!(run(partners.verify("acme-crm", &good, now)).is_ok());
    assert_eq!(store.reads.get(), 2);
    // Many unknown names cause few reads.
    for _ in 0..100 {
        assert!(run(partners.verify("newcomer", &good, now)).is_err());
    }
    assert_eq!(store.reads.get(), 2);
    let mut newcomer = eastco();
    newcomer["id"] = json!("newcomer");
    store.documents.borrow_mut().push(newcomer);
    watch.pass(6);
    assert!(run(partners.verify("newcomer", &good, now)).is_ok());
    assert_eq!(store.reads.get(), 3);
}

#[test]
fn a_broken_document_affects_its_own_partner_only() {
    let store = store();
    store.documents.borrow_mut()[2]["warehouse"]["sites"][0]["cut_off"] = json!("tea time");
    let script = Script::default().then(200, json!({"decision": "approved"}));
    let partners = partners_of(&store, &script);
    assert!(run(partners.credit(&cx(), &credit_query())).is_ok());
    let eastco: domain::PartnerId = "eastco".parse().unwrap();
    let waits = run(partners.partner(&eastco));
    let until = NOW.parse::<Timestamp>().unwrap() + std::time::Duration::from_secs(60);
    assert_eq!(
        waits.unwrap_err(),
        Failure::Deferred { until, why: Wait::Configuration(Some(eastco)) },
        "f16: its work waits until the document is corrected"
    );
    // The sender has to try again; it is not an unknown sender.
    let unchecked = run(partners.verify("eastco", &request(SECRET, b"{}", &[]), NOW.parse().unwrap()));
    assert!(matches!(unchecked, Err(Unverified::Unchecked(Failure::Transient { .. }))), "{unchecked:?}");
    let sites = run(partners.sites(&cx())).unwrap();
    assert_eq!(sites.iter().map(|site| site.code.as_str()).collect::<Vec<_>>(), ["WEST"]);
}

#[test]
fn without_exactly_one_erp_nothing_is_called() {
    for documents in [
        vec![eastco()],
        vec![erp(), {
            let mut second = erp();
            second["id"] = json!("other-erp");
            second
        }],
    ] {
        let store = store();
        *store.documents.borrow_mut() = documents;
        let script = Script::default();
        let waits = run(partners_of(&store, &script).credit(&cx(), &credit_query()));
        let why = Wait::Configuration(None);
        assert!(matches!(&waits, Err(CallFailure::Closed { why: wait, after: None, .. }) if *wait == why), "{waits:?}");
        assert!(script.requests().is_empty());
    }
}
