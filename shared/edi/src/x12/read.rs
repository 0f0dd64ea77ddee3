//! ISA to IEA, GS to GE, ST to SE: counts, control numbers, and where each segment may stand (X12.5, X12.6).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Code;
use crate::complaint::{Complaint, Complaints, Position, Problem, Verdict};
use crate::event::{Event, Group, Interchange, Party, Standard, Ta1, Usage};
use crate::options::Options;
use crate::rules::{group_code, is_date, is_time};
use crate::segment::{Raw, Segment};
use crate::state::{State, mismatch, padded, tag};

/// Group codes of sets that this crate has no rules for, but that are codes of X12 all the same.
const FOREIGN_GROUPS: [&str; 24] = [
    "AN", "BS", "RZ", "IN", "PC", "RA", "PD", "RS", "SC", "SM", "GF", "QO", "SU", "CT", "AG", "CA", "CD", "CO", "IM",
    "SS", "TM", "WA", "WB", "OG",
];

impl State {
    /// Takes one segment; returns whether the interchange goes on.
    pub(crate) fn x12(
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
            b"ST" => self.begin_set(options, raw, on),
            b"SE" if self.in_set => {
                self.take_envelope(options, raw);
                self.end_x12_set(options, true, raw.at, on);
            }
            b"ISA" | b"GS" | b"GE" | b"IEA" | b"TA1" | b"SE" => {
                let mut scratch = core::mem::replace(&mut self.scratch, crate::Segments::new(crate::Delimiters::X12));
                let delimiters = *scratch.delimiters();
                scratch.reset(delimiters);
                // Line breaks within the envelope are taken out either way: the interchange is complained of.
                scratch.append(raw, raw.broken);
                let mut goes_on = true;
                if let Some(segment) = scratch.get(0) {
                    match tag {
                        b"ISA" => self.begin_x12(options, &segment, ordinal, ahead, on),
                        b"GS" => self.begin_group(options, &segment, on),
                        b"GE" => self.end_group(options, Some(&segment), raw.at, on),
                        b"IEA" => goes_on = self.end_x12(options, &segment, on),
                        b"TA1" => self.ta1(options, &segment, on),
                        _ => self.complain_of_interchange(options, Problem::MisplacedSegment, raw.at, Some(("SE", 0))),
                    }
                }
                if raw.broken && !self.interchange.as_ref().is_none_or(|i| i.complaints.has(Problem::WrappedLines)) {
                    self.complain_of_interchange(options, Problem::WrappedLines, raw.at, None);
                }
                self.scratch = scratch;
                return goes_on;
            }
            _ if self.in_set => self.take_segment(options, raw),
            _ => {
                let id = Code::lossy(tag);
                let known = self.interchange.as_ref().is_some_and(|i| i.complaints.has(Problem::StraySegment));
                if !known {
                    self.complain_of_interchange(options, Problem::StraySegment, raw.at, Some((id.as_str(), 0)));
                }
            }
        }
        true
    }

    fn begin_x12(
        &mut self,
        options: &Options,
        isa: &Segment<'_>,
        ordinal: u32,
        ahead: &mut Vec<(Problem, u64)>,
        on: &mut dyn FnMut(Event<'_>),
    ) {
        let text = |position: usize| String::from(isa.element(position).text().trim());
        let mut delimiters = *isa.delimiters();
        let eleven = isa.element(11).raw().first().copied().unwrap_or(b' ');
        let version = text(12);
        let repeats = digits(&version, 5) && version.as_str() >= "00402";
        let separates = !eleven.is_ascii_alphanumeric() && eleven != b' ' && !delimiters.contains(eleven);
        delimiters.repetition = (repeats && separates).then_some(eleven);
        self.interchange = Some(Interchange {
            standard: Standard::X12,
            ordinal,
            at: isa.at(),
            delimiters,
            sender: Party::new(text(5), text(6)),
            receiver: Party::new(text(7), text(8)),
            date: text(9),
            time: text(10),
            version,
            control: text(13),
            usage: match isa.element(15).raw() {
                b"P" => Usage::Production,
                b"I" => Usage::Information,
                // What is not said to be production is not booked.
                _ => Usage::Test,
            },
            wants_acknowledgment: isa.element(14).raw() == b"1",
            complaints: Complaints::default(),
            received: 0,
            complete: false,
        });
        self.group = None;
        self.group_keys.clear();
        for (problem, at) in ahead.drain(..) {
            self.complain_of_interchange(options, problem, at, None);
        }
        for (element, problem) in isa_problems(isa, options, repeats, separates) {
            let at = isa.element(usize::from(element)).at();
            self.complain_of_interchange(options, problem, at, Some(("ISA", element)));
        }
        let key = self.interchange.as_ref().map(Interchange::key);
        if let Some(key) = key
            && !self.interchange_keys.insert(key)
        {
            let at = isa.element(13).at();
            self.complain_of_interchange(options, Problem::DuplicateInterchange, at, Some(("ISA", 13)));
        }
        if let Some(interchange) = &self.interchange {
            on(Event::Interchange(interchange));
        }
    }

    fn ta1(&mut self, options: &Options, segment: &Segment<'_>, on: &mut dyn FnMut(Event<'_>)) {
        if self.group.is_some() || self.in_set {
            self.complain_of_interchange(options, Problem::MisplacedSegment, segment.at(), Some(("TA1", 0)));
            return;
        }
        let text = |position: usize| String::from(segment.element(position).text().trim());
        let code = text(5).parse::<u8>().ok();
        match (Verdict::from_code(&text(4)), code, &self.interchange) {
            (Some(verdict), Some(code), Some(interchange)) => {
                let ta1 = Ta1 { control: text(1), date: text(2), time: text(3), verdict, code };
                on(Event::Ta1(interchange, &ta1));
            }
            _ => self.complain_of_interchange(options, Problem::MisplacedSegment, segment.at(), Some(("TA1", 4))),
        }
    }

    fn begin_group(&mut self, options: &Options, gs: &Segment<'_>, on: &mut dyn FnMut(Event<'_>)) {
        if self.group.is_some() {
            self.end_group(options, None, gs.at(), on);
        }
        let text = |position: usize| String::from(gs.element(position).text().trim());
        let Some(interchange) = &mut self.interchange else { return };
        interchange.received = interchange.received.saturating_add(1);
        let group = Group {
            ordinal: interchange.received,
            at: gs.at(),
            code: text(1),
            sender: text(2),
            receiver: text(3),
            date: text(4),
            time: text(5),
            control: text(6),
            version: text(8),
            complaints: Complaints::default(),
            declared: None,
            received: 0,
            accepted: 0,
            accepted_with_errors: 0,
        };
        let key = (group.code.clone(), group.sender.clone(), group.receiver.clone(), group.control.clone());
        let code = group.code.clone();
        let version = group.version.clone();
        let control = group.control.clone();
        let header = group.sender.is_empty()
            || group.receiver.is_empty()
            || !is_date(group.date.as_bytes())
            || !is_time(group.time.as_bytes())
            || gs.len() != 8;
        self.group = Some(group);
        self.set_numbers.clear();
        if header {
            // Which element it is, for the complaint.
            let element = (1..=8).find(|at| match at {
                4 => !is_date(gs.element(4).raw()),
                5 => !is_time(gs.element(5).raw()),
                at => gs.element(*at).is_empty(),
            });
            let element = element.unwrap_or(9);
            let of = Some(("GS", element as u16));
            self.complain_of_interchange(options, Problem::InvalidGroupHeader, gs.element(element).at(), of);
        }
        let foreign = FOREIGN_GROUPS.contains(&code.as_str());
        let ours = ["QM", "IB", "PO", "PR", "SH", "OW", "AR", "RE", "SW", "AW", "FA"].contains(&code.as_str());
        if !foreign && !ours {
            self.complain_of_group(options, Problem::UnsupportedGroup, gs.element(1).at(), ("GS", 1));
        }
        if !options.rules.knows_version(&version) {
            self.complain_of_group(options, Problem::UnsupportedGroupVersion, gs.element(8).at(), ("GS", 8));
        }
        if control.is_empty() || control.len() > 9 || !control.bytes().all(|byte| byte.is_ascii_digit()) {
            self.complain_of_group(options, Problem::InvalidGroupControlNumber, gs.element(6).at(), ("GS", 6));
        } else if !self.group_keys.insert(key) {
            self.complain_of_group(options, Problem::DuplicateGroup, gs.element(6).at(), ("GS", 6));
        }
        if let (Some(interchange), Some(group)) = (&self.interchange, &self.group) {
            on(Event::Group(interchange, group));
        }
    }

    /// Ends the group, by its GE or because there is none.
    fn end_group(&mut self, options: &Options, ge: Option<&Segment<'_>>, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        if self.in_set {
            self.end_x12_set(options, false, at, on);
        }
        self.end_group_by(options, "GE", ge, at, on);
    }

    fn end_x12(&mut self, options: &Options, iea: &Segment<'_>, on: &mut dyn FnMut(Event<'_>)) -> bool {
        self.close_group(options, iea.at(), on);
        self.take_interchange_trailer(options, "IEA", iea);
        self.end_interchange(options, iea.at(), on);
        false
    }

    fn close_group(&mut self, options: &Options, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        if self.group.is_some() {
            self.end_group(options, None, at, on);
        }
    }

    /// Ends the interchange in whatever state it is.
    pub(crate) fn end_interchange(&mut self, options: &Options, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        let Some(interchange) = &self.interchange else { return };
        match interchange.standard {
            Standard::X12 => {
                if self.in_set && self.group.is_none() {
                    self.end_x12_set(options, false, at, on);
                }
                self.close_group(options, at, on);
            }
            Standard::Edifact => self.close_edifact(options, at, on),
        }
        if let Some(interchange) = self.interchange.take() {
            on(Event::InterchangeEnd(&interchange));
        }
    }

    fn begin_set(&mut self, options: &Options, raw: Raw<'_>, on: &mut dyn FnMut(Event<'_>)) {
        if self.in_set {
            self.end_x12_set(options, false, raw.at, on);
        }
        let Some(interchange) = &self.interchange else { return };
        let delimiters = interchange.delimiters;
        let stray = self.group.is_none();
        if stray && !interchange.complaints.has(Problem::StraySegment) {
            self.complain_of_interchange(options, Problem::StraySegment, raw.at, Some(("ST", 0)));
        }
        let ordinal = match &mut self.group {
            Some(group) => {
                group.received = group.received.saturating_add(1);
                group.received
            }
            None => 1,
        };
        self.in_set = true;
        self.segments = 0;
        self.set.ordinal = ordinal;
        self.set.at = raw.at;
        self.set.complete = false;
        self.set.complaints.clear();
        self.set.segments.reset(delimiters);
        self.set.id = Code::EMPTY;
        self.take_envelope(options, raw);
        let segments = core::mem::replace(&mut self.set.segments, crate::Segments::new(delimiters));
        if let Some(st) = segments.get(0) {
            self.read_st(options, &st);
        }
        self.set.segments = segments;
    }

    fn read_st(&mut self, options: &Options, st: &Segment<'_>) {
        let place = Position { segment: Some(1), segment_id: Code::new("ST"), ..self.place() };
        let complain = |state: &mut Self, problem: Problem, element: u16| {
            let of = st.element(usize::from(element));
            let position = Position { byte: of.at(), element: Some(element), ..place };
            let found = (!of.is_empty()).then(|| of.text().chars().take(99).collect());
            state.complain_of_set(options, Complaint { found, ..Complaint::new(problem, position) });
        };
        self.set.id = Code::lossy(st.element(1).raw());
        self.set.control.clear();
        self.set.control.push_str(&st.element(2).text());
        self.set.version.clear();
        if let Some(group) = &self.group {
            self.set.version.push_str(&group.version);
        }
        let id = st.element(1).raw();
        if id.len() != 3 || !id.iter().all(u8::is_ascii_digit) {
            complain(self, Problem::InvalidSetId, 1);
            self.forget_rules();
        } else if !self.find_rules(options) {
            // A version that has no rules is the group's mistake.
            if !options.rules.knows_set(self.set.id.as_str()) || options.rules.knows_version(&self.set.version) {
                complain(self, Problem::UnsupportedSet, 1);
            }
        }
        let control = st.element(2).raw();
        if !(4..=9).contains(&control.len()) || !control.iter().all(u8::is_ascii_alphanumeric) {
            complain(self, Problem::InvalidSetControlNumber, 2);
        } else if !self.set_numbers.insert(&self.set.control) {
            complain(self, Problem::DuplicateSet, 2);
        }
        let expected = group_code(self.set.id.as_str());
        let code = self.group.as_ref().map(|group| group.code.as_str());
        if expected.is_some() && code.is_some() && expected != code {
            if options.leniencies.contains(crate::Leniency::ForeignGroupCode) {
                if self.group.as_ref().is_some_and(|group| !group.complaints.has(Problem::SetNotInGroup)) {
                    self.complain_of_group(options, Problem::SetNotInGroup, st.element(1).at(), ("GS", 1));
                }
            } else {
                complain(self, Problem::SetNotInGroup, 1);
            }
        }
        if !st.element(3).is_empty() && st.element(3).text() != self.set.version.as_str() {
            complain(self, Problem::ConventionMismatch, 3);
        }
    }

    /// Ends the set, by its SE or because something else came.
    fn end_x12_set(&mut self, options: &Options, trailer: bool, at: u64, on: &mut dyn FnMut(Event<'_>)) {
        let ordinal = u32::try_from(self.segments).unwrap_or(u32::MAX);
        let ordinal = if trailer { ordinal } else { ordinal.saturating_add(1) };
        let place = Position { byte: at, segment: Some(ordinal), segment_id: Code::new("SE"), ..self.place() };
        let context = crate::rules::Context { place, leniencies: options.leniencies };
        if let Some(checker) = &mut self.checker
            && !self.set.complaints.has(Problem::InvalidSetId)
        {
            checker.end(place, &context, &mut self.set.complaints);
        }
        self.set.complete = trailer;
        if trailer {
            self.check_se(options, place);
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

    fn check_se(&mut self, options: &Options, place: Position) {
        let Some(se) = self.set.segments.last() else { return };
        let (count, control) = (se.element(1), se.element(2));
        let (count_at, control_at) = (count.at(), control.at());
        let mut problems: [Option<(Problem, Position)>; 2] = [None, None];
        let declared = count.text().parse::<u64>().ok();
        let count_problem = if declared != Some(self.segments) {
            Some(Problem::SegmentCountWrong)
        } else if padded(count.raw()) {
            Some(Problem::CountPadding)
        } else {
            None
        };
        problems[0] = count_problem
            .map(|problem| (problem, Position { byte: count_at, element: Some(1), reference: Some(96), ..place }));
        let found = [count.text().to_string(), control.text().to_string()];
        problems[1] = mismatch(&self.set.control, &control.text(), Problem::SetControlMismatch)
            .map(|problem| (problem, Position { byte: control_at, element: Some(2), reference: Some(329), ..place }));
        let expected = [format!("{}", self.segments), self.set.control.clone()];
        for ((problem, found), expected) in problems.into_iter().zip(found).zip(expected) {
            if let Some((problem, position)) = problem {
                let (found, expected) = (Some(found), Some(expected));
                self.complain_of_set(options, Complaint { found, expected, ..Complaint::new(problem, position) });
            }
        }
    }
}

fn digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong with an ISA's elements, in the order of the elements.
fn isa_problems(isa: &Segment<'_>, options: &Options, repeats: bool, separates: bool) -> Vec<(u16, Problem)> {
    let mut problems = Vec::new();
    let text = |position: usize| isa.element(position).text();
    let qualifier = |position: usize| {
        let text = text(position);
        matches!(text.trim(), "AM" | "NR" | "SA" | "SN" | "ZZ")
            || (text.trim().len() == 2 && text.trim().parse::<u8>().is_ok_and(|number| (1..=38).contains(&number)))
    };
    let mut when = |wrong: bool, element: u16, problem: Problem| {
        if wrong {
            problems.push((element, problem));
        }
    };
    let version = text(12);
    let version = version.trim();
    let receiver = Party::new(text(7).trim(), text(8).trim());
    let unknown = !options.receivers.is_empty() && !options.receivers.contains(&receiver);
    let kind = isa.element(11).raw().first().copied().unwrap_or(b' ');
    let standard_wrong = kind.is_ascii_alphanumeric() && kind != b'U';
    let fits = if repeats { separates } else { kind == b'U' };
    when(
        !matches!(text(1).trim(), "00" | "01" | "02" | "03" | "04" | "05" | "06"),
        1,
        Problem::InvalidAuthorizationQualifier,
    );
    when(text(1).trim() != "00" && text(2).trim().is_empty(), 2, Problem::InvalidAuthorization);
    when(!matches!(text(3).trim(), "00" | "01"), 3, Problem::InvalidSecurityQualifier);
    when(text(3).trim() == "01" && text(4).trim().is_empty(), 4, Problem::InvalidSecurity);
    when(!qualifier(5), 5, Problem::InvalidSenderQualifier);
    when(text(6).trim().is_empty(), 6, Problem::InvalidSender);
    when(!qualifier(7), 7, Problem::InvalidReceiverQualifier);
    when(text(8).trim().is_empty(), 8, Problem::InvalidReceiver);
    when(unknown && !text(8).trim().is_empty(), 8, Problem::UnknownReceiver);
    when(text(9).len() != 6 || !is_date(text(9).as_bytes()), 9, Problem::InvalidInterchangeDate);
    when(text(10).len() != 4 || !is_time(text(10).as_bytes()), 10, Problem::InvalidInterchangeTime);
    when(standard_wrong, 11, Problem::InvalidStandard);
    when(!standard_wrong && !fits, 11, Problem::RepetitionMismatch);
    when(!digits(version, 5), 12, Problem::InvalidVersion);
    when(digits(version, 5) && !("00300".."00900").contains(&version), 12, Problem::UnsupportedVersion);
    when(!digits(text(13).trim(), 9), 13, Problem::InvalidInterchangeControlNumber);
    when(!matches!(text(14).as_ref(), "0" | "1"), 14, Problem::InvalidAcknowledgmentRequest);
    when(!matches!(text(15).as_ref(), "P" | "T" | "I"), 15, Problem::InvalidTestIndicator);
    problems
}
