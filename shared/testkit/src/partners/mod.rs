//! Partner simulators: a CRM, an ERP and two 3PLs that can be scripted to fail and that keep books.
//!
//! The core is plain synchronous code: [`World`] holds the four partners; [`Partner::call`] takes a request and the time
//! and answers what the caller experiences; [`World::tick`] lets time pass and answers the messages to deliver. No clock, no
//! global dice, no sockets: a simulation may drive it with its own. [`serve`] puts it behind real HTTP, which the binary
//! `partners` does.
//!
//! Deliberately left out: returns, inventory feeds and EDI, until a workflow of ours needs them.

pub mod control;
pub mod crm;
pub mod erp;
pub mod exchange;
pub mod fault;
pub mod floor;
pub mod ledger;
mod memory;
pub mod message;
pub mod outbox;
mod parse;
pub mod rest3pl;
pub mod samples;
mod server;
pub mod shipbob;
pub mod sign;
pub mod world;

pub use server::{Running, install_crypto, serve, start};
pub use world::{PARTNERS, Partner, Settings, System, World};
