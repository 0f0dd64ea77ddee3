//! Functions that a clock starts.

use std::rc::Rc;

use engine::{Context, Failure};

use crate::runtime::{self, Answer, Exit, Unanswered};
use crate::start::{Start, StartError};

/// Runs a scheduled function until Lambda ends the process. `handle` returns how much it did, for the log.
///
/// A failed run is told to Lambda as such; the next tick is the repetition.
pub async fn schedule<P: 'static>(
    function: &'static str,
    ports: impl AsyncFnOnce(&Start) -> Result<P, StartError>,
    handle: impl AsyncFn(&P, &Context) -> Result<usize, Failure> + 'static,
) -> Exit {
    let answer = |start: Start, ports: P| -> Result<Answer, StartError> {
        let shared = Rc::new((ports, handle, start));
        Ok(Box::new(move |_tick| {
            let shared = shared.clone();
            Box::pin(async move {
                let (ports, handle, start) = &*shared;
                let cx = start.context(String::new(), None);
                let function = cx.function;
                match handle(ports, &cx).await {
                    Ok(done) => {
                        tracing::info!(function, done, outcome = "applied", "{function}: {done} done");
                        runtime::json(&serde_json::json!({ "done": done }))
                    }
                    Err(Failure::Deferred { why, .. }) => Err(Unanswered(why.as_str().to_owned())),
                    Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
                        let (code, cause) = (code.as_str(), engine::redact::text(&cause));
                        tracing::error!(function, outcome = "failed", code, cause, "{function}: {code}: {cause}");
                        Err(Unanswered(format!("{code}: {cause}")))
                    }
                }
            })
        }))
    };
    runtime::run(function, ports, answer).await
}
