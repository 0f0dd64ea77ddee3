//! A pass through a dead-letter queue. SQS shows its messages only by delivering them, so a pass receives them, holds
//! them for as short as it needs, and gives them back.
//!
//! Its memory is bounded: it holds at most [`WINDOW`] messages at a time, keeps no body, and recognizes by a short digest
//! what was given back and came again. Its counts are approximate all the same: the service may show a message late.

use std::collections::HashSet;
use std::time::Duration;

use cloud::operator::QueueFacts;
use domain::ids::fingerprint;
use engine::Failure;
use futures::future::join_all;

use crate::dlq::letter::DeadLetter;
use crate::dlq::ports::Queues;

/// The most messages that a pass holds at a time. The service allows 120,000 for all receivers of a queue.
pub(crate) const WINDOW: usize = 20_000;

/// Calls at a time. One call brings at most ten messages.
const LANES: u64 = 8;

/// After so many rounds without a new message, the rest is taken for seen.
const FRUITLESS: u32 = 12;

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Give it back at the end of the window.
    GiveBack,
    /// The caller holds it from now on.
    Keep,
    /// The caller holds it from now on, and the pass ends.
    KeepLast,
    /// Give it back, and end the pass.
    Enough,
}

/// The end of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Messages seen, each once.
    pub(crate) seen: u64,
    /// What the service said before: messages that could be received.
    pub(crate) depth: u64,
    /// Whether everything that can be received was seen, as far as can be known.
    pub(crate) complete: bool,
}

/// Visits each message of `queue` once. `progress` is told how many were seen, of about how many.
///
/// # Errors
/// Failures of the queue. Messages that are held then come back by themselves after `hold`.
pub(crate) async fn pass(
    queues: &impl Queues,
    queue: &str,
    hold: Option<Duration>,
    mut visit: impl FnMut(DeadLetter) -> Then,
    mut progress: impl FnMut(u64, u64),
) -> Result<Pass, Failure> {
    let QueueFacts { depth, in_flight, .. } = queues.facts(queue).await?;
    let hold = hold.unwrap_or_else(|| hold_for(depth));
    let lanes = (depth / 100 + 1).min(LANES);
    let (mut seen, mut held): (HashSet<u64>, Vec<String>) = (HashSet::new(), Vec::new());
    let (mut fruitless, mut empty, mut complete) = (0, 0, false);
    let mut is_over = false;
    while !is_over {
        let mut is_new = false;
        let mut received = 0;
        for batch in join_all((0..lanes).map(|_| queues.receive(queue, hold))).await {
            for message in batch? {
                received += 1;
                let receipt = message.receipt.clone();
                if is_over || !seen.insert(short(&message.id)) {
                    held.push(receipt);
                    continue;
                }
                is_new = true;
                let then = visit(DeadLetter::read(queue, message));
                if matches!(then, Then::GiveBack | Then::Enough) {
                    held.push(receipt);
                }
                is_over = is_over || matches!(then, Then::KeepLast | Then::Enough);
            }
        }
        progress(seen.len() as u64, depth);
        fruitless = if is_new { 0 } else { fruitless + 1 };
        empty = if received == 0 { empty + 1 } else { 0 };
        // Of one empty answer the service says that it may be wrong.
        if empty == 2 || fruitless == FRUITLESS {
            // What another receiver holds is not shown.
            complete = in_flight == 0 && (empty == 2 || seen.len() as u64 >= depth);
            break;
        }
        if held.len() >= WINDOW {
            queues.hold(queue, &held, Duration::ZERO).await?;
            held.clear();
        }
    }
    queues.hold(queue, &held, Duration::ZERO).await?;
    Ok(Pass { seen: seen.len() as u64, depth, complete })
}

/// How long a window may take: at least two hundred messages a second, and half a minute to spare.
fn hold_for(depth: u64) -> Duration {
    Duration::from_secs(30 + depth.min(WINDOW as u64) / 200)
}

/// Sixty-four bits: among a hundred thousand messages two are mistaken for one once in billions of passes.
fn short(id: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = fingerprint(&[id]);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
