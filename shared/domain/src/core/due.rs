//! What is due: the work that a stream's state has for steps.
//!
//! A state has all of its due work in one set, computed without a clock from the predicates that the steps themselves use. A
//! commit wakes a step if the set after it has work that the set before it did not have. So no one keeps a list of events
//! that might mean work, and no step is woken without any.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::ids::{base32, fingerprint};

/// Work for one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueWork {
    /// The step's name, such as `order-price`.
    pub step: &'static str,
    /// The part of the stream that the work is about, as members of an event's payload, such as `package`. Empty for the
    /// whole stream.
    pub about: BTreeMap<&'static str, String>,
    /// Tells two pieces of the same work apart where the second may become due before the first is out of the set.
    pub digest: String,
}

impl DueWork {
    /// Work on the whole stream that is never due again before it is done.
    pub fn new(step: &'static str) -> Self {
        Self { step, about: BTreeMap::new(), digest: String::new() }
    }

    /// The same, about a part of the stream.
    #[must_use]
    pub fn about(mut self, member: &'static str, id: &impl ToString) -> Self {
        self.about.insert(member, id.to_string());
        self
    }

    /// The same, with a digest of what is requested.
    #[must_use]
    pub fn with(mut self, request: &impl ToString) -> Self {
        self.digest = request.to_string();
        self
    }
}

/// The work that `after` has and `before` does not.
pub fn newly_due<'a>(before: &'a BTreeSet<DueWork>, after: &'a BTreeSet<DueWork>) -> impl Iterator<Item = &'a DueWork> {
    after.difference(before)
}

/// A short digest of `content`, for [`DueWork::with`].
pub fn digest(content: &impl Serialize) -> String {
    // The contents are plain data of this crate, which always can be written.
    let text = serde_json::to_string(content).unwrap_or_default();
    base32(&fingerprint(&[&text]), 16)
}
