//! Cookies: their attributes, the encryption of the one that has secrets, and the tokens of forms.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use engine::Failure;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

use super::impossible;

/// The cookie of a sign-in under way.
pub const SIGN_IN: &str = "__Host-crossdock-sign-in";
/// The cookie of a session.
pub const SESSION: &str = "__Host-crossdock-session";

/// The keys that cookies are encrypted with: the first encrypts, each decrypts.
pub struct CookieKeys(Vec<LessSafeKey>);

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieKeys({})", self.0.len())
    }
}

impl CookieKeys {
    /// Keys of 32 bytes each, in base64.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn read(keys: &[String]) -> Result<Self, &'static str> {
        let key = |text: &String| {
            let bytes = BASE64_STANDARD.decode(text).ok()?;
            Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?))
        };
        let keys: Option<Vec<LessSafeKey>> = keys.iter().map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self).ok_or("cookie_keys are not 32 bytes each in base64")
    }

    /// Encrypts the value of the cookie `name`, so that it counts in no other.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seal(&self, name: &str, text: &[u8]) -> Result<String, Failure> {
        let failed = || impossible("a cookie cannot be encrypted");
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_unspecified| failed())?;
        let mut sealed = text.to_vec();
        let key = self.0.first().ok_or_else(failed)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut sealed)
            .map_err(|_unspecified| failed())?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The text in the value of the cookie `name`; `None` if one of these keys did not encrypt it.
    pub fn open(&self, name: &str, value: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        self.0.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = sealed.to_vec();
            key.open_in_place(nonce, Aad::from(name), &mut text).ok().map(|text| text.to_vec())
        })
    }
}

/// The value of `Set-Cookie` for a cookie that only this host gets, over https, no script reads, and no other site's form sends.
pub fn set(name: &str, value: &str, lasts: Duration) -> String {
    format!("{name}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax", lasts.as_secs())
}

/// The value of `Set-Cookie` that removes a cookie.
pub fn removed(name: &str) -> String {
    set(name, "", Duration::ZERO)
}

/// The value of the cookie `name` in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    // A cookie with `__Host-` is one for the host, so that none of another path precedes it.
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// What is stored of a browser's secret.
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Whether two texts are equal, in a time that does not depend on where they differ.
pub fn text_matches(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

/// The token of a session's forms for `purpose`: no one without the session's secret can make it.
pub(crate) fn form_token(secret: &str, purpose: &str) -> String {
    // A key may have any length, so this is always one.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    BASE64_URL_SAFE_NO_PAD.encode(mac.chain_update(purpose.as_bytes()).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keys(bytes: &[u8]) -> CookieKeys {
        CookieKeys::read(&bytes.iter().map(|byte| BASE64_STANDARD.encode([*byte; 32])).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_sealed_cookie_opens_with_its_key_under_its_name_unchanged_and_not_otherwise() {
        let sealed = keys(&[1]).seal(SIGN_IN, b"state").unwrap();
        assert_ne!(sealed, keys(&[1]).seal(SIGN_IN, b"state").unwrap(), "no two are equal");
        assert_eq!(keys(&[1]).open(SIGN_IN, &sealed).unwrap(), b"state");
        assert_eq!(keys(&[2, 1]).open(SIGN_IN, &sealed).unwrap(), b"state", "an earlier key still opens");
        assert_eq!(keys(&[2]).open(SIGN_IN, &sealed), None);
        assert_eq!(keys(&[1]).open(SESSION, &sealed), None, "it is of its name");
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(keys(&[1]).open(SIGN_IN, &BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {at}");
            bytes[at] ^= 1;
        }
        for other in ["", "?", "AAAA", &sealed[..20]] {
            assert_eq!(keys(&[1]).open(SIGN_IN, other), None);
        }
    }

    #[test]
    fn keys_are_32_bytes_and_there_is_one() {
        assert!(CookieKeys::read(&[]).is_err());
        assert!(CookieKeys::read(&[BASE64_STANDARD.encode([1; 31])]).is_err());
        assert!(CookieKeys::read(&["x".repeat(44)]).is_err());
    }

    #[test]
    fn a_cookie_is_of_this_host_over_https_for_no_script_and_no_other_site() {
        assert_eq!(
            set(SESSION, "v", Duration::from_secs(900)),
            "__Host-crossdock-session=v; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(removed(SESSION).contains("Max-Age=0"));
        assert_eq!(cookie("a=b; __Host-crossdock-session=v=1;c", SESSION), Some("v=1"));
        assert_eq!(cookie("x__Host-crossdock-session=v", SESSION), None);
    }

    #[test]
    fn a_forms_token_is_of_its_session_and_purpose() {
        let token = form_token("secret", "form");
        assert_eq!(token.len(), 43);
        assert!(text_matches(&token, &form_token("secret", "form")));
        assert!(
            !text_matches(&token, &form_token("secret2", "form")) && !text_matches(&token, &form_token("secret", "x"))
        );
        assert!(!text_matches(&token, "") && !text_matches("", "x"));
    }
}
