//! Where in an interchange a reader is: what the envelopes of X12 and EDIFACT have in common.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::complaint::{Complaint, Complaints, Position, Problem};
use crate::delimiters::Delimiters;
use crate::event::{Event, Group, Interchange, Set, Standard};
use crate::numbers::Numbers;
use crate::options::Options;
use crate::rules::{Checker, Context, Grammar};
use crate::segment::{Raw, Segment, Segments};
use crate::{Code, Leniencies, Leniency};

/// Where in the envelopes the reader is.
pub(crate) struct State {
    pub(crate) interchange: Option<Interchange>,
    pub(crate) group: Option<Group>,
    pub(crate) set: Set,
    pub(crate) in_set: bool,
    /// Segments of the set so far, those included that were left out.
    pub(crate) segments: u64,
    pub(crate) checker: Option<Checker>,
    /// Where the set is, and what is tolerated in it.
    context: Context,
    checked: (Code, String),
    grammars: Vec<(Code, String, Option<Arc<Grammar>>)>,
    pub(crate) scratch: Segments,
    pub(crate) set_numbers: Numbers,
    pub(crate) group_keys: BTreeSet<(String, String, String, String)>,
    pub(crate) interchange_keys: BTreeSet<crate::event::InterchangeKey>,
    /// EDIFACT: whether messages stand outside of groups.
    pub(crate) bare_messages: bool,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            interchange: None,
            group: None,
            set: Set {
                ordinal: 0,
                at: 0,
                id: Code::EMPTY,
                control: String::new(),
                version: String::new(),
                message_type: String::new(),
                segments: Segments::new(Delimiters::X12),
                complaints: Complaints::default(),
                complete: false,
            },
            in_set: false,
            segments: 0,
            checker: None,
            context: Context { place: Position::default(), leniencies: Leniencies::NONE },
            checked: (Code::EMPTY, String::new()),
            grammars: Vec::new(),
            scratch: Segments::new(Delimiters::X12),
            set_numbers: Numbers::default(),
            group_keys: BTreeSet::new(),
            interchange_keys: BTreeSet::new(),
            bare_messages: false,
        }
    }

    /// Makes the set's rules the current ones; returns whether there are any.
    pub(crate) fn find_rules(&mut self, options: &Options) -> bool {
        let (id, version) = (self.set.id, self.set.version.as_str());
        if let Some(checker) = self.checker.as_mut().filter(|_| self.checked.0 == id && self.checked.1 == version) {
            checker.restart();
            return true;
        }
        let known = self.grammars.iter().find(|(known, of, _)| *known == id && of == version);
        let grammar = match known {
            Some((_, _, grammar)) => grammar.clone(),
            None => {
                let grammar = options.rules.grammar(id.as_str(), version).unwrap_or_default();
                // A file may name any number of versions; those that have no rules are not worth keeping.
                if grammar.is_some() {
                    if self.grammars.len() >= 64 {
                        self.grammars.clear();
                    }
                    self.grammars.push((id, version.into(), grammar.clone()));
                }
                grammar
            }
        };
        self.checked = (id, version.into());
        self.checker = match (grammar, self.checker.take()) {
            (Some(grammar), Some(mut checker)) if Arc::ptr_eq(checker.grammar(), &grammar) => {
                checker.restart();
                Some(checker)
            }
            (Some(grammar), _) => Some(Checker::new(grammar)),
            (None, _) => None,
        };
        self.checker.is_some()
    }

    /// Holds the next set to no rules.
    pub(crate) fn forget_rules(&mut self) {
        self.checker = None;
        self.checked = (Code::EMPTY, String::new());
    }

    /// Appends a segment to the set and holds it to the rules.
    pub(crate) fn take_segment(&mut self, options: &Options, raw: Raw<'_>) {
        self.segments += 1;
        let Self { context, set, checker, .. } = self;
        if set.segments.size() + raw.text.len() > options.set_bound {
            if !set.complaints.has(Problem::SetTooLarge) {
                let place = Position { byte: raw.at, ..context.place };
                context.complain(&mut set.complaints, Complaint::new(Problem::SetTooLarge, place));
            }
            return;
        }
        let wrapped = raw.broken && options.leniencies.contains(Leniency::WrappedLines);
        set.segments.append(raw, wrapped);
        if wrapped && !set.complaints.has(Problem::WrappedLines) {
            let segment = u32::try_from(self.segments).ok();
            let segment_id = set.segments.last().map(|segment| segment.id());
            let place = Position { byte: raw.at, segment, segment_id, ..context.place };
            context.complain(&mut set.complaints, Complaint::new(Problem::WrappedLines, place));
        }
        // ST and UNH are looked at by the envelope.
        if self.segments > 1
            && let (Some(checker), Some(segment)) = (checker, set.segments.last())
        {
            checker.segment(&segment, context, &mut set.complaints);
        }
    }

    /// Appends a header or trailer of the set, which the envelope looks at. Line breaks in it are taken out either way.
    pub(crate) fn take_envelope(&mut self, options: &Options, raw: Raw<'_>) {
        self.segments += 1;
        self.context = Context { place: self.place(), leniencies: options.leniencies };
        self.set.segments.append(raw, raw.broken);
        if raw.broken && !self.set.complaints.has(Problem::WrappedLines) {
            let segment = u32::try_from(self.segments).ok();
            let segment_id = self.set.segments.last().map(|segment| segment.id());
            let place = Position { byte: raw.at, segment, segment_id, ..self.place() };
            self.complain_of_set(options, Complaint::new(Problem::WrappedLines, place));
        }
    }

    /// Where the reader is, down to the set.
    pub(crate) fn place(&self) -> Position {
        Position {
            interchange: self.interchange.as_ref().map(|interchange| interchange.ordinal),
            group: self.group.as_ref().map(|group| group.ordinal),
            set: self.in_set.then_some(self.set.ordinal),
            ..Position::default()
        }
    }

    /// Ends the group, by its trailer `id` (GE or UNE) or because there is none. Its last set has ended.
    pub(crate) fn end_group_by(
        &mut self,
        options: &Options,
        id: &str,
        trailer: Option<&Segment<'_>>,
        at: u64,
        on: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(group) = &mut self.group else {
            if trailer.is_some() {
                self.complain_of_interchange(options, Problem::MisplacedSegment, at, Some((id, 0)));
            }
            return;
        };
        match trailer {
            None => self.complain_of_group(options, Problem::GroupTrailerMissing, at, (id, 0)),
            Some(trailer) => {
                let (count, control) = (trailer.element(1), trailer.element(2));
                group.declared = count.text().parse::<u32>().ok();
                let problem = match group.declared {
                    Some(declared) if declared == group.received => {
                        padded(count.raw()).then_some(Problem::CountPadding)
                    }
                    Some(declared) if declared > group.received => Some(Problem::SetCountTooHigh),
                    _ => Some(Problem::SetCountWrong),
                };
                let control_problem = mismatch(&group.control, &control.text(), Problem::GroupControlMismatch);
                if let Some(problem) = problem {
                    self.complain_of_group(options, problem, count.at(), (id, 1));
                }
                if let Some(problem) = control_problem {
                    self.complain_of_group(options, problem, control.at(), (id, 2));
                }
            }
        }
        if let (Some(interchange), Some(group)) = (&self.interchange, &self.group) {
            on(Event::GroupEnd(interchange, group));
        }
        self.group = None;
    }

    /// Holds the interchange to its trailer `id` (IEA or UNZ). X12 has no rule against an empty interchange.
    pub(crate) fn take_interchange_trailer(&mut self, options: &Options, id: &str, trailer: &Segment<'_>) {
        let Some(interchange) = &mut self.interchange else { return };
        interchange.complete = true;
        let (count, control) = (trailer.element(1), trailer.element(2));
        let is_empty = interchange.standard == Standard::Edifact && interchange.received == 0;
        let count_problem = if count.text().parse::<u32>() != Ok(interchange.received) {
            Some(Problem::GroupCountWrong)
        } else {
            padded(count.raw()).then_some(Problem::CountPadding)
        };
        let control_problem = mismatch(&interchange.control, &control.text(), Problem::InterchangeControlMismatch);
        if let Some(problem) = count_problem {
            self.complain_of_interchange(options, problem, count.at(), Some((id, 1)));
        }
        if is_empty {
            self.complain_of_interchange(options, Problem::EmptyInterchange, trailer.at(), Some((id, 0)));
        }
        if let Some(problem) = control_problem {
            self.complain_of_interchange(options, problem, control.at(), Some((id, 2)));
        }
    }

    pub(crate) fn complain_of_interchange(
        &mut self,
        options: &Options,
        problem: Problem,
        byte: u64,
        of: Option<(&str, u16)>,
    ) {
        if let Some(interchange) = &mut self.interchange {
            let place = Position {
                byte,
                segment_id: of.and_then(|(id, _)| Code::new(id)),
                element: of.map(|(_, element)| element).filter(|element| *element > 0),
                ..interchange.place()
            };
            let context = Context { place, leniencies: options.leniencies };
            context.complain(&mut interchange.complaints, Complaint::new(problem, place));
        }
    }

    pub(crate) fn complain_of_group(&mut self, options: &Options, problem: Problem, byte: u64, of: (&str, u16)) {
        let interchange = self.interchange.as_ref().map(|interchange| interchange.ordinal);
        if let Some(group) = &mut self.group {
            let place = Position {
                byte,
                interchange,
                group: Some(group.ordinal),
                segment_id: Code::new(of.0),
                element: Some(of.1).filter(|element| *element > 0),
                ..Position::default()
            };
            let context = Context { place, leniencies: options.leniencies };
            context.complain(&mut group.complaints, Complaint::new(problem, place));
        }
    }

    pub(crate) fn complain_of_set(&mut self, options: &Options, complaint: Complaint) {
        let context = Context { place: complaint.position, leniencies: options.leniencies };
        context.complain(&mut self.set.complaints, complaint);
    }
}

/// A segment's id, without line breaks where it was wrapped. Ids that are too long are no ids.
pub(crate) fn tag<'a>(raw: &Raw<'a>, place: &'a mut [u8; 8]) -> &'a [u8] {
    let tag = raw.spans.first().and_then(|span| raw.text.get(..span.end as usize)).unwrap_or_default();
    if !raw.broken {
        return tag;
    }
    let mut length = 0;
    for byte in tag.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        let Some(to) = place.get_mut(length) else { return tag };
        *to = *byte;
        length += 1;
    }
    place.get(..length).unwrap_or_default()
}

/// Whether a count has leading zeros.
pub(crate) fn padded(count: &[u8]) -> bool {
    count.len() > 1 && count.first() == Some(&b'0')
}

/// How a trailer's control number differs from its header's.
pub(crate) fn mismatch(header: &str, trailer: &str, problem: Problem) -> Option<Problem> {
    if header == trailer {
        return None;
    }
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (number(header), number(trailer)) {
        (Some(header), Some(trailer)) if header == trailer => Some(Problem::ControlNumberPadding),
        _ => Some(problem),
    }
}
