//! Starts `fulfillment-request`.
fn main() {}
