//! Starts `order-release`.
fn main() {}
