//! The order: from the customer's commitment to the invoice.
//!
//! Invariants: a line's quantities are conserved ([`Ladder`]); the status is a function of the facts ([`Status`]), so that
//! neither their order nor their number matters; an answer to an announced effect is recorded in every stage.

mod decide;
mod event;
mod ladder;
mod request;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use crate::goods::{Component, Deadlines, Handling, ServiceLevel, Share, ShortPolicy, Traced};
pub use decide::{OrderCommand, Quote, QuotedLine, Routing};
pub use event::*;
pub use ladder::Ladder;
pub use request::{
    AllocationRelease, AllocationRequest, CreditQuestion, InvoiceRequest, LinePrice, PriceQuestion, SalesOrder,
    SalesOrderCancellation, StockQuestion, Telling, ToldLine,
};
pub use state::{Credit, Knowledge, Known, Order, Permits, SalesOrderState, Stage, Wish};
pub use status::Status;
