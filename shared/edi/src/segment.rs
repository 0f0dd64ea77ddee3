//! Segments, elements and components, borrowed from one buffer.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::Code;
use crate::code::tag_key;
use crate::delimiters::Delimiters;

/// An element's place in its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Its first byte, counted from the segment's first one in the file.
    pub(crate) at: u32,
}

/// A segment in the reader's buffer, without its terminator.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a [u8],
    /// The places of its elements in the text, that of its id first.
    pub(crate) spans: &'a [Span],
    /// Its first byte in the file.
    pub(crate) at: u64,
    /// Whether line breaks stand in it.
    pub(crate) broken: bool,
    /// Whether it has nothing but printable ASCII and no release character.
    pub(crate) plain: bool,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    at: u64,
    byte: usize,
    span: usize,
    plain: bool,
}

/// The segments of one set: their bytes in one buffer, with the places of their elements. Clearing it keeps the memory, so
/// that reading set after set allocates nothing.
#[derive(Clone, Debug)]
pub struct Segments {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    starts: Vec<Start>,
    delimiters: Delimiters,
}

impl Segments {
    /// None, for data with these delimiters.
    pub fn new(delimiters: Delimiters) -> Self {
        Self { bytes: Vec::new(), spans: Vec::new(), starts: Vec::new(), delimiters }
    }

    pub(crate) fn reset(&mut self, delimiters: Delimiters) {
        self.bytes.clear();
        self.spans.clear();
        self.starts.clear();
        self.delimiters = delimiters;
    }

    /// Appends a segment, without its line breaks where these are to be taken out.
    pub(crate) fn append(&mut self, raw: Raw<'_>, without_line_breaks: bool) {
        let Raw { text, spans, at, plain, .. } = raw;
        let byte = self.bytes.len();
        self.starts.push(Start { at, byte, span: self.spans.len(), plain });
        if without_line_breaks {
            for span in spans {
                let start = (self.bytes.len() - byte) as u32;
                let raw = text.get(span.start as usize..span.end as usize).unwrap_or_default();
                self.bytes.extend(raw.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
                self.spans.push(Span { start, end: (self.bytes.len() - byte) as u32, at: span.at });
            }
            return;
        }
        self.bytes.extend_from_slice(text);
        self.spans.extend_from_slice(spans);
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The bytes that the segments take.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The delimiters of the data.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The segment at a place, from 0.
    pub fn get(&self, index: usize) -> Option<Segment<'_>> {
        let Start { at, byte, span, plain } = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).map_or(self.spans.len(), |next| next.span);
        let (bytes, spans) = (self.bytes.get(byte..)?, self.spans.get(span..end)?);
        Some(Segment { bytes, spans, delimiters: &self.delimiters, at, index: index as u32, plain })
    }

    /// The last segment.
    pub fn last(&self) -> Option<Segment<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Segment<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// One segment of a set. It borrows all that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    delimiters: &'a Delimiters,
    at: u64,
    index: u32,
    plain: bool,
}

impl<'a> Segment<'a> {
    fn raw(&self, span: usize) -> &'a [u8] {
        let Some(span) = self.spans.get(span) else { return &[] };
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The segment's id, as bytes.
    pub fn tag(&self) -> &'a [u8] {
        let tag = self.raw(0);
        if self.delimiters.release.is_none() || tag.len() <= 3 {
            return tag;
        }
        // EDIFACT allows `TAG:1:1` for nesting; nobody uses it, but the id is what stands before the separator.
        match tag.iter().position(|byte| *byte == self.delimiters.component) {
            Some(end) => tag.get(..end).unwrap_or_default(),
            None => tag,
        }
    }

    /// The segment's id as a code, with `?` for what is no text.
    pub fn id(&self) -> Code {
        Code::lossy(self.tag())
    }

    pub(crate) fn key(&self) -> u32 {
        tag_key(self.tag())
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.spans.len().saturating_sub(1)
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn delimiters(&self) -> &'a Delimiters {
        self.delimiters
    }

    pub(crate) fn delimiters_repeat(&self) -> bool {
        self.delimiters.repetition.is_some()
    }

    /// Its first byte in the file.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Its place in the set, ST or UNH being 1.
    pub fn ordinal(&self) -> u32 {
        self.index + 1
    }

    /// The element at a position, from 1; an empty one where there is none.
    #[inline]
    pub fn element(&self, position: usize) -> Element<'a> {
        match self.spans.get(position) {
            Some(span) => self.at_span(span),
            None => {
                let at = self.spans.last().map_or(0, |span| u64::from(span.at));
                Element { raw: &[], at: self.at + at, delimiters: self.delimiters, plain: true }
            }
        }
    }

    /// One bit for each element that is not empty, the bit of its position; of those up to 63.
    pub(crate) fn filled(&self) -> u64 {
        let bits = self.spans.iter().take(64).zip(0_u32..).filter(|(span, _)| span.start < span.end);
        bits.fold(0, |filled, (_, position)| filled | 1_u64 << position)
    }

    /// The first repetition of the element at a position: what documents read of it.
    #[cfg(feature = "documents")]
    #[inline]
    pub(crate) fn first(&self, position: usize) -> Element<'a> {
        let element = self.element(position);
        element.repetitions().next().unwrap_or(element)
    }

    #[inline]
    fn at_span(&self, span: &Span) -> Element<'a> {
        let raw = self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default();
        Element { raw, at: self.at + u64::from(span.at), delimiters: self.delimiters, plain: self.plain }
    }

    /// The text of an element, from 1; `None` where it is empty or absent.
    pub fn text(&self, position: usize) -> Option<Cow<'a, str>> {
        let element = self.element(position);
        (!element.is_empty()).then(|| element.text())
    }

    /// All its elements.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let segment = *self;
        self.spans.iter().skip(1).map(move |span| segment.at_span(span))
    }
}

/// An element, a repetition of one, or a component.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    raw: &'a [u8],
    at: u64,
    delimiters: &'a Delimiters,
    plain: bool,
}

impl<'a> Element<'a> {
    /// Its bytes as they stand in the file, with release characters.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its first byte in the file.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether it is known to have nothing but printable ASCII and no release character.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    pub(crate) fn releases(&self) -> bool {
        !self.plain && self.delimiters.release.is_some_and(|release| self.raw.contains(&release))
    }

    pub(crate) fn latin1(&self) -> bool {
        self.delimiters.latin1
    }

    pub(crate) fn decimal(&self) -> u8 {
        self.delimiters.decimal
    }

    /// Its text, without release characters. Text that is not UTF-8 is read as ISO 8859-1, which always succeeds.
    pub fn text(&self) -> Cow<'a, str> {
        let released = self.releases();
        match core::str::from_utf8(self.raw) {
            Ok(text) if !released => Cow::Borrowed(text),
            Ok(text) => Cow::Owned(self.unreleased(text.chars())),
            Err(_) => Cow::Owned(self.unreleased(self.raw.iter().map(|byte| char::from(*byte)))),
        }
    }

    fn unreleased(&self, characters: impl Iterator<Item = char>) -> String {
        let mut text = String::with_capacity(self.raw.len());
        let mut released = false;
        for character in characters {
            if !released && self.delimiters.release.is_some_and(|release| char::from(release) == character) {
                released = true;
            } else {
                text.push(character);
                released = false;
            }
        }
        text
    }

    /// As [`Element::text`], in one step.
    #[cfg(feature = "documents")]
    #[inline]
    pub(crate) fn to_text(self) -> String {
        match core::str::from_utf8(self.raw) {
            Ok(text) if self.plain => String::from(text),
            _ => self.text().into_owned(),
        }
    }

    /// Its text as a code; `None` where it is empty or too long for one.
    pub fn code(&self) -> Option<Code> {
        if self.is_empty() { None } else { Code::from_bytes(self.raw) }
    }

    /// The component at a position, from 1; an empty one where there is none.
    #[inline]
    pub fn component(&self, position: usize) -> Element<'a> {
        self.split(Some(self.delimiters.component))
            .nth(position.saturating_sub(1))
            .unwrap_or(Element { raw: &[], ..*self })
    }

    /// Its components; the element itself where it has one only.
    pub fn components(&self) -> Parts<'a> {
        self.split(Some(self.delimiters.component))
    }

    /// Its repetitions; the element itself where it has one only.
    pub fn repetitions(&self) -> Parts<'a> {
        self.split(self.delimiters.repetition)
    }

    /// Where a separator is that no release character takes the meaning from.
    #[inline]
    fn find(&self, separator: u8) -> Option<usize> {
        if self.plain {
            return self.raw.iter().position(|byte| *byte == separator);
        }
        let mut released = false;
        self.raw.iter().position(|byte| {
            let after_release = released;
            released = !after_release && Some(*byte) == self.delimiters.release;
            !after_release && !released && *byte == separator
        })
    }

    fn split(&self, separator: Option<u8>) -> Parts<'a> {
        Parts { rest: *self, separator, done: false }
    }
}

/// The parts of an element.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: Element<'a>,
    separator: Option<u8>,
    done: bool,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.done {
            return None;
        }
        let mut part = self.rest;
        match self.separator.and_then(|separator| part.find(separator)) {
            Some(end) => {
                self.rest.raw = part.raw.get(end + 1..).unwrap_or_default();
                self.rest.at += end as u64 + 1;
                part.raw = part.raw.get(..end).unwrap_or_default();
            }
            None => self.done = true,
        }
        Some(part)
    }
}
