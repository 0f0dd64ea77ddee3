//! Where each line's quantity stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{LineNo, Sku};
use crate::order::event::{Progress, Standing};
use crate::order::state::{Known, Stage, Wish};
use crate::quantity::{Quantity, QuantityError, Uom};

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
    /// Every line's ladder.
    ///
    /// # Errors
    /// A share or report in another unit than its line: no event that `decide` lets through has one.
    pub fn ladders(&self) -> Result<Vec<Ladder>, QuantityError> {
        self.submission.lines.iter().map(|line| self.ladder(line.line, &line.sku, line.quantity)).collect()
    }

    fn ladder(&self, line: LineNo, sku: &Sku, as_ordered: Quantity) -> Result<Ladder, QuantityError> {
        let priced = self.price().and_then(|price| price.lines.iter().find(|priced| priced.line == line));
        let ordered = priced.map_or(as_ordered, |priced| priced.base);
        let unit = ordered.uom();
        let (mut shipped, mut in_fulfillment) = (Quantity::zero(unit), Quantity::zero(unit));
        for assignment in self.assignments.values() {
            let progress = self.progress.get(&assignment.fulfillment);
            let gone = reported(progress, line, unit);
            shipped = shipped.plus(gone)?;
            if progress.is_some_and(|progress| progress.standing == Standing::Rejected) {
                continue;
            }
            for share in assignment.lines.iter().filter(|share| share.line == line) {
                in_fulfillment = in_fulfillment.plus(share.quantity.less(gone)?)?;
            }
        }
        let delivered = self.progress.values().try_fold(Quantity::zero(unit), |sum, progress| {
            sum.plus(progress.delivered.get(&line).copied().unwrap_or(Quantity::zero(unit)))
        })?;
        let committed = shipped.plus(in_fulfillment)?;
        let over = committed.less(ordered)?;
        let rest = ordered.less(committed)?;
        let backordered = self.short(line, unit).at_most(rest)?;
        let rest = rest.less(backordered)?;
        let (open, cancelled) = match self.wish {
            Wish::Fulfil => (rest, Quantity::zero(unit)),
            Wish::Cancel(_) => (Quantity::zero(unit), rest),
        };
        let (backordered, cancelled) = match self.wish {
            Wish::Fulfil => (backordered, cancelled),
            Wish::Cancel(_) => (Quantity::zero(unit), cancelled.plus(backordered)?),
        };
        Ok(Ladder { line, sku: sku.clone(), ordered, over, open, in_fulfillment, backordered, cancelled, shipped, delivered })
    }

    /// What the ERP had no stock for.
    fn short(&self, line: LineNo, unit: Uom) -> Quantity {
        let found = self.allocation().and_then(|allocation| allocation.lines.iter().find(|l| l.line == line));
        found.map_or(Quantity::zero(unit), |found| found.short)
    }

    /// Whether every line that is not cancelled or waiting is delivered, and something is.
    pub fn all_delivered(ladders: &[Ladder]) -> bool {
        let settled = |l: &Ladder| l.open.is_zero() && l.in_fulfillment.is_zero() && l.backordered.is_zero();
        ladders.iter().all(|l| settled(l) && l.delivered == l.shipped) && ladders.iter().any(|l| !l.shipped.is_zero())
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

fn reported(progress: Option<&Progress>, line: LineNo, unit: Uom) -> Quantity {
    progress.and_then(|progress| progress.shipped.get(&line).copied()).unwrap_or(Quantity::zero(unit))
}
