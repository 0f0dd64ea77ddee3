//! What came, and which line it counts for. Each line of a warehouse's receipt is a register: the newest report of it counts, so
//! that repeated, late and corrected reports need no rules of their own. Everything that came is in custody; only what belongs
//! to a line can be credited.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::goods::Traced;
use crate::ids::{ExternalId, LineNo, PartnerId, Serial, Sku};
use crate::quantity::Uom;
use crate::returns::Return;
use crate::returns::event::{Receipt, ReturnLine};
use crate::returns::policy::Disposition;

/// What identifies a line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReceiptKey {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id of its return or receipt.
    pub reference: ExternalId,
    /// The warehouse's name of the line.
    pub key: ExternalId,
}

impl Receipt {
    pub(super) fn register(&self) -> ReceiptKey {
        let Self { warehouse, reference, key, .. } = self.clone();
        ReceiptKey { warehouse, reference, key }
    }

    /// Whether this report replaces `known`. Of two reports of one time and rank, always the same one counts.
    pub(super) fn is_newer_than(&self, known: &Self) -> bool {
        (self.as_of, self.rank, self) > (known.as_of, known.rank, known)
    }
}

/// Goods in one state, best first: traced ones before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) disposition: Disposition,
    /// Whether required lots and serial numbers are missing or wrong.
    pub(super) untraced: bool,
}

/// How many goods are in which state.
pub(super) type States = BTreeMap<State, Decimal>;

/// Everything that came, distributed over the lines.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Distribution {
    /// What counts for a line, up to what the return asked for.
    pub(super) lines: BTreeMap<LineNo, States>,
    /// Products of the return beyond that.
    pub(super) excess: BTreeMap<Sku, Decimal>,
    /// Products that the return does not have.
    pub(super) wrong: BTreeMap<Sku, Decimal>,
    /// Components that make no whole kit.
    pub(super) loose: BTreeMap<Sku, Decimal>,
}

impl Distribution {
    /// What of a line came, in whatever state.
    pub(super) fn received(&self, line: LineNo) -> Decimal {
        self.lines.get(&line).map_or(Decimal::ZERO, count)
    }
}

/// The goods of each product that came, for a named line or for none.
type Pools = BTreeMap<(Option<LineNo>, Sku), States>;

impl Return {
    /// Distributes what came over the lines: what names a line first, then by product, the line with the lowest number first.
    pub(super) fn distribution(&self) -> Distribution {
        let mut pools = self.pools();
        let mut distribution = Distribution::default();
        for named in [true, false] {
            for line in self.lines() {
                let counted = distribution.lines.entry(line.line).or_default();
                for sku in std::iter::once(&line.sku).chain(&line.substitutes) {
                    let pool = pools.get_mut(&(named.then_some(line.line), sku.clone()));
                    let room = line.quantity.amount() - count(counted);
                    pool.into_iter().for_each(|pool| take(pool, counted, room));
                }
            }
        }
        for line in self.lines().iter().filter(|line| !line.handling.kit.is_empty()) {
            assemble(line, &mut pools, distribution.lines.entry(line.line).or_default());
        }
        for ((_, sku), left) in pools {
            let is_of_line = |line: &ReturnLine| line.sku == sku || line.substitutes.contains(&sku);
            let is_component = |line: &ReturnLine| line.handling.kit.iter().any(|component| component.sku == sku);
            let place = if self.lines().iter().any(is_of_line) {
                &mut distribution.excess
            } else if self.lines().iter().any(is_component) {
                &mut distribution.loose
            } else {
                &mut distribution.wrong
            };
            let amount = count(&left);
            if amount > Decimal::ZERO {
                *place.entry(sku).or_default() += amount;
            }
        }
        distribution
    }

    /// The unit in which a product is counted; pieces where the return does not have it.
    fn unit_of(&self, sku: &Sku) -> Uom {
        let line = self.lines().iter().find(|line| line.sku == *sku || line.substitutes.contains(sku));
        line.map_or(Uom::EACH, |line| line.quantity.uom())
    }

    /// The receipts whose quantities cannot be added: another unit than the product's.
    pub(super) fn uncountable(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts
            .values()
            .filter(|receipt| receipt.goods.iter().any(|goods| goods.quantity.uom() != self.unit_of(&receipt.sku)))
    }

    /// The warehouses' own returns that have goods which are not judged.
    pub fn unjudged_receipts(&self) -> BTreeSet<(PartnerId, ExternalId)> {
        let is_unjudged = |receipt: &&Receipt| receipt.goods.iter().any(|goods| !goods.disposition.is_judged());
        let name = |receipt: &Receipt| (receipt.warehouse.clone(), receipt.reference.clone());
        self.receipts.values().filter(is_unjudged).map(name).collect()
    }

    fn pools(&self) -> Pools {
        let mut pools = Pools::new();
        let mut serials_before: Vec<&Serial> = Vec::new();
        for receipt in self.receipts.values() {
            let untraced = !self.is_traced(receipt, &serials_before);
            serials_before.extend(&receipt.serials);
            let named = receipt.line.filter(|named| self.is_of_line(*named, &receipt.sku));
            let pool = pools.entry((named, receipt.sku.clone())).or_default();
            let unit = self.unit_of(&receipt.sku);
            for goods in receipt.goods.iter().filter(|goods| goods.quantity.uom() == unit) {
                let amount = goods.quantity.amount();
                let state = State { disposition: goods.disposition, untraced };
                *pool.entry(state).or_default() += if receipt.reverses { -amount } else { amount };
            }
        }
        pools.values_mut().for_each(|pool| pool.retain(|_, amount| *amount > Decimal::ZERO));
        pools
    }

    fn is_of_line(&self, line: LineNo, sku: &Sku) -> bool {
        let mut lines = self.lines().iter().filter(|it| it.line == line);
        lines.any(|line| line.sku == *sku || line.substitutes.contains(sku))
    }

    /// Whether the goods of a receipt are those that were shipped, as far as lots and serial numbers have to show it.
    fn is_traced(&self, receipt: &Receipt, serials_before: &[&Serial]) -> bool {
        let lines =
            self.lines().iter().filter(|line| line.sku == receipt.sku || line.substitutes.contains(&receipt.sku));
        let lines: Vec<&ReturnLine> = lines.collect();
        let Some(traced) = lines.iter().find_map(|line| line.handling.traced) else { return true };
        match traced {
            Traced::Lot => receipt.lot.as_ref().is_some_and(|lot| lines.iter().any(|line| line.lots.contains(lot))),
            Traced::Serial => {
                let pieces: Decimal = receipt.goods.iter().map(|goods| goods.quantity.amount()).sum();
                let is_known = |serial: &Serial| {
                    lines.iter().any(|line| line.serials.contains(serial)) && !serials_before.contains(&serial)
                };
                Decimal::from(receipt.serials.len()) == pieces && receipt.serials.iter().all(is_known)
            }
        }
    }
}

/// How many goods there are, in whatever state.
pub(super) fn count(states: &States) -> Decimal {
    states.values().sum()
}

/// Moves up to `most` goods, best first.
fn take(pool: &mut States, to: &mut States, most: Decimal) {
    let mut left = most.max(Decimal::ZERO);
    for (state, amount) in pool.iter_mut() {
        let taken = (*amount).min(left);
        if taken > Decimal::ZERO {
            *to.entry(*state).or_default() += taken;
            *amount -= taken;
            left -= taken;
        }
    }
    pool.retain(|_, amount| *amount > Decimal::ZERO);
}

/// Counts whole kits that came in components: as many as the scarcest component allows, each as bad as its worst component.
fn assemble(line: &ReturnLine, pools: &mut Pools, counted: &mut States) {
    let of = |pools: &Pools, sku: &Sku| pools.get(&(None, sku.clone())).map_or(Decimal::ZERO, count);
    let whole = line
        .handling
        .kit
        .iter()
        .map(|component| (of(pools, &component.sku) / Decimal::from(component.per_kit.get())).floor());
    let room = (line.quantity.amount() - count(counted)).max(Decimal::ZERO);
    let kits = whole.min().unwrap_or_default().min(room.floor()).to_u32().unwrap_or(0);
    for _ in 0..kits {
        let mut parts = States::new();
        for component in &line.handling.kit {
            if let Some(pool) = pools.get_mut(&(None, component.sku.clone())) {
                take(pool, &mut parts, component.per_kit.get().into());
            }
        }
        let disposition = parts.keys().map(|state| state.disposition).max();
        let untraced = parts.keys().any(|state| state.untraced);
        if let Some(disposition) = disposition {
            *counted.entry(State { disposition, untraced }).or_default() += Decimal::ONE;
        }
    }
}
