//! The tokens of API clients, as the secret `api/tokens` lists them. `token-authorize` reads the list, and the operator's command
//! line writes it.

use std::fmt;

use engine::{Code, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The name of the secret, below the deployment's prefix.
pub const SECRET: &str = "api/tokens";

/// The scopes that a token can have. `docs/api/openapi.yaml` says what each allows.
pub const SCOPES: [&str; 11] = [
    "orders:override",
    "orders:read",
    "orders:read:all",
    "orders:write",
    "orders:write:all",
    "reviews:decide",
    "reviews:decide:credit",
    "reviews:decide:finance",
    "reviews:decide:logistics",
    "reviews:decide:orders",
    "reviews:read",
];

/// A token, of which only the digest is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// The client's name, which is the source of the orders that it submits.
    pub client: String,
    /// The token's SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Such as `orders:read`.
    pub scopes: Vec<String>,
    /// When it was made; `None` if it was written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// From when on it authorizes nothing; `None` if it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for ListedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListedToken({})", self.client)
    }
}

impl ListedToken {
    /// Whether it authorizes nothing any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The secret's list. Each row is read alone, so that a malformed one refuses itself and no other.
#[derive(Debug, Clone, Default)]
pub struct TokenList {
    rows: Vec<Value>,
}

impl TokenList {
    /// Reads the secret.
    ///
    /// # Errors
    /// CFG-002: it is no JSON list.
    pub fn read(secret: &str) -> Result<Self, Failure> {
        let rows = serde_json::from_str(secret).map_err(|e| {
            Failure::permanent(Code::SecretMissing, format!("{SECRET}: {}", engine::redact::json_error(&e)))
        })?;
        Ok(Self { rows })
    }

    /// The rows, each with its token, or with why it is none.
    pub fn tokens(&self) -> impl Iterator<Item = Result<ListedToken, String>> {
        self.rows.iter().map(|row| {
            let token = ListedToken::deserialize(row).map_err(|e| engine::redact::json_error(&e))?;
            let is_digest = token.sha256.len() == 64 && token.sha256.bytes().all(|b| b.is_ascii_hexdigit());
            if is_digest { Ok(token) } else { Err("sha256 is not 64 hexadecimal digits".to_owned()) }
        })
    }

    /// The row of `token`. It is compared with every row, so that the duration does not depend on which one it is.
    pub fn find(&self, token: &str) -> Option<ListedToken> {
        let digest = digest(token);
        self.tokens().flatten().fold(None, |found, candidate| {
            let matches = bool::from(candidate.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
            if matches { Some(candidate) } else { found }
        })
    }

    /// The list with one more token.
    ///
    /// # Errors
    /// The token cannot be written as JSON: permanent.
    pub fn with(mut self, token: &ListedToken) -> Result<Self, Failure> {
        let row = serde_json::to_value(token)
            .map_err(|e| Failure::permanent(Code::StateImpossible, engine::redact::json_error(&e)))?;
        self.rows.push(row);
        Ok(self)
    }

    /// The list without the tokens that `is_revoked` names, and how many there were. Rows that name no token stay.
    #[must_use]
    pub fn without(self, is_revoked: impl Fn(&ListedToken) -> bool) -> (Self, usize) {
        let before = self.rows.len();
        let kept = |row: &Value| !ListedToken::deserialize(row).is_ok_and(|token| is_revoked(&token));
        let rows: Vec<Value> = self.rows.into_iter().filter(kept).collect();
        let revoked = before - rows.len();
        (Self { rows }, revoked)
    }

    /// The secret's text.
    pub fn text(&self) -> String {
        Value::Array(self.rows.clone()).to_string()
    }
}

/// What is stored of a token.
pub fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn listed(client: &str) -> ListedToken {
        let scopes = vec!["orders:read".to_owned()];
        ListedToken { client: client.to_owned(), sha256: digest(client), scopes, made: None, expires: None }
    }

    #[test]
    fn a_malformed_row_refuses_itself_alone_and_stays_where_others_are_added_and_revoked() {
        let rows = json!([{"client": "portal"}, 7, listed("reader"), {"client": "x", "sha256": "abc", "scopes": []}]);
        let list = TokenList::read(&rows.to_string()).unwrap();
        assert_eq!(list.tokens().filter(Result::is_ok).count(), 1);
        assert_eq!(list.find("reader").unwrap().client, "reader");
        assert!(list.find("x").is_none() && list.find("portal").is_none());
        let (list, revoked) = list.with(&listed("crew")).unwrap().without(|token| token.client == "reader");
        assert_eq!((revoked, list.tokens().count()), (1, 4));
        let written = TokenList::read(&list.text()).unwrap();
        assert!(written.find("crew").is_some() && written.find("reader").is_none());
        assert!(TokenList::read("{}").is_err() && TokenList::read("").is_err());
    }

    #[test]
    fn a_row_that_was_written_by_hand_counts_and_a_token_ends_when_it_expires() {
        let by_hand = json!([{"client": "portal", "sha256": digest("portal").to_ascii_uppercase(), "scopes": []}]);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut token = TokenList::read(&by_hand.to_string()).unwrap().find("portal").unwrap();
        assert!(!token.is_expired(Timestamp::MAX));
        token.expires = Some(at("2026-03-02T10:00:00Z"));
        assert!(!token.is_expired(at("2026-03-02T09:59:59Z")) && token.is_expired(at("2026-03-02T10:00:00Z")));
    }

    #[test]
    fn a_reason_never_repeats_the_row() {
        let list = TokenList::read(r#"[{"client": 5, "sha256": "secret", "scopes": "secret"}]"#).unwrap();
        let reasons: Vec<String> = list.tokens().filter_map(Result::err).collect();
        assert!(reasons.len() == 1 && !reasons[0].contains("secret"), "{reasons:?}");
    }
}
