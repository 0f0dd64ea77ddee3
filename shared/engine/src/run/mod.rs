//! How a step runs: it loads its stream, lets the domain decide, commits a claim before it calls a partner, commits the
//! answer, and ends with an [`Outcome`](failure::Outcome) or a [`Failure`](failure::Failure).

pub mod batch;
pub mod cause;
pub mod context;
pub mod effect;
pub mod failure;
pub mod journal;
pub mod redact;
pub mod relay;
