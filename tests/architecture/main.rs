//! Keeps the structure: which crate may use which, how long files and handlers may be, no circles, no swallowed results, no
//! retired words, no dead links.
//!
//! The tests read manifests and sources as text, so that they need no build of what they look at. What clippy can see is a
//! lint instead: `clippy.toml` in `shared/domain`, `shared/engine`, `shared/partners` and `functions`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circles;
mod crates;
mod documents;
mod handlers;
#[path = "../../infra/xtask/src/patch.rs"]
mod patch;
#[path = "../repository/mod.rs"]
mod repository;
mod sources;
mod words;
