//! What speaks to partners: a registry that says what each of them is, one adapter per system and protocol, and the proof of
//! who sent a webhook.
//!
//! - [`Partners`] implements the engine's partner ports and inbound ports. It caches the registry's documents for a minute
//!   and picks the adapter that a document asks for.
//! - [`Transport`] is all that touches the world; [`HttpTransport`] does so over HTTP, tests and the simulation do in memory.
//!   There is no other clock, random number or socket in here.
//! - Wire shapes are private to the module that speaks them; what leaves it are the domain's types.
//!
//! Invariants: no answer is guessed (what is not understood is unknown, not a success and not a no); no number passes
//! through a float; no token, name or address stands in an error.

mod addresses;
mod countries;
mod crm;
mod csrf;
mod erp;
mod exact;
mod exchange;
mod fields;
mod gzip;
pub mod http;
mod limiter;
mod partners;
pub mod registry;
mod retry_after;
pub mod signature;
mod threepl;
mod times;
pub mod transport;
mod wire;

pub use crm::order::read_order_body;
pub use gzip::plain as plain_body;
pub use http::HttpTransport;
pub use partners::Partners;
pub use registry::{Partner, Registry};
pub use transport::{Call, Method, Reply, Transport, TransportFailure};
