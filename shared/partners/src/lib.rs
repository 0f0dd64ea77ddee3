//! Integrations with partners: a registry of their documents, an adapter for each role and protocol, and the verification of
//! webhooks.
//!
//! - [`Partners`] implements the engine's partner ports and inbound ports. It caches the registry for a minute, and calls a
//!   partner in the protocol that its document names.
//! - [`Transport`] sends the requests: [`HttpTransport`] over HTTP, tests and the simulation in memory. Nothing else here opens
//!   a socket, reads a clock or draws a random number.
//! - `client` has everything that all calls have in common; `crm`, `erp` and `threepl` have a folder for each vendor, with wire
//!   types, mapping and calls. Wire types are private to their vendor; what leaves it are the domain's types.
//!
//! Invariants: an answer that is not understood is an unknown outcome, neither success nor rejection. No number passes through a
//! float. No error has a token, a name or an address in it.

mod client;
mod crm;
mod erp;
mod inbound;
mod partners;
pub mod registry;
mod rest;
mod returns;
pub mod signature;
mod threepl;
mod wire;

pub use client::http::HttpTransport;
pub use client::transport;
pub use client::transport::{Call, Method, Reply, Transport, TransportFailure};
pub use crm::order::read_order_body;
pub use crm::returns::read_return_body;
pub use partners::Partners;
pub use registry::{Partner, Registry};
pub use wire::gzip::plain as plain_body;
