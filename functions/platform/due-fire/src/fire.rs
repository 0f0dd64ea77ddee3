//! Sends items to their queues, and deletes those that were accepted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use engine::partner_health::PartnerHealthStore;
use engine::stores::{Due, DueItem, Queues, Views};
use engine::{Clock, Failure};
use futures::stream::{self, StreamExt as _};

use crate::{CALLS_AT_ONCE, Ports};

/// Messages per call, and deletions per call: the smaller of the services' limits.
const MAX_ENTRIES: usize = 10;

/// What a sweep has done so far.
#[derive(Default)]
pub(crate) struct Fire {
    sent: usize,
    failed: Option<Failure>,
    /// Queues that failed are left alone for the rest of the sweep.
    closed: RefCell<BTreeSet<String>>,
}

impl Fire {
    /// Keeps a failure for the end of the sweep.
    pub(crate) fn note(&mut self, result: Result<(), Failure>) {
        self.failed = result.err().or(self.failed.take());
    }

    /// The number of items that were sent, or the last failure.
    pub(crate) fn result(self) -> Result<usize, Failure> {
        self.failed.map_or(Ok(self.sent), Err)
    }

    /// Sends `items`, in their order.
    pub(crate) async fn send(
        &mut self,
        ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Views, impl Clock>,
        items: Vec<DueItem>,
    ) {
        let closed = &self.closed;
        let sends = stream::iter(chunks(items)).map(async |items: Vec<DueItem>| {
            let Some(function) = items.first().map(|item| item.function.clone()) else { return Ok(0) };
            if closed.borrow().contains(&function) {
                return Ok(0);
            }
            let sent = send(ports, &function, items).await;
            if sent.is_err() {
                closed.borrow_mut().insert(function);
            }
            sent
        });
        let results: Vec<Result<usize, Failure>> = sends.buffered(CALLS_AT_ONCE).collect().await;
        for result in results {
            self.sent += result.as_ref().copied().unwrap_or_default();
            self.note(result.map(|_sent| ()));
        }
    }
}

/// The items of one function each, by the place of the first.
fn chunks(items: Vec<DueItem>) -> Vec<Vec<DueItem>> {
    let (mut chunks, mut open): (Vec<Vec<DueItem>>, BTreeMap<String, usize>) = (Vec::new(), BTreeMap::new());
    for item in items {
        let place = *open.entry(item.function.clone()).or_insert(chunks.len());
        match chunks.get_mut(place).filter(|chunk| chunk.len() < MAX_ENTRIES) {
            Some(chunk) => chunk.push(item),
            None => {
                open.insert(item.function.clone(), chunks.len());
                chunks.push(vec![item]);
            }
        }
    }
    chunks
}

/// Sends `items` to the queue of `function`, and deletes those that the queue accepted. Returns their number.
async fn send(
    ports: &Ports<impl Due, impl Queues, impl PartnerHealthStore, impl Views, impl Clock>,
    function: &str,
    items: Vec<DueItem>,
) -> Result<usize, Failure> {
    let bodies: Vec<String> = items.iter().map(|item| item.body.clone()).collect();
    let refused = ports.queues.send(function, &bodies).await?;
    let accepted = (0..).zip(items).filter(|(i, _)| !refused.contains(i)).map(|(_, item)| item);
    let accepted: Vec<DueItem> = accepted.collect();
    ports.due.all_done(&accepted).await?;
    Ok(accepted.len())
}
