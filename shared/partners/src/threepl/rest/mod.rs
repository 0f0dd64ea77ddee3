//! A warehouse that speaks our REST protocol: `docs/partners/rest.md`.

pub(super) mod client;
pub(super) mod map;
pub(crate) mod returns;
mod wire;
