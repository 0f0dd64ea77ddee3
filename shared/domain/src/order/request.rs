//! What an order asks of partners. Each request is made from the state, builds its own key, and is `None` where nothing is
//! to be asked now: that is the guard of the step that sends it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::goods::LineQuantity;
use crate::ids::{
    CustomerId, DocumentNumber, ExternalId, FulfillmentId, LineNo, OrderId, PartnerId, PurchaseOrder, Sku,
};
use crate::money::{Currency, Money};
use crate::order::event::{Assignment, OrderLine, PackageSummary, WithdrawalReason};
use crate::order::line_quantities::{LineQuantities, less};
use crate::order::state::{Credit, CrmState, Order, OrderState, SalesOrderState, Stage};
use crate::order::status::{Status, over_shipped};
use crate::party::Destination;
use crate::quantity::Quantity;
use crate::review::Choice;
use crate::workflow::{Effect, EffectRequest, FIRST_PART, key};

/// What does it cost?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuery {
    /// Of which content: how often the order was amended.
    pub revision: u32,
    /// Who buys.
    pub customer: CustomerId,
    /// In which currency.
    pub currency: Currency,
    /// Where to, for the tax.
    pub destination: Destination,
    /// What.
    pub lines: Vec<OrderLine>,
}

/// May they have it on credit?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditQuery {
    /// For which order.
    pub order: OrderId,
    /// Who buys.
    pub customer: CustomerId,
    /// For how much, tax included.
    pub amount: Money,
}

/// Set this stock aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRequest {
    /// For which order.
    pub order: OrderId,
    /// Which of the order's allocations.
    pub part: u32,
    /// What, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for AllocationRequest {
    fn effect(&self) -> Effect {
        Effect::Allocate { part: self.part }
    }

    fn key(&self) -> String {
        key("allocate", &self.order, &later_part(self.part))
    }
}

impl AllocationRequest {
    /// What the ERP knows it by: the order's id, and which part it is from the second on.
    pub fn reference(&self) -> String {
        allocation_reference(&self.order, self.part)
    }
}

/// Give this stock back, whether or not it is certain that it was ever set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deallocation {
    /// Of which order.
    pub order: OrderId,
    /// Which of its allocations.
    pub part: u32,
    /// Until when somebody may still have been at setting it aside; `None` where the ERP has answered.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for Deallocation {
    fn effect(&self) -> Effect {
        Effect::Deallocate { part: self.part }
    }

    fn key(&self) -> String {
        key("release-allocation", &self.order, &later_part(self.part))
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

impl Deallocation {
    /// What the ERP knows the allocation by.
    pub fn reference(&self) -> String {
        allocation_reference(&self.order, self.part)
    }
}

fn later_part(part: u32) -> String {
    if part == FIRST_PART { String::new() } else { part.to_string() }
}

fn allocation_reference(order: &OrderId, part: u32) -> String {
    if part == FIRST_PART { order.to_string() } else { format!("{order}/{part}") }
}

/// How much is there of this?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockQuery {
    /// For which order.
    pub order: OrderId,
    /// What is short, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
}

/// Create this sales order, or change the one that there is to this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesOrder {
    /// Our id, the ERP's external reference.
    pub order: OrderId,
    /// How often the order was amended. From 1 on the ERP may have it with an older content, under the same reference.
    pub revision: u32,
    /// Who buys.
    pub customer: CustomerId,
    /// Their number for it.
    pub customer_po: PurchaseOrder,
    /// What they owe.
    pub total: Money,
    /// Where to.
    pub destination: Destination,
    /// What, as ordered, with its price.
    pub lines: Vec<LinePrice>,
}

/// A line of a sales order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePrice {
    /// Which line.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// How much, as ordered.
    pub quantity: Quantity,
    /// Price of one ordered unit.
    pub unit_price: Decimal,
    /// Before tax.
    pub amount: Decimal,
    /// Tax.
    pub tax: Decimal,
}

impl EffectRequest for SalesOrder {
    fn effect(&self) -> Effect {
        Effect::CreateSalesOrder
    }

    fn key(&self) -> String {
        let revision = if self.revision == 0 { String::new() } else { self.revision.to_string() };
        key("sales-order", &self.order, &revision)
    }
}

/// Cancel this sales order, whether or not it is certain that it was ever made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesOrderCancellation {
    /// Our id, the ERP's external reference.
    pub order: OrderId,
    /// The ERP's number, where it is known.
    pub sales_order: Option<DocumentNumber>,
    /// Until when somebody may still have been at making it; `None` where the ERP has answered.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for SalesOrderCancellation {
    fn effect(&self) -> Effect {
        Effect::CancelSalesOrder
    }

    fn key(&self) -> String {
        key("cancel-sales-order", &self.order, "")
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

/// Invoice this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRequest {
    /// Our id.
    pub order: OrderId,
    /// The ERP's.
    pub sales_order: DocumentNumber,
    /// What is to be paid for, in stock-keeping units: what was shipped, and of that no more than was ordered unless somebody
    /// approved it.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for InvoiceRequest {
    fn effect(&self) -> Effect {
        Effect::Invoice
    }

    fn key(&self) -> String {
        key("invoice", &self.order, "")
    }
}

/// What the CRM should show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUpdate {
    /// Which system to tell.
    pub source: PartnerId,
    /// What it calls the order.
    pub external_id: ExternalId,
    /// Our id.
    pub order: OrderId,
    /// Where it stands.
    pub status: Status,
    /// Every line.
    pub lines: Vec<CrmLine>,
    /// Every package.
    pub packages: Vec<PackageSummary>,
    /// The ERP's sales order.
    pub sales_order: Option<DocumentNumber>,
    /// The ERP's invoice.
    pub invoice: Option<DocumentNumber>,
}

/// A line as the CRM shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmLine {
    /// Which line.
    pub line: LineNo,
    /// In stock-keeping units, as the other two.
    pub ordered: Quantity,
    /// Left a warehouse.
    pub shipped: Quantity,
    /// Arrived.
    pub delivered: Quantity,
}

impl CrmUpdate {
    /// A digest of all that it says.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        crate::ids::base32(&crate::ids::fingerprint(&[&text]), 26)
    }
}

impl Order {
    fn wanted(&self) -> Option<&OrderState> {
        self.known().filter(|known| known.wanted())
    }

    /// Whether a price has to be asked for.
    pub fn price_query(&self) -> Option<PriceQuery> {
        let known = self.wanted()?;
        let Stage::Submitted = known.stage else { return None };
        let submission = &known.submission;
        Some(PriceQuery {
            revision: known.revision,
            customer: submission.customer.clone(),
            currency: submission.currency,
            destination: submission.destination.clone(),
            lines: submission.lines.clone(),
        })
    }

    /// Whether credit has to be asked for.
    pub fn credit_query(&self) -> Option<CreditQuery> {
        let known = self.wanted()?;
        let Stage::Priced(price, Credit::Pending) = &known.stage else { return None };
        known.price_agrees().then(|| CreditQuery {
            order: known.id().clone(),
            customer: known.submission.customer.clone(),
            amount: price.total,
        })
    }

    /// Whether stock has to be set aside: all of it at first, later what was short and has come meanwhile. What an amended
    /// order gave up has to be back on the shelf before.
    pub fn allocation_request(&self) -> Option<AllocationRequest> {
        let known = self.wanted()?;
        let part = known.next_part();
        known.price()?;
        let blocked = !known.price_agrees() || !known.to_deallocate.is_empty() || known.invoice().is_some();
        if blocked || known.refused.contains_key(&Effect::Allocate { part }) {
            return None;
        }
        let lines = if known.allocations.is_empty() { known.everything() } else { known.obtainable() };
        (!lines.is_empty()).then(|| AllocationRequest { order: known.id().clone(), part, lines })
    }

    /// What waits for stock, while it is worth asking whether there is any.
    pub fn stock_query(&self) -> Option<StockQuery> {
        let known = self.wanted()?;
        let lines = known.missing();
        let asked = known.allocations.is_empty() || lines.is_empty() || known.invoice().is_some();
        (!asked).then(|| StockQuery { order: known.id().clone(), lines })
    }

    /// Stock that has to be given back: of a part that an amendment gave up, or any of a cancelled order.
    pub fn deallocation(&self) -> Option<Deallocation> {
        let known = self.known()?;
        let under_way: BTreeMap<u32, Timestamp> = known.parts_under_way().collect();
        let all = known.nothing_will_ship().then(|| known.allocations.keys().chain(under_way.keys()));
        let parts = known.to_deallocate.iter().chain(all.into_iter().flatten());
        let refused = |part: u32| known.refused.contains_key(&Effect::Deallocate { part });
        let part = parts.copied().filter(|part| !refused(*part)).min()?;
        Some(Deallocation { order: known.id().clone(), part, sent_until: under_way.get(&part).copied() })
    }

    /// Whether the sales order has to be created, or changed to what the order says now. Credit that ran out by `now` does
    /// not count.
    pub fn sales_order(&self, now: Timestamp) -> Option<SalesOrder> {
        let known = self.wanted()?;
        let price = known.price().filter(|_| known.may_release())?;
        if known.refused.contains_key(&Effect::CreateSalesOrder) || self.expired_credit(now).is_some() {
            return None;
        }
        let submission = &known.submission;
        let line = |line: &OrderLine| {
            let priced = price.lines.iter().find(|priced| priced.line == line.line)?;
            Some(LinePrice {
                line: line.line,
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price: priced.unit_price,
                amount: priced.amount,
                tax: priced.tax,
            })
        };
        Some(SalesOrder {
            order: known.id().clone(),
            revision: known.revision,
            customer: submission.customer.clone(),
            customer_po: submission.customer_po.clone(),
            total: price.total,
            destination: submission.destination.clone(),
            lines: submission.lines.iter().filter_map(line).collect(),
        })
    }

    /// Credit that was granted and has run out by `now`, before the order was released.
    pub fn expired_credit(&self, now: Timestamp) -> Option<Timestamp> {
        let Stage::Priced(_, Credit::Approved(approved)) = &self.wanted()?.stage else { return None };
        approved.valid_until.filter(|until| *until <= now)
    }

    /// Whether the sales order of a cancelled order has to be cancelled: nothing of it ships, for certain.
    pub fn sales_order_cancellation(&self) -> Option<SalesOrderCancellation> {
        let known = self.known().filter(|known| known.nothing_will_ship())?;
        let started = known.open_effects.get(&Effect::CreateSalesOrder);
        let possibly_made = match &known.sales_order {
            SalesOrderState::Made(_) => true,
            SalesOrderState::Unmade | SalesOrderState::Cancelled(_) => started.is_some(),
        };
        let wanted = possibly_made && !known.refused.contains_key(&Effect::CancelSalesOrder);
        wanted.then(|| SalesOrderCancellation {
            order: known.id().clone(),
            sales_order: known.sales_order().cloned(),
            sent_until: started.map(|claim| claim.started().until),
        })
    }

    /// One warehouse's fulfillment, while it is wanted: what the request to that warehouse is made of.
    pub fn assignment(&self, fulfillment: &FulfillmentId) -> Option<&Assignment> {
        let known = self.wanted().filter(|known| !known.withdrawals.contains_key(fulfillment))?;
        known.assignments.get(fulfillment)
    }

    /// One warehouse's fulfillment that is asked back, and what for.
    pub fn recall(&self, fulfillment: &FulfillmentId) -> Option<(&Assignment, WithdrawalReason)> {
        let known = self.known()?;
        Some((known.assignments.get(fulfillment)?, *known.withdrawals.get(fulfillment)?))
    }

    /// Whether the invoice has to be asked for: all is delivered, and the ERP knows of every package that left.
    pub fn invoice_request(&self) -> Option<InvoiceRequest> {
        let known = self.known().filter(|known| known.awaits_invoice())?;
        let sales_order = known.sales_order()?.clone();
        let line_quantities = known.line_quantities();
        let posted = known
            .progress
            .iter()
            .all(|(fulfillment, progress)| known.will_not_ship(fulfillment) || progress.goods_issued);
        if known.refused.contains_key(&Effect::Invoice) || !posted || !known.all_delivered(&line_quantities) {
            return None;
        }
        let lines = line_quantities
            .iter()
            .map(|quantities| known.payable(quantities))
            .filter(|line| !line.quantity.is_zero())
            .collect();
        Some(InvoiceRequest { order: known.id().clone(), sales_order, lines })
    }

    /// Whether an older telling landed at the CRM after a newer one.
    pub fn crm_is_stale(&self) -> bool {
        self.known().is_some_and(|known| matches!(known.told, CrmState::Stale(_)))
    }

    /// What the CRM does not show yet.
    pub fn update(&self) -> Option<CrmUpdate> {
        let known = self.known()?;
        let line = |l: &LineQuantities| CrmLine {
            line: l.line,
            ordered: l.ordered,
            shipped: l.shipped,
            delivered: l.delivered,
        };
        let update = CrmUpdate {
            source: known.submission.source.clone(),
            external_id: known.submission.external_id.clone(),
            order: known.id().clone(),
            status: known.status(),
            lines: known.line_quantities().iter().map(line).collect(),
            packages: known.progress.values().flat_map(|progress| progress.packages.clone()).collect(),
            sales_order: known.sales_order().cloned(),
            invoice: known.invoice().map(|invoiced| invoiced.invoice.clone()),
        };
        match &known.told {
            CrmState::Newest(told) if told.digest == update.digest() => None,
            CrmState::Nothing | CrmState::Newest(_) | CrmState::Stale(_) => Some(update),
        }
    }
}

impl OrderState {
    /// What every line needs, in its stock-keeping unit.
    fn everything(&self) -> Vec<LineQuantity> {
        self.line_quantities()
            .into_iter()
            .map(|l| LineQuantity { line: l.line, sku: l.sku, quantity: l.ordered })
            .collect()
    }

    /// What waits for stock.
    fn missing(&self) -> Vec<LineQuantity> {
        let short = self.line_quantities().into_iter().filter(|quantities| !quantities.backordered.is_zero());
        short
            .map(|quantities| LineQuantity {
                line: quantities.line,
                sku: quantities.sku,
                quantity: quantities.backordered,
            })
            .collect()
    }

    /// What waits for stock and has come, as far as we heard.
    fn obtainable(&self) -> Vec<LineQuantity> {
        let come = |missing: LineQuantity| {
            let arrived = self.arrived.iter().find(|arrived| arrived.line == missing.line)?;
            let quantity = missing.quantity.at_most(arrived.quantity).ok().filter(|quantity| !quantity.is_zero())?;
            Some(LineQuantity { quantity, ..missing })
        };
        self.missing().into_iter().filter_map(come).collect()
    }

    /// What is to be paid for of a line: what was shipped, and what was shipped beyond the order once somebody approved it.
    fn payable(&self, quantities: &LineQuantities) -> LineQuantity {
        let approved = self.decisions.get(&over_shipped(quantities).key()).is_some_and(|d| d.choice == Choice::Approve);
        let quantity = if approved { quantities.shipped } else { less(quantities.shipped, quantities.over) };
        LineQuantity { line: quantities.line, sku: quantities.sku.clone(), quantity }
    }
}
