//! Simulated partners: a CRM, an ERP and two third-party warehouses (3PLs). Each keeps a ledger and can be told to fail.
//!
//! The core is synchronous code without clock, sockets or random numbers of its own. [`SimulatedPartners`] holds the four
//! partners; [`Partner::call`] takes a request and the time and returns what the caller experiences;
//! [`SimulatedPartners::tick`] moves time on and returns the messages to deliver. The simulation in `tests` drives this core
//! directly; [`serve`] puts it behind HTTP, for the binary `simulators`.
//!
//! Not simulated: inventory feeds and EDI, until a workflow needs them.

pub mod control;
pub mod crm;
pub mod erp;
pub mod erp_returns;
#[cfg(test)]
mod erp_tests;
pub mod exchange;
pub mod fault;
pub mod habits;
mod invoices;
mod keys;
pub mod ledger;
pub mod message;
pub mod outbox;
mod parse;
pub mod partners;
mod pricing;
pub mod rest3pl;
mod rest3pl_returns;
pub mod samples;
mod server;
pub mod shipbob;
pub mod sign;
mod stock;
pub mod work;

pub use partners::{PARTNERS, Partner, Settings, SimulatedPartners, System};
pub use server::{Running, install_crypto, serve, start};
