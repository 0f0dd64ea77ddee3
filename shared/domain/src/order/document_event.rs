//! The contents of the events about the ERP's documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DocumentNumber;
use crate::money::Money;
use crate::order::effect::AllocationNo;

/// The invoice by the ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invoiced {
    /// The ERP's number of the invoice.
    pub invoice: DocumentNumber,
    /// The invoiced amount, including tax.
    pub total: Money,
}

/// An invoice of the ERP that does not agree with the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceDisagreed {
    /// The ERP's number of the invoice.
    pub invoice: DocumentNumber,
    /// The invoiced amount, including tax.
    pub total: Money,
    /// What the order comes to for the invoiced quantities, by the ERP's own price.
    pub expected: Money,
}

/// An allocation that the ERP undid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deallocated {
    /// Which allocation of the order.
    pub allocation_no: AllocationNo,
}

/// A sales order that is cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SalesOrderCancelled {
    /// The ERP's number; `None` where the ERP had no sales order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<DocumentNumber>,
}

/// A document that the ERP created after the order had been cancelled or amended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrphanDocument {
    /// The ERP's number of the document.
    pub document: DocumentNumber,
}
