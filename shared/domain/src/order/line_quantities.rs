//! The quantities of each line, computed from all sub-machines and stored nowhere.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::goods::ShortPolicy;
use crate::ids::{FulfillmentId, LineNo, Sku};
use crate::order::Order;
use crate::order::event::{AllocatedLine, OrderLine};
use crate::quantity::{Quantity, Uom};
use crate::shipment::RequestStatus;

/// One line's quantities, in its stock-keeping unit once it is priced (before that in the ordered unit).
///
/// Conserved: `ordered + over = open + in_fulfillment + backordered + cancelled + shipped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineQuantities {
    /// The order's line.
    pub line: LineNo,
    /// The product.
    pub sku: Sku,
    /// Ordered by the customer.
    pub ordered: Quantity,
    /// Shipped or assigned beyond `ordered`.
    pub over: Quantity,
    /// Not assigned to a warehouse yet.
    pub open: Quantity,
    /// Assigned to a warehouse and not shipped.
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

impl LineQuantities {
    /// Whether some of it is still to be shipped.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_zero() || !self.in_fulfillment.is_zero() || !self.backordered.is_zero()
    }
}

impl Order {
    /// The quantities of every line. They always add up: a quantity that cannot be counted (another unit than the line's, out
    /// of range) is left out, and is a review.
    pub fn line_quantities(&self) -> Vec<LineQuantities> {
        self.terms.submission.lines.iter().map(|line| self.quantities_of(line)).collect()
    }

    fn quantities_of(&self, line: &OrderLine) -> LineQuantities {
        let ordered = self.ordered(line);
        let tally = self.tally(line.line, ordered.uom());
        let over = less(tally.committed, ordered);
        let rest = less(ordered, tally.committed);
        let zero = Quantity::zero(ordered.uom());
        let (open, backordered, cancelled) = if self.is_cancelled() {
            (zero, zero, rest)
        } else {
            let cancelled = at_most(tally.closed_unfilled, rest);
            let rest = less(rest, cancelled);
            let backordered = at_most(self.short(line, &tally), rest);
            (less(rest, backordered), backordered, cancelled)
        };
        LineQuantities {
            line: line.line,
            sku: line.sku.clone(),
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

    /// The ordered quantity of a line, in its stock-keeping unit once it is priced.
    pub(super) fn ordered(&self, line: &OrderLine) -> Quantity {
        let priced = self.stage.price().and_then(|price| price.lines.iter().find(|priced| priced.line == line.line));
        priced.map_or(line.quantity, |priced| priced.base)
    }

    /// Sums what the warehouses were requested to ship of a line and what they reported. A report counts whether or not its
    /// fulfillment was ever assigned: the goods have left.
    fn tally(&self, line: LineNo, unit: Uom) -> Tally {
        let (assignments, reports) = (&self.fulfillments.assignments, &self.fulfillments.progress);
        let ids: BTreeSet<&FulfillmentId> = assignments.keys().chain(reports.keys()).collect();
        let zero = Quantity::zero(unit);
        let mut tally = Tally::new(unit);
        for id in ids {
            let (assignment, progress) = (assignments.get(id), reports.get(id));
            let before = tally.shipped;
            tally.shipped = tally.add(id, before, progress.and_then(|progress| progress.shipped.get(&line)));
            tally.delivered = tally.add(id, tally.delivered, progress.and_then(|it| it.delivered.get(&line)));
            if progress.is_some_and(|progress| progress.request_status.is_over()) {
                continue;
            }
            let assigned = assignment.into_iter().flat_map(|assignment| &assignment.lines);
            let assigned = assigned
                .filter(|assigned| assigned.line == line)
                .fold(zero, |sum, assigned| tally.add(id, sum, Some(&assigned.quantity)));
            let unfilled = tally.add(id, zero, progress.and_then(|progress| progress.unfilled.get(&line)));
            match assignment.map_or(ShortPolicy::default(), |assignment| assignment.on_short) {
                _ if self.fulfillments.superseded.contains(id) => {}
                ShortPolicy::Backorder => tally.to_reallocate = tally.add(id, tally.to_reallocate, Some(&unfilled)),
                ShortPolicy::Cancel => tally.closed_unfilled = tally.add(id, tally.closed_unfilled, Some(&unfilled)),
            }
            let waiting = less(less(assigned, less(tally.shipped, before)), unfilled);
            tally.in_fulfillment = tally.add(id, tally.in_fulfillment, Some(&waiting));
        }
        match tally.shipped.plus(tally.in_fulfillment) {
            Ok(committed) => tally.committed = committed,
            // Each sum is in range and both together are not: then only what has left counts.
            Err(_) => {
                tally.in_fulfillment = zero;
                tally.committed = tally.shipped;
            }
        }
        tally
    }

    /// Reports that the quantities of the lines cannot show: another unit, a line that the order does not have, a fulfillment
    /// that was never assigned. Each is recorded, and is a review.
    pub(super) fn uncounted(&self) -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        for line in &self.terms.submission.lines {
            let tally = self.tally(line.line, self.ordered(line).uom());
            reasons.extend(
                tally
                    .uncounted
                    .iter()
                    .map(|(id, quantity)| format!("{id}: {quantity} of line {} cannot be counted", line.line)),
            );
        }
        for (id, progress) in &self.fulfillments.progress {
            if !self.fulfillments.assignments.contains_key(id) {
                reasons.insert(format!("{id} was never assigned"));
            }
            for (line, quantity) in progress.shipped.iter().chain(&progress.delivered) {
                if self.terms.line(*line).is_none() {
                    reasons.insert(format!("{id}: {quantity} of line {line}, which the order does not have"));
                }
            }
        }
        reasons
    }

    /// What could not be allocated of a line, or was allocated and not found in the warehouse.
    fn short(&self, line: &OrderLine, tally: &Tally) -> Quantity {
        let ordered = self.ordered(line);
        let zero = Quantity::zero(ordered.uom());
        if self.stock.allocations.is_empty() {
            return zero;
        }
        let allocated = self.stock.lines().filter(|allocated| allocated.line == line.line);
        let allocated = allocated.fold(zero, |sum, allocated| {
            let requested = allocated.asked.unwrap_or(ordered);
            sum.plus(less(requested, short_of(allocated, ordered.uom()))).unwrap_or(sum)
        });
        less(ordered.plus(tally.to_reallocate).unwrap_or(ordered), allocated)
    }

    /// Whether anything waits for stock.
    pub fn is_short(&self) -> bool {
        self.line_quantities().iter().any(|line| !line.backordered.is_zero())
    }

    /// Whether nothing is still to be shipped, something was, and all of that has arrived.
    pub fn all_delivered(&self, lines: &[LineQuantities]) -> bool {
        lines.iter().all(|line| !line.is_waiting() && line.delivered == line.shipped)
            && lines.iter().any(|line| !line.shipped.is_zero())
            && !self.fulfillments.any_under_way()
    }
}

/// One line's sums over all fulfillments.
struct Tally {
    shipped: Quantity,
    delivered: Quantity,
    in_fulfillment: Quantity,
    /// Shipped and in fulfillment.
    committed: Quantity,
    /// Assigned, not found in the warehouse, and to be allocated again.
    to_reallocate: Quantity,
    /// Assigned, not found in the warehouse, and not to be shipped any more.
    closed_unfilled: Quantity,
    uncounted: Vec<(FulfillmentId, Quantity)>,
}

impl Tally {
    fn new(unit: Uom) -> Self {
        let zero = Quantity::zero(unit);
        Self {
            shipped: zero,
            delivered: zero,
            in_fulfillment: zero,
            committed: zero,
            to_reallocate: zero,
            closed_unfilled: zero,
            uncounted: Vec::new(),
        }
    }

    /// `sum` and `quantity`, or `sum` alone where the two cannot be added; that is noted.
    fn add(&mut self, id: &FulfillmentId, sum: Quantity, quantity: Option<&Quantity>) -> Quantity {
        let Some(quantity) = quantity else { return sum };
        sum.plus(*quantity).unwrap_or_else(|_| {
            self.uncounted.push((id.clone(), *quantity));
            sum
        })
    }
}

impl RequestStatus {
    /// Whether the warehouse will not ship any more of it.
    fn is_over(self) -> bool {
        match self {
            Self::Rejected | Self::Withdrawn => true,
            Self::Requested | Self::Accepted => false,
        }
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
fn short_of(allocated: &AllocatedLine, unit: Uom) -> Quantity {
    if allocated.short.uom() == unit { allocated.short } else { Quantity::zero(unit) }
}
