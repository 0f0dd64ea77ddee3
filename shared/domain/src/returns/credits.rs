//! Credits and debits at the ERP. Each account, a line or the shipping charge, has a ledger of what was posted. The difference
//! between what may be credited now and what is credited is the next posting. So a repeated report posts nothing, a correction
//! downward is a debit, and all goods back end exactly on the invoice.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{DocumentNumber, LineNo, OrderId, ReturnId};
use crate::returnable::{Units, first};
use crate::returns::amounts::Amounts;
use crate::returns::effect::{Account, ReturnEffect};
use crate::returns::event::ReturnLine;
use crate::returns::money_event::{ErpCredit, InvoicedLine, InvoicedOrder, Posted};
use crate::returns::receipts::Distribution;
use crate::returns::{Posting, Return};
use crate::workflow::EffectRequest;

/// What was credited and debited of one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// By number.
    pub entries: BTreeMap<u32, Entry>,
    /// Documents beside these: the ERP posted one request twice.
    pub duplicates: BTreeMap<DocumentNumber, Posted>,
}

/// A posted credit or debit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was requested.
    pub requested: Adjustment,
    /// What the ERP posted.
    pub posted: Posted,
}

impl Ledger {
    /// The credited units, less the debited ones.
    pub fn units(&self) -> Decimal {
        self.entries.values().map(|entry| entry.requested.signed(entry.requested.units)).sum()
    }

    /// The credited amounts, less the debited ones, as they were posted.
    fn amounts(&self, zero: Amounts) -> Option<Amounts> {
        self.entries.values().try_fold(zero, |sum, Entry { requested, posted }| {
            if requested.is_debit { sum.plus(&posted.amounts.negated()) } else { sum.plus(&posted.amounts) }
        })
    }

    fn next_number(&self) -> u32 {
        self.entries.keys().max().copied().unwrap_or(0).saturating_add(1)
    }
}

/// Requests a credit or a debit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Our id, in the document's reference.
    pub return_id: ReturnId,
    /// The order that was invoiced.
    pub order: OrderId,
    /// The invoice that it refers to: its tax rates and its exchange rate count.
    pub invoice: DocumentNumber,
    /// What it is for.
    pub account: Account,
    /// Numbers the account's credits and debits, from 1.
    pub n: u32,
    /// Whether it takes back what was credited.
    pub is_debit: bool,
    /// In the stock-keeping unit; 1 for the shipping charge.
    pub units: Decimal,
    /// Never below zero.
    pub amounts: Amounts,
}

impl Adjustment {
    fn signed(&self, units: Decimal) -> Decimal {
        if self.is_debit { -units } else { units }
    }
}

impl EffectRequest for Adjustment {
    type Effect = ReturnEffect;

    fn effect(&self) -> ReturnEffect {
        let (account, n) = (self.account, self.n);
        if self.is_debit { ReturnEffect::Debit { account, n } } else { ReturnEffect::Credit { account, n } }
    }

    fn key(&self) -> String {
        let kind = if self.is_debit { "debit" } else { "credit" };
        let account = match self.account {
            Account::Line(line) => line.to_string(),
            Account::Shipping => "shipping".to_owned(),
        };
        format!("{kind}/{}/{account}/{}", self.return_id, self.n)
    }
}

impl Return {
    /// The credits and debits that are due, at most one for each account. One that is announced and not answered stays as it was
    /// announced, since the ERP may have it.
    pub fn adjustments(&self) -> Vec<Adjustment> {
        let distribution = self.distribution();
        // Goods are credited once the ERP has them and it is known what it credited by itself. A debit waits for nothing.
        let is_unposted = self.advance.is_none() && self.movement().is_some();
        let is_held_up = is_unposted || self.has_unmatched_credit();
        let accounts = self.lines().iter().map(|line| Account::Line(line.line)).chain([Account::Shipping]);
        let due = accounts.filter_map(|account| self.adjustment(account, &distribution, is_held_up));
        due.filter(|it| !self.rejected_effects.contains_key(&it.effect())).collect()
    }

    /// The credit or debit that is due of the account with this name.
    pub fn adjustment_of(&self, account: &str) -> Option<Adjustment> {
        self.adjustments().into_iter().find(|it| it.account.to_string() == account)
    }

    fn adjustment(&self, account: Account, distribution: &Distribution, is_held_up: bool) -> Option<Adjustment> {
        let announced = self.postings.values().find_map(|posting| match posting {
            Posting::Adjustment(adjustment) if adjustment.account == account => Some(adjustment),
            Posting::Adjustment(_) | Posting::Movement(_) => None,
        });
        match announced {
            Some(announced) => Some(announced.clone()),
            None => self.next_adjustment(account, distribution).filter(|next| next.is_debit || !is_held_up),
        }
    }

    /// The difference between what an account may have and what it has.
    pub(super) fn next_adjustment(&self, account: Account, distribution: &Distribution) -> Option<Adjustment> {
        let (content, invoice) = (self.request.content.as_ref()?, self.invoice.as_ref()?);
        let target = self.target(account, invoice, distribution);
        let none = Ledger::default();
        let ledger = self.ledgers.get(&account).unwrap_or(&none);
        let (credited, by_erp) = (ledger.units(), self.units_by_erp(account));
        let due = if target < credited { target } else { (target - by_erp).max(credited) };
        if due == credited {
            return None;
        }
        // The ERP's own credits have the first units of the line, ours have the next ones.
        let before = by_erp.min(target - due);
        let up_to = |count: Decimal| self.amounts_of(account, count, invoice);
        let due_amounts = up_to(before + due)?.plus(&up_to(before)?.negated())?;
        let difference = due_amounts.plus(&ledger.amounts(Amounts::zero(content.currency))?.negated())?;
        let is_debit = due < credited;
        Some(Adjustment {
            return_id: self.id().clone(),
            order: content.order.clone(),
            invoice: invoice.invoice.clone(),
            account,
            n: ledger.next_number(),
            is_debit,
            units: (due - credited).abs(),
            // Where the ERP posted more than was requested before, the next document does not turn into its opposite.
            amounts: if is_debit { difference.negated() } else { difference }.at_least_zero(),
        })
    }

    /// How many units an account may have: what may be credited and is invoiced.
    fn target(&self, account: Account, invoice: &InvoicedOrder, distribution: &Distribution) -> Decimal {
        match account {
            Account::Line(line) => self.invoiced_units(line, invoice, distribution),
            Account::Shipping => {
                let is_back = |(line, invoiced): (&LineNo, &InvoicedLine)| {
                    self.invoiced_units(*line, invoice, distribution) == invoiced.quantity.amount()
                };
                let is_refunded = self.request.policy.refund_shipping && invoice.shipping.is_some();
                Decimal::from(u8::from(is_refunded && invoice.lines.iter().all(is_back)))
            }
        }
    }

    /// How many units of a line may be credited and are invoiced.
    fn invoiced_units(&self, line: LineNo, invoice: &InvoicedOrder, distribution: &Distribution) -> Decimal {
        let Some(of_return) = self.lines().iter().find(|it| it.line == line) else { return Decimal::ZERO };
        let Some(invoiced) = invoice.lines.get(&line) else { return Decimal::ZERO };
        let (count, whole) = (self.creditable(of_return, distribution), invoiced.quantity.amount());
        let units = self.reservation(line).map(|reservation| first(&reservation.units, count)).unwrap_or_default();
        units.iter().map(|units| units.to.min(whole) - units.from.min(whole)).sum()
    }

    /// What the first `count` invoiced units of an account come to, after the fee.
    fn amounts_of(&self, account: Account, count: Decimal, invoice: &InvoicedOrder) -> Option<Amounts> {
        match account {
            Account::Line(line) => {
                let invoiced = invoice.lines.get(&line)?;
                let whole = invoiced.quantity.amount();
                let units = self.reservation(line)?.units.iter().filter(|units| units.from < whole);
                let units: Vec<Units> = units.map(|units| Units { to: units.to.min(whole), ..*units }).collect();
                invoiced.amounts.of_units(&first(&units, count), whole)?.less_fee(self.request.policy.fee)
            }
            Account::Shipping => {
                let shipping = invoice.shipping.as_ref()?;
                Some(if count.is_zero() { Amounts::zero(shipping.net.currency) } else { shipping.clone() })
            }
        }
    }

    /// The units of an account that the ERP credited by itself, without the documents that answer our own requests.
    pub(super) fn units_by_erp(&self, account: Account) -> Decimal {
        let credits = self.erp_credits.iter().filter(|credit| credit.line.map(Account::Line) == Some(account));
        let credits = credits.filter(|credit| !self.is_own_document(&credit.document));
        credits.map(|credit| credit.quantity.amount()).sum()
    }

    /// The ERP's own credits that name no line of the return.
    pub(super) fn unmatched_credits(&self) -> impl Iterator<Item = &ErpCredit> {
        let is_known = |line: Option<LineNo>| self.lines().iter().any(|it| Some(it.line) == line);
        self.erp_credits.iter().filter(move |credit| !is_known(credit.line) && !self.is_own_document(&credit.document))
    }

    /// Whether a document answers one of our own requests.
    pub(super) fn is_own_document(&self, document: &DocumentNumber) -> bool {
        self.ledgers.values().any(|ledger| {
            ledger.duplicates.contains_key(document)
                || ledger.entries.values().any(|entry| entry.posted.document == *document)
        })
    }

    /// How much more was credited of a line than may be: by the ERP, beyond what our own next posting corrects.
    pub(super) fn credited_beyond(&self, line: &ReturnLine, distribution: &Distribution) -> Decimal {
        let by_erp = self.units_by_erp(Account::Line(line.line));
        let own = self.ledgers.get(&Account::Line(line.line)).map_or(Decimal::ZERO, Ledger::units);
        let creditable = self.creditable(line, distribution);
        (by_erp + own.min(creditable) - creditable).max(Decimal::ZERO).min(by_erp)
    }

    /// Whether an account does not have what it may have.
    pub(super) fn is_credit_missing(&self, distribution: &Distribution) -> bool {
        let is_missing = |line: &ReturnLine| {
            let next = self.next_adjustment(Account::Line(line.line), distribution);
            next.is_some_and(|next| !next.is_debit)
        };
        self.lines().iter().any(is_missing)
    }
}
