//! Starts `journal-relay`.
fn main() {}
