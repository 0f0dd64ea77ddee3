//! Watches a return's times, and raises what did not happen in time.
//!
//! - On: due work: a step is expected by a time. Then that time, as a due item.
//! - Does: calls no partner.
//! - Then: `return.late`, `return.closed` when the window passed, or `return.advance_lapsed`.
//! - Fails: MSG-002 (malformed id), STO-… (the journal); deferred until the next time.

use std::time::Duration;

use domain::returns::ReturnWatch;
use domain::{Return, ReturnId};
use engine::failure::Wait;
use engine::{Context, Failure, Journal, Outcome, Stream};
use jiff::Timestamp;
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J> {
    /// Returns' streams.
    pub journal: J,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal>, work: ReturnWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut stream = Stream::<Return>::load(&ports.journal, &work.return_id, cx).await?;
    let watch = |stream: &Stream<Return>| stream.state.as_ref().map_or(ReturnWatch::Over, Return::watch);
    if let Some(command) = watch(&stream).passed(cx.now) {
        let cause = cx.cause(&format!("{}@{}", work.return_id, stream.version));
        stream.commit(&ports.journal, cx, &cause, command).await?.recorded()?;
    }
    match watch(&stream) {
        ReturnWatch::Until(due, _) => Err(wait_until(due, &work.return_id, cx)),
        ReturnWatch::Over => Ok(Outcome::Ignored("no step of the return is expected by a time")),
    }
}

/// The shortest time between two runs for one return.
const MIN_PAUSE: Duration = Duration::from_secs(60);

/// Defers to the next time, or to the end of [`MIN_PAUSE`] if that is later.
fn wait_until(due: Timestamp, return_id: &ReturnId, cx: &Context) -> Failure {
    Failure::Deferred { until: due.max(cx.after(MIN_PAUSE)), why: Wait::Time(return_id.to_string()) }
}
