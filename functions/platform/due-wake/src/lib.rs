//! Sends the messages that waited for a new stream to their steps' queues: reports and change requests that arrived
//! before the order, alias or fulfillment that they are about.
//!
//! - On: due work: a stream begins.
//! - Does: sends each waiting item to its step's queue, then deletes it. If the function dies in between, the item is
//!   sent twice; steps do their work only once all the same.
//! - Then: the steps run again.
//! - Fails: STO-… (the stores).

use std::collections::BTreeMap;

use engine::context::StreamWork;
use engine::stores::{Due, DueItem, Queues};
use engine::{Code, Context, Failure, Outcome};

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<D, Q> {
    /// Due items.
    pub due: D,
    /// Every step's queue.
    pub queues: Q,
}

/// Items per call to a queue, and per call that deletes them.
const CHUNK: usize = 10;

/// Items per run. If there may be more, the message is retried.
const MAX_ITEMS: u32 = 100;

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Due, impl Queues>, work: StreamWork, _cx: &Context) -> Result<Outcome, Failure> {
    let waiting = ports.due.waiting(&work.stream, MAX_ITEMS).await?;
    if waiting.is_empty() {
        return Ok(Outcome::Ignored("nothing waits for the stream"));
    }
    let full = waiting.len() >= MAX_ITEMS as usize;
    let mut by_function: BTreeMap<String, Vec<DueItem>> = BTreeMap::new();
    for item in waiting {
        by_function.entry(item.function.clone()).or_default().push(item);
    }
    for (function, items) in by_function {
        for items in items.chunks(CHUNK) {
            let bodies: Vec<String> = items.iter().map(|item| item.body.clone()).collect();
            if !ports.queues.send(&function, &bodies).await?.is_empty() {
                return Err(Failure::transient(Code::StoreBusy, "a queue did not accept all waiting items"));
            }
            ports.due.all_done(items).await?;
        }
    }
    if full { Err(Failure::transient(Code::StoreBusy, "more items may wait")) } else { Ok(Outcome::Applied) }
}
