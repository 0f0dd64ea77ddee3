//! Sends due items to their steps' queues.
//!
//! - On: a schedule, once a minute; in between its own ticks, messages that its queue delivers ten seconds after it
//!   sent them.
//! - Does: sends each due item to its step's queue, then deletes it. If the function dies in between, the item is sent
//!   twice; steps do their work only once all the same.
//! - Then: the steps run again.
//! - Fails: STO-… (the stores); the next tick tries again.

use std::collections::BTreeMap;

use engine::context::SKEW;
use engine::stores::{DUE_SHARDS, Due, DueItem, Queues};
use engine::{Code, Context, Failure};
use futures::future::{join_all, try_join_all};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<D, Q> {
    /// Due items.
    pub due: D,
    /// Every step's queue.
    pub queues: Q,
}

/// Items per page of a shard.
const PAGE_SIZE: u32 = 100;

/// Pages per shard and sweep. The rest is left for the next sweep.
const MAX_PAGES: u32 = 20;

/// The last tick of a minute. The schedule's call is tick 0, and the queue delays each tick by ten seconds: a schedule
/// cannot run more often than once a minute, which is too rarely for work that has to wait for a second.
pub const LAST_TICK: u32 = 5;

/// Sends the due items, and requests the next tick. Returns the number of items that were sent.
///
/// # Errors
/// Failures of the stores.
pub async fn handle(ports: &Ports<impl Due, impl Queues>, tick: u32, cx: &Context) -> Result<usize, Failure> {
    let swept = sweep(ports, cx).await;
    // The next tick is requested after a failed sweep, too. Without it, the next sweep is the next minute's.
    if tick < LAST_TICK {
        let refused = ports.queues.send(cx.function, &[(tick + 1).to_string()]).await?;
        if swept.is_ok() && !refused.is_empty() {
            return Err(Failure::transient(Code::StoreBusy, "the queue did not accept the next tick"));
        }
    }
    swept
}

/// Reads all shards in parallel, page by page, and sends their items. A page or queue that fails does not stop the
/// others.
///
/// Items that became due less than [`SKEW`] ago are left for the next tick. Otherwise a step whose clock is behind
/// could get its item, defer the work to the same time again, and so write the same key, which this sweep would then
/// delete.
async fn sweep(ports: &Ports<impl Due, impl Queues>, cx: &Context) -> Result<usize, Failure> {
    let now = cx.now.checked_sub(SKEW).unwrap_or(cx.now);
    // Each shard with the sort key of the last item that was read.
    let mut shards: BTreeMap<u32, Option<String>> = (0..DUE_SHARDS).map(|shard| (shard, None)).collect();
    // A failure is returned at the end of the sweep, so that it does not delay the other items.
    let (mut fired, mut failed) = (0, None);
    for _ in 0..MAX_PAGES {
        let read = shards.iter().map(|(shard, after)| ports.due.ready(*shard, now, PAGE_SIZE, after.as_deref()));
        let read = join_all(read).await;
        let (mut ready, mut unfinished) = (Vec::new(), BTreeMap::new());
        for (shard, page) in shards.keys().zip(read) {
            match page {
                Ok(page) => {
                    ready.extend(page.items);
                    unfinished.extend(page.next.map(|next| (*shard, Some(next))));
                }
                Err(failure) => failed = Some(failure),
            }
        }
        ready.sort_by_cached_key(DueItem::sort_key);
        let (sent, not_sent) = fire(ports, ready).await;
        fired += sent;
        failed = not_sent.or(failed);
        if unfinished.is_empty() {
            break;
        }
        shards = unfinished;
    }
    failed.map_or(Ok(fired), Err)
}

/// Sends `ready` to their queues, all queues in parallel. Returns the number of items that were sent, and the last
/// failure.
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

/// Sends `items` to the queue of `function`, and deletes those that the queue accepted. Returns their number.
async fn send(ports: &Ports<impl Due, impl Queues>, function: &str, items: &[DueItem]) -> Result<usize, Failure> {
    let bodies: Vec<String> = items.iter().map(|item| item.body.clone()).collect();
    let refused = ports.queues.send(function, &bodies).await?;
    let taken: Vec<&DueItem> = (0..).zip(items).filter(|(i, _)| !refused.contains(i)).map(|(_, item)| item).collect();
    try_join_all(taken.iter().map(|item| ports.due.done(item))).await?;
    Ok(taken.len())
}
