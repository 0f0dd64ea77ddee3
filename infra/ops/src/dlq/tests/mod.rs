//! The core against doubles: a queue, a step behind it, streams, audit records and time, all in memory.
#![allow(clippy::unwrap_used, clippy::panic)]

mod applying;
mod filing;
mod looking;
mod redriving;
mod world;
