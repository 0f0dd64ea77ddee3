//! The order: from the customer's commitment to the invoice.
//!
//! Invariants: a line's quantities are conserved ([`LineQuantities`]); the status is a function of the facts ([`Status`]), so that
//! neither their order nor their number matters; an answer to an announced effect is recorded in every stage.

mod decide;
mod event;
mod line_quantities;
mod request;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use crate::goods::{Component, Deadlines, Handling, LineQuantity, ServiceLevel, ShortPolicy, Traced};
pub use decide::{OrderCommand, Quote, QuotedLine, Routing};
pub use event::*;
pub use line_quantities::LineQuantities;
pub use request::{
    AllocationRequest, CreditQuery, CrmLine, CrmUpdate, Deallocation, InvoiceRequest, LinePrice, PriceQuery,
    SalesOrder, SalesOrderCancellation, StockQuery,
};
pub use state::{Credit, CrmState, Desired, Order, OrderState, Overrides, SalesOrderState, Stage};
pub use status::Status;
