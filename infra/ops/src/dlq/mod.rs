//! `crossdock dlq`: dead-letter queues.
//!
//! The core knows no AWS: [`pass`] walks through a queue, [`group`] counts, [`plan`] writes down what is to be done,
//! [`apply`] does it, [`archive`] keeps messages in files, [`edit`] corrects deliveries, [`expiring`] has what is about to be lost
//! reviewed. They see queues, audit records, streams and time through [`ports`]. [`verbs`] is the command line.

mod acting;
mod apply;
mod archive;
mod edit;
mod expiring;
mod filing;
mod filter;
mod group;
pub(crate) mod lease;
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
