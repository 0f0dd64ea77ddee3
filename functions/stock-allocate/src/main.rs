//! Starts `stock-allocate`.
fn main() {}
