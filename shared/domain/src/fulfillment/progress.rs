//! What others should know of a fulfillment: its standing, for the order; what it leaves to people, for the worklist.

use std::collections::BTreeSet;

use crate::fulfillment::decide::Fulfillment;
use crate::fulfillment::effect::FulfillmentEffect;
use crate::fulfillment::event::MilestoneKind;
use crate::fulfillment::package::{Contents, Package};
use crate::fulfillment::review::FulfillmentReview;
use crate::ids::{DocumentNumber, ExternalId, PackageId};
use crate::order::{PackageSummary, Progress, RequestStatus};
use crate::quantity::QuantityError;
use crate::review::{Review, open};

impl Fulfillment {
    /// The standing that the order's stream should know, as of this stream's `version`. Kits are counted whole.
    ///
    /// # Errors
    /// Quantities of one line in two units, which [`Fulfillment::matches`] keeps out, or beyond all range.
    pub fn progress(&self, version: u64) -> Result<Progress, QuantityError> {
        let summary = |(id, package): (&PackageId, &Package)| PackageSummary {
            package: id.clone(),
            carrier: package.leg().and_then(|leg| leg.carrier.clone()),
            tracking: package.leg().map(|leg| leg.tracking.clone()),
            status: package.status(),
        };
        let request_status = self.request_status();
        let (unfilled, refused) = match request_status {
            RequestStatus::Accepted => (self.unfilled()?, self.withdrawal_refused.first()),
            RequestStatus::Requested => (Default::default(), self.withdrawal_refused.first()),
            // It will ship nothing: there is nothing that it kept.
            RequestStatus::Rejected | RequestStatus::Withdrawn => (Default::default(), None),
        };
        Ok(Progress {
            fulfillment: self.opened.fulfillment.clone(),
            as_of: version,
            request_status,
            shipped: self.held(self.left())?,
            delivered: self.held(self.left().filter(|(_, package)| package.is_delivered()))?,
            packages: self.live().map(summary).collect(),
            goods_issued: self.is_all_posted(),
            closed_short: !unfilled.is_empty(),
            unfilled,
            withdrawal_refused: refused.map(|why| why.reason.clone()),
        })
    }

    /// The decisions that people have to take, and have not taken yet, from the facts alone.
    pub fn reviews(&self) -> Vec<Review<FulfillmentReview>> {
        let refused = self.refused.iter().filter(|(effect, _)| !self.is_answered(effect));
        let mut reviews: Vec<Review<FulfillmentReview>> =
            refused.map(|(effect, why)| Self::refusal(effect, why)).collect();
        let references: Vec<&str> = self.references().map(ExternalId::as_str).collect();
        if references.len() > 1 {
            let fulfillment = &self.opened.fulfillment;
            let reason = format!("the warehouse has {fulfillment} more than once: {}", references.join(", "));
            reviews.push(Review { kind: FulfillmentReview::DuplicateDocument, reason });
        }
        reviews.extend(self.live().flat_map(|(id, package)| self.package_reviews(id, package)));
        reviews.extend(self.loose_parts());
        reviews.extend(self.uncountable_lines());
        reviews.extend(self.serials_twice(None));
        reviews.extend(self.lateness());
        reviews.extend(self.posting_reviews());
        open(reviews, &self.decisions)
    }

    fn package_reviews(&self, id: &PackageId, package: &Package) -> Vec<Review<FulfillmentReview>> {
        let mut reviews: Vec<Review<FulfillmentReview>> = self.mismatch(id, package).into_iter().collect();
        let mut raise = |kind: FulfillmentReview, reason: String| reviews.push(Review { kind, reason });
        if package.contents == Contents::Unreported && package.has_left() {
            raise(FulfillmentReview::ContentMismatch, format!("package {id} left, and nobody said what is in it"));
        }
        if package.moved_though_void() {
            raise(FulfillmentReview::MovedThoughVoid, format!("package {id} moved although it was voided"));
        }
        if package.is_returned() {
            raise(FulfillmentReview::ReturnedToSender, format!("package {id} comes back to its sender"));
        }
        for milestone in package.milestones.iter().filter(|m| m.milestone == MilestoneKind::Unknown) {
            let code = milestone.code.as_deref().unwrap_or("(none)");
            let reason = format!("package {id}: the registry does not map the status `{code}`");
            raise(FulfillmentReview::UnknownCode, reason);
        }
        // Until it leaves, the numbers may still be told.
        if package.has_left() {
            reviews.extend(self.untraced(id, package));
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
            for issued in issues.iter().filter(|issued| !self.bears_out(issued)) {
                let reason = format!("goods issue {}: package {id} did not leave with that in it", issued.document);
                raise(FulfillmentReview::PostingMismatch, reason);
            }
        }
        reviews
    }

    /// Whether what a partner refused was done all the same, by another attempt, or is not wanted any more.
    fn is_answered(&self, effect: &FulfillmentEffect) -> bool {
        let withdrawn = !self.withdrawn.is_empty();
        match effect {
            FulfillmentEffect::Request => withdrawn || !self.accepted.is_empty() || !self.rejected.is_empty(),
            FulfillmentEffect::Withdraw => self.is_withdrawn() || !self.withdrawal_refused.is_empty(),
            FulfillmentEffect::PostGoodsIssue { package } => self.goods_issues.contains_key(package),
        }
    }
}
