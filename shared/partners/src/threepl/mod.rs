//! Warehouses of third parties: asked to ship, and heard on what they did.

pub(crate) mod rest;
pub(crate) mod shipbob;
