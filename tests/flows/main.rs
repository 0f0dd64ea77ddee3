//! Whole workflows through the whole deployment in memory, one file per workflow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod answers;
mod changes;
mod decisions;
mod fulfillment;
mod grants;
mod hostile;
mod intake;
mod names;
mod order;
mod platform;
mod restore;
mod returns;
mod support;
mod sweeps;
mod table;
mod unreadable;
