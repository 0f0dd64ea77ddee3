//! The runner of functions behind the HTTP API. Requests and answers have API Gateway's payload format 2.0.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::http::{MAX_BODY, Problem, Request, Response};
use engine::{Context, Failure};
use serde::{Deserialize, Serialize};

use crate::runtime::{self, Answer, Exit, InvocationError, Payload};
use crate::start::{Start, StartError};

/// Runs an API's function until Lambda ends the process.
///
/// If the handler fails, the answer is a problem document: 503 if a retry may succeed, otherwise 500.
pub async fn http<P: 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, Request, &Context) -> Result<Response, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start));
        Ok(Box::new(move |payload| {
            let shared = shared.clone();
            Box::pin(async move {
                let (ports, handle, start) = &*shared;
                let received = Received::read(&payload)?;
                let cx = received.context(start);
                let route = received.route.clone();
                let response = match received.request {
                    Ok(request) => handle(ports, request, &cx).await,
                    Err(problem) => Ok(problem.into()),
                };
                answer(&cx, &route, response)
            })
        }))
    };
    runtime::run(function, ports, answer).await
}

/// A request as the gateway passed it on, with the data that is logged.
pub(crate) struct Received {
    /// The route's key, such as `GET /v1/orders`.
    pub(crate) route: String,
    correlation: String,
    traceparent: Option<String>,
    /// The request, or the answer to one that no handler can get.
    pub(crate) request: Result<Request, Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Event {
    route_key: String,
    raw_path: String,
    raw_query_string: String,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: RequestContext,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    request_id: String,
    http: Http,
    authorizer: Option<Authorizer>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Http {
    method: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Authorizer {
    lambda: Option<Authorized>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Authorized {
    client: String,
    scopes: String,
}

impl Received {
    pub(crate) fn read(payload: &Payload) -> Result<Self, InvocationError> {
        let unread =
            |e: serde_json::Error| InvocationError(format!("not a request: {}", engine::redact::json_error(&e)));
        let event: Event = serde_json::from_str(payload.get()).map_err(unread)?;
        let mut headers: BTreeMap<String, String> =
            event.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        // The gateway takes cookies out of the headers.
        if !event.cookies.is_empty() {
            headers.insert("cookie".to_owned(), event.cookies.join("; "));
        }
        let request_id = event.request_context.request_id;
        let given = headers.get("x-correlation-id").filter(|id| is_correlation(id));
        let correlation = given.unwrap_or(&request_id).clone();
        let traceparent = headers.get("traceparent").filter(|trace| is_traceparent(trace)).cloned();
        let authorized = event.request_context.authorizer.and_then(|authorizer| authorizer.lambda).unwrap_or_default();
        let request = body(event.body, event.is_base64_encoded).map(|body| Request {
            method: event.request_context.http.method,
            path: event.raw_path,
            variables: event.path_parameters.unwrap_or_default(),
            query: parameters(&event.raw_query_string),
            headers,
            body,
            client: authorized.client,
            scopes: authorized.scopes.split_whitespace().map(str::to_owned).collect(),
            request_id,
        });
        Ok(Self { route: event.route_key, correlation, traceparent, request })
    }

    pub(crate) fn context(&self, start: &Start) -> Context {
        let client = self.request.as_ref().map_or("", |request| request.client.as_str());
        let actor = (!client.is_empty()).then(|| format!("client/{client}"));
        Context { actor, ..start.context(self.correlation.clone(), self.traceparent.clone()) }
    }
}

/// The bytes of a request's body.
fn body(text: Option<String>, is_base64: bool) -> Result<Vec<u8>, Problem> {
    let text = text.unwrap_or_default();
    // Checked before the body is decoded, which needs its memory once more.
    let bytes = if is_base64 { text.len() / 4 * 3 } else { text.len() };
    if bytes > MAX_BODY + 2 {
        return Err(too_large(bytes));
    }
    let body = if is_base64 {
        let unreadable = || Problem::new(400, "BODY_UNREADABLE", "The body is not valid base64");
        BASE64_STANDARD.decode(text).map_err(|_not_shown| unreadable())?
    } else {
        text.into_bytes()
    };
    if body.len() > MAX_BODY { Err(too_large(body.len())) } else { Ok(body) }
}

fn too_large(bytes: usize) -> Problem {
    let problem = Problem::new(413, "BODY_TOO_LARGE", "The body is too large");
    problem.detail(format!("it has about {bytes} bytes; the limit is {MAX_BODY}"))
}

/// Whether a caller may use `id` as a correlation id. The id is written to logs, events and headers unchanged.
fn is_correlation(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
}

/// Whether `text` has the shape `00-<32 hex>-<16 hex>-<2 hex>` of W3C trace context.
fn is_traceparent(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([2, 32, 16, 2]) && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A query string's parameters, decoded. Of several with one name, the last counts.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Decodes percent escapes, and `+` as a blank. Replaces bytes that are not UTF-8, and leaves an incomplete escape
/// unchanged.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = match tail {
            [high, low, ..] if *first == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The answer, after its log line.
fn answer(cx: &Context, route: &str, response: Result<Response, Failure>) -> Result<Payload, InvocationError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answered<'a> {
        status_code: u16,
        headers: BTreeMap<&'a str, &'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        cookies: Vec<&'a str>,
        body: &'a str,
        is_base64_encoded: bool,
    }
    let (function, correlation) = (cx.function, cx.correlation.as_str());
    let response = response.unwrap_or_else(|failure| failed(cx, route, failure));
    let status = response.status;
    tracing::info!(function, correlation, route, status, outcome = "answered", "{route}: {status}");
    // Of several headers with one name the gateway would send the last.
    let (cookies, headers): (Vec<_>, Vec<_>) = response.headers.iter().partition(|(name, _)| *name == "set-cookie");
    let cookies = cookies.into_iter().map(|(_, value)| value.as_str()).collect();
    let mut headers: BTreeMap<&str, &str> = headers.into_iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.insert("content-type", response.content_type);
    headers.insert("x-correlation-id", correlation);
    runtime::json(&Answered { status_code: status, headers, cookies, body: &response.body, is_base64_encoded: false })
}

/// The answer to a client whose request failed. The cause is logged, and not in the answer.
fn failed(cx: &Context, route: &str, failure: Failure) -> Response {
    let (function, correlation) = (cx.function, cx.correlation.as_str());
    let (code, cause) = match &failure {
        Failure::Deferred { why, .. } => ("deferred", why.as_str()),
        Failure::Transient { code, cause } | Failure::Permanent { code, cause } => (code.as_str(), cause.as_ref()),
    };
    let cause = engine::redact::text(cause);
    tracing::error!(function, correlation, route, outcome = "failed", code, cause, "{route}: {code}: {cause}");
    let response = Response::from(Problem::from(failure));
    if response.status == 503 { response.with("retry-after", "1") } else { response }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::Code;

    use super::*;

    fn received(json: &str) -> Received {
        Received::read(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn the_handler_gets_the_bytes_that_the_sender_signed() {
        let received = received(
            r#"{"version":"2.0","routeKey":"POST /v1/webhooks/{partner}","rawPath":"/v1/webhooks/eastco",
            "rawQueryString":"a=1&b=x%20y&b=%C3%A9+z&c","headers":{"Webhook-Id":"msg_1","traceparent":
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},"pathParameters":{"partner":"eastco"},
            "requestContext":{"requestId":"req-1","http":{"method":"POST","path":"/v1/webhooks/eastco"}},
            "body":"eyJhIjoxfQ==","isBase64Encoded":true}"#,
        );
        let request = received.request.unwrap();
        assert_eq!(request.body, br#"{"a":1}"#);
        assert_eq!(request.header("webhook-id"), Some("msg_1"));
        assert_eq!(request.variables["partner"], "eastco");
        assert_eq!(
            (request.query["a"].as_str(), request.query["b"].as_str(), request.query["c"].as_str()),
            ("1", "é z", "")
        );
        assert_eq!((request.method.as_str(), request.client.as_str()), ("POST", ""));
        assert_eq!(received.correlation, "req-1");
        assert!(received.traceparent.is_some());
    }

    #[test]
    fn the_authorizers_client_and_a_valid_correlation_id_are_used() {
        let event = |id: &str| {
            received(&format!(
                r#"{{"headers":{{"x-correlation-id":"{id}"}},"requestContext":{{"requestId":"req-1","http":{{"method":"GET"}},
                "authorizer":{{"lambda":{{"client":"portal","scopes":"orders:read orders:write"}}}}}}}}"#
            ))
        };
        let valid = event("corr-7");
        assert_eq!(valid.correlation, "corr-7");
        let request = valid.request.unwrap();
        assert_eq!(request.client, "portal");
        assert!(request.allow("orders:write").is_ok());
        assert!(request.body.is_empty());
        assert_eq!(event("ada@example.com {}").correlation, "req-1");
    }

    #[test]
    fn cookies_go_both_ways_each_by_itself() {
        let request = received(r#"{"cookies":["a=1","b=2"],"requestContext":{"http":{"method":"GET"}}}"#);
        assert_eq!(request.request.unwrap().header("cookie"), Some("a=1; b=2"));
        let response = Response { status: 303, content_type: "text/html", headers: vec![], body: String::new() };
        let response = response.with("set-cookie", "a=1").with("location", "/x").with("set-cookie", "b=2");
        let cx = context();
        let payload = answer(&cx, "GET /console", Ok(response)).unwrap();
        let answered: serde_json::Value = serde_json::from_str(payload.get()).unwrap();
        assert_eq!(answered["cookies"], serde_json::json!(["a=1", "b=2"]));
        assert_eq!(
            (&answered["headers"]["set-cookie"], &answered["headers"]["location"]),
            (&serde_json::Value::Null, &serde_json::json!("/x"))
        );
        let none = answer(&cx, "GET /v1/orders", Ok(Response::json(200, &1))).unwrap();
        assert!(!none.get().contains("cookies"));
    }

    #[test]
    fn a_body_that_is_not_base64_does_not_reach_the_handler() {
        let received = received(r#"{"body":"%%%","isBase64Encoded":true}"#);
        assert_eq!(received.request.unwrap_err().status, 400);
    }

    #[test]
    fn a17_no_route_takes_a_body_that_is_longer_than_the_limit() {
        let status = |bytes: usize, is_base64: bool| {
            let body = if is_base64 { BASE64_STANDARD.encode(vec![b'x'; bytes]) } else { "x".repeat(bytes) };
            received(&format!(r#"{{"body":"{body}","isBase64Encoded":{is_base64}}}"#)).request.map_err(|p| p.status)
        };
        for is_base64 in [false, true] {
            assert_eq!(status(MAX_BODY, is_base64).unwrap().body.len(), MAX_BODY);
            for bytes in [MAX_BODY + 1, MAX_BODY + 3, 6 << 20] {
                assert_eq!(status(bytes, is_base64).unwrap_err(), 413, "{bytes}");
            }
        }
    }

    fn context() -> Context {
        Context {
            function: "order-create",
            correlation: "c-1".to_owned(),
            traceparent: None,
            now: jiff::Timestamp::UNIX_EPOCH,
            event_time: jiff::Timestamp::UNIX_EPOCH,
            lease: std::time::Duration::ZERO,
            epoch: engine::Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
            woken_by: None,
        }
    }

    #[test]
    fn a_failure_becomes_a_problem_document_without_its_cause() {
        let cx = context();
        let answer_to = |failure| {
            let payload = answer(&cx, "POST /v1/orders", Err(failure)).unwrap();
            serde_json::from_str::<serde_json::Value>(payload.get()).unwrap()
        };
        let busy = answer_to(Failure::transient(Code::StoreBusy, "secret words"));
        assert_eq!((busy["statusCode"].as_u64(), busy["headers"]["retry-after"].as_str()), (Some(503), Some("1")));
        assert_eq!(busy["headers"]["content-type"], "application/problem+json");
        assert_eq!(busy["headers"]["x-correlation-id"], "c-1");
        let broken = answer_to(Failure::permanent(Code::StoreRefused, "secret words"));
        assert_eq!(broken["statusCode"], 500);
        assert!(!broken.to_string().contains("secret words") && !busy.to_string().contains("secret words"));
    }
}
