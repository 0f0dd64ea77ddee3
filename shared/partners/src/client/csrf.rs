//! CSRF tokens as SAP's gateway requires them: fetched with a read, sent with each write together with the session's cookies.
//! An instance caches one per partner until the partner rejects it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::PartnerId;
use secrecy::{ExposeSecret as _, SecretString};

use crate::client::transport::Reply;

/// In requests and in replies.
pub(crate) const HEADER: &str = "x-csrf-token";

/// One instance's tokens. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CsrfTokens(Arc<Mutex<BTreeMap<PartnerId, CsrfToken>>>);

/// A token, and the cookies of the session that it is valid in.
#[derive(Debug, Clone)]
pub(crate) struct CsrfToken {
    token: SecretString,
    cookies: SecretString,
}

impl CsrfTokens {
    pub(crate) fn get(&self, partner: &PartnerId) -> Option<CsrfToken> {
        self.lock().get(partner).cloned()
    }

    pub(crate) fn store(&self, partner: &PartnerId, token: CsrfToken) {
        self.lock().insert(partner.clone(), token);
    }

    /// A poisoned lock is safe to use: every change is a single insertion.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PartnerId, CsrfToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CsrfToken {
    /// The token in the reply to a fetch; `None` if there is none.
    pub(crate) fn read(reply: &Reply) -> Option<Self> {
        let token = reply.header(HEADER).filter(|_| !is_required(reply)).filter(|token| !token.is_empty())?;
        let set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
        // Attributes after the first semicolon are for browsers.
        let cookies: Vec<&str> = set.filter_map(|(_, value)| value.split(';').next()).map(str::trim).collect();
        Some(Self { token: SecretString::from(token), cookies: SecretString::from(cookies.join("; ")) })
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let cookies = self.cookies.expose_secret();
        let cookies = (!cookies.is_empty()).then(|| ("cookie", cookies.to_owned()));
        [(HEADER, self.token.expose_secret().to_owned())].into_iter().chain(cookies).collect()
    }
}

/// Whether the partner did nothing because the token is missing or has expired.
pub(crate) fn is_required(reply: &Reply) -> bool {
    reply.header(HEADER).is_some_and(|value| value.eq_ignore_ascii_case("required"))
}
