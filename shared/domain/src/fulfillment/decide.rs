//! Decides commands and applies events.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fulfillment::package::Package;
use crate::fulfillment::{
    Accepted, Fulfillment, FulfillmentCommand, FulfillmentEffect, FulfillmentEvent, FulfillmentReview, GoodsIssued,
    Withdrawn,
};
use crate::ids::{ExternalId, PackageId};
use crate::rejection::Rejection;
use crate::review::{Choice, Decision, allowed};
use crate::workflow::Claim;

impl Fulfillment {
    /// A fact is recorded in every stage, unless it is recorded already.
    pub(super) fn decide_command(&self, command: FulfillmentCommand) -> Result<Vec<FulfillmentEvent>, Rejection> {
        let event = match command {
            FulfillmentCommand::RecordAccepted(accepted) => FulfillmentEvent::Accepted(accepted),
            FulfillmentCommand::RecordRejected(rejected) => FulfillmentEvent::Rejected(rejected),
            FulfillmentCommand::RecordWithdrawn(withdrawn) => FulfillmentEvent::Withdrawn(withdrawn),
            FulfillmentCommand::RecordWithdrawalRefused(why) => FulfillmentEvent::WithdrawalRefused(why),
            FulfillmentCommand::RecordPacked(packed) => FulfillmentEvent::PackagePacked(self.opened.assign(packed)),
            FulfillmentCommand::RecordVoided(voided) => FulfillmentEvent::PackageVoided(voided),
            FulfillmentCommand::RecordMilestone(milestone) => FulfillmentEvent::MilestoneRecorded(milestone),
            FulfillmentCommand::RecordClosed(closed) => FulfillmentEvent::Closed(closed),
            FulfillmentCommand::RecordGoodsIssued(issued) => FulfillmentEvent::GoodsIssued(issued),
            FulfillmentCommand::RaiseLate(_, late) => FulfillmentEvent::Late(late),
            FulfillmentCommand::Announce(started) | FulfillmentCommand::Open(_, started) => {
                FulfillmentEvent::EffectStarted(started)
            }
            FulfillmentCommand::RecordEffectFailed(failed) => FulfillmentEvent::EffectFailed(failed),
            FulfillmentCommand::RecordEffectRejected(rejected) => FulfillmentEvent::EffectRejected(rejected),
            FulfillmentCommand::CloseNotSent(_) if self.was_not_sent() => {
                FulfillmentEvent::Withdrawn(Withdrawn { reference: None })
            }
            FulfillmentCommand::CloseNotSent(_) => return Ok(vec![]),
            FulfillmentCommand::Decide(decision) => return Ok(self.decide_review(decision)),
            FulfillmentCommand::RecordAll(commands) => return self.decide_all(commands),
        };
        Ok(if self.is_new(&event) { vec![event] } else { vec![] })
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

    /// Records a decision and what a person did by hand in the partner's own system, or why the decision cannot be followed.
    fn decide_review(&self, decision: Decision<FulfillmentReview>) -> Vec<FulfillmentEvent> {
        let follows = match allowed(&self.reviews(), &decision) {
            Ok(()) if decision.choice == Choice::ResolvedManually => self.resolved_manually(&decision),
            Ok(()) => Ok(vec![]),
            Err(rejection) => Err(rejection),
        };
        match follows {
            Ok(follows) => std::iter::once(FulfillmentEvent::ReviewDecided(decision)).chain(follows).collect(),
            Err(rejection) => vec![FulfillmentEvent::RequestRejected(rejection)],
        }
    }

    /// What a manual resolution of a refused effect makes true. A request and a goods issue may be resolved without the
    /// document's number: then the warehouse's reports count, and the package counts as posted.
    fn resolved_manually(&self, decision: &Decision<FulfillmentReview>) -> Result<Vec<FulfillmentEvent>, Rejection> {
        let number = decision.document.as_ref().map(|document| &document.number);
        Ok(match (self.rejected_effect(&decision.review), number) {
            (Some(FulfillmentEffect::Withdraw), _) => {
                let mut references: Vec<Option<ExternalId>> = self.references().cloned().map(Some).collect();
                if references.is_empty() {
                    references.push(None);
                }
                let withdrawn = |reference| FulfillmentEvent::Withdrawn(Withdrawn { reference });
                references.into_iter().map(withdrawn).collect()
            }
            (Some(FulfillmentEffect::Request), Some(number)) => {
                let reference = number.as_str().parse();
                let reference = reference.map_err(|_| Rejection::new("DOCUMENT_INVALID", "it is no reference"))?;
                vec![FulfillmentEvent::Accepted(Accepted { reference })]
            }
            (Some(FulfillmentEffect::PostGoodsIssue { package }), Some(number)) => {
                let lines = self.postings.get(package).cloned().unwrap_or_else(|| self.lines_to_post(package));
                let (package, document) = (package.clone(), number.clone());
                vec![FulfillmentEvent::GoodsIssued(GoodsIssued { package, document, lines })]
            }
            (Some(FulfillmentEffect::Request | FulfillmentEffect::PostGoodsIssue { .. }), None) | (None, _) => vec![],
        })
    }

    /// Whether the event would change the state; if not, it is not recorded. (A repeated claim changes its `until`.)
    fn is_new(&self, event: &FulfillmentEvent) -> bool {
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
                self.packages.get(&packed.package).is_none_or(|package| package.is_changed_by_packed(packed))
            }
            FulfillmentEvent::PackageVoided(voided) => {
                self.packages.get(&voided.package).is_none_or(|package| package.voided < Some(voided.at))
            }
            FulfillmentEvent::MilestoneRecorded(milestone) => {
                self.packages.get(&milestone.package).is_none_or(|package| package.is_changed_by_milestone(milestone))
            }
            FulfillmentEvent::Closed(closed) => {
                let is_listed =
                    |packages: &BTreeSet<PackageId>| self.listed.as_ref().is_some_and(|all| all.is_superset(packages));
                self.closed.is_none_or(|earliest| closed.at < earliest)
                    || closed.packages.as_ref().is_some_and(|packages| !is_listed(packages))
            }
            FulfillmentEvent::GoodsIssued(issued) => {
                let effect = FulfillmentEffect::PostGoodsIssue { package: issued.package.clone() };
                open(&effect) || !self.goods_issues.get(&issued.package).is_some_and(|issues| issues.contains(issued))
            }
            FulfillmentEvent::Late(late) => !self.late.contains(late),
            FulfillmentEvent::ReviewDecided(_) | FulfillmentEvent::RequestRejected(_) => true,
            FulfillmentEvent::EffectStarted(started) => {
                let claim = self.open_effects.get(&started.effect);
                let is_held = matches!(claim, Some(Claim::Held(earlier)) if earlier == started);
                !is_held || self.rejected_effects.contains_key(&started.effect)
            }
            FulfillmentEvent::EffectFailed(failed) => self.open_effects.is_held_by(failed),
            FulfillmentEvent::EffectRejected(rejected) => {
                open(&rejected.effect) || self.rejected_effects.get(&rejected.effect) != Some(&rejected.rejection)
            }
        }
    }

    pub(super) fn apply(&mut self, event: &FulfillmentEvent) {
        match event {
            // Only the first opening counts; it is the state's beginning.
            FulfillmentEvent::Opened(_) | FulfillmentEvent::RequestRejected(_) => {}
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
            FulfillmentEvent::PackagePacked(packed) => self.package(&packed.package).record_packed(packed),
            FulfillmentEvent::PackageVoided(voided) => self.package(&voided.package).record_void(voided.at),
            FulfillmentEvent::MilestoneRecorded(milestone) => {
                self.package(&milestone.package).record_milestone(milestone)
            }
            FulfillmentEvent::Closed(closed) => {
                self.closed = Some(self.closed.map_or(closed.at, |earliest| earliest.min(closed.at)));
                if let Some(packages) = &closed.packages {
                    self.listed.get_or_insert_default().extend(packages.iter().cloned());
                }
            }
            FulfillmentEvent::GoodsIssued(issued) => {
                self.open_effects.close(&FulfillmentEffect::PostGoodsIssue { package: issued.package.clone() });
                let issues = self.goods_issues.entry(issued.package.clone()).or_default();
                Arc::make_mut(issues).insert(issued.clone());
            }
            FulfillmentEvent::Late(late) => {
                self.late.insert(late.clone());
            }
            FulfillmentEvent::ReviewDecided(decision) => {
                if decision.choice == Choice::Retry
                    && let Some(effect) = self.rejected_effect(&decision.review).cloned()
                {
                    self.rejected_effects.remove(&effect);
                }
                self.decisions.insert(decision.review.clone(), decision.clone());
            }
            FulfillmentEvent::EffectStarted(started) => {
                self.rejected_effects.remove(&started.effect);
                self.store_lines_to_post(&started.effect);
                self.open_effects.start(started);
            }
            FulfillmentEvent::EffectFailed(failed) => self.open_effects.fail(failed),
            FulfillmentEvent::EffectRejected(rejected) => {
                self.open_effects.close(&rejected.effect);
                // A repeated refusal invalidates the earlier decision.
                self.decisions.remove(&Self::rejection_review(&rejected.effect, &rejected.rejection).key());
                self.rejected_effects.insert(rejected.effect.clone(), rejected.rejection.clone());
            }
        }
        let open_effects = &self.open_effects;
        self.postings.retain(|package, _| {
            open_effects.contains(&FulfillmentEffect::PostGoodsIssue { package: package.clone() })
        });
    }

    fn package(&mut self, id: &PackageId) -> &mut Package {
        Arc::make_mut(self.packages.entry(id.clone()).or_default())
    }

    /// Stores the lines of a goods issue when it is first announced, so that a repeat posts the same ones.
    fn store_lines_to_post(&mut self, effect: &FulfillmentEffect) {
        let FulfillmentEffect::PostGoodsIssue { package } = effect else { return };
        if !self.open_effects.contains(effect) {
            let lines = self.lines_to_post(package);
            self.postings.insert(package.clone(), lines);
        }
    }
}
