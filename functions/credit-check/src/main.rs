//! Starts `credit-check`.
fn main() {}
