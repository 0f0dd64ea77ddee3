//! Starts `webhook-receive`.
fn main() {}
