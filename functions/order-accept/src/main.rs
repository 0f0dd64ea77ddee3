//! Starts `order-accept`.
fn main() {}
