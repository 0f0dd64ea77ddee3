//! The API's authorizer: a bearer token in, a yes or no with the client's name and scopes out.

use std::rc::Rc;

use engine::{Context, Failure};
use serde::Serialize;

use crate::http::Asked;
use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// A client that may pass; what it may do is checked where it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Its name.
    pub client: String,
    /// Its scopes, separated by blanks.
    pub scopes: String,
}

/// Runs an authorizer until Lambda ends the process.
///
/// `handle` gets the `Authorization` header. Its failure is no refusal: API Gateway answers 500 and caches nothing.
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
                let asked = Asked::read(&payload)?;
                let cx = asked.context(start);
                let request = asked.request.unwrap_or_default();
                let caller = handle(ports, request.header("authorization"), &cx).await;
                written(&cx, &asked.route, caller)
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

fn written(cx: &Context, route: &str, caller: Result<Option<Caller>, Failure>) -> Result<Payload, InvocationError> {
    let (function, correlation) = (cx.function, cx.correlation.as_str());
    match caller {
        Ok(Some(caller)) => {
            let client = caller.client.as_str();
            tracing::info!(function, correlation, route, client, outcome = "authorized", "{route}: {client} may pass");
            runtime::json(&Verdict { is_authorized: true, context: Some(caller) })
        }
        Ok(None) => {
            tracing::warn!(function, correlation, route, outcome = "refused", "{route}: nobody that we know");
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
    fn yes_names_the_client_and_no_names_nobody() {
        let caller = Caller { client: "portal".to_owned(), scopes: "orders:read".to_owned() };
        let yes = runtime::json(&Verdict { is_authorized: true, context: Some(caller) }).unwrap();
        assert_eq!(yes.get(), r#"{"isAuthorized":true,"context":{"client":"portal","scopes":"orders:read"}}"#);
        let no = runtime::json(&Verdict { is_authorized: false, context: None }).unwrap();
        assert_eq!(no.get(), r#"{"isAuthorized":false}"#);
    }
}
