//! Drivers of a deployed stack: the demonstration, the kill test, the client through which both and the live tests speak to the
//! stack, and the operator's command line as a process.

pub mod demo;
pub mod kill;
pub mod live;
pub mod operator;
