//! Compares what packages hold with what was requested: products, kits and their components.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::fulfillment::package::{Contents, Package};
use crate::fulfillment::{Fulfillment, FulfillmentReview, Opened, Packed, TracedGoods, UnassignedGoods};
use crate::goods::LineQuantity;
use crate::ids::{LineNo, PackageId, Sku};
use crate::quantity::{Quantity, QuantityError, Uom};
use crate::review::{Choice, Review};

/// A sum for each line.
pub(super) type ByLine = BTreeMap<LineNo, Quantity>;

/// How a packed quantity counts for its line.
pub(super) enum PackedAs<'a> {
    /// As the line's product, or as a substitute in the same unit.
    Product,
    /// As a component of the line's kit.
    Component(&'a Sku),
    /// Not at all: it cannot be counted as what was requested.
    Foreign,
}

impl Opened {
    /// What the warehouse is requested to ship: each kit as the exact quantities of its components. A kit whose components
    /// are not whole pieces is requested as the kit.
    pub(super) fn in_components(&self) -> Vec<LineQuantity> {
        let components = |goods: &LineQuantity| -> Option<Vec<LineQuantity>> {
            let component = |(sku, per_kit): (&Sku, Decimal)| {
                let pieces = goods.quantity.amount().checked_mul(per_kit)?;
                let quantity = Quantity::new(pieces, Uom::EACH).ok()?;
                Some(LineQuantity { line: goods.line, sku: sku.clone(), quantity })
            };
            self.kit(goods.line).into_iter().map(component).collect()
        };
        let requested = |goods: &LineQuantity| match components(goods) {
            Some(components) if !components.is_empty() => components,
            Some(_) | None => vec![goods.clone()],
        };
        self.lines.iter().flat_map(requested).collect()
    }

    /// The pieces of each component in one kit of the line; empty if the line is not a kit.
    fn kit(&self, line: LineNo) -> BTreeMap<&Sku, Decimal> {
        let mut kit = BTreeMap::new();
        for component in self.handling.get(&line).iter().flat_map(|handling| &handling.kit) {
            *kit.entry(&component.sku).or_default() += Decimal::from(component.per_kit.get());
        }
        kit
    }

    pub(super) fn is_kit(&self, line: LineNo) -> bool {
        self.handling.get(&line).is_some_and(|handling| !handling.kit.is_empty())
    }

    pub(super) fn line(&self, line: LineNo) -> Option<&LineQuantity> {
        self.of_line(line).next()
    }

    /// All that was requested for a line. The lines of a fulfillment's state are sorted.
    fn of_line(&self, line: LineNo) -> impl Iterator<Item = &LineQuantity> {
        let first = self.lines.partition_point(|goods| goods.line < line);
        self.lines.iter().skip(first).take_while(move |goods| goods.line == line)
    }

    /// How a packed quantity counts for its line. A kit has no substitutes: only the kit itself and its own components
    /// count.
    pub(super) fn classify(&self, packed: &LineQuantity) -> PackedAs<'_> {
        let Some(requested) = self.line(packed.line) else { return PackedAs::Foreign };
        let same_unit = requested.quantity.uom() == packed.quantity.uom();
        if same_unit && (requested.sku == packed.sku || !self.is_kit(packed.line)) {
            return PackedAs::Product;
        }
        let component = self.handling.get(&packed.line).and_then(|h| h.kit.iter().find(|c| c.sku == packed.sku));
        match component {
            Some(component) if packed.quantity.uom() == Uom::EACH => PackedAs::Component(&component.sku),
            Some(_) | None => PackedAs::Foreign,
        }
    }

    /// Whether this product was requested for its line in this unit, itself or as a component.
    fn requests(&self, packed: &LineQuantity) -> bool {
        match self.classify(packed) {
            PackedAs::Product => self.of_line(packed.line).any(|goods| goods.sku == packed.sku),
            PackedAs::Component(_) => true,
            PackedAs::Foreign => false,
        }
    }

    /// The report with the line of each product that it names by SKU alone, where one line of the fulfillment fits. What fits
    /// none, or several, stays unassigned for a person.
    pub(super) fn assign(&self, report: Packed) -> Packed {
        let mut assigned = Packed { unassigned: vec![], ..report };
        for goods in report.unassigned {
            let UnassignedGoods { sku, quantity: Some(quantity), lot, serials } = goods.clone() else {
                assigned.unassigned.push(goods);
                continue;
            };
            let lines: BTreeSet<LineNo> = self.lines_of(&sku, quantity);
            let (Some(line), 1) = (lines.first().copied(), lines.len()) else {
                assigned.unassigned.push(goods);
                continue;
            };
            if lot.is_some() || !serials.is_empty() {
                assigned.traced.push(TracedGoods { line, sku: sku.clone(), quantity, lot, serials });
            }
            put(&mut assigned.lines, LineQuantity { line, sku, quantity });
        }
        assigned
    }

    /// The lines for which this product was requested in this unit, itself or as a component.
    fn lines_of(&self, sku: &Sku, quantity: Quantity) -> BTreeSet<LineNo> {
        let fits = |line: &LineNo| self.requests(&LineQuantity { line: *line, sku: sku.clone(), quantity });
        self.lines.iter().map(|goods| goods.line).filter(fits).collect()
    }

    /// Which lines goods without a line may belong to, in words.
    fn possible_lines(&self, goods: &UnassignedGoods) -> String {
        let Some(quantity) = goods.quantity else { return format!("an unknown quantity of {}", goods.sku) };
        let lines: Vec<String> = self.lines_of(&goods.sku, quantity).iter().map(LineNo::to_string).collect();
        if lines.is_empty() {
            return format!("{quantity} of {} for no line", goods.sku);
        }
        format!("{quantity} of {}, which may be for line {}", goods.sku, lines.join(" or "))
    }

    /// The requested quantity of each line.
    fn requested(&self) -> Result<ByLine, QuantityError> {
        let mut requested = ByLine::new();
        for goods in &self.lines {
            add(&mut requested, goods.line, goods.quantity)?;
        }
        Ok(requested)
    }
}

impl Fulfillment {
    /// Whether all of `lines` were requested: the same lines, products (or components) and units.
    pub fn matches(&self, lines: &[LineQuantity]) -> bool {
        lines.iter().all(|packed| self.opened.requests(packed))
    }

    /// The packages that left and count as shipped.
    pub(super) fn shipped_packages(&self) -> impl Iterator<Item = (&PackageId, &Package)> {
        let packages = self.packages.iter().map(|(id, package)| (id, package.as_ref()));
        packages.filter(|(id, package)| package.has_left() && !package.is_void() && self.is_counted(id, package))
    }

    /// Whether a package's content counts: all of it was requested, or a person accepted it.
    pub(super) fn is_counted(&self, id: &PackageId, package: &Package) -> bool {
        self.mismatch(id, package).is_none_or(|review| self.decided(&review) == Some(Choice::Accept))
    }

    /// The review of a package that holds goods that were not requested.
    pub(super) fn mismatch(&self, id: &PackageId, package: &Package) -> Option<Review<FulfillmentReview>> {
        let foreign = package.lines().iter().filter(|packed| !self.opened.requests(packed));
        let foreign = foreign.map(|packed| format!("{} of {} for line {}", packed.quantity, packed.sku, packed.line));
        let unassigned = package.unassigned().iter().map(|goods| self.opened.possible_lines(goods));
        let foreign: BTreeSet<String> = foreign.chain(unassigned).collect();
        let foreign: Vec<String> = foreign.into_iter().collect();
        // A decision is found by its review's text, so the text without such goods stays as it was.
        let why = if package.unassigned().is_empty() {
            "does not request"
        } else {
            "does not request, or on no certain line"
        };
        (!foreign.is_empty()).then(|| Review {
            kind: FulfillmentReview::ContentMismatch,
            reason: format!("package {id} holds goods that {} {why}: {}", self.opened.fulfillment, foreign.join(", ")),
        })
    }

    /// The quantity of each line in `packages`. Of a kit, only whole kits count, also across packages.
    pub(super) fn quantities_in<'a>(
        &'a self,
        packages: impl Iterator<Item = (&'a PackageId, &'a Package)>,
    ) -> Result<ByLine, QuantityError> {
        let mut quantities = ByLine::new();
        let mut components: BTreeMap<LineNo, BTreeMap<&Sku, Quantity>> = BTreeMap::new();
        let contents = self.distributed();
        for packed in packages.filter_map(|(id, _)| contents.get(id)).flat_map(|lines| lines.iter()) {
            match self.opened.classify(packed) {
                PackedAs::Product => add(&mut quantities, packed.line, packed.quantity)?,
                PackedAs::Component(sku) => add(components.entry(packed.line).or_default(), sku, packed.quantity)?,
                PackedAs::Foreign => {}
            }
        }
        for (line, components) in &components {
            let Some(requested) = self.opened.line(*line) else { continue };
            let kits = whole_kits(&self.opened.kit(*line), components);
            if !kits.is_zero() {
                add(&mut quantities, *line, Quantity::new(kits, requested.quantity.uom())?)?;
            }
        }
        Ok(quantities)
    }

    /// What the warehouse will not ship of the request, by line. To never ship anything twice, it is empty while the
    /// content of a package is not known or not decided, and leaves out lines for which goods in another unit were accepted,
    /// until a person decides that the line is still owed.
    pub(super) fn unfilled(&self) -> Result<ByLine, QuantityError> {
        let mut unfilled = self.unpacked()?;
        let is_owed = |review: Review<FulfillmentReview>| self.decided(&review) == Some(Choice::Recall);
        unfilled.retain(|line, _| self.uncountable(*line).is_none_or(is_owed));
        Ok(unfilled)
    }

    /// What was requested and is in no package that counts, by line. Empty while not every package's content is certain.
    fn unpacked(&self) -> Result<ByLine, QuantityError> {
        let mut unpacked = ByLine::new();
        if !self.is_fully_reported() || !self.is_every_content_certain() {
            return Ok(unpacked);
        }
        let packed = self.quantities_in(self.live().filter(|(id, package)| self.is_counted(id, package)))?;
        for (line, requested) in self.opened.requested()? {
            let rest = packed.get(&line).map_or(Ok(requested), |packed| requested.less(*packed))?;
            if !rest.is_zero() {
                unpacked.insert(line, rest);
            }
        }
        Ok(unpacked)
    }

    /// The review of goods that were accepted for a line, or for a line that does not exist, and cannot be counted. Only a
    /// person can tell whether the rest of the line is still owed.
    fn uncountable(&self, line: LineNo) -> Option<Review<FulfillmentReview>> {
        let is_accepted = |(id, package): &(&PackageId, &Package)| {
            self.mismatch(id, package).is_some_and(|review| self.decided(&review) == Some(Choice::Accept))
        };
        let accepted = || self.live().filter(is_accepted);
        let foreign = accepted().flat_map(|(_, package)| package.lines()).filter(|packed| {
            let may_be_of_line = packed.line == line || self.opened.line(packed.line).is_none();
            may_be_of_line && !packed.quantity.is_zero() && matches!(self.opened.classify(packed), PackedAs::Foreign)
        });
        let foreign = foreign.map(|packed| format!("{} of {}", packed.quantity, packed.sku));
        let unassigned = accepted().flat_map(|(_, package)| package.unassigned());
        let unassigned = unassigned.filter(|goods| !self.opened.is_distributable(goods));
        let foreign: BTreeSet<String> =
            foreign.chain(unassigned.map(|goods| self.opened.possible_lines(goods))).collect();
        let foreign: Vec<String> = foreign.into_iter().collect();
        (!foreign.is_empty()).then(|| Review {
            kind: FulfillmentReview::ContentMismatch,
            reason: format!(
                "line {line} of {}: {} cannot be counted as what was requested; recall it to send what is missing again",
                self.opened.fulfillment,
                foreign.join(", ")
            ),
        })
    }

    /// The reviews of incomplete lines whose accepted goods cannot be counted.
    pub(super) fn uncountable_reviews(&self) -> Vec<Review<FulfillmentReview>> {
        // A sum out of range is reported by `progress`.
        let unpacked = self.unpacked().unwrap_or_default();
        unpacked.keys().filter_map(|line| self.uncountable(*line)).collect()
    }

    /// Whether the warehouse closed the fulfillment, listed its packages, and reported each of them with its content.
    pub(super) fn is_fully_reported(&self) -> bool {
        let is_reported = |id: &PackageId| {
            self.packages.get(id).is_some_and(|package| package.is_void() || package.contents != Contents::Unreported)
        };
        let all_reported = |listed: &BTreeSet<PackageId>| listed.iter().all(is_reported);
        self.closed.is_some() && self.listed.as_ref().is_some_and(all_reported)
    }

    /// Whether every package's content is reported, and every mismatch decided.
    fn is_every_content_certain(&self) -> bool {
        self.live().all(|(id, package)| {
            let decided = self.mismatch(id, package).is_none_or(|review| self.decided(&review).is_some());
            package.contents != Contents::Unreported && decided
        })
    }

    /// The reviews of components that make no whole kit, once the warehouse packs no more.
    pub(super) fn incomplete_kit_reviews(&self) -> Vec<Review<FulfillmentReview>> {
        if !self.is_fully_reported() {
            return Vec::new();
        }
        let mut components: BTreeMap<(LineNo, &Sku), Quantity> = BTreeMap::new();
        for packed in self.live().flat_map(|(_, package)| package.lines()) {
            if let PackedAs::Component(sku) = self.opened.classify(packed) {
                // A sum out of range is reported by `progress`.
                if add(&mut components, (packed.line, sku), packed.quantity).is_err() {
                    return Vec::new();
                }
            }
        }
        let mut reviews = Vec::new();
        for line in components.keys().map(|(line, _)| *line).collect::<BTreeSet<_>>() {
            let kit = self.opened.kit(line);
            let of_line = components.iter().filter(|((of, _), _)| *of == line);
            let of_line: BTreeMap<&Sku, Quantity> = of_line.map(|((_, sku), quantity)| (*sku, *quantity)).collect();
            let kits = whole_kits(&kit, &of_line);
            for (sku, quantity) in of_line {
                let rest = quantity.amount() - kits * kit.get(sku).copied().unwrap_or_default();
                if !rest.is_zero() {
                    let fulfillment = &self.opened.fulfillment;
                    let reason = format!("{rest} EA of {sku} for line {line} of {fulfillment} make no whole kit");
                    reviews.push(Review { kind: FulfillmentReview::ContentMismatch, reason });
                }
            }
        }
        reviews
    }

    /// Whether anything that counts has left.
    pub(super) fn has_shipped(&self) -> bool {
        // A sum out of range is more than nothing.
        let shipped = self.quantities_in(self.shipped_packages());
        shipped.map_or(true, |shipped| shipped.values().any(|quantity| !quantity.is_zero()))
    }

    /// Whether all that the warehouse will ship has left. Until every package is reported, that is only certain once the
    /// whole request has left.
    pub(super) fn is_departure_complete(&self) -> Result<bool, QuantityError> {
        if self.is_fully_reported() {
            return Ok(self.live().all(|(_, package)| package.has_left()));
        }
        let shipped = self.quantities_in(self.shipped_packages())?;
        let has_left = |(line, requested): (&LineNo, &Quantity)| {
            requested.is_zero() || shipped.get(line).is_some_and(|shipped| shipped.amount() >= requested.amount())
        };
        Ok(self.opened.requested()?.iter().all(has_left))
    }
}

/// Adds goods to those of the same line and product.
pub(super) fn put(lines: &mut Vec<LineQuantity>, goods: LineQuantity) {
    if goods.quantity.is_zero() {
        return;
    }
    let same = lines.iter_mut().find(|known| known.line == goods.line && known.sku == goods.sku);
    match same.map(|known| (known.quantity.plus(goods.quantity), known)) {
        Some((Ok(sum), known)) => known.quantity = sum,
        Some((Err(_), _)) | None => lines.push(goods),
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, Quantity>, key: K, quantity: Quantity) -> Result<(), QuantityError> {
    let sum = sums.entry(key).or_insert(Quantity::zero(quantity.uom()));
    *sum = sum.plus(quantity)?;
    Ok(())
}

/// The number of whole kits that the components make; the scarcest component limits it.
fn whole_kits(kit: &BTreeMap<&Sku, Decimal>, components: &BTreeMap<&Sku, Quantity>) -> Decimal {
    let kits = kit.iter().map(|(sku, per_kit)| {
        let pieces = components.get(sku).map_or(Decimal::ZERO, |pieces| pieces.amount());
        (pieces - pieces % per_kit) / per_kit
    });
    kits.min().unwrap_or_default()
}
