//! The engine's ports in memory: they keep the promises of the real stores, and can be made to fail at any call.
//!
//! Every store is a handle: a clone is the same store. Nothing here waits, so a handler that runs on these is done at its
//! first poll, unless [`Chaos`] killed or stalled it.

mod faults;
mod stores;

pub use faults::{Chaos, Fault, Script, Strike};
pub use stores::{
    MemoryBus, MemoryDeliveries, MemoryDue, MemoryJournal, MemoryParties, MemoryPartnerHealth, MemoryQueue,
    MemoryQueues, MemoryViews,
};
