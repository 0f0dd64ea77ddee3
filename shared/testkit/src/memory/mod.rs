//! The engine's ports in memory. They keep the promises of the real stores, and [`Faulty`] makes any call fail.
//!
//! Every store is a handle: a clone is the same store. No call waits, so a handler on these stores is done at its first poll
//! unless [`Faulty`] killed or stalled it.

mod faults;
mod return_faults;
mod stores;

pub use faults::{Fault, Faulty, ScheduledFault, Script};
pub use stores::{
    JournalBackup, MemoryBus, MemoryDeliveries, MemoryDue, MemoryJournal, MemoryParties, MemoryPartnerHealth,
    MemoryQueue, MemoryQueues, MemorySessions, MemoryViews, item_bytes,
};
