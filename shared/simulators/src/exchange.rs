//! Requests and replies without an HTTP library, so that the HTTP server and the simulation in memory drive the same code.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The HTTP methods that the partners know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Create, or an action.
    Post,
    /// Replace.
    Put,
    /// Remove.
    Delete,
}

impl Method {
    /// Reads a method's name; `None` for one that no partner knows.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "GET" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// The method's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request to a partner. `path` is without the partner's prefix; header names are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below the partner's prefix, percent-decoded per segment, with its leading slash.
    pub path: String,
    /// The query's parameters, decoded; a repeated name keeps its last value.
    pub query: BTreeMap<String, String>,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without query, headers or body.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), query: BTreeMap::new(), headers: BTreeMap::new(), body: Vec::new() }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// The same request with one more query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The `Idempotency-Key`.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// The path's segments.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The partner's 400 when the body is no JSON.
    pub fn json(&self) -> Result<Value, Reply> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Reply::refused(400, "MALFORMED", &format!("the body is no JSON: {error}")))
    }

    /// A text field at the top of the JSON body, if the body is JSON and has it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }
}

/// One answer of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body: body.to_string().into_bytes(),
        }
    }

    /// A refusal in our REST protocol: `{"code", "reason"}`.
    #[must_use]
    pub fn refused(status: u16, code: &str, reason: &str) -> Self {
        Self::json(status, &json!({"code": code, "reason": reason}))
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// Whether the status says success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What a partner's caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, after a while.
    Answer {
        /// The partner's answer.
        reply: Reply,
        /// How long the caller waits, in milliseconds.
        after_ms: u64,
    },
    /// No answer: after `after_ms` milliseconds the connection closes. The caller cannot know whether anything happened.
    Silence {
        /// How long the connection stays open, in milliseconds; 0 closes it at once.
        after_ms: u64,
    },
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// The answer.
    pub reply: Reply,
    /// The documents that were created or changed.
    pub effects: Vec<Effect>,
    /// The messages that follow from it.
    pub webhooks: Vec<Webhook>,
}

impl Handled {
    /// An answer that changed nothing.
    #[must_use]
    pub fn only(reply: Reply) -> Self {
        Self { reply, effects: Vec::new(), webhooks: Vec::new() }
    }

    /// An answer with one effect.
    #[must_use]
    pub fn done(reply: Reply, effect: Effect) -> Self {
        Self { reply, effects: vec![effect], webhooks: Vec::new() }
    }
}

impl From<Reply> for Handled {
    fn from(reply: Reply) -> Self {
        Self::only(reply)
    }
}

/// The operation of a request, known before it is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The operation's name, as faults and the ledger use it, such as `sales_order.create`.
    pub operation: &'static str,
    /// Our reference in it, if it has one.
    pub reference: Option<String>,
    /// Its idempotency key, if it has one.
    pub key: Option<String>,
}

/// The operation's name of a request that the partner does not know.
pub const UNKNOWN_OPERATION: &str = "unknown";

/// One document that was created or changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Effect {
    /// Such as `sales_order` or `allocation_deallocated`.
    pub kind: &'static str,
    /// The partner's number.
    pub id: String,
    /// Our reference.
    pub reference: String,
    /// The idempotency key it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// One message of a partner to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The delivery id: stable over retries.
    pub id: String,
    /// Its type or topic.
    pub topic: String,
    /// Our reference.
    pub reference: String,
    /// Headers beside those of the signature.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// Numbers for documents: a counter per kind, made unique over restarts by the run's name.
#[derive(Debug, Clone)]
pub struct Numbers {
    run: String,
    next: BTreeMap<&'static str, u64>,
}

impl Numbers {
    /// Counters that start at 1. `run` goes into every number unless it is empty.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), next: BTreeMap::new() }
    }

    /// The next number of a kind: `SO-1`, or `SO-k3f9-1` in the run `k3f9`.
    pub fn next(&mut self, prefix: &'static str) -> String {
        let n = self.count(prefix);
        if self.run.is_empty() { format!("{prefix}-{n}") } else { format!("{prefix}-{}-{n}", self.run) }
    }

    /// The next bare integer of a kind, from a base that differs from run to run.
    pub fn next_integer(&mut self, prefix: &'static str) -> u64 {
        let base = if self.run.is_empty() { 100_000 } else { (fnv(&self.run) % 1_000_000 + 1) * 100_000 };
        base + self.count(prefix)
    }

    fn count(&mut self, prefix: &'static str) -> u64 {
        let counter = self.next.entry(prefix).or_insert(0);
        *counter += 1;
        *counter
    }
}

/// The time `ms` milliseconds later.
#[must_use]
pub fn later(time: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    time.checked_add(SignedDuration::from_millis(ms)).unwrap_or(Timestamp::MAX)
}

/// A time as the partners write it: RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Whether a text matches a pattern in which `*` stands for any run of characters.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// FNV-1a: a small, stable hash for prices and tracking numbers that must not change from run to run.
#[must_use]
pub fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches("*", ""));
        assert!(matches("order.*", "order.created"));
        assert!(matches("*.create", "sales_order.create"));
        assert!(matches("a*b*c", "a-x-b-y-c"));
        assert!(matches("exact", "exact"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a*b", "a-c"));
        assert!(!matches("ab*ab", "ab"));
    }
}
