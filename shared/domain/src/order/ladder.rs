//! Where each line's quantity stands.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{FulfillmentId, LineNo, Sku};
use crate::order::event::{OrderLine, Standing};
use crate::order::state::{Known, Stage, Wish};
use crate::quantity::{Quantity, Uom};

/// One line's quantities, in its stock-keeping unit once it is priced (before that in the ordered unit).
///
/// Conserved: `ordered + over = open + in_fulfillment + backordered + cancelled + shipped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ladder {
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

impl Known {
    /// Every line's ladder. It always adds up: what cannot be counted (another unit than the line's, beyond all range) is
    /// left out of it, and is a review item.
    pub fn ladders(&self) -> Vec<Ladder> {
        self.submission.lines.iter().map(|line| self.ladder(line)).collect()
    }

    fn ladder(&self, ordered_line: &OrderLine) -> Ladder {
        let line = ordered_line.line;
        let ordered = self.ordered(ordered_line);
        let Tally { shipped, delivered, in_fulfillment, committed, .. } = self.tally(line, ordered.uom());
        let over = less(committed, ordered);
        let rest = less(ordered, committed);
        let backordered = self.short(line, ordered.uom()).at_most(rest).unwrap_or(Quantity::zero(ordered.uom()));
        let nothing = Quantity::zero(ordered.uom());
        let (open, backordered, cancelled) = match self.wish {
            Wish::Fulfil => (less(rest, backordered), backordered, nothing),
            Wish::Cancel(_) => (nothing, nothing, rest),
        };
        Ladder {
            line,
            sku: ordered_line.sku.clone(),
            ordered,
            over,
            open,
            in_fulfillment,
            backordered,
            cancelled,
            shipped,
            delivered,
        }
    }

    /// What the customer wants of a line, in its stock-keeping unit once it is priced.
    fn ordered(&self, line: &OrderLine) -> Quantity {
        let priced = self.price().and_then(|price| price.lines.iter().find(|priced| priced.line == line.line));
        priced.map_or(line.quantity, |priced| priced.base)
    }

    /// What warehouses were asked for of a line and have reported of it. A report counts whether or not its share was ever
    /// assigned: what left, left.
    fn tally(&self, line: LineNo, unit: Uom) -> Tally {
        let mut tally = Tally::new(unit);
        let shares: BTreeSet<&FulfillmentId> = self.assignments.keys().chain(self.progress.keys()).collect();
        for share in shares {
            let progress = self.progress.get(share);
            let gone = progress.and_then(|progress| progress.shipped.get(&line).copied());
            let arrived = progress.and_then(|progress| progress.delivered.get(&line).copied());
            let before = tally.shipped;
            tally.shipped = tally.count(share, before, gone);
            tally.delivered = tally.count(share, tally.delivered, arrived);
            if progress.is_some_and(|progress| progress.standing == Standing::Rejected) {
                continue;
            }
            let asked = self.assignments.get(share).map_or(&[][..], |assignment| &assignment.lines);
            let asked = asked
                .iter()
                .filter(|share| share.line == line)
                .fold(Quantity::zero(unit), |sum, part| tally.count(share, sum, Some(part.quantity)));
            let waiting = less(asked, less(tally.shipped, before));
            tally.in_fulfillment = tally.count(share, tally.in_fulfillment, Some(waiting));
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

    /// Reports that no ladder shows: quantities that cannot be counted, lines that the order does not have, shares that
    /// were never assigned. Recorded all the same; each is a reason for somebody to look.
    pub(super) fn uncounted(&self) -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        for line in &self.submission.lines {
            let tally = self.tally(line.line, self.ordered(line).uom());
            reasons.extend(
                tally
                    .uncounted
                    .iter()
                    .map(|(share, quantity)| format!("{share}: {quantity} of line {} cannot be counted", line.line)),
            );
        }
        for (share, progress) in &self.progress {
            if !self.assignments.contains_key(share) {
                reasons.insert(format!("{share} was never assigned"));
            }
            for (line, quantity) in progress.shipped.iter().chain(&progress.delivered) {
                if !self.submission.lines.iter().any(|ordered| ordered.line == *line) {
                    reasons.insert(format!("{share}: {quantity} of line {line}, which the order does not have"));
                }
            }
        }
        reasons
    }

    /// What the ERP had no stock for.
    fn short(&self, line: LineNo, unit: Uom) -> Quantity {
        let found = self.allocation().and_then(|allocation| allocation.lines.iter().find(|l| l.line == line));
        found.map_or(Quantity::zero(unit), |found| found.short)
    }

    /// Whether every line that is not cancelled or waiting is delivered, something is, and no package is still on its way.
    pub fn all_delivered(&self, ladders: &[Ladder]) -> bool {
        let settled = |l: &Ladder| l.open.is_zero() && l.in_fulfillment.is_zero() && l.backordered.is_zero();
        let mut packages = self.progress.values().flat_map(|progress| &progress.packages);
        ladders.iter().all(|l| settled(l) && l.delivered == l.shipped)
            && ladders.iter().any(|l| !l.shipped.is_zero())
            && !packages.any(|package| package.status.is_under_way())
    }

    /// Whether the order is past the point of routing.
    pub fn is_routed(&self) -> bool {
        match self.stage {
            Stage::Routed(_) | Stage::Invoiced(..) => true,
            Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Priced { .. }
            | Stage::Released(_)
            | Stage::Unroutable(..) => false,
        }
    }
}

/// One line's sums over all shares.
struct Tally {
    shipped: Quantity,
    delivered: Quantity,
    in_fulfillment: Quantity,
    /// Shipped and in fulfilment.
    committed: Quantity,
    uncounted: Vec<(FulfillmentId, Quantity)>,
}

impl Tally {
    fn new(unit: Uom) -> Self {
        let nothing = Quantity::zero(unit);
        let uncounted = Vec::new();
        Self { shipped: nothing, delivered: nothing, in_fulfillment: nothing, committed: nothing, uncounted }
    }

    /// `sum` and `part`, or `sum` alone where the two do not go together; that is noted.
    fn count(&mut self, share: &FulfillmentId, sum: Quantity, part: Option<Quantity>) -> Quantity {
        let Some(part) = part else { return sum };
        sum.plus(part).unwrap_or_else(|_| {
            self.uncounted.push((share.clone(), part));
            sum
        })
    }
}

/// What is left of `whole`; both are of one unit here.
fn less(whole: Quantity, part: Quantity) -> Quantity {
    whole.less(part).unwrap_or(whole)
}
