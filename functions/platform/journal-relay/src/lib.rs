//! Publishes the journal's events on the bus.
//!
//! - On: the stream of the journal table.
//! - Does: `Bus::publish`, and resends exactly the entries that the bus rejected. An event that is published twice has
//!   the same id both times.
//! - Then: the bus's rules pass the events on to the queues of the steps.
//! - Fails: a commit that cannot be parsed, or that the bus will never accept, is parked, and the others are published. If
//!   the bus rejects an entry repeatedly, the stream delivers again from there.

use engine::relay::{Bus, Entry, entries, publish};
use engine::{Commit, Failure};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<B> {
    /// The event bus.
    pub bus: B,
    /// The CloudEvents source, `/crossdock/<environment>`.
    pub source: String,
}

/// The outcome of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// The index from which the stream has to deliver again, if it has to.
    pub again_from: Option<usize>,
    /// The indices of commits that cannot be parsed or published, with the reason. They have to be parked.
    pub poison: Vec<(usize, Failure)>,
}

/// Publishes the events of `commits`, in order.
///
/// # Errors
/// A failure of the bus: the stream delivers the whole batch again.
pub async fn handle(ports: &Ports<impl Bus>, commits: &[Commit]) -> Result<Relayed, Failure> {
    let mut relayed = Relayed::default();
    let mut all: Vec<Vec<Entry>> = Vec::with_capacity(commits.len());
    for (place, commit) in commits.iter().enumerate() {
        let entries = entries(commit, &ports.source).unwrap_or_else(|failure| {
            relayed.poison.push((place, failure));
            Vec::new()
        });
        all.push(entries);
    }
    let published = publish(&ports.bus, &all).await?;
    relayed.again_from = published.again_from;
    relayed.poison.extend(published.refused);
    Ok(relayed)
}
