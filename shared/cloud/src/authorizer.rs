//! The runner of the API's authorizer, a function that authenticates the bearer token of a request.

use std::rc::Rc;

use engine::{Context, Failure};
use serde::Serialize;

use crate::http::Received;
use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// An authenticated client. Each function checks the scope that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The client's name, such as `portal`.
    pub client: String,
    /// Such as `orders:read orders:write`, separated by blanks.
    pub scopes: String,
}

/// Runs an authorizer until Lambda ends the process.
///
/// `handle` gets the `Authorization` header. If it fails, API Gateway answers 500 and caches nothing.
pub async fn authorizer<P: 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, Option<&str>, &Context) -> Result<Option<Caller>, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start));
        Ok(Box::new(move |payload| {
            let shared = shared.clone();
            Box::pin(async move {
                let (ports, handle, start) = &*shared;
                let received = Received::read(&payload)?;
                let cx = received.context(start);
                let request = received.request.unwrap_or_default();
                let caller = handle(ports, request.header("authorization"), &cx).await;
                answer(&cx, &received.route, caller)
            })
        }))
    };
    runtime::run(function, ports, answer).await
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Caller>,
}

/// The answer, after its log line.
fn answer(cx: &Context, route: &str, caller: Result<Option<Caller>, Failure>) -> Result<Payload, InvocationError> {
    let (function, correlation) = (cx.function, cx.correlation.as_str());
    match caller {
        Ok(Some(caller)) => {
            let client = caller.client.as_str();
            tracing::info!(
                function,
                correlation,
                route,
                client,
                outcome = "authorized",
                "{route}: authorized {client}"
            );
            runtime::json(&Verdict { is_authorized: true, context: Some(caller) })
        }
        Ok(None) => {
            tracing::warn!(function, correlation, route, outcome = "refused", "{route}: no such token");
            runtime::json(&Verdict { is_authorized: false, context: None })
        }
        Err(failure) => {
            let (code, cause) = match &failure {
                Failure::Deferred { why, .. } => ("deferred", why.as_str()),
                Failure::Transient { code, cause } | Failure::Permanent { code, cause } => {
                    (code.as_str(), cause.as_ref())
                }
            };
            let cause = engine::redact::text(cause);
            tracing::error!(function, correlation, route, outcome = "failed", code, cause, "{route}: {code}: {cause}");
            Err(InvocationError(code.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_positive_answer_names_a_client() {
        let caller = Caller { client: "portal".to_owned(), scopes: "orders:read".to_owned() };
        let yes = runtime::json(&Verdict { is_authorized: true, context: Some(caller) }).unwrap();
        assert_eq!(yes.get(), r#"{"isAuthorized":true,"context":{"client":"portal","scopes":"orders:read"}}"#);
        let no = runtime::json(&Verdict { is_authorized: false, context: None }).unwrap();
        assert_eq!(no.get(), r#"{"isAuthorized":false}"#);
    }
}
