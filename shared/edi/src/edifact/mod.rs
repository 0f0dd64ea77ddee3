//! EDIFACT: the envelope, the writer, CONTRL.

mod contrl;
mod read;
mod write;

pub use contrl::{Contrl, DataElementError, MessageResponse, Responder, SegmentResponse};
pub use write::{InterchangeHeader, MessageHeader, Writer};
