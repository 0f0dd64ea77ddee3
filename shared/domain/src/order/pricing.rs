//! Sub-machine: the ERP's price and credit, and the stage that follows from them.

use std::num::NonZeroU32;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, LineNo, OrderId};
use crate::money::{Currency, Money};
use crate::order::event::{
    CreditApproved, CreditExpired, CreditRefused, Invoiced, OrderEvent, OrderLine, Price, PricedLine, Routed,
    Submission,
};
use crate::order::{Order, OrderCommand};
use crate::party::Destination;
use crate::quantity::{Conversion, Uom};
use crate::rejection::Rejection;

/// How far our own work has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It waits for the ERP's price.
    Submitted,
    /// The ERP cannot price it.
    Unpriceable(Rejection),
    /// Credit and stock are requested, in parallel.
    Priced(Price, Credit),
    /// The ERP has the sales order.
    Released(Price),
    /// No warehouse may or can ship the rest of it.
    Unroutable(Price, Routed),
    /// Every line that has stock is assigned to a warehouse.
    Routed(Price),
    /// The ERP invoiced it.
    Invoiced(Price, Invoiced),
}

/// The ERP's answer on credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credit {
    /// Not answered yet, or expired and to be asked for again.
    Pending,
    /// Granted.
    Approved(CreditApproved),
    /// Refused.
    Refused(CreditRefused),
    /// Expired, and not asked for again before a person decides.
    Expired(CreditExpired),
}

impl Stage {
    /// The price, once the order has one.
    pub fn price(&self) -> Option<&Price> {
        match self {
            Self::Submitted | Self::Unpriceable(_) => None,
            Self::Priced(price, _)
            | Self::Released(price)
            | Self::Unroutable(price, _)
            | Self::Routed(price)
            | Self::Invoiced(price, _) => Some(price),
        }
    }

    /// The invoice, once the order has one.
    pub fn invoice(&self) -> Option<&Invoiced> {
        match self {
            Self::Invoiced(_, invoiced) => Some(invoiced),
            Self::Submitted
            | Self::Unpriceable(_)
            | Self::Priced(..)
            | Self::Released(_)
            | Self::Unroutable(..)
            | Self::Routed(_) => None,
        }
    }

    /// Whether the ERP cannot take the question for credit.
    pub(super) fn is_credit_unanswerable(&self) -> bool {
        matches!(self, Self::Priced(_, Credit::Refused(refused)) if refused.unanswerable)
    }

    /// Whether the ERP has the order with its present content: its goods may be shipped.
    pub fn is_released(&self) -> bool {
        self.awaits_invoice() || self.invoice().is_some()
    }

    /// Whether the order is released and not invoiced.
    pub fn awaits_invoice(&self) -> bool {
        match self {
            Self::Released(_) | Self::Unroutable(..) | Self::Routed(_) => true,
            Self::Submitted | Self::Unpriceable(_) | Self::Priced(..) | Self::Invoiced(..) => false,
        }
    }

    pub(super) fn set_credit(&mut self, answer: Credit) {
        if let Self::Priced(_, credit) = self {
            *credit = answer;
        }
    }

    /// Moves a released order to another stage with the same price; an order before its release stays as it is.
    pub(super) fn advance(&mut self, to: impl FnOnce(Price) -> Self) {
        *self = match std::mem::replace(self, Self::Submitted) {
            Self::Released(price) | Self::Unroutable(price, _) | Self::Routed(price) | Self::Invoiced(price, _) => {
                to(price)
            }
            early @ (Self::Submitted | Self::Unpriceable(_) | Self::Priced(..)) => early,
        };
    }

    /// A quote is news to an order without a price. One that cannot be used for the same reason as before is not.
    pub(super) fn record_quote(&self, submission: &Submission, quote: Quote) -> Vec<OrderEvent> {
        match self {
            Self::Submitted => vec![price(submission, quote)],
            Self::Unpriceable(known) => {
                let event = price(submission, quote);
                if event == OrderEvent::Unpriceable(known.clone()) { vec![] } else { vec![event] }
            }
            Self::Priced(..) | Self::Released(_) | Self::Unroutable(..) | Self::Routed(_) | Self::Invoiced(..) => {
                vec![]
            }
        }
    }

    pub(super) fn record_unpriceable(&self, why: Rejection) -> Vec<OrderEvent> {
        match self {
            Self::Submitted => vec![OrderEvent::Unpriceable(why)],
            Self::Unpriceable(known) if *known != why => vec![OrderEvent::Unpriceable(why)],
            Self::Unpriceable(_)
            | Self::Priced(..)
            | Self::Released(_)
            | Self::Unroutable(..)
            | Self::Routed(_)
            | Self::Invoiced(..) => vec![],
        }
    }

    /// An approval counts only for the amount that the order has now: an amendment may have changed the price.
    pub(super) fn record_credit_approved(&self, approved: CreditApproved) -> Vec<OrderEvent> {
        if self.price().is_some_and(|price| price.total != approved.amount) {
            return vec![];
        }
        self.if_credit_open(OrderEvent::CreditApproved(approved))
    }

    pub(super) fn if_credit_open(&self, answer: OrderEvent) -> Vec<OrderEvent> {
        match self {
            Self::Priced(_, Credit::Refused(known)) if answer == OrderEvent::CreditRefused(known.clone()) => vec![],
            Self::Priced(_, Credit::Pending | Credit::Refused(_)) => vec![answer],
            Self::Priced(_, Credit::Approved(_) | Credit::Expired(_))
            | Self::Submitted
            | Self::Unpriceable(_)
            | Self::Released(_)
            | Self::Unroutable(..)
            | Self::Routed(_)
            | Self::Invoiced(..) => vec![],
        }
    }
}

/// The ERP's price, before its units are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The revision that was asked for; a quote for an earlier one is ignored.
    pub revision: u32,
    /// One for each line.
    pub lines: Vec<QuotedLine>,
    /// Before tax.
    pub subtotal: Money,
    /// The tax of all lines.
    pub tax: Money,
    /// What the customer owes.
    pub total: Money,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// The order's line.
    pub line: LineNo,
    /// The unit in which stock is counted.
    pub base_uom: Uom,
    /// So many base units...
    pub numerator: NonZeroU32,
    /// ...for so many ordered ones.
    pub denominator: NonZeroU32,
    /// Price of one ordered unit.
    pub unit_price: Decimal,
    /// Before tax.
    pub amount: Decimal,
    /// The line's tax.
    pub tax: Decimal,
}

/// Requests price and tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceQuery {
    /// The content's revision; the quote carries it back.
    pub revision: u32,
    /// The sold-to customer.
    pub customer: CustomerId,
    /// The order's currency.
    pub currency: Currency,
    /// The destination, for the tax.
    pub destination: Destination,
    /// The ordered lines.
    pub lines: Vec<OrderLine>,
}

/// Requests credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditQuery {
    /// Our id.
    pub order: OrderId,
    /// The sold-to customer.
    pub customer: CustomerId,
    /// Tax included.
    pub amount: Money,
}

impl CreditQuery {
    /// The command that records the ERP's approval, which arrived at `now`.
    pub fn approved(&self, approved: CreditApproved, now: Timestamp) -> OrderCommand {
        if approved.valid_until.is_some_and(|until| until <= now) {
            OrderCommand::RecordCreditExpiredOnArrival(approved)
        } else {
            OrderCommand::RecordCreditApproved(approved)
        }
    }
}

impl Order {
    /// The price query that is due.
    pub fn price_query(&self) -> Option<PriceQuery> {
        if !self.is_active() || self.stage != Stage::Submitted {
            return None;
        }
        let submission = &self.terms.submission;
        Some(PriceQuery {
            revision: self.terms.revision,
            customer: submission.customer.clone(),
            currency: submission.currency,
            destination: submission.destination.clone(),
            lines: submission.lines.clone(),
        })
    }

    /// An approval that had expired when it arrived is not asked for again: the next one would be no longer.
    pub(super) fn record_credit_expired_on_arrival(&self, approved: CreditApproved) -> Vec<OrderEvent> {
        let Stage::Priced(price, Credit::Pending) = &self.stage else { return vec![] };
        let valid_until = approved.valid_until.filter(|_| price.total == approved.amount);
        let expired = |valid_until| OrderEvent::CreditExpired(CreditExpired { valid_until, needs_decision: true });
        valid_until.map(expired).into_iter().collect()
    }

    pub(super) fn expire_credit(&self, expired: CreditExpired) -> Vec<OrderEvent> {
        match &self.stage {
            Stage::Priced(_, Credit::Approved(approved)) if approved.valid_until == Some(expired.valid_until) => {
                let needs_decision = self.credit_rounds.is_used_up_by_another();
                vec![OrderEvent::CreditExpired(CreditExpired { needs_decision, ..expired })]
            }
            Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Priced(..)
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_)
            | Stage::Invoiced(..) => vec![],
        }
    }

    pub(super) fn apply_credit_expired(&mut self, expired: &CreditExpired) {
        self.credit_rounds.count();
        let again = if expired.needs_decision { Credit::Expired(expired.clone()) } else { Credit::Pending };
        self.stage.set_credit(again);
    }

    /// The credit query that is due.
    pub fn credit_query(&self) -> Option<CreditQuery> {
        let Stage::Priced(price, Credit::Pending) = &self.stage else { return None };
        (self.is_active() && self.price_agrees()).then(|| CreditQuery {
            order: self.id().clone(),
            customer: self.terms.submission.customer.clone(),
            amount: price.total,
        })
    }

    /// The end of the validity of a credit that was granted and has expired by `now`, before the release.
    pub fn expired_credit(&self, now: Timestamp) -> Option<Timestamp> {
        let Stage::Priced(_, Credit::Approved(approved)) = &self.stage else { return None };
        approved.valid_until.filter(|until| *until <= now && self.is_active())
    }

    /// Whether the ERP's price is the one that the customer was promised, or was approved.
    pub fn price_agrees(&self) -> bool {
        self.overrides.price || self.price_disagreement().is_none()
    }

    /// How the ERP's price differs from the one that the customer was promised.
    pub(super) fn price_disagreement(&self) -> Option<String> {
        let (expected, price) = (self.terms.submission.expected.as_ref()?, self.stage.price()?);
        if expected.total != price.total.amount {
            return Some(format!("the ERP asks for {}, promised was a total of {}", price.total, expected.total));
        }
        let tax = expected.tax.filter(|tax| *tax != price.tax.amount)?;
        Some(format!("the ERP asks for tax of {}, promised was {tax}", price.tax))
    }
}

/// Why the amounts of a quote cannot be used: one does not fit its currency, or they do not add up.
fn wrong_amount(quote: &Quote) -> Option<Rejection> {
    let invalid = |why: String| Some(Rejection::new("AMOUNT_INVALID", why));
    let places = quote.total.currency.minor_units();
    for (name, sum) in [("subtotal", quote.subtotal), ("tax", quote.tax), ("total", quote.total)] {
        if !sum.is_whole_minor_units() {
            return invalid(format!("the {name} {sum} has more than {places} decimals"));
        }
        if sum.amount.is_sign_negative() && !sum.amount.is_zero() {
            return invalid(format!("the {name} {sum} is less than zero"));
        }
    }
    for line in &quote.lines {
        for (name, amount) in [("amount", line.amount), ("tax", line.tax)] {
            if !(Money { amount, ..quote.total }).is_whole_minor_units() {
                let line = line.line;
                return invalid(format!("the {name} {amount} of line {line} has more than {places} decimals"));
            }
        }
    }
    let differs = |what: &str, sum: Option<Decimal>, named: Money| {
        let sum = sum.map_or_else(|| "too much".to_owned(), |sum| sum.to_string());
        Some(Rejection::new("TOTALS_DISAGREE", format!("{what} come to {sum}, the ERP names {}", named.amount)))
    };
    let add = |sum: Option<Decimal>, part: Decimal| sum.and_then(|sum| sum.checked_add(part));
    let amounts = quote.lines.iter().map(|line| line.amount).fold(Some(Decimal::ZERO), add);
    if amounts != Some(quote.subtotal.amount) {
        return differs("the lines' amounts", amounts, quote.subtotal);
    }
    let taxes = quote.lines.iter().map(|line| line.tax).fold(Some(Decimal::ZERO), add);
    if taxes != Some(quote.tax.amount) {
        return differs("the lines' taxes", taxes, quote.tax);
    }
    let total = quote.subtotal.amount.checked_add(quote.tax.amount);
    if total == Some(quote.total.amount) { None } else { differs("subtotal and tax", total, quote.total) }
}

/// The quote as an event: every line converted exactly, or the reason why not.
fn price(submission: &Submission, quote: Quote) -> OrderEvent {
    let mut lines = Vec::with_capacity(submission.lines.len());
    for ordered in &submission.lines {
        match quote.lines.iter().find(|quoted| quoted.line == ordered.line).map(|quoted| convert(ordered, quoted)) {
            Some(Ok(line)) => lines.push(line),
            Some(Err(why)) => return OrderEvent::Unpriceable(why),
            None => {
                let why = format!("the ERP named no price for line {}", ordered.line);
                return OrderEvent::Unpriceable(Rejection::new("LINE_WITHOUT_PRICE", why));
            }
        }
    }
    let currencies = [quote.subtotal.currency, quote.tax.currency, quote.total.currency];
    if currencies.iter().any(|currency| *currency != submission.currency) {
        return OrderEvent::Unpriceable(Rejection::new("OTHER_CURRENCY", "the ERP answered in another currency"));
    }
    let ordered = |quoted: &&QuotedLine| submission.lines.iter().any(|ordered| ordered.line == quoted.line);
    if let Some(other) = quote.lines.iter().find(|quoted| !ordered(quoted)) {
        let why = format!("the ERP priced line {}, which the order does not have", other.line);
        return OrderEvent::Unpriceable(Rejection::new("LINE_NOT_ORDERED", why));
    }
    if let Some(why) = wrong_amount(&quote) {
        return OrderEvent::Unpriceable(why);
    }
    OrderEvent::Priced(Price { lines, subtotal: quote.subtotal, tax: quote.tax, total: quote.total })
}

fn convert(ordered: &OrderLine, quoted: &QuotedLine) -> Result<PricedLine, Rejection> {
    let from = ordered.quantity.uom();
    let (numerator, denominator) = (quoted.numerator, quoted.denominator);
    let conversion = Conversion { from, to: quoted.base_uom, numerator, denominator };
    let (base, conversion) = if from == quoted.base_uom {
        if numerator != denominator {
            let why = format!("line {}: the ERP counts {numerator} {from} for {denominator} {from}", ordered.line);
            return Err(Rejection::new("FACTOR_INVALID", why));
        }
        (ordered.quantity, None)
    } else {
        let base = conversion.apply(ordered.quantity).map_err(|e| {
            let why = format!("line {}: {} in {}: {e}", ordered.line, ordered.quantity, quoted.base_uom);
            Rejection::new("UNIT_NOT_EXACT", why)
        })?;
        (base, Some(conversion))
    };
    let (unit_price, amount, tax) = (quoted.unit_price, quoted.amount, quoted.tax);
    Ok(PricedLine { line: ordered.line, base, conversion, unit_price, amount, tax })
}
