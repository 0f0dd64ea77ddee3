//! 940, INSDES: an order to a warehouse to ship goods that it holds for us.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use rust_decimal::Decimal;

use super::common::{Carrier, ItemId, Moment, Note, Participant, Reference, Totals};
use super::x12::{
    X12Document, assigned, code, fits, g62, items, missing, note, participant, plain, reference, required,
    required_code, required_decimal, text, totals, write_g62, write_notes, write_participants, write_references,
    write_totals,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A warehouse shipping order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WarehouseOrder {
    /// W0501, element 473: `N` new, `R` replace, `F` cancel; 1225 of BGM: `9` original, `5` replace, `1` cancellation.
    pub status: Code,
    /// W0502, element 285: the depositor's (our) order number; 1004 of BGM.
    pub order_no: String,
    /// W0503, element 324: the customer's purchase order; RFF+ON.
    pub purchase_order_no: Option<String>,
    /// N1 loops; NAD.
    pub parties: Vec<Participant>,
    /// N9; RFF.
    pub references: Vec<Reference>,
    /// G62; DTM.
    pub dates: Vec<Moment>,
    /// NTE. EDIFACT: not written.
    pub notes: Vec<Note>,
    /// W66; TDT.
    pub carrier: Option<Carrier>,
    /// W01 loops; LIN groups.
    pub lines: Vec<OrderLine>,
    /// W76.
    pub totals: Option<Totals>,
}

/// One line of a warehouse shipping order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OrderLine {
    /// LX01; 1082 of LIN, 0 where that is no number. Lines of one number stand in one LX loop.
    pub number: u32,
    /// W0101.
    pub quantity: Decimal,
    /// W0102, element 355.
    pub unit: Code,
    /// W0103: the case's UPC of 12 digits.
    pub upc: Option<String>,
    /// W0104/05, W0106/07, W0115/16: three at most.
    pub items: Vec<ItemId>,
    /// W0113, element 451.
    pub lot: Option<String>,
    /// G69. EDIFACT: not written.
    pub descriptions: Vec<String>,
    /// N9 of the line; RFF.
    pub references: Vec<Reference>,
}

impl X12Document for WarehouseOrder {
    const SET: &'static str = "940";
    const GROUP: &'static str = "OW";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut order = Self::default();
        let (mut headed, mut number) = (false, 0);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"W05" => {
                    headed = true;
                    order.status = required_code(&segment, 1)?;
                    order.order_no = required(&segment, 2)?;
                    order.purchase_order_no = text(&segment, 3);
                }
                b"LX" => number = assigned(&segment)?,
                b"W01" => order.lines.push(OrderLine {
                    number,
                    quantity: required_decimal(&segment, 1)?,
                    unit: required_code(&segment, 2)?,
                    upc: text(&segment, 3),
                    items: items(&segment, &[4, 6, 15])?,
                    lot: text(&segment, 13),
                    ..OrderLine::default()
                }),
                b"W66" => {
                    order.carrier = Some(Carrier {
                        payment: code(&segment, 1)?,
                        method: code(&segment, 2)?,
                        routing: text(&segment, 5),
                        scac: code(&segment, 10)?,
                    });
                }
                b"W76" => order.totals = Some(totals(&segment)?),
                b"NTE" => order.notes.push(note(&segment)?),
                b"G62" if number == 0 => order.dates.push(g62(&segment)?),
                b"N9" => match order.lines.last_mut() {
                    Some(line) => line.references.push(reference(&segment)?),
                    None => order.references.push(reference(&segment)?),
                },
                b"G69" => {
                    if let Some(line) = order.lines.last_mut() {
                        line.descriptions.push(required(&segment, 1)?);
                    }
                }
                // Parties of single lines are not a part of the document.
                _ if number == 0 => {
                    participant(&mut order.parties, &segment)?;
                }
                _ => {}
            }
        }
        if headed { Ok(order) } else { Err(missing(set, "W05")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("W05").code(self.status).text(&self.order_no);
        draft.optional(self.purchase_order_no.as_ref()).end();
        write_participants(body, &self.parties)?;
        write_references(body, "N9", &self.references);
        write_g62(body, &self.dates);
        write_notes(body, &self.notes);
        if let Some(carrier) = &self.carrier {
            let draft = body.segment("W66").optional_code(carrier.payment).optional_code(carrier.method).skip(2);
            draft.optional(carrier.routing.as_ref()).skip(4).optional_code(carrier.scac).end();
        }
        let mut number = None;
        for line in &self.lines {
            if number != Some(line.number) {
                number = Some(line.number);
                body.segment("LX").number(line.number).end();
            }
            fits(&line.items, 3, "more than three ids of one line in W01")?;
            body.segment("W01")
                .text(plain(line.quantity))
                .code(line.unit)
                .optional(line.upc.as_ref())
                .item(line.items.first())
                .item(line.items.get(1))
                .skip(5)
                .optional(line.lot.as_ref())
                .skip(1)
                .item(line.items.get(2))
                .end();
            for description in &line.descriptions {
                body.segment("G69").text(description).end();
            }
            write_references(body, "N9", &line.references);
        }
        if let Some(totals) = &self.totals {
            write_totals(body, "W76", totals);
        }
        Ok(())
    }
}
