//! What carries a call to a partner: HTTP in production, memory in tests and in the simulation.
//!
//! The adapters above decide what to send and what an answer means. All that touches the world is below this trait.

use std::fmt;
use std::time::Duration;

use url::Url;

/// The most that a partner's answer may be long, in bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// Sends calls.
pub trait Transport {
    /// Sends `call` once: no retry, no redirect.
    ///
    /// # Errors
    /// There is no answer; the variant tells what is known of the call.
    fn send(&self, call: Call) -> impl Future<Output = Result<Reply, TransportFailure>>;
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// What is wanted.
    pub method: Method,
    /// Of whom.
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// The methods that partners understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Replaces.
    Put,
}

impl Method {
    /// As it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// An answer, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case; what is no ASCII text is left out.
    pub headers: Vec<(String, String)>,
    /// At most [`MOST_BYTES`].
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportFailure {
    /// It never left: no connection was made.
    NotSent(String),
    /// It never will: the address is one that this deployment does not speak to.
    Forbidden(&'static str),
    /// It left, and no answer came in time.
    TimedOut,
    /// It left, and the connection was lost, or the answer could not be taken in.
    Lost(String),
}

impl Call {
    /// The header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

// Headers hold tokens and bodies hold addresses: neither is shown.
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
