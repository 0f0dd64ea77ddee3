//! The store of people's sessions at the console.

use std::fmt;

use jiff::Timestamp;

use crate::failure::Failure;

/// A person's session. The person's browser has a secret, of which only a digest is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The identity provider's id of the person.
    pub subject: String,
    /// The digest of the browser's secret.
    pub digest: String,
    /// The names of the person's roles.
    pub roles: Vec<String>,
    /// From when on it counts no more, also where it is still stored. To the second.
    pub expires: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session(until {})", self.expires)
    }
}

/// The store of sessions. A session is in it until it ends, expires or is revoked.
pub trait Sessions {
    /// Stores `session` unless one of its subject and digest is stored. Returns whether it was.
    fn begin(&self, session: &Session) -> impl Future<Output = Result<bool, Failure>>;

    /// The session, by a consistent read, so that one that was revoked a moment ago is not found. It may have expired.
    fn find(&self, subject: &str, digest: &str) -> impl Future<Output = Result<Option<Session>, Failure>>;

    /// Deletes the session.
    fn end(&self, subject: &str, digest: &str) -> impl Future<Output = Result<(), Failure>>;
}
