#![cfg_attr(all(feature = "std", feature = "documents"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "std", feature = "documents")),
    doc = "X12 and EDIFACT: read, checked, acknowledged, written."
)]
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

mod code;
#[cfg(feature = "documents")]
pub mod codes;
pub mod complaint;
mod delimiters;
#[cfg(feature = "documents")]
pub mod documents;
pub mod edifact;
mod event;
pub mod explain;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod leniency;
mod numbers;
mod options;
mod problem;
mod reader;
mod rules;
pub mod samples;
mod scan;
mod segment;
mod state;
mod write;
pub mod x12;

pub use code::Code;
pub use complaint::{Complaint, Complaints, Position, Problem, Verdict};
pub use delimiters::{Delimiters, Terminator};
pub use event::{Event, Group, Interchange, InterchangeKey, Party, Repeat, Set, Standard, Ta1, Usage};
pub use leniency::{Leniencies, Leniency, UnknownLeniency};
pub use options::Options;
pub use reader::Reader;
pub use rules::{RuleError, Rules};
pub use segment::{Element, Parts, Segment, Segments};
pub use write::{Body, Draft, WriteError};

/// Reads a whole file that is in memory.
pub fn read(file: &[u8], options: &Options, on: &mut dyn FnMut(Event<'_>)) {
    let mut reader = Reader::new(options);
    for chunk in file.chunks(32 << 10) {
        reader.push(chunk, on);
    }
    reader.finish(on);
}

/// Reads a file from a stream, 32 KiB at a time.
#[cfg(feature = "std")]
pub fn read_from(
    mut file: impl std::io::Read,
    options: &Options,
    on: &mut dyn FnMut(Event<'_>),
) -> std::io::Result<()> {
    let mut reader = Reader::new(options);
    let mut chunk = alloc::vec![0; 32 << 10];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => reader.push(chunk.get(..length).unwrap_or_default(), on),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    reader.finish(on);
    Ok(())
}
