//! Identity tokens: what makes one believable. Signed by RS256 alone with a key of the provider, by the issuer, for the console, for
//! this sign-in, and now.

use std::sync::Once;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey, Validation, decode, decode_header};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::Value;

use super::cookie::text_matches;
use super::{Metadata, Provider};
use crate::role::Role;

/// The difference that clocks may have.
const LEEWAY: Duration = Duration::from_secs(30);
/// The most that a subject may have, in characters: it is in the journal with every decision.
const LONGEST_SUBJECT: usize = 128;

/// A person, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider's id.
    pub subject: String,
    /// Our roles.
    pub roles: Vec<Role>,
}

/// Why an identity token is not believed. It has nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str);

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    azp: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

/// The id of the key that signed a token, which says nothing of whether it is believed.
///
/// # Errors
/// It is no token, or not one that is signed by RS256.
pub fn key_of(token: &str) -> Result<Option<String>, Refused> {
    let header = decode_header(token).map_err(|_not_shown| Refused("it is no signed token"))?;
    if header.alg != Algorithm::RS256 {
        return Err(Refused("it is not signed by RS256"));
    }
    // An access token of the same issuer says what a client may do, and not who someone is.
    if header.typ.is_some_and(|kind| !kind.eq_ignore_ascii_case("jwt")) {
        return Err(Refused("it is no identity token"));
    }
    Ok(header.kid)
}

/// The person in an identity token of the sign-in with this `nonce`.
///
/// # Errors
/// Why it is not believed.
pub fn check(
    token: &str,
    key: &DecodingKey,
    provider: &Provider,
    metadata: &Metadata,
    nonce: &str,
    now: Timestamp,
) -> Result<Identity, Refused> {
    key_of(token)?;
    install_ring();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.set_issuer(&[metadata.issuer()]);
    rules.set_audience(&[&provider.client_id]);
    // By our clock, below.
    rules.validate_exp = false;
    let claims = match decode::<Claims>(token, key, &rules) {
        Ok(data) => data.claims,
        Err(error) => return Err(Refused(reason(error.kind()))),
    };
    let (now, leeway) = (now.as_second(), i64::try_from(LEEWAY.as_secs()).unwrap_or(0));
    if claims.exp.saturating_add(leeway) <= now {
        return Err(Refused("it has expired"));
    }
    if claims.nbf.is_some_and(|from| from.saturating_sub(leeway) > now) {
        return Err(Refused("it does not count yet"));
    }
    if !claims.nonce.is_some_and(|own| text_matches(&own, nonce)) {
        return Err(Refused("it is of another sign-in"));
    }
    let several = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
    if claims.azp.map_or(several, |authorized| authorized != provider.client_id) {
        return Err(Refused("it is for another client"));
    }
    if claims.iss != metadata.issuer() {
        return Err(Refused(reason(&ErrorKind::InvalidIssuer)));
    }
    let names: Vec<String> = match claims.others.get(&provider.roles_claim) {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        Some(_) | None => vec![],
    };
    Ok(Identity { subject: subject(claims.sub)?, roles: provider.roles(&names) })
}

fn subject(text: String) -> Result<String, Refused> {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:|".contains(&b));
    // It is the actor of every decision, in a journal that is never erased.
    if text.contains('@') {
        return Err(Refused(
            "its subject is a mail address, which the journal must not have: let the provider send another id",
        ));
    }
    if !(1..=LONGEST_SUBJECT).contains(&text.len()) || !is_plain(&text) {
        return Err(Refused("its subject has characters that an id of a person must not have here"));
    }
    Ok(text)
}

#[allow(clippy::wildcard_enum_match_arm)] // The crate adds kinds; each is a refusal.
fn reason(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidIssuer => "it is of another issuer",
        ErrorKind::InvalidAudience => "it is for another client",
        ErrorKind::MissingRequiredClaim(_) => "it lacks a claim",
        _ => "it cannot be read",
    }
}

/// Lets the token crate verify with ring. It knows no other algorithm than RS256 then.
fn install_ring() {
    static RING: CryptoProvider = CryptoProvider {
        signer_factory: |_, _: &EncodingKey| Err(ErrorKind::InvalidAlgorithm.into()),
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    static INSTALLED: Once = Once::new();
    // It is an error to install a second one, and nothing else in the process installs one.
    INSTALLED.call_once(|| {
        if RING.install_default().is_err() {
            unreachable!("nothing else installs one");
        }
    });
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Ok(Box::new(Rs256 { n: n.clone(), e: e.clone() }))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

struct Rs256 {
    n: Vec<u8>,
    e: Vec<u8>,
}

impl signature::Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let key = RsaPublicKeyComponents { n: &self.n, e: &self.e };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).map_err(|_unspecified| signature::Error::new())
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
