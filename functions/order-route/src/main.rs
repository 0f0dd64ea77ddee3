//! Starts `order-route`.
fn main() {}
