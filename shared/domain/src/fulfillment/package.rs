//! A package: its content, its labels, its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use crate::fulfillment::event::{Milestone, MilestoneKind, Packed, TracedGoods};
use crate::goods::LineQuantity;
use crate::ids::{Carrier, Tracking};

/// What is known of a package. Sets and latest-wins registers only: the order of reports leaves no trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// What is in it.
    pub contents: Contents,
    /// The latest word on its lots and serial numbers, and when it was given. A report without any takes none back.
    pub traced: Option<(Timestamp, Vec<TracedGoods>)>,
    /// Every label it travelled under, oldest first.
    pub legs: BTreeSet<Leg>,
    /// Every report of its way, oldest first.
    pub milestones: BTreeSet<Milestone>,
    /// When its label was voided last.
    pub voided: Option<Timestamp>,
}

/// A package's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contents {
    /// The warehouse has not said.
    #[default]
    Unreported,
    /// The latest word, and when it was given.
    Reported(Timestamp, Vec<LineQuantity>),
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
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

/// By hand, because serde answers an unknown word with "no variant matched" where another one is untagged: a reader could
/// not tell a later release's status from a broken record.
impl<'de> Deserialize<'de> for PackageStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match word.as_str() {
            "packed" => Ok(Self::Packed),
            "voided" => Ok(Self::Voided),
            kind => MilestoneKind::deserialize(IntoDeserializer::<D::Error>::into_deserializer(kind)).map(Self::At),
        }
    }
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

    /// Whether the package has left and has not come to its end.
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Packed | Self::Voided => false,
            Self::At(kind) => phase(kind) == UNDER_WAY,
        }
    }
}

/// The phase between the warehouse's door and the receiver's.
const UNDER_WAY: u8 = 2;

/// How far a milestone is along the way. Within one phase time decides, across phases the later phase does, so that a late
/// report never moves a package backwards.
fn phase(kind: MilestoneKind) -> u8 {
    match kind {
        MilestoneKind::Unknown | MilestoneKind::Cancelled => 0,
        MilestoneKind::LabelCreated | MilestoneKind::OnHold => 1,
        MilestoneKind::PickedUp
        | MilestoneKind::InTransit
        | MilestoneKind::DeliveryDelayed
        | MilestoneKind::OutForDelivery
        | MilestoneKind::ReadyForPickup
        | MilestoneKind::DeliveryFailed => UNDER_WAY,
        MilestoneKind::Delivered => 3,
        MilestoneKind::ReturnToSender => 4,
    }
}

impl Package {
    pub(super) fn pack(&mut self, packed: &Packed) {
        let told = Contents::Reported(packed.at, packed.lines.clone());
        if !packed.lines.is_empty() && self.contents < told {
            self.contents = told;
        }
        let traced = Some((packed.at, packed.traced.clone()));
        if !packed.traced.is_empty() && self.traced < traced {
            self.traced = traced;
        }
        self.travel(packed.at, packed.carrier.clone(), packed.tracking.clone());
    }

    pub(super) fn pass(&mut self, milestone: &Milestone) {
        self.travel(milestone.at, milestone.carrier.clone(), milestone.tracking.clone());
        self.milestones.insert(milestone.clone());
    }

    /// Whether [`Package::pack`] would change anything.
    pub(super) fn learns_from(&self, packed: &Packed) -> bool {
        let newer = match &self.contents {
            Contents::Unreported => true,
            Contents::Reported(at, lines) => (*at, lines) < (packed.at, &packed.lines),
        };
        let traced = self.traced.as_ref().is_none_or(|(at, traced)| (*at, traced) < (packed.at, &packed.traced));
        (newer && !packed.lines.is_empty())
            || (traced && !packed.traced.is_empty())
            || self.moves_on(packed.at, packed.carrier.as_ref(), packed.tracking.as_ref())
    }

    /// Whether [`Package::pass`] would change anything.
    pub(super) fn advances_by(&self, milestone: &Milestone) -> bool {
        !self.milestones.contains(milestone)
            || self.moves_on(milestone.at, milestone.carrier.as_ref(), milestone.tracking.as_ref())
    }

    /// Whether [`Package::travel`] would change anything.
    fn moves_on(&self, at: Timestamp, carrier: Option<&Carrier>, tracking: Option<&Tracking>) -> bool {
        tracking.is_some_and(|tracking| {
            let same = self.legs.iter().find(|leg| leg.tracking == *tracking);
            same.is_none_or(|leg| at < leg.since || carrier > leg.carrier.as_ref())
        })
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

    pub(super) fn void(&mut self, at: Timestamp) {
        self.voided = self.voided.max(Some(at));
    }

    /// Where it is.
    pub fn status(&self) -> PackageStatus {
        if self.is_void() {
            let by_label = self.voided.is_some();
            return if by_label { PackageStatus::Voided } else { PackageStatus::At(MilestoneKind::Cancelled) };
        }
        let newest = self.counting().max_by_key(|m| (phase(m.milestone), m.at, m.milestone));
        newest.map_or(PackageStatus::Packed, |m| PackageStatus::At(m.milestone))
    }

    /// Whether it left the warehouse. A void package that left all the same did leave: what happened counts.
    pub fn has_left(&self) -> bool {
        self.counting().any(|m| m.milestone.means_left())
    }

    /// Whether it arrived.
    pub fn is_delivered(&self) -> bool {
        matches!(self.status(), PackageStatus::At(MilestoneKind::Delivered))
    }

    /// Whether it is on its way back, or is back.
    pub fn is_returned(&self) -> bool {
        matches!(self.status(), PackageStatus::At(MilestoneKind::ReturnToSender))
    }

    /// Whether it never was, or will not go: its label was voided or its shipment cancelled, nothing was printed anew
    /// after that, and it did not move.
    pub fn is_void(&self) -> bool {
        self.end().is_some() && !self.is_reprinted() && !self.has_left()
    }

    /// Whether it moved although its label was void and no other was printed.
    pub fn moved_though_void(&self) -> bool {
        self.end().is_some() && !self.is_reprinted() && self.has_left()
    }

    /// When it was voided or cancelled last.
    fn end(&self) -> Option<Timestamp> {
        let cancelled = self.milestones.iter().filter(|m| m.milestone == MilestoneKind::Cancelled).map(|m| m.at);
        cancelled.max().max(self.voided)
    }

    /// Whether it got a label after the last one was voided: another tracking number, or the word that a label was made.
    fn is_reprinted(&self) -> bool {
        let after = |at: Timestamp| self.end().is_some_and(|end| at > end);
        self.legs.iter().any(|leg| after(leg.since))
            || self.milestones.iter().any(|m| m.milestone == MilestoneKind::LabelCreated && after(m.at))
    }

    /// The milestones that say where it is: those of the label that counts. What happened to a label before it was voided
    /// says nothing of the next one; but what arrived or came back did so, whatever was said of its label.
    fn counting(&self) -> impl Iterator<Item = &Milestone> {
        let end = self.end();
        self.milestones.iter().filter(move |m| match m.milestone {
            MilestoneKind::Cancelled => false,
            MilestoneKind::Delivered | MilestoneKind::ReturnToSender => true,
            MilestoneKind::Unknown
            | MilestoneKind::LabelCreated
            | MilestoneKind::OnHold
            | MilestoneKind::PickedUp
            | MilestoneKind::InTransit
            | MilestoneKind::DeliveryDelayed
            | MilestoneKind::OutForDelivery
            | MilestoneKind::ReadyForPickup
            | MilestoneKind::DeliveryFailed => end.is_none_or(|end| m.at > end),
        })
    }

    /// What is in it; nothing while the warehouse has not said.
    pub fn lines(&self) -> &[LineQuantity] {
        match &self.contents {
            Contents::Unreported => &[],
            Contents::Reported(_, lines) => lines,
        }
    }

    /// The lots and serial numbers that were told of it.
    pub fn traced(&self) -> &[TracedGoods] {
        self.traced.as_ref().map_or(&[], |(_, traced)| traced)
    }

    /// When it was heard of last on its way.
    pub fn last_news(&self) -> Option<Timestamp> {
        self.milestones.iter().map(|milestone| milestone.at).max()
    }

    /// The label that it travels under now.
    pub fn leg(&self) -> Option<&Leg> {
        self.legs.last()
    }
}
