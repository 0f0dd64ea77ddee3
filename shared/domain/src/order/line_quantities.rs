//! Where each line's quantity stands.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::ShortPolicy;
use crate::ids::{FulfillmentId, LineNo, Sku};
use crate::order::event::{AllocatedLine, OrderLine, RequestStatus};
use crate::order::state::OrderState;
use crate::quantity::{Quantity, Uom};

/// One line's quantities, in its stock-keeping unit once it is priced (before that in the ordered unit).
///
/// Conserved: `ordered + over = open + in_fulfillment + backordered + cancelled + shipped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineQuantities {
    /// Which line.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// What the customer wants.
    pub ordered: Quantity,
    /// What was shipped or assigned beyond that.
    pub over: Quantity,
    /// Not yet with a warehouse.
    pub open: Quantity,
    /// With a warehouse, not yet left.
    pub in_fulfillment: Quantity,
    /// Waits for stock.
    pub backordered: Quantity,
    /// Will not be shipped.
    pub cancelled: Quantity,
    /// Left a warehouse.
    pub shipped: Quantity,
    /// Arrived; a part of `shipped`.
    pub delivered: Quantity,
}

impl OrderState {
    /// Every line's line quantities. It always adds up: what cannot be counted (another unit than the line's, beyond all range) is
    /// left out of it, and is a review item.
    pub fn line_quantities(&self) -> Vec<LineQuantities> {
        self.submission.lines.iter().map(|line| self.quantities(line)).collect()
    }

    fn quantities(&self, ordered_line: &OrderLine) -> LineQuantities {
        let line = ordered_line.line;
        let ordered = self.ordered(ordered_line);
        let tally = self.tally(line, ordered.uom());
        let over = less(tally.committed, ordered);
        let rest = less(ordered, tally.committed);
        let nothing = Quantity::zero(ordered.uom());
        let (open, backordered, cancelled) = if self.is_cancelled() {
            (nothing, nothing, rest)
        } else {
            let cancelled = at_most(tally.closed_unfilled, rest);
            let rest = less(rest, cancelled);
            let backordered = at_most(self.short(ordered_line, &tally), rest);
            (less(rest, backordered), backordered, cancelled)
        };
        LineQuantities {
            line,
            sku: ordered_line.sku.clone(),
            ordered,
            over,
            open,
            in_fulfillment: tally.in_fulfillment,
            backordered,
            cancelled,
            shipped: tally.shipped,
            delivered: tally.delivered,
        }
    }

    /// What the customer wants of a line, in its stock-keeping unit once it is priced.
    pub(super) fn ordered(&self, line: &OrderLine) -> Quantity {
        let priced = self.price().and_then(|price| price.lines.iter().find(|priced| priced.line == line.line));
        priced.map_or(line.quantity, |priced| priced.base)
    }

    /// What warehouses were asked for of a line and have reported of it. A report counts whether or not its fulfillment was ever
    /// assigned: what left, left.
    fn tally(&self, line: LineNo, unit: Uom) -> Tally {
        let mut tally = Tally::new(unit);
        let fulfillments: BTreeSet<&FulfillmentId> = self.assignments.keys().chain(self.progress.keys()).collect();
        for fulfillment in fulfillments {
            let progress = self.progress.get(fulfillment);
            let gone = progress.and_then(|progress| progress.shipped.get(&line).copied());
            let arrived = progress.and_then(|progress| progress.delivered.get(&line).copied());
            let before = tally.shipped;
            tally.shipped = tally.count(fulfillment, before, gone);
            tally.delivered = tally.count(fulfillment, tally.delivered, arrived);
            let gone = |request_status| matches!(request_status, RequestStatus::Rejected | RequestStatus::Withdrawn);
            if progress.is_some_and(|progress| gone(progress.request_status)) {
                continue;
            }
            let asked = self.assignments.get(fulfillment).map_or(&[][..], |assignment| &assignment.lines);
            let asked = asked
                .iter()
                .filter(|goods| goods.line == line)
                .fold(Quantity::zero(unit), |sum, part| tally.count(fulfillment, sum, Some(part.quantity)));
            let unfilled = progress.and_then(|progress| progress.unfilled.get(&line).copied());
            let unfilled = tally.count(fulfillment, Quantity::zero(unit), unfilled);
            let waiting = less(less(asked, less(tally.shipped, before)), unfilled);
            let policy =
                self.assignments.get(fulfillment).map_or(ShortPolicy::default(), |assignment| assignment.on_short);
            match policy {
                _ if self.superseded.contains(fulfillment) => {}
                ShortPolicy::Backorder => tally.missed = tally.count(fulfillment, tally.missed, Some(unfilled)),
                ShortPolicy::Cancel => {
                    tally.closed_unfilled = tally.count(fulfillment, tally.closed_unfilled, Some(unfilled))
                }
            }
            tally.in_fulfillment = tally.count(fulfillment, tally.in_fulfillment, Some(waiting));
        }
        match tally.shipped.plus(tally.in_fulfillment) {
            Ok(committed) => tally.committed = committed,
            // Two figures that are in range each and not together: what has left is what counts.
            Err(_) => {
                tally.in_fulfillment = Quantity::zero(unit);
                tally.committed = tally.shipped;
            }
        }
        tally
    }

    /// Reports that no line quantities shows: quantities that cannot be counted, lines that the order does not have, fulfillments that
    /// were never assigned. Recorded all the same; each is a reason for somebody to look.
    pub(super) fn uncounted(&self) -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        for line in &self.submission.lines {
            let tally = self.tally(line.line, self.ordered(line).uom());
            reasons.extend(tally.uncounted.iter().map(|(fulfillment, quantity)| {
                format!("{fulfillment}: {quantity} of line {} cannot be counted", line.line)
            }));
        }
        for (fulfillment, progress) in &self.progress {
            if !self.assignments.contains_key(fulfillment) {
                reasons.insert(format!("{fulfillment} was never assigned"));
            }
            for (line, quantity) in progress.shipped.iter().chain(&progress.delivered) {
                if !self.submission.lines.iter().any(|ordered| ordered.line == *line) {
                    reasons.insert(format!("{fulfillment}: {quantity} of line {line}, which the order does not have"));
                }
            }
        }
        reasons
    }

    /// What no stock was set aside for, though it was asked for, or was set aside and not found.
    fn short(&self, line: &OrderLine, tally: &Tally) -> Quantity {
        let ordered = self.ordered(line);
        let nothing = Quantity::zero(ordered.uom());
        if self.allocations.is_empty() {
            return nothing;
        }
        let lines = self.allocations.values().flat_map(|allocation| &allocation.lines);
        let set_aside = lines.filter(|allocated| allocated.line == line.line).fold(nothing, |sum, allocated| {
            sum.plus(less(allocated.asked.unwrap_or(ordered), in_unit(allocated, ordered.uom()))).unwrap_or(sum)
        });
        let needed = ordered.plus(tally.missed).unwrap_or(ordered);
        less(needed, set_aside)
    }

    /// Whether anything waits for stock.
    pub fn is_short(&self) -> bool {
        self.line_quantities().iter().any(|quantities| !quantities.backordered.is_zero())
    }

    /// Whether every line that is not cancelled or waiting is delivered, something is, and no package is still on its way.
    pub fn all_delivered(&self, line_quantities: &[LineQuantities]) -> bool {
        let settled = |l: &LineQuantities| l.open.is_zero() && l.in_fulfillment.is_zero() && l.backordered.is_zero();
        let mut packages = self.progress.values().flat_map(|progress| &progress.packages);
        line_quantities.iter().all(|l| settled(l) && l.delivered == l.shipped)
            && line_quantities.iter().any(|l| !l.shipped.is_zero())
            && !packages.any(|package| package.status.is_under_way())
    }
}

/// One line's sums over all fulfillments.
struct Tally {
    shipped: Quantity,
    delivered: Quantity,
    in_fulfillment: Quantity,
    /// Shipped and in fulfillment.
    committed: Quantity,
    /// Asked for, not found, and to be set aside anew.
    missed: Quantity,
    /// Asked for, not found, and not to be shipped any more.
    closed_unfilled: Quantity,
    uncounted: Vec<(FulfillmentId, Quantity)>,
}

impl Tally {
    fn new(unit: Uom) -> Self {
        let nothing = Quantity::zero(unit);
        Self {
            shipped: nothing,
            delivered: nothing,
            in_fulfillment: nothing,
            committed: nothing,
            missed: nothing,
            closed_unfilled: nothing,
            uncounted: Vec::new(),
        }
    }

    /// `sum` and `part`, or `sum` alone where the two do not go together; that is noted.
    fn count(&mut self, fulfillment: &FulfillmentId, sum: Quantity, part: Option<Quantity>) -> Quantity {
        let Some(part) = part else { return sum };
        sum.plus(part).unwrap_or_else(|_| {
            self.uncounted.push((fulfillment.clone(), part));
            sum
        })
    }
}

/// What is left of `whole`; both are of one unit here.
pub(super) fn less(whole: Quantity, part: Quantity) -> Quantity {
    whole.less(part).unwrap_or(whole)
}

fn at_most(quantity: Quantity, most: Quantity) -> Quantity {
    quantity.at_most(most).unwrap_or(Quantity::zero(most.uom()))
}

/// What an allocation is short of, in the line's unit.
fn in_unit(allocated: &AllocatedLine, unit: Uom) -> Quantity {
    if allocated.short.uom() == unit { allocated.short } else { Quantity::zero(unit) }
}
