//! A partner's secrets: the bearer token that we send, and, in a secret of its own, what the partner signs webhooks with.

use engine::Code;
use engine::partner::CallFailure;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::client::failures::ours;

/// The JSON in Secrets Manager under `<prefix>/partner/<role>/<id>`.
#[derive(Deserialize)]
struct PartnerSecret {
    token: String,
}

/// The JSON in Secrets Manager under `<prefix>/webhook/<id>`.
#[derive(Deserialize)]
struct WebhookSecret {
    signing: Vec<String>,
}

/// The bearer token in the secret `name`.
pub(crate) fn token(name: &str, secret: &SecretString) -> Result<SecretString, CallFailure> {
    match serde_json::from_str::<PartnerSecret>(secret.expose_secret()) {
        Ok(PartnerSecret { token }) if !token.is_empty() => Ok(SecretString::from(token)),
        Ok(_) | Err(_) => Err(ours(Code::SecretMissing, format!("the secret {name} has no token"))),
    }
}

/// The signing secrets; none if the secret cannot be read.
pub(crate) fn signing(secret: &SecretString) -> Vec<SecretString> {
    let secret = serde_json::from_str::<WebhookSecret>(secret.expose_secret());
    secret.map(|secret| secret.signing.into_iter().map(SecretString::from).collect()).unwrap_or_default()
}
