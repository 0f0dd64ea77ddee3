//! Authenticates an API client by its bearer token, and returns its name and scopes.
//!
//! - On: every request to the API except webhooks, which are verified by their signature.
//! - Does: compares the token's SHA-256 with those in the secret `api/tokens`, in constant time.
//! - Then: API Gateway passes the name and the scopes on to the function behind the route.
//! - Fails: CFG-002 (the secret). A missing or unknown token is not a failure: the request is not authorized.

use engine::partner::Secrets;
use engine::{Code, Context, Failure};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<S> {
    /// Has the digests of the tokens.
    pub secrets: S,
}

/// An authenticated client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The client's name, which is the source of the orders that it submits.
    pub client: String,
    /// Such as `orders:read orders:write`, separated by blanks.
    pub scopes: String,
}

/// A token in the secret `api/tokens`.
#[derive(Deserialize)]
struct ListedToken {
    client: String,
    sha256: String,
    scopes: Vec<String>,
}

/// The client with the token in the header `authorization`; `None` if there is no such token.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Secrets>,
    authorization: Option<&str>,
    _cx: &Context,
) -> Result<Option<Client>, Failure> {
    let Some(token) = authorization.and_then(bearer) else {
        return Ok(None);
    };
    let secret = ports.secrets.secret("api/tokens", false).await?;
    let tokens: Vec<ListedToken> = serde_json::from_str(secret.expose_secret()).map_err(|e| {
        Failure::permanent(Code::SecretMissing, format!("api/tokens: {}", engine::redact::json_error(&e)))
    })?;
    let digest = hex::encode(Sha256::digest(token.as_bytes()));
    // Compare with every token, so that the duration does not depend on which one matches.
    let found = tokens.into_iter().fold(None, |found, candidate| {
        let matches = bool::from(candidate.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
        if matches { Some(candidate) } else { found }
    });
    Ok(found.map(|token| Client { client: token.client, scopes: token.scopes.join(" ") }))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
