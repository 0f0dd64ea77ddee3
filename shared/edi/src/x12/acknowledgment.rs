//! TA1, 997 and 999: made for what was read, and read from partners.
//!
//! A set is rejected if its envelope or mandatory structure fails, accepted with errors if only tolerated deviations were
//! found. What the business refuses (an unknown SKU, a closed order) is no matter of these: it is accepted here.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::complaint::{Complaint, Complaints, Position, Problem, Verdict};
use crate::event::{Event, Group, Interchange, Repeat, Set, Standard, Ta1};
use crate::segment::Segment;
use crate::write::{Body, WriteError};
use crate::{Code, Party};

/// AK4 or IK4: one element that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElementError {
    /// AK401-1: the element's position, from 1.
    pub position: u16,
    /// AK401-2: the component's position.
    pub component: Option<u16>,
    /// AK402: the dictionary's number of the element.
    pub reference: Option<u16>,
    /// AK403: element 723.
    pub code: u8,
    /// AK404: the bad value; left out for invalid characters, which could not be written.
    pub value: Option<String>,
}

/// AK3 or IK3: one segment that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentError {
    /// AK301; for a missing segment the one that should have come.
    pub id: String,
    /// AK302: the place in the set, ST being 1; for a missing segment the place where it should have been.
    pub position: u32,
    /// AK303: an LS loop's id.
    pub loop_id: Option<String>,
    /// AK304: element 720.
    pub code: Option<u8>,
    /// Its AK4s.
    pub elements: Vec<ElementError>,
}

/// AK2 to AK5: one set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAcknowledgment {
    /// AK201.
    pub id: String,
    /// AK202.
    pub control: String,
    /// One AK3 loop for each segment in error.
    pub segments: Vec<SegmentError>,
    /// AK501.
    pub verdict: Verdict,
    /// AK502 to AK506: element 718, five at most.
    pub codes: Vec<u8>,
}

/// A 997 or 999: what the receiver of a group says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionalAcknowledgment {
    /// AK101: GS01 of the group.
    pub group_code: String,
    /// AK102: GS06 of the group.
    pub group_control: String,
    /// AK103: GS08 of the group; from 5010 on.
    pub version: Option<String>,
    /// AK2 loops. None means that no set has an error, where the partner leaves accepted sets out.
    pub sets: Vec<SetAcknowledgment>,
    /// AK901.
    pub verdict: Verdict,
    /// AK902: sets as GE01 says.
    pub declared: u32,
    /// AK903: sets that came.
    pub received: u32,
    /// AK904: sets that are accepted.
    pub accepted: u32,
    /// AK905 to AK909: element 716, five at most.
    pub codes: Vec<u8>,
}

/// What goes back for one interchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Who sent the interchange: whom the reply is for.
    pub to: Party,
    /// Whom the interchange was for.
    pub from: Party,
    /// The TA1.
    pub ta1: Ta1,
    /// Whether the TA1 is due: it was asked for, or the interchange has errors. An interchange of nothing but a TA1 gets none.
    pub ta1_due: bool,
    /// One 997 or 999 for each group but those of acknowledgments, and none where the interchange is rejected.
    pub groups: Vec<(GroupParties, FunctionalAcknowledgment)>,
}

/// GS02 and GS03 for the reply: those of the group, swapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupParties {
    /// GS02 of the reply.
    pub sender: String,
    /// GS03 of the reply.
    pub receiver: String,
}

/// Collects what acknowledgments say while a file is read.
///
/// ```
/// use edi::{Options, x12::Acknowledger};
/// let mut acknowledger = Acknowledger::default();
/// edi::read(edi::samples::X12_945.as_bytes(), &Options::default(), &mut |event| acknowledger.note(event));
/// let replies = acknowledger.into_replies();
/// assert_eq!(replies[0].groups[0].1.verdict.code(), 'A');
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acknowledger {
    replies: Vec<Reply>,
    sets: Vec<SetAcknowledgment>,
    groups: Vec<(GroupParties, FunctionalAcknowledgment)>,
    only_ta1: bool,
    repeat: Option<Problem>,
}

impl Acknowledger {
    /// Notes one event.
    pub fn note(&mut self, event: Event<'_>) {
        match event {
            Event::Interchange(interchange) if interchange.standard == Standard::X12 => {
                self.sets.clear();
                self.groups.clear();
                self.only_ta1 = false;
                self.repeat = None;
            }
            Event::Set(interchange, _, set) if interchange.standard == Standard::X12 => {
                self.sets.push(SetAcknowledgment::of(set));
            }
            Event::GroupEnd(interchange, group) if interchange.standard == Standard::X12 => {
                let sets = core::mem::take(&mut self.sets);
                if group.code != "FA" {
                    let parties = GroupParties { sender: group.receiver.clone(), receiver: group.sender.clone() };
                    self.groups.push((parties, FunctionalAcknowledgment::of(group, sets)));
                }
            }
            Event::Ta1(..) => self.only_ta1 = true,
            Event::InterchangeEnd(interchange) if interchange.standard == Standard::X12 => self.end(interchange),
            Event::Interchange(_) | Event::Group(..) | Event::Set(..) => {}
            Event::GroupEnd(..) | Event::InterchangeEnd(_) | Event::File(_) => {}
        }
    }

    /// Says that the current interchange came before, as the caller's store knows.
    pub fn repeated(&mut self, repeat: Repeat) {
        self.repeat = repeat.problem();
    }

    /// The replies, one for each interchange.
    pub fn into_replies(self) -> Vec<Reply> {
        self.replies
    }

    fn end(&mut self, interchange: &Interchange) {
        let (verdict, code) = match self.repeat {
            Some(problem) => (Verdict::Rejected, problem.ta1().map_or(22, |(code, _)| code)),
            None => interchange_code(interchange),
        };
        let ta1 = Ta1 {
            control: interchange.control.clone(),
            date: interchange.date.clone(),
            time: interchange.time.clone(),
            verdict,
            code,
        };
        let groups = core::mem::take(&mut self.groups);
        let empty = self.only_ta1 && groups.is_empty();
        self.replies.push(Reply {
            to: interchange.sender.clone(),
            from: interchange.receiver.clone(),
            ta1,
            ta1_due: !empty && (interchange.wants_acknowledgment || verdict != Verdict::Accepted),
            groups: if verdict == Verdict::Rejected { Vec::new() } else { groups },
        });
    }
}

/// TA104 and TA105: the first complaint that rejects, or the first one of all.
fn interchange_code(interchange: &Interchange) -> (Verdict, u8) {
    let verdict = interchange.verdict();
    let code = |complaint: &Complaint| complaint.problem.ta1();
    let rejecting = interchange.complaints.iter().filter(|complaint| complaint.rejects()).filter_map(code);
    let rejecting = rejecting.filter(|(_, action)| *action == 'R').map(|(code, _)| code).next();
    let first = interchange.complaints.iter().filter_map(code).map(|(code, _)| code).next();
    match verdict {
        Verdict::Rejected => (verdict, rejecting.or(first).unwrap_or(22)),
        Verdict::Accepted | Verdict::AcceptedWithErrors | Verdict::Partial => (verdict, first.unwrap_or(0)),
    }
}

/// Codes without repetition, five at most.
fn codes(complaints: &Complaints, code: impl Fn(Problem) -> Option<u8>) -> Vec<u8> {
    let mut codes = Vec::new();
    for complaint in complaints.iter() {
        if let Some(code) = code(complaint.problem).filter(|code| !codes.contains(code))
            && codes.len() < 5
        {
            codes.push(code);
        }
    }
    codes
}

impl SetAcknowledgment {
    /// What is said of a set that was read.
    pub fn of(set: &Set) -> Self {
        let mut segments: Vec<SegmentError> = Vec::new();
        for complaint in set.complaints.iter() {
            let (Some(code), Some(position)) = (complaint.problem.ak3(), complaint.position.segment) else { continue };
            let id = complaint.position.segment_id.unwrap_or_default();
            let id = String::from(id.as_str().chars().take(3).collect::<String>().trim());
            let element = complaint.problem.ak4().map(|code| ElementError {
                position: complaint.position.element.unwrap_or(1),
                component: complaint.position.component,
                reference: complaint.position.reference,
                code,
                value: complaint.found.clone().filter(|_| code != 6),
            });
            match segments.last_mut() {
                Some(last) if element.is_some() && last.code == Some(8) && last.position == position => {
                    last.elements.extend(element);
                }
                _ => {
                    let elements = element.into_iter().collect();
                    segments.push(SegmentError { id, position, loop_id: None, code: Some(code), elements });
                }
            }
        }
        // In the order of the set; complaints of one segment keep theirs.
        segments.sort_by_key(|segment| segment.position);
        Self {
            id: set.id.as_str().into(),
            control: set.control.clone(),
            segments,
            verdict: set.verdict(),
            codes: codes(&set.complaints, Problem::ak5),
        }
    }
}

impl FunctionalAcknowledgment {
    /// What is said of a group that was read.
    pub fn of(group: &Group, sets: Vec<SetAcknowledgment>) -> Self {
        let verdict = group.verdict();
        Self {
            group_code: group.code.clone(),
            group_control: group.control.clone(),
            version: (group.version.as_str() >= "005010").then(|| group.version.clone()),
            sets,
            verdict,
            declared: group.declared.unwrap_or(group.received),
            received: group.received,
            // Where the group itself is rejected, no set of it is accepted.
            accepted: if verdict == Verdict::Rejected { 0 } else { group.accepted },
            codes: codes(&group.complaints, Problem::ak9),
        }
    }

    /// Writes it as a 997 (`implementation` false) or a 999.
    pub fn write(&self, body: &mut Body, implementation: bool) -> Result<(), WriteError> {
        body.replace_with(' ');
        let [ak3, ak4, ak5] = if implementation { ["IK3", "IK4", "IK5"] } else { ["AK3", "AK4", "AK5"] };
        body.segment("AK1").text(&self.group_code).text(&self.group_control).optional(self.version.as_ref()).end();
        for set in &self.sets {
            body.segment("AK2").text(&set.id).text(&set.control).end();
            for segment in &set.segments {
                let draft = body.segment(ak3).text(&segment.id).number(segment.position);
                draft.optional(segment.loop_id.as_ref()).optional_number(segment.code).end();
                for element in &segment.elements {
                    let position = element.position.to_string();
                    let component = element.component.map(|component| component.to_string());
                    body.segment(ak4)
                        .components(&[&position, component.as_deref().unwrap_or_default()])
                        .optional_number(element.reference)
                        .number(element.code)
                        .optional(element.value.as_ref())
                        .end();
                }
            }
            let mut draft = body.segment(ak5).number(set.verdict.code());
            for code in set.codes.iter().take(5) {
                draft = draft.number(code);
            }
            draft.end();
        }
        let counts = [self.declared, self.received, self.accepted];
        let mut draft = body.segment("AK9").number(self.verdict.code());
        for count in counts {
            draft = draft.number(count);
        }
        for code in self.codes.iter().take(5) {
            draft = draft.number(code);
        }
        draft.end();
        Ok(())
    }

    /// Reads a 997 or 999.
    pub fn read(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut read = Self {
            group_code: String::new(),
            group_control: String::new(),
            version: None,
            sets: Vec::new(),
            verdict: Verdict::Rejected,
            declared: 0,
            received: 0,
            accepted: 0,
            codes: Vec::new(),
        };
        let mut done = false;
        for segment in set.segments.iter() {
            let text = |position: usize| segment.element(position).text().into_owned();
            match segment.tag() {
                b"AK1" => {
                    (read.group_code, read.group_control) = (text(1), text(2));
                    read.version = segment.text(3).map(Into::into);
                }
                b"AK2" => read.sets.push(SetAcknowledgment {
                    id: text(1),
                    control: text(2),
                    segments: Vec::new(),
                    verdict: Verdict::Rejected,
                    codes: Vec::new(),
                }),
                b"AK3" | b"IK3" => {
                    let error = SegmentError {
                        id: text(1),
                        position: number(&segment, 2, set)?,
                        loop_id: segment.text(3).map(Into::into),
                        code: optional_number(&segment, 4, set)?,
                        elements: Vec::new(),
                    };
                    let Some(of) = read.sets.last_mut() else { return Err(unreadable(&segment, 1, set)) };
                    of.segments.push(error);
                }
                b"AK4" | b"IK4" => {
                    let place = segment.element(1);
                    let parse = |part: usize| place.component(part).text().parse().ok();
                    let error = ElementError {
                        position: parse(1).ok_or_else(|| unreadable(&segment, 1, set))?,
                        component: parse(2),
                        reference: optional_number(&segment, 2, set)?,
                        code: number(&segment, 3, set)?,
                        value: segment.text(4).map(Into::into),
                    };
                    let last = read.sets.last_mut().and_then(|of| of.segments.last_mut());
                    last.ok_or_else(|| unreadable(&segment, 1, set))?.elements.push(error);
                }
                b"AK5" | b"IK5" => {
                    let verdict = verdict(&segment, set)?;
                    let codes = code_list(&segment, 2, set)?;
                    let Some(of) = read.sets.last_mut() else { return Err(unreadable(&segment, 1, set)) };
                    (of.verdict, of.codes) = (verdict, codes);
                }
                b"AK9" => {
                    read.verdict = verdict(&segment, set)?;
                    read.declared = number(&segment, 2, set)?;
                    read.received = number(&segment, 3, set)?;
                    read.accepted = number(&segment, 4, set)?;
                    read.codes = code_list(&segment, 5, set)?;
                    done = true;
                }
                _ => {}
            }
        }
        if done && !read.group_control.is_empty() {
            return Ok(read);
        }
        let id = if done { "AK1" } else { "AK9" };
        let position = Position { byte: set.at, segment_id: Code::new(id), ..Position::default() };
        Err(Box::new(Complaint::new(Problem::MissingSegment, position)))
    }
}

fn unreadable(segment: &Segment<'_>, element: u16, set: &Set) -> Box<Complaint> {
    let of = segment.element(usize::from(element));
    let position = Position {
        byte: of.at(),
        set: Some(set.ordinal),
        segment: Some(segment.ordinal()),
        segment_id: Some(segment.id()),
        element: Some(element),
        ..Position::default()
    };
    let found = Some(of.text().into_owned());
    Box::new(Complaint { found, ..Complaint::new(Problem::InvalidCode, position) })
}

fn verdict(segment: &Segment<'_>, set: &Set) -> Result<Verdict, Box<Complaint>> {
    Verdict::from_code(&segment.element(1).text()).ok_or_else(|| unreadable(segment, 1, set))
}

fn number<N: core::str::FromStr>(segment: &Segment<'_>, element: u16, set: &Set) -> Result<N, Box<Complaint>> {
    segment.element(usize::from(element)).text().parse().map_err(|_| unreadable(segment, element, set))
}

fn optional_number<N: core::str::FromStr>(
    segment: &Segment<'_>,
    element: u16,
    set: &Set,
) -> Result<Option<N>, Box<Complaint>> {
    if segment.element(usize::from(element)).is_empty() { Ok(None) } else { number(segment, element, set).map(Some) }
}

/// Codes are numbers in element 720 and its kin; codes of later releases with letters are left out.
fn code_list(segment: &Segment<'_>, from: u16, set: &Set) -> Result<Vec<u8>, Box<Complaint>> {
    let mut codes = Vec::new();
    for element in from..=segment.len() as u16 {
        let raw = segment.element(usize::from(element)).raw();
        if raw.iter().all(u8::is_ascii_digit) {
            codes.extend(optional_number::<u8>(segment, element, set)?);
        }
    }
    Ok(codes)
}
