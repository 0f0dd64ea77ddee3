//! Starts `order-price`.
fn main() {}
