//! Sub-machine: stock that the ERP allocates for the order, and that it has to deallocate.
//!
//! An order has several allocations, each with its own number and reference. A new one waits until every allocation that was
//! dropped is deallocated, so that no stock is allocated twice for one order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::goods::LineQuantity;
use crate::ids::{DocumentNumber, OrderId, SiteCode};
use crate::order::Order;
use crate::order::effect::{AllocationNo, OrderEffect};
use crate::order::event::{AllocatedLine, Allocation, Deallocated, OrderEvent, Source, StockArrived};
use crate::quantity::Quantity;
use crate::workflow::{EffectRequest, OpenEffects, key};

/// The order's allocations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stock {
    /// What the ERP allocated.
    pub allocations: BTreeMap<AllocationNo, Allocation>,
    /// Allocations that have to be deallocated, whether or not the ERP ever made them.
    pub to_deallocate: BTreeSet<AllocationNo>,
    /// Allocations that the ERP deallocated.
    pub deallocated: BTreeSet<AllocationNo>,
    /// What the ERP has meanwhile of what was short.
    pub arrived: Vec<LineQuantity>,
    /// The fruitless rounds after which a person decided to go on.
    pub fruitless_accepted: u32,
}

impl Stock {
    /// The number of the next allocation, requested already or not.
    pub fn next_allocation(&self) -> AllocationNo {
        let used = self.allocations.keys().chain(&self.to_deallocate).chain(&self.deallocated);
        used.max().map_or(AllocationNo::FIRST, |last| last.next())
    }

    /// All lines of all allocations.
    pub(super) fn lines(&self) -> impl Iterator<Item = &AllocatedLine> {
        self.allocations.values().flat_map(|allocation| &allocation.lines)
    }

    /// Whether the ERP has anything for the order.
    pub(super) fn has_any(&self) -> bool {
        self.lines().any(|line| !line.sources.is_empty())
    }

    /// Whether the answer to this allocation comes too late to be used.
    pub(super) fn is_dropped(&self, allocation_no: AllocationNo) -> bool {
        self.to_deallocate.contains(&allocation_no) || self.deallocated.contains(&allocation_no)
    }

    /// The deallocation is news unless it is known and nothing waits for it.
    pub(super) fn record_deallocated(
        &self,
        deallocated: Deallocated,
        open: &OpenEffects<OrderEffect>,
    ) -> Vec<OrderEvent> {
        let allocation_no = deallocated.allocation_no;
        let known = self.deallocated.contains(&allocation_no) && !self.to_deallocate.contains(&allocation_no);
        if known && !open.contains(&OrderEffect::Deallocate { allocation_no }) {
            return vec![];
        }
        vec![OrderEvent::Deallocated(deallocated)]
    }

    pub(super) fn deallocate(&mut self, allocation_no: AllocationNo) {
        self.allocations.remove(&allocation_no);
        self.to_deallocate.remove(&allocation_no);
        self.deallocated.insert(allocation_no);
    }

    /// An amendment drops every allocation, those that are still being requested included.
    pub(super) fn drop_all(&mut self, requested: impl IntoIterator<Item = AllocationNo>) {
        self.to_deallocate.extend(self.allocations.keys());
        self.to_deallocate.extend(requested);
        self.allocations.clear();
        self.arrived.clear();
        self.fruitless_accepted = 0;
    }
}

/// Requests an allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRequest {
    /// Our id.
    pub order: OrderId,
    /// Numbers the order's allocations.
    pub allocation_no: AllocationNo,
    /// In stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for AllocationRequest {
    type Effect = OrderEffect;

    fn effect(&self) -> OrderEffect {
        OrderEffect::Allocate { allocation_no: self.allocation_no }
    }

    fn key(&self) -> String {
        key("allocate", &self.order, &unless_first(self.allocation_no))
    }
}

impl AllocationRequest {
    /// Our reference at the ERP.
    pub fn reference(&self) -> String {
        reference(&self.order, self.allocation_no)
    }
}

/// Requests that an allocation be undone, whether or not the ERP made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deallocation {
    /// Our id.
    pub order: OrderId,
    /// The allocation.
    pub allocation_no: AllocationNo,
    /// The latest time at which its allocation may still be under way; `None` where the ERP has answered it.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for Deallocation {
    type Effect = OrderEffect;

    fn effect(&self) -> OrderEffect {
        OrderEffect::Deallocate { allocation_no: self.allocation_no }
    }

    fn key(&self) -> String {
        key("deallocate", &self.order, &unless_first(self.allocation_no))
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

impl Deallocation {
    /// Our reference at the ERP, as in the allocation's request.
    pub fn reference(&self) -> String {
        reference(&self.order, self.allocation_no)
    }
}

fn unless_first(allocation_no: AllocationNo) -> String {
    if allocation_no.is_first() { String::new() } else { allocation_no.to_string() }
}

/// The order's id, and from the second allocation on its number.
fn reference(order: &OrderId, allocation_no: AllocationNo) -> String {
    if allocation_no.is_first() { order.to_string() } else { format!("{order}/{allocation_no}") }
}

/// Asks how much of what is short the ERP has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockQuery {
    /// Our id.
    pub order: OrderId,
    /// What is short, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

impl Order {
    /// The allocation that is due: of all lines at first, later of what was short and has arrived.
    pub fn allocation_request(&self) -> Option<AllocationRequest> {
        let allocation_no = self.stock.next_allocation();
        let blocked = !self.is_active()
            || self.stage.price().is_none()
            || !self.price_agrees()
            || self.stage.is_credit_unanswerable()
            || !self.stock.to_deallocate.is_empty()
            || self.stage.invoice().is_some();
        if blocked || self.documents.rejected.contains_key(&OrderEffect::Allocate { allocation_no }) {
            return None;
        }
        let lines = self.lines_to_allocate();
        (!lines.is_empty()).then(|| AllocationRequest { order: self.id().clone(), allocation_no, lines })
    }

    fn lines_to_allocate(&self) -> Vec<LineQuantity> {
        if self.stock.allocations.is_empty() { self.all_lines() } else { self.available_lines() }
    }

    /// An allocation that a person made by hand: all that was requested, at one site.
    pub(super) fn manual_allocation(
        &self,
        allocation_no: AllocationNo,
        number: DocumentNumber,
        site: &SiteCode,
    ) -> Allocation {
        let is_first = self.stock.allocations.is_empty();
        let line = |goods: LineQuantity| AllocatedLine {
            line: goods.line,
            sources: vec![Source { location: site.clone(), quantity: goods.quantity }],
            short: Quantity::zero(goods.quantity.uom()),
            asked: (!is_first).then_some(goods.quantity),
        };
        Allocation { allocation_no, number, lines: self.lines_to_allocate().into_iter().map(line).collect() }
    }

    /// The deallocation that is due: of an allocation that an amendment dropped, or of any if nothing of the order will ship.
    pub fn deallocation(&self) -> Option<Deallocation> {
        let requested: BTreeMap<AllocationNo, Timestamp> = self.documents.allocations_under_way().collect();
        let all = self.nothing_will_ship().then(|| self.stock.allocations.keys().chain(requested.keys()));
        let due = self.stock.to_deallocate.iter().chain(all.into_iter().flatten()).copied();
        let rejected = |allocation_no| self.documents.rejected.contains_key(&OrderEffect::Deallocate { allocation_no });
        let allocation_no = due.filter(|allocation_no| !rejected(*allocation_no)).min()?;
        let sent_until = requested.get(&allocation_no).copied();
        Some(Deallocation { order: self.id().clone(), allocation_no, sent_until })
    }

    /// The query for what is short, while the answer could be used. What has arrived is allocated first.
    pub fn stock_query(&self) -> Option<StockQuery> {
        let lines = self.short_lines();
        let due = self.is_active()
            && !self.stock.allocations.is_empty()
            && !lines.is_empty()
            && !self.is_stock_in_doubt()
            && self.stage.invoice().is_none()
            && self.allocation_request().is_none();
        due.then(|| StockQuery { order: self.id().clone(), lines })
    }

    /// Stock is news while something waits for it, and once: the next allocation requests it.
    pub(super) fn record_stock(&self, stock: StockArrived) -> Vec<OrderEvent> {
        let any = stock.lines.iter().any(|line| !line.quantity.is_zero());
        let news = any && stock.lines != self.stock.arrived && self.is_short();
        if news { vec![OrderEvent::StockArrived(stock)] } else { vec![] }
    }

    pub(super) fn record_allocation(&self, allocation: Allocation) -> Vec<OrderEvent> {
        let (allocation_no, number) = (allocation.allocation_no, allocation.number.clone());
        let dropped = self.stock.is_dropped(allocation_no);
        let awaited = self.awaits_allocation(allocation_no) || self.stock.deallocated.contains(&allocation_no);
        let effect = OrderEffect::Allocate { allocation_no };
        let known = dropped || self.is_known(&effect, &number);
        let events = self.documents.unless_known(&effect, known && !awaited, OrderEvent::Allocated(allocation));
        self.with_orphan(events, dropped, number)
    }

    /// Uses an allocation, unless the order requested none, has one already, or dropped it meanwhile.
    pub(super) fn apply_allocation(&mut self, allocation: &Allocation) {
        let allocation_no = allocation.allocation_no;
        self.documents.answer(&OrderEffect::Allocate { allocation_no });
        if self.stock.deallocated.remove(&allocation_no) {
            self.stock.to_deallocate.insert(allocation_no);
        }
        if self.stage.is_credit_unanswerable() && self.awaits_allocation(allocation_no) {
            self.stock.to_deallocate.insert(allocation_no);
        }
        if self.stock.to_deallocate.contains(&allocation_no) {
            return;
        }
        if self.awaits_allocation(allocation_no) {
            self.stock.arrived.clear();
            self.stock.allocations.insert(allocation_no, allocation.clone());
        } else {
            self.record_duplicate(OrderEffect::Allocate { allocation_no }, &allocation.number);
        }
    }

    /// Drops every allocation, those that are still being requested included.
    pub(super) fn drop_allocations(&mut self) {
        let requested: Vec<AllocationNo> = self.documents.allocations_under_way().map(|(no, _)| no).collect();
        self.stock.drop_all(requested);
    }

    /// Whether the order can use this allocation.
    fn awaits_allocation(&self, allocation_no: AllocationNo) -> bool {
        self.stage.price().is_some() && self.stage.invoice().is_none() && allocation_no == self.stock.next_allocation()
    }

    /// The ERP's number of an allocation.
    pub(super) fn allocation_number(&self, allocation_no: AllocationNo) -> Option<&DocumentNumber> {
        self.stock.allocations.get(&allocation_no).map(|allocation| &allocation.number)
    }

    /// Whether there is something to ship, and all of it where the order must not ship in parts.
    pub(super) fn stock_suffices(&self) -> bool {
        let may_ship_in_parts = !self.terms.submission.ship_complete || self.overrides.parts;
        self.stock.has_any() && (may_ship_in_parts || !self.is_short())
    }

    /// What every line needs, in its stock-keeping unit.
    fn all_lines(&self) -> Vec<LineQuantity> {
        let lines = self.line_quantities().into_iter();
        lines.map(|line| LineQuantity { line: line.line, sku: line.sku, quantity: line.ordered }).collect()
    }

    /// What waits for stock.
    fn short_lines(&self) -> Vec<LineQuantity> {
        let short = self.line_quantities().into_iter().filter(|line| !line.backordered.is_zero());
        short.map(|line| LineQuantity { line: line.line, sku: line.sku, quantity: line.backordered }).collect()
    }

    /// What waits for stock that has arrived.
    fn available_lines(&self) -> Vec<LineQuantity> {
        let available = |short: LineQuantity| {
            let arrived = self.stock.arrived.iter().find(|arrived| arrived.line == short.line)?;
            let quantity = short.quantity.at_most(arrived.quantity).ok().filter(|quantity| !quantity.is_zero())?;
            Some(LineQuantity { quantity, ..short })
        };
        self.short_lines().into_iter().filter_map(available).collect()
    }
}
