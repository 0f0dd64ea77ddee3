//! One exchange with a partner: authorised, correlated, bounded in time, and with every status given its meaning.
//!
//! What all adapters fulfillment stands here, so that a 429 or a lost answer means the same whoever is called. What an answer
//! says of the business (409, 422, a body) is the adapter's to read.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use domain::Rejection;
use domain::party::Party;
use engine::partner::{Attempt, CallFailure, Secrets};
use engine::partner_health::CallOutcome;
use engine::{Clock, Code, Context, Failure, Wait};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::csrf::{self, CsrfToken, CsrfTokens};
use crate::registry::{Partner, Submissions};
use crate::retry_after;
use crate::transport::{Call, Method, Reply, Transport, TransportFailure};

/// How our own writes are marked, there and back.
pub(crate) const ORIGIN: &str = "crossdock";

/// Where one partner is spoken to on behalf of one step.
pub(crate) struct PartnerClient<'a, S, T> {
    pub(crate) partner: &'a Partner,
    pub(crate) secrets: &'a S,
    pub(crate) transport: &'a T,
    pub(crate) cx: &'a Context,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) csrf: &'a CsrfTokens,
    pub(crate) notes: CallStats,
}

/// What is seen of a call beside its result, for the partner's gate.
#[derive(Debug, Default)]
pub(crate) struct CallStats {
    /// How many requests were sent.
    requests: Cell<u32>,
    /// A request had no answer, or the answer that the partner is out of order.
    failed: Cell<bool>,
    /// A write may have been taken: it was answered, or nobody knows.
    written: Cell<bool>,
    /// The slowest answer; `None` where there was none.
    slowest: Cell<Option<Duration>>,
    /// The partner said "later".
    later: Cell<Option<Timestamp>>,
}

/// What is to be asked.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The idempotency key of a write.
    pub(crate) key: Option<String>,
    /// Headers of the protocol's own.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer that the adapter has to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 2xx.
    Done(Reply),
    /// 409, and 412: what was to be changed is not what it was.
    Conflict(Reply),
    /// 404.
    Absent(Reply),
    /// 422.
    Unprocessable(Reply),
}

impl<S: Secrets, T: Transport> PartnerClient<'_, S, T> {
    /// The partner's URL with `segments` behind it.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, CallFailure> {
        let mut url = self.partner.base_url.clone();
        // `.` and `..` would walk out of the partner's API.
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ours(Code::PartnerRefused, "an id in the request cannot stand in a URL"));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    /// Reads.
    pub(crate) fn get(&self, url: Url) -> HttpRequest {
        HttpRequest { method: Method::Get, url, key: None, headers: vec![], body: vec![] }
    }

    /// Writes `body` as JSON.
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

    /// Asks. A token that the partner does not accept is read anew, once: it may have been changed a moment ago.
    pub(crate) async fn ask(&self, ask: &HttpRequest) -> Result<Answer, CallFailure> {
        let reply = if self.partner.csrf && ask.method != Method::Get {
            self.send_with_csrf(ask).await?
        } else {
            self.send_as_known(ask).await?
        };
        // An answer to a condition of ours; without one it would be our own mistake.
        if reply.status == 412 && ask.headers.iter().any(|(name, _)| *name == "if-match") {
            return Ok(Answer::Conflict(reply));
        }
        self.meaning(reply)
    }

    /// Sends with the session's token against forged requests.
    async fn send_with_csrf(&self, ask: &HttpRequest) -> Result<Reply, CallFailure> {
        let existing = self.csrf.of(&self.partner.id);
        let is_new = existing.is_none();
        let token = match existing {
            Some(token) => token,
            None => self.fetch_csrf().await?,
        };
        let reply = self.send_as_known(&with(ask, &token)).await?;
        // It expired with the session. The partner did nothing, so that the write is sent again, once.
        if reply.status == 403 && csrf::is_required(&reply) && !is_new {
            let token = self.fetch_csrf().await?;
            return self.send_as_known(&with(ask, &token)).await;
        }
        Ok(reply)
    }

    /// Fetches a token for writes, and keeps it. Whatever fails here, the write was not sent.
    async fn fetch_csrf(&self) -> Result<CsrfToken, CallFailure> {
        let headers = vec![(csrf::HEADER, "Fetch".to_owned())];
        let fetch = HttpRequest { headers, ..self.get(self.partner.base_url.clone()) };
        let not_sent = |failure| match failure {
            CallFailure::Unknown { code, cause } => CallFailure::NotSent { code, cause },
            known @ (CallFailure::Refused(_)
            | CallFailure::Limited { .. }
            | CallFailure::NotSent { .. }
            | CallFailure::Closed { .. }
            | CallFailure::Ours { .. }) => known,
        };
        let reply = self.send_as_known(&fetch).await.map_err(not_sent)?;
        if let Some(token) = CsrfToken::read(&reply) {
            self.csrf.keep(&self.partner.id, token.clone());
            return Ok(token);
        }
        self.meaning(reply).map_err(not_sent)?;
        Err(ours(Code::PartnerUnauthorized, self.cause("gives no x-csrf-token", "its document says csrf = true")))
    }

    /// Sends, and once more with the token read anew where the partner does not accept it.
    async fn send_as_known(&self, ask: &HttpRequest) -> Result<Reply, CallFailure> {
        let reply = self.send(ask, false).await?;
        if matches!(reply.status, 401 | 403) && !csrf::is_required(&reply) {
            return self.send(ask, true).await;
        }
        Ok(reply)
    }

    async fn send(&self, ask: &HttpRequest, fresh: bool) -> Result<Reply, CallFailure> {
        let token = self.token(fresh).await?;
        let mut headers = vec![
            ("authorization", format!("Bearer {}", token.expose_secret())),
            ("accept", "application/json".to_owned()),
            ("x-correlation-id", self.cx.correlation.clone()),
        ];
        headers.extend(self.cx.traceparent.clone().map(|parent| ("traceparent", parent)));
        // A partner that tells us of changes tells by it which of them are our own.
        if ask.method != Method::Get {
            headers.push(("x-origin", ORIGIN.to_owned()));
        }
        headers.extend(ask.key.clone().map(|key| ("idempotency-key", key)));
        headers.extend(ask.headers.iter().cloned());
        let (method, url, body) = (ask.method, ask.url.clone(), ask.body.clone());
        let is_write = method != Method::Get;
        let call = Call { method, url, headers, body, timeout: self.timeout() };
        self.notes.requests.set(self.notes.requests.get() + 1);
        let asked_at = self.clock.now();
        let reply = self.transport.send(call).await;
        let took = Duration::try_from(self.clock.now().duration_since(asked_at)).unwrap_or_default();
        self.notes.take(&reply, took, is_write);
        reply.map_err(|failure| match failure {
            TransportFailure::NotSent(why) => {
                CallFailure::NotSent { code: Code::PartnerBusy, cause: self.cause("cannot be reached", &why) }
            }
            TransportFailure::Forbidden(why) => ours(Code::PartnerUnknown, self.cause("cannot be called", why)),
            TransportFailure::TimedOut => {
                CallFailure::Unknown { code: Code::PartnerTimeout, cause: self.cause("did not answer in time", "") }
            }
            TransportFailure::Lost(why) => {
                CallFailure::Unknown { code: Code::PartnerBusy, cause: self.cause("answered and was not heard", &why) }
            }
        })
    }

    /// A call of several requests that ends with one that was certainly not done says nothing of a write before it.
    pub(crate) fn in_doubt(&self, failure: CallFailure) -> CallFailure {
        match failure {
            CallFailure::NotSent { code, cause } if self.notes.written.get() => CallFailure::Unknown { code, cause },
            CallFailure::Limited { partner, retry_after } if self.notes.written.get() => {
                let until = self.clock.now().checked_add(retry_after).unwrap_or(Timestamp::MAX);
                let cause = self.cause("asked us to wait", "after a write");
                let after = Some(Box::new(CallFailure::Unknown { code: Code::PartnerBusy, cause }));
                CallFailure::Closed { until, why: Wait::Limited(partner), after }
            }
            known @ (CallFailure::Refused(_)
            | CallFailure::Unknown { .. }
            | CallFailure::NotSent { .. }
            | CallFailure::Limited { .. }
            | CallFailure::Closed { .. }
            | CallFailure::Ours { .. }) => known,
        }
    }

    /// As long as the document allows, and short enough that the step lives to record the outcome: it may have to call
    /// twice, to look and to send, and as often again for a token of a session.
    pub(crate) fn timeout(&self) -> Duration {
        let fulfillment = if self.partner.csrf { self.cx.lease / 5 } else { self.cx.lease * 2 / 5 };
        Duration::from_millis(self.partner.timeout_ms).min(fulfillment)
    }

    async fn token(&self, fresh: bool) -> Result<SecretString, CallFailure> {
        let secret = self.secrets.secret(&self.partner.secret, fresh).await.map_err(not_sent)?;
        match serde_json::from_str::<PartnerSecret>(secret.expose_secret()) {
            Ok(PartnerSecret { token, .. }) if !token.is_empty() => Ok(SecretString::from(token)),
            Ok(_) | Err(_) => {
                Err(ours(Code::SecretMissing, format!("the secret {} has no token", self.partner.secret)))
            }
        }
    }

    /// What a status means, whatever was asked.
    fn meaning(&self, reply: Reply) -> Result<Answer, CallFailure> {
        let status = reply.status;
        match status {
            200..=299 => Ok(Answer::Done(reply)),
            404 => Ok(Answer::Absent(reply)),
            409 => Ok(Answer::Conflict(reply)),
            422 => Ok(Answer::Unprocessable(reply)),
            401 | 403 => {
                Err(ours(Code::PartnerUnauthorized, self.cause("does not accept our credentials", &said(status))))
            }
            429 => {
                let now = self.clock.now();
                let retry_after = retry_after::read(&reply, now);
                self.notes.later.set(Some(now.checked_add(retry_after).unwrap_or(Timestamp::MAX)));
                Err(CallFailure::Limited { partner: self.partner.id.clone(), retry_after })
            }
            // It gave up on our request, or its own gateway gave up on it.
            408 | 504 => {
                let cause = self.cause("gave up", &said(status));
                Err(CallFailure::Unknown { code: Code::PartnerTimeout, cause })
            }
            500..=599 => {
                let cause = self.cause("is out of order", &said(status));
                Err(CallFailure::Unknown { code: Code::PartnerBusy, cause })
            }
            300..=399 => {
                let cause = self.cause("redirects, which is not followed: correct its base_url", &said(status));
                Err(ours(Code::PartnerRefused, cause))
            }
            400..=499 => {
                let told = CrmUpdated::of(&reply);
                Err(ours(
                    Code::PartnerRefused,
                    self.cause("cannot use our request", &format!("{status} {}", told.code)),
                ))
            }
            // 1xx is never an answer, and 600 and beyond are nobody's.
            _ => Err(self.garbage("a status that is none")),
        }
    }

    /// Reads a 2xx answer; one that cannot be read leaves the outcome unknown.
    pub(crate) fn read<D: DeserializeOwned>(&self, reply: &Reply) -> Result<D, CallFailure> {
        serde_json::from_slice(&reply.body).map_err(|error| self.garbage(&engine::redact::json_error(&error)))
    }

    /// The partner's answer makes no sense: what was asked may have been done.
    pub(crate) fn garbage(&self, why: &str) -> CallFailure {
        CallFailure::Unknown { code: Code::PartnerGarbage, cause: self.cause("answered what cannot be read", why) }
    }

    /// What a repeat has to do first.
    pub(crate) fn first_step(&self, attempt: Attempt) -> Result<FirstStep, CallFailure> {
        match (attempt, self.partner.submission) {
            (Attempt::First, _) | (Attempt::Repeat { .. }, Submissions::Keyed) => Ok(FirstStep::Send),
            (Attempt::Repeat { over_by }, Submissions::Lookup { settle_seconds }) => {
                let settle = Duration::from_secs(u64::from(settle_seconds));
                let settled = over_by.checked_add(settle).is_ok_and(|settled| self.cx.now >= settled);
                Ok(FirstStep::Look { then_wait: (!settled && settle > Duration::ZERO).then_some(settle) })
            }
            (Attempt::Repeat { .. }, Submissions::Neither) => Err(CallFailure::Refused(Rejection::new(
                domain::workflow::OUTCOME_UNKNOWN,
                format!("{} may have done it and cannot be asked; somebody has to look there", self.partner.id),
            ))),
        }
    }

    /// What undoing has to wait for after a look: something that may have been sent up to `sent_until` may not be shown yet.
    pub(crate) fn settling(&self, sent_until: Option<Timestamp>) -> Result<Option<Duration>, CallFailure> {
        // A partner that cannot be asked is not asked, whether or not it has answered.
        let over_by = sent_until.unwrap_or(Timestamp::MIN);
        match self.first_step(Attempt::Repeat { over_by })? {
            FirstStep::Send => Ok(None),
            FirstStep::Look { then_wait } => Ok(then_wait),
        }
    }

    /// What becomes of a look that found nothing.
    pub(crate) fn absent(&self, then_wait: Option<Duration>) -> Result<(), CallFailure> {
        then_wait
            .map_or(Ok(()), |retry_after| Err(CallFailure::Limited { partner: self.partner.id.clone(), retry_after }))
    }

    fn cause(&self, what: &str, why: &str) -> Cow<'static, str> {
        let gap = if why.is_empty() { "" } else { ": " };
        Cow::Owned(engine::redact::text(&format!("{} {what}{gap}{why}", self.partner.id)))
    }
}

/// The same request with a token for writes.
fn with(ask: &HttpRequest, token: &CsrfToken) -> HttpRequest {
    let mut ask = ask.clone();
    ask.headers.extend(token.headers());
    ask
}

impl CallStats {
    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.get()
    }

    /// A partner that refuses, or answers what nobody can read, is there; one that is out of order, or whose answer did not
    /// come, is not.
    fn take(&self, reply: &Result<Reply, TransportFailure>, took: Duration, is_write: bool) {
        let is_undone = match reply {
            Ok(reply) => matches!(reply.status, 401 | 403 | 429),
            Err(TransportFailure::NotSent(_) | TransportFailure::Forbidden(_)) => true,
            Err(TransportFailure::TimedOut | TransportFailure::Lost(_)) => false,
        };
        self.written.set(self.written.get() || is_write && !is_undone);
        match reply {
            Ok(reply) => {
                self.slowest.set(self.slowest.get().max(Some(took)));
                self.failed.set(self.failed.get() || matches!(reply.status, 408 | 500..=599));
            }
            Err(TransportFailure::NotSent(_) | TransportFailure::TimedOut | TransportFailure::Lost(_)) => {
                self.failed.set(true);
            }
            Err(TransportFailure::Forbidden(_)) => {}
        }
    }

    /// What came of the call.
    pub(crate) fn outcome(&self) -> CallOutcome {
        match (self.failed.get(), self.later.get(), self.slowest.get()) {
            (true, _, _) => CallOutcome::Failed,
            (false, Some(until), _) => CallOutcome::Later(until),
            (false, None, Some(took)) => CallOutcome::Answer(took),
            (false, None, None) => CallOutcome::Nothing,
        }
    }
}

/// How an attempt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstStep {
    /// Nothing was sent, or sending again is harmless.
    Send,
    /// Something may have been sent: it is looked for, and if it is not there yet, it may have to be waited for before it is
    /// looked for again and then sent.
    Look { then_wait: Option<Duration> },
}

/// A partner's secret.
#[derive(Deserialize)]
pub(crate) struct PartnerSecret {
    #[serde(default)]
    token: String,
    #[serde(default)]
    signing: Vec<String>,
}

impl PartnerSecret {
    /// The signing secrets of `text`; none where it cannot be read.
    pub(crate) fn signing(text: &SecretString) -> Vec<SecretString> {
        let secret = serde_json::from_str::<Self>(text.expose_secret());
        secret.map(|secret| secret.signing.into_iter().map(SecretString::from).collect()).unwrap_or_default()
    }
}

/// A refusal's body: a code for machines, words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CrmUpdated {
    pub(crate) code: String,
    pub(crate) reason: String,
}

impl CrmUpdated {
    /// Reads `{"code", "reason"|"message", "line"?}`, as far as it is there. Codes are capital letters; anything else in
    /// their place is not repeated. Words are redacted: a partner may quote an address.
    pub(crate) fn of(reply: &Reply) -> Self {
        Self::with(reply, engine::redact::text)
    }

    /// The same, with what `clean` leaves of the words.
    pub(crate) fn with(reply: &Reply, clean: impl FnOnce(&str) -> String) -> Self {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let code = text("code").filter(|code| (1..=40).contains(&code.len()) && code.bytes().all(plain));
        let code = code.map_or_else(|| format!("HTTP_{}", reply.status), str::to_owned);
        let words = text("reason").or_else(|| text("message")).map(clean).unwrap_or_default();
        let line = body.get("line").and_then(serde_json::Value::as_u64).map(|line| format!("line {line}"));
        let parts: Vec<String> = line.into_iter().chain((!words.is_empty()).then_some(words)).collect();
        let reason = if parts.is_empty() { "the partner named no reason".to_owned() } else { parts.join(": ") };
        Self { code, reason }
    }

    pub(crate) fn into_rejection(self) -> Rejection {
        Rejection { code: self.code, reason: self.reason }
    }
}

/// A partner's words, redacted, without what they quote of `party`: they end in the journal and before the eyes of many.
pub(crate) fn without(words: &str, party: &Party) -> String {
    let Party { name, company, line1, line2, city, region: _, postal_code, country: _, phone, email } = party;
    let optional = [company, line2, phone, email].into_iter().filter_map(Option::as_ref);
    let personal = [name, line1, city, postal_code].into_iter().chain(optional);
    // A part of one or two letters stands in every sentence.
    let clean = personal.filter(|part| part.len() > 2).fold(words.to_owned(), |words, part| cut(&words, part));
    // Afterwards: with its number cut as a part of a phone number, a street would not be found any more.
    engine::redact::text(&clean)
}

/// A warehouse's words, redacted, where it is not known whom they may be about: without any word that has a digit in it, as
/// house numbers and postal codes have. A name cannot be told from other words.
pub(crate) fn bare(words: &str) -> String {
    let words = words.split_whitespace();
    let existing = words.map(|word| if word.chars().any(char::is_numeric) { "[redacted]" } else { word });
    engine::redact::text(&existing.collect::<Vec<_>>().join(" "))
}

/// `words` without every `part`, whatever case either is in.
fn cut(words: &str, part: &str) -> String {
    let part: String = part.chars().flat_map(folded).collect();
    let mut clean = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let found = beginning(rest, &part);
        match found {
            Some(_) => clean.push_str("[redacted]"),
            None => clean.push(first),
        }
        rest = &rest[found.unwrap_or(first.len_utf8())..];
    }
    clean
}

/// How many bytes at the beginning of `text` are `part`, which is folded.
fn beginning(text: &str, part: &str) -> Option<usize> {
    let mut left = part.chars();
    for (at, c) in text.char_indices() {
        if left.as_str().is_empty() {
            return Some(at);
        }
        if !folded(c).all(|c| left.next() == Some(c)) {
            return None;
        }
    }
    left.as_str().is_empty().then_some(text.len())
}

/// A character as it compares with others in any case; one may become several.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// Our own fault.
pub(crate) fn ours(code: Code, cause: impl Into<Cow<'static, str>>) -> CallFailure {
    CallFailure::Ours { code, cause: cause.into() }
}

/// A store failed before anything was sent.
pub(crate) fn not_sent(failure: Failure) -> CallFailure {
    match failure {
        Failure::Deferred { .. } => {
            CallFailure::NotSent { code: Code::StoreBusy, cause: Cow::Borrowed("a store asked to wait") }
        }
        Failure::Transient { code, cause } => CallFailure::NotSent { code, cause },
        Failure::Permanent { code, cause } => CallFailure::Ours { code, cause },
    }
}

fn said(status: u16) -> String {
    format!("status {status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a15_what_is_personal_is_cut_wherever_it_stands_and_in_whatever_case() {
        for (words, part, clean) in [
            ("ADA EXAMPLE, or Ada Example: ada example's", "Ada Example", "[redacted], or [redacted]: [redacted]'s"),
            ("Lange Straße 5, LANGE STRASSE 5", "lange straße 5", "[redacted], [redacted]"),
            ("ΟΔΟΣ Όδος", "οδος", "[redacted] Όδος"),
            ("Ad, Adam, A", "Ada", "Ad, [redacted]m, A"),
            ("", "Ada", ""),
        ] {
            assert_eq!(cut(words, part), clean, "{words}");
        }
    }
}
