//! Signing in by OpenID Connect: the code flow with PKCE. This is what is sent and what is believed; the function behind the
//! console's routes makes the calls.
//!
//! Three secrets keep the flow to one browser: `state` ties the provider's answer to the browser that asked, `nonce` the identity
//! token to the request, and the verifier the code. They are in one encrypted cookie for ten minutes and count once.

mod cookie;
mod keys;
mod settings;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use cookie::form_token;
pub use cookie::{CookieKeys, SESSION, SIGN_IN, cookie, digest, removed, set, text_matches};
pub use jsonwebtoken::DecodingKey as Key;
pub use keys::{KeySet, KnownKeys, Lookup};
pub use settings::{Provider, SECRET, Settings};
pub use token::{Identity, Refused, check, key_of};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use engine::{Code, Failure};
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;

/// How long a person may take at the provider.
pub const SIGN_IN_TIME: Duration = Duration::from_secs(600);
/// How long a session lasts. Afterwards the provider is asked again, which most answer without asking the person.
pub const SESSION_TIME: Duration = Duration::from_secs(900);

/// A sign-in under way, as its cookie has it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Comes back in the provider's answer.
    pub state: String,
    /// Comes back in the identity token.
    pub nonce: String,
    /// Proves to the provider that the code is redeemed by whom it was asked for.
    pub verifier: String,
    /// The page that was asked for.
    pub to: String,
    /// When it began.
    pub began: Timestamp,
}

impl Pending {
    /// A sign-in with new secrets.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn begin(to: String, now: Timestamp) -> Result<Self, Failure> {
        Ok(Self { state: secret()?, nonce: secret()?, verifier: secret()?, to, began: now })
    }

    /// The value of its cookie.
    ///
    /// # Errors
    /// It cannot be encrypted.
    pub fn sealed(&self, keys: &CookieKeys) -> Result<String, Failure> {
        let text = serde_json::to_vec(self).map_err(|_not_shown| impossible("a sign-in cannot be written"))?;
        keys.seal(SIGN_IN, &text)
    }

    /// The sign-in in a cookie's value, if it is one of ours and not too old.
    pub fn opened(keys: &CookieKeys, value: &str, now: Timestamp) -> Option<Self> {
        let text = keys.open(SIGN_IN, value)?;
        let pending: Self = serde_json::from_slice(&text).ok()?;
        let ends = pending.began.checked_add(SIGN_IN_TIME).ok()?;
        (pending.began <= now && now < ends).then_some(pending)
    }

    /// Where the browser goes: the provider's page.
    pub fn address(&self, provider: &Provider, metadata: &Metadata, return_to: &str) -> String {
        let mut url = metadata.authorization_endpoint.clone();
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", return_to)
            .append_pair("scope", &provider.scope)
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        url.into()
    }

    /// The form that redeems `code` at the provider's token endpoint.
    pub fn redemption(&self, code: &str, return_to: &str) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", return_to)
            .append_pair("code_verifier", &self.verifier)
            .finish()
    }
}

/// What the provider says of itself (OpenID Connect Discovery).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// As identity tokens name it.
    issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: Url,
    /// Where codes are redeemed.
    pub token_endpoint: Url,
    /// Where its keys are.
    pub jwks_uri: Url,
    answers_with_issuer: bool,
}

impl Metadata {
    /// Reads the provider's document, which must be about the issuer that was asked. Where that is reached by https, so is
    /// everything that it names.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(body: &[u8], issuer: &Url) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            authorization_endpoint: String,
            token_endpoint: String,
            jwks_uri: String,
            #[serde(default)]
            authorization_response_iss_parameter_supported: bool,
        }
        let unreadable = "its description cannot be read";
        let document: Document = engine::json::typed(body).map_err(|_not_shown| unreadable)?;
        let url = |text: &str| Url::parse(text).map_err(|_not_shown| unreadable);
        let metadata = Self {
            issuer: document.issuer,
            authorization_endpoint: url(&document.authorization_endpoint)?,
            token_endpoint: url(&document.token_endpoint)?,
            jwks_uri: url(&document.jwks_uri)?,
            answers_with_issuer: document.authorization_response_iss_parameter_supported,
        };
        if metadata.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
            return Err("its description is about another issuer");
        }
        let named = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if named.into_iter().any(|url| url.scheme() != issuer.scheme()) {
            return Err("its description names an address without https");
        }
        Ok(metadata)
    }

    /// The issuer as identity tokens name it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether an answer with this `iss` is the provider's (RFC 9207): a wrong one never, a missing one where it promises none.
    pub fn is_answer(&self, iss: Option<&str>) -> bool {
        match iss {
            Some(iss) => iss == self.issuer,
            None => !self.answers_with_issuer,
        }
    }
}

/// The identity token in the provider's answer to a redemption.
///
/// # Errors
/// There is none.
pub fn identity_token(body: &[u8]) -> Result<String, &'static str> {
    #[derive(Deserialize)]
    struct Answer {
        id_token: String,
    }
    let answer: Answer = engine::json::typed(body).map_err(|_not_shown| "its answer has no identity token")?;
    Ok(answer.id_token)
}

/// 256 random bits as text.
///
/// # Errors
/// The system has no random numbers.
pub fn secret() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_unspecified| impossible("the system has no random numbers"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn impossible(why: &'static str) -> Failure {
    Failure::permanent(Code::StateImpossible, why)
}
