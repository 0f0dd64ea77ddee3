//! Reads X12 and EDIFACT in chunks of any size, within a bound of memory.

use alloc::string::String;
use alloc::vec::Vec;

use crate::complaint::{Complaint, Complaints, Position, Problem};
use crate::delimiters::{Delimiters, Detected, Notes, of_isa, of_una, unusual};
use crate::event::{Event, Interchange, Party, Standard, Usage};
use crate::options::Options;
use crate::rules::Context;
use crate::scan::{Scanned, Scanner};
use crate::segment::Raw;
use crate::state::State;
use crate::{Code, Leniency};

/// What follows each terminator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// Not seen yet: the first segment's end tells.
    Unknown,
    None,
    CrLf,
    Byte(u8),
}

impl Suffix {
    /// The one that these bytes begin with.
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'\r', b'\n', ..] => Self::CrLf,
            [byte @ (b'\r' | b'\n'), ..] => Self::Byte(*byte),
            _ => Self::None,
        }
    }

    /// How much of these bytes it takes.
    fn length_in(self, bytes: &[u8]) -> usize {
        match (self, bytes) {
            (Self::CrLf, [b'\r', b'\n', ..]) => 2,
            (Self::Byte(suffix), [byte, ..]) if suffix == *byte => 1,
            _ => 0,
        }
    }
}

enum Phase {
    /// Before an interchange.
    Outside,
    Inside(Standard),
    /// Looking for the next header after one that cannot be read.
    Lost,
    /// A bound was hit; nothing more is read.
    Stopped,
}

/// Reads a file chunk by chunk.
///
/// ```
/// use edi::{Event, Options, Reader};
/// let options = Options::default();
/// let mut reader = Reader::new(&options);
/// let mut sets = 0;
/// let mut count = |event: Event<'_>| {
///     if let Event::Set(..) = event {
///         sets += 1;
///     }
/// };
/// for chunk in edi::samples::X12_945.as_bytes().chunks(100) {
///     reader.push(chunk, &mut count);
/// }
/// reader.finish(&mut count);
/// assert_eq!(sets, 1);
/// ```
pub struct Reader<'o> {
    pub(crate) options: &'o Options,
    buffer: Vec<u8>,
    /// The first byte of the buffer that is not done with, and its place in the file.
    begin: usize,
    offset: u64,
    phase: Phase,
    scanner: Scanner,
    suffix: Suffix,
    suffix_due: bool,
    any: bool,
    ordinal: u32,
    /// Leading problems that belong to the interchange to come.
    ahead: Vec<(Problem, u64)>,
    pub(crate) state: State,
}

impl<'o> Reader<'o> {
    /// A reader at the beginning of a file.
    pub fn new(options: &'o Options) -> Self {
        Self {
            options,
            buffer: Vec::new(),
            begin: 0,
            offset: 0,
            phase: Phase::Outside,
            scanner: Scanner::new(&Delimiters::X12),
            suffix: Suffix::Unknown,
            suffix_due: false,
            any: false,
            ordinal: 0,
            ahead: Vec::new(),
            state: State::new(),
        }
    }

    /// Reads on. Chunks may end anywhere.
    pub fn push(&mut self, chunk: &[u8], on: &mut dyn FnMut(Event<'_>)) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        self.any |= !chunk.is_empty();
        self.buffer.drain(..self.begin);
        self.begin = 0;
        self.buffer.extend_from_slice(chunk);
        self.run(false, on);
    }

    /// Ends the file.
    pub fn finish(mut self, on: &mut dyn FnMut(Event<'_>)) {
        self.run(true, on);
        let at = self.offset;
        if self.state.interchange.is_some() {
            self.state.complain_of_interchange(self.options, Problem::Truncated, at, None);
            self.state.end_interchange(self.options, at, on);
        } else if matches!(self.phase, Phase::Inside(_)) {
            // A UNA and nothing more, or a header without its terminator.
            let place = Position { byte: at, interchange: Some(self.ordinal), ..Position::default() };
            on(Event::File(&Complaint::new(Problem::Truncated, place)));
        } else if self.ordinal == 0 && !matches!(self.phase, Phase::Lost | Phase::Stopped) && !self.any_text() {
            on(Event::File(&Complaint::new(Problem::EmptyFile, Position::default())));
        } else if matches!(self.phase, Phase::Outside) {
            for (problem, at) in core::mem::take(&mut self.ahead) {
                let context = Context { place: Position::default(), leniencies: self.options.leniencies };
                let mut complaints = Complaints::default();
                let place = Position { byte: at, ..Position::default() };
                context.complain(&mut complaints, Complaint::new(problem, place));
                complaints.iter().for_each(|complaint| on(Event::File(complaint)));
            }
        }
    }

    fn any_text(&self) -> bool {
        self.ahead.iter().any(|(problem, _)| *problem == Problem::NotEdi)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.begin..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.begin += bytes;
        self.offset += bytes as u64;
    }

    fn run(&mut self, at_end: bool, on: &mut dyn FnMut(Event<'_>)) {
        loop {
            let goes_on = match self.phase {
                Phase::Outside => self.outside(at_end, on),
                Phase::Inside(standard) => self.inside(standard, at_end, on),
                Phase::Lost => self.lost(at_end),
                Phase::Stopped => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Takes white space away; returns the first byte of text and how much of what followed was white space, or `None` for
    /// more.
    fn skip_blank(&mut self, at_end: bool) -> Option<bool> {
        if self.suffix_due {
            if self.rest().len() < 2 && !at_end {
                return None;
            }
            if self.suffix == Suffix::Unknown {
                self.suffix = Suffix::of(self.rest());
            }
            self.advance(self.suffix.length_in(self.rest()));
            self.suffix_due = false;
        }
        let blank = self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blank > 0 {
            // Wait for what follows, so that chunks make no difference; not for ever.
            if blank == self.rest().len() && blank < 1024 && !at_end {
                return None;
            }
            let alone = matches!(self.rest().get(..blank), Some(b"\r\n" | b"\n" | b"\r"));
            self.note_blank(alone);
            self.advance(blank);
        }
        if self.rest().is_empty() { None } else { Some(true) }
    }

    /// Notes white space here. A line break `alone` may be where a line was wrapped.
    fn note_blank(&mut self, alone: bool) {
        let wraps = alone && self.options.leniencies.contains(Leniency::WrappedLines);
        let problem = if wraps { Problem::WrappedLines } else { Problem::WhiteSpace };
        let at = self.offset;
        match &self.state.interchange {
            Some(interchange) if interchange.complaints.has(problem) => {}
            Some(_) => self.state.complain_of_interchange(self.options, problem, at, None),
            None if self.ahead.iter().any(|(noted, _)| *noted == problem) => {}
            None => self.ahead.push((problem, at)),
        }
    }

    fn outside(&mut self, at_end: bool, on: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.offset == 0 {
            const MARK: &[u8] = b"\xef\xbb\xbf";
            let rest = self.rest();
            if rest.len() < MARK.len() && MARK.starts_with(rest) && !at_end {
                return false;
            }
            if rest.starts_with(MARK) {
                self.advance(MARK.len());
                self.ahead.push((Problem::ByteOrderMark, 0));
            }
        }
        if self.skip_blank(at_end).is_none() || (self.rest().len() < 9 && !at_end) {
            return false;
        }
        let rest = self.rest();
        if rest.starts_with(b"ISA") {
            return self.begin_x12(at_end, on);
        }
        if rest.starts_with(b"UNA") {
            let delimiters = match of_una(rest) {
                Ok(delimiters) => delimiters,
                Err(problem) => return self.lose(problem, on),
            };
            self.advance(9);
            self.suffix = Suffix::Unknown;
            self.suffix_due = true;
            return self.begin(Standard::Edifact, delimiters, Notes::default(), 9);
        }
        if rest.starts_with(b"UNB") {
            return self.begin(Standard::Edifact, Delimiters::EDIFACT, Notes::default(), 0);
        }
        let problem = if self.ordinal == 0 { Problem::NotEdi } else { Problem::StraySegment };
        self.lose(problem, on)
    }

    fn begin_x12(&mut self, at_end: bool, on: &mut dyn FnMut(Event<'_>)) -> bool {
        match of_isa(self.rest(), at_end) {
            Detected::NeedMore => false,
            Detected::Found(delimiters, notes) => self.begin(Standard::X12, delimiters, notes, 0),
            Detected::Unreadable(problem) => {
                // Report the readable part of the header, so that a TA1 can answer it.
                let mut broken = self.broken_header(problem);
                self.ordinal += 1;
                broken.ordinal = self.ordinal;
                on(Event::Interchange(&broken));
                on(Event::InterchangeEnd(&broken));
                self.advance(3);
                self.ahead.clear();
                self.phase = Phase::Lost;
                true
            }
        }
    }

    /// A header whose delimiters cannot be used, read by the fixed places of its elements.
    fn broken_header(&self, problem: Problem) -> Interchange {
        let rest = self.rest();
        let text = |from: usize, to: usize| -> String {
            String::from_utf8_lossy(rest.get(from..to).unwrap_or_default()).trim().into()
        };
        let mut interchange = Interchange {
            standard: Standard::X12,
            ordinal: self.ordinal,
            at: self.offset,
            delimiters: Delimiters::X12,
            sender: Party::new(text(32, 34), text(35, 50)),
            receiver: Party::new(text(51, 53), text(54, 69)),
            date: text(70, 76),
            time: text(77, 81),
            version: text(84, 89),
            control: text(90, 99),
            usage: Usage::default(),
            wants_acknowledgment: rest.get(100) == Some(&b'1'),
            complaints: Complaints::default(),
            received: 0,
            complete: false,
        };
        let places = [
            (Problem::InvalidTerminator, 105),
            (Problem::InvalidComponentSeparator, 104),
            (Problem::InvalidElementSeparator, 3),
        ];
        let offset = places.iter().find(|(of, _)| *of == problem).map_or(0, |(_, at)| *at);
        // An ISA of other lengths has them elsewhere; the complaint stays within the file.
        let offset = offset.min(rest.len() as u64);
        let byte = self.offset + offset;
        let place = Position { byte, segment_id: Code::new("ISA"), ..interchange.place() };
        interchange.complaints.push(Complaint::new(problem, place));
        interchange
    }

    fn begin(&mut self, standard: Standard, delimiters: Delimiters, notes: Notes, before: u64) -> bool {
        self.scanner = Scanner::new(&delimiters);
        if before == 0 {
            self.suffix = if standard == Standard::X12 && matches!(delimiters.segment.first(), b'\r' | b'\n') {
                Suffix::None
            } else {
                Suffix::Unknown
            };
        }
        self.ordinal += 1;
        self.phase = Phase::Inside(standard);
        let at = self.offset;
        let noted = [(notes.unpadded, Problem::UnpaddedIsa), (notes.wrapped, Problem::WrappedLines)];
        self.ahead.extend(noted.into_iter().filter(|(noted, _)| *noted).map(|(_, problem)| (problem, at)));
        if let Some(problem) = unusual(delimiters.segment) {
            // After a UNA, the reader stands behind it.
            let terminator = if before == 0 { at + notes.terminator as u64 } else { at.saturating_sub(1) };
            self.ahead.push((problem, terminator));
        }
        self.state.scratch.reset(delimiters);
        true
    }

    fn inside(&mut self, standard: Standard, at_end: bool, on: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.skip_blank(at_end).is_none() {
            return false;
        }
        if self.state.interchange.is_some() {
            // A header where a trailer should be: its delimiters may be others, so it is not scanned with these.
            if self.rest().len() < 4 && !at_end {
                return false;
            }
            let rest = self.rest();
            let header = match standard {
                Standard::X12 => rest.starts_with(b"ISA"),
                Standard::Edifact => rest.starts_with(b"UNB") || rest.starts_with(b"UNA"),
            };
            if header && rest.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric()) {
                let at = self.offset;
                self.state.complain_of_interchange(self.options, Problem::Truncated, at, None);
                self.state.end_interchange(self.options, at, on);
                self.scanner.restart();
                self.phase = Phase::Outside;
                return true;
            }
        }
        let rest = self.buffer.get(self.begin..).unwrap_or_default();
        let Some(scanned) = self.scanner.scan(rest) else {
            if rest.len() > self.options.segment_bound {
                return self.stop(on);
            }
            if at_end {
                // What has no terminator may be cut: it is not read.
                let rest = rest.len();
                self.advance(rest);
            }
            return false;
        };
        if scanned.whole > self.options.segment_bound {
            return self.stop(on);
        }
        let Scanned { broken, plain, .. } = scanned;
        let text = rest.get(..scanned.text).unwrap_or_default();
        let raw = Raw { text, spans: self.scanner.spans(), at: self.offset, broken, plain };
        let ahead = &mut self.ahead;
        let inside = match standard {
            Standard::X12 => self.state.x12(self.options, raw, self.ordinal, ahead, on),
            Standard::Edifact => self.state.edifact(self.options, raw, self.ordinal, ahead, on),
        };
        self.scanner.restart();
        self.advance(scanned.whole);
        self.suffix_due = self.suffix != Suffix::None;
        if !inside {
            self.phase = Phase::Outside;
        }
        true
    }

    fn stop(&mut self, on: &mut dyn FnMut(Event<'_>)) -> bool {
        let at = self.offset;
        self.phase = Phase::Stopped;
        if self.state.interchange.is_some() {
            self.state.complain_of_interchange(self.options, Problem::SegmentTooLong, at, None);
            self.state.end_interchange(self.options, at, on);
        } else {
            let place = Position { byte: at, ..Position::default() };
            on(Event::File(&Complaint::new(Problem::SegmentTooLong, place)));
        }
        false
    }

    fn lose(&mut self, problem: Problem, on: &mut dyn FnMut(Event<'_>)) -> bool {
        let place = Position { byte: self.offset, ..Position::default() };
        on(Event::File(&Complaint::new(problem, place)));
        self.ahead.clear();
        let step = self.rest().len().min(1);
        self.advance(step);
        self.phase = Phase::Lost;
        true
    }

    /// Looks for the next header: `ISA` that stands alone, or `UNB+`.
    fn lost(&mut self, at_end: bool) -> bool {
        let rest = self.rest();
        let header = rest.windows(5).position(|window| {
            let alone = !window[0].is_ascii_alphanumeric();
            alone && ((&window[1..4] == b"ISA" && !window[4].is_ascii_alphanumeric()) || &window[1..5] == b"UNB+")
        });
        match header {
            Some(at) => {
                self.advance(at + 1);
                self.phase = Phase::Outside;
                self.suffix_due = false;
                true
            }
            None => {
                let keep = if at_end { 0 } else { 4 };
                let done = self.rest().len().saturating_sub(keep);
                self.advance(done);
                false
            }
        }
    }
}
