//! Starts `crm-tell`.
fn main() {}
