//! Standard Webhooks signatures, from the sender's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The `webhook-signature` header for a message: one `v1,<base64>` per secret, separated by spaces. A secret is
/// `whsec_<base64>`; one that is not readable signs with its plain bytes, so that a wrong secret yields a wrong
/// signature and not a crash.
#[must_use]
pub fn signature(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<String> =
        secrets.iter().map(|secret| format!("v1,{}", one(secret, id, timestamp, body))).collect();
    signatures.join(" ")
}

/// The default signing secret of a partner. It is public by design, for a stack on the loopback interface only.
#[must_use]
pub fn local_secret(partner: &str) -> String {
    let bytes = Sha256::digest(format!("crossdock local signing secret of {partner}"));
    format!("whsec_{}", STANDARD.encode(bytes))
}

/// The default bearer token of a partner, as public as [`local_secret`].
#[must_use]
pub fn local_token(partner: &str) -> String {
    format!("local-{partner}-token")
}

fn one(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|text| STANDARD.decode(text).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        // HMAC takes keys of any length, so that this cannot happen; an empty signature is refused by any verifier.
        return String::new();
    };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::signature;

    /// The example that the Standard Webhooks libraries share as their known answer.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
