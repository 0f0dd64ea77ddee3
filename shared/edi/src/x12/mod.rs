//! X12: the envelope, the writer, the acknowledgments.

mod acknowledgment;
mod read;
mod write;

pub use acknowledgment::{
    Acknowledger, ElementError, FunctionalAcknowledgment, GroupParties, Reply, SegmentError, SetAcknowledgment,
};
pub use write::{GroupHeader, InterchangeHeader, Writer};
