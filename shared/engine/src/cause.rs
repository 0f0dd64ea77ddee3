//! Why a commit was written. A cause is unique in its stream: if the stream has the cause, the work is done.

use std::fmt;
use std::sync::Arc;

/// The cause of a commit: `<function>/<work key>`, the same at every delivery of the same work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause(Arc<str>);

impl Cause {
    /// Joins the two with a slash.
    pub fn new(function: &str, work_key: &str) -> Self {
        Self(format!("{function}/{work_key}").into())
    }

    /// A cause that was read from a store; `text` is not checked.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The text that stores and logs show.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cause of a client's request: `<function>/<client>/<idempotency key>#<digest of the payload>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCause {
    /// Everything before the digest.
    key: String,
    cause: Cause,
}

impl RequestCause {
    /// `key` is `<client>/<idempotency key>`; all digests of one function have the same length.
    pub fn new(function: &str, key: &str, digest: &str) -> Self {
        let key = format!("{function}/{key}#");
        Self { cause: Cause(format!("{key}{digest}").into()), key }
    }

    /// The cause to commit the request with.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether `other` has the same key and the digest of another payload.
    pub(crate) fn contradicts(&self, other: &Cause) -> bool {
        let same_key = other.0.starts_with(&self.key) && other.0.len() == self.cause.0.len();
        same_key && *other != self.cause
    }

    /// The start of the range of causes that have the same key.
    pub(crate) fn first(&self) -> Cause {
        Cause(self.key.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_payload_under_the_same_key_contradicts() {
        let first = RequestCause::new("order-create", "portal/k1", "aaaa");
        assert!(first.contradicts(RequestCause::new("order-create", "portal/k1", "bbbb").cause()));
        for other in ["order-create/portal/k1#aaaa", "order-create/portal/k10#bbbb", "order-price/portal/k1#bbbb"] {
            assert!(!first.contradicts(&Cause::stored(other)), "{other}");
        }
    }
}
