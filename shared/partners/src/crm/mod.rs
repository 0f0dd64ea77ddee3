//! CRMs: where orders come from, and who is told how they stand.

pub(crate) mod order;
pub(crate) mod rest;
