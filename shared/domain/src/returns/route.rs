//! Where the goods go back to: each line to the sites that shipped it, and one parcel for each site.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::goods::LineQuantity;
use crate::ids::{PartnerId, SiteCode};
use crate::order::{Assignment, Order};
use crate::quantity::Quantity;
use crate::returnable::Reservation;
use crate::returns::event::ExpectedReceipt;
use crate::returns::{Return, ReturnStage};

impl Return {
    /// Whether it is authorized and no warehouse was chosen. Goods that came already need none.
    pub fn awaits_route(&self) -> bool {
        matches!(self.stage, ReturnStage::Authorized(_))
            && self.closed.is_empty()
            && self.parcels.is_empty()
            && self.receipts.is_empty()
    }

    /// One parcel for each site that shipped goods of the return. A line that several sites shipped goes back to the first of
    /// them, up to what that one shipped.
    pub fn route(&self, order: &Order) -> Vec<ExpectedReceipt> {
        let mut sites: BTreeMap<(PartnerId, SiteCode), Vec<LineQuantity>> = BTreeMap::new();
        for line in self.lines() {
            let mut left = self.reservation(line.line).map_or(Decimal::ZERO, Reservation::reserved);
            for (id, assignment) in &order.fulfillments.assignments {
                let shipped = order.fulfillments.progress.get(id).and_then(|progress| progress.shipped.get(&line.line));
                let part = shipped.map_or(Decimal::ZERO, |shipped| shipped.amount()).min(left);
                if let Some(goods) = Quantity::new(part, line.quantity.uom()).ok().filter(|goods| !goods.is_zero()) {
                    left -= part;
                    let goods = LineQuantity { line: line.line, sku: line.sku.clone(), quantity: goods };
                    let site = (assignment.warehouse.clone(), assignment.site.clone());
                    sites.entry(site).or_default().extend(as_stocked(assignment, goods));
                }
            }
        }
        let parcels = (1..).zip(sites);
        let parcel = |(no, ((warehouse, site), lines))| ExpectedReceipt { no, warehouse, site, lines, tracking: None };
        parcels.map(parcel).collect()
    }
}

/// A line as its warehouse stocks it: a kit that it packed from components comes back in components.
fn as_stocked(assignment: &Assignment, goods: LineQuantity) -> Vec<LineQuantity> {
    let kit = assignment.handling.get(&goods.line).map(|handling| handling.kit.as_slice()).unwrap_or_default();
    if kit.is_empty() {
        return vec![goods];
    }
    let component = |component: &crate::goods::Component| {
        let pieces = goods.quantity.amount() * Decimal::from(component.per_kit.get());
        let quantity = Quantity::new(pieces, crate::quantity::Uom::EACH).ok()?;
        Some(LineQuantity { line: goods.line, sku: component.sku.clone(), quantity })
    };
    kit.iter().filter_map(component).collect()
}
