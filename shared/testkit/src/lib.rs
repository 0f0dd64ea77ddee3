//! What tests need in place of AWS: every store of the engine in memory, faults for any call to any port, and one suite per
//! port that the fakes and the real adapters both pass. No HTTP; the simulated partners are the crate `simulators`.

pub mod memory;
pub mod suites;
