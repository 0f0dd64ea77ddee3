//! Puts the journal's events on the bus.
//!
//! - On: the journal table's stream.
//! - Does: `Bus::publish`, resending exactly the entries that the bus refused; ids are deterministic, so a repeat is one
//!   event more on the bus and none in the journal.
//! - Then: whatever rules select.
//! - Fails: a commit that cannot be read is parked with its cause and passed over; a refusing bus stops the batch there.

use engine::relay::{Bus, Entry, entries, publish};
use engine::{Commit, Failure};

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<B> {
    /// The event bus.
    pub bus: B,
    /// The CloudEvents source, `/crossdock/<environment>`.
    pub source: String,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// The place from which on the stream has to deliver again.
    pub again_from: Option<usize>,
    /// Records that nobody can read, with the reason: to be parked.
    pub poison: Vec<(usize, Failure)>,
}

/// Relays `commits`, in order.
///
/// # Errors
/// The bus's: the whole batch again.
pub async fn handle(ports: &Ports<impl Bus>, commits: &[Commit]) -> Result<Relayed, Failure> {
    let mut relayed = Relayed::default();
    let mut wanted: Vec<Vec<Entry>> = Vec::with_capacity(commits.len());
    for (place, commit) in commits.iter().enumerate() {
        let entries = entries(commit, &ports.source).unwrap_or_else(|failure| {
            relayed.poison.push((place, failure));
            Vec::new()
        });
        wanted.push(entries);
    }
    relayed.again_from = publish(&ports.bus, &wanted).await?;
    Ok(relayed)
}
