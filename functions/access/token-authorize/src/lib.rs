//! Authenticates an API client by its bearer token, and returns its name and scopes.
//!
//! - On: every request to the API except webhooks, which are verified by their signature.
//! - Does: compares the token's SHA-256 with those in the secret `api/tokens`, in constant time. For an unknown token, it reads the
//!   secret again, at most every ten seconds, so that a new token is known at once.
//! - Then: API Gateway passes the name and the scopes on to the function behind the route.
//! - Fails: CFG-002 (the secret). A missing, unknown or expired token is not a failure, nor is one whose client is named like a
//!   partner: the request is not authorized. A malformed row of the secret is logged and refuses itself alone.

use engine::partner::{PartnerNames, Secrets};
use engine::{Context, Failure};
use secrecy::ExposeSecret;
use usecases::tokens::{self, ListedToken, TokenList};

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

/// The client with the token in the header `authorization`; `None` if there is no such token.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Secrets, impl PartnerNames>,
    authorization: Option<&str>,
    cx: &Context,
) -> Result<Option<Client>, Failure> {
    let Some(token) = authorization.and_then(bearer) else {
        return Ok(None);
    };
    let known = ports.secrets.secret(tokens::SECRET, false).await?;
    // A secret that was just mended counts, too, so that what is cached may be unreadable.
    let mut found = TokenList::read(known.expose_secret()).ok().and_then(|list| list.find(token));
    if found.is_none() {
        // It may be new. The store reads past its cache every ten seconds at most, however often it is asked.
        found = stored(&ports.secrets).await?.find(token);
    }
    let Some(ListedToken { client, scopes, .. }) = found.filter(|token| !token.is_expired(cx.now)) else {
        return Ok(None);
    };
    // The source of an order is part of its id: this client's orders would be the partner's.
    if ports.partner_names.is_partner(&client).await? {
        tracing::error!(client, "refused the token of {client}: a partner has this name");
        return Ok(None);
    }
    Ok(Some(Client { client, scopes: scopes.join(" ") }))
}

/// The list as it is stored.
async fn stored(secrets: &impl Secrets) -> Result<TokenList, Failure> {
    let list = TokenList::read(secrets.secret(tokens::SECRET, true).await?.expose_secret())?;
    for (row, why) in list.tokens().enumerate().filter_map(|(row, token)| Some((row, token.err()?))) {
        tracing::error!(row, why, "row {row} of {} authorizes nothing: {why}", tokens::SECRET);
    }
    Ok(list)
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
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-03-02T10:00:00Z";

    /// The secret as it is cached, and as it is stored; and one partner, `acme-crm`.
    struct Known {
        cached: Value,
        stored: Value,
    }

    impl Secrets for Known {
        async fn secret(&self, _name: &str, fresh: bool) -> Result<SecretString, Failure> {
            Ok(if fresh { &self.stored } else { &self.cached }.to_string().into())
        }
    }

    impl PartnerNames for Known {
        async fn is_partner(&self, name: &str) -> Result<bool, Failure> {
            Ok(name == "acme-crm")
        }
    }

    /// A token that is its client's name.
    fn row(client: &str, expires: Option<&str>) -> Value {
        json!({ "client": client, "sha256": tokens::digest(client), "scopes": ["orders:read"], "expires": expires })
    }

    async fn authorized(header: Option<&str>) -> Option<String> {
        let known = || {
            let cached = json!([
                row("portal", None),
                { "client": "broken" },
                row("acme-crm", None),
                row("ended", Some(NOW)),
                row("lasting", Some("2026-03-02T10:00:01Z")),
            ]);
            let stored = json!([row("new", None)]);
            Known { cached, stored }
        };
        let ports = Ports { secrets: known(), partner_names: known() };
        let cx = Context {
            function: "token-authorize",
            correlation: "c".to_owned(),
            traceparent: None,
            now: NOW.parse().unwrap(),
            event_time: jiff::Timestamp::UNIX_EPOCH,
            lease: Duration::from_secs(10),
            epoch: Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
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
    async fn a_new_token_authorizes_at_once_and_one_that_has_expired_does_not() {
        assert_eq!(authorized(Some("Bearer new")).await.as_deref(), Some("new"));
        assert_eq!(authorized(Some("Bearer lasting")).await.as_deref(), Some("lasting"));
        assert_eq!(authorized(Some("Bearer ended")).await, None);
    }

    #[tokio::test]
    async fn a_client_that_is_named_like_a_partner_is_refused() {
        assert_eq!(authorized(Some("Bearer acme-crm")).await, None);
    }
}
