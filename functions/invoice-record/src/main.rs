//! Starts `invoice-record`.
fn main() {}
