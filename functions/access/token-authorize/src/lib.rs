//! Says who an API client is, and what it may do.
//!
//! - On: every request to the API but the webhooks, which prove themselves by their signature.
//! - Does: compares the bearer token's SHA-256 with the known ones, in constant time.
//! - Fails: an unknown or missing token is a plain no.

use engine::partner::Secrets;
use engine::{Code, Context, Failure};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<S> {
    /// The digests of the tokens.
    pub secrets: S,
}

/// A client that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name: the source of the orders that it submits.
    pub client: String,
    /// What it may do, separated by blanks.
    pub scopes: String,
}

/// A token that we know, as the secret `api/tokens` lists it.
#[derive(Deserialize)]
struct CachedToken {
    client: String,
    sha256: String,
    scopes: Vec<String>,
}

/// Who sends `authorization`; `None` for nobody that we know.
///
/// # Errors
/// CFG-002: the secret is missing or not readable.
pub async fn handle(
    ports: &Ports<impl Secrets>,
    authorization: Option<&str>,
    _cx: &Context,
) -> Result<Option<Client>, Failure> {
    let Some(token) = authorization.and_then(bearer) else {
        return Ok(None);
    };
    let secret = ports.secrets.secret("api/tokens", false).await?;
    let known: Vec<CachedToken> = serde_json::from_str(secret.expose_secret()).map_err(|e| {
        Failure::permanent(Code::SecretMissing, format!("api/tokens: {}", engine::redact::json_error(&e)))
    })?;
    let digest = hex::encode(Sha256::digest(token.as_bytes()));
    // Every known token is compared, so that the time tells nothing about which one nearly fits.
    let found = known.into_iter().fold(None, |found, candidate| {
        let fits = bool::from(candidate.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
        if fits { Some(candidate) } else { found }
    });
    Ok(found.map(|token| Client { client: token.client, scopes: token.scopes.join(" ") }))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
