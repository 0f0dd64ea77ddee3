//! 945, DESADV: what a warehouse shipped.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::common::{Carrier, ItemId, Mark, Moment, Note, Participant, Reference, Totals, push};
use super::x12::{
    X12Document, assigned, code, date, decimal, fits, g62, item, items, marks, missing, note, participant, reference,
    required, required_code, text, totals, w27, write_g62, write_marks, write_notes, write_participants,
    write_references, write_totals, write_w27,
};
use crate::complaint::Complaint;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A warehouse's confirmation of a shipment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ShipmentConfirmation {
    /// W0601, element 514: `F` full detail, `N` no exceptions, `S` shortage; 1225 of BGM.
    pub reporting: Code,
    /// W0602: the depositor's (our) order number; RFF+VN.
    pub order_no: Option<String>,
    /// W0603: when it was shipped; DTM+11.
    pub date: Option<Date>,
    /// W0604, element 145; 1004 of BGM.
    pub shipment_id: Option<String>,
    /// W0606: the customer's purchase order; RFF+ON.
    pub purchase_order_no: Option<String>,
    /// N1 loops; NAD.
    pub parties: Vec<Participant>,
    /// N9; RFF.
    pub references: Vec<Reference>,
    /// G62; DTM.
    pub dates: Vec<Moment>,
    /// NTE. EDIFACT: not written.
    pub notes: Vec<Note>,
    /// W27; TDT.
    pub carrier: Option<Carrier>,
    /// LX loops; CPS groups.
    pub packages: Vec<Package>,
    /// W03. EDIFACT: not written.
    pub totals: Option<Totals>,
}

/// A package, or the part of a shipment that one LX loop or CPS group tells.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Package {
    /// LX01; 7164 of CPS, 0 where that is no number.
    pub number: u32,
    /// MAN; GIN.
    pub marks: Vec<Mark>,
    /// N9 of the LX loop. EDIFACT: not written.
    pub references: Vec<Reference>,
    /// W12 loops; LIN groups.
    pub lines: Vec<ShippedLine>,
}

/// One line of a shipment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ShippedLine {
    /// W1201, element 368: see [`crate::codes::line_outcome`]. EDIFACT has none.
    pub status: Code,
    /// W1202; QTY+21.
    pub ordered: Option<Decimal>,
    /// W1203; QTY+12.
    pub shipped: Option<Decimal>,
    /// W1204, ordered less shipped; QVR.
    pub difference: Option<Decimal>,
    /// W1205, element 355; 6411.
    pub unit: Option<Code>,
    /// W1206: the case's UPC of 12 digits.
    pub upc: Option<String>,
    /// W1207/08 and W1221/22: two at most; LIN and PIA.
    pub items: Vec<ItemId>,
    /// W1209, element 451; RFF+LT or GIN+BX.
    pub lot: Option<String>,
    /// W1216: the UPC of the item that was ordered, where another one was shipped.
    pub original_upc: Option<String>,
    /// W1217/18: the item that was ordered, where another one was shipped (status `IS`).
    pub original: Option<ItemId>,
    /// W1219: why the quantity differs; 4221 of QVR.
    pub difference_reason: Option<Code>,
    /// G69. EDIFACT: not written.
    pub descriptions: Vec<String>,
    /// N9 of the line (serial numbers among them); RFF.
    pub references: Vec<Reference>,
}

impl X12Document for ShipmentConfirmation {
    const SET: &'static str = "945";
    const GROUP: &'static str = "SW";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut shipment = Self::default();
        let (mut headed, mut inner) = (false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"W06" => {
                    headed = true;
                    shipment.reporting = required_code(&segment, 1)?;
                    shipment.order_no = text(&segment, 2);
                    shipment.date = date(&segment, 3)?;
                    shipment.shipment_id = text(&segment, 4);
                    shipment.purchase_order_no = text(&segment, 6);
                }
                // The loop within a line that is bounded by LS and LE tells of serial numbers' sources: not read.
                b"LS" => inner = true,
                b"LE" => inner = false,
                _ if inner => {}
                b"LX" => {
                    let package = Package { number: assigned(&segment)?, ..Package::default() };
                    shipment.packages.push(package);
                }
                b"MAN" => {
                    if let Some(package) = shipment.packages.last_mut() {
                        marks(&mut package.marks, &segment)?;
                    }
                }
                b"W12" => {
                    let line = ShippedLine {
                        status: required_code(&segment, 1)?,
                        ordered: decimal(&segment, 2)?,
                        shipped: decimal(&segment, 3)?,
                        difference: decimal(&segment, 4)?,
                        unit: code(&segment, 5)?,
                        upc: text(&segment, 6),
                        items: items(&segment, &[7, 21])?,
                        lot: text(&segment, 9),
                        original_upc: text(&segment, 16),
                        original: item(&segment, 17)?,
                        difference_reason: code(&segment, 19)?,
                        ..ShippedLine::default()
                    };
                    match shipment.packages.last_mut() {
                        Some(package) => push(&mut package.lines, line),
                        None => shipment.packages.push(Package { lines: alloc::vec![line], ..Package::default() }),
                    }
                }
                b"W27" if shipment.packages.is_empty() => shipment.carrier = Some(w27(&segment)?),
                b"W03" => shipment.totals = Some(totals(&segment)?),
                b"NTE" => shipment.notes.push(note(&segment)?),
                b"G62" if shipment.packages.is_empty() => shipment.dates.push(g62(&segment)?),
                b"N9" => {
                    let reference = reference(&segment)?;
                    match shipment.packages.last_mut() {
                        None => shipment.references.push(reference),
                        Some(Package { lines, references, .. }) => match lines.last_mut() {
                            Some(line) => line.references.push(reference),
                            None => references.push(reference),
                        },
                    }
                }
                b"G69" => {
                    let line = shipment.packages.last_mut().and_then(|package| package.lines.last_mut());
                    if let Some(line) = line {
                        line.descriptions.push(required(&segment, 1)?);
                    }
                }
                _ if shipment.packages.is_empty() => {
                    participant(&mut shipment.parties, &segment)?;
                }
                _ => {}
            }
        }
        if headed { Ok(shipment) } else { Err(missing(set, "W06")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("W06").code(self.reporting).optional(self.order_no.as_ref()).date(self.date);
        let draft = draft.optional(self.shipment_id.as_ref()).skip(1);
        draft.optional(self.purchase_order_no.as_ref()).end();
        write_participants(body, &self.parties)?;
        write_references(body, "N9", &self.references);
        write_g62(body, &self.dates);
        write_notes(body, &self.notes);
        if let Some(carrier) = &self.carrier {
            write_w27(body, carrier);
        }
        for package in &self.packages {
            body.segment("LX").number(package.number).end();
            write_marks(body, &package.marks);
            write_references(body, "N9", &package.references);
            for line in &package.lines {
                write_w12(body, line)?;
            }
        }
        if let Some(totals) = &self.totals {
            write_totals(body, "W03", totals);
        }
        Ok(())
    }
}

fn write_w12(body: &mut Body, line: &ShippedLine) -> Result<(), WriteError> {
    fits(&line.items, 2, "more than two ids of one line in W12")?;
    body.segment("W12")
        .code(line.status)
        .decimal(line.ordered)
        .decimal(line.shipped)
        .decimal(line.difference)
        .optional_code(line.unit)
        .optional(line.upc.as_ref())
        .item(line.items.first())
        .optional(line.lot.as_ref())
        .skip(6)
        .optional(line.original_upc.as_ref())
        .item(line.original.as_ref())
        .optional_code(line.difference_reason)
        .skip(1)
        .item(line.items.get(1))
        .end();
    for description in &line.descriptions {
        body.segment("G69").text(description).end();
    }
    write_references(body, "N9", &line.references);
    Ok(())
}
