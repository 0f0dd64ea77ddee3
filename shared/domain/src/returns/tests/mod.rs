//! The return's unit tests, by subject. Here are their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::money::Money;
use crate::rejection::Rejection;
use crate::returnable::{Reservation, Units};
use crate::returns::*;
use crate::review::{Choice, ManualDocument, Review};
use crate::samples::{apply, at, begin, decision, each, failed, id, line_no, order_id, play, refused, started};
use crate::workflow::EffectRequest;
use crate::{Return, ReturnId, Workflow};

mod custody;
mod laws;
mod money;
mod requests;
mod table;

fn return_id() -> ReturnId {
    ReturnId::derive(&id("acme-crm"), &id("RMA-REQUEST-1"))
}

fn policy() -> Policy {
    let deadlines = ReturnDeadlines { shipment: 72, scan: 168, receipt: 504, inspection: 48, invoice: 96, credit: 72 };
    Policy {
        acceptance: vec![],
        approval: ApprovalPolicy::default(),
        fee: Fee::None,
        refund_shipping: false,
        credit_undeliverable: false,
        advance_days: None,
        poll_hours: None,
        extension_limit_days: 60,
        deadlines,
    }
}

/// Lines that a customer does not need any more, as (line, pieces).
fn content(lines: &[(u32, u32)]) -> Content {
    let line = |(line, amount): &(u32, u32)| ReturnLine {
        line: line_no(*line),
        sku: id(&format!("SKU-{line}")),
        substitutes: BTreeSet::new(),
        quantity: each(*amount),
        reason: ReasonClass::ChangeOfMind,
        reason_code: "too many".to_owned(),
        handling: Default::default(),
        serials: BTreeSet::new(),
        lots: BTreeSet::new(),
    };
    let lines = lines.iter().map(line).collect();
    Content { order: order_id(), currency: id("EUR"), lines, assessment: Assessment::default() }
}

fn request(lines: &[(u32, u32)]) -> ReturnRequest {
    ReturnRequest {
        return_id: return_id(),
        source: id("acme-crm"),
        external_id: id("RMA-REQUEST-1"),
        origin: Origin::Customer,
        outcome: Outcome::Credit,
        content: Some(content(lines)),
        policy: policy(),
        requested_at: at(0),
    }
}

fn requested(request: ReturnRequest) -> Return {
    begin::<Return>([ReturnCommand::Request(request)])
}

/// What the order reserves: all of `units`, as (line, from, to).
fn reserved(as_of: u64, round: u32, units: &[(u32, u32, u32)]) -> ReturnCommand {
    let line = |(line, from, to): &(u32, u32, u32)| Reservation {
        return_id: return_id(),
        line: line_no(*line),
        number: 1,
        round,
        asked: each(to - from),
        units: vec![Units { from: (*from).into(), to: (*to).into() }],
        waiting: each(0),
    };
    ReturnCommand::RecordReserved(UnitsReserved { as_of, round, lines: units.iter().map(line).collect() })
}

fn authorized() -> ReturnCommand {
    ReturnCommand::RecordAuthorized(Authorized { rma: id("RMA-1"), at: at(10), valid_until: at(50_000) })
}

/// A return whose lines are reserved from their first unit on, and authorized.
fn authorized_as(request: ReturnRequest) -> Return {
    let lines = request.content.as_ref().unwrap().lines.iter();
    let units: Vec<(u32, u32, u32)> =
        lines.map(|line| (line.line.0.get(), 0, line.quantity.amount().try_into().unwrap())).collect();
    play(requested(request), [reserved(1, 1, &units), authorized()])
}

fn amounts(net: &str, tax: &str, currency: &str) -> Amounts {
    let money = |amount: &str| Money { amount: amount.parse().unwrap(), currency: id(currency) };
    Amounts { net: money(net), taxes: BTreeMap::from([("VAT".to_owned(), money(tax))]) }
}

fn invoice(lines: &[(u32, u32, Amounts)]) -> InvoicedOrder {
    let line = |(line, amount, amounts): &(u32, u32, Amounts)| {
        (line_no(*line), InvoicedLine { quantity: each(*amount), amounts: amounts.clone() })
    };
    InvoicedOrder { invoice: id("INV-1"), at: at(5), lines: lines.iter().map(line).collect(), shipping: None }
}

/// Three pieces for EUR 100.00 and 19.00 tax.
fn invoiced() -> ReturnCommand {
    ReturnCommand::RecordInvoice(invoice(&[(1, 3, amounts("100.00", "19.00", "EUR"))]))
}

/// An authorized and invoiced return of three pieces.
fn expected() -> Return {
    apply(authorized_as(request(&[(1, 3)])), invoiced())
}

const GOOD: Disposition = Disposition::SellableAccessible;

fn receipt_of(sku: &str, key: &str, when: i64, goods: &[(Disposition, u32)]) -> Receipt {
    let goods = goods.iter().map(|(disposition, amount)| ReceivedGoods {
        disposition: *disposition,
        quantity: each(*amount),
        action: String::new(),
    });
    Receipt {
        warehouse: id("eastco"),
        reference: id("WR-1"),
        key: id(key),
        as_of: at(when),
        rank: 0,
        reverses: false,
        line: None,
        sku: id(sku),
        lot: None,
        serials: BTreeSet::new(),
        goods: goods.collect(),
    }
}

/// What the warehouse says of the first product.
fn receipt(key: &str, when: i64, goods: &[(Disposition, u32)]) -> ReturnCommand {
    ReturnCommand::RecordReceipt(receipt_of("SKU-1", key, when, goods))
}

/// Announces an adjustment and has the ERP post it as it was requested.
fn post(state: Return, adjustment: &Adjustment) -> Return {
    let (account, n) = (adjustment.account, adjustment.n);
    let document = id(&format!("CM-{}", adjustment.key().replace('/', "-").rsplit("_").next().unwrap()));
    let posted = Posted { account, n, document, amounts: adjustment.amounts.clone() };
    let state = apply(state, ReturnCommand::Announce(started(adjustment.effect(), 1)));
    let answer =
        if adjustment.is_debit { ReturnCommand::RecordDebited(posted) } else { ReturnCommand::RecordCredited(posted) };
    apply(state, answer)
}

/// Posts a stock movement.
fn move_stock(state: Return) -> Return {
    let Some(movement) = state.stock_movement() else { return state };
    let document = id(&format!("MV-{}", movement.n));
    let state = apply(state, ReturnCommand::Announce(started(movement.effect(), 1)));
    apply(state, ReturnCommand::RecordMoved(Moved { n: movement.n, document }))
}

/// Has the ERP post all that is due.
fn settled(mut state: Return) -> Return {
    for _ in 0..20 {
        state = move_stock(state);
        let adjustments = state.adjustments();
        if adjustments.is_empty() && state.stock_movement().is_none() {
            return state;
        }
        state = adjustments.iter().fold(state, post);
    }
    panic!("it never settles: {:?}", state.adjustments());
}

fn entries(state: &Return) -> Vec<(bool, u32, String)> {
    let entries = state.ledgers.values().flat_map(|ledger| ledger.entries.values());
    let entry = |it: &Entry| {
        let units = it.requested.units.try_into().unwrap();
        (it.requested.is_debit, units, it.posted.amounts.total().unwrap().amount.to_string())
    };
    entries.map(entry).collect()
}

/// What is credited in all, net and tax.
fn net_and_tax(state: &Return) -> (Decimal, Decimal) {
    let entries = state.ledgers.values().flat_map(|ledger| ledger.entries.values());
    entries.fold((Decimal::ZERO, Decimal::ZERO), |(net, tax), entry| {
        let sign = if entry.requested.is_debit { -Decimal::ONE } else { Decimal::ONE };
        let taxes: Decimal = entry.posted.amounts.taxes.values().map(|tax| tax.amount).sum();
        (net + sign * entry.posted.amounts.net.amount, tax + sign * taxes)
    })
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn kinds(state: &Return) -> Vec<ReturnReview> {
    state.reviews().into_iter().map(|review| review.kind).collect()
}

fn reasons(state: &Return) -> Vec<String> {
    state.reviews().into_iter().map(|review| review.reason).collect()
}

fn decide(state: &Return, kind: ReturnReview, choice: Choice) -> Return {
    let decision = decision(&state.reviews(), kind, choice);
    apply(state.clone(), ReturnCommand::Decide(decision))
}

fn refusal(state: &Return, command: ReturnCommand) -> String {
    let events = state.decide(command).unwrap();
    let [ReturnEvent::RequestRejected(why)] = &events[..] else { panic!("{events:?}") };
    why.code.clone()
}

fn steps(state: &Return) -> BTreeSet<&'static str> {
    Return::due(Some(state), state.id()).into_iter().map(|work| work.step).collect()
}

/// How many goods of a line came.
fn received(state: &Return, line: u32) -> Decimal {
    state.custody()[&line_no(line)].1
}

/// Where the goods of the first line are.
fn custody(state: &Return) -> LineCustody {
    state.custody()[&line_no(1)].0
}
