//! Snapshots of long streams. A snapshot is a cache: a reader that finds none, or one that does not fit, folds the stream from
//! its start.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure};
use crate::run::stored::{deflated, inflated};

/// The committer of a version that this number divides stores a snapshot.
///
/// Fewer commits between two snapshots are fewer to read, and more snapshots to write. `cargo run --release -p
/// crossdock-tests --example large_orders` counts both.
pub const EVERY: u64 = 100;

/// How many of a stream's newest commits a load reads first. A stream of no more commits costs one read, as if there were
/// no snapshots. Some more than [`EVERY`], since others may commit before the snapshot is stored.
pub const NEWEST: u32 = 108;

/// A stream's state, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream's name.
    pub stream: String,
    /// The last commit that is folded in.
    pub version: u64,
    /// [`domain::Workflow::FOLD`] of the release that made it.
    pub fold: u32,
    /// See [`crate::Context::epoch`]. A table restored to a point in time has commits that are not the snapshot's.
    pub epoch: String,
    /// The digest of the last commit that is folded in.
    pub digest: String,
    /// The state with what else a stream has (`Kept`), as deflated JSON. No personal data, since commits have none.
    pub state: Vec<u8>,
}

/// What a snapshot keeps of a stream.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept<W> {
    pub(crate) state: W,
    pub(crate) began: Timestamp,
    #[serde(default)]
    pub(crate) correlation: Option<String>,
    pub(crate) changed: Timestamp,
    pub(crate) listed: Option<(u64, Timestamp)>,
    pub(crate) opened_reviews: BTreeMap<String, Timestamp>,
    /// Without those of facts.
    pub(crate) causes: BTreeSet<String>,
}

impl<W: Serialize + DeserializeOwned> Kept<W> {
    /// As [`Snapshot::state`].
    ///
    /// # Errors
    /// The state cannot be written as JSON: permanent.
    pub(crate) fn packed(&self) -> Result<Vec<u8>, Failure> {
        let text = serde_json::to_vec(self);
        let text = text.map_err(|e| Failure::permanent(Code::StateImpossible, crate::redact::json_error(&e)))?;
        Ok(deflated(&text))
    }

    /// From [`Snapshot::state`]; `None` if it cannot be read.
    pub(crate) fn unpacked(state: &[u8]) -> Option<Self> {
        inflated(state).ok().and_then(|text| serde_json::from_str(&text).ok())
    }
}
