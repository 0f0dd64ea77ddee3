//! The loop that takes invocations and answers them. Not generic over the handler: it compiles once for all functions.

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

/// How the process ends: never, as long as Lambda has work for it.
pub type Exit = ExitCode;

/// An invocation's payload, as it came.
pub(crate) type Payload = Box<RawValue>;

/// An invocation that cannot be answered: Lambda repeats it, or tells its caller.
#[derive(Debug)]
pub(crate) struct InvocationError(pub(crate) String);

impl From<InvocationError> for Diagnostic {
    fn from(unanswered: InvocationError) -> Self {
        Self { error_type: "Unanswered".to_owned(), error_message: unanswered.0 }
    }
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Payload, InvocationError>>>>;

/// What a runner makes of its ports and handler.
pub(crate) type Answer = Box<dyn Fn(Payload) -> Answering>;

/// Starts the function, opens its first connection, lets `main` set up its ports, and answers until the end.
pub(crate) async fn run<P>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    answer: impl FnOnce(Start, P) -> Result<Answer, StartError>,
) -> Exit {
    logs::begin();
    match begin(function, ports, answer).await {
        Ok(answer) => serve(function, answer).await,
        Err(error) => give_up(function, &error),
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
            tracing::error!(function, %error, "{function} stopped taking invocations");
            Exit::FAILURE
        }
    }
}

/// `value` as an answer.
pub(crate) fn json(value: &impl Serialize) -> Result<Payload, InvocationError> {
    serde_json::value::to_raw_value(value).map_err(|e| InvocationError(engine::redact::json_error(&e)))
}

/// Tells the log and Lambda why nothing works.
fn give_up(function: &'static str, error: &StartError) -> Exit {
    tracing::error!(function, outcome = "not_started", "{function} cannot start: {error}");
    if let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API")
        && let Err(unreported) = tell_lambda(&api, error)
    {
        tracing::warn!(function, error = %unreported, "Lambda could not be told");
    }
    Exit::FAILURE
}

/// One request on the plain loopback API; the runtime crate reports only what happens after its start.
fn tell_lambda(api: &str, error: &StartError) -> std::io::Result<()> {
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
