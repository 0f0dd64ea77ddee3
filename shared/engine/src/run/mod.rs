//! How a step runs: it loads its stream, lets the domain decide, commits a claim before it calls a partner, commits the
//! answer, and ends with an [`Outcome`](crate::Outcome) or a [`Failure`](crate::Failure).

pub mod batch;
mod derived;
pub mod effect;
mod failing;
pub mod journal;
pub mod recent;
pub mod relay;
pub mod snapshot;
pub mod stored;
mod turns;
mod wake;
