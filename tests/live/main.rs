//! The deployed template and binaries on the local stack, through real HTTP, queues, streams and processes.
//!
//! `cargo xtask test --stage live` builds, deploys and runs these; by hand, with a stack that `cargo xtask up` started:
//! `CROSSDOCK_LIVE=$PWD/.local/stack/live.json cargo test -p crossdock-tests --test live -- --ignored --skip kill::`.
//!
//! All tests but [`kill`] run at once on one stack, and [`kill`] after them. Each has orders of its own, scripts faults for them alone, and waits no longer than
//! [`support::MAX_WAIT`]: killed functions' messages become visible again after their queues' visibility timeouts, which takes most of the time.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod changes;
mod hostile;
mod intake;
mod interception;
mod kill;
mod operator;
mod partners;
mod path;
mod support;
#[path = "../flows/table.rs"]
mod table;
