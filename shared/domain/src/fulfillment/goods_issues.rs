//! Goods issues: what the ERP has to post for each package, and whether it posted what left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use crate::fulfillment::content::{ByLine, PackedAs};
use crate::fulfillment::package::{Contents, Package};
use crate::fulfillment::{Fulfillment, FulfillmentEffect, FulfillmentReview, GoodsIssued};
use crate::goods::LineQuantity;
use crate::ids::{LineNo, PackageId, Sku};
use crate::quantity::{Quantity, QuantityError, Uom};
use crate::review::Review;

impl Fulfillment {
    /// The lines of a package's goods issue: its products, and the kits that are complete with it. Empty if the package did
    /// not leave, does not count, or completes no kit.
    pub(super) fn lines_to_post(&self, id: &PackageId) -> Vec<LineQuantity> {
        let shipped = |package: &&Arc<Package>| package.has_left() && self.is_counted(id, package);
        let Some(package) = self.packages.get(id).filter(shipped) else { return Vec::new() };
        let is_product = |packed: &&LineQuantity| {
            !packed.quantity.is_zero() && matches!(self.opened.classify(packed), PackedAs::Product)
        };
        let contents = self.lines_in(id, package);
        let lines = contents.iter().filter(is_product).filter(|packed| !self.opened.is_kit(packed.line));
        let mut lines: Vec<LineQuantity> = lines.cloned().collect();
        let kits = self.kit_lines_in(package);
        if kits.is_empty() {
            return lines;
        }
        let postable =
            self.shipped_packages().filter(|(other, package)| *other == id || !self.is_blocked(other, package));
        // A sum out of range is reported by `progress`.
        let Ok(shipped) = self.quantities_in(postable) else { return lines };
        let unlisted = self.posted_without_lines();
        for line in kits {
            let Some(requested) = self.opened.line(line) else { continue };
            if let Ok(quantity) = self.unposted(line, &shipped, id, unlisted.as_ref())
                && !quantity.is_zero()
            {
                lines.push(LineQuantity { line, sku: requested.sku.clone(), quantity });
            }
        }
        lines
    }

    /// The kits to which a package contributes.
    fn kit_lines_in(&self, package: &Package) -> BTreeSet<LineNo> {
        let counted = |packed: &&LineQuantity| !matches!(self.opened.classify(packed), PackedAs::Foreign);
        let lines = package.lines().iter().filter(counted).map(|packed| packed.line);
        lines.filter(|line| self.opened.is_kit(*line)).collect()
    }

    /// How many of the `shipped` kits are not posted, and not announced for another package than `by`.
    fn unposted(
        &self,
        line: LineNo,
        shipped: &ByLine,
        by: &PackageId,
        unlisted: Option<&Result<ByLine, QuantityError>>,
    ) -> Result<Quantity, QuantityError> {
        let Some(requested) = self.opened.line(line) else { return Err(QuantityError::Unit) };
        let zero = Quantity::zero(requested.quantity.uom());
        let mut accounted = self.posted(line, zero, unlisted)?;
        for (package, lines) in self.postings.iter().filter(|(package, _)| *package != by) {
            if !self.goods_issues.contains_key(package) {
                accounted = accounted.plus(sum_of_line(lines, line, zero)?)?;
            }
        }
        shipped.get(&line).copied().unwrap_or(zero).less(accounted)
    }

    /// How many kits of a line the ERP has posted. `unlisted` is [`Self::posted_without_lines`].
    fn posted(
        &self,
        line: LineNo,
        zero: Quantity,
        unlisted: Option<&Result<ByLine, QuantityError>>,
    ) -> Result<Quantity, QuantityError> {
        let mut posted = zero;
        for issues in self.goods_issues.values() {
            // Count only the largest of several postings of one package: the others are duplicates, which a person reverses.
            let quantities = issues.iter().map(|issued| sum_of_line(&issued.lines, line, zero));
            posted = posted.plus(quantities.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(zero))?;
        }
        match unlisted {
            None => Ok(posted),
            Some(complete) => {
                let complete = complete.as_ref().map_err(|error| *error)?;
                Ok(complete.get(&line).map_or(posted, |complete| posted.max(*complete)))
            }
        }
    }

    /// The kits in all posted packages, if one was posted without lines: by hand, or by a release that did not store them.
    /// Both posted all kits that were complete with their package.
    fn posted_without_lines(&self) -> Option<Result<ByLine, QuantityError>> {
        let has_no_lines = |id: &PackageId| match self.goods_issues.get(id) {
            Some(issues) => issues.iter().all(|issued| issued.lines.is_empty()),
            None => self.is_resolved_manually(&FulfillmentEffect::PostGoodsIssue { package: id.clone() }),
        };
        let any = self.shipped_packages().any(|(id, _)| has_no_lines(id));
        any.then(|| self.quantities_in(self.shipped_packages().filter(|(id, _)| self.is_posted(id))))
    }

    /// Whether a package's goods issue is in the ERP, posted by us or by hand.
    fn is_posted(&self, id: &PackageId) -> bool {
        self.goods_issues.contains_key(id)
            || self.is_resolved_manually(&FulfillmentEffect::PostGoodsIssue { package: id.clone() })
    }

    /// Whether the ERP has the goods issue of everything that left.
    pub(super) fn is_all_posted(&self) -> bool {
        let has_nothing_to_post = |id: &PackageId, package: &Package| {
            package.contents != Contents::Unreported && self.lines_to_post(id).is_empty()
        };
        self.shipped_packages().all(|(id, package)| self.is_posted(id) || has_nothing_to_post(id, package))
            && self.kit_differences().iter().all(|review| self.decided(review).is_some())
    }

    /// Whether the package left with the quantities that the ERP posted. Kits are left out; they are compared over all
    /// packages in [`Self::kit_differences`].
    pub(super) fn left_as_posted(&self, issued: &GoodsIssued) -> bool {
        let sums = |lines: &[LineQuantity]| {
            let mut sums: BTreeMap<(LineNo, Sku, Uom), Decimal> = BTreeMap::new();
            for goods in lines.iter().filter(|goods| !goods.quantity.is_zero() && !self.opened.is_kit(goods.line)) {
                let key = (goods.line, goods.sku.clone(), goods.quantity.uom());
                *sums.entry(key).or_default() += goods.quantity.amount();
            }
            sums
        };
        self.packages.get(&issued.package).is_some_and(|package| {
            let is_product = |packed: &&LineQuantity| matches!(self.opened.classify(packed), PackedAs::Product);
            let contents = self.lines_in(&issued.package, package);
            let accepted = !self.matches(package.lines()) && self.is_counted(&issued.package, package);
            let packed: Vec<LineQuantity> =
                contents.iter().filter(|packed| !accepted || is_product(packed)).cloned().collect();
            package.has_left() && (issued.lines.is_empty() || sums(&issued.lines) == sums(&packed))
        })
    }

    /// The reviews of kits of which the ERP posted more than left, or fewer although no package remains to be posted.
    pub(super) fn kit_differences(&self) -> Vec<Review<FulfillmentReview>> {
        let mut kits = self.opened.handling.keys().filter(|line| self.opened.is_kit(**line)).peekable();
        if kits.peek().is_none() {
            return Vec::new();
        }
        let Ok(shipped) = self.quantities_in(self.shipped_packages()) else { return Vec::new() };
        let unlisted = self.posted_without_lines();
        kits.filter_map(|line| self.kit_difference(*line, &shipped, unlisted.as_ref())).collect()
    }

    fn kit_difference(
        &self,
        line: LineNo,
        shipped: &ByLine,
        unlisted: Option<&Result<ByLine, QuantityError>>,
    ) -> Option<Review<FulfillmentReview>> {
        let zero = Quantity::zero(self.opened.line(line)?.quantity.uom());
        let posted = self.posted(line, zero, unlisted).ok()?;
        let shipped = shipped.get(&line).copied().unwrap_or(zero);
        let is_waiting =
            |(id, package): (&PackageId, &Package)| !self.is_posted(id) && self.kit_lines_in(package).contains(&line);
        let fewer = posted.amount() < shipped.amount() && !self.shipped_packages().any(is_waiting);
        (posted.amount() > shipped.amount() || fewer).then(|| Review {
            kind: FulfillmentReview::PostingMismatch,
            reason: format!("line {line}: {shipped} left as kits, and goods issues are posted for {posted}"),
        })
    }
}

/// The sum of one line's quantities in `lines`.
fn sum_of_line(lines: &[LineQuantity], line: LineNo, zero: Quantity) -> Result<Quantity, QuantityError> {
    lines.iter().filter(|goods| goods.line == line).try_fold(zero, |sum, goods| sum.plus(goods.quantity))
}
