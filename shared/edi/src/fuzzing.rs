//! The bodies of the fuzz targets, so that the same run under a stable toolchain as a test.
//!
//! The first byte says how the rest is read: its low bits are the size of the chunks, its high bits the leniencies. What is
//! asserted: nothing panics, chunks make no difference, every complaint is within the file, and whatever is mapped to a
//! document can be looked at.
#![allow(clippy::panic, reason = "a finding is a panic")]

use alloc::string::String;
use alloc::vec::Vec;

use crate::documents::{Document, check_totals};
use crate::{Event, Leniencies, Options, Reader};

/// Reads bytes as X12 if they do not say otherwise.
pub fn x12(data: &[u8]) {
    both(data, b"ISA");
}

/// Reads bytes as EDIFACT if they do not say otherwise.
pub fn edifact(data: &[u8]) {
    both(data, b"UNB+");
}

fn both(data: &[u8], header: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let leniencies = if first & 0x80 == 0 { Leniencies::NONE } else { Leniencies::all() };
    let options = Options { leniencies, segment_bound: 4096, set_bound: 64 << 10, ..Options::default() };
    let mut file = Vec::new();
    // Without a header, little is read.
    if first & 0x40 != 0 && !rest.starts_with(header) {
        file.extend_from_slice(header);
    }
    file.extend_from_slice(rest);
    let whole = told(&file, &options, usize::MAX);
    let chunk = usize::from(first & 0x3f).max(1);
    assert_eq!(whole, told(&file, &options, chunk), "chunks of {chunk} make a difference");
    crate::explain::explain(&file, &options, &mut |_| {});
}

/// Everything that is told, as text.
fn told(file: &[u8], options: &Options, chunk: usize) -> Vec<String> {
    let mut told = Vec::new();
    let mut on = |event: Event<'_>| {
        let complaints = match event {
            Event::Set(_, _, set) => {
                let totals = check_totals(set);
                let document = Document::read(set);
                told.push(alloc::format!("{} {} {totals:?} {document:?}", set.id, set.control));
                &set.complaints[..]
            }
            Event::GroupEnd(_, group) => &group.complaints[..],
            Event::InterchangeEnd(interchange) => &interchange.complaints[..],
            Event::File(complaint) => core::slice::from_ref(complaint),
            Event::Interchange(_) | Event::Group(..) | Event::Ta1(..) => &[],
        };
        for complaint in complaints {
            assert!(complaint.position.byte <= file.len() as u64, "{complaint} is beyond the end");
            told.push(alloc::format!("{complaint}"));
        }
    };
    let mut reader = Reader::new(options);
    for chunk in file.chunks(chunk) {
        reader.push(chunk, &mut on);
    }
    reader.finish(&mut on);
    told
}
