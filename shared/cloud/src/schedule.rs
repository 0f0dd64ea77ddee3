//! The runner of scheduled functions. Between the schedule's calls, a function may call itself by messages to its own
//! queue.

use std::rc::Rc;

use engine::{Context, Failure};
use serde::Deserialize;

use crate::runtime::{self, Answer, Exit, InvocationError};
use crate::start::{Start, StartError};

/// Runs a scheduled function until Lambda ends the process.
///
/// `handle` gets the bodies of the messages that its own queue delivers, none for the schedule's own call, and returns the
/// number of things it did, for the log. A failed run is reported to Lambda; the next tick, or the next delivery, is its retry.
pub async fn schedule<P: 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, &[String], &Context) -> Result<usize, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start));
        Ok(Box::new(move |payload| {
            let (shared, messages) = (shared.clone(), messages(payload.get()));
            Box::pin(async move {
                let (ports, handle, start) = &*shared;
                let cx = start.context(String::new(), None);
                let function = cx.function;
                match handle(ports, &messages, &cx).await {
                    Ok(done) => {
                        tracing::info!(function, done, outcome = "applied", "{function}: {done} done");
                        // `batchItemFailures` is for messages: the mapping of a queue needs it.
                        runtime::json(&serde_json::json!({ "done": done, "batchItemFailures": [] }))
                    }
                    Err(Failure::Deferred { why, .. }) => Err(InvocationError(why.as_str().to_owned())),
                    Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
                        let (code, cause) = (code.as_str(), engine::redact::text(&cause));
                        tracing::error!(function, outcome = "failed", code, cause, "{function}: {code}: {cause}");
                        Err(InvocationError(format!("{code}: {cause}")))
                    }
                }
            })
        }))
    };
    runtime::run(function, ports, answer).await
}

/// The bodies of a queue's messages; none if no queue sent the payload.
fn messages(payload: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Batch {
        #[serde(default, rename = "Records")]
        records: Vec<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        body: String,
    }
    let batch: Batch = serde_json::from_str(payload).unwrap_or_default();
    batch.records.into_iter().map(|message| message.body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_payload_has_messages_and_the_schedules_call_has_none() {
        assert_eq!(messages(r#"{"version":"0","detail-type":"Scheduled Event","detail":{}}"#), [""; 0]);
        assert_eq!(messages("\"tick\""), [""; 0]);
        assert_eq!(messages(r#"{"Records":[{"messageId":"m","body":"3"},{"body":"again"}]}"#), ["3", "again"]);
    }
}
