//! The partitions that a sweep reads: the shards of work that waits for no partner, and those of each partner that may
//! be called.

use std::collections::{BTreeMap, VecDeque};

use engine::partner_health::{PartnerHealth, PartnerHealthStore};
use engine::stores::{DUE_SHARDS, Due, DueItem, Queues, WaitingPartner, partner_partition};
use engine::{Clock, Context, Failure, Measures};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::{CALLS_AT_ONCE, PAUSE, Ports};

/// Items per page of a shard.
const PAGE_SIZE: u32 = 100;

/// Items per page of a shard while partners' work is left to read, so that the shards do not hold it up.
const PAGE_BESIDE_PARTNERS: u32 = 20;

/// What is left to read.
pub(crate) struct Sources {
    /// Each shard with the sort key of the last item that was read.
    shards: BTreeMap<String, Option<String>>,
    /// Each partner with the number of items that it takes.
    partners: VecDeque<(WaitingPartner, u32)>,
}

impl Sources {
    pub(crate) fn new() -> Self {
        let shards = (0..DUE_SHARDS).map(|shard| (shard.to_string(), None)).collect();
        Self { shards, partners: VecDeque::new() }
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.shards.is_empty() || !self.partners.is_empty()
    }

    /// Asks for the health of every partner that has items. A partner that must not be called is left out, whatever waits
    /// for it. The list begins at another partner each time, so that a sweep that has no time for all of them forgets none.
    pub(crate) async fn list_partners(
        &mut self,
        ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Clock>,
        tick: u32,
        cx: &Context,
    ) -> Result<(), Failure> {
        let mut waiting = ports.due.partners().await?;
        let sweeps = usize::try_from(cx.now.as_second()).unwrap_or_default() / PAUSE.as_secs() as usize;
        let first = sweeps % waiting.len().max(1);
        waiting.rotate_left(first);
        let takes = stream::iter(waiting).map(async |waiting: WaitingPartner| {
            let health = ports.partner_health.read(&waiting.partner).await;
            // Health is advice: without it, the work is sent, and the steps ask again.
            let health = health.map_or_else(|_unread| PartnerHealth::default(), |(health, _)| health);
            if tick == 0 && health.open_until().is_some() {
                report(&waiting, &health);
            }
            let takes = health.takes(cx.now, PAUSE);
            (waiting, takes)
        });
        let takes: Vec<(WaitingPartner, u32)> = takes.buffered(CALLS_AT_ONCE).collect().await;
        self.partners = takes.into_iter().filter(|(_, takes)| *takes > 0).collect();
        Ok(())
    }

    /// The next page of each shard, and the work of the next partners, in the order in which it became due. A source that
    /// fails is read again by the next sweep.
    pub(crate) async fn next_pages(
        &mut self,
        ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Clock>,
        now: Timestamp,
    ) -> (Vec<DueItem>, Option<Failure>) {
        let shards = std::mem::take(&mut self.shards);
        let places = CALLS_AT_ONCE.saturating_sub(shards.len());
        let partners: Vec<_> = self.partners.drain(..places.min(self.partners.len())).collect();
        let size = if partners.is_empty() { PAGE_SIZE } else { PAGE_BESIDE_PARTNERS };
        let pages = shards.iter().map(|(shard, after)| ports.due.ready(shard, now, size, after.as_deref()));
        let work = partners.iter().map(|(waiting, takes)| of_partner(ports, waiting, *takes, now));
        let (pages, work) = futures::join!(join_all(pages), join_all(work));
        let (mut items, mut failed) = (Vec::new(), None);
        for (shard, page) in shards.into_keys().zip(pages) {
            match page {
                Ok(page) => {
                    items.extend(page.items);
                    self.shards.extend(page.next.map(|next| (shard, Some(next))));
                }
                Err(failure) => failed = Some(failure),
            }
        }
        for found in work {
            match found {
                Ok(found) => items.extend(found),
                Err(failure) => failed = Some(failure),
            }
        }
        items.sort_by_cached_key(DueItem::sort_key);
        (items, failed)
    }
}

/// At most `takes` of the partner's items, those first that take something back.
async fn of_partner(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Clock>,
    waiting: &WaitingPartner,
    takes: u32,
    now: Timestamp,
) -> Result<Vec<DueItem>, Failure> {
    let mut items: Vec<DueItem> = Vec::new();
    for takes_back in [true, false] {
        let left = takes.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(items);
        }
        let partition = partner_partition(&waiting.partner, takes_back);
        items.extend(ports.due.ready(&partition, now, left, None).await?.items);
    }
    // Items that are not due yet are not in the page: look for them before the partner is taken off the list.
    if items.is_empty() && !has_items(ports, waiting).await? {
        ports.due.forget(waiting).await?;
    }
    Ok(items)
}

async fn has_items(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Clock>,
    waiting: &WaitingPartner,
) -> Result<bool, Failure> {
    for takes_back in [true, false] {
        let partition = partner_partition(&waiting.partner, takes_back);
        let page = ports.due.ready(&partition, Timestamp::MAX, 1, None).await?;
        if !page.items.is_empty() || page.next.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The line that the same alarm counts for work that a fault of the configuration holds up.
pub(crate) fn report_configuration(items: &[DueItem]) {
    if let Some(item) = items.iter().find(|item| item.why == "configuration") {
        let partner = item.partner.as_ref().map_or("", |partner| partner.as_str());
        tracing::warn!(partner, outcome = "misconfigured", "work waits for a correction of the registry: {partner}");
    }
}

/// The line that the alarm of partners that cannot be called counts, once a minute.
fn report(waiting: &WaitingPartner, health: &PartnerHealth) {
    let (partner, until) = (&waiting.partner, health.open_until());
    let measures = Measures::of_message();
    measures.count("partner-closed", partner);
    let measures = measures.field();
    let measures = measures.as_deref();
    tracing::warn!(%partner, ?until, measures, outcome = "partner_closed", "{partner} cannot be called, and work waits for it");
}
