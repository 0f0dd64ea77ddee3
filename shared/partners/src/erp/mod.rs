//! ERPs: they own prices, credit, stock and documents.

pub(crate) mod rest;
