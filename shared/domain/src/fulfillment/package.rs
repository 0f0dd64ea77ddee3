//! A package: its content, its labels, its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fulfillment::event::{Milestone, MilestoneKind, Packed};
use crate::ids::{Carrier, Tracking};
use crate::order::Share;

/// What is known of a package. Sets and latest-wins registers only: the order of reports leaves no trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// What is in it.
    pub contents: Contents,
    /// Every label it travelled under, oldest first.
    pub legs: BTreeSet<Leg>,
    /// Every report of its way, oldest first.
    pub milestones: BTreeSet<Milestone>,
    /// Whether its label was voided.
    pub voided: bool,
}

/// A package's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contents {
    /// The warehouse has not said.
    #[default]
    Untold,
    /// The latest word, and when it was given.
    Told(Timestamp, Vec<Share>),
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// When it was first heard of.
    pub since: Timestamp,
    /// Who carries.
    pub carrier: Option<Carrier>,
    /// Under which number.
    pub tracking: Tracking,
}

/// Where a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageStatus {
    /// Packed, nothing more is known.
    Packed,
    /// Its label was voided.
    Voided,
    /// The newest milestone that counts.
    #[serde(untagged)]
    At(MilestoneKind),
}

impl PackageStatus {
    /// The name as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Voided => "voided",
            Self::At(kind) => kind.as_str(),
        }
    }
}

/// How far a milestone is along the way. Within one phase time decides, across phases the later phase does, so that a late
/// report never moves a package backwards.
fn phase(kind: MilestoneKind) -> u8 {
    match kind {
        MilestoneKind::Unknown => 0,
        MilestoneKind::LabelCreated | MilestoneKind::OnHold => 1,
        MilestoneKind::PickedUp
        | MilestoneKind::InTransit
        | MilestoneKind::DeliveryDelayed
        | MilestoneKind::OutForDelivery
        | MilestoneKind::ReadyForPickup
        | MilestoneKind::DeliveryFailed => 2,
        MilestoneKind::Delivered => 3,
        MilestoneKind::ReturnToSender => 4,
        MilestoneKind::Cancelled => 5,
    }
}

impl Package {
    pub(super) fn pack(&mut self, packed: &Packed) {
        let told = Contents::Told(packed.at, packed.lines.clone());
        if !packed.lines.is_empty() && self.contents < told {
            self.contents = told;
        }
        self.travel(packed.at, packed.carrier.clone(), packed.tracking.clone());
    }

    pub(super) fn pass(&mut self, milestone: &Milestone) {
        self.travel(milestone.at, milestone.carrier.clone(), milestone.tracking.clone());
        self.milestones.insert(milestone.clone());
    }

    fn travel(&mut self, at: Timestamp, carrier: Option<Carrier>, tracking: Option<Tracking>) {
        let Some(tracking) = tracking else { return };
        let same = self.legs.iter().find(|leg| leg.tracking == tracking).cloned();
        let mut leg = Leg { since: at, carrier, tracking };
        if let Some(same) = same {
            self.legs.remove(&same);
            leg.since = leg.since.min(same.since);
            leg.carrier = leg.carrier.max(same.carrier);
        }
        self.legs.insert(leg);
    }

    /// Where it is.
    pub fn status(&self) -> PackageStatus {
        if self.voided {
            return PackageStatus::Voided;
        }
        let newest = self.milestones.iter().max_by_key(|m| (phase(m.milestone), m.at, m.milestone));
        newest.map_or(PackageStatus::Packed, |m| PackageStatus::At(m.milestone))
    }

    /// Whether it left the warehouse. A void label that left all the same did leave: what happened counts.
    pub fn has_left(&self) -> bool {
        !self.cancelled() && self.milestones.iter().any(|m| m.milestone.means_left())
    }

    /// Whether it arrived.
    pub fn is_delivered(&self) -> bool {
        self.has_left() && matches!(self.status(), PackageStatus::At(MilestoneKind::Delivered))
    }

    /// Whether it never was, or will not go.
    pub fn cancelled(&self) -> bool {
        self.voided || self.milestones.iter().any(|m| m.milestone == MilestoneKind::Cancelled)
    }

    /// What is in it; nothing while the warehouse has not said.
    pub fn lines(&self) -> &[Share] {
        match &self.contents {
            Contents::Untold => &[],
            Contents::Told(_, lines) => lines,
        }
    }

    /// The label that it travels under now.
    pub fn leg(&self) -> Option<&Leg> {
        self.legs.last()
    }
}
