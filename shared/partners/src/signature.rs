//! Verifies webhook signatures as Standard Webhooks defines them.
//!
//! Not the public crate: it accepts an empty secret, and panics on an extreme timestamp.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// In bytes. Shorter keys can be guessed; the specification recommends 24.
const MIN_KEY: usize = 16;
/// More than any rotation of secrets needs; bounds the work for a request that is not authenticated yet.
const MAX_SIGNATURES: usize = 16;

/// In seconds, where a partner's document names none.
pub(crate) const DEFAULT_TOLERANCE: u32 = 300;

const MISMATCH: &str = "webhook-signature does not match the body";

/// The three headers of a signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`, seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: `v1,<base64>`, several separated by spaces.
    pub signatures: &'a str,
}

/// Why a message is not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// The reason may be sent to the sender: it says what was checked, never what would have been right.
    Refused(&'static str),
    /// None of our secrets is usable.
    NoSecret,
}

/// Checks that one of `secrets` signed these bytes, within `tolerance_seconds` of `now`.
///
/// # Errors
/// What is missing or wrong.
pub fn verify(
    secrets: &[SecretString],
    tolerance_seconds: u32,
    signed: &Signed<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Unsigned> {
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(Unsigned::NoSecret);
    }
    // With a dot in the id, the signed content could be split at another place.
    if !(1..=128).contains(&signed.id.len()) || !signed.id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
        return Err(Unsigned::Refused("webhook-id is missing or has a character that ids do not have"));
    }
    let digits = (1..=20).contains(&signed.timestamp.len()) && signed.timestamp.bytes().all(|b| b.is_ascii_digit());
    let at: i128 = match signed.timestamp.parse() {
        Ok(at) if digits => at,
        Ok(_) | Err(_) => {
            return Err(Unsigned::Refused("webhook-timestamp is missing or is not a whole number of seconds"));
        }
    };
    if (i128::from(now.as_second()) - at).unsigned_abs() > u128::from(tolerance_seconds) {
        return Err(Unsigned::Refused("webhook-timestamp is too far from our clock"));
    }
    let expected: Vec<[u8; 32]> = keys.iter().filter_map(|key| mac(key, signed, body)).collect();
    let claimed = signed.signatures.split_ascii_whitespace().filter_map(|s| s.strip_prefix("v1,"));
    let claimed: Vec<Vec<u8>> = claimed.take(MAX_SIGNATURES).filter_map(|s| STANDARD.decode(s).ok()).collect();
    if claimed.is_empty() {
        return Err(Unsigned::Refused("webhook-signature is missing or has no v1 signature"));
    }
    // All pairs are compared, each in constant time, so that the time taken does not show which one nearly matched.
    let mut matched = Choice::from(0);
    for ours in &expected {
        for theirs in &claimed {
            matched |= ours.as_slice().ct_eq(theirs);
        }
    }
    if bool::from(matched) { Ok(()) } else { Err(Unsigned::Refused(MISMATCH)) }
}

/// Why a message of no partner is refused: the reason that a partner would get whose secret did not sign it.
pub(crate) fn refuse(signed: &Signed<'_>, body: &[u8], now: Timestamp) -> &'static str {
    const NO_ONES: &str = "bm8gb25lIGhhcyB0aGlzIHNlY3JldA";
    match verify(&[SecretString::from(NO_ONES)], DEFAULT_TOLERANCE, signed, body, now) {
        Err(Unsigned::Refused(why)) => why,
        // A sender that signs with that key is no partner either.
        Ok(()) | Err(Unsigned::NoSecret) => MISMATCH,
    }
}

/// The key in `whsec_<base64>`; the prefix may be missing.
fn key(secret: &SecretString) -> Option<Vec<u8>> {
    let text = secret.expose_secret().trim();
    let text = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=');
    STANDARD_NO_PAD.decode(text).ok().filter(|key| key.len() >= MIN_KEY)
}

fn mac(key: &[u8], signed: &Signed<'_>, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [signed.id.as_bytes(), b".", signed.timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OLDER: &str = "whsec_b2xkZXIgc2VjcmV0IG9mIDI0IGJ5dGVzIQ==";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const AT: i64 = 1_614_265_330;

    fn secrets(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from((*text).to_owned())).collect()
    }

    fn signed<'a>(timestamp: &'a str, signatures: &'a str) -> Signed<'a> {
        Signed { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp, signatures }
    }

    fn check(texts: &[&str], signed: &Signed<'_>, body: &[u8], now: i64) -> Result<(), Unsigned> {
        verify(&secrets(texts), 300, signed, body, Timestamp::from_second(now).unwrap())
    }

    fn sign(secret: &str, signed: &Signed<'_>, body: &[u8]) -> String {
        let key = key(&SecretString::from(secret.to_owned())).unwrap();
        format!("v1,{}", STANDARD.encode(mac(&key, signed, body).unwrap()))
    }

    #[test]
    fn the_published_example_verifies() {
        assert_eq!(check(&[SECRET], &signed("1614265330", PUBLISHED), BODY, AT), Ok(()));
    }

    #[test]
    fn a04_another_body_id_time_or_secret_does_not_verify() {
        let good = signed("1614265330", PUBLISHED);
        let refused = Err(Unsigned::Refused("webhook-signature does not match the body"));
        assert_eq!(check(&[SECRET], &good, br#"{"test": 2432232315}"#, AT), refused);
        assert_eq!(check(&[SECRET], &Signed { id: "msg_other", ..good }, BODY, AT), refused);
        assert_eq!(check(&[SECRET], &signed("1614265331", PUBLISHED), BODY, AT), refused);
        assert_eq!(check(&[OLDER], &good, BODY, AT), refused);
    }

    #[test]
    fn a05_a_timestamp_more_than_five_minutes_off_is_rejected_either_way() {
        let good = signed("1614265330", PUBLISHED);
        for (off, ok) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(check(&[SECRET], &good, BODY, AT + off).is_ok(), ok, "{off}");
        }
    }

    #[test]
    fn a05_no_timestamp_causes_a_panic() {
        for text in [
            "",
            "-1",
            "+5",
            "1e9",
            " 1",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999",
            "999999999999999999999",
        ] {
            assert!(check(&[SECRET], &signed(text, PUBLISHED), BODY, AT).is_err(), "{text}");
        }
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert!(verify(&secrets(&[SECRET]), u32::MAX, &signed("0", PUBLISHED), BODY, now).is_err());
        }
    }

    #[test]
    fn a06_both_secrets_are_accepted_during_a_rotation_on_either_side() {
        let bare = signed("1614265330", "");
        let (new, old) = (sign(SECRET, &bare, BODY), sign(OLDER, &bare, BODY));
        for signatures in
            [&new, &old, &format!("{old} {new}"), &format!("v1,AAAA v1a,xyz {new}"), &format!("v2,x  {old}")]
        {
            assert_eq!(check(&[SECRET, OLDER], &signed("1614265330", signatures), BODY, AT), Ok(()), "{signatures}");
        }
        assert_eq!(check(&[OLDER], &signed("1614265330", &format!("{new} {old}")), BODY, AT), Ok(()));
    }

    #[test]
    fn an_empty_short_or_unreadable_secret_verifies_nothing() {
        let bare = signed("1614265330", "");
        for secret in ["", "whsec_", "whsec_====", "whsec_AAAA", "whsec_!!!", "   "] {
            // The signature of an attacker who guesses that the key is empty.
            let empty = format!("v1,{}", STANDARD.encode(mac(b"", &bare, BODY).unwrap()));
            assert_eq!(
                check(&[secret], &signed("1614265330", &empty), BODY, AT),
                Err(Unsigned::NoSecret),
                "{secret:?}"
            );
            assert_eq!(check(&[secret, SECRET], &signed("1614265330", PUBLISHED), BODY, AT), Ok(()));
        }
        assert_eq!(check(&[], &bare, BODY, AT), Err(Unsigned::NoSecret));
    }

    #[test]
    fn a07_a_byte_order_mark_is_part_of_the_signed_bytes() {
        let body = [b"\xEF\xBB\xBF".as_slice(), BODY].concat();
        let bare = signed("1614265330", "");
        let signature = sign(SECRET, &bare, &body);
        assert_eq!(check(&[SECRET], &signed("1614265330", &signature), &body, AT), Ok(()));
        assert!(check(&[SECRET], &signed("1614265330", &signature), BODY, AT).is_err());
    }

    proptest! {
        #[test]
        fn a_signed_message_verifies_and_one_flipped_bit_does_not(
            key in proptest::collection::vec(any::<u8>(), MIN_KEY..64),
            id in "[a-zA-Z0-9_-]{1,40}",
            body in proptest::collection::vec(any::<u8>(), 1..200),
            at in 0_i64..4_000_000_000,
            flip in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let secret = format!("whsec_{}", STANDARD.encode(&key));
            let time = at.to_string();
            let bare = Signed { id: &id, timestamp: &time, signatures: "" };
            let signature = sign(&secret, &bare, &body);
            let good = Signed { signatures: &signature, ..bare };
            prop_assert_eq!(check(&[&secret], &good, &body, at), Ok(()));
            let mut other = body.clone();
            other[flip.index(body.len())] ^= 1 << bit;
            prop_assert!(check(&[&secret], &good, &other, at).is_err());
        }

        #[test]
        fn no_headers_cause_a_panic(
            id in any::<String>(),
            timestamp in any::<String>(),
            signatures in any::<String>(),
            body in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let wild = Signed { id: &id, timestamp: &timestamp, signatures: &signatures };
            prop_assert!(check(&[SECRET], &wild, &body, AT).is_err());
        }
    }
}
