//! The cross references of a commit, whichever workflow it is of.

use engine::stores::ViewRow;
use engine::{Commit, Failure};
use jiff::Timestamp;

/// The rows of all references that a commit has, each once.
///
/// # Errors
/// The commit cannot be read.
pub fn of_commit(commit: &Commit, now: Timestamp) -> Result<Vec<ViewRow>, Failure> {
    Ok([crate::order::references(commit, now)?, crate::fulfillment::references(commit, now)?].concat())
}
