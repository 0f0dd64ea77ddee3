//! Drivers of a deployed stack: the demonstration, the kill test, and the client through which both and the live tests speak
//! to the stack.

pub mod demo;
pub mod kill;
pub mod live;
