//! Distributes packed goods over the lines that request the same product.
//!
//! Warehouses report the sum of two lines of one SKU on one of them, or name no line at all. What a line has too much counts for
//! the other lines of its product, each up to its quantity; what remains stays on the reported line and is an excess. A package
//! whose goods issue is announced or posted keeps the lines that it was posted with.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::fulfillment::content::{ByLine, put};
use crate::fulfillment::package::Package;
use crate::fulfillment::{Fulfillment, Opened, UnassignedGoods};
use crate::goods::LineQuantity;
use crate::ids::{LineNo, PackageId, Sku};
use crate::quantity::{Quantity, Uom};

/// The goods of each package by line.
pub(super) type Contents<'a> = BTreeMap<&'a PackageId, Cow<'a, [LineQuantity]>>;

impl Opened {
    /// The lines that request this product in this unit, kits excepted.
    fn lines_with(&self, sku: &Sku, unit: Uom) -> impl Iterator<Item = &LineQuantity> {
        let requests = move |goods: &&LineQuantity| goods.sku == *sku && goods.quantity.uom() == unit;
        self.lines.iter().filter(requests).filter(|goods| !self.is_kit(goods.line))
    }

    /// Whether several lines request this product in this unit.
    pub(super) fn is_on_several_lines(&self, sku: &Sku, unit: Uom) -> bool {
        self.lines_with(sku, unit).nth(1).is_some()
    }

    /// Whether any product is requested by several lines.
    pub(super) fn has_shared_products(&self) -> bool {
        let mut seen = BTreeSet::new();
        let mut lines = self.lines.iter().filter(|goods| !self.is_kit(goods.line));
        lines.any(|goods| !seen.insert((&goods.sku, goods.quantity.uom())))
    }

    /// Whether goods without a line are of a product of several lines, over which they can be distributed.
    pub(super) fn is_distributable(&self, goods: &UnassignedGoods) -> bool {
        goods.quantity.is_some_and(|quantity| self.is_on_several_lines(&goods.sku, quantity.uom()))
    }
}

impl Fulfillment {
    /// The goods of one package by line.
    pub(super) fn lines_in<'a>(&'a self, id: &'a PackageId, package: &'a Package) -> Cow<'a, [LineQuantity]> {
        if !self.has_shared_products {
            return Cow::Borrowed(package.lines());
        }
        self.distributed().remove(id).unwrap_or(Cow::Borrowed(package.lines()))
    }

    /// The goods of every package by line.
    pub(super) fn distributed(&self) -> Contents<'_> {
        let mut contents: Contents<'_> =
            self.packages.iter().map(|(id, package)| (id, Cow::Borrowed(package.lines()))).collect();
        if !self.has_shared_products {
            return contents;
        }
        let mut room: ByLine = self.opened.lines.iter().map(|goods| (goods.line, goods.quantity)).collect();
        // What was announced or posted comes first, then what its own line has room for, then the rest.
        let counted = self.live().filter(|(id, package)| self.is_counted(id, package));
        let (posted, open): (Vec<_>, Vec<_>) =
            counted.partition(|(id, package)| self.posted_lines(id, package).is_some());
        for (id, package) in posted {
            let lines = self.posted_lines(id, package).unwrap_or_default();
            for goods in lines {
                take(&mut room, goods.line, goods.quantity);
            }
            contents.insert(id, Cow::Borrowed(lines));
        }
        let mut excess: Vec<(&PackageId, LineQuantity)> = Vec::new();
        for (id, package) in open {
            let mut lines: Vec<LineQuantity> = Vec::new();
            for goods in package.lines() {
                let taken = if self.opened.is_on_several_lines(&goods.sku, goods.quantity.uom()) {
                    take(&mut room, goods.line, goods.quantity)
                } else {
                    goods.quantity
                };
                let rest = goods.quantity.less(taken).unwrap_or(Quantity::zero(goods.quantity.uom()));
                put(&mut lines, LineQuantity { quantity: taken, ..goods.clone() });
                excess.push((id, LineQuantity { quantity: rest, ..goods.clone() }));
            }
            for goods in package.unassigned().iter().filter(|goods| self.opened.is_distributable(goods)) {
                let Some(quantity) = goods.quantity else { continue };
                let first = self.opened.lines_with(&goods.sku, quantity.uom()).next();
                let unassigned = |line| LineQuantity { line, sku: goods.sku.clone(), quantity };
                excess.extend(first.map(|first| (id, unassigned(first.line))));
            }
            contents.insert(id, Cow::Owned(lines));
        }
        for (id, goods) in excess {
            let Some(Cow::Owned(lines)) = contents.get_mut(id) else { continue };
            self.distribute(goods, &mut room, lines);
        }
        contents
    }

    /// Puts an excess on the lines of its product that have room, and what remains on its own line.
    fn distribute(&self, mut goods: LineQuantity, room: &mut ByLine, lines: &mut Vec<LineQuantity>) {
        for other in self.opened.lines_with(&goods.sku, goods.quantity.uom()) {
            let taken = take(room, other.line, goods.quantity);
            goods.quantity = goods.quantity.less(taken).unwrap_or(goods.quantity);
            put(lines, LineQuantity { line: other.line, sku: goods.sku.clone(), quantity: taken });
        }
        put(lines, goods);
    }

    /// The lines with which a package is announced to the ERP or posted, if they are the goods that it holds.
    fn posted_lines(&self, id: &PackageId, package: &Package) -> Option<&[LineQuantity]> {
        let issued = || self.goods_issues.get(id).and_then(|issues| issues.first()).map(|issued| &issued.lines);
        let lines = self.postings.get(id).or_else(issued).filter(|lines| !lines.is_empty())?;
        let unassigned = package.unassigned().iter().filter_map(|goods| Some((&goods.sku, goods.quantity?)));
        let packed = package.lines().iter().map(|goods| (&goods.sku, goods.quantity)).chain(unassigned);
        let is_same = sums(packed) == sums(lines.iter().map(|goods| (&goods.sku, goods.quantity)));
        is_same.then_some(lines)
    }
}

/// The sums by product and unit.
fn sums<'a>(goods: impl Iterator<Item = (&'a Sku, Quantity)>) -> BTreeMap<(&'a Sku, Uom), rust_decimal::Decimal> {
    let mut sums = BTreeMap::new();
    for (sku, quantity) in goods.filter(|(_, quantity)| !quantity.is_zero()) {
        *sums.entry((sku, quantity.uom())).or_default() += quantity.amount();
    }
    sums
}

/// Takes at most `quantity` of a line's room, and returns what was taken.
fn take(room: &mut ByLine, line: LineNo, quantity: Quantity) -> Quantity {
    let zero = Quantity::zero(quantity.uom());
    let Some(left) = room.get_mut(&line) else { return zero };
    let taken = quantity.at_most(*left).unwrap_or(zero);
    *left = left.less(taken).unwrap_or(*left);
    taken
}
