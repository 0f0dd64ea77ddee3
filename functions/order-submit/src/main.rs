//! Starts `order-submit`.
fn main() {}
