//! ERPs: they own prices, credit, stock and documents.

mod kits;
pub(crate) mod rest;
