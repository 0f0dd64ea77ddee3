//! 943: what is on its way into a warehouse.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::common::{Carrier, ItemId, Moment, Note, Participant, Reference, Totals};
use super::x12::{
    X12Document, date, fits, g62, items, missing, note, participant, plain, reference, required, required_code,
    required_decimal, text, totals, w27, write_g62, write_notes, write_participants, write_references, write_totals,
    write_w27,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A warehouse stock transfer shipment advice.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InboundNotice {
    /// W0601, element 514: `J` original, `C` customer return.
    pub reporting: Code,
    /// W0602: the depositor's order number.
    pub order_no: Option<String>,
    /// W0603.
    pub date: Option<Date>,
    /// W0604, element 145.
    pub shipment_id: Option<String>,
    /// W0606.
    pub purchase_order_no: Option<String>,
    /// N1 loops; at least one.
    pub parties: Vec<Participant>,
    /// N9.
    pub references: Vec<Reference>,
    /// G62.
    pub dates: Vec<Moment>,
    /// NTE.
    pub notes: Vec<Note>,
    /// W27, which is mandatory: its method at least.
    pub carrier: Carrier,
    /// W04 loops; at least one.
    pub lines: Vec<InboundLine>,
    /// W03, which is mandatory.
    pub totals: Option<Totals>,
}

/// One item of a shipment into a warehouse.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct InboundLine {
    /// W0401: units shipped.
    pub quantity: Decimal,
    /// W0402, element 355.
    pub unit: Code,
    /// W0403: the case's UPC of 12 digits.
    pub upc: Option<String>,
    /// W0404/05 and W0406/07: two at most.
    pub items: Vec<ItemId>,
    /// G69.
    pub descriptions: Vec<String>,
    /// N9 of the line.
    pub references: Vec<Reference>,
}

impl X12Document for InboundNotice {
    const SET: &'static str = "943";
    const GROUP: &'static str = "AR";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut notice = Self::default();
        let mut headed = false;
        for segment in set.segments.iter() {
            match segment.tag() {
                b"W06" => {
                    headed = true;
                    notice.reporting = required_code(&segment, 1)?;
                    notice.order_no = text(&segment, 2);
                    notice.date = date(&segment, 3)?;
                    notice.shipment_id = text(&segment, 4);
                    notice.purchase_order_no = text(&segment, 6);
                }
                b"W04" => notice.lines.push(InboundLine {
                    quantity: required_decimal(&segment, 1)?,
                    unit: required_code(&segment, 2)?,
                    upc: text(&segment, 3),
                    items: items(&segment, &[4, 6])?,
                    ..InboundLine::default()
                }),
                b"W27" => notice.carrier = w27(&segment)?,
                b"W03" => notice.totals = Some(totals(&segment)?),
                b"NTE" => notice.notes.push(note(&segment)?),
                b"G62" => notice.dates.push(g62(&segment)?),
                b"N9" => match notice.lines.last_mut() {
                    Some(line) => line.references.push(reference(&segment)?),
                    None => notice.references.push(reference(&segment)?),
                },
                b"G69" => {
                    if let Some(line) = notice.lines.last_mut() {
                        line.descriptions.push(required(&segment, 1)?);
                    }
                }
                _ => {
                    participant(&mut notice.parties, &segment)?;
                }
            }
        }
        if headed { Ok(notice) } else { Err(missing(set, "W06")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("W06").code(self.reporting).optional(self.order_no.as_ref()).date(self.date);
        let draft = draft.optional(self.shipment_id.as_ref()).skip(1);
        draft.optional(self.purchase_order_no.as_ref()).end();
        write_participants(body, &self.parties)?;
        write_references(body, "N9", &self.references);
        write_g62(body, &self.dates);
        write_notes(body, &self.notes);
        write_w27(body, &self.carrier);
        for line in &self.lines {
            fits(&line.items, 2, "more than two ids of one line in W04")?;
            let draft = body.segment("W04").text(plain(line.quantity)).code(line.unit).optional(line.upc.as_ref());
            draft.item(line.items.first()).item(line.items.get(1)).end();
            for description in &line.descriptions {
                body.segment("G69").text(description).end();
            }
            write_references(body, "N9", &line.references);
        }
        if let Some(totals) = &self.totals {
            write_totals(body, "W03", totals);
        }
        Ok(())
    }
}
