//! The promises of the adapters, against scripted partners in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub
)]

mod attempts;
mod csrf;
mod documents;
mod orders;
mod partner_health;
mod reports;
mod returns;
mod samples;
mod senders;
mod statuses;
mod support;
mod undo_and_changes;
mod updates;
