//! What an AWS error means for the work: the one place where that is decided.
//!
//! Each call first takes out the answers that are values to it (a condition that failed, a secret that is missing) and hands
//! the rest to [`failure`].

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use engine::{Code, Failure};

/// How a call ended that has no usable answer, without the operation's own types.
#[derive(Debug, PartialEq, Eq)]
enum Fault<'a> {
    /// The request could not be built.
    Unbuilt,
    /// No answer in time; it may have been carried out.
    TimedOut,
    /// No connection, or it was lost; it may have been carried out.
    Unreachable,
    /// An answer that is not one of the service's.
    Garbled { status: u16 },
    /// The service's own refusal.
    Refused { status: u16, code: &'a str, message: &'a str },
}

/// Codes of the services by which they ask for a later repetition, whatever the HTTP status. Credentials that expired are
/// among them: they are an instance's, and another instance has newer ones.
const LATER: [&str; 19] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "KmsThrottled",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Whether nobody answered who could be believed: no connection, or one with an unknown certificate.
pub(crate) fn is_unreachable<E>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error, SdkError::DispatchFailure(dispatch) if !dispatch.is_timeout() && !dispatch.is_user())
}

/// What `error` means for the work. `operation` is the call's name, for the cause.
pub(crate) fn failure<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> Failure {
    let fault = match error {
        SdkError::ConstructionFailure(_) => Fault::Unbuilt,
        SdkError::TimeoutError(_) => Fault::TimedOut,
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => Fault::TimedOut,
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => Fault::Unbuilt,
        SdkError::DispatchFailure(_) => Fault::Unreachable,
        SdkError::ResponseError(response) => Fault::Garbled { status: response.raw().status().as_u16() },
        SdkError::ServiceError(refusal) => Fault::Refused {
            status: refusal.raw().status().as_u16(),
            code: refusal.err().code().unwrap_or_default(),
            message: refusal.err().message().unwrap_or_default(),
        },
        // The type may grow; what is not known to be final is tried again.
        _ => Fault::Unreachable,
    };
    meaning(operation, &fault)
}

fn meaning(operation: &str, fault: &Fault<'_>) -> Failure {
    let later = |what: String| Failure::transient(Code::StoreBusy, what);
    let never = |what: String| Failure::permanent(Code::StoreRefused, what);
    match fault {
        Fault::Unbuilt => never(format!("{operation}: the request could not be built")),
        Fault::TimedOut => later(format!("{operation}: no answer in time")),
        Fault::Unreachable => later(format!("{operation}: no connection")),
        Fault::Garbled { status } => later(format!("{operation}: an unreadable answer (status {status})")),
        Fault::Refused { status, code, .. } if *status >= 500 || *status == 429 || LATER.contains(code) => {
            later(format!("{operation}: {code} ({status})"))
        }
        Fault::Refused { status, code, message } => never(format!("{operation}: {code} ({status}) {message}")),
    }
}

/// What a refusal inside a successful or cancelled call means, where a service gives codes per entry.
pub(crate) fn entry_failure(operation: &str, code: &str, message: &str) -> Failure {
    // A transaction's reasons drop the word "Exception", and name some things anew.
    const LATER_IN_TRANSACTIONS: [&str; 4] =
        ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "RequestLimitExceeded"];
    let status = if LATER_IN_TRANSACTIONS.contains(&code) { 503 } else { 400 };
    meaning(operation, &Fault::Refused { status, code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        meaning("PutItem", &Fault::Refused { status, code, message: "words" })
    }

    #[test]
    fn f06_what_may_pass_is_told_apart_from_what_never_will() {
        for code in LATER {
            assert!(matches!(refused(400, code), Failure::Transient { code: Code::StoreBusy, .. }), "{code}");
        }
        assert!(matches!(refused(500, ""), Failure::Transient { .. }));
        assert!(matches!(refused(503, "Whatever"), Failure::Transient { .. }));
        for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException", "", "Unheard"] {
            assert!(matches!(refused(400, code), Failure::Permanent { code: Code::StoreRefused, .. }), "{code}");
        }
        for fault in [Fault::TimedOut, Fault::Unreachable, Fault::Garbled { status: 200 }] {
            assert!(matches!(meaning("Query", &fault), Failure::Transient { .. }), "{fault:?}");
        }
        assert!(matches!(meaning("Query", &Fault::Unbuilt), Failure::Permanent { .. }));
    }

    #[test]
    fn a_conflict_between_transactions_passes() {
        assert!(matches!(entry_failure("TransactWriteItems", "TransactionConflict", ""), Failure::Transient { .. }));
        assert!(matches!(entry_failure("TransactWriteItems", "ValidationError", ""), Failure::Permanent { .. }));
    }
}
