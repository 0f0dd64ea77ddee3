//! An HTTP transport for tests of the adapters: it returns prepared answers in place of AWS.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::settings::Settings;

/// A call: its operation, such as `PutItem`, and its input.
pub(crate) type Call = (String, Value);

/// The answer to a call: status and body; `None` to never answer.
pub(crate) type Reply = Option<(u16, Value)>;

type Replies = dyn Fn(usize, &Call) -> Reply + Send + Sync;

/// Prepared answers, and the calls that were made.
#[derive(Clone)]
pub(crate) struct Canned {
    reply: Arc<Replies>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl Canned {
    /// `reply` gets the number of earlier calls, and the call.
    pub(crate) fn new(reply: impl Fn(usize, &Call) -> Reply + Send + Sync + 'static) -> Self {
        Self { reply: Arc::new(reply), calls: Arc::default() }
    }

    /// The same answer to every call.
    pub(crate) fn always(status: u16, body: Value) -> Self {
        Self::new(move |_, _| Some((status, body.clone())))
    }

    /// Clients that use this transport, in a function with a timeout of a minute.
    pub(crate) fn aws(&self) -> Aws {
        self.aws_within(Duration::from_secs(60))
    }

    /// Clients that use this transport, in a function with `timeout`.
    pub(crate) fn aws_within(&self, timeout: Duration) -> Aws {
        let settings = Settings::read(|name| {
            let value = match name {
                "FUNCTION_TIMEOUT_SECONDS" => "1",
                "AWS_REGION" => "us-east-1",
                "JOURNAL_EPOCH" => "1",
                "LOCAL_SIGN_IN" => "",
                _ if name.starts_with("AWS_ENDPOINT") || name.starts_with("PARTNERS") || name.starts_with("MAX") => "",
                _ => "any",
            };
            Some(value.to_owned())
        });
        let mut settings = settings.unwrap_or_else(|error| unreachable!("{error}"));
        settings.timeout = timeout;
        Aws::with_http_client(&settings, SharedHttpClient::new(self.clone()))
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().map(|calls| calls.clone()).unwrap_or_default()
    }

    /// The operations of the calls so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.calls().into_iter().map(|(operation, _)| operation).collect()
    }
}

/// The body of an error, as AWS writes it.
pub(crate) fn error(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "words of the service" })
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let input = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let call = (operation, input);
        let reply = self.calls.lock().ok().and_then(|mut calls| {
            let reply = (self.reply)(calls.len(), &call);
            calls.push(call);
            reply
        });
        HttpConnectorFuture::new(async move {
            let Some((status, body)) = reply else { return std::future::pending().await };
            let status = status.try_into().unwrap_or_else(|_| unreachable!("a status"));
            Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
        })
    }
}
