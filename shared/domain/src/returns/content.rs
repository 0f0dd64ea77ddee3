//! What a return takes from its order and the order's fulfillments: the goods as they were shipped, the facts by which the policy
//! decides whether a person has to approve, what is reserved, and the invoice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::fulfillment::{Contents, Fulfillment, Package};
use crate::goods::{Handling, LineQuantity, Traced};
use crate::ids::{LineNo, ReturnId, Serial, Sku};
use crate::money::Money;
use crate::order::Order;
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::returnable::Reservation;
use crate::returns::Return;
use crate::returns::event::{Assessment, Content, Outcome, ReturnLine, UnitsReserved};
use crate::returns::money_event::InvoicedOrder;
use crate::returns::policy::ReasonClass;
use crate::shipment::MilestoneKind;

/// A line that a customer wants to send back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLine {
    /// The order's line.
    pub line: LineNo,
    /// In the ordered or the stock-keeping unit.
    pub quantity: Quantity,
    /// Why, as far as it decides.
    pub reason: ReasonClass,
    /// Why, in the requester's code.
    pub reason_code: String,
    /// The serial numbers that the customer names.
    pub serials: BTreeSet<Serial>,
}

impl Content {
    /// What comes back of `order`, which was shipped by `fulfillments`, as it was asked for at `at` by the return `return_id`.
    ///
    /// # Errors
    /// The order has no such line, or a quantity is in a unit that the line does not have.
    pub fn of(
        return_id: &ReturnId,
        order: &Order,
        fulfillments: &[Fulfillment],
        asked: &[AskedLine],
        at: Timestamp,
    ) -> Result<Self, Rejection> {
        let lines = asked.iter().map(|asked| line_of(order, fulfillments, asked)).collect::<Result<Vec<_>, _>>()?;
        let (value, percent_of_order) = value_of(order, &lines);
        let is_unnamed = |(line, asked): (&ReturnLine, &AskedLine)| {
            line.handling.traced == Some(Traced::Serial) && asked.serials.is_empty()
        };
        let assessment = Assessment {
            value,
            percent_of_order,
            days_since_delivery: days_since_delivery(fulfillments, at),
            earlier_returns: order.returnables.others_than(return_id),
            serials_missing: lines.iter().zip(asked).any(is_unnamed),
        };
        Ok(Self { order: order.id().clone(), currency: order.terms.submission.currency, lines, assessment })
    }
}

impl UnitsReserved {
    /// What `order`, whose stream has this version, reserves for the return `return_id`. `None` if the return asked it for nothing.
    pub fn of(return_id: &ReturnId, order: &Order, version: u64) -> Option<Self> {
        let lines: Vec<Reservation> = order.returnables.of_return(return_id).cloned().collect();
        let round = lines.iter().map(|reservation| reservation.round).max()?;
        Some(Self { as_of: version, round, lines })
    }
}

impl InvoicedOrder {
    /// The invoice, which the ERP shows in ordered units, in stock-keeping units. A line that `order` does not have is left out.
    ///
    /// # Errors
    /// A quantity is in a unit that its line does not have.
    pub fn in_stock_keeping_units(mut self, order: &Order) -> Result<Self, Rejection> {
        self.lines.retain(|line, _| order.terms.line(*line).is_some());
        for (line, invoiced) in &mut self.lines {
            if let Some(ordered) = order.terms.line(*line) {
                invoiced.quantity = order.in_stock_keeping_unit(ordered, invoiced.quantity)?;
            }
        }
        Ok(self)
    }
}

impl Return {
    /// Whether it was requested with the same outcome for the same goods of the same order. What the order shipped since makes no
    /// other request of it.
    pub fn asks_the_same(&self, outcome: Outcome, content: &Content) -> bool {
        let asked = |content: &Content| {
            let line = |line: &ReturnLine| (line.line, line.quantity, line.reason_code.clone());
            let lines: BTreeMap<_, _> = content.lines.iter().map(line).map(|(no, q, code)| (no, (q, code))).collect();
            (content.order.clone(), lines)
        };
        let known = self.request.content.as_ref().map(asked);
        self.request.outcome == outcome && known == Some(asked(content))
    }
}

fn line_of(order: &Order, fulfillments: &[Fulfillment], asked: &AskedLine) -> Result<ReturnLine, Rejection> {
    let unknown = || Rejection::new("LINE_UNKNOWN", format!("the order has no line {}", asked.line));
    let ordered = order.terms.line(asked.line).ok_or_else(unknown)?;
    let of_line = |goods: &&LineQuantity| goods.line == asked.line && goods.sku != ordered.sku;
    let handling: Handling = order
        .fulfillments
        .assignments
        .values()
        .find_map(|it| it.handling.get(&asked.line).cloned())
        .unwrap_or_default();
    // A component of a kit is no substitute for it.
    let is_component = |sku: &Sku| handling.kit.iter().any(|component| component.sku == *sku);
    let substitutes = packages(fulfillments).filter_map(|package| match &package.contents {
        Contents::Reported(_, goods, _) => Some(goods.iter().filter(of_line).map(|goods| goods.sku.clone())),
        Contents::Unreported => None,
    });
    let substitutes = substitutes.flatten().filter(|sku| !is_component(sku)).collect();
    let traced = packages(fulfillments).filter_map(|package| package.traced.as_ref());
    let traced = traced.flat_map(|(_, traced)| traced).filter(|traced| traced.line == asked.line);
    let (mut serials, mut lots) = (BTreeSet::new(), BTreeSet::new());
    for traced in traced {
        serials.extend(traced.serials.iter().cloned());
        lots.extend(traced.lot.clone());
    }
    Ok(ReturnLine {
        line: asked.line,
        sku: ordered.sku.clone(),
        substitutes,
        quantity: order.in_stock_keeping_unit(ordered, asked.quantity)?,
        reason: asked.reason,
        reason_code: asked.reason_code.clone(),
        handling,
        serials,
        lots,
    })
}

fn packages(fulfillments: &[Fulfillment]) -> impl Iterator<Item = &Package> {
    fulfillments.iter().flat_map(|fulfillment| fulfillment.packages.values()).map(Arc::as_ref)
}

/// What the goods cost, and which part of the order's value that is, in percent. An order without a price is beyond every
/// threshold, so that a person sees its return.
fn value_of(order: &Order, lines: &[ReturnLine]) -> (Decimal, u32) {
    let of_line = |line: &ReturnLine| {
        let priced = order.stage.price()?.lines.iter().find(|priced| priced.line == line.line)?;
        let whole = Money { amount: priced.amount + priced.tax, currency: order.terms.submission.currency };
        whole.share(line.quantity.amount(), priced.base.amount()).map(|share| share.amount)
    };
    let value: Option<Decimal> = lines.iter().map(of_line).sum();
    let (Some(value), Some(price)) = (value, order.stage.price()) else { return (Decimal::MAX, 100) };
    let percent = (value * Decimal::ONE_HUNDRED).checked_div(price.total.amount).unwrap_or(Decimal::ONE_HUNDRED);
    (value, percent.ceil().to_u32().unwrap_or(100))
}

/// Whole days from the newest delivery to `at`.
fn days_since_delivery(fulfillments: &[Fulfillment], at: Timestamp) -> u32 {
    let milestones = packages(fulfillments).flat_map(|package| &package.milestones);
    let delivered = milestones.filter(|it| it.milestone == MilestoneKind::Delivered).map(|it| it.at).max();
    let hours = delivered.map_or(0, |delivered| at.duration_since(delivered).as_hours());
    u32::try_from(hours / 24).unwrap_or(0)
}
