//! What packages hold, measured against what was asked: products, kits and their parts, lots and serial numbers, and
//! what the ERP takes out of the stock for each of them.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::fulfillment::decide::FulfillmentState;
use crate::fulfillment::event::{GoodsIssued, Opened, TracedGoods};
use crate::fulfillment::package::{Contents, Package};
use crate::goods::{LineQuantity, Traced};
use crate::ids::{LineNo, PackageId, Serial, Sku};
use crate::quantity::{Quantity, QuantityError, Uom};
use crate::review::{Choice, Review, ReviewKind};
use crate::workflow::Effect;

/// Sums by line.
pub(super) type ByLine = BTreeMap<LineNo, Quantity>;

/// What a packed quantity is of its line.
enum Part<'a> {
    /// The line's product, or what stands for it.
    Whole,
    /// Pieces for the line's kits.
    OfKit(&'a Sku),
    /// Something that the line cannot be counted in.
    Foreign,
}

impl Opened {
    /// What the warehouse is asked for, in its own terms: a kit as its parts, exactly. What is no whole number of
    /// pieces stays the kit that it is.
    pub(super) fn in_parts(&self) -> Vec<LineQuantity> {
        let parts = |goods: &LineQuantity| -> Option<Vec<LineQuantity>> {
            let part = |(sku, per): (&Sku, Decimal)| {
                let pieces = goods.quantity.amount().checked_mul(per)?;
                let quantity = Quantity::new(pieces, Uom::EACH).ok()?;
                Some(LineQuantity { line: goods.line, sku: sku.clone(), quantity })
            };
            self.kit(goods.line).into_iter().map(part).collect()
        };
        let in_parts = |goods: &LineQuantity| match parts(goods) {
            Some(parts) if !parts.is_empty() => parts,
            Some(_) | None => vec![goods.clone()],
        };
        self.lines.iter().flat_map(in_parts).collect()
    }

    /// How many pieces of what go into each kit of a line; nothing where it is no kit.
    fn kit(&self, line: LineNo) -> BTreeMap<&Sku, Decimal> {
        let mut kit = BTreeMap::new();
        for component in self.handling.get(&line).iter().flat_map(|handling| &handling.kit) {
            *kit.entry(&component.sku).or_default() += Decimal::from(component.per_kit.get());
        }
        kit
    }

    fn is_kit(&self, line: LineNo) -> bool {
        self.handling.get(&line).is_some_and(|handling| !handling.kit.is_empty())
    }

    fn line(&self, line: LineNo) -> Option<&LineQuantity> {
        self.lines.iter().find(|goods| goods.line == line)
    }

    /// What a packed quantity is of its line. Of a kit only its own parts count: a partial one is none, whatever stands
    /// in for the rest of it.
    fn part(&self, packed: &LineQuantity) -> Part<'_> {
        let Some(asked) = self.line(packed.line) else { return Part::Foreign };
        let same_unit = asked.quantity.uom() == packed.quantity.uom();
        if same_unit && (asked.sku == packed.sku || !self.is_kit(packed.line)) {
            return Part::Whole;
        }
        let component = self.handling.get(&packed.line).and_then(|h| h.kit.iter().find(|c| c.sku == packed.sku));
        match component {
            Some(component) if packed.quantity.uom() == Uom::EACH => Part::OfKit(&component.sku),
            Some(_) | None => Part::Foreign,
        }
    }

    /// Whether this is what was asked for: the line's product or its kit's parts, in their units.
    fn asks_for(&self, packed: &LineQuantity) -> bool {
        match self.part(packed) {
            Part::Whole => self.lines.iter().any(|asked| asked.line == packed.line && asked.sku == packed.sku),
            Part::OfKit(_) => true,
            Part::Foreign => false,
        }
    }

    /// How much of each line was asked for.
    fn asked(&self) -> Result<ByLine, QuantityError> {
        let mut asked = ByLine::new();
        for goods in &self.lines {
            add(&mut asked, goods.line, goods.quantity)?;
        }
        Ok(asked)
    }
}

impl FulfillmentState {
    /// Whether `lines` name only what was asked for: the same lines, products and units, kits or their parts.
    pub fn matches(&self, lines: &[LineQuantity]) -> bool {
        lines.iter().all(|packed| self.opened.asks_for(packed))
    }

    /// The packages that left and count: with nothing in them that was not asked for, or with somebody's word that it
    /// stands for what was.
    pub(super) fn left(&self) -> impl Iterator<Item = (&PackageId, &Package)> {
        let has_left = |package: &Package| package.has_left() && !package.is_void();
        self.packages.iter().filter(move |(id, package)| has_left(package) && self.counts(id, package))
    }

    fn counts(&self, id: &PackageId, package: &Package) -> bool {
        self.mismatch(id, package).is_none_or(|review| self.decided(&review) == Some(Choice::Accept))
    }

    /// What somebody has to look at because a package holds what was not asked for.
    pub(super) fn mismatch(&self, id: &PackageId, package: &Package) -> Option<Review> {
        let foreign = package.lines().iter().filter(|packed| !self.opened.asks_for(packed));
        let foreign: BTreeSet<String> =
            foreign.map(|packed| format!("{} of {} for line {}", packed.quantity, packed.sku, packed.line)).collect();
        let foreign: Vec<String> = foreign.into_iter().collect();
        (!foreign.is_empty()).then(|| Review {
            kind: ReviewKind::ContentMismatch,
            reason: format!(
                "package {id} holds what {} does not ask for: {}",
                self.opened.fulfillment,
                foreign.join(", ")
            ),
        })
    }

    /// What `packages` hold of each line; of a kit, whole ones only.
    pub(super) fn held<'a>(
        &'a self,
        packages: impl Iterator<Item = (&'a PackageId, &'a Package)>,
    ) -> Result<ByLine, QuantityError> {
        let mut held = ByLine::new();
        let mut parts: BTreeMap<LineNo, BTreeMap<&Sku, Quantity>> = BTreeMap::new();
        for packed in packages.flat_map(|(_, package)| package.lines()) {
            match self.opened.part(packed) {
                Part::Whole => add(&mut held, packed.line, packed.quantity)?,
                Part::OfKit(sku) => add(parts.entry(packed.line).or_default(), sku, packed.quantity)?,
                Part::Foreign => {}
            }
        }
        for (line, parts) in &parts {
            let Some(asked) = self.opened.line(*line) else { continue };
            let kits = whole_kits(&self.opened.kit(*line), parts);
            if !kits.is_zero() {
                add(&mut held, *line, Quantity::new(kits, asked.quantity.uom())?)?;
            }
        }
        Ok(held)
    }

    /// What the warehouse was asked for and will not ship: it is done with the fulfillment and packed less. Nothing is said
    /// of it while a package is not told of, or its content is not or waits for somebody's word, nor of a line for which
    /// something was accepted that nobody can count, so that nothing is sent a second time that has left already.
    pub(super) fn unfilled(&self) -> Result<ByLine, QuantityError> {
        let mut unfilled = self.unpacked()?;
        let owed = |review: Review| self.decided(&review) == Some(Choice::Recall);
        unfilled.retain(|line, _| self.uncountable(*line).is_none_or(owed));
        Ok(unfilled)
    }

    /// What was asked for and is in no package that counts; nothing while that is not certain.
    fn unpacked(&self) -> Result<ByLine, QuantityError> {
        let mut unpacked = ByLine::new();
        if !self.is_told_whole() || !self.is_content_clear() {
            return Ok(unpacked);
        }
        let packed = self.held(self.live().filter(|(id, package)| self.counts(id, package)))?;
        for (line, asked) in self.opened.asked()? {
            let rest = packed.get(&line).map_or(Ok(asked), |packed| asked.less(*packed))?;
            if !rest.is_zero() {
                unpacked.insert(line, rest);
            }
        }
        Ok(unpacked)
    }

    /// What somebody has to look at because goods were accepted for a line (or for none that there is) that cannot be
    /// counted: whether the rest of the line is still owed, nobody but them can say.
    fn uncountable(&self, line: LineNo) -> Option<Review> {
        let accepted = self.live().filter(|(id, package)| {
            self.mismatch(id, package).is_some_and(|review| self.decided(&review) == Some(Choice::Accept))
        });
        let foreign = accepted.flat_map(|(_, package)| package.lines()).filter(|packed| {
            let of_it = packed.line == line || self.opened.line(packed.line).is_none();
            of_it && !packed.quantity.is_zero() && matches!(self.opened.part(packed), Part::Foreign)
        });
        let foreign: BTreeSet<String> =
            foreign.map(|packed| format!("{} of {}", packed.quantity, packed.sku)).collect();
        let foreign: Vec<String> = foreign.into_iter().collect();
        (!foreign.is_empty()).then(|| Review {
            kind: ReviewKind::ContentMismatch,
            reason: format!(
                "line {line} of {}: {} cannot be counted as what was asked for; recalled, what is missing is sent again",
                self.opened.fulfillment,
                foreign.join(", ")
            ),
        })
    }

    /// Lines of which it is not clear whether something is still owed although the warehouse packs no more.
    pub(super) fn uncountable_lines(&self) -> Vec<Review> {
        // A sum beyond all range is a matter for `progress`.
        let unpacked = self.unpacked().unwrap_or_default();
        unpacked.keys().filter_map(|line| self.uncountable(*line)).collect()
    }

    /// Whether the warehouse packs no more, and every package that it names is known.
    pub(super) fn is_told_whole(&self) -> bool {
        let known = |listed: &BTreeSet<PackageId>| listed.iter().all(|package| self.packages.contains_key(package));
        self.closed.is_some() && self.listed.as_ref().is_some_and(known)
    }

    fn is_content_clear(&self) -> bool {
        self.live().all(|(id, package)| {
            let decided = self.mismatch(id, package).is_none_or(|review| self.decided(&review).is_some());
            package.contents != Contents::Unreported && decided
        })
    }

    /// Parts that make no kit although the warehouse packs no more.
    pub(super) fn loose_parts(&self) -> Vec<Review> {
        if !self.is_told_whole() {
            return Vec::new();
        }
        let mut parts: BTreeMap<(LineNo, &Sku), Quantity> = BTreeMap::new();
        for packed in self.live().flat_map(|(_, package)| package.lines()) {
            if let Part::OfKit(sku) = self.opened.part(packed) {
                // A sum beyond all range is a matter for `progress`.
                if add(&mut parts, (packed.line, sku), packed.quantity).is_err() {
                    return Vec::new();
                }
            }
        }
        let mut reviews = Vec::new();
        for line in parts.keys().map(|(line, _)| *line).collect::<BTreeSet<_>>() {
            let kit = self.opened.kit(line);
            let of_line = parts.iter().filter(|((of, _), _)| *of == line);
            let of_line: BTreeMap<&Sku, Quantity> = of_line.map(|((_, sku), quantity)| (*sku, *quantity)).collect();
            let kits = whole_kits(&kit, &of_line);
            for (sku, quantity) in of_line {
                let rest = quantity.amount() - kits * kit.get(sku).copied().unwrap_or_default();
                if !rest.is_zero() {
                    let fulfillment = &self.opened.fulfillment;
                    let reason = format!("{rest} EA of {sku} for line {line} of {fulfillment} make no kit");
                    reviews.push(Review { kind: ReviewKind::ContentMismatch, reason });
                }
            }
        }
        reviews
    }

    /// Whether anything left that counts.
    pub(super) fn has_shipped(&self) -> bool {
        // What is beyond all range is certainly something.
        self.held(self.left()).map_or(true, |left| left.values().any(|quantity| !quantity.is_zero()))
    }

    /// Whether every asked-for piece left, or will never. A package that was named and not told of may be anywhere.
    pub(super) fn is_departed(&self) -> Result<bool, QuantityError> {
        if self.is_told_whole() {
            return Ok(self.live().all(|(_, package)| package.has_left()));
        }
        let left = self.held(self.left())?;
        let all = |(line, asked): (&LineNo, &Quantity)| {
            asked.is_zero() || left.get(line).is_some_and(|left| left.amount() >= asked.amount())
        };
        Ok(self.opened.asked()?.iter().all(all))
    }

    // ---- Lots and serial numbers

    /// Whether the goods issue of a package waits for a lot or a serial number, or for somebody's word on it.
    pub(super) fn is_blocked(&self, id: &PackageId, package: &Package) -> bool {
        let mut reviews = self.untraced(id, package).into_iter().chain(self.serials_twice(Some(id)));
        reviews.any(|review| self.decided(&review) != Some(Choice::Accept))
    }

    /// What is not told of a package's goods and has to be.
    pub(super) fn untraced(&self, id: &PackageId, package: &Package) -> Vec<Review> {
        let mut needed: BTreeMap<(LineNo, &Sku, Uom), Decimal> = BTreeMap::new();
        for packed in package.lines().iter().filter(|packed| self.traced(packed.line).is_some()) {
            *needed.entry((packed.line, &packed.sku, packed.quantity.uom())).or_default() += packed.quantity.amount();
        }
        let missing = needed.into_iter().filter_map(|((line, sku, unit), needed)| {
            let told = package.traced().iter().filter(|told| told.line == line && told.sku == *sku);
            let (what, known) = match self.traced(line)? {
                Traced::Lot => {
                    let told = told.filter(|told| told.lot.is_some() && told.quantity.uom() == unit);
                    ("lot", told.collect::<BTreeSet<_>>().into_iter().map(|told| told.quantity.amount()).sum())
                }
                Traced::Serial => {
                    let serials: BTreeSet<&Serial> = told.flat_map(|told| &told.serials).collect();
                    ("serial number", Decimal::from(serials.len()))
                }
            };
            let missing = needed - known;
            (missing > Decimal::ZERO).then(|| Review {
                kind: ReviewKind::TraceMissing,
                reason: format!("package {id}: no {what} is told for {missing} {unit} of {sku} (line {line})"),
            })
        });
        missing.collect()
    }

    /// Serial numbers that the fulfillment's packages hold twice; those of one package alone, where it is named.
    pub(super) fn serials_twice(&self, of: Option<&PackageId>) -> Vec<Review> {
        let mut found: BTreeMap<(&Sku, &Serial), Vec<&PackageId>> = BTreeMap::new();
        for (id, package) in self.live() {
            let told: BTreeSet<&TracedGoods> = package.traced().iter().collect();
            for told in told.into_iter().filter(|told| self.traced(told.line) == Some(Traced::Serial)) {
                for serial in &told.serials {
                    found.entry((&told.sku, serial)).or_default().push(id);
                }
            }
        }
        let twice = found.into_iter().filter(|(_, packages)| packages.len() > 1);
        let twice = twice.filter(|(_, packages)| of.is_none_or(|of| packages.contains(&of)));
        let review = |((sku, serial), packages): ((&Sku, &Serial), Vec<&PackageId>)| {
            let packages: Vec<&str> = packages.into_iter().map(PackageId::as_str).collect();
            let reason = format!("serial number {serial} of {sku} is told of packages {}", packages.join(" and "));
            Review { kind: ReviewKind::SerialTwice, reason }
        };
        twice.map(review).collect()
    }

    fn traced(&self, line: LineNo) -> Option<Traced> {
        self.opened.handling.get(&line)?.traced
    }

    // ---- Goods issues

    /// What the ERP has to take out of the stock for a package: its lines, and of kits those that it completes, as
    /// kits. Nothing where it completes none.
    pub(super) fn to_post(&self, id: &PackageId) -> Vec<LineQuantity> {
        let Some(package) = self.packages.get(id).filter(|package| package.has_left() && self.counts(id, package))
        else {
            return Vec::new();
        };
        let counted =
            |packed: &&LineQuantity| !packed.quantity.is_zero() && matches!(self.opened.part(packed), Part::Whole);
        let lines = package.lines().iter().filter(counted).filter(|packed| !self.opened.is_kit(packed.line));
        let mut lines: Vec<LineQuantity> = lines.cloned().collect();
        let ready = || self.left().filter(|(other, package)| *other == id || !self.is_blocked(other, package));
        for line in self.kits_of(package) {
            let Some(asked) = self.opened.line(line) else { continue };
            let rest = self.held(ready()).and_then(|left| self.unposted(line, &left, Some(id)));
            // A sum beyond all range is a matter for `progress`, which says so.
            if let Ok(quantity) = rest
                && !quantity.is_zero()
            {
                lines.push(LineQuantity { line, sku: asked.sku.clone(), quantity });
            }
        }
        lines
    }

    fn kits_of(&self, package: &Package) -> BTreeSet<LineNo> {
        let kits = package.lines().iter().filter(|packed| !matches!(self.opened.part(packed), Part::Foreign));
        kits.map(|packed| packed.line).filter(|line| self.opened.is_kit(*line)).collect()
    }

    /// How many of the kits that `left` are not posted, and about to be posted by no other package than `by`.
    fn unposted(&self, line: LineNo, left: &ByLine, by: Option<&PackageId>) -> Result<Quantity, QuantityError> {
        let Some(asked) = self.opened.line(line) else { return Err(QuantityError::Unit) };
        let nothing = Quantity::zero(asked.quantity.uom());
        let mut accounted = self.posted(line, nothing)?;
        for (package, lines) in self.postings.iter().filter(|(package, _)| Some(*package) != by) {
            if !self.goods_issues.contains_key(package) {
                accounted = accounted.plus(of_line(lines, line, nothing)?)?;
            }
        }
        left.get(&line).copied().unwrap_or(nothing).less(accounted)
    }

    /// How many kits of a line the ERP has taken out of the stock.
    fn posted(&self, line: LineNo, nothing: Quantity) -> Result<Quantity, QuantityError> {
        let mut posted = nothing;
        for issues in self.goods_issues.values() {
            // Two postings of one package are one too many, and somebody takes it back.
            let quantities = issues.iter().map(|issued| of_line(&issued.lines, line, nothing));
            posted = posted.plus(quantities.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(nothing))?;
        }
        // Whoever posted by hand posted what was complete with it; so did releases that did not say what they posted.
        let silent = |id: &PackageId| match self.goods_issues.get(id) {
            Some(issues) => issues.iter().all(|issued| issued.lines.is_empty()),
            None => self.is_settled(&Effect::PostGoodsIssue { package: id.clone() }),
        };
        if !self.left().any(|(id, _)| silent(id)) {
            return Ok(posted);
        }
        let complete = self.held(self.left().filter(|(id, _)| self.is_posted(id)))?;
        Ok(complete.get(&line).map_or(posted, |complete| posted.max(*complete)))
    }

    /// Whether the ERP knows that a package left, from us or by hand.
    pub(super) fn is_posted(&self, id: &PackageId) -> bool {
        self.goods_issues.contains_key(id) || self.is_settled(&Effect::PostGoodsIssue { package: id.clone() })
    }

    /// Whether the ERP knows of all that left.
    pub(super) fn is_all_posted(&self) -> bool {
        let told = |package: &Package| package.contents != Contents::Unreported;
        self.left().all(|(id, package)| self.is_posted(id) || (told(package) && self.to_post(id).is_empty()))
            && self.kit_differences().iter().all(|review| self.decided(review).is_some())
    }

    /// Whether the package left with what the ERP took out of the stock. Kits are counted over all packages.
    pub(super) fn bears_out(&self, issued: &GoodsIssued) -> bool {
        let sums = |lines: &[LineQuantity]| {
            let mut sums: BTreeMap<(LineNo, Sku, Uom), Decimal> = BTreeMap::new();
            for goods in lines.iter().filter(|goods| !goods.quantity.is_zero() && !self.opened.is_kit(goods.line)) {
                let key = (goods.line, goods.sku.clone(), goods.quantity.uom());
                *sums.entry(key).or_default() += goods.quantity.amount();
            }
            sums
        };
        self.packages.get(&issued.package).is_some_and(|package| {
            let countable = |packed: &&LineQuantity| matches!(self.opened.part(packed), Part::Whole);
            let accepted = !self.matches(package.lines()) && self.counts(&issued.package, package);
            let packed: Vec<LineQuantity> =
                package.lines().iter().filter(|p| !accepted || countable(p)).cloned().collect();
            package.has_left() && (issued.lines.is_empty() || sums(&issued.lines) == sums(&packed))
        })
    }

    /// Kits of which the ERP took out more than left, or fewer where no package is left to post the rest.
    pub(super) fn kit_differences(&self) -> Vec<Review> {
        let kits = self.opened.handling.keys().filter(|line| self.opened.is_kit(**line));
        kits.filter_map(|line| self.kit_difference(*line)).collect()
    }

    fn kit_difference(&self, line: LineNo) -> Option<Review> {
        let asked = self.opened.line(line)?;
        let nothing = Quantity::zero(asked.quantity.uom());
        let (Ok(left), Ok(posted)) = (self.held(self.left()), self.posted(line, nothing)) else { return None };
        let left = left.get(&line).copied().unwrap_or(nothing);
        let waiting =
            |(id, package): (&PackageId, &Package)| !self.is_posted(id) && self.kits_of(package).contains(&line);
        let fewer = posted.amount() < left.amount() && !self.left().any(waiting);
        (posted.amount() > left.amount() || fewer).then(|| Review {
            kind: ReviewKind::PostingMismatch,
            reason: format!("line {line}: {left} left as kits, and goods issues are posted for {posted}"),
        })
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, Quantity>, key: K, quantity: Quantity) -> Result<(), QuantityError> {
    let sum = sums.entry(key).or_insert(Quantity::zero(quantity.uom()));
    *sum = sum.plus(quantity)?;
    Ok(())
}

/// What `lines` say of one line.
fn of_line(lines: &[LineQuantity], line: LineNo, nothing: Quantity) -> Result<Quantity, QuantityError> {
    lines.iter().filter(|goods| goods.line == line).try_fold(nothing, |sum, goods| sum.plus(goods.quantity))
}

/// How many kits the parts make: as many as the scarcest of them allows, and no fraction.
fn whole_kits(kit: &BTreeMap<&Sku, Decimal>, parts: &BTreeMap<&Sku, Quantity>) -> Decimal {
    let kits = kit.iter().map(|(sku, per)| {
        let pieces = parts.get(sku).map_or(Decimal::ZERO, |pieces| pieces.amount());
        (pieces - pieces % per) / per
    });
    kits.min().unwrap_or_default()
}
