//! Decides, for all AWS calls, whether an error is worth a retry.
//!
//! Each call first handles the errors that are answers to it (a condition that failed, a secret that is missing).
//! [`failure`] classifies the others.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use engine::{Code, Failure};

use crate::items::Item;

/// A failed call, without the operation's own types.
#[derive(Debug, PartialEq, Eq)]
enum Fault<'a> {
    /// The request could not be built.
    Unbuilt,
    /// There was no answer in time; the call may have been carried out.
    TimedOut,
    /// There was no connection, or it was lost; the call may have been carried out.
    Unreachable,
    /// The answer cannot be parsed.
    Garbled { status: u16 },
    /// The service answered with an error.
    Refused { status: u16, code: &'a str, message: &'a str },
}

/// The services' error codes after which a retry may succeed, with any HTTP status. Expired credentials are among them:
/// they belong to one instance of the function, and another instance has newer ones.
const RETRYABLE: [&str; 19] = [
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

/// Whether a put failed by its condition, with the existing item: `Some(None)` if the store did not return it, `None`
/// for other errors.
pub(crate) fn condition_failed<R>(error: &SdkError<PutItemError, R>) -> Option<Option<&Item>> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => Some(failed.item()),
        Some(_) | None => None,
    }
}

/// Whether there was no trusted connection: none at all, or one with an untrusted certificate.
pub(crate) fn is_unreachable<E>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error, SdkError::DispatchFailure(dispatch) if !dispatch.is_timeout() && !dispatch.is_user())
}

/// Classifies `error`. `operation` names the call in the failure's cause.
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
        // The SDK may add variants. Retry them, because they are not known to be final.
        _ => Fault::Unreachable,
    };
    classify(operation, &fault)
}

fn classify(operation: &str, fault: &Fault<'_>) -> Failure {
    let transient = |cause: String| Failure::transient(Code::StoreBusy, cause);
    let permanent = |cause: String| Failure::permanent(Code::StoreRefused, cause);
    match fault {
        Fault::Unbuilt => permanent(format!("{operation}: the request could not be built")),
        Fault::TimedOut => transient(format!("{operation}: no answer in time")),
        Fault::Unreachable => transient(format!("{operation}: no connection")),
        Fault::Garbled { status } => transient(format!("{operation}: an unreadable answer (status {status})")),
        Fault::Refused { status, code, .. } if *status >= 500 || *status == 429 || RETRYABLE.contains(code) => {
            transient(format!("{operation}: {code} ({status})"))
        }
        Fault::Refused { status, code, message } => permanent(format!("{operation}: {code} ({status}) {message}")),
    }
}

/// Classifies the error of one entry in a call, for services that answer with a code per entry.
pub(crate) fn entry_failure(operation: &str, code: &str, message: &str) -> Failure {
    // The codes in a transaction's reasons lack the word "Exception", and some have other names.
    const RETRYABLE_IN_TRANSACTIONS: [&str; 4] =
        ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "RequestLimitExceeded"];
    let status = if RETRYABLE_IN_TRANSACTIONS.contains(&code) { 503 } else { 400 };
    classify(operation, &Fault::Refused { status, code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        classify("PutItem", &Fault::Refused { status, code, message: "words" })
    }

    #[test]
    fn f06_retryable_and_final_errors_are_distinguished() {
        for code in RETRYABLE {
            assert!(matches!(refused(400, code), Failure::Transient { code: Code::StoreBusy, .. }), "{code}");
        }
        assert!(matches!(refused(500, ""), Failure::Transient { .. }));
        assert!(matches!(refused(503, "AnyCode"), Failure::Transient { .. }));
        for code in ["ValidationException", "AccessDeniedException", "ResourceNotFoundException", "", "UnknownCode"] {
            assert!(matches!(refused(400, code), Failure::Permanent { code: Code::StoreRefused, .. }), "{code}");
        }
        for fault in [Fault::TimedOut, Fault::Unreachable, Fault::Garbled { status: 200 }] {
            assert!(matches!(classify("Query", &fault), Failure::Transient { .. }), "{fault:?}");
        }
        assert!(matches!(classify("Query", &Fault::Unbuilt), Failure::Permanent { .. }));
    }

    #[test]
    fn a_conflict_between_transactions_is_retryable() {
        assert!(matches!(entry_failure("TransactWriteItems", "TransactionConflict", ""), Failure::Transient { .. }));
        assert!(matches!(entry_failure("TransactWriteItems", "ValidationError", ""), Failure::Permanent { .. }));
    }
}
