//! Identity tokens and keys: one good token, and everything that must not be believed.
#![allow(clippy::unwrap_used)]

use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::DecodingKey;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::*;
use crate::Role;

/// Keys of these tests alone.
const KEYS: [&str; 2] = [include_str!("test-key-a.txt"), include_str!("test-key-b.txt")];

const NOW: &str = "2026-03-02T10:00:00Z";
const ISSUER: &str = "https://login.example.com";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn pair(n: usize) -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(KEYS[n]).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with this header and these claims, signed by the nth key.
fn signed(n: usize, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let key = pair(n);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn jwk(n: usize, id: &str) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair(n).public());
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": text(&public.n), "e": text(&public.e) })
}

fn key_set(keys: &[Value]) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn key(n: usize) -> DecodingKey {
    let known = KnownKeys::default();
    known.answered(Some(key_set(&[jwk(n, "k")])), now());
    match known.look_up(Some("k"), now()) {
        Lookup::Found(key) => *key,
        Lookup::Ask | Lookup::Unknown => unreachable!("it was just answered"),
    }
}

fn provider() -> Provider {
    let document = json!({
        "url": "https://api.example.com",
        "cookie_keys": ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="],
        "issuer": ISSUER,
        "client_id": "console",
        "client_secret": "s",
    });
    Settings::read(&document.to_string(), false).unwrap().provider.unwrap()
}

fn description() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example.com/auth?x=1",
        "token_endpoint": "https://login.example.com/token",
        "jwks_uri": "https://keys.example.com/jwks",
        "authorization_response_iss_parameter_supported": true,
    })
}

fn metadata() -> Metadata {
    Metadata::read(description().to_string().as_bytes(), &Url::parse(ISSUER).unwrap()).unwrap()
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "k", "typ": "JWT" })
}

fn claims() -> Value {
    let now = now().as_second();
    json!({
        "iss": ISSUER, "sub": "auth0|7", "aud": "console", "exp": now + 300, "iat": now, "nonce": "n-1",
        "roles": ["credit", "king"],
    })
}

fn believed(token: &str) -> Result<Identity, Refused> {
    check(token, &key(0), &provider(), &metadata(), "n-1", now())
}

#[test]
fn a_good_token_says_who_it_is_and_which_roles() {
    let person = Identity { subject: "auth0|7".to_owned(), roles: vec![Role::Credit] };
    assert_eq!(believed(&signed(0, &header(), &claims())), Ok(person.clone()));
    let mut one = claims();
    one["aud"] = json!(["console", "other"]);
    one["azp"] = json!("console");
    one["roles"] = json!("credit");
    assert_eq!(believed(&signed(0, &header(), &one)), Ok(person));
    let mut none = claims();
    none["roles"] = json!({ "credit": true });
    assert_eq!(believed(&signed(0, &header(), &none)).unwrap().roles, []);
}

#[test]
fn a_token_that_is_not_the_providers_for_this_sign_in_now_is_refused() {
    let at = |seconds: i64| json!(now().as_second() + seconds);
    for (claim, value, why) in [
        ("iss", json!("https://login.example.org"), "it is of another issuer"),
        ("aud", json!("portal"), "it is for another client"),
        ("aud", json!(["console", "portal"]), "it is for another client"),
        ("azp", json!("portal"), "it is for another client"),
        ("exp", at(-31), "it has expired"),
        ("nbf", at(31), "it does not count yet"),
        ("nonce", json!("n-2"), "it is of another sign-in"),
        ("nonce", Value::Null, "it is of another sign-in"),
        ("sub", json!(""), "its subject has characters that an id of a person must not have here"),
        ("sub", json!("a b"), "its subject has characters that an id of a person must not have here"),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        assert_eq!(believed(&signed(0, &header(), &claims)), Err(Refused(why)), "{claim} {value}");
    }
    let mut mail = claims();
    mail["sub"] = json!("ann@example.com");
    assert!(believed(&signed(0, &header(), &mail)).unwrap_err().0.contains("mail address"));
    for claim in ["iss", "aud", "exp", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert!(believed(&signed(0, &header(), &claims)).is_err(), "without {claim}");
    }
}

#[test]
fn a_token_that_is_signed_otherwise_is_refused() {
    assert_eq!(believed(&signed(1, &header(), &claims())), Err(Refused("its signature is wrong")));
    let good = signed(0, &header(), &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut other = claims();
    other["sub"] = json!("someone-else");
    let changed = format!("{}.{}.{signature}", encoded(&header()), encoded(&other));
    assert_eq!(believed(&changed), Err(Refused("its signature is wrong")));
    for (header, why) in [
        (json!({ "alg": "none" }), "it is no signed token"),
        (json!({ "alg": "HS256", "kid": "k" }), "it is not signed by RS256"),
        (json!({ "alg": "RS384", "kid": "k" }), "it is not signed by RS256"),
        (json!({ "alg": "RS256", "kid": "k", "typ": "at+jwt" }), "it is no identity token"),
    ] {
        assert_eq!(believed(&signed(0, &header, &claims())), Err(Refused(why)), "{header}");
    }
    // The public key as the secret of an HMAC.
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair(0).public());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public.n);
    let forged = format!("{}.{}", encoded(&json!({ "alg": "HS256", "kid": "k" })), encoded(&claims()));
    let tag = BASE64_URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, forged.as_bytes()));
    assert!(believed(&format!("{forged}.{tag}")).is_err());
    for text in ["", "a.b.c", message, &format!("{message}."), &good.replace('.', "")] {
        assert!(believed(text).is_err(), "{text}");
    }
}

#[test]
fn an_unknown_key_is_asked_for_once_a_minute() {
    let known = KnownKeys::default();
    let later = |seconds| now().checked_add(Duration::from_secs(seconds)).unwrap();
    let word = |id: Option<&str>, seconds| match known.look_up(id, later(seconds)) {
        Lookup::Found(_) => "found",
        Lookup::Ask => "ask",
        Lookup::Unknown => "unknown",
    };
    assert_eq!(word(Some("a"), 0), "ask");
    known.answered(Some(key_set(&[jwk(0, "a")])), now());
    assert_eq!((word(Some("a"), 1), word(None, 1), word(Some("b"), 59)), ("found", "found", "unknown"));
    assert_eq!(word(Some("b"), 60), "ask");
    known.answered(None, later(60));
    assert_eq!((word(Some("b"), 61), word(Some("a"), 61)), ("unknown", "found"), "one that failed counts, too");
    known.answered(Some(key_set(&[jwk(1, "b"), jwk(0, "a")])), later(120));
    assert_eq!((word(Some("b"), 121), word(Some("a"), 121), word(None, 121)), ("found", "found", "unknown"));
    assert_eq!(word(Some("a"), 120 + 3_600), "ask", "a key that was withdrawn does not count for ever");
}

#[test]
fn keys_for_other_purposes_are_left_out() {
    let mut encrypts = jwk(0, "a");
    encrypts["use"] = json!("enc");
    let mut other = jwk(0, "b");
    other["alg"] = json!("PS256");
    let known = KnownKeys::default();
    known.answered(Some(key_set(&[encrypts, other, json!({ "kty": "EC", "kid": "c" }), json!(5)])), now());
    for id in ["a", "b", "c"] {
        assert!(matches!(known.look_up(Some(id), now()), Lookup::Unknown), "{id}");
    }
    assert!(KeySet::read(b"[]").is_err() && KeySet::read(b"{").is_err());
}

#[test]
fn a_description_of_another_issuer_or_without_https_is_refused() {
    let issuer = Url::parse(ISSUER).unwrap();
    for (name, value) in [
        ("issuer", "https://login.example.org"),
        ("token_endpoint", "http://login.example.com/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        let mut description = description();
        description[name] = json!(value);
        assert!(Metadata::read(description.to_string().as_bytes(), &issuer).is_err(), "{name}");
    }
    assert!(metadata().is_answer(Some(ISSUER)));
    assert!(!metadata().is_answer(None), "it promises one");
    assert!(!metadata().is_answer(Some("https://login.example.org")));
}

#[test]
fn a_sign_in_asks_with_the_hash_of_its_verifier_and_counts_ten_minutes() {
    let keys = CookieKeys::read(&[BASE64_STANDARD.encode([7; 32])]).unwrap();
    let pending = Pending::begin("/console/partners".to_owned(), now()).unwrap();
    let address = pending.address(&provider(), &metadata(), "https://api.example.com/console/signed-in");
    let url = Url::parse(&address).unwrap();
    let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&pending.verifier));
    for (name, value) in [
        ("x", "1"),
        ("response_type", "code"),
        ("client_id", "console"),
        ("redirect_uri", "https://api.example.com/console/signed-in"),
        ("scope", "openid"),
        ("state", &pending.state),
        ("nonce", &pending.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query[name], value);
    }
    assert!(!address.contains(&pending.verifier) && pending.verifier.len() == 43);
    assert!(
        pending
            .redemption("c&1", "https://x")
            .contains(&format!("code=c%261&redirect_uri=https%3A%2F%2Fx&code_verifier={}", pending.verifier))
    );
    let sealed = pending.sealed(&keys).unwrap();
    assert!(!sealed.contains(&pending.state));
    let later = |seconds| now().checked_add(Duration::from_secs(seconds)).unwrap();
    assert!(Pending::opened(&keys, &sealed, later(599)).unwrap() == pending);
    assert!(Pending::opened(&keys, &sealed, later(600)).is_none());
    assert!(Pending::opened(&keys, "AAAA", now()).is_none());
}
