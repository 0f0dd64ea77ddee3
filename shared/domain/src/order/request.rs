//! What an order asks of partners. Each request is made from the state, builds its own key, and is `None` where nothing is
//! to be asked now: that is the guard of the step that sends it.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::goods::Share;
use crate::ids::{CustomerId, DocumentNumber, ExternalId, LineNo, OrderId, PartnerId, PurchaseOrder, Sku};
use crate::money::{Currency, Money};
use crate::order::event::{Assignment, OrderLine, PackageSummary, Standing};
use crate::order::ladder::Ladder;
use crate::order::state::{Credit, Knowledge, Known, Order, Stage, Stock};
use crate::order::status::Status;
use crate::party::Destination;
use crate::quantity::Quantity;
use crate::workflow::{Effect, EffectRequest, FIRST_PART, key};

/// What does it cost?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuestion {
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
pub struct CreditQuestion {
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
    pub lines: Vec<Share>,
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
pub struct AllocationRelease {
    /// Of which order.
    pub order: OrderId,
    /// Which of its allocations.
    pub part: u32,
    /// Until when somebody may still have been at setting it aside; `None` where the ERP has answered.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for AllocationRelease {
    fn effect(&self) -> Effect {
        Effect::ReleaseAllocation { part: self.part }
    }

    fn key(&self) -> String {
        key("release-allocation", &self.order, &later_part(self.part))
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

impl AllocationRelease {
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
pub struct StockQuestion {
    /// For which order.
    pub order: OrderId,
    /// What is short, in stock-keeping units.
    pub lines: Vec<Share>,
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
    pub lines: Vec<Share>,
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
pub struct Telling {
    /// Which system to tell.
    pub source: PartnerId,
    /// What it calls the order.
    pub external_id: ExternalId,
    /// Our id.
    pub order: OrderId,
    /// Where it stands.
    pub status: Status,
    /// Every line.
    pub lines: Vec<ToldLine>,
    /// Every package.
    pub packages: Vec<PackageSummary>,
    /// The ERP's sales order.
    pub sales_order: Option<DocumentNumber>,
    /// The ERP's invoice.
    pub invoice: Option<DocumentNumber>,
}

/// A line as the CRM shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldLine {
    /// Which line.
    pub line: LineNo,
    /// In stock-keeping units, as the other two.
    pub ordered: Quantity,
    /// Left a warehouse.
    pub shipped: Quantity,
    /// Arrived.
    pub delivered: Quantity,
}

impl Telling {
    /// A digest of all that it says.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        crate::ids::base32(&crate::ids::fingerprint(&[&text]), 26)
    }
}

impl Order {
    fn wanted(&self) -> Option<&Known> {
        self.known().filter(|known| known.wanted())
    }

    /// Whether a price has to be asked for.
    pub fn price_question(&self) -> Option<PriceQuestion> {
        let known = self.wanted()?;
        let Stage::Submitted = known.stage else { return None };
        let submission = &known.submission;
        Some(PriceQuestion {
            customer: submission.customer.clone(),
            currency: submission.currency,
            destination: submission.destination.clone(),
            lines: submission.lines.clone(),
        })
    }

    /// Whether credit has to be asked for.
    pub fn credit_question(&self) -> Option<CreditQuestion> {
        let known = self.wanted()?;
        let Stage::Priced { price, credit: Credit::Pending, .. } = &known.stage else { return None };
        Some(CreditQuestion {
            order: known.id().clone(),
            customer: known.submission.customer.clone(),
            amount: price.total,
        })
    }

    /// Whether stock has to be set aside.
    pub fn allocation_request(&self) -> Option<AllocationRequest> {
        let known = self.wanted()?;
        let Stage::Priced { price, stock: Stock::Pending, .. } = &known.stage else { return None };
        if known.refused.contains_key(&Effect::Allocate { part: 1 }) {
            return None;
        }
        let share = |line: &OrderLine| {
            let priced = price.lines.iter().find(|priced| priced.line == line.line)?;
            Some(Share { line: line.line, sku: line.sku.clone(), quantity: priced.base })
        };
        let lines = known.submission.lines.iter().filter_map(share).collect();
        Some(AllocationRequest { order: known.id().clone(), part: 1, lines })
    }

    /// Whether the sales order has to be created.
    pub fn sales_order(&self) -> Option<SalesOrder> {
        let known = self.wanted()?;
        let price = known.price().filter(|_| known.may_release())?;
        if known.refused.contains_key(&Effect::CreateSalesOrder) {
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
            revision: 0,
            customer: submission.customer.clone(),
            customer_po: submission.customer_po.clone(),
            total: price.total,
            destination: submission.destination.clone(),
            lines: submission.lines.iter().filter_map(line).collect(),
        })
    }

    /// One warehouse's share, while it is wanted: what the request to that warehouse is made of.
    pub fn assignment(&self, fulfillment: &crate::ids::FulfillmentId) -> Option<&Assignment> {
        self.wanted()?.assignments.get(fulfillment)
    }

    /// Whether the invoice has to be asked for: all is delivered, and the ERP knows of every package that left.
    pub fn invoice_request(&self) -> Option<InvoiceRequest> {
        let known = self.known()?;
        let Stage::Routed(cleared) = &known.stage else { return None };
        let posted = known.progress.values().all(|p| p.standing == Standing::Rejected || p.goods_issued);
        if known.refused.contains_key(&Effect::Invoice) || !posted || !known.all_delivered(&known.ladders()) {
            return None;
        }
        Some(InvoiceRequest { order: known.id().clone(), sales_order: cleared.sales_order.clone(), lines: vec![] })
    }

    /// Whether an older telling landed at the CRM after a newer one.
    pub fn was_overtaken(&self) -> bool {
        self.known().is_some_and(|known| matches!(known.told, Knowledge::Overtaken(_)))
    }

    /// What the CRM does not show yet.
    pub fn telling(&self) -> Option<Telling> {
        let known = self.known()?;
        let line =
            |l: &Ladder| ToldLine { line: l.line, ordered: l.ordered, shipped: l.shipped, delivered: l.delivered };
        let telling = Telling {
            source: known.submission.source.clone(),
            external_id: known.submission.external_id.clone(),
            order: known.id().clone(),
            status: known.status(),
            lines: known.ladders().iter().map(line).collect(),
            packages: known.progress.values().flat_map(|progress| progress.packages.clone()).collect(),
            sales_order: known.sales_order().cloned(),
            invoice: known.invoice().map(|invoiced| invoiced.invoice.clone()),
        };
        match &known.told {
            Knowledge::Newest(told) if told.digest == telling.digest() => None,
            Knowledge::Nothing | Knowledge::Newest(_) | Knowledge::Overtaken(_) => Some(telling),
        }
    }
}
