//! The version at which a fulfillment's register last changed.

use serde::{Deserialize, Serialize};

/// When the content of `Fulfillment::progress` last changed.
///
/// The fold marks a change as it applies events, without computing the register: that would cost a look at all packages for
/// each event. It may mark one that changes nothing, which costs the order a register with equal content; it never misses
/// one. The mark is no part of the state that the facts determine, so two of them are always equal.
#[derive(Debug, Clone, Copy, Eq, Serialize, Deserialize)]
pub(super) struct Changed {
    /// The version at which the content last changed before the events that are being applied.
    pub(super) version: u64,
    /// Whether an event that was applied since then changed it.
    pub(super) pending: bool,
}

impl Changed {
    /// At the stream's beginning: the opening says nothing that the order does not take for granted without a report.
    pub(super) const OPENED: Self = Self { version: 0, pending: false };

    /// The events up to this `version` are applied.
    pub(super) fn committed(&mut self, version: u64) {
        if std::mem::take(&mut self.pending) {
            self.version = version;
        }
    }
}

impl PartialEq for Changed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
