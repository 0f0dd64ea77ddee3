//! Starts `deadline-raise`.
fn main() {}
