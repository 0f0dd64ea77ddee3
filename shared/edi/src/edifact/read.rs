//! UNB to UNZ, UNG to UNE, UNH to UNT: counts, references, and where each segment may stand (ISO 9735).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Code;
use crate::complaint::{Complaint, Complaints, Position, Problem, Verdict};
use crate::event::{Event, Group, Interchange, Party, Standard, Usage};
use crate::options::Options;
use crate::rules::{Context, is_date, is_time};
use crate::segment::{Element, Raw, Segment};
use crate::state::{State, mismatch, padded, tag};

impl State {
    /// Takes one segment; returns whether the interchange goes on.
    pub(crate) fn edifact(
        &mut self,
        options: &Options,
        raw: Raw<'_>,
        ordinal: u32,
        ahead: &mut Vec<(Problem, u64)>,
        on: &mut dyn FnMut(Event<'_>),
    ) -> bool {
        let mut place = [0; 8];
        let tag = tag(&raw, &mut place);
        match tag {
            b"UNH" => self.begin_message(options, raw, on),
            b"UNT" if self.in_set => {
                self.take_envelope(options, raw);
                self.end_message(options, true, raw.at, on);
            }
            b"UNB" | b"UNG" | b"UNE" | b"UNZ" | b"UNT" => {
                let mut scratch =
                    core::mem::replace(&mut self.scratch, crate::Segments::new(crate::Delimiters::EDIFACT));
                let delimiters = *scratch.delimiters();
                scratch.reset(delimiters);
                scratch.append(raw, raw.broken);
                let mut goes_on = true;
                if let Some(segment) = scratch.get(0) {
                    match tag {
                        b"UNB" => self.begin_edifact(options, &segment, ordinal, ahead, on),
                        b"UNG" => self.begin_edifact_group(options, &segment, on),
                        b"UNE" => self.end_edifact_group(options, Some(&segment), raw.at, on),
                        b"UNZ" => goes_on = self.end_edifact(options, &segment, on),
                        _ => self.complain_of_interchange(options, Problem::MisplacedSegment, raw.at, Some(("UNT", 0))),
                    }
                }
                if raw.broken && !self.interchange.as_ref().is_none_or(|i| i.complaints.has(Problem::WrappedLines)) {
                    self.complain_of_interchange(options, Problem::WrappedLines, raw.at, None);
                }
                self.scratch = scratch;
                return goes_on && self.interchange.is_some();
            }
            _ if self.in_set => self.take_segment(options, raw),
            _ => match &self.interchange {
                Some(interchange) => {
                    let id = Code::lossy(tag);
                    if !interchange.complaints.has(Problem::StraySegment) {
                        self.complain_of_interchange(options, Problem::StraySegment, raw.at, Some((id.as_str(), 0)));
                    }
                }
                // After a UNA there is no UNB.
                None => {
                    let place = Position { byte: raw.at, interchange: Some(ordinal), ..Position::default() };
                    on(Event::File(&Complaint::new(Problem::NotEdi, place)));
                    return false;
                }
            },
        }
        true
    }

    fn begin_edifact(
        &mut self,
        options: &Options,
        unb: &Segment<'_>,
        ordinal: u32,
        ahead: &mut Vec<(Problem, u64)>,
        on: &mut dyn FnMut(Event<'_>),
    ) {
        let syntax = unb.element(1);
        let identifier = syntax.component(1).text().to_string();
        let version = syntax.component(2).text().to_string();
        let mut delimiters = *unb.delimiters();
        // UNOA and UNOB are ASCII, UNOC to UNOK parts of ISO 8859, UNOX and later other encodings.
        delimiters.latin1 = matches!(identifier.as_bytes(), [b'U', b'N', b'O', b'C'..=b'K']);
        if version.as_str() < "4" {
            delimiters.repetition = None;
        }
        self.interchange = Some(Interchange {
            standard: Standard::Edifact,
            ordinal,
            at: unb.at(),
            delimiters,
            sender: party(&unb.element(2)),
            receiver: party(&unb.element(3)),
            date: unb.element(4).component(1).text().into(),
            time: unb.element(4).component(2).text().into(),
            version: format!("{identifier}:{version}"),
            control: unb.element(5).text().into(),
            usage: if matches!(unb.element(11).raw(), b"" | b"0") { Usage::Production } else { Usage::Test },
            wants_acknowledgment: unb.element(9).raw() == b"1",
            complaints: Complaints::default(),
            received: 0,
            complete: false,
        });
        self.group = None;
        self.group_keys.clear();
        self.set_numbers.clear();
        self.bare_messages = false;
        for (problem, at) in ahead.drain(..) {
            self.complain_of_interchange(options, problem, at, None);
        }
        for (element, problem) in unb_problems(unb, options, &identifier, &version) {
            let at = unb.element(usize::from(element)).at();
            self.complain_of_interchange(options, problem, at, Some(("UNB", element)));
        }
        let key = self.interchange.as_ref().map(Interchange::key);
        if let Some(key) = key
            && !self.interchange_keys.insert(key)
        {
            let at = unb.element(5).at();
            self.complain_of_interchange(options, Problem::DuplicateInterchange, at, Some(("UNB", 5)));
        }
        if let Some(interchange) = &self.interchange {
            on(Event::Interchange(interchange));
        }
    }

    fn begin_edifact_group(&mut self, options: &Options, ung: &Segment<'_>, on: &mut dyn FnMut(Event<'_>)) {
        if self.in_set || self.group.is_some() {
            self.end_edifact_group(options, None, ung.at(), on);
        }
        if self.bare_messages {
            self.complain_of_interchange(options, Problem::MixedGroupsAndMessages, ung.at(), Some(("UNG", 0)));
        }
        let Some(interchange) = &mut self.interchange else { return };
        interchange.received = interchange.received.saturating_add(1);
        let text = |element: Element<'_>| String::from(element.text());
        let group = Group {
            ordinal: interchange.received,
            at: ung.at(),
            code: text(ung.element(1)),
            sender: text(ung.element(2).component(1)),
            receiver: text(ung.element(3).component(1)),
            date: text(ung.element(4).component(1)),
            time: text(ung.element(4).component(2)),
            control: text(ung.element(5)),
            version: text(ung.element(7)),
            complaints: Complaints::default(),
            declared: None,
            received: 0,
            accepted: 0,
            accepted_with_errors: 0,
        };
        let key = (group.code.clone(), group.sender.clone(), group.receiver.clone(), group.control.clone());
        let empty = group.control.is_empty();
        self.group = Some(group);
        self.set_numbers.clear();
        if empty {
            self.complain_of_group(options, Problem::InvalidGroupControlNumber, ung.element(5).at(), ("UNG", 5));
        } else if !self.group_keys.insert(key) {
            self.complain_of_group(options, Problem::DuplicateGroup, ung.element(5).at(), ("UNG", 5));
        }
        if let (Some(interchange), Some(group)) = (&self.interchange, &self.group) {
            on(Event::Group(interchange, group));
        }
    }

    fn end_edifact_group(
        &mut self,
        options: &Options,
        une: Option<&Segment<'_>>,
        at: u64,
        on: &mut dyn FnMut(Event<'_>),
    ) {
        if self.in_set {
            self.end_message(options, false, at, on);
        }
        self.end_group_by(options, "UNE", une, at, on);
    }

    fn end_edifact(&mut self, options: &Options, unz: &Segment<'_>, on: &mut dyn FnMut(Event<'_>)) -> bool {
        self.close_edifact(options, unz.at(), on);
        self.take_interchange_trailer(options, "UNZ", unz);
        self.end_interchange(options, unz.at(), on);
        false
    }

    /// Ends what is open at the end of the interchange.
    pub(crate) fn close_edifact(&mut self, options: &Options, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        if self.in_set {
            self.end_message(options, false, at, on);
        }
        if self.group.is_some() {
            self.end_edifact_group(options, None, at, on);
        }
    }

    fn begin_message(&mut self, options: &Options, raw: Raw<'_>, on: &mut dyn FnMut(Event<'_>)) {
        if self.in_set {
            self.end_message(options, false, raw.at, on);
        }
        let Some(interchange) = &mut self.interchange else { return };
        let delimiters = interchange.delimiters;
        let ordinal = match &mut self.group {
            Some(group) => {
                group.received = group.received.saturating_add(1);
                group.received
            }
            None => {
                interchange.received = interchange.received.saturating_add(1);
                interchange.received
            }
        };
        let mixed = self.group.is_none() && !self.group_keys.is_empty();
        self.bare_messages |= self.group.is_none();
        if mixed {
            self.complain_of_interchange(options, Problem::MixedGroupsAndMessages, raw.at, Some(("UNH", 0)));
        }
        self.in_set = true;
        self.segments = 0;
        self.set.ordinal = ordinal;
        self.set.at = raw.at;
        self.set.complete = false;
        self.set.complaints.clear();
        self.set.segments.reset(delimiters);
        self.take_envelope(options, raw);
        let segments = core::mem::replace(&mut self.set.segments, crate::Segments::new(delimiters));
        if let Some(unh) = segments.get(0) {
            self.read_unh(options, &unh);
        }
        self.set.segments = segments;
    }

    fn read_unh(&mut self, options: &Options, unh: &Segment<'_>) {
        let place = Position { segment: Some(1), segment_id: Code::new("UNH"), ..self.place() };
        let complain = |state: &mut Self, problem: Problem, element: u16, component: Option<u16>| {
            let byte = unh.element(usize::from(element)).at();
            let position = Position { byte, element: Some(element), component, ..place };
            state.complain_of_set(options, Complaint::new(problem, position));
        };
        let kind = unh.element(2);
        self.set.id = Code::lossy(kind.component(1).raw());
        self.set.control.clear();
        self.set.control.push_str(&unh.element(1).text());
        self.set.version.clear();
        self.set.version.push_str(&kind.component(2).text());
        self.set.version.push(':');
        self.set.version.push_str(&kind.component(3).text());
        self.set.message_type.clear();
        for (at, part) in kind.components().enumerate() {
            if at > 0 {
                self.set.message_type.push(':');
            }
            self.set.message_type.push_str(&part.text());
        }
        if self.set.id.is_empty() {
            complain(self, Problem::InvalidSetId, 2, Some(1));
            self.forget_rules();
        } else if !self.find_rules(options) {
            complain(self, Problem::UnsupportedSet, 2, None);
        }
        if unh.element(1).is_empty() || unh.element(1).raw().len() > 14 {
            complain(self, Problem::InvalidSetControlNumber, 1, None);
        } else if !self.set_numbers.insert(&self.set.control) {
            complain(self, Problem::DuplicateSet, 1, None);
        }
    }

    fn end_message(&mut self, options: &Options, trailer: bool, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        let ordinal = u32::try_from(self.segments).unwrap_or(u32::MAX);
        let ordinal = if trailer { ordinal } else { ordinal.saturating_add(1) };
        let place = Position { byte: at, segment: Some(ordinal), segment_id: Code::new("UNT"), ..self.place() };
        let context = Context { place, leniencies: options.leniencies };
        if let Some(checker) = &mut self.checker {
            checker.end(place, &context, &mut self.set.complaints);
        }
        self.set.complete = trailer;
        if trailer {
            self.check_unt(options, place);
        } else {
            self.complain_of_set(options, Complaint::new(Problem::SetTrailerMissing, place));
        }
        let verdict = self.set.verdict();
        if let Some(group) = &mut self.group {
            group.accepted = group.accepted.saturating_add(u32::from(verdict.accepts()));
            let noted = verdict == Verdict::AcceptedWithErrors;
            group.accepted_with_errors = group.accepted_with_errors.saturating_add(u32::from(noted));
        }
        self.in_set = false;
        if let Some(interchange) = &self.interchange {
            on(Event::Set(interchange, self.group.as_ref(), &self.set));
        }
    }

    fn check_unt(&mut self, options: &Options, place: Position) {
        let Some(unt) = self.set.segments.last() else { return };
        let (count, control) = (unt.element(1), unt.element(2));
        let declared = count.text().parse::<u64>().ok();
        let count_problem = if declared != Some(self.segments) {
            Some(Problem::SegmentCountWrong)
        } else {
            padded(count.raw()).then_some(Problem::CountPadding)
        };
        let control_problem = mismatch(&self.set.control, &control.text(), Problem::SetControlMismatch);
        let found = [
            (count_problem, count, 1, self.segments.to_string()),
            (control_problem, control, 2, self.set.control.clone()),
        ];
        let complaints: Vec<Complaint> = found
            .into_iter()
            .filter_map(|(problem, element, number, expected)| {
                let position = Position { byte: element.at(), element: Some(number), ..place };
                let (found, expected) = (Some(element.text().into()), Some(expected));
                Some(Complaint { found, expected, ..Complaint::new(problem?, position) })
            })
            .collect();
        for complaint in complaints {
            self.complain_of_set(options, complaint);
        }
    }
}

fn party(element: &Element<'_>) -> Party {
    Party::new(element.component(2).text(), element.component(1).text())
}

fn unb_problems(unb: &Segment<'_>, options: &Options, identifier: &str, version: &str) -> Vec<(u16, Problem)> {
    let mut problems = Vec::new();
    let mut when = |wrong: bool, element: u16, problem: Problem| {
        if wrong {
            problems.push((element, problem));
        }
    };
    let receiver = party(&unb.element(3));
    let unknown = !options.receivers.is_empty() && !options.receivers.contains(&receiver);
    let (date, time) = (unb.element(4).component(1), unb.element(4).component(2));
    when(!identifier.starts_with("UN") || identifier.len() != 4, 1, Problem::InvalidVersion);
    when(!matches!(version, "1" | "2" | "3" | "4"), 1, Problem::UnsupportedVersion);
    when(unb.element(2).component(1).is_empty(), 2, Problem::InvalidSender);
    when(unb.element(3).component(1).is_empty(), 3, Problem::InvalidReceiver);
    when(unknown && !receiver.id.is_empty(), 3, Problem::UnknownReceiver);
    when(!is_date(date.raw()), 4, Problem::InvalidInterchangeDate);
    when(!is_time(time.raw()), 4, Problem::InvalidInterchangeTime);
    when(unb.element(5).is_empty() || unb.element(5).raw().len() > 14, 5, Problem::InvalidInterchangeControlNumber);
    when(!matches!(unb.element(9).raw(), b"" | b"0" | b"1"), 9, Problem::InvalidAcknowledgmentRequest);
    // 2 to 4 of element 0035 are kinds of tests of later syntax versions.
    when(!matches!(unb.element(11).raw(), b"" | b"0" | b"1" | b"2" | b"3" | b"4"), 11, Problem::InvalidTestIndicator);
    problems
}
