//! Writes EDIFACT interchanges.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::delimiters::Delimiters;
use crate::event::{Party, Usage};
use crate::rules::{Rules, is_date, is_time};
use crate::write::{Body, WriteError, header_text, verify};

/// The UNB of an interchange, in syntax version 3 and UNOC (ISO 8859-1).
#[derive(Clone, Debug, PartialEq)]
pub struct InterchangeHeader {
    /// S002: id of at most 35 characters, qualifier of at most 4, which may be empty.
    pub sender: Party,
    /// S003.
    pub receiver: Party,
    /// YYMMDD.
    pub date: String,
    /// HHMM.
    pub time: String,
    /// 0020, the interchange's control reference: 1 to 14 characters, the caller's.
    pub control: String,
    /// 0035.
    pub usage: Usage,
    /// 0031: whether to ask for a CONTRL.
    pub wants_acknowledgment: bool,
    /// The delimiters; a UNA is written.
    pub delimiters: Delimiters,
    /// Whether a line break follows each terminator.
    pub line_breaks: bool,
}

/// The UNH of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageHeader {
    /// 0062: 1 to 14 characters, unique in the interchange.
    pub control: String,
    /// 0065, such as `DESADV`.
    pub kind: String,
    /// 0052 and 0054, as `D:01B`.
    pub version: String,
    /// 0057, such as `EAN011`.
    pub association: Option<String>,
}

/// Writes one interchange without groups. What leaves [`Writer::finish`] passes the reader.
#[derive(Debug)]
pub struct Writer {
    body: Body,
    rules: Rules,
    control: String,
    messages: u32,
}

impl Writer {
    /// Begins an interchange.
    pub fn new(header: &InterchangeHeader) -> Result<Self, WriteError> {
        let delimiters = Delimiters { repetition: None, latin1: true, ..header.delimiters };
        if delimiters.problem().is_some() || delimiters.segment.as_bytes().len() > 1 {
            return Err(WriteError::Header { element: "UNA", must_be: "different separators of one character" });
        }
        let none = Delimiters { release: None, ..delimiters };
        header_text(&none, "0020", "1 to 14 characters", &header.control, 1..=14)?;
        header_text(&none, "S002", "1 to 35 characters", &header.sender.id, 1..=35)?;
        header_text(&none, "S003", "1 to 35 characters", &header.receiver.id, 1..=35)?;
        header_text(&none, "0007", "at most 4 characters", &header.sender.qualifier, 0..=4)?;
        header_text(&none, "0007", "at most 4 characters", &header.receiver.qualifier, 0..=4)?;
        if header.date.len() != 6 || !is_date(header.date.as_bytes()) {
            return Err(WriteError::Header { element: "0017", must_be: "a date as YYMMDD" });
        }
        if header.time.len() != 4 || !is_time(header.time.as_bytes()) {
            return Err(WriteError::Header { element: "0019", must_be: "a time as HHMM" });
        }
        let mut body = Body::new(delimiters);
        body.line_breaks = header.line_breaks;
        body.latin1 = true;
        let release = delimiters.release.unwrap_or(b' ');
        let advice = [delimiters.component, delimiters.element, delimiters.decimal, release, b' '];
        body.bytes.extend_from_slice(b"UNA");
        body.bytes.extend_from_slice(&advice);
        body.bytes.extend_from_slice(delimiters.segment.as_bytes());
        if header.line_breaks {
            body.bytes.push(b'\n');
        }
        let draft = body
            .segment("UNB")
            .components(&["UNOC", "3"])
            .components(&[&header.sender.id, &header.sender.qualifier])
            .components(&[&header.receiver.id, &header.receiver.qualifier])
            .components(&[&header.date, &header.time])
            .text(&header.control)
            .skip(3)
            .text(if header.wants_acknowledgment { "1" } else { "" })
            .skip(1);
        draft.text(if header.usage == Usage::Production { "" } else { "1" }).end();
        Ok(Self { body, rules: Rules::standard(), control: header.control.clone(), messages: 0 })
    }

    /// Holds the result to these rules instead of the standard ones.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Writes a message.
    pub fn message(
        &mut self,
        header: &MessageHeader,
        fill: impl FnOnce(&mut Body) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        header_text(&self.body.delimiters, "0062", "1 to 14 characters", &header.control, 1..=14)?;
        self.messages += 1;
        self.body.segments = 0;
        let (version, release) = header.version.split_once(':').unwrap_or((&header.version, ""));
        let association = header.association.as_deref().unwrap_or_default();
        let kind = [&header.kind, version, release, "UN", association];
        self.body.segment("UNH").text(&header.control).components(&kind).end();
        fill(&mut self.body)?;
        let count = self.body.segments + 1;
        self.body.segment("UNT").number(count).text(&header.control).end();
        self.body.error.clone().map_or(Ok(()), Err)
    }

    /// Ends the interchange, and holds it to the rules.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        let count = self.messages.to_string();
        let control = self.control.clone();
        self.body.segment("UNZ").text(&count).text(&control).end();
        if let Some(error) = self.body.error {
            return Err(error);
        }
        verify(&self.body.bytes, &self.rules)?;
        Ok(self.body.bytes)
    }
}
