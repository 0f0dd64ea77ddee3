//! The loop that receives invocations and answers them. It is not generic over the handler, so that it is compiled only
//! once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::logs;
use crate::start::{Start, StartError};

/// The process's exit code. A function's `main` returns it only after a failure or when Lambda ends the process.
pub type Exit = ExitCode;

/// The payload of an invocation or of its answer: JSON, not parsed.
pub(crate) type Payload = Box<RawValue>;

/// A failed invocation, with the reason. Lambda retries it, or reports it to the caller.
#[derive(Debug)]
pub(crate) struct InvocationError(pub(crate) String);

impl From<InvocationError> for Diagnostic {
    fn from(error: InvocationError) -> Self {
        Self { error_type: "InvocationError".to_owned(), error_message: error.0 }
    }
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Payload, InvocationError>>>>;

/// Answers one invocation.
pub(crate) type Answer = Box<dyn Fn(Payload) -> Answering>;

/// Starts the function, lets `main` set up its ports, and answers invocations until Lambda ends the process.
pub(crate) async fn run<P>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    answer: impl FnOnce(Start, P) -> Result<Answer, StartError>,
) -> Exit {
    logs::begin();
    match begin(function, ports, answer).await {
        Ok(answer) => serve(function, answer).await,
        Err(error) => report_start_error(function, &error),
    }
}

async fn begin<P>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    answer: impl FnOnce(Start, P) -> Result<Answer, StartError>,
) -> Result<Answer, StartError> {
    let start = Start::begin(function).await?;
    let ports = ports(&start).await?;
    answer(start, ports)
}

async fn serve(function: &'static str, answer: Answer) -> Exit {
    let service = service_fn(move |event: LambdaEvent<Payload>| answer(event.payload));
    match Box::pin(Runtime::new(service).run()).await {
        Ok(()) => Exit::SUCCESS,
        Err(error) => {
            tracing::error!(function, %error, "{function} stopped receiving invocations");
            Exit::FAILURE
        }
    }
}

/// `value` as an answer's payload.
pub(crate) fn json(value: &impl Serialize) -> Result<Payload, InvocationError> {
    serde_json::value::to_raw_value(value).map_err(|e| InvocationError(engine::redact::json_error(&e)))
}

/// Logs why the function cannot start, and reports it to Lambda.
fn report_start_error(function: &'static str, error: &StartError) -> Exit {
    tracing::error!(function, outcome = "not_started", "{function} cannot start: {error}");
    if let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API")
        && let Err(unreported) = post_init_error(&api, error)
    {
        tracing::warn!(function, error = %unreported, "the failed start could not be reported to Lambda");
    }
    Exit::FAILURE
}

/// Posts the error to Lambda's API, which is plain HTTP on the loopback interface. The runtime crate has no function
/// for it.
fn post_init_error(api: &str, error: &StartError) -> std::io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct InitError<'a> {
        error_type: &'a str,
        error_message: String,
    }
    let body = serde_json::to_string(&InitError { error_type: "Start", error_message: error.to_string() })?;
    let mut connection = TcpStream::connect(api)?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(
        connection,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {api}\r\ncontent-type: application/json\r\n\
         lambda-runtime-function-error-type: Start\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    connection.read_exact(&mut [0; 12])
}
