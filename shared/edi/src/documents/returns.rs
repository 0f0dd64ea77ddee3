//! 180: goods that a customer wants to send back, and what is said to that.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{ItemId, Moment, Note, Participant, Reference};
use super::x12::{
    X12Document, code, date, decimal, dtm, item, missing, note, participant, reference, required, required_code, text,
    time, write_dtm, write_notes, write_participants, write_references,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A return merchandise authorization and notification.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReturnNotice {
    /// BGN01, element 353: `00` original, `13` request, `11` response.
    pub purpose: Code,
    /// BGN02, element 127: the sender's number of the return.
    pub return_no: String,
    /// BGN03.
    pub date: Option<Date>,
    /// BGN04.
    pub time: Option<Time>,
    /// BGN06: the number of what it answers.
    pub answers: Option<String>,
    /// RDR01, element 1292: `RA` authorized, `RD` denied, `RP` pending, `PA` partly.
    pub disposition: Option<Code>,
    /// RDR02, element 1293: why the return is asked for.
    pub reason: Option<Code>,
    /// PRF01: the purchase order that it is about.
    pub purchase_order_no: Option<String>,
    /// DTM of the header.
    pub dates: Vec<Moment>,
    /// N9 of the header.
    pub references: Vec<Reference>,
    /// NTE of the header.
    pub notes: Vec<Note>,
    /// N1 loops of the header.
    pub parties: Vec<Participant>,
    /// BLI loops.
    pub lines: Vec<ReturnLine>,
}

/// One item that comes back.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReturnLine {
    /// BLI01 and BLI02.
    pub item: Option<ItemId>,
    /// BLI03.
    pub quantity: Option<Decimal>,
    /// BLI04, element 355.
    pub unit: Option<Code>,
    /// N9 of the line.
    pub references: Vec<Reference>,
    /// RDR01 of the line.
    pub disposition: Option<Code>,
    /// RDR02 of the line.
    pub reason: Option<Code>,
    /// NTE of the line.
    pub notes: Vec<Note>,
    /// PRF01 of the line.
    pub purchase_order_no: Option<String>,
    /// DTM of the line.
    pub dates: Vec<Moment>,
}

impl X12Document for ReturnNotice {
    const SET: &'static str = "180";
    const GROUP: &'static str = "AN";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut notice = Self::default();
        // Quantities with serial numbers (QTY loops) and what is in them are left to the segments.
        let (mut headed, mut inner) = (false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BGN" => {
                    headed = true;
                    notice.purpose = required_code(&segment, 1)?;
                    notice.return_no = required(&segment, 2)?;
                    notice.date = date(&segment, 3)?;
                    notice.time = time(&segment, 4)?;
                    notice.answers = text(&segment, 6);
                }
                b"BLI" => {
                    inner = false;
                    notice.lines.push(ReturnLine {
                        item: item(&segment, 1)?,
                        quantity: decimal(&segment, 3)?,
                        unit: code(&segment, 4)?,
                        ..ReturnLine::default()
                    });
                }
                b"QTY" | b"FA1" => inner = true,
                b"N1" if !notice.lines.is_empty() => inner = true,
                _ if inner => {}
                tag => match notice.lines.last_mut() {
                    Some(line) => line.take(tag, &segment)?,
                    None => notice.take(tag, &segment)?,
                },
            }
        }
        if headed { Ok(notice) } else { Err(missing(set, "BGN")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("BGN").code(self.purpose).text(&self.return_no).date(self.date).time(self.time);
        draft.skip(1).optional(self.answers.as_ref()).end();
        let draft = body.segment("RDR").optional_code(self.disposition).optional_code(self.reason);
        draft.end_unless_empty();
        body.segment("PRF").optional(self.purchase_order_no.as_ref()).end_unless_empty();
        write_dtm(body, &self.dates);
        write_references(body, "N9", &self.references);
        write_notes(body, &self.notes);
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            let draft = body.segment("BLI").item(line.item.as_ref()).decimal(line.quantity);
            draft.optional_code(line.unit).end();
            write_references(body, "N9", &line.references);
            let draft = body.segment("RDR").optional_code(line.disposition).optional_code(line.reason);
            draft.end_unless_empty();
            write_notes(body, &line.notes);
            body.segment("PRF").optional(line.purchase_order_no.as_ref()).end_unless_empty();
            write_dtm(body, &line.dates);
        }
        Ok(())
    }
}

impl ReturnNotice {
    fn take(&mut self, tag: &[u8], segment: &crate::Segment<'_>) -> Result<(), Box<Complaint>> {
        match tag {
            b"RDR" => (self.disposition, self.reason) = (code(segment, 1)?, code(segment, 2)?),
            b"PRF" => self.purchase_order_no = text(segment, 1),
            b"DTM" => self.dates.push(dtm(segment)?),
            b"N9" => self.references.push(reference(segment)?),
            b"NTE" => self.notes.push(note(segment)?),
            _ => {
                participant(&mut self.parties, segment)?;
            }
        }
        Ok(())
    }
}

impl ReturnLine {
    fn take(&mut self, tag: &[u8], segment: &crate::Segment<'_>) -> Result<(), Box<Complaint>> {
        match tag {
            b"RDR" => (self.disposition, self.reason) = (code(segment, 1)?, code(segment, 2)?),
            b"PRF" => self.purchase_order_no = text(segment, 1),
            b"DTM" => self.dates.push(dtm(segment)?),
            b"N9" => self.references.push(reference(segment)?),
            b"NTE" => self.notes.push(note(segment)?),
            _ => {}
        }
        Ok(())
    }
}
