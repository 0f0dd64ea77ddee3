//! Sends due items to their steps' queues.
//!
//! - On: a schedule, once a minute; in between its own ticks, messages that its queue delivers ten seconds after it
//!   sent them.
//! - Does: sends each due item to its step's queue, then deletes it. If the function dies in between, the item is sent
//!   twice; steps do their work only once all the same. Of the work that waits for a partner, it sends as much as the
//!   partner takes. Once a minute, it measures how long reviews have been open.
//! - Then: the steps run again.
//! - Fails: STO-… (the stores); the next tick tries again.

mod fire;
mod reviews;
mod sources;

use std::time::Duration;

use engine::context::SKEW;
use engine::partner_health::PartnerHealthStore;
use engine::stores::{Due, Queues, Views};
use engine::{Clock, Code, Context, Failure};

use fire::Fire;
use sources::Sources;

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<D, Q, H, V, C> {
    /// Due items.
    pub due: D,
    /// Every step's queue.
    pub queues: Q,
    /// Partners' health.
    pub partner_health: H,
    /// The worklist.
    pub views: V,
    /// The time that a sweep has used.
    pub clock: C,
}

/// The last tick of a minute. The schedule's call is tick 0, and the queue delays each tick by [`PAUSE`]: a schedule
/// cannot run more often than once a minute, which is too rarely for work that has to wait for a second.
pub const LAST_TICK: u32 = 5;

/// The time between two ticks.
pub const PAUSE: Duration = Duration::from_secs(10);

/// The longest time in which a sweep begins new calls. Less than [`PAUSE`], so that no two sweeps send the same items.
const LONGEST_SWEEP: Duration = Duration::from_secs(7);

/// Calls at once. Each needs a connection, and the function has a fourteenth of a processor.
const CALLS_AT_ONCE: usize = 20;

/// The number of the tick: the highest in the queue's messages, 0 for the schedule's own call. A message without a number
/// counts as the last tick, so that no other follows.
pub fn tick(messages: &[String]) -> u32 {
    messages.iter().map(|message| message.parse().unwrap_or(u32::MAX)).max().unwrap_or(0)
}

/// Requests the next tick, and sends the due items. Returns the number of items that were sent.
///
/// # Errors
/// Failures of the stores.
pub async fn handle(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Views, impl Clock>,
    tick: u32,
    cx: &Context,
) -> Result<usize, Failure> {
    // First, so that a sweep that is killed is followed by another in ten seconds, and not in the next minute.
    let requested = if tick < LAST_TICK { request(ports, tick + 1, cx).await } else { Ok(()) };
    let swept = sweep(ports, tick, cx).await;
    // Last: due work is sent whatever the lists do.
    let reported = if tick == 0 { reviews::report(&ports.views, cx).await } else { Ok(()) };
    requested.and(reported).and(swept)
}

async fn request(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Views, impl Clock>,
    tick: u32,
    cx: &Context,
) -> Result<(), Failure> {
    let refused = ports.queues.send(cx.function, &[tick.to_string()]).await?;
    let is_accepted = refused.is_empty();
    is_accepted.then_some(()).ok_or(Failure::transient(Code::StoreBusy, "the queue did not accept the next tick"))
}

/// Reads due items page by page, and sends them. A page or queue that fails does not stop the others; its failure is
/// returned at the end. What the sweep has no time for is left for the next one.
///
/// Items that became due less than [`SKEW`] ago are left for the next tick. Otherwise a step whose clock is behind
/// could get its item, defer the work to the same time again, and so write the same key, which this sweep would then
/// delete.
async fn sweep(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Views, impl Clock>,
    tick: u32,
    cx: &Context,
) -> Result<usize, Failure> {
    let now = cx.now.checked_sub(SKEW).unwrap_or(cx.now);
    // The rest of the function's time is for the calls that were begun last.
    let time = LONGEST_SWEEP.min(cx.lease.saturating_sub(SKEW) * 6 / 10);
    let end = cx.now.checked_add(time).unwrap_or(cx.now);
    let (mut sources, mut fire) = (Sources::new(), Fire::default());
    let listed = sources.list_partners(ports, tick, cx).await;
    fire.note(listed);
    while sources.has_more() && ports.clock.now() < end {
        let (items, failed) = sources.next_pages(ports, now).await;
        sources::report_configuration(&items);
        fire.note(failed.map_or(Ok(()), Err));
        fire.send(ports, items).await;
    }
    fire.result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_the_number_in_its_message_and_the_schedules_call_is_tick_0() {
        let tick_of = |messages: &[&str]| tick(&messages.iter().map(|body| (*body).to_owned()).collect::<Vec<_>>());
        assert_eq!(tick_of(&[]), 0);
        assert_eq!(tick_of(&["3"]), 3);
        assert_eq!(tick_of(&["2", "4"]), 4, "ticks in one batch are one");
        assert_eq!(tick_of(&["again"]), u32::MAX);
    }
}
