//! The runner of scheduled functions. Between the schedule's calls, a function may call itself by ticks: delayed
//! messages to its own queue.

use std::rc::Rc;

use engine::{Context, Failure};
use serde::Deserialize;

use crate::runtime::{self, Answer, Exit, InvocationError};
use crate::start::{Start, StartError};

/// Runs a scheduled function until Lambda ends the process.
///
/// `handle` gets the number of the tick, 0 for the schedule's own call, and returns the number of things it did, for
/// the log. A failed run is reported to Lambda; the next tick is its retry.
pub async fn schedule<P: 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, u32, &Context) -> Result<usize, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start));
        Ok(Box::new(move |payload| {
            let (shared, tick) = (shared.clone(), tick(payload.get()));
            Box::pin(async move {
                let (ports, handle, start) = &*shared;
                let cx = start.context(String::new(), None);
                let function = cx.function;
                match handle(ports, tick, &cx).await {
                    Ok(done) => {
                        tracing::info!(function, done, outcome = "applied", "{function}: {done} done");
                        // `batchItemFailures` is for ticks: the mapping of a queue needs it.
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

/// The number of the tick: the highest in a queue's messages, 0 if no queue sent the payload. A message without a
/// number counts as the last tick, so that no other follows.
fn tick(payload: &str) -> u32 {
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
    batch.records.iter().map(|message| message.body.parse().unwrap_or(u32::MAX)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_the_number_in_its_message_and_the_schedules_call_is_tick_0() {
        assert_eq!(tick(r#"{"version":"0","detail-type":"Scheduled Event","detail":{}}"#), 0);
        assert_eq!(tick("\"tick\""), 0);
        assert_eq!(tick(r#"{"Records":[{"messageId":"m","body":"3"}]}"#), 3);
        assert_eq!(tick(r#"{"Records":[{"body":"2"},{"body":"4"}]}"#), 4, "ticks in one batch are one");
        assert_eq!(tick(r#"{"Records":[{"body":"again"}]}"#), u32::MAX);
    }
}
