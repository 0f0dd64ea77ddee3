//! Functions that a clock starts: a schedule, and the ticks that they send themselves for what a schedule is too coarse for.

use std::rc::Rc;

use engine::{Context, Failure};
use serde::Deserialize;

use crate::runtime::{self, Answer, Exit, InvocationError};
use crate::start::{Start, StartError};

/// Runs a scheduled function until Lambda ends the process. `handle` gets the number of its tick, 0 where the schedule itself
/// calls, and returns how much it did, for the log.
///
/// A failed run is told to Lambda as such; the next tick is the repetition.
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
                        // The second is what a queue's mapping looks for.
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

/// The tick that a payload is: the latest of a queue's messages, 0 where no queue sent it. A message that is no number is a
/// tick that no other follows.
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
    fn a_schedules_call_is_tick_0_and_a_queues_the_number_in_its_message() {
        assert_eq!(tick(r#"{"version":"0","detail-type":"Scheduled Event","detail":{}}"#), 0);
        assert_eq!(tick("\"tick\""), 0);
        assert_eq!(tick(r#"{"Records":[{"messageId":"m","body":"3"}]}"#), 3);
        assert_eq!(tick(r#"{"Records":[{"body":"2"},{"body":"4"}]}"#), 4, "ticks that come together are one");
        assert_eq!(tick(r#"{"Records":[{"body":"again"}]}"#), u32::MAX);
    }
}
