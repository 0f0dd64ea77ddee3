//! Failures that are decided before anything is sent.

use std::borrow::Cow;

use engine::partner::CallFailure;
use engine::{Code, Failure};

/// A failure of our own over this request: it cannot be written, or not sent as it is.
pub(crate) fn ours(code: Code, cause: impl Into<Cow<'static, str>>) -> CallFailure {
    CallFailure::Ours { code, cause: cause.into() }
}

/// A store failed before anything was sent to the partner.
pub(crate) fn not_sent(failure: Failure) -> CallFailure {
    match failure {
        Failure::Deferred { until, why } => CallFailure::Closed { until, why, after: None },
        Failure::Transient { code, cause } => CallFailure::NotSent { code, cause },
        Failure::Permanent { code, cause } => CallFailure::Ours { code, cause },
    }
}
