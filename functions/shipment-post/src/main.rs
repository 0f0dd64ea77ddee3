//! Starts `shipment-post`.
fn main() {}
