//! Writes segments: escapes or refuses delimiters in data, leaves trailing empty elements out, counts.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::Code;
use crate::complaint::Complaint;
use crate::delimiters::Delimiters;

/// Why something cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// A character of the data is a delimiter, a control character or one that the encoding does not have. X12 has no way to
    /// escape a delimiter: choose other ones, or let the writer replace it.
    Character {
        /// The segment's id.
        segment: Code,
        /// The element, from 1.
        element: u16,
        /// The character.
        character: char,
    },
    /// A field of a header does not fit its element.
    Header {
        /// The element, such as `ISA06`.
        element: &'static str,
        /// What it has to be.
        must_be: &'static str,
    },
    /// A set or a group's trailer stands outside of a group.
    OutOfPlace,
    /// A document has what the set cannot say.
    Unsupported(&'static str),
    /// The result breaks a rule.
    Invalid(Box<Complaint>),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { segment, element, character } => {
                write!(f, "{segment}{element:02} has the character {character:?}, which cannot be written")
            }
            Self::Header { element, must_be } => write!(f, "{element} must be {must_be}"),
            Self::OutOfPlace => f.write_str("a set must stand in a group, a TA1 before any group"),
            Self::Unsupported(what) => write!(f, "the set cannot say this: {what}"),
            Self::Invalid(complaint) => write!(f, "the result breaks a rule: {complaint}"),
        }
    }
}

impl core::error::Error for WriteError {}

/// The segments of a set that is being written.
#[derive(Debug)]
pub struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) delimiters: Delimiters,
    pub(crate) segments: u32,
    pub(crate) error: Option<WriteError>,
    pub(crate) replacement: Option<char>,
    pub(crate) line_breaks: bool,
    pub(crate) latin1: bool,
}

impl Body {
    pub(crate) fn new(delimiters: Delimiters) -> Self {
        let (bytes, error) = (Vec::new(), None);
        Self { bytes, delimiters, segments: 0, error, replacement: None, line_breaks: false, latin1: false }
    }

    /// From here on, what cannot be written is replaced by this character instead of being refused.
    pub fn replace_with(&mut self, replacement: char) {
        let usable = replacement.is_ascii() && !self.delimiters.contains(replacement as u8);
        self.replacement = usable.then_some(replacement);
    }

    /// Begins a segment. It is written when the draft is dropped or ended.
    pub fn segment(&mut self, id: &str) -> Draft<'_> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(id.as_bytes());
        let end = self.bytes.len();
        Draft { body: self, id: Code::lossy(id.as_bytes()), begin, end, element: 0 }
    }

    /// How many segments there are.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }

    /// Appends a character of data; returns whether it could be written.
    fn character(&mut self, character: char) -> bool {
        let special = u8::try_from(character).is_ok_and(|byte| self.delimiters.contains(byte));
        let terminator = self.delimiters.segment.as_bytes();
        let mut utf8 = [0; 4];
        let bytes = character.encode_utf8(&mut utf8).as_bytes();
        if character.is_control() {
            return false;
        }
        if special || bytes == terminator {
            let Some(release) = self.delimiters.release else { return false };
            self.bytes.push(release);
        }
        if self.latin1 && !character.is_ascii() {
            let Ok(byte) = u8::try_from(character) else { return false };
            self.bytes.push(byte);
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        true
    }
}

/// A segment that is being written. Values are given element by element; trailing empty ones are left out.
#[derive(Debug)]
pub struct Draft<'a> {
    body: &'a mut Body,
    id: Code,
    begin: usize,
    end: usize,
    element: u16,
}

impl Draft<'_> {
    /// The next element, with this text.
    #[must_use]
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.components(&[text.as_ref()])
    }

    /// The next element, empty where there is no text.
    #[must_use]
    pub fn optional<T: AsRef<str>>(self, text: Option<T>) -> Self {
        self.components(&[text.as_ref().map_or("", AsRef::as_ref)])
    }

    /// The next element, with this code.
    #[must_use]
    pub fn code(self, code: Code) -> Self {
        self.components(&[code.as_str()])
    }

    /// The next element, empty where there is no code.
    #[must_use]
    pub fn optional_code(self, code: Option<Code>) -> Self {
        self.components(&[code.unwrap_or_default().as_str()])
    }

    /// The next element, with this number.
    #[must_use]
    pub fn number(self, number: impl fmt::Display) -> Self {
        self.components(&[number.to_string().as_str()])
    }

    /// The next element, empty where there is no number.
    #[must_use]
    pub fn optional_number<N: fmt::Display>(self, number: Option<N>) -> Self {
        self.components(&[number.map(|number| number.to_string()).unwrap_or_default().as_str()])
    }

    /// This many empty elements.
    #[must_use]
    pub fn skip(mut self, elements: u16) -> Self {
        for _ in 0..elements {
            self = self.components(&[]);
        }
        self
    }

    /// The next element, with these components; trailing empty ones are left out.
    #[must_use]
    pub fn components(mut self, components: &[&str]) -> Self {
        self.element += 1;
        let separator = self.body.delimiters.element;
        self.body.bytes.push(separator);
        for (at, text) in components.iter().enumerate() {
            if at > 0 {
                let separator = self.body.delimiters.component;
                self.body.bytes.push(separator);
            }
            if text.is_empty() {
                continue;
            }
            let begin = self.body.bytes.len();
            for character in text.chars() {
                self.character(character);
            }
            self.end = self.body.bytes.len();
            let written = self.body.bytes.get(begin..).unwrap_or_default();
            // Text in ISO 8859-1 that happens to be UTF-8 would be read as something else.
            if self.body.latin1 && !text.is_ascii() && core::str::from_utf8(written).is_ok() {
                let character = text.chars().find(|character| !character.is_ascii()).unwrap_or_default();
                self.refuse(character);
            }
        }
        // Between elements, empty components at the end are left out.
        let keep = self.body.bytes.len();
        let empty = self.end < keep && components.iter().any(|text| !text.is_empty());
        if empty {
            self.body.bytes.truncate(self.end);
        } else if components.len() > 1 && components.iter().all(|text| text.is_empty()) {
            self.body.bytes.truncate(keep - (components.len() - 1));
        }
        self
    }

    fn character(&mut self, character: char) {
        if self.body.character(character) {
            return;
        }
        match self.body.replacement {
            Some(replacement) => {
                self.body.character(replacement);
            }
            None => self.refuse(character),
        }
    }

    fn refuse(&mut self, character: char) {
        let (segment, element) = (self.id, self.element);
        self.body.fail(WriteError::Character { segment, element, character });
    }

    /// Ends the segment. Dropping it does the same.
    pub fn end(self) {}

    /// Leaves the segment out if no element has a value.
    pub fn end_unless_empty(mut self) {
        let id = self.begin + self.id.as_str().len();
        if self.end <= id {
            self.body.bytes.truncate(self.begin);
            self.id = Code::EMPTY;
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.id.is_empty() {
            return;
        }
        self.body.bytes.truncate(self.end);
        let terminator = self.body.delimiters.segment;
        self.body.bytes.extend_from_slice(terminator.as_bytes());
        if self.body.line_breaks {
            self.body.bytes.push(b'\n');
        }
        self.body.segments = self.body.segments.saturating_add(1);
    }
}

/// Holds a finished file to the rules, so that nothing leaves that our own reader would reject.
pub(crate) fn verify(bytes: &[u8], rules: &crate::Rules) -> Result<(), WriteError> {
    let options = crate::Options { rules: rules.clone(), ..crate::Options::default() };
    let mut first = None;
    let mut keep = |complaints: &[Complaint]| {
        if first.is_none() {
            first = complaints.iter().find(|complaint| complaint.rejects()).cloned();
        }
    };
    crate::read(bytes, &options, &mut |event| match event {
        crate::Event::Set(_, _, set) => keep(&set.complaints),
        crate::Event::GroupEnd(_, group) => keep(&group.complaints),
        crate::Event::InterchangeEnd(interchange) => keep(&interchange.complaints),
        crate::Event::File(complaint) => keep(core::slice::from_ref(complaint)),
        crate::Event::Interchange(_) | crate::Event::Group(..) | crate::Event::Ta1(..) => {}
    });
    first.map_or(Ok(()), |complaint| Err(WriteError::Invalid(Box::new(complaint))))
}

/// Whether a header's text fits, without characters that cannot be written.
pub(crate) fn header_text(
    delimiters: &Delimiters,
    element: &'static str,
    must_be: &'static str,
    text: &str,
    lengths: core::ops::RangeInclusive<usize>,
) -> Result<String, WriteError> {
    let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !delimiters.contains(byte));
    if printable && lengths.contains(&text.len()) {
        Ok(text.to_string())
    } else {
        Err(WriteError::Header { element, must_be })
    }
}
