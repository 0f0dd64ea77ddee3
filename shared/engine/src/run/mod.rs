//! How a step runs: it loads its stream, asks the domain, announces an effect before it acts, records the answer, and ends in
//! one of a few ways.

pub mod batch;
pub mod cause;
pub mod context;
pub mod effect;
pub mod failure;
pub mod journal;
pub mod redact;
pub mod relay;
