//! Lots and serial numbers: which are missing, and which occur twice.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::fulfillment::package::Package;
use crate::fulfillment::{Fulfillment, FulfillmentReview, TracedGoods};
use crate::goods::Traced;
use crate::ids::{LineNo, PackageId, Serial, Sku};
use crate::quantity::Uom;
use crate::review::{Choice, Review};

impl Fulfillment {
    /// Whether the goods issue of a package waits for a lot or a serial number, or for a person to do without it.
    pub(super) fn is_blocked(&self, id: &PackageId, package: &Package) -> bool {
        let mut reviews = self.missing_traces(id, package).into_iter().chain(self.duplicate_serials(Some(id), true));
        reviews.any(|review| self.decided(&review) != Some(Choice::Accept))
    }

    /// The reviews of required lots and serial numbers that were not reported for a package.
    pub(super) fn missing_traces(&self, id: &PackageId, package: &Package) -> Vec<Review<FulfillmentReview>> {
        let mut needed: BTreeMap<(LineNo, &Sku, Uom), Decimal> = BTreeMap::new();
        for packed in package.lines().iter().filter(|packed| self.traced(packed.line).is_some()) {
            *needed.entry((packed.line, &packed.sku, packed.quantity.uom())).or_default() += packed.quantity.amount();
        }
        let missing = needed.into_iter().filter_map(|((line, sku, unit), needed)| {
            let reported = package.traced().iter().filter(|goods| goods.line == line && goods.sku == *sku);
            let (what, reported) = match self.traced(line)? {
                Traced::Lot => {
                    let lots = reported.filter(|goods| goods.lot.is_some() && goods.quantity.uom() == unit);
                    ("lot", lots.collect::<BTreeSet<_>>().into_iter().map(|goods| goods.quantity.amount()).sum())
                }
                Traced::Serial => {
                    let serials: BTreeSet<&Serial> = reported.flat_map(|goods| &goods.serials).collect();
                    ("serial number", Decimal::from(serials.len()))
                }
            };
            let missing = needed - reported;
            (missing > Decimal::ZERO).then(|| Review {
                kind: FulfillmentReview::TraceMissing,
                reason: format!("package {id}: no {what} is reported for {missing} {unit} of {sku} (line {line})"),
            })
        });
        missing.collect()
    }

    /// The reviews of serial numbers that are reported in two packages of the fulfillment; if `of` is given, only those
    /// that concern this package. Only those of products that have to be traced block a goods issue.
    pub(super) fn duplicate_serials(&self, of: Option<&PackageId>, blocking: bool) -> Vec<Review<FulfillmentReview>> {
        let mut found: BTreeMap<(&Sku, &Serial), Vec<&PackageId>> = BTreeMap::new();
        let concerns_none = |of: &PackageId| self.packages.get(of).is_none_or(|package| package.traced().is_empty());
        if of.is_some_and(concerns_none) {
            return Vec::new();
        }
        for (id, package) in self.live() {
            let reported: BTreeSet<&TracedGoods> = package.traced().iter().collect();
            let concerns = |goods: &&TracedGoods| !blocking || self.traced(goods.line) == Some(Traced::Serial);
            for goods in reported.into_iter().filter(concerns) {
                for serial in &goods.serials {
                    found.entry((&goods.sku, serial)).or_default().push(id);
                }
            }
        }
        let duplicates = found.into_iter().filter(|(_, packages)| packages.len() > 1);
        let duplicates = duplicates.filter(|(_, packages)| of.is_none_or(|of| packages.contains(&of)));
        let review = |((sku, serial), packages): ((&Sku, &Serial), Vec<&PackageId>)| {
            let packages: Vec<&str> = packages.into_iter().map(PackageId::as_str).collect();
            let reason = format!("serial number {serial} of {sku} is reported in packages {}", packages.join(" and "));
            Review { kind: FulfillmentReview::SerialTwice, reason }
        };
        duplicates.map(review).collect()
    }

    fn traced(&self, line: LineNo) -> Option<Traced> {
        self.opened.handling.get(&line)?.traced
    }
}
