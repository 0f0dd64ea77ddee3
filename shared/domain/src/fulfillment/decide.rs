//! What a fulfilment is, and what follows from a command.

use std::collections::{BTreeMap, BTreeSet};

use crate::fulfillment::event::{
    Accepted, FulfillmentEvent, GoodsIssued, Milestone, MilestoneKind, Opened, Packed, Rejected, Voided,
};
use crate::fulfillment::package::{Contents, Package};
use crate::ids::{DocumentNumber, FulfillmentId, LineNo, PackageId};
use crate::mutants::{self, Mutant};
use crate::order::{PackageSummary, Progress, Share, Standing};
use crate::quantity::{Quantity, QuantityError};
use crate::review::{Review, ReviewKind};
use crate::workflow::{
    Claim, Effect, EffectRefused, Faltered, Rejection, Sending, Sendings, Workflow, claim, is_held, let_go,
};

/// A fulfilment.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Fulfillment {
    /// Not opened yet.
    #[default]
    Absent,
    /// Opened.
    Known(Box<Known>),
}

/// An opened fulfilment.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// As assigned.
    pub opened: Opened,
    /// The warehouse's yes; a second one under another reference is kept, too.
    pub accepted: BTreeSet<Accepted>,
    /// The warehouse's no.
    pub rejected: BTreeSet<Rejected>,
    /// Every package it named.
    pub packages: BTreeMap<PackageId, Package>,
    /// Goods issues that the ERP posted; more than one for a package is one too many, and kept.
    pub goods_issues: BTreeMap<PackageId, BTreeSet<GoodsIssued>>,
    /// What partners refused.
    pub refused: BTreeMap<Effect, Rejection>,
    /// Announced and unanswered.
    pub sendings: Sendings,
}

/// How we stand with the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negotiation {
    /// It has not answered.
    Requested,
    /// It will ship, or has shipped.
    Accepted,
    /// It will not.
    Rejected,
}

/// What may be asked of a fulfilment, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum FulfillmentCommand {
    /// Make it and announce the request, in one commit.
    Open(Opened, Sending),
    /// The warehouse said yes.
    RecordAccepted(Accepted),
    /// The warehouse said no.
    RecordRejected(Rejected),
    /// The warehouse packed.
    RecordPacked(Packed),
    /// The warehouse voided a label.
    RecordVoided(Voided),
    /// A package came further.
    RecordMilestone(Milestone),
    /// The ERP posted a goods issue.
    RecordGoodsIssued(GoodsIssued),
    /// Several reports of one document, in one commit.
    RecordAll(Vec<FulfillmentCommand>),
    /// An effect is about to happen.
    Announce(Sending),
    /// A call ended without a usable answer.
    RecordFaltered(Faltered),
    /// A partner said no.
    RecordRefused(EffectRefused),
}

impl Workflow for Fulfillment {
    type Id = FulfillmentId;
    type Event = FulfillmentEvent;
    type Command = FulfillmentCommand;

    const KIND: &'static str = "fulfillment";

    fn decide(&self, command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        match (self, command) {
            (Self::Absent, FulfillmentCommand::Open(opened, sending)) => {
                Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::Sending(sending)])
            }
            (Self::Known(_), FulfillmentCommand::Open(_, sending)) => Ok(vec![FulfillmentEvent::Sending(sending)]),
            (
                Self::Absent,
                FulfillmentCommand::RecordAccepted(_)
                | FulfillmentCommand::RecordRejected(_)
                | FulfillmentCommand::RecordPacked(_)
                | FulfillmentCommand::RecordVoided(_)
                | FulfillmentCommand::RecordMilestone(_)
                | FulfillmentCommand::RecordGoodsIssued(_)
                | FulfillmentCommand::RecordAll(_)
                | FulfillmentCommand::Announce(_)
                | FulfillmentCommand::RecordFaltered(_)
                | FulfillmentCommand::RecordRefused(_),
            ) => Err(Rejection::new("FULFILLMENT_UNKNOWN", "there is no such fulfilment")),
            (Self::Known(_), FulfillmentCommand::RecordAll(commands)) => {
                let mut state = self.clone();
                let mut all = Vec::new();
                for command in commands {
                    let events = state.decide(command)?;
                    state = events.iter().fold(state, Self::evolve);
                    all.extend(events);
                }
                Ok(all)
            }
            (Self::Known(known), command) => Ok(known.decide(command)),
        }
    }

    fn evolve(self, event: &FulfillmentEvent) -> Self {
        match (self, event) {
            (Self::Absent, FulfillmentEvent::Opened(opened)) => Self::Known(Box::new(Known {
                opened: opened.clone(),
                accepted: BTreeSet::new(),
                rejected: BTreeSet::new(),
                packages: BTreeMap::new(),
                goods_issues: BTreeMap::new(),
                refused: BTreeMap::new(),
                sendings: Sendings::new(),
            })),
            // Nothing but its opening can be the first event; `decide` sees to it.
            (Self::Absent, _) => Self::Absent,
            (Self::Known(mut known), event) => {
                known.apply(event);
                Self::Known(known)
            }
        }
    }

    fn sendings(&self) -> &Sendings {
        const NONE: &Sendings = &Sendings::new();
        self.known().map_or(NONE, |known| &known.sendings)
    }

    fn announce(sending: Sending) -> FulfillmentCommand {
        FulfillmentCommand::Announce(sending)
    }

    fn falter(faltered: Faltered) -> FulfillmentCommand {
        FulfillmentCommand::RecordFaltered(faltered)
    }

    fn refuse(refused: EffectRefused) -> FulfillmentCommand {
        FulfillmentCommand::RecordRefused(refused)
    }

    fn is_public(event: &FulfillmentEvent) -> bool {
        !matches!(event, FulfillmentEvent::Sending(_) | FulfillmentEvent::Faltered(_))
    }
}

impl Fulfillment {
    /// The fulfilment, if it was opened.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Absent => None,
            Self::Known(known) => Some(known),
        }
    }
}

impl Known {
    /// A fact that is known already makes no event; every other one does, whatever the stage.
    fn decide(&self, command: FulfillmentCommand) -> Vec<FulfillmentEvent> {
        let event = match command {
            FulfillmentCommand::RecordAccepted(accepted) => FulfillmentEvent::Accepted(accepted),
            FulfillmentCommand::RecordRejected(rejected) => FulfillmentEvent::Rejected(rejected),
            FulfillmentCommand::RecordPacked(packed) => FulfillmentEvent::PackagePacked(packed),
            FulfillmentCommand::RecordVoided(voided) => FulfillmentEvent::PackageVoided(voided),
            FulfillmentCommand::RecordMilestone(milestone) => FulfillmentEvent::MilestoneRecorded(milestone),
            FulfillmentCommand::RecordGoodsIssued(issued) => FulfillmentEvent::GoodsIssued(issued),
            FulfillmentCommand::Announce(sending) | FulfillmentCommand::Open(_, sending) => {
                FulfillmentEvent::Sending(sending)
            }
            FulfillmentCommand::RecordFaltered(faltered) => FulfillmentEvent::Faltered(faltered),
            FulfillmentCommand::RecordRefused(refused) => FulfillmentEvent::EffectRefused(refused),
            FulfillmentCommand::RecordAll(commands) => {
                return commands.into_iter().flat_map(|command| self.decide(command)).collect();
            }
        };
        if self.is_news(&event) { vec![event] } else { vec![] }
    }

    /// Whether the event changes anything: what does not is nothing new. (A claim always changes its `until`.)
    fn is_news(&self, event: &FulfillmentEvent) -> bool {
        match event {
            FulfillmentEvent::Opened(_) => false,
            FulfillmentEvent::Accepted(accepted) => {
                !self.accepted.contains(accepted) || self.sendings.contains_key(&Effect::RequestFulfillment)
            }
            FulfillmentEvent::Rejected(rejected) => {
                !self.rejected.contains(rejected) || self.sendings.contains_key(&Effect::RequestFulfillment)
            }
            FulfillmentEvent::PackagePacked(packed) => {
                self.packages.get(&packed.package).is_none_or(|package| package.learns_from(packed))
            }
            FulfillmentEvent::PackageVoided(voided) => {
                self.packages.get(&voided.package).is_none_or(|package| package.voided < Some(voided.at))
            }
            FulfillmentEvent::MilestoneRecorded(milestone) => {
                self.packages.get(&milestone.package).is_none_or(|package| package.advances_by(milestone))
            }
            FulfillmentEvent::GoodsIssued(issued) => {
                let effect = Effect::PostGoodsIssue { package: issued.package.clone() };
                self.sendings.contains_key(&effect)
                    || !self.goods_issues.get(&issued.package).is_some_and(|issues| issues.contains(issued))
            }
            FulfillmentEvent::Sending(sending) => {
                let held = matches!(self.sendings.get(&sending.effect), Some(Claim::Held(known)) if known == sending);
                !held || self.refused.contains_key(&sending.effect)
            }
            FulfillmentEvent::Faltered(faltered) => is_held(&self.sendings, faltered),
            FulfillmentEvent::EffectRefused(refused) => {
                self.sendings.contains_key(&refused.effect)
                    || self.refused.get(&refused.effect) != Some(&refused.rejection)
            }
        }
    }

    fn apply(&mut self, event: &FulfillmentEvent) {
        match event {
            // The first opening stands.
            FulfillmentEvent::Opened(_) => {}
            FulfillmentEvent::Accepted(accepted) => {
                self.sendings.remove(&Effect::RequestFulfillment);
                self.accepted.insert(accepted.clone());
            }
            FulfillmentEvent::Rejected(rejected) => {
                self.sendings.remove(&Effect::RequestFulfillment);
                self.rejected.insert(rejected.clone());
            }
            FulfillmentEvent::PackagePacked(packed) => self.package(&packed.package).pack(packed),
            FulfillmentEvent::PackageVoided(voided) => self.package(&voided.package).void(voided.at),
            FulfillmentEvent::MilestoneRecorded(milestone) => self.package(&milestone.package).pass(milestone),
            FulfillmentEvent::GoodsIssued(issued) => {
                self.sendings.remove(&Effect::PostGoodsIssue { package: issued.package.clone() });
                self.goods_issues.entry(issued.package.clone()).or_default().insert(issued.clone());
            }
            FulfillmentEvent::Sending(sending) => {
                self.refused.remove(&sending.effect);
                claim(&mut self.sendings, sending);
            }
            FulfillmentEvent::Faltered(faltered) => let_go(&mut self.sendings, faltered),
            FulfillmentEvent::EffectRefused(refused) => {
                self.sendings.remove(&refused.effect);
                self.refused.insert(refused.effect.clone(), refused.rejection.clone());
            }
        }
    }

    fn package(&mut self, id: &PackageId) -> &mut Package {
        self.packages.entry(id.clone()).or_default()
    }

    /// How we stand with the warehouse. What it ships it has accepted, whatever it said.
    pub fn negotiation(&self) -> Negotiation {
        let ships = self.packages.values().any(|package| !package.is_void());
        if ships {
            return Negotiation::Accepted;
        }
        match (self.rejected.is_empty(), self.accepted.is_empty()) {
            (false, _) => Negotiation::Rejected,
            (true, false) => Negotiation::Accepted,
            (true, true) => Negotiation::Requested,
        }
    }

    /// Whether `lines` name only what was asked for: the same lines, products and units.
    pub fn matches(&self, lines: &[Share]) -> bool {
        lines.iter().all(|got| {
            let asked = |share: &Share| {
                share.line == got.line && share.sku == got.sku && share.quantity.uom() == got.quantity.uom()
            };
            self.opened.lines.iter().any(asked)
        })
    }

    /// The standing that the order's stream should know, as of this stream's `version`.
    ///
    /// # Errors
    /// Quantities of one line in two units; [`Known::matches`] keeps those out.
    pub fn progress(&self, version: u64) -> Result<Progress, QuantityError> {
        let live = || self.packages.iter().filter(|(_, package)| !package.is_void());
        let gone = |package: &Package| package.has_left() || mutants::on(Mutant::VoidCounted) && package.is_void();
        let left = || self.packages.iter().filter(|(_, package)| gone(package) && self.matches(package.lines()));
        let delivered = left().filter(|(_, package)| package.is_delivered());
        let summary = |(id, package): (&PackageId, &Package)| PackageSummary {
            package: id.clone(),
            carrier: package.leg().and_then(|leg| leg.carrier.clone()),
            tracking: package.leg().map(|leg| leg.tracking.clone()),
            status: package.status(),
        };
        Ok(Progress {
            fulfillment: self.opened.fulfillment.clone(),
            as_of: version,
            standing: match self.negotiation() {
                Negotiation::Requested => Standing::Requested,
                Negotiation::Accepted => Standing::Accepted,
                Negotiation::Rejected => Standing::Rejected,
            },
            shipped: by_line(left().map(|(_, package)| package))?,
            delivered: by_line(delivered.map(|(_, package)| package))?,
            packages: live().map(summary).collect(),
            goods_issued: left().all(|(id, _)| self.goods_issues.contains_key(id)),
        })
    }

    /// The decisions that people have to take, from the facts alone.
    pub fn reviews(&self) -> Vec<Review> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReviewKind, reason: String| reviews.push(Review { kind, reason });
        let share = &self.opened.fulfillment;
        for (effect, why) in self.refused.iter().filter(|(effect, _)| !self.is_answered(effect)) {
            raise(ReviewKind::PartnerRefused, format!("{effect:?}: {why}"));
        }
        if self.accepted.len() > 1 {
            let names = self.accepted.iter().map(|accepted| accepted.reference.as_str()).collect::<Vec<_>>();
            let reason = format!("the warehouse has {share} more than once: {}", names.join(", "));
            raise(ReviewKind::MadeTwice, reason);
        }
        for (id, package) in self.packages.iter().filter(|(_, package)| !package.is_void()) {
            if !self.matches(package.lines()) {
                raise(ReviewKind::ContentMismatch, format!("package {id} holds what {share} does not ask for"));
            }
            if package.contents == Contents::Untold && package.has_left() {
                raise(ReviewKind::ContentMismatch, format!("package {id} left, and nobody said what is in it"));
            }
            if package.moved_though_void() {
                raise(ReviewKind::MovedThoughVoid, format!("package {id} moved although it was voided"));
            }
            if package.is_returned() {
                raise(ReviewKind::ReturnedToSender, format!("package {id} comes back to its sender"));
            }
            for milestone in package.milestones.iter().filter(|m| m.milestone == MilestoneKind::Unknown) {
                let code = milestone.code.as_deref().unwrap_or("(none)");
                let reason = format!("package {id}: the registry does not map the status `{code}`");
                raise(ReviewKind::UnknownCode, reason);
            }
        }
        for (id, issues) in &self.goods_issues {
            let documents: BTreeSet<&DocumentNumber> = issues.iter().map(|issued| &issued.document).collect();
            if documents.len() > 1 {
                let names = documents.into_iter().map(DocumentNumber::as_str).collect::<Vec<_>>();
                raise(ReviewKind::MadeTwice, format!("package {id} has several goods issues: {}", names.join(", ")));
            }
            for issued in issues.iter().filter(|issued| !self.bears_out(issued)) {
                let reason = format!("goods issue {}: package {id} did not leave with that in it", issued.document);
                raise(ReviewKind::PostingMismatch, reason);
            }
        }
        reviews.sort();
        reviews.dedup();
        reviews
    }

    /// Whether what a partner refused was done all the same, by another attempt.
    fn is_answered(&self, effect: &Effect) -> bool {
        match effect {
            Effect::RequestFulfillment => !self.accepted.is_empty() || !self.rejected.is_empty(),
            Effect::PostGoodsIssue { package } => self.goods_issues.contains_key(package),
            Effect::Allocate | Effect::CreateSalesOrder | Effect::Invoice => false,
        }
    }

    /// Whether the package left with what the ERP took out of the stock.
    fn bears_out(&self, issued: &GoodsIssued) -> bool {
        let sorted = |lines: &[Share]| {
            let mut lines = lines.to_vec();
            lines.sort();
            lines
        };
        self.packages.get(&issued.package).is_some_and(|package| {
            let same = issued.lines.is_empty() || sorted(&issued.lines) == sorted(package.lines());
            package.has_left() && same
        })
    }
}

fn by_line<'a>(packages: impl Iterator<Item = &'a Package>) -> Result<BTreeMap<LineNo, Quantity>, QuantityError> {
    let mut sums: BTreeMap<LineNo, Quantity> = BTreeMap::new();
    for share in packages.flat_map(Package::lines) {
        let sum = sums.entry(share.line).or_insert(Quantity::zero(share.quantity.uom()));
        *sum = sum.plus(share.quantity)?;
    }
    Ok(sums)
}
