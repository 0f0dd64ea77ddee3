//! One call to a partner on behalf of one step: URL, headers, tokens, the exchange itself, and what its status means.

use std::borrow::Cow;
use std::time::Duration;

use engine::http::Offence;
use engine::partner::{CallFailure, Secrets};
use engine::{Clock, Code, Context, Wait};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::auth;
use crate::client::csrf::{self, CsrfToken, CsrfTokens};
use crate::client::failures::{not_sent, ours};
use crate::client::rejection::rejection;
use crate::client::retry_after;
use crate::client::stats::CallStats;
use crate::client::transport::{Call, Method, Reply, Transport, TransportFailure};
use crate::registry::Partner;
use crate::wire::fields::ORIGIN;

/// A client for one partner, made for one call of a step.
pub(crate) struct PartnerClient<'a, S, T> {
    pub(crate) partner: &'a Partner,
    pub(crate) secrets: &'a S,
    pub(crate) transport: &'a T,
    pub(crate) cx: &'a Context,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) csrf: &'a CsrfTokens,
    pub(crate) stats: CallStats,
}

/// A request before authorization and correlation are added.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The idempotency key of a write.
    pub(crate) key: Option<String>,
    /// Headers that only this protocol has.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A reply that the adapter has to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 2xx.
    Done(Reply),
    /// 409; also 412, if the request had an `if-match`.
    Conflict(Reply),
    /// 404.
    NotFound(Reply),
    /// 422.
    Unprocessable(Reply),
}

impl<S: Secrets, T: Transport> PartnerClient<'_, S, T> {
    /// The partner's base URL with `segments` appended.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, CallFailure> {
        let mut url = self.partner.base_url.clone();
        // `.` and `..` would leave the partner's API.
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ours(Code::PartnerRefused, "an id in the request cannot stand in a URL"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    pub(crate) fn get(&self, url: Url) -> HttpRequest {
        HttpRequest { method: Method::Get, url, key: None, headers: vec![], body: vec![] }
    }

    /// A write with `body` as JSON.
    pub(crate) fn write(
        &self,
        method: Method,
        url: Url,
        key: Option<String>,
        body: &impl Serialize,
    ) -> Result<HttpRequest, CallFailure> {
        let body = serde_json::to_vec(body).map_err(|_| ours(Code::PartnerRefused, "the request cannot be written"))?;
        Ok(HttpRequest { method, url, key, headers: vec![], body })
    }

    /// A `POST` without a body.
    pub(crate) fn post_empty(&self, url: Url, key: String) -> HttpRequest {
        HttpRequest { method: Method::Post, url, key: Some(key), headers: vec![], body: vec![] }
    }

    /// Sends `request`. If the partner rejects our token, reads the token again and sends once more: it may have been rotated
    /// a moment ago.
    pub(crate) async fn call(&self, request: &HttpRequest) -> Result<Answer, CallFailure> {
        let reply = if self.partner.csrf && request.method != Method::Get {
            self.send_with_csrf(request).await?
        } else {
            self.send_authorized(request).await?
        };
        // Without a condition of ours, a 412 is our own mistake.
        if reply.status == 412 && request.headers.iter().any(|(name, _)| *name == "if-match") {
            return Ok(Answer::Conflict(reply));
        }
        self.meaning(reply)
    }

    /// Sends with a CSRF token and its session.
    async fn send_with_csrf(&self, request: &HttpRequest) -> Result<Reply, CallFailure> {
        let cached = self.csrf.get(&self.partner.id);
        let is_new = cached.is_none();
        let token = match cached {
            Some(token) => token,
            None => self.fetch_csrf().await?,
        };
        let reply = self.send_authorized(&with_csrf(request, &token)).await?;
        // The token expired with its session. The partner did nothing, so the write is sent once more.
        if reply.status == 403 && csrf::is_required(&reply) && !is_new {
            let token = self.fetch_csrf().await?;
            return self.send_authorized(&with_csrf(request, &token)).await;
        }
        Ok(reply)
    }

    /// Fetches and caches a CSRF token. Every failure here means that the write was not sent.
    async fn fetch_csrf(&self) -> Result<CsrfToken, CallFailure> {
        let headers = vec![(csrf::HEADER, "Fetch".to_owned())];
        let fetch = HttpRequest { headers, ..self.get(self.partner.base_url.clone()) };
        let write_not_sent = |failure| match failure {
            CallFailure::Unknown { code, cause } => CallFailure::NotSent { code, cause },
            failure @ (CallFailure::Refused(_)
            | CallFailure::Limited { .. }
            | CallFailure::NotSent { .. }
            | CallFailure::Closed { .. }
            | CallFailure::Ours { .. }) => failure,
        };
        let reply = self.send_authorized(&fetch).await.map_err(write_not_sent)?;
        if let Some(token) = CsrfToken::read(&reply) {
            self.csrf.store(&self.partner.id, token.clone());
            return Ok(token);
        }
        self.meaning(reply).map_err(write_not_sent)?;
        let cause = self.cause("sent no x-csrf-token", "its document says csrf = true");
        Err(self.misconfigured(Code::PartnerUnauthorized, cause))
    }

    /// Sends with the cached token, and once more with a fresh one if the partner rejects it.
    async fn send_authorized(&self, request: &HttpRequest) -> Result<Reply, CallFailure> {
        let reply = self.send(request, false).await?;
        if matches!(reply.status, 401 | 403) && !csrf::is_required(&reply) {
            return self.send(request, true).await;
        }
        Ok(reply)
    }

    async fn send(&self, request: &HttpRequest, fresh_token: bool) -> Result<Reply, CallFailure> {
        let token = self.token(fresh_token).await?;
        let mut headers = vec![
            ("authorization", format!("Bearer {}", token.expose_secret())),
            ("accept", "application/json".to_owned()),
            ("x-correlation-id", self.cx.correlation.clone()),
        ];
        headers.extend(self.cx.traceparent.clone().map(|parent| ("traceparent", parent)));
        let is_write = request.method != Method::Get;
        // Partners that send change messages return it in the messages that our own writes caused.
        if is_write {
            headers.push(("x-origin", ORIGIN.to_owned()));
        }
        headers.extend(request.key.clone().map(|key| ("idempotency-key", key)));
        headers.extend(request.headers.iter().cloned());
        let (method, url, body) = (request.method, request.url.clone(), request.body.clone());
        let call = Call { method, url, headers, body, timeout: self.timeout() };
        self.stats.count_request();
        let sent_at = self.clock.now();
        let reply = self.transport.send(call).await;
        let latency = Duration::try_from(self.clock.now().duration_since(sent_at)).unwrap_or_default();
        self.stats.record(&reply, latency, is_write);
        if reply.is_ok() {
            self.cx.measures.latency("partner-latency", &self.partner.id, latency);
        }
        reply.map_err(|failure| match failure {
            TransportFailure::NotSent(why) => {
                CallFailure::NotSent { code: Code::PartnerBusy, cause: self.cause("cannot be reached", &why) }
            }
            TransportFailure::Forbidden(why) => {
                self.misconfigured(Code::PartnerUnknown, self.cause("cannot be called", why))
            }
            TransportFailure::TimedOut => {
                CallFailure::Unknown { code: Code::PartnerTimeout, cause: self.cause("did not answer in time", "") }
            }
            TransportFailure::Lost(why) => CallFailure::Unknown {
                code: Code::PartnerBusy,
                cause: self.cause("sent an answer that was lost", &why),
            },
        })
    }

    /// A failure that says "nothing was done" is true of the last request only. If an earlier request of the same call may
    /// have written, the call's outcome is unknown.
    pub(crate) fn after_writes(&self, failure: CallFailure) -> CallFailure {
        match failure {
            CallFailure::NotSent { code, cause } if self.stats.maybe_written() => CallFailure::Unknown { code, cause },
            CallFailure::Limited { partner, retry_after } if self.stats.maybe_written() => {
                let until = self.clock.now().checked_add(retry_after).unwrap_or(Timestamp::MAX);
                let cause = self.cause("asked us to wait", "after a write");
                let after = Some(Box::new(CallFailure::Unknown { code: Code::PartnerBusy, cause }));
                CallFailure::Closed { until, why: Wait::Limited(partner), after }
            }
            failure @ (CallFailure::Refused(_)
            | CallFailure::Unknown { .. }
            | CallFailure::NotSent { .. }
            | CallFailure::Limited { .. }
            | CallFailure::Closed { .. }
            | CallFailure::Ours { .. }) => failure,
        }
    }

    /// For one request: the document's timeout, but no more than two fifths of the step's lease. A call may look up and send,
    /// and the step still has to record the outcome. CSRF may need two more requests, so it gets one fifth.
    pub(crate) fn timeout(&self) -> Duration {
        let longest = if self.partner.csrf { self.cx.lease / 5 } else { self.cx.lease * 2 / 5 };
        Duration::from_millis(self.partner.timeout_ms).min(longest)
    }

    async fn token(&self, fresh: bool) -> Result<SecretString, CallFailure> {
        let name = &self.partner.secret;
        let secret = self.secrets.secret(name, fresh).await.map_err(not_sent);
        secret.and_then(|secret| auth::token(name, &secret)).map_err(|failure| match failure {
            CallFailure::Ours { code, cause } => self.misconfigured(code, cause),
            failure @ (CallFailure::Refused(_)
            | CallFailure::Limited { .. }
            | CallFailure::NotSent { .. }
            | CallFailure::Unknown { .. }
            | CallFailure::Closed { .. }) => failure,
        })
    }

    /// A fault of our configuration for this partner, which every call to it meets. It counts for the circuit breaker, so that
    /// the partner's work waits until the fault is corrected, instead of being parked message by message.
    fn misconfigured(&self, code: Code, cause: Cow<'static, str>) -> CallFailure {
        self.stats.misconfigured();
        CallFailure::NotSent { code, cause }
    }

    /// What a status means, for any request.
    fn meaning(&self, reply: Reply) -> Result<Answer, CallFailure> {
        let status = reply.status;
        let named = format!("status {status}");
        match status {
            200..=299 => Ok(Answer::Done(reply)),
            404 => Ok(Answer::NotFound(reply)),
            409 => Ok(Answer::Conflict(reply)),
            422 => Ok(Answer::Unprocessable(reply)),
            401 | 403 => {
                let cause = self.cause("does not accept our credentials", &named);
                Err(self.misconfigured(Code::PartnerUnauthorized, cause))
            }
            429 => {
                let now = self.clock.now();
                let retry_after = retry_after::read(&reply, now);
                self.cx.measures.count("partner-limited", &self.partner.id);
                self.stats.limited_until(now.checked_add(retry_after).unwrap_or(Timestamp::MAX));
                Err(CallFailure::Limited { partner: self.partner.id.clone(), retry_after })
            }
            // The partner, or the gateway before it, timed out.
            408 | 504 => {
                let cause = self.cause("timed out", &named);
                Err(CallFailure::Unknown { code: Code::PartnerTimeout, cause })
            }
            500..=599 => {
                let cause = self.cause("is out of order", &named);
                Err(CallFailure::Unknown { code: Code::PartnerBusy, cause })
            }
            300..=399 => {
                let cause = self.cause("redirects, which we do not follow: correct its base_url", &named);
                Err(ours(Code::PartnerRefused, cause))
            }
            400..=499 => {
                let why = format!("{status} {}", rejection(&reply).code);
                Err(ours(Code::PartnerRefused, self.cause("cannot use our request", &why)))
            }
            // 1xx, and 600 and above.
            _ => Err(self.unreadable("the status is not a final HTTP status")),
        }
    }

    /// Reads the body of a 2xx. If it cannot be read, the outcome is unknown.
    pub(crate) fn read<D: DeserializeOwned>(&self, reply: &Reply) -> Result<D, CallFailure> {
        engine::json::typed(&reply.body).map_err(|refused| self.unreadable(&refused.why))
    }

    /// The partner's answer cannot be used; the request may have been carried out.
    pub(crate) fn unreadable(&self, why: &str) -> CallFailure {
        CallFailure::Unknown {
            code: Code::PartnerGarbage,
            cause: self.cause("sent an answer that cannot be read", why),
        }
    }

    /// The same, for a body that was read field by field.
    pub(crate) fn offences(&self, offences: &[Offence]) -> CallFailure {
        let places = offences.iter().map(|offence| format!("{}: {}", offence.pointer, offence.detail));
        self.unreadable(&places.collect::<Vec<_>>().join("; "))
    }

    fn cause(&self, what: &str, why: &str) -> Cow<'static, str> {
        let gap = if why.is_empty() { "" } else { ": " };
        Cow::Owned(engine::redact::text(&format!("{} {what}{gap}{why}", self.partner.id)))
    }
}

fn with_csrf(request: &HttpRequest, token: &CsrfToken) -> HttpRequest {
    let mut request = request.clone();
    request.headers.extend(token.headers());
    request
}
