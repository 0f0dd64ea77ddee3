//! A whole deployment in memory: every function of the repository, unchanged, between in-memory stores and simulated
//! partners, under one clock, wired by the template's own rules ([`wiring`]).

// Support for tests: what cannot be is a failed test.
#![allow(clippy::panic, clippy::wildcard_enum_match_arm)]

pub mod deployment;
pub mod hunt;
mod logs;
pub mod mutants;
pub mod promises;
pub mod shrink;
pub mod storm;
pub mod wiring;
