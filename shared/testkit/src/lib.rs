//! What tests and demonstrations need beside the code they try: the stores in memory, with faults; partner
//! simulators that keep books.

pub mod memory;
pub mod partners;
pub mod suites;
