//! A whole deployment in memory: every function of the repository, unchanged, between in-memory stores and simulated
//! partners, under one clock. What the template wires with rules and queues, [`wiring`] wires here; a contract test holds
//! the two to each other.

pub mod house;
pub mod promises;
pub mod wiring;
