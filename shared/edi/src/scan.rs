//! Finds the end of one segment and the places of its elements, resuming where the bytes ended last time.

use alloc::vec::Vec;

use crate::delimiters::{Delimiters, Terminator};
use crate::segment::Span;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Element,
    Terminator,
    Release,
    Break,
    /// A control character or a byte outside ASCII.
    Odd,
}

/// Scans segments of one interchange.
pub(crate) struct Scanner {
    class: [Class; 256],
    terminator: Terminator,
    spans: Vec<Span>,
    /// Where scanning goes on, and where the current element began.
    at: usize,
    element: usize,
    broken: bool,
    plain: bool,
}

/// A segment: how long it is without and with its terminator; whether line breaks stand in it; whether it has nothing but
/// printable ASCII without release characters, so that no one has to look at its bytes again.
#[derive(Clone, Copy)]
pub(crate) struct Scanned {
    pub(crate) text: usize,
    pub(crate) whole: usize,
    pub(crate) broken: bool,
    pub(crate) plain: bool,
}

impl Scanner {
    pub(crate) fn new(delimiters: &Delimiters) -> Self {
        let mut class = [Class::Odd; 256];
        class[0x20..0x7f].fill(Class::Plain);
        let mut set = |byte: u8, kind: Class| {
            if let Some(place) = class.get_mut(usize::from(byte)) {
                *place = kind;
            }
        };
        set(b'\r', Class::Break);
        set(b'\n', Class::Break);
        if let Some(release) = delimiters.release {
            set(release, Class::Release);
        }
        set(delimiters.element, Class::Element);
        set(delimiters.segment.first(), Class::Terminator);
        let terminator = delimiters.segment;
        Self { class, terminator, spans: Vec::new(), at: 0, element: 0, broken: false, plain: true }
    }

    /// The places of the elements of the segment found last.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Begins with a new segment.
    pub(crate) fn restart(&mut self) {
        self.spans.clear();
        self.at = 0;
        self.element = 0;
        self.broken = false;
        self.plain = true;
    }

    /// Looks for the end of the segment that begins with these bytes. `None` if they do not reach so far: call again with
    /// the same bytes and more.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Option<Scanned> {
        let mut at = self.at;
        loop {
            // Nearly all bytes are plain, so they are passed over in a loop of their own.
            let rest = bytes.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| self.class[usize::from(*byte)] != Class::Plain);
            at += plain.unwrap_or(rest.len());
            let Some(byte) = bytes.get(at) else { break };
            match self.class[usize::from(*byte)] {
                Class::Plain => {}
                Class::Odd => {
                    self.plain = false;
                    at += 1;
                }
                Class::Element => {
                    self.end_element(at);
                    at += 1;
                    self.element = at;
                }
                Class::Release => {
                    if bytes.len() <= at + 1 {
                        break;
                    }
                    self.plain = false;
                    at += 2;
                }
                Class::Break => {
                    self.broken = true;
                    self.plain = false;
                    at += 1;
                }
                Class::Terminator => {
                    let end = self.terminator;
                    let terminator = end.as_bytes();
                    if terminator.len() > 1 {
                        let rest = bytes.get(at..).unwrap_or_default();
                        if rest.len() < terminator.len() && terminator.starts_with(rest) {
                            break;
                        }
                        if !rest.starts_with(terminator) {
                            self.broken |= matches!(byte, b'\r' | b'\n');
                            self.plain = false;
                            at += 1;
                            continue;
                        }
                    }
                    self.end_element(at);
                    self.at = at;
                    let whole = at + terminator.len();
                    return Some(Scanned { text: at, whole, broken: self.broken, plain: self.plain });
                }
            }
        }
        self.at = at;
        None
    }

    fn end_element(&mut self, at: usize) {
        let (start, end) = (self.element as u32, at as u32);
        self.spans.push(Span { start, end, at: start });
    }
}
