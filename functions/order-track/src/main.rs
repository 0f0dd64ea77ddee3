//! Starts `order-track`.
fn main() {}
