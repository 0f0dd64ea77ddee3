//! Authenticates an API client by its bearer token, and returns its name and scopes.
//!
//! - On: every request to the API except webhooks, which are verified by their signature.
//! - Does: compares the token's SHA-256 with those in the secret `api/tokens`, in constant time.
//! - Then: API Gateway passes the name and the scopes on to the function behind the route.
//! - Fails: CFG-002 (the secret). A missing or unknown token is not a failure, nor is one whose client is named like a partner:
//!   the request is not authorized.

use engine::partner::{PartnerNames, Secrets};
use engine::{Code, Context, Failure};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<S, N> {
    /// Has the digests of the tokens.
    pub secrets: S,
    /// Has the names that no client may have.
    pub partner_names: N,
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
    ports: &Ports<impl Secrets, impl PartnerNames>,
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
    let Some(ListedToken { client, scopes, .. }) = found else { return Ok(None) };
    // The source of an order is part of its id: this client's orders would be the partner's.
    if ports.partner_names.is_partner(&client).await? {
        tracing::error!(client, "refused the token of {client}: a partner has this name");
        return Ok(None);
    }
    Ok(Some(Client { client, scopes: scopes.join(" ") }))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use engine::Epoch;
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    /// Tokens of clients, which are each one's name; and one partner, `acme-crm`.
    struct Known(&'static [&'static str]);

    impl Secrets for Known {
        async fn secret(&self, _name: &str, _fresh: bool) -> Result<SecretString, Failure> {
            let listed = self.0.iter().map(|client| {
                json!({ "client": client, "sha256": hex::encode(Sha256::digest(client)), "scopes": ["orders:read"] })
            });
            Ok(json!(listed.collect::<Vec<_>>()).to_string().into())
        }
    }

    impl PartnerNames for Known {
        async fn is_partner(&self, name: &str) -> Result<bool, Failure> {
            Ok(name == "acme-crm")
        }
    }

    async fn authorized(header: Option<&str>) -> Option<String> {
        const CLIENTS: &[&str] = &["portal", "acme-crm"];
        let ports = Ports { secrets: Known(CLIENTS), partner_names: Known(CLIENTS) };
        let cx = Context {
            function: "token-authorize",
            correlation: "c".to_owned(),
            traceparent: None,
            now: jiff::Timestamp::UNIX_EPOCH,
            event_time: jiff::Timestamp::UNIX_EPOCH,
            lease: Duration::from_secs(10),
            epoch: Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            woken_by: None,
        };
        handle(&ports, header, &cx).await.unwrap().map(|client| client.client)
    }

    #[tokio::test]
    async fn a_token_authorizes_its_client_and_no_other_text_does() {
        assert_eq!(authorized(Some("Bearer portal")).await.as_deref(), Some("portal"));
        assert_eq!(authorized(Some("bearer  portal ")).await.as_deref(), Some("portal"));
        for header in [None, Some(""), Some("portal"), Some("Basic portal"), Some("Bearer "), Some("Bearer Portal")] {
            assert_eq!(authorized(header).await, None, "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_is_named_like_a_partner_is_refused() {
        assert_eq!(authorized(Some("Bearer acme-crm")).await, None);
    }
}
