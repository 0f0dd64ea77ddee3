//! Writes X12 interchanges.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::delimiters::Delimiters;
use crate::event::{Party, Ta1, Usage};
use crate::rules::{Rules, is_date, is_time};
use crate::write::{Body, WriteError, header_text, verify};

/// The ISA of an interchange. Control numbers are the caller's: the same ones give the same bytes, so that an interchange
/// whose acknowledgment is missing is sent again as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct InterchangeHeader {
    /// ISA05, ISA06.
    pub sender: Party,
    /// ISA07, ISA08.
    pub receiver: Party,
    /// ISA09: YYMMDD.
    pub date: String,
    /// ISA10: HHMM.
    pub time: String,
    /// ISA12: `00401`, `00501`.
    pub version: String,
    /// ISA13: at most 999,999,999.
    pub control: u32,
    /// ISA14: whether to ask for a TA1.
    pub wants_acknowledgment: bool,
    /// ISA15.
    pub usage: Usage,
    /// The delimiters. From version 00402 on, a repetition separator is needed; `^` is taken where there is none.
    pub delimiters: Delimiters,
    /// Whether a line break follows each terminator.
    pub line_breaks: bool,
}

/// The GS of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupHeader {
    /// GS01, such as `OW` for a 940.
    pub code: String,
    /// GS02.
    pub sender: String,
    /// GS03.
    pub receiver: String,
    /// GS04: CCYYMMDD.
    pub date: String,
    /// GS05: HHMM or longer.
    pub time: String,
    /// GS06: at most 999,999,999, unique per code, sender and receiver, or acknowledgments cannot be matched.
    pub control: u32,
    /// GS08: `004010`, `005010`.
    pub version: String,
}

/// Writes one interchange. Counts, trailers and padding are its own; what leaves [`Writer::finish`] passes the reader.
#[derive(Debug)]
pub struct Writer {
    body: Body,
    rules: Rules,
    control: u32,
    groups: u32,
    group: Option<(u32, u32)>,
}

impl Writer {
    /// Begins an interchange.
    pub fn new(header: &InterchangeHeader) -> Result<Self, WriteError> {
        let mut delimiters = header.delimiters;
        delimiters.release = None;
        let repeats = header.version.as_str() >= "00402";
        if repeats && delimiters.repetition.is_none() {
            delimiters.repetition = Some(b'^');
        }
        if delimiters.problem().is_some() {
            return Err(WriteError::Header { element: "ISA16", must_be: "three different separators" });
        }
        if !repeats {
            delimiters.repetition = None;
        }
        let text = |element, must_be, text: &str, lengths| header_text(&delimiters, element, must_be, text, lengths);
        let sender_qualifier = text("ISA05", "two characters", &header.sender.qualifier, 2..=2)?;
        let sender = text("ISA06", "1 to 15 characters", &header.sender.id, 1..=15)?;
        let receiver_qualifier = text("ISA07", "two characters", &header.receiver.qualifier, 2..=2)?;
        let receiver = text("ISA08", "1 to 15 characters", &header.receiver.id, 1..=15)?;
        let version = text("ISA12", "five digits", &header.version, 5..=5)?;
        if header.date.len() != 6 || !is_date(header.date.as_bytes()) {
            return Err(WriteError::Header { element: "ISA09", must_be: "a date as YYMMDD" });
        }
        if header.time.len() != 4 || !is_time(header.time.as_bytes()) {
            return Err(WriteError::Header { element: "ISA10", must_be: "a time as HHMM" });
        }
        if header.control > 999_999_999 {
            return Err(WriteError::Header { element: "ISA13", must_be: "at most nine digits" });
        }
        let usage = match header.usage {
            Usage::Production => 'P',
            Usage::Test => 'T',
            Usage::Information => 'I',
        };
        let e = char::from(delimiters.element);
        let isa = format!(
            "ISA{e}00{e}{:10}{e}00{e}{:10}{e}{sender_qualifier}{e}{sender:15}{e}{receiver_qualifier}{e}{receiver:15}{e}\
             {}{e}{}{e}{}{e}{version}{e}{:09}{e}{}{e}{usage}{e}{}",
            "",
            "",
            header.date,
            header.time,
            delimiters.repetition.map_or('U', char::from),
            header.control,
            u8::from(header.wants_acknowledgment),
            char::from(delimiters.component),
        );
        let mut body = Body::new(delimiters);
        body.line_breaks = header.line_breaks;
        body.bytes.extend_from_slice(isa.as_bytes());
        body.bytes.extend_from_slice(delimiters.segment.as_bytes());
        if header.line_breaks {
            body.bytes.push(b'\n');
        }
        Ok(Self { body, rules: Rules::standard(), control: header.control, groups: 0, group: None })
    }

    /// Holds the result to these rules instead of the standard ones.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Writes a TA1. It stands before any group.
    pub fn ta1(&mut self, ta1: &Ta1) -> Result<(), WriteError> {
        if self.group.is_some() || self.groups > 0 {
            return Err(WriteError::OutOfPlace);
        }
        let code = format!("{:03}", ta1.code);
        self.body
            .segment("TA1")
            .text(&ta1.control)
            .text(&ta1.date)
            .text(&ta1.time)
            .number(ta1.verdict.code())
            .text(&code)
            .end();
        Ok(())
    }

    /// Begins a group; ends the one before.
    pub fn group(&mut self, header: &GroupHeader) -> Result<(), WriteError> {
        self.end_group();
        if header.control > 999_999_999 || header.control == 0 {
            return Err(WriteError::Header { element: "GS06", must_be: "1 to 999,999,999" });
        }
        let delimiters = self.body.delimiters;
        let text = |element, must_be, text: &str, lengths| header_text(&delimiters, element, must_be, text, lengths);
        text("GS02", "2 to 15 characters", &header.sender, 2..=15)?;
        text("GS03", "2 to 15 characters", &header.receiver, 2..=15)?;
        self.body
            .segment("GS")
            .text(&header.code)
            .text(&header.sender)
            .text(&header.receiver)
            .text(&header.date)
            .text(&header.time)
            .number(header.control)
            .text("X")
            .text(&header.version)
            .end();
        self.groups += 1;
        self.group = Some((header.control, 0));
        Ok(())
    }

    /// Writes a set into the open group. `control` is ST02, of 4 to 9 digits and unique in the group.
    pub fn set(
        &mut self,
        id: &str,
        control: &str,
        fill: impl FnOnce(&mut Body) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let Some((_, sets)) = &mut self.group else { return Err(WriteError::OutOfPlace) };
        *sets += 1;
        self.body.segments = 0;
        self.body.segment("ST").text(id).text(control).end();
        fill(&mut self.body)?;
        let count = self.body.segments + 1;
        self.body.segment("SE").number(count).text(control).end();
        self.body.error.clone().map_or(Ok(()), Err)
    }

    fn end_group(&mut self) {
        if let Some((control, sets)) = self.group.take() {
            self.body.segment("GE").number(sets).number(control).end();
        }
    }

    /// Ends the interchange, and holds it to the rules.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        self.end_group();
        let control = format!("{:09}", self.control);
        let groups = self.groups;
        self.body.segment("IEA").number(groups).text(&control).end();
        if let Some(error) = self.body.error {
            return Err(error);
        }
        verify(&self.body.bytes, &self.rules)?;
        Ok(self.body.bytes)
    }
}
