//! Starts `order-read`.
fn main() {}
