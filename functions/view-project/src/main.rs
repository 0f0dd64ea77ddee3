//! Starts `view-project`.
fn main() {}
