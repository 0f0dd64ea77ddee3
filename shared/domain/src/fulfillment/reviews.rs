//! The reviews that follow from a fulfillment's facts.

use std::collections::BTreeSet;

use crate::fulfillment::package::{Contents, Package};
use crate::fulfillment::{Fulfillment, FulfillmentEffect, FulfillmentReview};
use crate::ids::{DocumentNumber, ExternalId, PackageId};
use crate::rejection::Rejection;
use crate::review::{Choice, Review, open};
use crate::shipment::MilestoneKind;

impl Fulfillment {
    /// The decisions that wait for a person, derived from the fulfillment's facts.
    pub fn reviews(&self) -> Vec<Review<FulfillmentReview>> {
        let rejected = self.rejected_effects.iter().filter(|(effect, _)| !self.is_answered(effect));
        let mut reviews: Vec<Review<FulfillmentReview>> =
            rejected.map(|(effect, why)| Self::rejection_review(effect, why)).collect();
        let references: Vec<&str> = self.references().map(ExternalId::as_str).collect();
        if references.len() > 1 {
            let fulfillment = &self.opened.fulfillment;
            let reason = format!("the warehouse has {fulfillment} more than once: {}", references.join(", "));
            reviews.push(Review { kind: FulfillmentReview::DuplicateDocument, reason });
        }
        reviews.extend(self.packed_though_rejected());
        reviews.extend(self.live().flat_map(|(id, package)| self.package_reviews(id, package)));
        reviews.extend(self.incomplete_kit_reviews());
        reviews.extend(self.uncountable_reviews());
        reviews.extend(self.duplicate_serials(None, false));
        reviews.extend(self.late_reviews());
        reviews.extend(self.posting_reviews());
        open(reviews, &self.decisions)
    }

    /// Packages count whatever the warehouse answers, so that nothing else shows its rejection while one of them waits to leave.
    fn packed_though_rejected(&self) -> Option<Review<FulfillmentReview>> {
        let why = &self.rejected.first()?.reason;
        let (id, _) = self.live().find(|(_, package)| !package.has_left())?;
        let reason = format!("the warehouse rejected the fulfillment, and package {id} is packed: {why}");
        Some(Review { kind: FulfillmentReview::RejectedThoughPacked, reason })
    }

    fn package_reviews(&self, id: &PackageId, package: &Package) -> Vec<Review<FulfillmentReview>> {
        let mut reviews: Vec<Review<FulfillmentReview>> = self.mismatch(id, package).into_iter().collect();
        let mut raise = |kind: FulfillmentReview, reason: String| reviews.push(Review { kind, reason });
        if package.contents == Contents::Unreported && package.has_left() {
            raise(FulfillmentReview::ContentMismatch, format!("package {id} left, and its content was not reported"));
        }
        if package.moved_though_void() {
            raise(FulfillmentReview::MovedThoughVoid, format!("package {id} moved although it was voided"));
        }
        if package.is_returned() {
            raise(FulfillmentReview::ReturnedToSender, format!("package {id} is being returned to its sender"));
        }
        for milestone in package.milestones.iter().filter(|m| m.milestone == MilestoneKind::Unknown) {
            let code = milestone.code.as_deref().unwrap_or("(none)");
            let reason = format!("package {id}: the registry does not map the status `{code}`");
            raise(FulfillmentReview::UnknownCode, reason);
        }
        // The warehouse may report lots and serial numbers until the package leaves.
        if package.has_left() {
            reviews.extend(self.missing_traces(id, package));
        }
        reviews
    }

    fn posting_reviews(&self) -> Vec<Review<FulfillmentReview>> {
        let mut reviews = self.kit_differences();
        let mut raise = |kind: FulfillmentReview, reason: String| reviews.push(Review { kind, reason });
        for (id, issues) in &self.goods_issues {
            let documents: BTreeSet<&DocumentNumber> = issues.iter().map(|issued| &issued.document).collect();
            if documents.len() > 1 {
                let names = documents.into_iter().map(DocumentNumber::as_str).collect::<Vec<_>>();
                raise(
                    FulfillmentReview::DuplicateDocument,
                    format!("package {id} has several goods issues: {}", names.join(", ")),
                );
            }
            for issued in issues.iter().filter(|issued| !self.left_as_posted(issued)) {
                let reason =
                    format!("goods issue {}: package {id} left with other goods, or did not leave", issued.document);
                raise(FulfillmentReview::PostingMismatch, reason);
            }
        }
        reviews
    }

    /// Whether a refused effect needs no decision: another attempt was answered, or the effect is not needed any more.
    fn is_answered(&self, effect: &FulfillmentEffect) -> bool {
        let withdrawn = !self.withdrawn.is_empty();
        match effect {
            FulfillmentEffect::Request => withdrawn || !self.accepted.is_empty() || !self.rejected.is_empty(),
            FulfillmentEffect::Withdraw => self.is_withdrawn() || !self.withdrawal_refused.is_empty(),
            FulfillmentEffect::PostGoodsIssue { package } => self.goods_issues.contains_key(package),
        }
    }

    /// Whether a person decided that a refused effect was done by hand in the partner's own system.
    pub(super) fn is_resolved_manually(&self, effect: &FulfillmentEffect) -> bool {
        let review = self.rejected_effects.get(effect).map(|why| Self::rejection_review(effect, why));
        review.is_some_and(|review| self.decided(&review) == Some(Choice::ResolvedManually))
    }

    /// The decision of a review, if it was taken.
    pub(super) fn decided(&self, review: &Review<FulfillmentReview>) -> Option<Choice> {
        self.decisions.get(&review.key()).map(|decision| decision.choice)
    }

    /// The refused effect that the review `key` is about.
    pub(super) fn rejected_effect(&self, key: &str) -> Option<&FulfillmentEffect> {
        let is_reviewed =
            |(effect, why): &(&FulfillmentEffect, &Rejection)| Self::rejection_review(effect, why).key() == key;
        self.rejected_effects.iter().find(is_reviewed).map(|(effect, _)| effect)
    }

    /// The review of a refused effect.
    pub(super) fn rejection_review(effect: &FulfillmentEffect, why: &Rejection) -> Review<FulfillmentReview> {
        Review::of_refusal(effect, why)
    }
}
