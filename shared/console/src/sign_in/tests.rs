//! Identity tokens and keys: one good token, and everything that must not be believed.
#![allow(clippy::unwrap_used)]

use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::DecodingKey;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::*;
use crate::Role;

/// Keys of these tests alone.
const KEYS: [&str; 2] = [include_str!("test-key-a.txt"), include_str!("test-key-b.txt")]; 2] = [
    concat!(
        "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDlXiiHJJsBtZ7fb8t43yEcczDGzu4MYudB2J4EZ9MfbHDqKrPx",
        "qHHag2iSRRdt56YF/eB0gio025ji2aQk8lXF7EcGvhxT9pMQj89wVXpX2S5jr3ILsXFwP0Ev7GwOH4IR84N+bHgsGHKBlCUOey5i",
        "gc3WfFVFyfTou8RNJasu6c3/eFsE2UcHZBYMtnPPRD7Z7/R32/ELGvvEI3mthWBftnOnQDsPr4BhV9eK3m2eFF6c0JiZqHQBToEd",
        "h0EmyLy0jzFnptT5uLlM9tlYfMZSGW4fVIeepguoQi1AKOI+FpbQoWhZMbkQisRQis3ktWz4eU4MvjBLE/gicZId/BY7AgMBAAEC",
        "ggEAS3/5fjat8Vub3reZdgGYkBlYunBeCmS588I+jXuxkpvq9SG2VrsYMxHjZ5Znlm1UiI9fhWpdQ0Xvpuh2MBU2564VWSJWB8tX",
        "8HEuGq+AVI9wRi73ruKrUQP5TLGZhfKYKZmLNJ+21Oj9NCsUIZapl5Jbs5j8prrKK5u3C5/1H70F282ZM/ppV/WeqBUsZeBqDpBg",
        "0li3WUDYGgHn7X7T7RbrcnIVO1CF1eWtengYCSmH8EKh6Adx2WDXBlJhD4Ay32O+XMvT7QmwB+pJYEu8WzSyF15rxrVhLPZlCNVj",
        "6GgKBZhQZNfAv0p8gcu25gCk2aJqvlwAhktnPP0EBr8KbQKBgQD2/zoLMxPsO+nsHiFXyv6LfZWZ0D1JK7m4DP/GF6SHzRQgGOXb",
        "vcT/8oYr9EajIKwGgqqz27zyxwZiPo1UQSothN4jxu3YsGWuU3oUZQxNLiIsX/vOTrvawh6yU7qdpTuil281PH/ZJ1OEvopLy2Oe",
        "as7HWKA7n0ya81N2xUtNlQKBgQDtum47AoHVcoRYIjGihzDYYUdMEU5zWYrFW5X1FhkH8llQggLSXY3zEZSFc7iUTuf3V2eInF4t",
        "Or+LfkkRSdUwvHG6Z4QCPUKhSsi+fQeMtzpwJwWqURT0eWspnsxH9TXltWLCZ12tcLdHBPjvTVHwaxs6aFl4TT9WrSLCLMzAjwKB",
        "gQC6vMOZbAiH9dQpG66BvYss0smj/HgZNeG3cLx/e6h8s2Of0LMXqyWhjC48VPaCplTopyl/yYXU1vvQkxIuvQWyXF3GFsQDq3l0",
        "jtAhUzQ1tcdIXVj25TfJcDHdCMhyH1Yy2uLNEOxntP/DwHq2SxMJ1h53QF4ENa+pBoX3qboA8QKBgQCgsYCJiuxQaBRlrtd2UYQG",
        "/9q95ITvG/vd5Ea9YK6S3JLbBMb7hBnL0HpgqxR9y8ipPP/TLD/MuwV3OWoSsaHWS8tkgUyOZvJ/LJn9iW5tA/4QiZAezKgpiVmS",
        "zLCxg2NnXvDfEBgWgTaiXw4WVGGq7ft9w8OWukCySl5Qew/8qQKBgBHhKPpcY3OmxGl6UQTXBw7zot4w+Sb1SWZc7f0O58RUDvgq",
        "AmLhXni9CwA9Z9AAlQdPjZhM77ZQhbzklSKgmRvdfEu19zal+CT+sDkRw5bkph8Ch9NR4+SH47uOZ0R80K5xclttdPnNdss+kHCc",
        "0FrnNtN6ydvJnhEGtfYaQbgB",
    ),
    concat!(
        "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDSpu0BsEohkpqW7RgxJ8EBFJm69mT7Rt0f/i4KvOHySm+Pu9al",
        "hZCmKepTH1d7z5/eDM1vcB2AHmHaQ26rXzZFLnqFYmgwgUHp26YeBBlX0glo0gWEDnrvtu5m0M6on7dFtVQsutF4c8vUzlmeHdm5",
        "U8tzFa9dwngCoGqVc3wYaN7fUSWWQOlirViA2XXioEf9Gg1oNBFF8HEsa1CsE7D0c56HoaG13ubUwVLNlMARtUuXXRC+29RrHi6F",
        "io5i4NTJoP5xxv8oviHTJ6Wat+9rRv+e17w9eKHaZcS80wzk2rcARe1g7vA8AoxQBXsEEGrheaP2k6ksv3dbf6Xu3VGTAgMBAAEC",
        "ggEAAuQmoZzNT6um8oZbjCUrCXxCZeYG2coNs+g1spEIGt65rEPcPNZZ92Xg4PYvqbPeUlpjoXFs/jqshiXhyXlbkdSC+vywSGYl",
        "xPNuUsAkpudrmKQ1TiwytMKSgBfCll7m0Y6dEqYXxOr187xHT5vCRsBnLPOxvfwy0HpqLBXzMJSNf1cDURewtpiNRX4112y+AD/u",
        "2yXrFFzE8NITWwoIVYbrNRFoqd+6oBbp40KeqpzEcoqZixntd0/aDc7u7jrJIQcC7IxD8vNYsLSeV02M91fyhdo7DBcMdDn6k7XF",
        "RyHmnoH/jOvIguX4apVGgiC9rZ1PAG74td9VT+wVUHQ1uQKBgQD/Qnr/q3NCmivuG3wqiZQfYMKbxVNXAPqbcjEB28mgBCfL83Kg",
        "YEAsdNsFE8xVK5ZwIJLsGRpSoY+RCMDe7GeA4IdGIoge8XzQIM9jR0jD/v16lsTMQsPqBDF42SvePrWyiZIbkLtvgPwL6ceiQoTW",
        "VESBUe9NKpltx2g2vIFrqQKBgQDTQ1N4kHCkSFvixSNswAy/vKmp9uZa2P8j97KAlh6zSZbkFe3oWettudKsKg5zXvQB8JYJaSTQ",
        "aWnMHeBit01BLhOdZdFOAs3faffD/BeT5vm6BktRON1C7dhs/eE+nUVj+U00KpwdEWhQtpZVAzetftbBqsTDXRERDDk8GZd42wKB",
        "gQDid/gql9G2GJS7N1VtZAyv3igrDeJIAc1WVvTWAksbljQ8xexAD8U/7BlZotwaAIcDSlMv94GcKEz4z3xXDAU0mYBLIF4Gnhgv",
        "i7yUB22uvq/jsJo/40hwenHuFzfNgXOxSE8B9+HkJtr4Mtz0v/GdOrxgw/H9U7s2Y8G5NnvYqQKBgBMbKKZjsbw5yw2UNKL2L3D7",
        "uABmEukubMys7xjP+tDOG/ZewVhdIXyX7KSjXRE0Ci9OudL6DllG30mVfiCPYU4+w4ldlvNOL54/8CdqWhuHLRiUzyT2VpRh/EvH",
        "HiLSiF8FQeUw4VODqoJ6MNhZZSSsrvFu50Kf3RZEm7yCt/83AoGBAKRCUl6Fkrh1nyeInAheR9qPMCbqZKTIpJh21jyNzNyv65nV",
        "PEaSH/n5AlsRO1BO5E12fPdKwC9+bPbAxwtp4EP4r8ZtE+WxiMs+mpFSMaMq1+SQnOvAUPu5Nzgz6l1IiYun/1+C9z5pJ0Oej+8W",
        "UjgelmEU1O6z2kkdnFgZZ1Cz",
    ),
];

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
