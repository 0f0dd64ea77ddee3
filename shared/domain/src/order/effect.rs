//! What an order makes or changes at the ERP.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order's effect at the ERP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum OrderEffect {
    /// Stock is allocated.
    Allocate {
        /// The first allocation, or a later one for what was short or was amended.
        #[serde(default, skip_serializing_if = "AllocationNo::is_first")]
        allocation_no: AllocationNo,
    },
    /// An allocation is undone.
    Deallocate {
        /// The allocation.
        allocation_no: AllocationNo,
    },
    /// The sales order is created, or changed to the order's present content.
    CreateSalesOrder,
    /// The sales order is cancelled.
    CancelSalesOrder,
    /// The invoice is created.
    Invoice,
}

/// For people, as the verb after "to".
impl fmt::Display for OrderEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocate { allocation_no } if allocation_no.is_first() => f.write_str("allocate stock"),
            Self::Allocate { allocation_no } => write!(f, "allocate stock, allocation {allocation_no}"),
            Self::Deallocate { allocation_no } => write!(f, "undo allocation {allocation_no}"),
            Self::CreateSalesOrder => f.write_str("create or change the sales order"),
            Self::CancelSalesOrder => f.write_str("cancel the sales order"),
            Self::Invoice => f.write_str("create the invoice"),
        }
    }
}

/// Numbers an order's allocations, from 1. An order has several where stock was short or where it was amended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AllocationNo(u32);

impl AllocationNo {
    /// The first allocation's.
    pub const FIRST: Self = Self(1);

    /// The `n`th allocation's.
    pub fn new(n: u32) -> Self {
        Self(n)
    }

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether it is the first, which is left out where it is written.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }
}

impl Default for AllocationNo {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for AllocationNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
