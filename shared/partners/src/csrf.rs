//! Tokens against forged requests, as SAP's gateway asks for them: fetched with a read, sent with each write, together with the
//! session's cookies. An instance keeps one per partner for as long as the partner takes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::PartnerId;
use secrecy::{ExposeSecret as _, SecretString};

use crate::transport::Reply;

/// The header of both directions.
pub(crate) const HEADER: &str = "x-csrf-token";

/// The tokens of one instance. A handle: a clone fulfillments them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CsrfTokens(Arc<Mutex<BTreeMap<PartnerId, CsrfToken>>>);

/// One partner's token and the session that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct CsrfToken {
    token: SecretString,
    cookies: SecretString,
}

impl CsrfTokens {
    pub(crate) fn of(&self, partner: &PartnerId) -> Option<CsrfToken> {
        self.tokens().get(partner).cloned()
    }

    pub(crate) fn keep(&self, partner: &PartnerId, token: CsrfToken) {
        self.tokens().insert(partner.clone(), token);
    }

    /// A panic elsewhere leaves nothing half done in here.
    fn tokens(&self) -> MutexGuard<'_, BTreeMap<PartnerId, CsrfToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CsrfToken {
    /// The token that the answer to a fetch gives.
    pub(crate) fn read(reply: &Reply) -> Option<Self> {
        let token = reply.header(HEADER).filter(|_| !is_required(reply)).filter(|token| !token.is_empty())?;
        let set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
        // What stands behind the first semicolon is for browsers.
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
