//! A package: its content, its labels, and its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fulfillment::event::{Milestone, Packed, TracedGoods, UnassignedGoods};
use crate::goods::LineQuantity;
use crate::ids::{Carrier, Tracking};
use crate::shipment::{MilestoneKind, PackageStatus};

/// The reports of one package. They are kept in sets and latest-wins registers, so that any order of arrival ends in
/// the same state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The content.
    pub contents: Contents,
    /// The latest report of lots and serial numbers, with its time. A report without any does not remove them.
    pub traced: Option<(Timestamp, Vec<TracedGoods>)>,
    /// Every label that the package had, oldest first.
    pub legs: BTreeSet<Leg>,
    /// Every reported milestone, oldest first.
    pub milestones: BTreeSet<Milestone>,
    /// When its label was voided; the latest time, if more than once.
    pub voided: Option<Timestamp>,
}

/// What a package contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Contents {
    /// The warehouse has not reported it.
    #[default]
    Unreported,
    /// The latest report and its time: the goods by line, and those whose line is not known.
    Reported(Timestamp, Vec<LineQuantity>, Vec<UnassignedGoods>),
}

/// A label of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leg {
    /// The earliest time at which the label was reported.
    pub since: Timestamp,
    /// The carrier, where a report names it.
    pub carrier: Option<Carrier>,
    /// The carrier's tracking number.
    pub tracking: Tracking,
}

impl Package {
    pub(super) fn record_packed(&mut self, packed: &Packed) {
        let reported = Contents::Reported(packed.at, packed.lines.clone(), packed.unassigned.clone());
        if packed.has_content() && self.contents < reported {
            self.contents = reported;
        }
        let traced = Some((packed.at, packed.traced.clone()));
        if !packed.traced.is_empty() && self.traced < traced {
            self.traced = traced;
        }
        self.record_label(packed.at, packed.carrier.clone(), packed.tracking.clone());
    }

    pub(super) fn record_milestone(&mut self, milestone: &Milestone) {
        self.record_label(milestone.at, milestone.carrier.clone(), milestone.tracking.clone());
        self.milestones.insert(milestone.clone());
    }

    /// Whether [`Package::record_packed`] would change anything.
    pub(super) fn is_changed_by_packed(&self, packed: &Packed) -> bool {
        let newer = match &self.contents {
            Contents::Unreported => true,
            Contents::Reported(at, lines, rest) => (*at, lines, rest) < (packed.at, &packed.lines, &packed.unassigned),
        };
        let traced = self.traced.as_ref().is_none_or(|(at, traced)| (*at, traced) < (packed.at, &packed.traced));
        (newer && packed.has_content())
            || (traced && !packed.traced.is_empty())
            || self.is_changed_by_label(packed.at, packed.carrier.as_ref(), packed.tracking.as_ref())
    }

    /// Whether [`Package::record_milestone`] would change anything.
    pub(super) fn is_changed_by_milestone(&self, milestone: &Milestone) -> bool {
        !self.milestones.contains(milestone)
            || self.is_changed_by_label(milestone.at, milestone.carrier.as_ref(), milestone.tracking.as_ref())
    }

    /// Whether [`Package::record_label`] would change anything.
    fn is_changed_by_label(&self, at: Timestamp, carrier: Option<&Carrier>, tracking: Option<&Tracking>) -> bool {
        tracking.is_some_and(|tracking| {
            let same = self.legs.iter().find(|leg| leg.tracking == *tracking);
            same.is_none_or(|leg| at < leg.since || carrier > leg.carrier.as_ref())
        })
    }

    fn record_label(&mut self, at: Timestamp, carrier: Option<Carrier>, tracking: Option<Tracking>) {
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

    pub(super) fn record_void(&mut self, at: Timestamp) {
        self.voided = self.voided.max(Some(at));
    }

    /// Computed from the reports; never stored.
    pub fn status(&self) -> PackageStatus {
        if self.is_void() {
            return if self.voided.is_some() {
                PackageStatus::Voided
            } else {
                PackageStatus::At(MilestoneKind::Cancelled)
            };
        }
        let newest = self.counted_milestones().max_by_key(|m| (m.milestone.phase(), m.at, m.milestone));
        newest.map_or(PackageStatus::Packed, |m| PackageStatus::At(m.milestone))
    }

    /// Whether the package left the warehouse. A package that moved has left, even if its label is void.
    pub fn has_left(&self) -> bool {
        self.counted_milestones().any(|m| m.milestone.means_left())
    }

    /// When it left the warehouse, by the earliest report; `None` if it has not.
    pub fn left_at(&self) -> Option<Timestamp> {
        self.counted_milestones().filter(|m| m.milestone.means_left()).map(|m| m.at).min()
    }

    /// Whether the receiver has it.
    pub fn is_delivered(&self) -> bool {
        matches!(self.status(), PackageStatus::At(MilestoneKind::Delivered))
    }

    /// Whether it is on its way back to the sender, or has arrived there.
    pub fn is_returned(&self) -> bool {
        matches!(self.status(), PackageStatus::At(MilestoneKind::ReturnToSender))
    }

    /// Whether the package will not ship: its label was voided or its shipment cancelled, no label was printed after
    /// that, and it did not move.
    pub fn is_void(&self) -> bool {
        self.voided_or_cancelled().is_some() && !self.is_reprinted() && !self.has_left()
    }

    /// Whether the package moved although its label was void and no other one was printed.
    pub fn moved_though_void(&self) -> bool {
        self.voided_or_cancelled().is_some() && !self.is_reprinted() && self.has_left()
    }

    /// When its label was voided or its shipment cancelled; the latest time.
    fn voided_or_cancelled(&self) -> Option<Timestamp> {
        self.cancelled().max(self.voided)
    }

    /// When its shipment was cancelled; the latest time.
    fn cancelled(&self) -> Option<Timestamp> {
        self.milestones.iter().filter(|m| m.milestone == MilestoneKind::Cancelled).map(|m| m.at).max()
    }

    /// Whether a label was printed after the last one was voided: another tracking number, or a `label_created`.
    fn is_reprinted(&self) -> bool {
        let after = |at: Timestamp| self.voided_or_cancelled().is_some_and(|voided| at > voided);
        self.legs.iter().any(|leg| after(leg.since))
            || self.milestones.iter().any(|m| m.milestone == MilestoneKind::LabelCreated && after(m.at))
    }

    /// The milestones that count for the status. What a label did before it was voided does not count, except that the package
    /// left: a void does not bring it back. A cancelled shipment is replaced by another one, so only its arrival counts.
    fn counted_milestones(&self) -> impl Iterator<Item = &Milestone> {
        let (voided, cancelled) = (self.voided_or_cancelled(), self.cancelled());
        self.milestones.iter().filter(move |m| match m.milestone {
            MilestoneKind::Cancelled => false,
            MilestoneKind::Delivered | MilestoneKind::ReturnToSender => true,
            MilestoneKind::PickedUp
            | MilestoneKind::InTransit
            | MilestoneKind::OutForDelivery
            | MilestoneKind::ReadyForPickup
            | MilestoneKind::DeliveryFailed => cancelled.is_none_or(|cancelled| m.at > cancelled),
            MilestoneKind::Unknown
            | MilestoneKind::LabelCreated
            | MilestoneKind::OnHold
            | MilestoneKind::DeliveryDelayed => voided.is_none_or(|voided| m.at > voided),
        })
    }

    /// The content; empty while the warehouse has not reported it.
    pub fn lines(&self) -> &[LineQuantity] {
        match &self.contents {
            Contents::Unreported => &[],
            Contents::Reported(_, lines, _) => lines,
        }
    }

    /// The goods whose order line is not known.
    pub fn unassigned(&self) -> &[UnassignedGoods] {
        match &self.contents {
            Contents::Unreported => &[],
            Contents::Reported(_, _, unassigned) => unassigned,
        }
    }

    /// The reported lots and serial numbers.
    pub fn traced(&self) -> &[TracedGoods] {
        self.traced.as_ref().map_or(&[], |(_, traced)| traced)
    }

    /// The time of the latest milestone.
    pub fn last_news(&self) -> Option<Timestamp> {
        self.milestones.iter().map(|milestone| milestone.at).max()
    }

    /// The newest label.
    pub fn leg(&self) -> Option<&Leg> {
        self.legs.last()
    }
}
