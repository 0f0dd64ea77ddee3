//! The transport of a call: HTTP in production, memory in tests and in the simulation.
//!
//! Everything with a socket is behind this trait. What to send, and what a reply means, is decided above it.

use std::fmt;
use std::time::Duration;

use url::Url;

/// The longest reply that is read, in bytes.
pub const MAX_REPLY_BYTES: usize = 1 << 20;

/// Sends requests to partners.
pub trait Transport {
    /// Sends `call` once: no retry, no redirect.
    ///
    /// # Errors
    /// There is no reply; the variant says whether the request may have arrived.
    fn send(&self, call: Call) -> impl Future<Output = Result<Reply, TransportFailure>>;
}

/// A complete request.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// Absolute.
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// JSON unless a header says otherwise, or empty.
    pub body: Vec<u8>,
    /// From connecting to the last byte of the reply.
    pub timeout: Duration,
}

/// The methods that partners' APIs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

impl Method {
    /// The method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A reply with any status.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case; values that are not ASCII are left out.
    pub headers: Vec<(String, String)>,
    /// At most [`MAX_REPLY_BYTES`].
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header called `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportFailure {
    /// No connection was made, so nothing was sent. The reason, redacted.
    NotSent(String),
    /// The address may not be called from this deployment, or the request cannot be written.
    Forbidden(&'static str),
    /// The request was sent, and no reply came in time.
    TimedOut,
    /// The request was sent, and the connection broke or the reply was too long. The reason, redacted.
    Lost(String),
}

impl Call {
    /// The value of the header `name`; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }
}

// Headers have tokens and bodies have addresses, so neither is shown.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {} {} bytes)", self.method.as_str(), self.url, self.body.len())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} {} bytes)", self.status, self.body.len())
    }
}
