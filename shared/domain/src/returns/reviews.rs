//! The reviews that follow from a return's facts, and what follows from their decisions.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::ids::Sku;
use crate::quantity::Quantity;
use crate::returns::acceptance::Undecided;
use crate::returns::effect::ReturnEffect;
use crate::returns::event::{Approval, Denial, ReturnEvent, ReturnLine};
use crate::returns::money_event::ErpCredit;
use crate::returns::policy::Disposition;
use crate::returns::receipts::Distribution;
use crate::returns::review::ReturnReview;
use crate::returns::{Return, ReturnStage};
use crate::review::{Choice, Decision, Review, allowed, open};
use crate::workflow::EffectRequest;

impl Return {
    /// The decisions that wait for a person, derived from the return's facts.
    pub fn reviews(&self) -> Vec<Review<ReturnReview>> {
        let distribution = self.distribution();
        let mut reviews = self.request_reviews();
        reviews.extend(self.undecided(&distribution).iter().map(undecided_review));
        reviews.extend(self.custody_reviews(&distribution));
        reviews.extend(self.lines().iter().filter_map(|line| self.arrived_after_end(line, &distribution)));
        reviews.extend(self.credit_reviews(&distribution));
        reviews.extend(self.late_reviews());
        let needed = self.rejected_effects.iter().filter(|(effect, _)| self.is_needed(effect, &distribution));
        reviews.extend(needed.map(|(effect, why)| Review::of_refusal(effect, why)));
        open(reviews, &self.decisions)
    }

    /// Whether a refused effect still has to be made, or may have been made all the same.
    fn is_needed(&self, effect: &ReturnEffect, distribution: &Distribution) -> bool {
        let is_needed = match effect {
            ReturnEffect::AuthorizeReturn => self.stage == ReturnStage::Requested,
            ReturnEffect::AnnounceReceipt { no, revision } => self.parcels.get(no).is_some_and(|parcel| {
                let is_expected = !parcel.withdrawn && !self.still_expected(&parcel.expected).is_empty();
                is_expected && parcel.revision == *revision
            }),
            ReturnEffect::WithdrawAnnouncement { no } => self.parcels.get(no).is_some_and(|parcel| !parcel.withdrawn),
            ReturnEffect::MoveStock { .. } => self.movement().is_some_and(|movement| movement.effect() == *effect),
            ReturnEffect::Credit { account, .. } | ReturnEffect::Debit { account, .. } => {
                self.next_adjustment(*account, distribution).is_some_and(|next| next.effect() == *effect)
            }
        };
        is_needed || self.open_effects.contains(effect)
    }

    fn request_reviews(&self) -> Vec<Review<ReturnReview>> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReturnReview, reason: String| reviews.push(Review { kind, reason });
        let request = &self.request;
        if request.content.is_none() {
            let reason =
                format!("{} received goods as {} that no return announced", request.source, request.external_id);
            raise(ReturnReview::Unmatched, reason);
        } else if self.stage == ReturnStage::Requested && !self.is_approved() {
            let (given, needed) = (self.approvals.len(), self.approvals_needed());
            raise(ReturnReview::ApprovalNeeded, format!("approval {} of {needed} is missing", given + 1));
        }
        for rma in &self.other_rmas {
            raise(ReturnReview::DuplicateDocument, format!("the ERP has the authorization {rma}, which is not used"));
        }
        for parcel in self.parcels.values() {
            for other in &parcel.others {
                let (warehouse, no) = (&parcel.expected.warehouse, parcel.expected.no);
                raise(ReturnReview::DuplicateDocument, format!("{warehouse} has parcel {no} as {other}, too"));
            }
        }
        if let Some(refused) = self.reservation_refused.as_ref().filter(|refused| refused.round == self.round) {
            raise(ReturnReview::NotReserved, refused.rejection.to_string());
        }
        reviews
    }

    fn custody_reviews(&self, distribution: &Distribution) -> Vec<Review<ReturnReview>> {
        let of = |kind: ReturnReview, goods: &BTreeMap<Sku, Decimal>, what: &str| {
            let review =
                |(sku, amount): (&Sku, &Decimal)| Review { kind, reason: format!("{amount} of {sku}: {what}") };
            goods.iter().map(review).collect::<Vec<_>>()
        };
        let mut reviews = Vec::new();
        // Without its order, all that came is unknown, which is one review.
        if self.request.content.is_some() {
            reviews.extend(of(ReturnReview::WrongItem, &distribution.wrong, "not a product of this return"));
        }
        reviews.extend(of(ReturnReview::Excess, &distribution.excess, "more than comes back"));
        reviews.extend(of(ReturnReview::LooseComponents, &distribution.loose, "not a whole kit"));
        reviews.extend(self.uncountable().map(|receipt| {
            let reason = format!("{} {} of {}: another unit", receipt.reference, receipt.key, receipt.sku);
            Review { kind: ReturnReview::Uncountable, reason }
        }));
        reviews
    }

    /// Goods of a closed line, or of a denied return, that came beyond what stays in the return.
    fn arrived_after_end(&self, line: &ReturnLine, distribution: &Distribution) -> Option<Review<ReturnReview>> {
        let came = distribution.received(line.line);
        let more = came - self.expected(line).amount();
        let reason = format!("line {}: {more} of {came} {} came after the end", line.line, line.quantity.uom());
        (more > Decimal::ZERO).then_some(Review { kind: ReturnReview::ArrivedAfterEnd, reason })
    }

    fn credit_reviews(&self, distribution: &Distribution) -> Vec<Review<ReturnReview>> {
        let mut reviews = Vec::new();
        let mut raise = |kind: ReturnReview, reason: String| reviews.push(Review { kind, reason });
        for entry in self.ledgers.values().flat_map(|ledger| ledger.entries.values()) {
            let (requested, posted) = (&entry.requested.amounts, &entry.posted.amounts);
            if !requested.agrees_with(posted) {
                let total = |it: &super::Amounts| it.total().map_or_else(|| "?".to_owned(), |total| total.to_string());
                let (document, posted, requested) = (&entry.posted.document, total(posted), total(requested));
                let reason = format!("{document} is over {posted} in all, requested were {requested}");
                raise(ReturnReview::CreditDisagrees, reason);
            }
        }
        for (account, ledger) in &self.ledgers {
            let documents: Vec<&str> = ledger.duplicates.keys().map(|document| document.as_str()).collect();
            if !documents.is_empty() {
                raise(
                    ReturnReview::DuplicateDocument,
                    format!("{account} has more documents: {}", documents.join(", ")),
                );
            }
        }
        for line in self.lines() {
            let beyond = self.credited_beyond(line, distribution);
            if beyond > Decimal::ZERO {
                let reason = format!("line {}: the ERP credited {beyond} more than may be credited", line.line);
                raise(ReturnReview::CreditedByErp, reason);
            }
        }
        if let (Some(content), Some(invoice)) = (&self.request.content, &self.invoice)
            && let Some(line) = invoice.lines.values().find(|line| line.amounts.net.currency != content.currency)
        {
            let reason =
                format!("{} is in {}, the order in {}", invoice.invoice, line.amounts.net.currency, content.currency);
            raise(ReturnReview::CreditDisagrees, reason);
        }
        reviews.extend(self.unmatched_credits().map(unmatched_review));
        reviews
    }

    /// Whether the ERP credited something by itself, and no person has said yet what it was for.
    pub(super) fn has_unmatched_credit(&self) -> bool {
        self.unmatched_credits().any(|credit| !self.decisions.contains_key(&unmatched_review(credit).key()))
    }

    /// Records a decision and what follows from it at once, or why it cannot be taken.
    pub(super) fn decide_review(&self, decision: Decision<ReturnReview>) -> Vec<ReturnEvent> {
        if let Err(why) = allowed(&self.reviews(), &decision) {
            return vec![ReturnEvent::RequestRejected(why)];
        }
        let (by, evidence) = (decision.by.clone(), decision.note.clone());
        let follows = match (decision.kind, decision.choice) {
            (ReturnReview::ApprovalNeeded, Choice::Approve) => self.approve(Approval { by, evidence }),
            (ReturnReview::ApprovalNeeded, _) => vec![ReturnEvent::Denied(Denial { by, reason: evidence })],
            (ReturnReview::PartnerRefused | ReturnReview::OutcomeUnknown, Choice::ResolvedManually) => {
                self.resolved_manually(&decision)
            }
            (_, _) => vec![],
        };
        if follows.iter().any(|event| matches!(event, ReturnEvent::RequestRejected(_))) {
            return follows;
        }
        std::iter::once(ReturnEvent::ReviewDecided(decision)).chain(follows).collect()
    }

    pub(super) fn apply_decision(&mut self, decision: &Decision<ReturnReview>) {
        let distribution = self.distribution();
        match (decision.kind, decision.choice) {
            (ReturnReview::AcceptanceUndecided, choice) => {
                let undecided = self.undecided(&distribution);
                let decided = undecided.into_iter().find(|it| undecided_review(it).key() == decision.review);
                if let Some(Undecided { line, disposition, untraced, amount, .. }) = decided {
                    let verdict = self.verdicts.entry((line, disposition, untraced)).or_default();
                    let place = if choice == Choice::Accept { &mut verdict.accepted } else { &mut verdict.refused };
                    *place += amount;
                }
            }
            (ReturnReview::ArrivedAfterEnd, Choice::Accept) => self.reopen(&decision.review, &distribution),
            (ReturnReview::PartnerRefused | ReturnReview::OutcomeUnknown, Choice::Retry) => {
                if let Some(effect) = self.rejected_effect(&decision.review) {
                    self.rejected_effects.remove(&effect);
                }
            }
            (_, _) => {}
        }
        self.decisions.insert(decision.review.clone(), decision.clone());
    }

    /// Takes goods that came after the end into the return; the order has to reserve them again.
    fn reopen(&mut self, review: &str, distribution: &Distribution) {
        let came = self.lines().iter().filter_map(|line| {
            let is_it = self.arrived_after_end(line, distribution).is_some_and(|it| it.key() == review);
            let came = distribution.received(line.line);
            Some((line.line, Quantity::new(came, line.quantity.uom()).ok().filter(|_| is_it)?))
        });
        let came: Vec<_> = came.collect();
        if let ReturnStage::Denied(_) = self.stage {
            // All lines are closed; only the goods of this one are considered anew.
            self.kept = self.lines().iter().map(|line| (line.line, Quantity::zero(line.quantity.uom()))).collect();
            self.stage = ReturnStage::Requested;
        }
        self.kept.extend(came);
        self.round = self.round.saturating_add(1);
    }

    /// The refused effect that a review is about.
    pub(super) fn rejected_effect(&self, review: &str) -> Option<ReturnEffect> {
        let is_it = |(effect, why): &(&ReturnEffect, &crate::rejection::Rejection)| {
            Review::<ReturnReview>::of_refusal(*effect, why).key() == review
        };
        self.rejected_effects.iter().find(is_it).map(|(effect, _)| effect.clone())
    }
}

fn unmatched_review(credit: &ErpCredit) -> Review<ReturnReview> {
    let reason = format!("{} credits no line that is known", credit.document);
    Review { kind: ReturnReview::CreditedByErp, reason }
}

fn undecided_review(undecided: &Undecided) -> Review<ReturnReview> {
    let Undecided { line, disposition, untraced, amount, of } = undecided;
    let traced = if *untraced { ", without the lot or serial number that was shipped" } else { "" };
    let reason = format!("line {line}: {amount} of {of} {}{traced}", Disposition::as_str(*disposition));
    Review { kind: ReturnReview::AcceptanceUndecided, reason }
}
