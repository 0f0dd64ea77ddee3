//! Requests and responses of our own API, without a framework's types; errors as RFC 9457 problem details.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The largest body, in bytes. A webhook's body and its attributes have to fit a DynamoDB item, which is limited to 400 KB, and
/// no other route takes more than webhooks do. Lambda's own limit is 6 MB.
pub const MAX_BODY: usize = 256 * 1024;

/// A request from API Gateway. The body is as the sender signed it: decoded from base64, and nothing else.
#[derive(Clone, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// The requested path.
    pub path: String,
    /// The path's variables, such as `partner`.
    pub variables: BTreeMap<String, String>,
    /// The query's parameters; the last of several with one name.
    pub query: BTreeMap<String, String>,
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Raw bytes.
    pub body: Vec<u8>,
    /// The client, from the authorizer; empty if there is no authorizer.
    pub client: String,
    /// The client's scopes, from the authorizer (`scopes` in its context, separated by spaces).
    pub scopes: Vec<String>,
    /// The gateway's id of the request.
    pub request_id: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {} bytes)", self.method, self.body.len())
    }
}

impl Request {
    /// The header called `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The path variable called `name`; empty if there is none.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// The sender's idempotency key: the same at each attempt.
    ///
    /// # Errors
    /// It is missing, too long, or has characters other than visible ASCII.
    pub fn idempotency_key(&self) -> Result<&str, Problem> {
        const MAX_LENGTH: usize = 128;
        // The key is written into the journal and into logs.
        let is_key =
            |key: &&str| (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = self.header("idempotency-key").filter(is_key);
        key.ok_or_else(|| {
            let problem = Problem::new(400, "KEY_MISSING", "An Idempotency-Key header is needed");
            problem.detail(format!("1 to {MAX_LENGTH} visible ASCII characters, the same whenever you send this again"))
        })
    }

    /// The number of rows to list.
    ///
    /// # Errors
    /// It is not a number, or too large.
    pub fn limit(&self) -> Result<u32, Problem> {
        const DEFAULT: u32 = 50;
        const MAX: u32 = 200;
        let limit = self.query.get("limit").map_or(Ok(DEFAULT), |limit| limit.parse::<u32>());
        limit.ok().filter(|limit| (1..=MAX).contains(limit)).ok_or_else(|| {
            let problem = Problem::new(400, "LIMIT_INVALID", "The parameter `limit` is no number of rows");
            problem.detail(format!("1 to {MAX}, {DEFAULT} where it is left out"))
        })
    }

    /// Whose orders the client may use with `scope`: its own, or with `<scope>:all` those of every source.
    ///
    /// # Errors
    /// The problem to answer with: it has neither.
    pub fn grant(&self, scope: &str) -> Result<Grant, Problem> {
        if self.allow(&format!("{scope}:all")).is_ok() {
            return Ok(Grant::All);
        }
        self.allow(scope).map(|()| Grant::Own(self.client.clone()))
    }

    /// Checks that the client has `scope`, or the part of it that is called `part`, such as `reviews:decide:credit`.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn allow_part(&self, scope: &str, part: &str) -> Result<(), Problem> {
        self.allow(scope).or_else(|_missing| self.allow(&format!("{scope}:{part}")))
    }

    /// Checks that the client has `scope`.
    ///
    /// # Errors
    /// The problem to answer with.
    pub fn allow(&self, scope: &str) -> Result<(), Problem> {
        if self.scopes.iter().any(|own| own == scope) {
            return Ok(());
        }
        Err(Problem::new(403, "SCOPE_MISSING", "The token may not do this")
            .detail(format!("it needs the scope {scope}")))
    }
}

/// Whose orders a client may see or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Those that the client of this name submitted, also where another source submitted them first.
    Own(String),
    /// Those of every source.
    All,
}

impl Grant {
    /// The client that sees its own orders only.
    pub fn client(&self) -> Option<&str> {
        match self {
            Self::Own(client) => Some(client),
            Self::All => None,
        }
    }

    /// The `name` of a source or a person, or what the client is shown instead of the name of another one.
    pub fn shown<'a>(&self, name: &'a str) -> &'a str {
        match self {
            Self::Own(client) if client != name => "another party",
            Self::Own(_) | Self::All => name,
        }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Such as `application/json`.
    pub content_type: &'static str,
    /// All headers but the content type.
    pub headers: Vec<(&'static str, String)>,
    /// Text of that content type.
    pub body: String,
}

impl Response {
    /// `body` as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { status, content_type: "application/json", headers: vec![], body },
            // None of our types can fail to serialize. If one did, the client must not take the result for an answer.
            Err(_) => Problem::new(500, "INTERNAL", "The answer could not be written").into(),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An error, as in RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// `urn:crossdock:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stable, for programs.
    pub code: Cow<'static, str>,
    /// One sentence, the same for each occurrence of the code.
    pub title: &'static str,
    /// What is wrong with this request, and what to do. No personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The offences in the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Offence>,
}

/// A mistake at one place of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offence {
    /// A JSON pointer, such as `/lines/0/quantity`.
    pub pointer: String,
    /// What is wrong, as the end of a sentence about the place. Never the sender's text.
    pub detail: String,
}

impl Problem {
    /// A problem without detail.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, title: &'static str) -> Self {
        let code = code.into();
        let kind = format!("urn:crossdock:problem:{}", code.to_ascii_lowercase().replace('_', "-"));
        Self { status, kind, code, title, detail: None, errors: Vec::new() }
    }

    /// A cursor that does not come from one of our lists.
    pub fn bad_cursor() -> Self {
        Self::new(400, "CURSOR_INVALID", "The parameter `cursor` is none of ours")
            .detail("begin again without a cursor")
    }

    /// Adds the detail.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an offence.
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

/// Checks that a body of our own API is JSON, with no member given twice.
///
/// # Errors
/// The problem to answer with, with the place of the error.
pub fn check_body(body: &[u8]) -> Result<(), Problem> {
    json_text(body)?;
    crate::json::read(body).map(|_value| ()).map_err(not_json)
}

fn not_json(refused: crate::json::Refused) -> Problem {
    let problem = Problem::new(400, "BODY_NOT_JSON", "The body is not JSON").detail(refused.why.clone());
    problem.at(refused.pointer, refused.why)
}

/// A body as JSON text: UTF-8 with one complete JSON value within the bounds of [`crate::json`]; a byte-order mark is skipped.
///
/// # Errors
/// The problem to answer with, with the place of the error.
pub fn json_text(body: &[u8]) -> Result<&str, Problem> {
    let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let place = format!("byte {} is not UTF-8", e.valid_up_to());
        Problem::new(400, "BODY_NOT_UTF8", "The body is not UTF-8 text").detail(place)
    })?;
    crate::json::check(body).map_err(not_json)?;
    Ok(text)
}
