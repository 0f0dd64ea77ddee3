//! `crossdock dlq`: dead-letter queues.
//!
//! The core knows no AWS: [`pass`] walks through a queue, [`group`] counts, [`plan`] writes down what is to be done,
//! [`apply`] does it. They see queues, audit records, streams and time through [`ports`]. [`verbs`] is the command line.

mod apply;
mod filter;
mod group;
mod letter;
mod pass;
mod plan;
mod ports;
mod report;
mod streams;
#[cfg(test)]
mod tests;
mod verbs;

pub(crate) use verbs::{Command, run};
