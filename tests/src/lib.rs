//! A whole deployment in memory: every function of the repository, unchanged, between stores in memory and simulated partners,
//! under one clock, wired by the template's own rules ([`wiring`]); and the simulation that runs seeded schedules on it.

// Support for tests: an impossible case is a failed test.
#![allow(clippy::panic, clippy::wildcard_enum_match_arm)]

pub mod deployment;
mod element;
mod habits;
pub mod hunt;
mod lists;
mod logs;
pub mod mutants;
pub mod play;
pub mod promises;
pub mod return_promises;
pub mod schedule;
pub mod shrink;
pub mod wiring;
