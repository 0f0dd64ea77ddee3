//! Starts `order-list`.
fn main() {}
