//! What tests and demonstrations need beside the code they try: the stores in memory, with faults; partner
//! simulators that keep books; a client of a running stack, and the demonstration's driver.

pub mod demo;
pub mod kill;
pub mod live;
pub mod memory;
pub mod partners;
pub mod suites;
