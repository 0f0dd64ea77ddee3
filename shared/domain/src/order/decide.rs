//! What follows from a command: exhaustive over stage and command.

use std::num::NonZeroU32;

use rust_decimal::Decimal;

use crate::candidate::Candidate;
use crate::ids::{DocumentNumber, LineNo, OrderId};
use crate::money::Money;
use crate::mutants::{self, Mutant};
use crate::order::event::{
    Allocation, Assignment, CancelRequested, Conflict, CreditApproved, CreditRefused, Invoiced, OrderEvent, OrderLine,
    Overdue, Price, PricedLine, Progress, Released, Routed, Submission, Told,
};
use crate::order::state::{Credit, Knowledge, Known, Order, Stage, Wish};
use crate::quantity::{Conversion, Uom};
use crate::workflow::{Effect, EffectRefused, Faltered, Rejection, Sending, Sendings, Workflow, is_held};

/// What may be asked of an order, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderCommand {
    /// Somebody orders.
    Submit(Submission),
    /// The ERP's price.
    RecordQuote(Quote),
    /// The ERP cannot price it.
    RecordUnpriceable(Rejection),
    /// The ERP grants credit.
    RecordCreditApproved(CreditApproved),
    /// The ERP refuses credit.
    RecordCreditRefused(CreditRefused),
    /// The ERP set stock aside.
    RecordAllocation(Allocation),
    /// The ERP has the sales order.
    RecordRelease(Released),
    /// What the routing rules say.
    RecordRouting(Routing),
    /// What a fulfilment's stream says.
    RecordProgress(Progress),
    /// The CRM was told.
    RecordTold(Told),
    /// The ERP invoiced.
    RecordInvoice(Invoiced),
    /// The deadline passed.
    RaiseOverdue(Overdue),
    /// Somebody wants it cancelled.
    Cancel(CancelRequested),
    /// An effect is about to happen.
    Announce(Sending),
    /// A call ended without a usable answer.
    RecordFaltered(Faltered),
    /// A partner said no.
    RecordRefused(EffectRefused),
}

/// The ERP's price, before its units are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// One for each line.
    pub lines: Vec<QuotedLine>,
    /// Before tax.
    pub subtotal: Money,
    /// Tax.
    pub tax: Money,
    /// What the customer owes.
    pub total: Money,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// Which line.
    pub line: LineNo,
    /// The unit that stock is kept in.
    pub base_uom: Uom,
    /// So many base units...
    pub numerator: NonZeroU32,
    /// ...for so many ordered ones.
    pub denominator: NonZeroU32,
    /// Price of one ordered unit.
    pub unit_price: Decimal,
    /// Before tax.
    pub amount: Decimal,
    /// Tax.
    pub tax: Decimal,
}

/// A routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// What was weighed.
    pub candidates: Vec<Candidate>,
    /// Who ships what; empty where nobody can.
    pub assignments: Vec<Assignment>,
}

impl Workflow for Order {
    type Id = OrderId;
    type Event = OrderEvent;
    type Command = OrderCommand;

    const KIND: &'static str = "order";

    fn decide(&self, command: OrderCommand) -> Result<Vec<OrderEvent>, Rejection> {
        match (self, command) {
            (Self::Absent, OrderCommand::Submit(submission)) => Ok(vec![OrderEvent::Submitted(submission)]),
            (
                Self::Absent,
                OrderCommand::RecordQuote(_)
                | OrderCommand::RecordUnpriceable(_)
                | OrderCommand::RecordCreditApproved(_)
                | OrderCommand::RecordCreditRefused(_)
                | OrderCommand::RecordAllocation(_)
                | OrderCommand::RecordRelease(_)
                | OrderCommand::RecordRouting(_)
                | OrderCommand::RecordProgress(_)
                | OrderCommand::RecordTold(_)
                | OrderCommand::RecordInvoice(_)
                | OrderCommand::RaiseOverdue(_)
                | OrderCommand::Cancel(_)
                | OrderCommand::Announce(_)
                | OrderCommand::RecordFaltered(_)
                | OrderCommand::RecordRefused(_),
            ) => Err(Rejection::new("ORDER_UNKNOWN", "there is no such order")),
            (Self::Known(known), command) => Ok(known.decide(command)),
        }
    }

    fn evolve(self, event: &OrderEvent) -> Self {
        self.after(event)
    }

    fn sendings(&self) -> &Sendings {
        const NONE: &Sendings = &Sendings::new();
        self.known().map_or(NONE, |known| &known.sendings)
    }

    fn announce(sending: Sending) -> OrderCommand {
        OrderCommand::Announce(sending)
    }

    fn falter(faltered: Faltered) -> OrderCommand {
        OrderCommand::RecordFaltered(faltered)
    }

    fn refuse(refused: EffectRefused) -> OrderCommand {
        OrderCommand::RecordRefused(refused)
    }

    fn is_public(event: &OrderEvent) -> bool {
        !matches!(event, OrderEvent::Sending(_) | OrderEvent::Faltered(_) | OrderEvent::Told(_))
    }
}

impl Known {
    fn decide(&self, command: OrderCommand) -> Vec<OrderEvent> {
        match command {
            OrderCommand::Submit(again) => self.compare(again),
            OrderCommand::RecordQuote(quote) => match &self.stage {
                Stage::Submitted => vec![price(&self.submission, quote)],
                Stage::Unpriceable(known) => {
                    let event = price(&self.submission, quote);
                    if event == OrderEvent::Unpriceable(known.clone()) { vec![] } else { vec![event] }
                }
                Stage::Priced { .. }
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_)
                | Stage::Invoiced(..) => vec![],
            },
            OrderCommand::RecordUnpriceable(why) => match &self.stage {
                Stage::Submitted => vec![OrderEvent::Unpriceable(why)],
                Stage::Unpriceable(known) if *known != why => vec![OrderEvent::Unpriceable(why)],
                Stage::Unpriceable(_)
                | Stage::Priced { .. }
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_)
                | Stage::Invoiced(..) => vec![],
            },
            OrderCommand::RecordCreditApproved(approved) => self.if_credit_open(OrderEvent::CreditApproved(approved)),
            OrderCommand::RecordCreditRefused(refused) => self.if_credit_open(OrderEvent::CreditRefused(refused)),
            OrderCommand::RecordAllocation(allocation) => {
                self.unless_known(Effect::Allocate, &allocation.number.clone(), OrderEvent::Allocated(allocation))
            }
            OrderCommand::RecordRelease(released) => {
                let number = released.sales_order.clone();
                self.unless_known(Effect::CreateSalesOrder, &number, OrderEvent::Released(released))
            }
            OrderCommand::RecordRouting(routing) => self.route(routing),
            OrderCommand::RecordProgress(progress) => self.report(progress),
            OrderCommand::RecordTold(told) => match &self.told {
                Knowledge::Newest(known) if *known == told => vec![],
                Knowledge::Nothing | Knowledge::Newest(_) | Knowledge::Overtaken(_) => vec![OrderEvent::Told(told)],
            },
            OrderCommand::RecordInvoice(invoiced) => {
                self.unless_known(Effect::Invoice, &invoiced.invoice.clone(), OrderEvent::Invoiced(invoiced))
            }
            OrderCommand::RaiseOverdue(overdue) => {
                if self.overdue || self.status().is_final() {
                    vec![]
                } else {
                    vec![OrderEvent::Overdue(overdue)]
                }
            }
            OrderCommand::Cancel(request) => vec![self.cancel(request)],
            OrderCommand::Announce(sending) => vec![OrderEvent::Sending(sending)],
            OrderCommand::RecordFaltered(faltered) => {
                if is_held(&self.sendings, &faltered) {
                    vec![OrderEvent::Faltered(faltered)]
                } else {
                    vec![]
                }
            }
            OrderCommand::RecordRefused(refused) => {
                let known = self.refused.get(&refused.effect) == Some(&refused.rejection);
                if known && !self.sendings.contains_key(&refused.effect) {
                    vec![]
                } else {
                    vec![OrderEvent::EffectRefused(refused)]
                }
            }
        }
    }

    /// The same order again, or another one under its name?
    fn compare(&self, again: Submission) -> Vec<OrderEvent> {
        let conflict = Conflict { source: again.source, external_id: again.external_id, digest: again.digest };
        if conflict.digest == self.submission.digest || self.conflicts.contains(&conflict) {
            return vec![];
        }
        vec![OrderEvent::SubmissionConflicted(conflict)]
    }

    /// An answer to an announced effect is recorded in every stage: what the ERP made, it made.
    fn unless_known(&self, effect: Effect, document: &DocumentNumber, event: OrderEvent) -> Vec<OrderEvent> {
        if mutants::on(Mutant::LateAnswerDropped) && !self.wanted() {
            return vec![];
        }
        let stands = self.document(&effect) == Some(document);
        let beside = || self.surplus.get(&effect).is_some_and(|surplus| surplus.contains(document));
        let told = stands || (beside() && !self.awaits(&effect));
        if told && !self.sendings.contains_key(&effect) { vec![] } else { vec![event] }
    }

    fn if_credit_open(&self, word: OrderEvent) -> Vec<OrderEvent> {
        match &self.stage {
            Stage::Priced { credit: Credit::Refused(known), .. }
                if word == OrderEvent::CreditRefused(known.clone()) =>
            {
                vec![]
            }
            Stage::Priced { credit: Credit::Pending | Credit::Refused(_), .. } => vec![word],
            Stage::Priced { credit: Credit::Approved(_), .. }
            | Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_)
            | Stage::Invoiced(..) => vec![],
        }
    }

    fn route(&self, routing: Routing) -> Vec<OrderEvent> {
        match (&self.stage, &self.wish) {
            (Stage::Released(_) | Stage::Unroutable(..), Wish::Fulfil) => {
                let routed = Routed { candidates: routing.candidates };
                if routing.assignments.is_empty() {
                    let again = matches!(&self.stage, Stage::Unroutable(_, known) if *known == routed);
                    return if again { vec![] } else { vec![OrderEvent::Unroutable(routed)] };
                }
                let shares = routing.assignments.into_iter().map(OrderEvent::Assigned);
                std::iter::once(OrderEvent::Routed(routed)).chain(shares).collect()
            }
            (Stage::Released(_) | Stage::Unroutable(..), Wish::Cancel(_))
            | (
                Stage::Submitted
                | Stage::Unpriceable(_)
                | Stage::Priced { .. }
                | Stage::Routed(_)
                | Stage::Invoiced(..),
                Wish::Fulfil | Wish::Cancel(_),
            ) => vec![],
        }
    }

    /// The newest report counts. One that says the same as an older one is recorded, too: what was true between the two may
    /// still be on its way here, and only the newer `as_of` tells that it is old.
    fn report(&self, progress: Progress) -> Vec<OrderEvent> {
        match self.progress.get(&progress.fulfillment) {
            Some(known) if known.as_of >= progress.as_of && !mutants::on(Mutant::ReportByArrival) => vec![],
            Some(_) | None => vec![OrderEvent::FulfillmentProgressed(progress)],
        }
    }

    /// A request always commits, even where it changes nothing: a redelivery of it must find itself answered.
    fn cancel(&self, request: CancelRequested) -> OrderEvent {
        match (&self.wish, &self.stage) {
            (Wish::Cancel(_), _) => {
                OrderEvent::RequestRejected(Rejection::new("ALREADY_CANCELLED", "the order is being cancelled"))
            }
            (Wish::Fulfil, Stage::Invoiced(..)) => {
                OrderEvent::RequestRejected(Rejection::new("ORDER_CLOSED", "the order is delivered and invoiced"))
            }
            (
                Wish::Fulfil,
                Stage::Submitted
                | Stage::Unpriceable(_)
                | Stage::Priced { .. }
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_),
            ) => {
                let shipped = self.ladders().iter().any(|ladder| !ladder.shipped.is_zero());
                if shipped {
                    let why = "goods have left the warehouse; a return can be offered";
                    return OrderEvent::RequestRejected(Rejection::new("ALREADY_SHIPPED", why));
                }
                OrderEvent::CancelRequested(request)
            }
        }
    }
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
    if quote.subtotal.plus(quote.tax) != Some(quote.total) {
        return OrderEvent::Unpriceable(Rejection::new("TOTALS_DISAGREE", "subtotal and tax do not make the total"));
    }
    OrderEvent::Priced(Price { lines, subtotal: quote.subtotal, tax: quote.tax, total: quote.total })
}

fn convert(ordered: &OrderLine, quoted: &QuotedLine) -> Result<PricedLine, Rejection> {
    let from = ordered.quantity.uom();
    let (numerator, denominator) = (quoted.numerator, quoted.denominator);
    let conversion = Conversion { from, to: quoted.base_uom, numerator, denominator };
    let (base, conversion) = if from == quoted.base_uom {
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
