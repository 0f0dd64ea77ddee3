//! Holds segments to their rules: places them in the structure, looks at their elements.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::model::{ElementSpec, Grammar, Kind, Node, SegmentSpec};
use super::{edifact, x12_segments};
use crate::complaint::{Complaint, Complaints, Position, Problem};
use crate::segment::{Element, Segment};
use crate::{Code, Leniencies};

/// An open loop: the earliest node that may come next (`at`), and how often the loop has occurred (`count`).
#[derive(Clone, Copy)]
struct Frame {
    end: u16,
    at: u16,
    count: u32,
    begin: u16,
}

/// Follows one set through its structure.
pub(crate) struct Checker {
    grammar: Arc<Grammar>,
    frames: Vec<Frame>,
}

/// Where the set is, and what is tolerated.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) place: Position,
    pub(crate) leniencies: Leniencies,
}

impl Context {
    /// Adds a complaint, tolerated if its leniency is on.
    pub(crate) fn complain(&self, complaints: &mut Complaints, mut complaint: Complaint) {
        complaint.tolerated = complaint.problem.leniency().filter(|leniency| self.leniencies.contains(*leniency));
        complaints.push(complaint);
    }

    fn of_segment(&self, segment: &Segment<'_>) -> Position {
        Position { byte: segment.at(), segment: Some(segment.ordinal()), segment_id: Some(segment.id()), ..self.place }
    }
}

impl Checker {
    pub(crate) fn new(grammar: Arc<Grammar>) -> Self {
        let mut checker = Self { grammar, frames: Vec::new() };
        checker.restart();
        checker
    }

    pub(crate) fn grammar(&self) -> &Arc<Grammar> {
        &self.grammar
    }

    /// Begins with a new set of the same rules.
    pub(crate) fn restart(&mut self) {
        let (begin, end) = self.grammar.top;
        self.frames.clear();
        self.frames.push(Frame { begin, end, at: begin, count: 0 });
    }

    /// Places one segment and looks at its elements.
    pub(crate) fn segment(&mut self, segment: &Segment<'_>, context: &Context, complaints: &mut Complaints) {
        let key = segment.key();
        match self.find(key) {
            Some((depth, node)) => {
                self.enter(depth, node, segment, context, complaints);
                let grammar = &self.grammar;
                let spec = grammar.nodes.get(usize::from(node)).and_then(|n| grammar.specs.get(usize::from(n.spec)));
                if let Some(spec) = spec {
                    check_elements(spec, segment, context, complaints);
                }
            }
            None => {
                let problem = self.unplaced(segment, key);
                context.complain(complaints, Complaint::new(problem, context.of_segment(segment)));
            }
        }
    }

    /// Complains of what is missing at the end; `trailer` is the segment that ended the set.
    pub(crate) fn end(&mut self, trailer: Position, context: &Context, complaints: &mut Complaints) {
        while let Some(frame) = self.frames.pop() {
            self.missing(frame, frame.end, || trailer, context, complaints);
        }
    }

    /// The innermost open loop that takes the segment, and its node there.
    fn find(&self, key: u32) -> Option<(usize, u16)> {
        for (depth, frame) in self.frames.iter().enumerate().rev() {
            let keys = self.grammar.keys.get(usize::from(frame.at)..usize::from(frame.end)).unwrap_or_default();
            if let Some(offset) = keys.iter().position(|of| *of == key) {
                let node = frame.at + offset as u16;
                // A segment that may come once and did is looked for further on, as another one of the same id.
                let full = offset == 0 && frame.count >= self.max(node);
                let later = if full {
                    keys.iter().skip(1).position(|of| *of == key).map(|at| frame.at + at as u16 + 1)
                } else {
                    None
                };
                return Some((depth, later.unwrap_or(node)));
            }
        }
        None
    }

    fn max(&self, node: u16) -> u32 {
        self.grammar.nodes.get(usize::from(node)).map_or(u32::MAX, |node| node.max)
    }

    fn enter(
        &mut self,
        depth: usize,
        node: u16,
        segment: &Segment<'_>,
        context: &Context,
        complaints: &mut Complaints,
    ) {
        // Nearly every segment is where it should be, so its position is made for a complaint only.
        let place = || context.of_segment(segment);
        while self.frames.len() > depth + 1 {
            if let Some(left) = self.frames.pop() {
                self.missing(left, left.end, place, context, complaints);
            }
        }
        let Some(frame) = self.frames.get(depth).copied() else { return };
        let count = if frame.at == node { frame.count.saturating_add(1) } else { 1 };
        if frame.at != node {
            self.missing(frame, node, place, context, complaints);
        }
        if let Some(frame) = self.frames.get_mut(depth) {
            (frame.at, frame.count) = (node, count);
        }
        let Some(Node { max, children, .. }) = self.grammar.nodes.get(usize::from(node)).copied() else { return };
        let is_loop = children.0 != children.1;
        if count > max {
            let problem = if is_loop { Problem::LoopTooOften } else { Problem::SegmentTooOften };
            let complaint = Complaint { expected: Some(format!("at most {max}")), ..Complaint::new(problem, place()) };
            context.complain(complaints, complaint);
        }
        if is_loop {
            self.frames.push(Frame { begin: children.0, end: children.1, at: children.0, count: 0 });
        }
    }

    /// Complains of mandatory nodes from the frame's place to `until` that did not come.
    fn missing(
        &self,
        frame: Frame,
        until: u16,
        place: impl Fn() -> Position,
        context: &Context,
        complaints: &mut Complaints,
    ) {
        let mut at = if frame.count == 0 { frame.at } else { frame.at.saturating_add(1) };
        while let Some((found, node)) = self.next_mandatory(at, until) {
            let place = Position { segment_id: Some(node.id), element: None, ..place() };
            context.complain(complaints, Complaint::new(Problem::MissingSegment, place));
            at = found + 1;
        }
    }

    #[inline]
    fn next_mandatory(&self, at: u16, until: u16) -> Option<(u16, &Node)> {
        if at >= until {
            return None;
        }
        let found = self.grammar.nodes.get(usize::from(at))?.next_mandatory;
        if found < until { Some((found, self.grammar.nodes.get(usize::from(found))?)) } else { None }
    }

    fn unplaced(&self, segment: &Segment<'_>, key: u32) -> Problem {
        let before =
            |frame: &Frame| self.grammar.keys.get(usize::from(frame.begin)..usize::from(frame.at)).unwrap_or_default();
        if self.frames.iter().any(|frame| before(frame).contains(&key)) {
            Problem::WrongSequence
        } else if key != 0 && self.grammar.keys.contains(&key) {
            Problem::UnexpectedSegment
        } else {
            let tag = core::str::from_utf8(segment.tag()).unwrap_or_default();
            let exists = if self.grammar.x12 { x12_segments::exists(tag) } else { edifact::exists(tag) };
            if exists { Problem::SegmentNotInSet } else { Problem::UnknownSegment }
        }
    }
}

/// Looks at a segment's elements.
fn check_elements(spec: &SegmentSpec, segment: &Segment<'_>, context: &Context, complaints: &mut Complaints) {
    let mut complain =
        |problem, position: usize, component: Option<u16>, of: Option<&ElementSpec>, element: Element<'_>| {
            let place = Position {
                byte: element.at(),
                element: Some(position as u16),
                component,
                reference: of.and_then(|spec| spec.reference),
                ..context.of_segment(segment)
            };
            let found = (!element.is_empty()).then(|| clip(element));
            context.complain(
                complaints,
                Complaint { found, expected: expected(problem, of), ..Complaint::new(problem, place) },
            );
        };
    for (position, (spec, element)) in (1..).zip(spec.elements.iter().zip(segment.elements())) {
        if element.is_empty() {
            if spec.mandatory {
                complain(Problem::ElementMissing, position, None, Some(spec), element);
            }
            continue;
        }
        if spec.components.is_empty() {
            if segment.delimiters_repeat() {
                for repetition in element.repetitions() {
                    if let Some(problem) = value(spec, &repetition) {
                        complain(problem, position, None, Some(spec), repetition);
                    }
                }
            } else if let Some(problem) = value(spec, &element) {
                complain(problem, position, None, Some(spec), element);
            }
            continue;
        }
        for repetition in element.repetitions() {
            let mut specs = (1..).zip(&spec.components);
            let mut too_many = None;
            for part in repetition.components() {
                match specs.next() {
                    Some((number, spec)) if part.is_empty() => {
                        if spec.mandatory {
                            complain(Problem::ElementMissing, position, Some(number), Some(spec), part);
                        }
                    }
                    Some((number, spec)) => {
                        if let Some(problem) = value(spec, &part) {
                            complain(problem, position, Some(number), Some(spec), part);
                        }
                    }
                    None => too_many = too_many.or((!part.is_empty()).then_some(part)),
                }
            }
            for (number, spec) in specs.filter(|(_, spec)| spec.mandatory) {
                complain(Problem::ElementMissing, position, Some(number), Some(spec), repetition);
            }
            if let Some(part) = too_many {
                let number = spec.components.len() as u16 + 1;
                complain(Problem::TooManyComponents, position, Some(number), Some(spec), part);
            }
        }
    }
    for position in segment.len() + 1..=spec.last_mandatory {
        let of = spec.elements.get(position - 1).filter(|of| of.mandatory);
        if of.is_some() {
            complain(Problem::ElementMissing, position, None, of, segment.element(position));
        }
    }
    if spec.open {
        for position in spec.elements.len() + 1..=segment.len() {
            let element = segment.element(position);
            if !element.is_plain() && element.raw().iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
                complain(Problem::InvalidCharacter, position, None, None, element);
            }
        }
    } else {
        let extra = (spec.elements.len() + 1..=segment.len()).find(|at| !segment.element(*at).is_empty());
        if let Some(extra) = extra {
            complain(Problem::TooManyElements, extra, None, None, segment.element(extra));
        }
    }
    let filled = if spec.conditions.is_empty() { 0 } else { segment.filled() };
    let present = |position: &u16| filled & (1 << u32::from(*position)) != 0;
    for condition in &spec.conditions {
        // Most optional elements are absent, and then only `R` has anything to say.
        if filled & condition.mask == 0 && condition.kind != b'R' {
            continue;
        }
        let broken = match condition.kind {
            b'P' if condition.positions.iter().any(present) => {
                condition.positions.iter().find(|at| !present(at)).map(|at| (Problem::ConditionalElementMissing, *at))
            }
            b'R' if !condition.positions.iter().any(present) => {
                condition.positions.first().map(|at| (Problem::ConditionalElementMissing, *at))
            }
            b'E' => condition.positions.iter().filter(|at| present(at)).nth(1).map(|at| (Problem::Excluded, *at)),
            b'C' if condition.positions.first().is_some_and(present) => {
                condition.positions.iter().find(|at| !present(at)).map(|at| (Problem::ConditionalElementMissing, *at))
            }
            b'L' if condition.positions.first().is_some_and(present) => {
                let others = condition.positions.get(1..).unwrap_or_default();
                let none = !others.iter().any(present);
                others.first().filter(|_| none).map(|at| (Problem::ConditionalElementMissing, *at))
            }
            _ => None,
        };
        if let Some((problem, position)) = broken {
            let position = usize::from(position);
            let of = spec.elements.get(position.saturating_sub(1));
            complain(problem, position, None, of, segment.element(position));
        }
    }
}

/// What is wrong with one value.
#[inline]
fn value(spec: &ElementSpec, element: &Element<'_>) -> Option<Problem> {
    let right = spec.only_length && element.is_plain() && spec.takes(element.raw().len());
    if right { None } else { value_by_kind(spec, element) }
}

fn value_by_kind(spec: &ElementSpec, element: &Element<'_>) -> Option<Problem> {
    let raw = element.raw();
    if !element.is_plain() {
        if raw.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
            return Some(Problem::InvalidCharacter);
        }
        if spec.kind != Kind::Any && core::str::from_utf8(raw).is_err() && !element.latin1() {
            return Some(Problem::NotUtf8);
        }
    }
    let length = match spec.kind {
        Kind::Any => return None,
        Kind::Text | Kind::Id if element.is_plain() => raw.len(),
        Kind::Text | Kind::Id => element.text().chars().count(),
        Kind::Integer => {
            let digits = raw.strip_prefix(b"-").unwrap_or(raw);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Some(Problem::InvalidCharacter);
            }
            digits.len()
        }
        Kind::Decimal => match decimal_digits(raw, element.decimal()) {
            Some(digits) => digits,
            None => return Some(Problem::InvalidCharacter),
        },
        Kind::Date if !is_date(raw) => return Some(Problem::InvalidDate),
        Kind::Time if !is_time(raw) => return Some(Problem::InvalidTime),
        Kind::Date | Kind::Time => raw.len(),
    } as u64;
    if length < u64::from(spec.min) {
        Some(Problem::TooShort)
    } else if length > u64::from(spec.max) {
        Some(Problem::TooLong)
    } else if !spec.codes.is_empty() && !spec.codes.iter().any(|code| code.as_str().as_bytes() == raw) {
        Some(Problem::InvalidCode)
    } else {
        None
    }
}

/// How many digits a decimal number has; `None` where it is none.
fn decimal_digits(raw: &[u8], mark: u8) -> Option<usize> {
    let number = raw.strip_prefix(b"-").unwrap_or(raw);
    let mut digits = 0;
    let mut marks = 0;
    for byte in number {
        match byte {
            b'0'..=b'9' => digits += 1,
            byte if *byte == mark || *byte == b'.' => marks += 1,
            _ => return None,
        }
    }
    (digits > 0 && marks <= 1).then_some(digits)
}

/// Whether the text is a date, YYMMDD or CCYYMMDD.
pub(crate) fn is_date(raw: &[u8]) -> bool {
    if !raw.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = |from: usize| raw.get(from..from + 2).map_or(0, |two| (two[0] - b'0') * 10 + (two[1] - b'0'));
    let (year, at) = match raw.len() {
        6 => (2000 + u32::from(number(0)), 2),
        8 => (u32::from(number(0)) * 100 + u32::from(number(2)), 4),
        _ => return false,
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match number(at) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&number(at + 2))
}

/// Whether the text is a time, HHMM, HHMMSS, HHMMSSD or HHMMSSDD.
pub(crate) fn is_time(raw: &[u8]) -> bool {
    let number = |from: usize| raw.get(from..from + 2).map_or(0, |two| (two[0] - b'0') * 10 + (two[1] - b'0'));
    matches!(raw.len(), 4 | 6 | 7 | 8)
        && raw.iter().all(u8::is_ascii_digit)
        && number(0) < 24
        && number(2) < 60
        && (raw.len() == 4 || number(4) < 60)
}

fn expected(problem: Problem, of: Option<&ElementSpec>) -> Option<String> {
    let of = of?;
    let text = if problem == Problem::TooLong {
        format!("at most {}", of.max)
    } else if problem == Problem::TooShort {
        format!("at least {}", of.min)
    } else if problem == Problem::InvalidCode {
        of.codes.iter().map(Code::as_str).collect::<Vec<_>>().join(", ")
    } else {
        return None;
    };
    Some(text)
}

/// A value for AK404, which has at most 99 characters.
fn clip(element: Element<'_>) -> String {
    let text = element.text();
    match text.char_indices().nth(99) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_string(),
    }
}
