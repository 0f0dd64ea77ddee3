//! The characters that divide an interchange, found in its first bytes.

use crate::Leniency;
use crate::complaint::Problem;

/// The segment terminator: one byte, a UTF-8 character of several, or CR LF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terminator {
    bytes: [u8; 4],
    len: u8,
}

impl Terminator {
    /// A terminator of one byte.
    pub const fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1 }
    }

    fn of(text: &[u8]) -> Self {
        let mut bytes = [0; 4];
        for (place, byte) in bytes.iter_mut().zip(text) {
            *place = *byte;
        }
        Self { bytes, len: text.len().min(4) as u8 }
    }

    /// Its bytes; never empty.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }

    /// Its first byte.
    pub fn first(&self) -> u8 {
        self.bytes[0]
    }
}

/// The delimiters of one interchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delimiters {
    /// Ends a segment: byte 105 of the ISA, byte 8 of a UNA.
    pub segment: Terminator,
    /// Between elements: byte 3 of the ISA, byte 4 of a UNA.
    pub element: u8,
    /// Between components of an element: ISA16, byte 3 of a UNA.
    pub component: u8,
    /// Between repetitions of an element: ISA11 from version 00402 on, byte 7 of a UNA where it is not a space.
    pub repetition: Option<u8>,
    /// Takes the next character's special meaning away: byte 6 of a UNA. X12 has none.
    pub release: Option<u8>,
    /// The decimal mark in numbers: `.`, or what byte 5 of a UNA says.
    pub decimal: u8,
    /// Whether text that is not UTF-8 is ISO 8859-1 by the interchange's own word (UNOC and the like in UNB).
    pub latin1: bool,
}

impl Delimiters {
    /// `*`, `>` and `~`: the usual ones of X12.
    pub const X12: Self = Self {
        segment: Terminator::byte(b'~'),
        element: b'*',
        component: b'>',
        repetition: None,
        release: None,
        decimal: b'.',
        latin1: false,
    };

    /// Those of EDIFACT where there is no UNA: `+`, `:`, `?` and `'`.
    pub const EDIFACT: Self = Self {
        segment: Terminator::byte(b'\''),
        element: b'+',
        component: b':',
        repetition: None,
        release: Some(b'?'),
        decimal: b'.',
        latin1: false,
    };

    /// Whether a byte of data would be taken for a delimiter.
    pub fn contains(&self, byte: u8) -> bool {
        byte == self.element
            || byte == self.component
            || byte == self.segment.first()
            || self.repetition == Some(byte)
            || self.release == Some(byte)
    }

    /// What is wrong with them, if anything: X12 data are letters, digits and spaces, so none of these divides.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let unusable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
        let terminator = self.segment.first();
        if unusable(self.element) {
            Some(Problem::InvalidElementSeparator)
        } else if unusable(self.component) || self.component == self.element {
            Some(Problem::InvalidComponentSeparator)
        } else if unusable(terminator) || terminator == self.element || terminator == self.component {
            Some(Problem::InvalidTerminator)
        } else {
            None
        }
    }
}

/// What the first bytes of an interchange say.
pub(crate) enum Detected {
    /// The bytes do not reach far enough yet.
    NeedMore,
    /// The delimiters; what has to be tolerated in them.
    Found(Delimiters, Notes),
    /// Not an ISA that can be read.
    Unreadable(Problem),
}

/// Deviations in the first bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Notes {
    pub(crate) unpadded: bool,
    pub(crate) wrapped: bool,
    /// Where the segment terminator stands, from the header's first byte.
    pub(crate) terminator: usize,
}

/// Where the element separators of an ISA are: 16 elements of fixed lengths (X12.5).
const SEPARATORS: [usize; 16] = [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];
/// No ISA of unpadded or wrapped elements is longer.
const LONGEST_ISA: usize = 160;

/// Reads the delimiters from bytes that begin with `ISA`.
pub(crate) fn of_isa(bytes: &[u8], at_end: bool) -> Detected {
    let Some(&element) = bytes.get(3) else {
        return if at_end { Detected::Unreadable(Problem::Truncated) } else { Detected::NeedMore };
    };
    // The terminator may have four bytes, and CR tells LF only by the next one.
    if bytes.len() < 110 && !at_end {
        return Detected::NeedMore;
    }
    let padded = SEPARATORS.iter().all(|at| bytes.get(*at) == Some(&element))
        && bytes.iter().take(104).filter(|byte| **byte == element).count() == SEPARATORS.len();
    if padded && let (Some(&component), Some(terminator)) = (bytes.get(104), terminator(bytes.get(105..))) {
        return found(element, component, terminator, Notes { terminator: 105, ..Notes::default() });
    }
    // So much that what follows never looks beyond the bytes unless the file ends.
    if bytes.len() < LONGEST_ISA + 10 && !at_end {
        return Detected::NeedMore;
    }
    let mut left = SEPARATORS.len();
    let mut notes = Notes::default();
    let mut lengths = [0_usize; 17];
    let mut at = 3;
    while left > 0 {
        match bytes.get(at) {
            Some(_) if at >= LONGEST_ISA => return Detected::Unreadable(Problem::InvalidElementSeparator),
            Some(byte) if *byte == element => left -= 1,
            Some(b'\r' | b'\n') => notes.wrapped = true,
            Some(_) => {
                if let Some(length) = lengths.get_mut(16 - left) {
                    *length += 1;
                }
            }
            None => return Detected::Unreadable(Problem::Truncated),
        }
        at += 1;
    }
    for _ in 0..2 {
        if let Some(b'\r' | b'\n') = bytes.get(at) {
            notes.wrapped = true;
            at += 1;
        }
    }
    let fixed = SEPARATORS.windows(2).map(|pair| pair[1] - pair[0] - 1);
    notes.unpadded = !lengths.iter().skip(1).zip(fixed).all(|(length, fixed)| *length == fixed);
    notes.terminator = at + 1;
    match (bytes.get(at), terminator(bytes.get(at + 1..))) {
        (Some(&component), Some(terminator)) => found(element, component, terminator, notes),
        _ => Detected::Unreadable(Problem::Truncated),
    }
}

fn found(element: u8, component: u8, segment: Terminator, notes: Notes) -> Detected {
    let delimiters = Delimiters { segment, element, component, ..Delimiters::X12 };
    match delimiters.problem() {
        Some(problem) => Detected::Unreadable(problem),
        None => Detected::Found(delimiters, notes),
    }
}

/// The terminator at the beginning of these bytes.
fn terminator(bytes: Option<&[u8]>) -> Option<Terminator> {
    let bytes = bytes?;
    let first = *bytes.first()?;
    if first == b'\r' && bytes.get(1) == Some(&b'\n') {
        return Some(Terminator::of(b"\r\n"));
    }
    for length in 2..=4 {
        if first >= 0x80 && bytes.get(..length).is_some_and(|text| core::str::from_utf8(text).is_ok()) {
            return Some(Terminator::of(bytes.get(..length)?));
        }
    }
    Some(Terminator::byte(first))
}

/// The leniency and the problem that a terminator is, where it is one.
pub(crate) fn unusual(terminator: Terminator) -> Option<Problem> {
    match terminator.first() {
        b'\r' | b'\n' => Some(Problem::LineBreakTerminator),
        0x80.. => Some(Problem::NonAsciiTerminator),
        _ => None,
    }
}

/// Reads the delimiters from bytes that begin with `UNA` and have at least nine.
pub(crate) fn of_una(bytes: &[u8]) -> Result<Delimiters, Problem> {
    let &[_, _, _, component, element, decimal, release, repetition, segment, ..] = bytes else {
        return Err(Problem::Truncated);
    };
    let optional = |byte: u8| (byte != b' ').then_some(byte);
    let delimiters = Delimiters {
        segment: Terminator::byte(segment),
        element,
        component,
        repetition: optional(repetition),
        release: optional(release),
        decimal: if matches!(decimal, b'.' | b',') { decimal } else { b'.' },
        latin1: false,
    };
    match delimiters.problem() {
        Some(problem) => Err(problem),
        None => Ok(delimiters),
    }
}

impl Problem {
    /// Names the leniency under which a partner's deviation is accepted.
    pub fn leniency(self) -> Option<Leniency> {
        Leniency::ALL.into_iter().find(|leniency| leniency.covers(self))
    }
}
