//! Failures that are decided before anything is sent.

use std::borrow::Cow;

use engine::partner::CallFailure;
use engine::{Code, Failure};

/// A failure of our own: configuration, credentials, or a request that cannot be written.
pub(crate) fn ours(code: Code, cause: impl Into<Cow<'static, str>>) -> CallFailure {
    CallFailure::Ours { code, cause: cause.into() }
}

/// A store failed before anything was sent to the partner.
pub(crate) fn not_sent(failure: Failure) -> CallFailure {
    match failure {
        Failure::Deferred { .. } => {
            CallFailure::NotSent { code: Code::StoreBusy, cause: Cow::Borrowed("a store asked to wait") }
        }
        Failure::Transient { code, cause } => CallFailure::NotSent { code, cause },
        Failure::Permanent { code, cause } => CallFailure::Ours { code, cause },
    }
}
