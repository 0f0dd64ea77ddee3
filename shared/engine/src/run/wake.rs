//! The steps that a commit wakes: the relay writes their names beside the commit's events.

use std::collections::BTreeMap;

use domain::due::DueWork;
use serde::{Deserialize, Serialize};

/// The step that wakes what waits for a stream.
pub const WAKES_WAITING: &str = "due-wake";

/// A step that a commit wakes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wake {
    /// The step's name, such as `order-price`.
    pub step: String,
    /// The part of the stream that its work is about, as members of an event's payload; empty for the whole stream.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub about: BTreeMap<String, String>,
}

impl From<DueWork> for Wake {
    fn from(DueWork { step, about, digest: _ }: DueWork) -> Self {
        let about = about.into_iter().map(|(member, id)| (member.to_owned(), id));
        Self { step: step.to_owned(), about: about.collect() }
    }
}
