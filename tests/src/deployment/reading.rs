//! Reading a deployment back: folded streams, dead letters, and everything that was written.

use std::collections::BTreeMap;

use domain::{Fulfillment, FulfillmentId, Order, OrderId, Return, ReturnId};
use engine::Stream;
use engine::batch::Parked;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use testkit::memory::MemoryQueue;

use super::Deployment;

impl Deployment {
    /// An order, folded.
    pub fn fold(&self, id: &OrderId) -> Option<Order> {
        let cx = self.context("test");
        let loaded = Stream::<Order>::load(&self.journal, id, &cx).now_or_never();
        loaded.and_then(Result::ok).and_then(|stream| stream.state)
    }

    /// The order that has this name, as its own id or as an alias.
    pub fn order_named(&self, name: &OrderId) -> Option<Order> {
        let loaded = usecases::names::load(&self.journal, name, &self.context("test")).now_or_never();
        loaded.and_then(Result::ok).and_then(|stream| stream.state)
    }

    /// A fulfillment, folded.
    pub fn fold_fulfillment(&self, id: &FulfillmentId) -> Option<Fulfillment> {
        let cx = self.context("test");
        let loaded = Stream::<Fulfillment>::load(&self.journal, id, &cx).now_or_never();
        loaded.and_then(Result::ok).and_then(|stream| stream.state)
    }

    /// A return, folded.
    pub fn fold_return(&self, id: &ReturnId) -> Option<Return> {
        let cx = self.context("test");
        let loaded = Stream::<Return>::load(&self.journal, id, &cx).now_or_never();
        loaded.and_then(Result::ok).and_then(|stream| stream.state)
    }

    /// The ids of all orders, without aliases.
    pub fn orders(&self) -> Vec<OrderId> {
        let streams = self.journal.streams();
        let ids = streams.iter().filter_map(|name| name.strip_prefix("order/")?.parse().ok());
        ids.filter(|id| self.fold(id).is_some()).collect()
    }

    /// Removes the parked messages with this body. Returns how many there were.
    pub fn discard(&self, body: &str) -> usize {
        self.dead.values().map(|queue| queue.discard(body)).sum()
    }

    /// The messages in all dead-letter queues.
    pub fn parked(&self) -> Vec<Parked> {
        self.dead.values().flat_map(MemoryQueue::parked).collect()
    }

    /// How many messages are in queues.
    pub fn queued(&self) -> usize {
        self.queues.values().map(Vec::len).sum()
    }

    /// A digest of all commits of all streams.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for commit in self.journal.streams().iter().flat_map(|stream| self.journal.commits(stream)) {
            text += &format!("{} {} {} {} {}\n", commit.stream, commit.version, commit.cause, commit.at, commit.events);
        }
        domain::ids::base32(&domain::ids::fingerprint(&[&text]), 16)
    }

    /// Whether `at` lies within this run, as one of its skewed clocks may have shown it.
    pub fn is_within_run(&self, at: Timestamp) -> bool {
        let off = SignedDuration::from_secs(2);
        at >= self.start.saturating_sub(off).unwrap_or(Timestamp::MIN) && at <= self.clock.after(off.unsigned_abs())
    }

    /// How often each kind of delivery fault met a message.
    pub fn delivery_fault_counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (_, fault) in self.delivery_faults.range(..=self.sequence) {
            *counts.entry(fault.as_str()).or_default() += 1;
        }
        counts
    }

    /// Every text that was written outside of the stores for personal data and raw deliveries: its place, and the text.
    pub fn written(&self) -> Vec<(String, String)> {
        let mut written = Vec::new();
        for commit in self.journal.streams().iter().flat_map(|stream| self.journal.commits(stream)) {
            written.push((format!("{} version {}", commit.stream, commit.version), format!("{commit:?}")));
        }
        written
            .extend(self.published.iter().map(|(function, body)| (format!("a message to {function}"), body.clone())));
        for item in self.due.all() {
            written.push((format!("a due item of {}", item.function), format!("{} {}", item.body, item.why)));
        }
        for parked in &self.redriven {
            written.push((
                format!("a parked message of {}", parked.function),
                format!("{} {}", parked.body, parked.cause),
            ));
        }
        written
    }
}
