//! CONTRL: made for what was read, and read from partners (ISO 9735, syntax version 3).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Code;
use crate::complaint::{Complaint, Complaints, Position, Problem, Verdict};
use crate::event::{Event, Interchange, Party, Repeat, Set, Standard};
use crate::segment::Segment;
use crate::write::{Body, WriteError};

/// UCD: one data element that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataElementError {
    /// 0085.
    pub code: u8,
    /// 0098: the element's position in the segment, the segment's id being 1.
    pub position: u16,
    /// 0104: the component's position.
    pub component: Option<u16>,
}

/// UCS: one segment that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentResponse {
    /// 0096: the segment's place in the message, UNH being 1; for a missing segment, the last one before its place.
    pub position: u32,
    /// 0085, where the segment itself is wrong.
    pub code: Option<u8>,
    /// Its UCDs.
    pub elements: Vec<DataElementError>,
}

/// UCM: one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageResponse {
    /// 0062 of the message.
    pub control: String,
    /// S009 of the message, as `DESADV:D:01B:UN`.
    pub message_type: String,
    /// 0083: 4 rejected, 7 acknowledged.
    pub verdict: Verdict,
    /// 0085, where the message's envelope is wrong.
    pub code: Option<u8>,
    /// 0013: the service segment that is wrong.
    pub segment_id: Option<Code>,
    /// 0098: the element in it, the id being 1.
    pub element: Option<u16>,
    /// Its UCS loops.
    pub segments: Vec<SegmentResponse>,
}

/// A CONTRL: what the receiver of an interchange says of it.
///
/// Messages that are not in the list are acknowledged if the interchange is. Groups are not told apart: an error of a group
/// rejects the interchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contrl {
    /// 0020 of the interchange.
    pub control: String,
    /// S002 of the interchange.
    pub sender: Party,
    /// S003 of the interchange.
    pub receiver: Party,
    /// 0083: 4 rejected, 7 acknowledged.
    pub verdict: Verdict,
    /// Whether the sender only says that it came (0083: 8); the verdict is then yet to come.
    pub only_received: bool,
    /// 0085, where the interchange's envelope is wrong.
    pub code: Option<u8>,
    /// 0013: the service segment that is wrong.
    pub segment_id: Option<Code>,
    /// 0098: the element in it, the id being 1.
    pub element: Option<u16>,
    /// UCM loops.
    pub messages: Vec<MessageResponse>,
}

/// Collects what CONTRLs say while a file is read. Interchanges of nothing but CONTRLs get none.
#[derive(Clone, Debug, Default)]
pub struct Responder {
    replies: Vec<Contrl>,
    messages: Vec<MessageResponse>,
    group: Option<(u8, Option<Code>, Option<u16>)>,
    only_contrl: bool,
    repeat: Option<Problem>,
}

impl Responder {
    /// Notes one event.
    pub fn note(&mut self, event: Event<'_>) {
        match event {
            Event::Interchange(_) => {
                self.messages.clear();
                self.group = None;
                self.only_contrl = true;
                self.repeat = None;
            }
            Event::Set(interchange, _, set) if interchange.standard == Standard::Edifact => {
                self.only_contrl &= set.id == "CONTRL";
                if !set.verdict().accepts() {
                    self.messages.push(MessageResponse::of(set));
                }
            }
            Event::GroupEnd(_, group) => {
                if let Some(complaint) = group.complaints.iter().find(|complaint| complaint.rejects()) {
                    self.group.get_or_insert(said(complaint));
                }
            }
            Event::InterchangeEnd(interchange) if interchange.standard == Standard::Edifact => self.end(interchange),
            Event::Group(..) | Event::Set(..) | Event::Ta1(..) | Event::InterchangeEnd(_) | Event::File(_) => {}
        }
    }

    /// Says that the current interchange came before, as the caller's store knows.
    pub fn repeated(&mut self, repeat: Repeat) {
        self.repeat = repeat.problem();
    }

    /// The replies, one for each interchange.
    pub fn into_replies(self) -> Vec<Contrl> {
        self.replies
    }

    fn end(&mut self, interchange: &Interchange) {
        let messages = core::mem::take(&mut self.messages);
        let wrong = match self.repeat {
            Some(problem) => Some((problem.contrl(), None, None)),
            None => interchange.complaints.iter().find(|complaint| complaint.rejects()).map(said).or(self.group),
        };
        if self.only_contrl && interchange.received > 0 {
            return;
        }
        let (code, segment_id, element) = wrong.unzip3();
        self.replies.push(Contrl {
            control: interchange.control.clone(),
            sender: interchange.sender.clone(),
            receiver: interchange.receiver.clone(),
            verdict: if wrong.is_some() { Verdict::Rejected } else { Verdict::Accepted },
            only_received: false,
            code,
            segment_id,
            element,
            messages: if wrong.is_some() { Vec::new() } else { messages },
        });
    }
}

trait Unzip3 {
    fn unzip3(self) -> (Option<u8>, Option<Code>, Option<u16>);
}

impl Unzip3 for Option<(u8, Option<Code>, Option<u16>)> {
    fn unzip3(self) -> (Option<u8>, Option<Code>, Option<u16>) {
        match self {
            Some((code, segment_id, element)) => (Some(code), segment_id, element),
            None => (None, None, None),
        }
    }
}

/// Code, service segment and element of a complaint about an envelope.
fn said(complaint: &Complaint) -> (u8, Option<Code>, Option<u16>) {
    let Position { mut segment_id, element, .. } = complaint.position;
    if complaint.problem == Problem::Truncated {
        segment_id = Code::new("UNZ");
    }
    (complaint.problem.contrl(), segment_id, element.filter(|_| segment_id.is_some()).map(|element| element + 1))
}

impl MessageResponse {
    /// What is said of a message that was read.
    pub fn of(set: &Set) -> Self {
        let envelope = |complaint: &&Complaint| {
            complaint.problem.ak3().is_none() && (complaint.rejects() || complaint.problem.ak5().is_some())
        };
        let (code, segment_id, element) = set.complaints.iter().find(envelope).map(said).unzip3();
        Self {
            control: set.control.clone(),
            message_type: set.message_type.clone(),
            verdict: if set.verdict().accepts() { Verdict::Accepted } else { Verdict::Rejected },
            code,
            segment_id,
            element,
            segments: segments(&set.complaints),
        }
    }
}

fn segments(complaints: &Complaints) -> Vec<SegmentResponse> {
    let mut segments: Vec<SegmentResponse> = Vec::new();
    for complaint in complaints.iter().filter(|complaint| complaint.problem.ak3().is_some()) {
        let Some(position) = complaint.position.segment else { continue };
        let code = complaint.problem.contrl();
        let missing = complaint.problem == Problem::MissingSegment;
        let position = if missing { position.saturating_sub(1) } else { position };
        let element = complaint.problem.ak4().map(|_| DataElementError {
            code,
            position: complaint.position.element.unwrap_or(0) + 1,
            component: complaint.position.component,
        });
        match (segments.last_mut(), element) {
            (Some(last), Some(element)) if last.position == position && last.code.is_none() => {
                last.elements.push(element);
            }
            (_, element) => {
                let code = if element.is_some() { None } else { Some(code) };
                segments.push(SegmentResponse { position, code, elements: element.into_iter().collect() });
            }
        }
    }
    segments.sort_by_key(|segment| segment.position);
    segments
}

impl Contrl {
    /// Writes it into the body of a CONTRL message.
    pub fn write(&self, body: &mut Body) -> Result<(), WriteError> {
        let action = if self.only_received { "8" } else { action(self.verdict) };
        body.segment("UCI")
            .text(&self.control)
            .components(&[&self.sender.id, &self.sender.qualifier])
            .components(&[&self.receiver.id, &self.receiver.qualifier])
            .text(action)
            .optional_number(self.code)
            .optional_code(self.segment_id)
            .optional_number(self.element)
            .end();
        for message in &self.messages {
            let kind: Vec<&str> = message.message_type.split(':').collect();
            body.segment("UCM")
                .text(&message.control)
                .components(&kind)
                .text(self::action(message.verdict))
                .optional_number(message.code)
                .optional_code(message.segment_id)
                .optional_number(message.element)
                .end();
            for segment in &message.segments {
                body.segment("UCS").number(segment.position).optional_number(segment.code).end();
                for element in &segment.elements {
                    let position = element.position.to_string();
                    let component = element.component.map(|component| component.to_string()).unwrap_or_default();
                    body.segment("UCD").number(element.code).components(&[&position, &component]).end();
                }
            }
        }
        Ok(())
    }

    /// Reads a CONTRL.
    pub fn read(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut read: Option<Self> = None;
        for segment in set.segments.iter() {
            let wrong = |element: u16| unreadable(&segment, element, set);
            match segment.tag() {
                b"UCI" => {
                    read = Some(Self {
                        control: segment.element(1).text().into(),
                        sender: party(&segment, 2),
                        receiver: party(&segment, 3),
                        verdict: verdict(&segment, 4).ok_or_else(|| wrong(4))?,
                        only_received: segment.element(4).raw() == b"8",
                        code: number(&segment, 5),
                        segment_id: segment.element(6).code(),
                        element: number(&segment, 7),
                        messages: Vec::new(),
                    });
                }
                b"UCM" => {
                    let parts: Vec<String> = segment.element(2).components().map(|part| part.text().into()).collect();
                    let message = MessageResponse {
                        control: segment.element(1).text().into(),
                        message_type: parts.join(":"),
                        verdict: verdict(&segment, 3).ok_or_else(|| wrong(3))?,
                        code: number(&segment, 4),
                        segment_id: segment.element(5).code(),
                        element: number(&segment, 6),
                        segments: Vec::new(),
                    };
                    read.as_mut().ok_or_else(|| wrong(1))?.messages.push(message);
                }
                b"UCS" => {
                    let position = number(&segment, 1).ok_or_else(|| wrong(1))?;
                    let response = SegmentResponse { position, code: number(&segment, 2), elements: Vec::new() };
                    let message = read.as_mut().and_then(|read| read.messages.last_mut());
                    message.ok_or_else(|| wrong(1))?.segments.push(response);
                }
                b"UCD" => {
                    let place = segment.element(2);
                    let parse = |part: usize| place.component(part).text().parse().ok();
                    let error = DataElementError {
                        code: number(&segment, 1).ok_or_else(|| wrong(1))?,
                        position: parse(1).ok_or_else(|| wrong(2))?,
                        component: parse(2),
                    };
                    let message = read.as_mut().and_then(|read| read.messages.last_mut());
                    let last = message.and_then(|message| message.segments.last_mut());
                    last.ok_or_else(|| wrong(1))?.elements.push(error);
                }
                _ => {}
            }
        }
        let position = Position { byte: set.at, segment_id: Code::new("UCI"), ..Position::default() };
        read.ok_or_else(|| Box::new(Complaint::new(Problem::MissingSegment, position)))
    }
}

fn action(verdict: Verdict) -> &'static str {
    if verdict == Verdict::Rejected { "4" } else { "7" }
}

fn party(segment: &Segment<'_>, element: usize) -> Party {
    let element = segment.element(element);
    Party::new(element.component(2).text(), element.component(1).text())
}

fn verdict(segment: &Segment<'_>, element: usize) -> Option<Verdict> {
    match segment.element(element).raw() {
        b"4" => Some(Verdict::Rejected),
        b"7" | b"8" => Some(Verdict::Accepted),
        _ => None,
    }
}

fn number<N: core::str::FromStr>(segment: &Segment<'_>, element: usize) -> Option<N> {
    segment.element(element).component(1).text().parse().ok()
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
