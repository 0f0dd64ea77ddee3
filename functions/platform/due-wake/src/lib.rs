//! Wakes what waited for a stream to begin: reports and wishes that were faster than what they are about.
//!
//! - On: `order.submitted` and `fulfillment.opened`, through its own queue.
//! - Does: sends what waits to its steps' queues, then forgets it; killed in between, it is sent twice, which steps bear.
//! - Fails: STO-… (the stores).

use std::collections::BTreeMap;

use engine::context::StreamWork;
use engine::stores::{Due, DueItem, Queues};
use engine::{Code, Context, Failure, Outcome};
use futures::future::try_join_all;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<D, Q> {
    /// Deferred work.
    pub due: D,
    /// Every step's queue.
    pub queues: Q,
}

/// How many are woken at once; the rest comes with the next delivery.
const MOST: u32 = 100;

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Due, impl Queues>, work: StreamWork, _cx: &Context) -> Result<Outcome, Failure> {
    let waiting = ports.due.waiting(&work.stream, MOST).await?;
    if waiting.is_empty() {
        return Ok(Outcome::Ignored("nothing waited for it"));
    }
    let full = waiting.len() >= MOST as usize;
    let mut by_function: BTreeMap<&str, Vec<&DueItem>> = BTreeMap::new();
    for item in &waiting {
        by_function.entry(&item.function).or_default().push(item);
    }
    for (function, items) in by_function {
        let bodies: Vec<String> = items.iter().map(|item| item.body.clone()).collect();
        if !ports.queues.send(function, &bodies).await?.is_empty() {
            return Err(Failure::transient(Code::StoreBusy, "a queue did not take all that was woken"));
        }
        try_join_all(items.iter().map(|item| ports.due.done(item))).await?;
    }
    if full { Err(Failure::transient(Code::StoreBusy, "more waits for it")) } else { Ok(Outcome::Applied) }
}
