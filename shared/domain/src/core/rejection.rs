//! Refusals: by a partner, or by a workflow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was not met: an answer to the one who asked, not an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Rejection {
    /// Stable, for machines: `ORDER_UNKNOWN`.
    pub code: String,
    /// For people.
    pub reason: String,
}

impl Rejection {
    /// A rejection with its code and reason.
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: code.to_owned(), reason: reason.into() }
    }

    /// Whether the partner may have something of ours all the same: the outcome of the call cannot be known, or a document with
    /// other content is stored under our reference. An undo step has to look for it.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self.code.as_str(), OUTCOME_UNKNOWN | DUPLICATE_DIFFERS)
    }
}

/// Our own rejection code: the partner can neither repeat a call nor look its outcome up.
pub const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";

/// Our own rejection code: the partner has a document with other content under our reference.
pub const DUPLICATE_DIFFERS: &str = "DUPLICATE_DIFFERS";
