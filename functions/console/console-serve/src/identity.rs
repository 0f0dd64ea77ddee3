//! The identity provider over HTTP, and what an instance knows of it.

use std::cell::RefCell;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use console::sign_in::{KeySet, KnownKeys, Lookup, Metadata, Provider};
use engine::{Code, Failure};
use jiff::Timestamp;
use partners::{Call, HttpTransport, Method, Transport as _, TransportFailure};
use secrecy::ExposeSecret as _;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// What the console asks the identity provider.
pub trait Exchange {
    /// The body at `url`.
    fn fetch(&self, url: &Url) -> impl Future<Output = Result<Vec<u8>, Failure>>;

    /// The body of the answer to `form` at the token endpoint `url`; `None` if the provider refuses it.
    fn redeem(
        &self,
        url: &Url,
        form: String,
        provider: &Provider,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>>;

    /// What is known already.
    fn known(&self) -> &Known;
}

/// One instance's knowledge of the provider.
#[derive(Default)]
pub struct Known {
    metadata: RefCell<Option<(Metadata, Timestamp)>>,
    keys: KnownKeys,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

/// How long the provider's description of itself counts.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// The provider's description of itself.
pub(crate) async fn metadata(
    exchange: &impl Exchange,
    provider: &Provider,
    now: Timestamp,
) -> Result<Metadata, Failure> {
    let fresh = |known: &(Metadata, Timestamp)| {
        let age = Duration::try_from(now.duration_since(known.1)).unwrap_or_default();
        (age < MAX_AGE).then(|| known.0.clone())
    };
    let known = exchange.known().metadata.borrow().as_ref().and_then(fresh);
    if let Some(metadata) = known {
        return Ok(metadata);
    }
    let address = format!("{}/.well-known/openid-configuration", provider.issuer.as_str().trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|_not_shown| unusable("its address is no URL"))?;
    let metadata = Metadata::read(&exchange.fetch(&address).await?, &provider.issuer).map_err(unusable)?;
    *exchange.known().metadata.borrow_mut() = Some((metadata.clone(), now));
    Ok(metadata)
}

/// The provider's key of this id; `None` if it has none.
pub(crate) async fn key(
    exchange: &impl Exchange,
    metadata: &Metadata,
    id: Option<&str>,
    now: Timestamp,
) -> Result<Option<console::sign_in::Key>, Failure> {
    let keys = &exchange.known().keys;
    match keys.look_up(id, now) {
        Lookup::Found(key) => return Ok(Some(*key)),
        Lookup::Unknown => return Ok(None),
        Lookup::Ask => {}
    }
    let fetched = exchange.fetch(&metadata.jwks_uri).await.and_then(|body| KeySet::read(&body).map_err(unusable));
    match fetched {
        Ok(set) => keys.answered(Some(set), now),
        Err(failure) => {
            keys.answered(None, now);
            return Err(failure);
        }
    }
    match keys.look_up(id, now) {
        Lookup::Found(key) => Ok(Some(*key)),
        Lookup::Ask | Lookup::Unknown => Ok(None),
    }
}

pub(crate) fn unusable(why: &'static str) -> Failure {
    Failure::permanent(Code::PartnerGarbage, format!("the identity provider: {why}"))
}

/// Calls the provider through the client that partners are called with: bounded, without redirects, to public addresses alone.
#[derive(Debug)]
pub struct ProviderOverHttp {
    transport: HttpTransport,
    timeout: Duration,
    known: Known,
}

impl ProviderOverHttp {
    /// A client; `may_be_private` is for a local stack.
    ///
    /// # Errors
    /// The TLS configuration cannot be built.
    pub fn new(may_be_private: bool, timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { transport: HttpTransport::new(may_be_private, timeout)?, timeout, known: Known::default() })
    }

    async fn send(&self, call: Call) -> Result<(u16, Vec<u8>), Failure> {
        let reply = self.transport.send(call).await.map_err(|why| {
            let (code, why) = match why {
                TransportFailure::NotSent(why) | TransportFailure::Lost(why) => (Code::PartnerBusy, why),
                TransportFailure::TimedOut => (Code::PartnerTimeout, "no answer in time".to_owned()),
                TransportFailure::Forbidden(why) => {
                    return Failure::permanent(Code::PartnerRefused, format!("the identity provider: {why}"));
                }
            };
            Failure::transient(code, format!("the identity provider: {why}"))
        })?;
        match reply.status {
            status if status >= 500 || status == 429 => {
                Err(Failure::transient(Code::PartnerBusy, format!("the identity provider answers {status}")))
            }
            status => Ok((status, reply.body)),
        }
    }
}

impl Exchange for ProviderOverHttp {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, Failure> {
        let headers = vec![("accept", "application/json".to_owned())];
        let call = Call { method: Method::Get, url: url.clone(), headers, body: vec![], timeout: self.timeout };
        match self.send(call).await? {
            (200, body) => Ok(body),
            (status, _) => {
                Err(Failure::permanent(Code::PartnerRefused, format!("the identity provider answers {status}")))
            }
        }
    }

    async fn redeem(&self, url: &Url, form: String, provider: &Provider) -> Result<Option<Vec<u8>>, Failure> {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&provider.client_id), encoded(provider.client_secret.expose_secret()));
        let headers = vec![
            ("accept", "application/json".to_owned()),
            ("authorization", format!("Basic {}", BASE64_STANDARD.encode(pair))),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let body = form.into_bytes();
        let call = Call { method: Method::Post, url: url.clone(), headers, body, timeout: self.timeout };
        match self.send(call).await? {
            (200, body) => Ok(Some(body)),
            (401, _) => Err(Failure::permanent(
                Code::PartnerUnauthorized,
                "the identity provider does not accept the console's client_secret",
            )),
            (_, _) => Ok(None),
        }
    }

    fn known(&self) -> &Known {
        &self.known
    }
}
