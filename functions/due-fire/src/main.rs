//! Starts `due-fire`.
fn main() {}
