//! Starts `delivery-relay`.
fn main() {}
