//! Starts `token-authorize`.
fn main() {}
