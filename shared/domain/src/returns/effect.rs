//! What a return makes or changes at the ERP and at warehouses.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::LineNo;

/// A return's effect at a partner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum ReturnEffect {
    /// The ERP authorizes the return.
    AuthorizeReturn,
    /// A warehouse expects a parcel, or expects other content in it.
    AnnounceReceipt {
        /// Which parcel.
        no: u32,
        /// Which content of it: 1, and one more after each edit.
        revision: u32,
    },
    /// A warehouse expects a parcel no more.
    WithdrawAnnouncement {
        /// Which parcel.
        no: u32,
    },
    /// The ERP's stock gets what was received, or changes its state.
    MoveStock {
        /// Numbers the return's movements, from 1.
        n: u32,
    },
    /// The ERP credits.
    Credit {
        /// What is credited.
        account: Account,
        /// Numbers the account's credits and debits, from 1.
        n: u32,
    },
    /// The ERP debits what was credited.
    Debit {
        /// What is debited.
        account: Account,
        /// Numbers the account's credits and debits, from 1.
        n: u32,
    },
}

/// What a credit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// The goods of one line.
    Line(LineNo),
    /// The order's shipping charge.
    Shipping,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Shipping => f.write_str("shipping"),
        }
    }
}

/// For people, as the verb after "to".
impl fmt::Display for ReturnEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthorizeReturn => f.write_str("authorize the return"),
            Self::AnnounceReceipt { no, revision } => write!(f, "announce parcel {no}, content {revision}"),
            Self::WithdrawAnnouncement { no } => write!(f, "withdraw the announcement of parcel {no}"),
            Self::MoveStock { n } => write!(f, "post stock movement {n}"),
            Self::Credit { account, n } => write!(f, "credit {account}, posting {n}"),
            Self::Debit { account, n } => write!(f, "debit {account}, posting {n}"),
        }
    }
}
