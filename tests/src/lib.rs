//! A whole deployment in memory: every function of the repository, unchanged, between in-memory stores and simulated
//! partners, under one clock, wired by the template's own rules ([`wiring`]).

pub mod house;
pub mod promises;
pub mod wiring;
