//! Sub-machine: the order's documents at the ERP, and the effects that make them.
//!
//! What the ERP made is recorded in every stage, also for an order that no longer needs it: then it is an orphan, and an undo
//! step finds it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::goods::LineQuantity;
use crate::ids::{CustomerId, DocumentNumber, LineNo, OrderId, PurchaseOrder, Sku};
use crate::money::Money;
use crate::order::Order;
use crate::order::changes::rejected;
use crate::order::effect::{AllocationNo, OrderEffect};
use crate::order::event::{
    Deallocated, InvoiceDisagreed, Invoiced, OrderEvent, OrderLine, OrphanDocument, Released, SalesOrderCancelled,
};
use crate::order::line_quantities::{LineQuantities, less};
use crate::order::pricing::{Credit, Stage};
use crate::order::review::OrderReview;
use crate::order::reviews::over_shipped;
use crate::party::Destination;
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::review::{Choice, Decision, Review};
use crate::workflow::{Claim, EffectFailed, EffectRejected, EffectRequest, OpenEffects, key};

/// The order's documents at the ERP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Documents {
    /// The sales order.
    pub sales_order: SalesOrderState,
    /// Documents that the ERP made beside the one that the order uses, or in a stage that requested none.
    #[serde(with = "crate::pairs")]
    pub duplicates: BTreeMap<OrderEffect, BTreeSet<DocumentNumber>>,
    /// What the ERP refused.
    #[serde(with = "crate::pairs")]
    pub rejected: BTreeMap<OrderEffect, Rejection>,
    /// An invoice that does not agree with the order and on which no person has decided.
    pub disputed_invoice: Option<InvoiceDisagreed>,
    /// Announced and unanswered effects.
    pub open_effects: OpenEffects<OrderEffect>,
}

/// The sales order at the ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SalesOrderState {
    /// As far as we know it was never created.
    None,
    /// The ERP has it.
    Created(DocumentNumber),
    /// It was cancelled, or certainly never created. The number stays: a late shipment is still posted against it.
    Cancelled(Option<DocumentNumber>),
}

impl Documents {
    pub(super) fn new() -> Self {
        Self {
            sales_order: SalesOrderState::None,
            duplicates: BTreeMap::new(),
            rejected: BTreeMap::new(),
            disputed_invoice: None,
            open_effects: OpenEffects::default(),
        }
    }

    /// The sales order that the ERP has.
    pub fn sales_order(&self) -> Option<&DocumentNumber> {
        match &self.sales_order {
            SalesOrderState::Created(number) => Some(number),
            SalesOrderState::None | SalesOrderState::Cancelled(_) => None,
        }
    }

    /// The sales order, also if it was cancelled meanwhile.
    pub fn last_sales_order(&self) -> Option<&DocumentNumber> {
        match &self.sales_order {
            SalesOrderState::Created(number) | SalesOrderState::Cancelled(Some(number)) => Some(number),
            SalesOrderState::None | SalesOrderState::Cancelled(None) => None,
        }
    }

    /// Requested and unanswered allocations, each with the end of its claim.
    pub(super) fn allocations_under_way(&self) -> impl Iterator<Item = (AllocationNo, Timestamp)> {
        self.open_effects.iter().filter_map(|(effect, claim)| match effect {
            OrderEffect::Allocate { allocation_no } => Some((*allocation_no, claim.started().until)),
            OrderEffect::Deallocate { .. }
            | OrderEffect::CreateSalesOrder
            | OrderEffect::CancelSalesOrder
            | OrderEffect::Invoice => None,
        })
    }

    /// Closes an announced effect that is answered.
    pub(super) fn answer(&mut self, effect: &OrderEffect) {
        self.open_effects.close(effect);
        self.rejected.remove(effect);
    }

    /// The answer to an announced effect is recorded in every stage; `known` is one that closes nothing and adds nothing.
    pub(super) fn unless_known(&self, effect: &OrderEffect, known: bool, event: OrderEvent) -> Vec<OrderEvent> {
        if known && !self.open_effects.contains(effect) { vec![] } else { vec![event] }
    }

    pub(super) fn record_sales_order_cancelled(&self, cancelled: SalesOrderCancelled) -> Vec<OrderEvent> {
        let known = matches!(self.sales_order, SalesOrderState::Cancelled(_));
        self.unless_known(&OrderEffect::CancelSalesOrder, known, OrderEvent::SalesOrderCancelled(cancelled))
    }

    pub(super) fn cancel_sales_order(&mut self, cancelled: &SalesOrderCancelled) {
        self.open_effects.close(&OrderEffect::CreateSalesOrder);
        self.answer(&OrderEffect::CancelSalesOrder);
        let number = self.last_sales_order().or(cancelled.sales_order.as_ref()).cloned();
        self.sales_order = SalesOrderState::Cancelled(number);
    }

    /// A repeated refusal of an effect that no delivery holds is nothing new.
    pub(super) fn record_rejected(&self, rejected: EffectRejected<OrderEffect>) -> Vec<OrderEvent> {
        let known = self.rejected.get(&rejected.effect) == Some(&rejected.rejection);
        if known && !matches!(self.open_effects.get(&rejected.effect), Some(Claim::Held(_))) {
            return vec![];
        }
        vec![OrderEvent::EffectRejected(rejected)]
    }

    /// The refused effect that a review is about.
    pub(super) fn rejected_in(&self, review: &str) -> Option<&OrderEffect> {
        let is_it = |(effect, why): &(&OrderEffect, &Rejection)| {
            Review::<super::OrderReview>::of_refusal(*effect, why).key() == review
        };
        self.rejected.iter().find(is_it).map(|(effect, _)| effect)
    }

    /// Lets a refused effect be requested again, as if for the first time. The person who decided so has checked the partner.
    pub(super) fn retry(&mut self, review: &str) {
        if let Some(effect) = self.rejected_in(review).cloned() {
            self.answer(&effect);
        }
    }
}

/// Requests the sales order, or its change to this content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesOrder {
    /// Our id, the ERP's external reference.
    pub order: OrderId,
    /// How often the order was amended. From 1 on the ERP may have it with an earlier content, under the same reference.
    pub revision: u32,
    /// The sold-to customer.
    pub customer: CustomerId,
    /// The customer's own number.
    pub customer_po: PurchaseOrder,
    /// What the customer owes.
    pub total: Money,
    /// The destination, as far as tax needs it.
    pub destination: Destination,
    /// As ordered, with prices.
    pub lines: Vec<LinePrice>,
}

/// A line of a sales order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePrice {
    /// The order's line.
    pub line: LineNo,
    /// The product.
    pub sku: Sku,
    /// As ordered.
    pub quantity: Quantity,
    /// Price of one ordered unit.
    pub unit_price: Decimal,
    /// Before tax.
    pub amount: Decimal,
    /// The line's tax.
    pub tax: Decimal,
}

impl EffectRequest for SalesOrder {
    type Effect = OrderEffect;

    fn effect(&self) -> OrderEffect {
        OrderEffect::CreateSalesOrder
    }

    fn key(&self) -> String {
        let revision = if self.revision == 0 { String::new() } else { self.revision.to_string() };
        key("sales-order", &self.order, &revision)
    }
}

/// Requests that the sales order be cancelled, whether or not the ERP has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesOrderCancellation {
    /// Our id, the ERP's external reference.
    pub order: OrderId,
    /// The ERP's number, where it is known.
    pub sales_order: Option<DocumentNumber>,
    /// The latest time at which its creation may still be under way; `None` where the ERP has answered it.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for SalesOrderCancellation {
    type Effect = OrderEffect;

    fn effect(&self) -> OrderEffect {
        OrderEffect::CancelSalesOrder
    }

    fn key(&self) -> String {
        key("cancel-sales-order", &self.order, "")
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }
}

/// Requests the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRequest {
    /// Our id.
    pub order: OrderId,
    /// The ERP's.
    pub sales_order: DocumentNumber,
    /// In stock-keeping units: what was shipped, at most as much as was ordered unless more was approved.
    pub lines: Vec<LineQuantity>,
}

impl EffectRequest for InvoiceRequest {
    type Effect = OrderEffect;

    fn effect(&self) -> OrderEffect {
        OrderEffect::Invoice
    }

    fn key(&self) -> String {
        key("invoice", &self.order, "")
    }
}

impl Order {
    /// Whether credit and stock are there for the sales order, and the ERP did not refuse it. Without a clock: the credit may
    /// have expired.
    pub fn may_create_sales_order(&self) -> bool {
        let rejected = self.documents.rejected.contains_key(&OrderEffect::CreateSalesOrder);
        self.is_active() && self.may_release() && !rejected
    }

    /// The sales order that is due. A credit that expired by `now` does not count.
    pub fn sales_order_request(&self, now: Timestamp) -> Option<SalesOrder> {
        let price = self.stage.price().filter(|_| self.may_create_sales_order())?;
        if self.expired_credit(now).is_some() {
            return None;
        }
        let submission = &self.terms.submission;
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
            order: self.id().clone(),
            revision: self.terms.revision,
            customer: submission.customer.clone(),
            customer_po: submission.customer_po.clone(),
            total: price.total,
            destination: submission.destination.clone(),
            lines: submission.lines.iter().filter_map(line).collect(),
        })
    }

    /// Whether credit and stock allow the release.
    pub fn may_release(&self) -> bool {
        matches!(self.stage, Stage::Priced(_, Credit::Approved(_)))
            && self.stock_suffices()
            && self.stock.to_deallocate.is_empty()
    }

    /// The cancellation of the sales order, which is due once nothing of a cancelled order will ship.
    pub fn sales_order_cancellation(&self) -> Option<SalesOrderCancellation> {
        let claim = self.documents.open_effects.get(&OrderEffect::CreateSalesOrder);
        let possibly_created = self.documents.sales_order().is_some() || claim.is_some();
        let rejected = self.documents.rejected.contains_key(&OrderEffect::CancelSalesOrder);
        let due = self.nothing_will_ship() && possibly_created && !rejected;
        due.then(|| SalesOrderCancellation {
            order: self.id().clone(),
            sales_order: self.documents.sales_order().cloned(),
            sent_until: claim.map(|claim| claim.started().until),
        })
    }

    /// The invoice that is due: all goods are delivered, and the ERP has the goods issue of every package that left.
    pub fn invoice_request(&self) -> Option<InvoiceRequest> {
        let sales_order = self.documents.sales_order().filter(|_| self.stage.awaits_invoice())?;
        let lines = self.line_quantities();
        let rejected = self.documents.rejected.contains_key(&OrderEffect::Invoice);
        if rejected
            || self.documents.disputed_invoice.is_some()
            || !self.fulfillments.all_posted()
            || !self.all_delivered(&lines)
        {
            return None;
        }
        let payable = lines.iter().map(|line| self.payable(line)).filter(|line| !line.quantity.is_zero());
        Some(InvoiceRequest { order: self.id().clone(), sales_order: sales_order.clone(), lines: payable.collect() })
    }

    /// What is invoiced of a line, and may come back: what was shipped, with what was shipped beyond the order only if that was approved.
    pub(super) fn payable(&self, line: &LineQuantities) -> LineQuantity {
        let approved = self.decided(&over_shipped(line)) == Some(Choice::Approve);
        let quantity = if approved { line.shipped } else { less(line.shipped, line.over) };
        LineQuantity { line: line.line, sku: line.sku.clone(), quantity }
    }

    pub(super) fn record_release(&self, released: Released) -> Vec<OrderEvent> {
        let number = released.sales_order.clone();
        let awaited =
            self.awaits_release(released.revision) && self.documents.sales_order().is_none_or(|it| *it == number);
        let effect = OrderEffect::CreateSalesOrder;
        let known = self.is_known(&effect, &number) && !awaited;
        let events = self.documents.unless_known(&effect, known, OrderEvent::Released(released));
        self.with_orphan(events, false, number)
    }

    pub(super) fn record_invoice(&self, invoiced: Invoiced) -> Vec<OrderEvent> {
        let known = self.is_known(&OrderEffect::Invoice, &invoiced.invoice) && !self.stage.awaits_invoice();
        let disputed = self.documents.disputed_invoice.as_ref();
        let disputed = disputed.is_some_and(|it| (&it.invoice, it.total) == (&invoiced.invoice, invoiced.total));
        // What an answer to our own request has to come to is certain: all has arrived by then. Other invoices are only recorded.
        let is_checked =
            self.stage.awaits_invoice() && (disputed || self.documents.open_effects.contains(&OrderEffect::Invoice));
        let event = match self.invoice_disagreement(&invoiced).filter(|_| is_checked) {
            Some(disagreed) => OrderEvent::InvoiceDisagreed(disagreed),
            None => OrderEvent::Invoiced(invoiced),
        };
        let known = known || disputed;
        self.documents.unless_known(&OrderEffect::Invoice, known, event)
    }

    /// How an invoice differs from what the order comes to. An invoice of a part may differ by one minor unit for each amount that
    /// is rounded, because systems round parts in their own way.
    fn invoice_disagreement(&self, invoiced: &Invoiced) -> Option<InvoiceDisagreed> {
        let price = self.stage.price()?;
        let mut expected = Money { amount: Decimal::ZERO, currency: price.total.currency };
        let mut rounded = 0_u32;
        let lines = self.line_quantities();
        // An invoice that comes before the goods left is for all of the order.
        let has_shipped = lines.iter().any(|line| !line.shipped.is_zero());
        if !has_shipped {
            expected = price.total;
        }
        for line in lines.iter().filter(|_| has_shipped) {
            let priced = price.lines.iter().find(|priced| priced.line == line.line)?;
            let (quantity, ordered) = (self.payable(line).quantity.amount(), priced.base.amount());
            let whole = priced.amount.checked_add(priced.tax)?;
            if quantity == ordered {
                expected.amount = expected.amount.checked_add(whole)?;
            } else if !quantity.is_zero() {
                rounded = rounded.saturating_add(2);
                expected.amount = expected.amount.checked_add(whole.checked_mul(quantity)?.checked_div(ordered)?)?;
            }
        }
        let places = expected.currency.minor_units();
        let tolerance = Decimal::new(i64::from(rounded), places);
        let same_currency = invoiced.total.currency == expected.currency;
        if same_currency && (invoiced.total.amount - expected.amount).abs() <= tolerance {
            return None;
        }
        expected.amount = expected.amount.round_dp(places);
        Some(InvoiceDisagreed { invoice: invoiced.invoice.clone(), total: invoiced.total, expected })
    }

    /// The review of an invoice that does not agree with the order.
    pub(super) fn disputed_invoice(&self) -> Option<Review<OrderReview>> {
        let InvoiceDisagreed { invoice, total, expected } = self.documents.disputed_invoice.as_ref()?;
        let reason = format!("the ERP invoiced {total} as {invoice}, the order comes to {expected}");
        Some(Review { kind: OrderReview::InvoiceDisagrees, reason })
    }

    /// What a decision on an invoice that does not agree makes true: it counts as it is, or another document counts.
    pub(super) fn invoice_decided(&self, decision: &Decision<OrderReview>) -> Vec<OrderEvent> {
        let Some(disputed) = &self.documents.disputed_invoice else { return vec![] };
        let invoiced =
            |invoice: &DocumentNumber, total| vec![OrderEvent::Invoiced(Invoiced { invoice: invoice.clone(), total })];
        match (decision.choice, &decision.document) {
            (Choice::ResolvedManually, Some(document)) => {
                let amount = document.total.unwrap_or(disputed.expected.amount);
                invoiced(&document.number, Money { amount, currency: disputed.expected.currency })
            }
            (Choice::ResolvedManually, None) => {
                vec![rejected("DOCUMENT_NEEDED", "name the number of the invoice that counts")]
            }
            (_, _) => invoiced(&disputed.invoice, disputed.total),
        }
    }

    /// What a cancelled order was about to make and certainly did not is recorded as undone: the order may wait for nothing
    /// else.
    pub(super) fn record_effect_failed(&self, failed: EffectFailed<OrderEffect>) -> Vec<OrderEvent> {
        if !self.documents.open_effects.is_held_by(&failed) {
            return vec![];
        }
        let undone = match failed.effect {
            OrderEffect::Allocate { allocation_no } => Some(OrderEvent::Deallocated(Deallocated { allocation_no })),
            OrderEffect::CreateSalesOrder if self.documents.sales_order().is_none() => {
                Some(OrderEvent::SalesOrderCancelled(SalesOrderCancelled { sales_order: None }))
            }
            OrderEffect::CreateSalesOrder
            | OrderEffect::Deallocate { .. }
            | OrderEffect::CancelSalesOrder
            | OrderEffect::Invoice => None,
        };
        let undone = undone.filter(|_| failed.did_nothing() && self.is_cancelled());
        [OrderEvent::EffectFailed(failed)].into_iter().chain(undone).collect()
    }

    /// A document that is created for a cancelled order, or under a dropped allocation, is announced as an orphan: the undo step
    /// may already have looked and found none.
    pub(super) fn with_orphan(
        &self,
        mut events: Vec<OrderEvent>,
        dropped: bool,
        document: DocumentNumber,
    ) -> Vec<OrderEvent> {
        if !events.is_empty() && (dropped || self.is_cancelled()) {
            events.push(OrderEvent::OrphanDocument(OrphanDocument { document }));
        }
        events
    }

    /// What a manual resolution of a refused effect makes true: the document that a person made by hand is recorded like one of
    /// the ERP's own answers, so that the order goes on.
    pub(super) fn resolved_manually(&self, decision: &Decision<OrderReview>) -> Vec<OrderEvent> {
        let document = decision.document.as_ref();
        let number = document.map(|document| document.number.clone());
        match (self.documents.rejected_in(&decision.review).cloned(), number) {
            (Some(OrderEffect::Deallocate { allocation_no }), _) => {
                vec![OrderEvent::Deallocated(Deallocated { allocation_no })]
            }
            (Some(OrderEffect::CancelSalesOrder), _) => {
                let sales_order = self.documents.sales_order().cloned();
                vec![OrderEvent::SalesOrderCancelled(SalesOrderCancelled { sales_order })]
            }
            (Some(OrderEffect::Allocate { allocation_no }), Some(number)) => {
                let Some(site) = document.and_then(|document| document.site.as_ref()) else {
                    return vec![rejected("DOCUMENT_NEEDED", "name the site that the stock was allocated at")];
                };
                self.record_allocation(self.manual_allocation(allocation_no, number, site))
            }
            (Some(OrderEffect::CreateSalesOrder), Some(number)) => match self.documents.sales_order() {
                Some(known) if *known != number => {
                    vec![rejected("OTHER_DOCUMENT", &format!("the order's sales order is {known}"))]
                }
                Some(_) | None => self.record_release(Released { sales_order: number, revision: self.terms.revision }),
            },
            (Some(OrderEffect::Invoice), Some(invoice)) => {
                let (total, price) = (document.and_then(|document| document.total), self.stage.price());
                let Some((amount, price)) = total.zip(price) else {
                    return vec![rejected("DOCUMENT_NEEDED", "name the invoice's total, including tax")];
                };
                let total = Money { amount, currency: price.total.currency };
                vec![OrderEvent::Invoiced(Invoiced { invoice, total })]
            }
            (Some(OrderEffect::Allocate { .. } | OrderEffect::CreateSalesOrder | OrderEffect::Invoice), None) => {
                vec![rejected("DOCUMENT_NEEDED", "name the number of the document that was made by hand")]
            }
            (None, _) => vec![],
        }
    }

    pub(super) fn apply_release(&mut self, released: &Released) {
        self.documents.answer(&OrderEffect::CreateSalesOrder);
        if self.documents.sales_order().is_some_and(|number| *number != released.sales_order) {
            return self.record_duplicate(OrderEffect::CreateSalesOrder, &released.sales_order);
        }
        self.documents.sales_order = SalesOrderState::Created(released.sales_order.clone());
        if self.awaits_release(released.revision)
            && let Some(price) = self.stage.price().cloned()
        {
            self.stage = Stage::Released(price);
        }
    }

    /// Whether the order waits for the ERP to have this revision of it.
    fn awaits_release(&self, revision: u32) -> bool {
        matches!(self.stage, Stage::Priced(..)) && !self.stock.allocations.is_empty() && revision == self.terms.revision
    }

    pub(super) fn apply_invoice_disagreed(&mut self, disagreed: &InvoiceDisagreed) {
        self.documents.answer(&OrderEffect::Invoice);
        self.documents.disputed_invoice = Some(disagreed.clone());
    }

    pub(super) fn apply_invoice(&mut self, invoiced: &Invoiced) {
        self.documents.open_effects.close(&OrderEffect::Invoice);
        self.documents.disputed_invoice = None;
        if self.stage.awaits_invoice() {
            self.stage.advance(|price| Stage::Invoiced(price, invoiced.clone()));
        } else {
            self.record_duplicate(OrderEffect::Invoice, &invoiced.invoice);
        }
    }

    /// Keeps a document that the order has no use for: it exists at the ERP.
    pub(super) fn record_duplicate(&mut self, effect: OrderEffect, document: &DocumentNumber) {
        if self.document(&effect) != Some(document) {
            self.documents.duplicates.entry(effect).or_default().insert(document.clone());
        }
    }

    /// The document that an effect made and that the order uses.
    pub(super) fn document(&self, effect: &OrderEffect) -> Option<&DocumentNumber> {
        match effect {
            OrderEffect::Allocate { allocation_no } => self.allocation_number(*allocation_no),
            OrderEffect::CreateSalesOrder => self.documents.sales_order(),
            OrderEffect::Invoice => self.stage.invoice().map(|invoiced| &invoiced.invoice),
            OrderEffect::Deallocate { .. } | OrderEffect::CancelSalesOrder => None,
        }
    }

    /// Whether the order has this document already, in use or as a duplicate.
    pub(super) fn is_known(&self, effect: &OrderEffect, document: &DocumentNumber) -> bool {
        let duplicates = self.documents.duplicates.get(effect);
        self.document(effect) == Some(document) || duplicates.is_some_and(|all| all.contains(document))
    }
}
