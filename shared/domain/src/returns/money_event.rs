//! Amounts of documents at the ERP: what an order invoiced, what was credited and debited.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{DocumentNumber, LineNo};
use crate::quantity::Quantity;
use crate::returns::amounts::Amounts;
use crate::returns::effect::Account;

/// What the ERP invoiced of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoicedOrder {
    /// The invoice that credits refer to.
    pub invoice: DocumentNumber,
    /// When it was issued.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// By line of the order, after every discount.
    pub lines: BTreeMap<LineNo, InvoicedLine>,
    /// The shipping charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Amounts>,
}

/// What was invoiced of a line. Credits are parts of these amounts, never a unit price times a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoicedLine {
    /// In the stock-keeping unit.
    pub quantity: Quantity,
    /// For all of it.
    pub amounts: Amounts,
}

/// A credit or debit that the ERP posted, as it was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Posted {
    /// What it is for.
    pub account: Account,
    /// Numbers the account's credits and debits, from 1.
    pub n: u32,
    /// The ERP's number.
    pub document: DocumentNumber,
    /// The amounts of the document, never below zero.
    pub amounts: Amounts,
}

/// A credit that the ERP posted without our request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ErpCredit {
    /// The ERP's number.
    pub document: DocumentNumber,
    /// The line; `None` where the ERP does not say which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineNo>,
    /// In the stock-keeping unit.
    pub quantity: Quantity,
}
