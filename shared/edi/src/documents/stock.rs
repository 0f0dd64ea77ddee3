//! 846 and 947, INVRPT: what a warehouse has, and how it changed without an order.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{ItemId, Moment, Note, Participant, Reference};
use super::x12::{
    X12Document, code, component_code, date, decimal, dtm, fits, g62, items, missing, note, participant, plain,
    reference, required, required_code, required_date, required_decimal, text, time, write_date, write_dtm, write_g62,
    write_notes, write_participants, write_references, wrong,
};
use crate::complaint::{Complaint, Problem};
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// Stock at a moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StockReport {
    /// BIA01, element 353: `00` original; 1225 of BGM.
    pub purpose: Code,
    /// BIA02, element 755: kind of report; 1001 of BGM.
    pub kind: Code,
    /// BIA03, element 127; 1004 of BGM.
    pub report_no: String,
    /// BIA04: the day of the report; DTM+137.
    pub date: Option<Date>,
    /// BIA05.
    pub time: Option<Time>,
    /// DTM of the header.
    pub dates: Vec<Moment>,
    /// REF of the header; RFF.
    pub references: Vec<Reference>,
    /// N1 loops; NAD.
    pub parties: Vec<Participant>,
    /// LIN loops.
    pub lines: Vec<StockLine>,
    /// CTT01: how many lines there should be. EDIFACT: not written.
    pub line_count: Option<Decimal>,
    /// CTT02: the sum of all quantities, where it is given. EDIFACT: not written.
    pub hash_total: Option<Decimal>,
}

/// Stock of one item.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StockLine {
    /// LIN01; 1082.
    pub number: Option<String>,
    /// LIN02 to LIN31, fifteen at most; LIN and PIA.
    pub items: Vec<ItemId>,
    /// REF of the line (lots, locations); RFF.
    pub references: Vec<Reference>,
    /// DTM of the line.
    pub dates: Vec<Moment>,
    /// QTY loops.
    pub quantities: Vec<ReportedQuantity>,
}

/// A quantity of one kind.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReportedQuantity {
    /// QTY01, element 673; 6063: what it counts. See [`crate::codes::StockCodes`].
    pub qualifier: Code,
    /// QTY02; 6060.
    pub quantity: Decimal,
    /// QTY03; 6411.
    pub unit: Option<Code>,
}

impl X12Document for StockReport {
    const SET: &'static str = "846";
    const GROUP: &'static str = "IB";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut report = Self::default();
        let mut headed = false;
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BIA" => {
                    headed = true;
                    report.purpose = required_code(&segment, 1)?;
                    report.kind = required_code(&segment, 2)?;
                    report.report_no = required(&segment, 3)?;
                    report.date = date(&segment, 4)?;
                    report.time = time(&segment, 5)?;
                }
                b"LIN" => {
                    let positions: Vec<u16> = (2..=30).step_by(2).collect();
                    let (number, items) = (text(&segment, 1), items(&segment, &positions)?);
                    report.lines.push(StockLine { number, items, ..StockLine::default() });
                }
                b"QTY" => {
                    let quantity = ReportedQuantity {
                        qualifier: required_code(&segment, 1)?,
                        quantity: required_decimal(&segment, 2)?,
                        unit: component_code(&segment, 3, 1)?,
                    };
                    let line = report.lines.last_mut();
                    line.ok_or_else(|| wrong(&segment, 1, Problem::UnexpectedSegment))?.quantities.push(quantity);
                }
                b"DTM" => match report.lines.last_mut() {
                    None => report.dates.push(dtm(&segment)?),
                    Some(line) if line.quantities.is_empty() => line.dates.push(dtm(&segment)?),
                    Some(_) => {}
                },
                b"REF" => match report.lines.last_mut() {
                    None => report.references.push(reference(&segment)?),
                    Some(line) if line.quantities.is_empty() => line.references.push(reference(&segment)?),
                    Some(_) => {}
                },
                b"CTT" => {
                    report.line_count = decimal(&segment, 1)?;
                    report.hash_total = decimal(&segment, 2)?;
                }
                b"PER" if report.parties.is_empty() => {}
                _ if report.lines.is_empty() => {
                    participant(&mut report.parties, &segment)?;
                }
                _ => {}
            }
        }
        if headed { Ok(report) } else { Err(missing(set, "BIA")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("BIA").code(self.purpose).code(self.kind).text(&self.report_no);
        draft.date(self.date).time(self.time).end();
        write_dtm(body, &self.dates);
        write_references(body, "REF", &self.references);
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            fits(&line.items, 15, "more than fifteen ids of one line in LIN")?;
            let mut draft = body.segment("LIN").optional(line.number.as_ref());
            for item in &line.items {
                draft = draft.item(Some(item));
            }
            draft.end();
            write_dtm(body, &line.dates);
            write_references(body, "REF", &line.references);
            for quantity in &line.quantities {
                let draft = body.segment("QTY").code(quantity.qualifier).text(plain(quantity.quantity));
                draft.optional_code(quantity.unit).end();
            }
        }
        if self.line_count.is_some() {
            body.segment("CTT").decimal(self.line_count).decimal(self.hash_total).end();
        }
        Ok(())
    }
}

/// Stock that changed without an order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StockAdjustment {
    /// W1501; DTM+137.
    pub date: Option<Date>,
    /// W1502: the warehouse's number; 1004 of BGM.
    pub adjustment_no: Option<String>,
    /// W1503: the depositor's number.
    pub depositor_no: Option<String>,
    /// N1 loops; NAD.
    pub parties: Vec<Participant>,
    /// N9; RFF.
    pub references: Vec<Reference>,
    /// G62; DTM.
    pub dates: Vec<Moment>,
    /// NTE. EDIFACT: not written.
    pub notes: Vec<Note>,
    /// W19 loops; LIN and INV groups.
    pub lines: Vec<AdjustedLine>,
}

/// One change of stock.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AdjustedLine {
    /// W1901, element 181: see [`crate::codes::adjustment`]; 4499 of INV.
    pub reason: Code,
    /// W1902, with its sign: more is positive; in EDIFACT the sign is 4501 of INV, `1` out and `2` in.
    pub quantity: Decimal,
    /// W1903, element 355; 6411.
    pub unit: Code,
    /// W1904: the case's UPC of 12 digits.
    pub upc: Option<String>,
    /// W1905/06, W1907/08, W1917/18: three at most; LIN and PIA.
    pub items: Vec<ItemId>,
    /// W1909, element 451; RFF+LT.
    pub lot: Option<String>,
    /// W1916: kind of the stock transaction; 7491 of INV.
    pub transaction: Option<Code>,
    /// G69. EDIFACT: not written.
    pub descriptions: Vec<String>,
    /// N9 of the line; RFF.
    pub references: Vec<Reference>,
}

impl X12Document for StockAdjustment {
    const SET: &'static str = "947";
    const GROUP: &'static str = "AW";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut adjustment = Self::default();
        let mut headed = false;
        for segment in set.segments.iter() {
            match segment.tag() {
                b"W15" => {
                    headed = true;
                    adjustment.date = Some(required_date(&segment, 1)?);
                    adjustment.adjustment_no = text(&segment, 2);
                    adjustment.depositor_no = text(&segment, 3);
                }
                b"W19" => adjustment.lines.push(AdjustedLine {
                    reason: required_code(&segment, 1)?,
                    quantity: required_decimal(&segment, 2)?,
                    unit: required_code(&segment, 3)?,
                    upc: text(&segment, 4),
                    items: items(&segment, &[5, 7, 17])?,
                    lot: text(&segment, 9),
                    transaction: code(&segment, 16)?,
                    ..AdjustedLine::default()
                }),
                b"NTE" => adjustment.notes.push(note(&segment)?),
                b"G62" if adjustment.lines.is_empty() => adjustment.dates.push(g62(&segment)?),
                b"N9" => match adjustment.lines.last_mut() {
                    Some(line) => line.references.push(reference(&segment)?),
                    None => adjustment.references.push(reference(&segment)?),
                },
                b"G69" => {
                    if let Some(line) = adjustment.lines.last_mut() {
                        line.descriptions.push(required(&segment, 1)?);
                    }
                }
                _ if adjustment.lines.is_empty() => {
                    participant(&mut adjustment.parties, &segment)?;
                }
                _ => {}
            }
        }
        if headed { Ok(adjustment) } else { Err(missing(set, "W15")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("W15").optional(self.date.map(write_date)).optional(self.adjustment_no.as_ref());
        draft.optional(self.depositor_no.as_ref()).end();
        write_participants(body, &self.parties)?;
        write_references(body, "N9", &self.references);
        write_g62(body, &self.dates);
        write_notes(body, &self.notes);
        for line in &self.lines {
            fits(&line.items, 3, "more than three ids of one line in W19")?;
            body.segment("W19")
                .code(line.reason)
                .text(plain(line.quantity))
                .code(line.unit)
                .optional(line.upc.as_ref())
                .item(line.items.first())
                .item(line.items.get(1))
                .optional(line.lot.as_ref())
                .skip(6)
                .optional_code(line.transaction)
                .item(line.items.get(2))
                .end();
            for description in &line.descriptions {
                body.segment("G69").text(description).end();
            }
            write_references(body, "N9", &line.references);
        }
        Ok(())
    }
}
