//! Puts deferred work back into its queue when its time has come.
//!
//! - On: a schedule, each minute; and its own ticks in between, which come back from its queue ten seconds after it sent them.
//! - Does: sends what is due to its step's queue, then forgets it; killed in between, it is sent twice, which steps bear.
//! - Fails: STO-… (the stores): the next tick, or the next minute, tries again.

use std::collections::BTreeMap;

use engine::context::SKEW;
use engine::stores::{DUE_SHARDS, Due, DueItem, Queues};
use engine::{Code, Context, Failure};
use futures::future::{join_all, try_join_all};

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<D, Q> {
    /// Deferred work.
    pub due: D,
    /// Every step's queue.
    pub queues: Q,
}

/// How many items of one shard are taken at once.
const PAGE: u32 = 100;

/// How many pages of each shard are taken in one sweep: the rest waits for the next, oldest first.
const PAGES: u32 = 20;

/// The last tick of a minute: the queue delays each by ten seconds, and the schedule's own is number 0. Schedules know
/// nothing shorter than a minute, which is long for work that has to wait a second.
pub const LAST_TICK: u32 = 5;

/// Fires what is due, and asks for the next tick. Returns how many items went back to their queues.
///
/// # Errors
/// The stores'.
pub async fn handle(ports: &Ports<impl Due, impl Queues>, tick: u32, cx: &Context) -> Result<usize, Failure> {
    let swept = sweep(ports, cx).await;
    // Also after a sweep that failed. A tick that is not taken costs the rest of its minute and nothing else.
    if tick < LAST_TICK {
        let refused = ports.queues.send(cx.function, &[(tick + 1).to_string()]).await?;
        if swept.is_ok() && !refused.is_empty() {
            return Err(Failure::transient(Code::StoreBusy, "the next tick was not taken"));
        }
    }
    swept
}

/// Goes through all shards at once, page by page, also past what cannot be sent or read.
///
/// What became due within the last moments is left for the next tick. A step whose clock is behind this one's may defer its
/// work until the very same time again: under the same key, which the sweep would delete once it had sent the first.
async fn sweep(ports: &Ports<impl Due, impl Queues>, cx: &Context) -> Result<usize, Failure> {
    let now = cx.now.checked_sub(SKEW).unwrap_or(cx.now);
    let mut places: BTreeMap<u32, Option<String>> = (0..DUE_SHARDS).map(|shard| (shard, None)).collect();
    // Nothing that fails holds the rest up; the sweep's end tells of it.
    let (mut fired, mut failed) = (0, None);
    for _ in 0..PAGES {
        let read = places.iter().map(|(shard, after)| ports.due.ready(*shard, now, PAGE, after.as_deref()));
        let read = join_all(read).await;
        let (mut ready, mut onward) = (Vec::new(), BTreeMap::new());
        for (shard, page) in places.keys().zip(read) {
            match page {
                Ok(page) => {
                    ready.extend(page.items);
                    onward.extend(page.next.map(|next| (*shard, Some(next))));
                }
                Err(failure) => failed = Some(failure),
            }
        }
        ready.sort_by_cached_key(DueItem::sort_key);
        let (sent, not_sent) = fire(ports, ready).await;
        fired += sent;
        failed = not_sent.or(failed);
        if onward.is_empty() {
            break;
        }
        places = onward;
    }
    failed.map_or(Ok(fired), Err)
}

/// Fires what is ready. Returns how many items were sent, and what failed: one queue that takes nothing holds no other up.
async fn fire(ports: &Ports<impl Due, impl Queues>, ready: Vec<DueItem>) -> (usize, Option<Failure>) {
    let mut by_function: BTreeMap<String, Vec<DueItem>> = BTreeMap::new();
    for item in ready {
        by_function.entry(item.function.clone()).or_default().push(item);
    }
    let (mut sent, mut failed) = (0, None);
    for result in join_all(by_function.iter().map(|(function, items)| send(ports, function, items))).await {
        match result {
            Ok(taken) => sent += taken,
            Err(failure) => failed = Some(failure),
        }
    }
    (sent, failed)
}

async fn send(ports: &Ports<impl Due, impl Queues>, function: &str, items: &[DueItem]) -> Result<usize, Failure> {
    let bodies: Vec<String> = items.iter().map(|item| item.body.clone()).collect();
    let refused = ports.queues.send(function, &bodies).await?;
    let taken: Vec<&DueItem> = (0..).zip(items).filter(|(i, _)| !refused.contains(i)).map(|(_, item)| item).collect();
    try_join_all(taken.iter().map(|item| ports.due.done(item))).await?;
    Ok(taken.len())
}
