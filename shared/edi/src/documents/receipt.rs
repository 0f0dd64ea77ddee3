//! 944, RECADV: what a warehouse received.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::common::{ItemId, Mark, Moment, Note, Participant, Reference};
use super::x12::{
    X12Document, assigned, code, date, decimal, fits, g62, items, marks, missing, note, participant, plain, reference,
    required, required_code, required_decimal, text, write_g62, write_marks, write_notes, write_participants,
    write_references,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A warehouse's confirmation of a receipt. A second one with the same receipt number is a duplicate or a correction.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReceiptConfirmation {
    /// W1701, element 514: `C` is a customer's return; 1225 of BGM.
    pub reporting: Code,
    /// W1702: when it was received; DTM+50.
    pub date: Option<Date>,
    /// W1703, at most 12 characters: the warehouse's number of the receipt; 1004 of BGM.
    pub receipt_no: String,
    /// W1704: the depositor's (our) order number; RFF+ON.
    pub order_no: Option<String>,
    /// W1705, element 145; RFF+AAK, the despatch advice's number.
    pub shipment_id: Option<String>,
    /// N1 loops; NAD.
    pub parties: Vec<Participant>,
    /// N9; RFF.
    pub references: Vec<Reference>,
    /// G62; DTM.
    pub dates: Vec<Moment>,
    /// NTE. EDIFACT: not written.
    pub notes: Vec<Note>,
    /// W07 loops; LIN groups.
    pub lines: Vec<ReceivedLine>,
    /// W1401: the quantity received. EDIFACT: not written.
    pub received: Option<Decimal>,
    /// W1402: units shipped. EDIFACT: not written.
    pub shipped: Option<Decimal>,
    /// W1403: damaged or different. EDIFACT: not written.
    pub exceptions: Option<Decimal>,
}

/// One line of a receipt.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReceivedLine {
    /// LX01, where the line stands in an LX loop (5010): lines of one number stand in one loop; 1082 of LIN.
    pub number: Option<u32>,
    /// MAN of the LX loop, told with its first line. EDIFACT: not written.
    pub marks: Vec<Mark>,
    /// W0701; QTY+194.
    pub quantity: Decimal,
    /// W0702, element 355; 6411.
    pub unit: Code,
    /// W0703: the case's UPC of 12 digits.
    pub upc: Option<String>,
    /// W0704/05 and W0706/07: two at most; LIN and PIA.
    pub items: Vec<ItemId>,
    /// W0708, element 451; RFF+LT or GIN+BX.
    pub lot: Option<String>,
    /// G69. EDIFACT: not written.
    pub descriptions: Vec<String>,
    /// N9 of the line; RFF.
    pub references: Vec<Reference>,
    /// W13 loops; QVR.
    pub exceptions: Vec<ReceiptException>,
}

/// Units of a line that are not as they should be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReceiptException {
    /// W1301; 6064.
    pub quantity: Decimal,
    /// W1302. EDIFACT has the unit of the line only.
    pub unit: Code,
    /// W1303, element 412: see [`crate::codes::receiving_condition`]; 4221 of QVR.
    pub condition: Code,
    /// W1305: why, where there is a code; 4295 of QVR.
    pub reason: Option<Code>,
    /// N9 of the exception. EDIFACT: not written.
    pub references: Vec<Reference>,
}

impl X12Document for ReceiptConfirmation {
    const SET: &'static str = "944";
    const GROUP: &'static str = "RE";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut receipt = Self::default();
        let (mut headed, mut number, mut loop_marks) = (false, None, Vec::new());
        for segment in set.segments.iter() {
            match segment.tag() {
                b"W17" => {
                    headed = true;
                    receipt.reporting = required_code(&segment, 1)?;
                    receipt.date = date(&segment, 2)?;
                    receipt.receipt_no = required(&segment, 3)?;
                    receipt.order_no = text(&segment, 4);
                    receipt.shipment_id = text(&segment, 5);
                }
                b"LX" => number = Some(assigned(&segment)?),
                b"MAN" => marks(&mut loop_marks, &segment)?,
                b"W07" => receipt.lines.push(ReceivedLine {
                    number,
                    marks: core::mem::take(&mut loop_marks),
                    quantity: required_decimal(&segment, 1)?,
                    unit: required_code(&segment, 2)?,
                    upc: text(&segment, 3),
                    items: items(&segment, &[4, 6])?,
                    lot: text(&segment, 8),
                    ..ReceivedLine::default()
                }),
                b"W13" => {
                    let exception = ReceiptException {
                        quantity: required_decimal(&segment, 1)?,
                        unit: required_code(&segment, 2)?,
                        condition: required_code(&segment, 3)?,
                        reason: code(&segment, 5)?,
                        references: Vec::new(),
                    };
                    if let Some(line) = receipt.lines.last_mut() {
                        line.exceptions.push(exception);
                    }
                }
                b"W14" => {
                    receipt.received = decimal(&segment, 1)?;
                    receipt.shipped = decimal(&segment, 2)?;
                    receipt.exceptions = decimal(&segment, 3)?;
                }
                b"NTE" => receipt.notes.push(note(&segment)?),
                b"G62" => receipt.dates.push(g62(&segment)?),
                b"N9" => {
                    let reference = reference(&segment)?;
                    match receipt.lines.last_mut() {
                        None => receipt.references.push(reference),
                        Some(ReceivedLine { exceptions, references, .. }) => match exceptions.last_mut() {
                            Some(exception) => exception.references.push(reference),
                            None => references.push(reference),
                        },
                    }
                }
                b"G69" => {
                    if let Some(line) = receipt.lines.last_mut() {
                        line.descriptions.push(required(&segment, 1)?);
                    }
                }
                _ => {
                    participant(&mut receipt.parties, &segment)?;
                }
            }
        }
        if headed { Ok(receipt) } else { Err(missing(set, "W17")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("W17").code(self.reporting).date(self.date).text(&self.receipt_no);
        draft.optional(self.order_no.as_ref()).optional(self.shipment_id.as_ref()).end();
        write_participants(body, &self.parties)?;
        write_references(body, "N9", &self.references);
        write_g62(body, &self.dates);
        write_notes(body, &self.notes);
        let mut number = None;
        for line in &self.lines {
            if line.number.is_some() && line.number != number {
                number = line.number;
                body.segment("LX").optional_number(line.number).end();
                write_marks(body, &line.marks);
            } else if !line.marks.is_empty() {
                return Err(WriteError::Unsupported("marks of a line that begins no LX loop"));
            }
            write_w07(body, line)?;
        }
        let draft = body.segment("W14").decimal(self.received).decimal(self.shipped);
        draft.decimal(self.exceptions).end();
        Ok(())
    }
}

fn write_w07(body: &mut Body, line: &ReceivedLine) -> Result<(), WriteError> {
    fits(&line.items, 2, "more than two ids of one line in W07")?;
    let draft = body.segment("W07").text(plain(line.quantity)).code(line.unit).optional(line.upc.as_ref());
    draft.item(line.items.first()).item(line.items.get(1)).optional(line.lot.as_ref()).end();
    for description in &line.descriptions {
        body.segment("G69").text(description).end();
    }
    write_references(body, "N9", &line.references);
    for exception in &line.exceptions {
        let draft = body.segment("W13").text(plain(exception.quantity)).code(exception.unit);
        draft.code(exception.condition).skip(1).optional_code(exception.reason).end();
        write_references(body, "N9", &exception.references);
    }
    Ok(())
}
