//! The versions at which a fulfillment's register and its packages last changed.

use serde::{Deserialize, Serialize};

/// When the content of `Fulfillment::progress`, and that of `Fulfillment::package_summaries`, last changed.
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
    /// The version at which packages changed last together with the register. The order learns of it by the register, and then
    /// tells the CRM.
    pub(super) packages_reported: u64,
    /// The version at which packages changed last while the register did not: the order does not learn of it.
    pub(super) packages_alone: u64,
    /// Whether an event that was applied since the last commit changed a package.
    pub(super) packages_pending: bool,
}

impl Changed {
    /// At the stream's beginning: the opening says nothing that the order does not take for granted without a report.
    pub(super) const OPENED: Self =
        Self { version: 0, pending: false, packages_reported: 0, packages_alone: 0, packages_pending: false };

    /// The events up to this `version` are applied.
    pub(super) fn committed(&mut self, version: u64) {
        let register = std::mem::take(&mut self.pending);
        if register {
            self.version = version;
        }
        if std::mem::take(&mut self.packages_pending) {
            *(if register { &mut self.packages_reported } else { &mut self.packages_alone }) = version;
        }
    }
}

impl PartialEq for Changed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
