//! What a fulfillment is, and what follows from a command.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::fulfillment::effect::FulfillmentEffect;
use crate::fulfillment::event::{
    Accepted, Closed, FulfillmentEvent, GoodsIssued, Late, Milestone, Opened, Packed, Rejected, Voided, Withdrawn,
};
use crate::fulfillment::package::Package;
use crate::fulfillment::review::FulfillmentReview;
use crate::goods::LineQuantity;
use crate::ids::{ExternalId, FulfillmentId, PackageId};
use crate::order::RequestStatus;
use crate::review::{Choice, Decision, Decisions, Review, allowed};
use crate::workflow::{Claim, EffectFailed, EffectRejected, EffectStarted, OpenEffects, Rejection, Workflow};

/// A fulfillment: it exists from its opening on.
#[derive(Debug, Clone, PartialEq)]
pub struct Fulfillment {
    /// As assigned.
    pub opened: Opened,
    /// The warehouse's yes; a second one under another reference is kept, too.
    pub accepted: BTreeSet<Accepted>,
    /// The warehouse's no.
    pub rejected: BTreeSet<Rejected>,
    /// What the warehouse gave back.
    pub withdrawn: BTreeSet<Withdrawn>,
    /// Why the warehouse did not give it back.
    pub withdrawal_refused: BTreeSet<Rejection>,
    /// When the warehouse first said that it packs no more.
    pub closed: Option<Timestamp>,
    /// What the warehouse says that it packed; `None` while it has not named it.
    pub listed: Option<BTreeSet<PackageId>>,
    /// Every package it named.
    pub packages: BTreeMap<PackageId, Package>,
    /// Goods issues that the ERP posted; more than one for a package is one too many, and kept.
    pub goods_issues: BTreeMap<PackageId, BTreeSet<GoodsIssued>>,
    /// What the claims of goods issues are about: a repeat under the same key says the same again, and what one package
    /// is about to post, no other one posts.
    pub postings: BTreeMap<PackageId, Vec<LineQuantity>>,
    /// What did not come in its time.
    pub late: BTreeSet<Late>,
    /// What partners refused.
    pub refused: BTreeMap<FulfillmentEffect, Rejection>,
    /// What people decided.
    pub decisions: Decisions<FulfillmentReview>,
    /// Announced and unanswered.
    pub open_effects: OpenEffects<FulfillmentEffect>,
}

/// What may be asked of a fulfillment, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum FulfillmentCommand {
    /// Make it and announce the request, in one commit.
    Open(Opened, EffectStarted<FulfillmentEffect>),
    /// Give the fulfillment up, if it was certainly never sent.
    CloseNotSent(Opened),
    /// The warehouse said yes.
    RecordAccepted(Accepted),
    /// The warehouse said no.
    RecordRejected(Rejected),
    /// The warehouse gave the fulfillment back, or never had it.
    RecordWithdrawn(Withdrawn),
    /// The warehouse did not give the fulfillment back.
    RecordWithdrawalRefused(Rejection),
    /// The warehouse packed.
    RecordPacked(Packed),
    /// The warehouse voided a label.
    RecordVoided(Voided),
    /// A package came further.
    RecordMilestone(Milestone),
    /// The warehouse packs no more.
    RecordClosed(Closed),
    /// The ERP posted a goods issue.
    RecordGoodsIssued(GoodsIssued),
    /// Something did not come in its time.
    RaiseLate(Opened, Late),
    /// Several reports of one document, in one commit.
    RecordAll(Vec<FulfillmentCommand>),
    /// Somebody decided a review.
    Decide(Decision<FulfillmentReview>),
    /// An effect is about to happen.
    Announce(EffectStarted<FulfillmentEffect>),
    /// A call ended without a usable answer.
    RecordEffectFailed(EffectFailed<FulfillmentEffect>),
    /// A partner said no.
    RecordEffectRejected(EffectRejected<FulfillmentEffect>),
}

impl Workflow for Fulfillment {
    type Id = FulfillmentId;
    type Event = FulfillmentEvent;
    type Command = FulfillmentCommand;
    type Effect = FulfillmentEffect;
    type Review = FulfillmentReview;

    const KIND: &'static str = "fulfillment";

    fn create(command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        if let FulfillmentCommand::Open(opened, started) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::EffectStarted(started)])
        } else if let FulfillmentCommand::RaiseLate(opened, late) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::Late(late)])
        } else if let FulfillmentCommand::CloseNotSent(opened) = command {
            Ok(vec![FulfillmentEvent::Opened(opened), FulfillmentEvent::Withdrawn(Withdrawn { reference: None })])
        } else {
            Err(Rejection::new("FULFILLMENT_UNKNOWN", "there is no such fulfillment"))
        }
    }

    fn begin(event: &FulfillmentEvent) -> Option<Self> {
        let FulfillmentEvent::Opened(opened) = event else { return None };
        Some(Self::new(opened.clone()))
    }

    fn decide(&self, command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        self.decide_command(command)
    }

    fn evolve(mut self, event: &FulfillmentEvent) -> Self {
        self.apply(event);
        self
    }

    fn open_effects(&self) -> &OpenEffects<FulfillmentEffect> {
        &self.open_effects
    }

    fn reviews(&self) -> Vec<Review<FulfillmentReview>> {
        self.reviews()
    }

    fn announce(started: EffectStarted<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::Announce(started)
    }

    fn effect_failed(failed: EffectFailed<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::RecordEffectFailed(failed)
    }

    fn effect_rejected(rejected: EffectRejected<FulfillmentEffect>) -> FulfillmentCommand {
        FulfillmentCommand::RecordEffectRejected(rejected)
    }
}

impl Fulfillment {
    fn new(opened: Opened) -> Self {
        Self {
            opened,
            accepted: BTreeSet::new(),
            rejected: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            withdrawal_refused: BTreeSet::new(),
            closed: None,
            listed: None,
            packages: BTreeMap::new(),
            goods_issues: BTreeMap::new(),
            postings: BTreeMap::new(),
            late: BTreeSet::new(),
            refused: BTreeMap::new(),
            decisions: Decisions::new(),
            open_effects: OpenEffects::default(),
        }
    }

    /// A fact that is known already makes no event; every other one does, whatever the stage.
    fn decide_command(&self, command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        let event = match command {
            FulfillmentCommand::RecordAccepted(accepted) => FulfillmentEvent::Accepted(accepted),
            FulfillmentCommand::RecordRejected(rejected) => FulfillmentEvent::Rejected(rejected),
            FulfillmentCommand::RecordWithdrawn(withdrawn) => FulfillmentEvent::Withdrawn(withdrawn),
            FulfillmentCommand::RecordWithdrawalRefused(why) => FulfillmentEvent::WithdrawalRefused(why),
            FulfillmentCommand::RecordPacked(packed) => FulfillmentEvent::PackagePacked(packed),
            FulfillmentCommand::RecordVoided(voided) => FulfillmentEvent::PackageVoided(voided),
            FulfillmentCommand::RecordMilestone(milestone) => FulfillmentEvent::MilestoneRecorded(milestone),
            FulfillmentCommand::RecordClosed(closed) => FulfillmentEvent::Closed(closed),
            FulfillmentCommand::RecordGoodsIssued(issued) => FulfillmentEvent::GoodsIssued(issued),
            FulfillmentCommand::RaiseLate(_, late) => FulfillmentEvent::Late(late),
            FulfillmentCommand::Announce(started) | FulfillmentCommand::Open(_, started) => {
                FulfillmentEvent::EffectStarted(started)
            }
            FulfillmentCommand::RecordEffectFailed(failed) => FulfillmentEvent::EffectFailed(failed),
            FulfillmentCommand::RecordEffectRejected(refused) => FulfillmentEvent::EffectRejected(refused),
            FulfillmentCommand::CloseNotSent(_) if self.was_not_sent() => {
                FulfillmentEvent::Withdrawn(Withdrawn { reference: None })
            }
            FulfillmentCommand::CloseNotSent(_) => return Ok(vec![]),
            FulfillmentCommand::Decide(decision) => return self.settle(decision),
            FulfillmentCommand::RecordAll(commands) => return self.decide_all(commands),
        };
        Ok(if self.is_news(&event) { vec![event] } else { vec![] })
    }

    fn decide_all(&self, commands: Vec<FulfillmentCommand>) -> Result<Vec<FulfillmentEvent>, Rejection> {
        let mut state = self.clone();
        let mut all = Vec::new();
        for command in commands {
            let events = state.decide_command(command)?;
            for event in &events {
                state.apply(event);
            }
            all.extend(events);
        }
        Ok(all)
    }

    /// What follows from a decision. A withdrawal that somebody settled in the warehouse's own system is a withdrawal.
    fn settle(&self, decision: Decision<FulfillmentReview>) -> Result<Vec<FulfillmentEvent>, Rejection> {
        allowed(&self.reviews(), &decision)?;
        let by_hand = decision.choice == Choice::ResolvedManually;
        let of_a_withdrawal = self.refusal_of(&decision.review) == Some(&FulfillmentEffect::Withdraw);
        let mut events = vec![FulfillmentEvent::ReviewDecided(decision)];
        if by_hand && of_a_withdrawal {
            let mut references: Vec<Option<ExternalId>> = self.references().cloned().map(Some).collect();
            if references.is_empty() {
                references.push(None);
            }
            events.extend(references.into_iter().map(|reference| FulfillmentEvent::Withdrawn(Withdrawn { reference })));
        }
        Ok(events)
    }

    /// Whether the event changes anything: what does not is nothing new. (A claim always changes its `until`.)
    fn is_news(&self, event: &FulfillmentEvent) -> bool {
        let open = |effect: &FulfillmentEffect| self.open_effects.contains(effect);
        match event {
            FulfillmentEvent::Opened(_) => false,
            FulfillmentEvent::Accepted(accepted) => {
                !self.accepted.contains(accepted) || open(&FulfillmentEffect::Request)
            }
            FulfillmentEvent::Rejected(rejected) => {
                !self.rejected.contains(rejected) || open(&FulfillmentEffect::Request)
            }
            FulfillmentEvent::Withdrawn(withdrawn) => {
                !self.withdrawn.contains(withdrawn)
                    || open(&FulfillmentEffect::Request)
                    || open(&FulfillmentEffect::Withdraw)
            }
            FulfillmentEvent::WithdrawalRefused(why) => {
                !self.withdrawal_refused.contains(why) || open(&FulfillmentEffect::Withdraw)
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
            FulfillmentEvent::Closed(closed) => {
                let known =
                    |listed: &BTreeSet<PackageId>| self.listed.as_ref().is_some_and(|all| all.is_superset(listed));
                self.closed.is_none_or(|known| closed.at < known)
                    || closed.packages.as_ref().is_some_and(|it| !known(it))
            }
            FulfillmentEvent::GoodsIssued(issued) => {
                let effect = FulfillmentEffect::PostGoodsIssue { package: issued.package.clone() };
                open(&effect) || !self.goods_issues.get(&issued.package).is_some_and(|issues| issues.contains(issued))
            }
            FulfillmentEvent::Late(late) => !self.late.contains(late),
            FulfillmentEvent::ReviewDecided(_) => true,
            FulfillmentEvent::EffectStarted(started) => {
                let held =
                    matches!(self.open_effects.get(&started.effect), Some(Claim::Held(known)) if known == started);
                !held || self.refused.contains_key(&started.effect)
            }
            FulfillmentEvent::EffectFailed(failed) => self.open_effects.is_held_by(failed),
            FulfillmentEvent::EffectRejected(refused) => {
                open(&refused.effect) || self.refused.get(&refused.effect) != Some(&refused.rejection)
            }
        }
    }

    fn apply(&mut self, event: &FulfillmentEvent) {
        match event {
            // The first opening stands.
            FulfillmentEvent::Opened(_) => {}
            FulfillmentEvent::Accepted(accepted) => {
                self.open_effects.close(&FulfillmentEffect::Request);
                self.accepted.insert(accepted.clone());
            }
            FulfillmentEvent::Rejected(rejected) => {
                self.open_effects.close(&FulfillmentEffect::Request);
                self.rejected.insert(rejected.clone());
            }
            FulfillmentEvent::Withdrawn(withdrawn) => {
                self.open_effects.close(&FulfillmentEffect::Request);
                self.open_effects.close(&FulfillmentEffect::Withdraw);
                self.withdrawn.insert(withdrawn.clone());
            }
            FulfillmentEvent::WithdrawalRefused(why) => {
                self.open_effects.close(&FulfillmentEffect::Withdraw);
                self.withdrawal_refused.insert(why.clone());
            }
            FulfillmentEvent::PackagePacked(packed) => self.package(&packed.package).pack(packed),
            FulfillmentEvent::PackageVoided(voided) => self.package(&voided.package).void(voided.at),
            FulfillmentEvent::MilestoneRecorded(milestone) => self.package(&milestone.package).pass(milestone),
            FulfillmentEvent::Closed(closed) => {
                self.closed = Some(self.closed.map_or(closed.at, |known| known.min(closed.at)));
                if let Some(packages) = &closed.packages {
                    self.listed.get_or_insert_default().extend(packages.iter().cloned());
                }
            }
            FulfillmentEvent::GoodsIssued(issued) => {
                self.open_effects.close(&FulfillmentEffect::PostGoodsIssue { package: issued.package.clone() });
                self.goods_issues.entry(issued.package.clone()).or_default().insert(issued.clone());
            }
            FulfillmentEvent::Late(late) => {
                self.late.insert(late.clone());
            }
            FulfillmentEvent::ReviewDecided(decision) => {
                if decision.choice == Choice::Retry
                    && let Some(effect) = self.refusal_of(&decision.review).cloned()
                {
                    self.refused.remove(&effect);
                }
                self.decisions.insert(decision.review.clone(), decision.clone());
            }
            FulfillmentEvent::EffectStarted(started) => {
                self.refused.remove(&started.effect);
                self.keep_posting(&started.effect);
                self.open_effects.start(started);
            }
            FulfillmentEvent::EffectFailed(failed) => self.open_effects.fail(failed),
            FulfillmentEvent::EffectRejected(refused) => {
                self.open_effects.close(&refused.effect);
                // What was decided of the last refusal says nothing of this one.
                self.decisions.remove(&Self::refusal(&refused.effect, &refused.rejection).key());
                self.refused.insert(refused.effect.clone(), refused.rejection.clone());
            }
        }
        let open_effects = &self.open_effects;
        self.postings.retain(|package, _| {
            open_effects.contains(&FulfillmentEffect::PostGoodsIssue { package: package.clone() })
        });
    }

    fn package(&mut self, id: &PackageId) -> &mut Package {
        self.packages.entry(id.clone()).or_default()
    }

    /// Remembers what a goods issue is about when it is announced first.
    fn keep_posting(&mut self, effect: &FulfillmentEffect) {
        let FulfillmentEffect::PostGoodsIssue { package } = effect else { return };
        if !self.open_effects.contains(effect) {
            let lines = self.to_post(package);
            self.postings.insert(package.clone(), lines);
        }
    }

    /// How we stand with the warehouse. What it ships it has accepted, whatever it said.
    pub fn request_status(&self) -> RequestStatus {
        if self.live().next().is_some() {
            return RequestStatus::Accepted;
        }
        let taken_on = self.references().next().is_some() || self.closed.is_some();
        match (self.is_withdrawn(), self.rejected.is_empty(), taken_on) {
            (true, _, _) => RequestStatus::Withdrawn,
            (false, false, _) => RequestStatus::Rejected,
            (false, true, true) => RequestStatus::Accepted,
            (false, true, false) => RequestStatus::Requested,
        }
    }

    /// What the warehouse calls the fulfillment, without what it gave back: where it took the fulfillment on twice, twice.
    pub fn references(&self) -> impl Iterator<Item = &ExternalId> {
        let given_back =
            |reference: &ExternalId| self.withdrawn.iter().any(|w| w.reference.as_ref() == Some(reference));
        self.accepted.iter().map(|accepted| &accepted.reference).filter(move |reference| !given_back(reference))
    }

    /// Whether the fulfillment came back, and was not taken on (again) under another reference.
    pub fn is_withdrawn(&self) -> bool {
        !self.withdrawn.is_empty() && self.references().next().is_none()
    }

    /// The packages that count: those that left, and those that may yet leave. What was packed of a fulfillment that came
    /// back was unpacked.
    pub fn live(&self) -> impl Iterator<Item = (&PackageId, &Package)> {
        let withdrawn = self.is_withdrawn();
        self.packages.iter().filter(move |(_, package)| !package.is_void() && (package.has_left() || !withdrawn))
    }

    /// Whether the warehouse has, or may have, the fulfillment.
    pub(super) fn is_possibly_there(&self) -> bool {
        self.references().next().is_some()
            || self.open_effects.contains(&FulfillmentEffect::Request)
            || (self.withdrawn.is_empty()
                && (!self.packages.is_empty() || self.closed.is_some() || self.is_request_doubtful()))
    }

    /// Whether the request was certainly never sent, or certainly not taken on, and nothing was ever heard of the
    /// fulfillment.
    fn was_not_sent(&self) -> bool {
        !self.is_possibly_there() && self.withdrawn.is_empty() && self.rejected.is_empty()
    }

    /// Whether the request ended without the warehouse's word on it: nobody knows what became of it, something else stands
    /// under its name, or somebody saw to it.
    fn is_request_doubtful(&self) -> bool {
        let request = FulfillmentEffect::Request;
        self.refused.get(&request).is_some_and(Rejection::leaves_doubt) || self.is_settled(&request)
    }

    /// Whether what a partner refused was done by hand in its own system.
    pub(super) fn is_settled(&self, effect: &FulfillmentEffect) -> bool {
        let review = self.refused.get(effect).map(|why| Self::refusal(effect, why));
        review.is_some_and(|review| self.decided(&review) == Some(Choice::ResolvedManually))
    }

    /// What was decided of a review.
    pub(super) fn decided(&self, review: &Review<FulfillmentReview>) -> Option<Choice> {
        self.decisions.get(&review.key()).map(|decision| decision.choice)
    }

    /// The effect whose refusal the review `key` is about.
    fn refusal_of(&self, key: &str) -> Option<&FulfillmentEffect> {
        self.refused.iter().find(|(effect, why)| Self::refusal(effect, why).key() == key).map(|(effect, _)| effect)
    }

    /// The review of a partner's refusal.
    pub(super) fn refusal(effect: &FulfillmentEffect, why: &Rejection) -> Review<FulfillmentReview> {
        Review::of_refusal(effect, why)
    }
}
