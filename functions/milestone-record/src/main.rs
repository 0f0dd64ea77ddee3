//! Starts `milestone-record`.
fn main() {}
