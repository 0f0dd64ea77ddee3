//! Requests and answers of our own API, without a framework's types; errors as RFC 9457 problem details.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A request that API Gateway passed on. The body is what was signed: decoded from base64, nothing else.
#[derive(Clone, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// The path as it was asked for.
    pub path: String,
    /// The path's variables, such as `partner`.
    pub variables: BTreeMap<String, String>,
    /// The query's parameters; of several with one name the last.
    pub query: BTreeMap<String, String>,
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// Who asks, as the authorizer says; empty where there is none.
    pub client: String,
    /// What they may do, as the authorizer says (`scopes` in its context, separated by blanks).
    pub scopes: Vec<String>,
    /// The gateway's id for the request.
    pub request_id: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {} bytes)", self.method, self.body.len())
    }
}

impl Request {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A variable of the path; empty where it has none of that name.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// The sender's own key for what it asks: the same whenever it asks for it again.
    ///
    /// # Errors
    /// None, or one that is too long.
    pub fn idempotency_key(&self) -> Result<&str, Problem> {
        const LONGEST: usize = 128;
        let key = self.header("idempotency-key").filter(|key| (1..=LONGEST).contains(&key.len()));
        key.ok_or_else(|| {
            let problem = Problem::new(400, "KEY_MISSING", "An Idempotency-Key header is needed");
            problem.detail(format!("1 to {LONGEST} characters, the same whenever you send this again"))
        })
    }

    /// How many rows of a list are wanted.
    ///
    /// # Errors
    /// No number, or too large a one.
    pub fn limit(&self) -> Result<u32, Problem> {
        const USUAL: u32 = 50;
        const MOST: u32 = 200;
        let limit = self.query.get("limit").map_or(Ok(USUAL), |limit| limit.parse::<u32>());
        limit.ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
            let problem = Problem::new(400, "LIMIT_INVALID", "The parameter `limit` is no number of rows");
            problem.detail(format!("1 to {MOST}, {USUAL} where it is left out"))
        })
    }

    /// Whether the caller may do what needs `scope`.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn allow(&self, scope: &str) -> Result<(), Problem> {
        if self.scopes.iter().any(|held| held == scope) {
            return Ok(());
        }
        Err(Problem::new(403, "SCOPE_MISSING", "The token may not do this")
            .detail(format!("it needs the scope {scope}")))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Such as `application/json`.
    pub content_type: &'static str,
    /// Beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// `body` as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { status, content_type: "application/json", headers: vec![], body },
            // None of our own types fails to serialise; if one did, the caller must not take it for an answer.
            Err(_) => Problem::new(500, "INTERNAL", "The answer could not be written").into(),
        }
    }

    /// The same with one header more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A refusal, as RFC 9457 has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stable, for machines.
    pub code: Cow<'static, str>,
    /// One sentence for the code.
    pub title: &'static str,
    /// What is wrong in this case, and the way out. No personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The offending places, as JSON pointers with their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Offence>,
}

/// One offending place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offence {
    /// A JSON pointer, such as `/lines/0/quantity`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A problem without particulars.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, title: &'static str) -> Self {
        let code = code.into();
        let kind = format!("urn:crossdock:problem:{}", code.to_ascii_lowercase().replace('_', "-"));
        Self { status, kind, code, title, detail: None, errors: Vec::new() }
    }

    /// A cursor that no list of ours gave.
    pub fn bad_cursor() -> Self {
        Self::new(400, "CURSOR_INVALID", "The parameter `cursor` is none of ours")
            .detail("begin again without a cursor")
    }

    /// What is wrong in this case.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Where it is wrong.
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(Offence { pointer: pointer.into(), detail: detail.into() });
        self
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let body = serde_json::to_string(&problem).unwrap_or_default();
        Self { status: problem.status, content_type: "application/problem+json", headers: vec![], body }
    }
}

impl From<crate::Failure> for Problem {
    fn from(failure: crate::Failure) -> Self {
        match failure {
            crate::Failure::Deferred { .. } | crate::Failure::Transient { .. } => {
                Self::new(503, "BUSY", "Try again in a moment: nothing was stored")
            }
            crate::Failure::Permanent { code, .. } => {
                Self::new(500, "INTERNAL", "The request could not be carried out").detail(format!("failure {code}"))
            }
        }
    }
}

/// A body as JSON text: UTF-8, a byte order mark allowed, one complete JSON value.
///
/// # Errors
/// The refusal to answer with, and where the text stops being JSON.
pub fn json_text(body: &[u8]) -> Result<&str, Problem> {
    let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let place = format!("byte {} is not UTF-8", e.valid_up_to());
        Problem::new(400, "BODY_NOT_UTF8", "The body is not UTF-8 text").detail(place)
    })?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| {
        Problem::new(400, "BODY_NOT_JSON", "The body is not JSON").detail(crate::redact::json_error(&e))
    })?;
    Ok(text)
}
