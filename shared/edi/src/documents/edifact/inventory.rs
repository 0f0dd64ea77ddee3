//! INVRPT: a report of stock, or of its movements where its INV segments have a direction.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rust_decimal::Decimal;

use super::{
    EdifactMessage, Item, code, moment, participant, quantity, reference, refuse, text, write_item, write_moment,
    write_moments, write_participants, write_quantity, write_references,
};
use crate::complaint::{Complaint, Problem};
use crate::documents::x12::{missing, wrong};
use crate::documents::{AdjustedLine, Moment, ReportedQuantity, StockAdjustment, StockLine, StockReport};
use crate::segment::Segment;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// Whether an INVRPT tells of movements (4501 of INV).
pub(in crate::documents) fn has_movements(set: &Set) -> bool {
    set.segments.iter().any(|segment| segment.tag() == b"INV" && !segment.first(1).is_empty())
}

/// The document's date (DTM+137).
fn dated(moment: &Moment) -> bool {
    moment.qualifier == "137" && moment.date.is_some()
}

impl EdifactMessage for StockReport {
    const KIND: &'static str = "INVRPT";
    // In D.01B a quantity needs a movement before it.
    const VERSION: &'static str = "D:96A";

    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut report = Self::default();
        let mut headed = false;
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BGM" => {
                    headed = true;
                    report.kind = code(&segment, 1, 1)?.unwrap_or_default();
                    let no = text(segment.first(2).component(1));
                    report.report_no = no.ok_or_else(|| wrong(&segment, 2, Problem::ElementMissing))?;
                    report.purpose = code(&segment, 3, 1)?.unwrap_or_default();
                }
                b"LIN" => {
                    let item = Item::of(&segment)?;
                    report.lines.push(StockLine { number: item.number, items: item.ids, ..StockLine::default() });
                }
                tag => match report.lines.last_mut() {
                    Some(line) => take_stock(line, tag, &segment)?,
                    None => match tag {
                        b"DTM" => match moment(&segment)? {
                            Some(moment) if report.date.is_none() && dated(&moment) => {
                                (report.date, report.time) = (moment.date, moment.time);
                            }
                            moment => report.dates.extend(moment),
                        },
                        b"RFF" if report.parties.is_empty() => report.references.push(reference(&segment)?),
                        b"NAD" => report.parties.push(participant(&segment)?),
                        _ => {}
                    },
                },
            }
        }
        if headed { Ok(report) } else { Err(missing(set, "BGM")) }
    }

    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError> {
        refuse(self.line_count.is_some() || self.hash_total.is_some(), "totals in INVRPT")?;
        refuse(self.time.is_some() && self.date.is_none(), "a time without a date in INVRPT")?;
        body.segment("BGM").code(self.kind).text(&self.report_no).code(self.purpose).end();
        if self.date.is_some() {
            let qualifier = Code::new("137").unwrap_or_default();
            let (date, time) = (self.date, self.time);
            write_moment(body, &Moment { qualifier, date, time, time_qualifier: None, zone: None })?;
        }
        write_moments(body, &self.dates)?;
        write_references(body, &self.references)?;
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            write_item(body, line.number.as_deref(), &line.items, None, None)?;
            write_moments(body, &line.dates)?;
            write_references(body, &line.references)?;
            for quantity in &line.quantities {
                write_quantity(body, quantity.qualifier.as_str(), quantity.quantity, quantity.unit);
            }
        }
        Ok(())
    }
}

fn take_stock(line: &mut StockLine, tag: &[u8], segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    match tag {
        b"PIA" => {
            let mut item = Item::default();
            item.more(segment)?;
            line.items.extend(item.ids);
            // A lot is a reference here: the document counts by item.
            let qualifier = Code::new("BT").unwrap_or_default();
            line.references.extend(item.lot.map(|lot| crate::documents::Reference {
                qualifier,
                value: Some(lot),
                text: None,
            }));
        }
        b"QTY" => {
            let (qualifier, quantity, unit) = quantity(segment)?;
            line.quantities.push(ReportedQuantity { qualifier, quantity, unit });
        }
        b"DTM" if line.quantities.is_empty() => line.dates.extend(moment(segment)?),
        b"RFF" if line.quantities.is_empty() => line.references.push(reference(segment)?),
        _ => {}
    }
    Ok(())
}

/// INV: direction, kind of stock, reason.
#[derive(Clone, Copy, Default)]
struct Movement {
    out: bool,
    transaction: Option<Code>,
    reason: Code,
}

fn movement(segment: &Segment<'_>) -> Result<Movement, Box<Complaint>> {
    // 4501: 1 is out of stock, 2 into it.
    let out = match segment.first(1).raw() {
        b"1" => true,
        b"2" | b"" => false,
        _ => return Err(wrong(segment, 1, Problem::InvalidCode)),
    };
    Ok(Movement { out, transaction: code(segment, 2, 1)?, reason: code(segment, 3, 1)?.unwrap_or_default() })
}

impl AdjustedLine {
    fn moved(&mut self, movement: Movement) {
        (self.reason, self.transaction) = (movement.reason, movement.transaction);
        if movement.out {
            self.quantity = Decimal::ZERO.checked_sub(self.quantity).unwrap_or(self.quantity);
        }
    }
}

impl EdifactMessage for StockAdjustment {
    const KIND: &'static str = "INVRPT";
    const VERSION: &'static str = "D:96A";

    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut adjustment = Self::default();
        let mut headed = false;
        let mut item: Option<Item> = None;
        // In D.01B a movement stands before its quantity, in D.96A after it.
        let mut ahead: Option<Movement> = None;
        let before = set.version != "D:96A";
        let mut references = Vec::new();
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BGM" => {
                    headed = true;
                    adjustment.adjustment_no = text(segment.first(2).component(1));
                }
                b"LIN" => {
                    item = Some(Item::of(&segment)?);
                    references.clear();
                    ahead = None;
                }
                b"PIA" => {
                    if let Some(item) = &mut item {
                        item.more(&segment)?;
                    }
                }
                b"INV" if before => ahead = Some(movement(&segment)?),
                b"INV" => {
                    let movement = movement(&segment)?;
                    let line = adjustment.lines.last_mut();
                    line.ok_or_else(|| wrong(&segment, 1, Problem::UnexpectedSegment))?.moved(movement);
                }
                b"QTY" => {
                    let Some(item) = &item else { continue };
                    let (_, quantity, unit) = quantity(&segment)?;
                    let mut line = AdjustedLine {
                        quantity,
                        unit: unit.unwrap_or_default(),
                        items: item.ids.clone(),
                        lot: item.lot.clone(),
                        references: references.clone(),
                        ..AdjustedLine::default()
                    };
                    if let Some(movement) = ahead.take() {
                        line.moved(movement);
                    }
                    adjustment.lines.push(line);
                }
                b"RFF" if item.is_some() => references.push(reference(&segment)?),
                b"RFF" if adjustment.parties.is_empty() => adjustment.references.push(reference(&segment)?),
                b"NAD" if item.is_none() => adjustment.parties.push(participant(&segment)?),
                b"DTM" if item.is_none() => match moment(&segment)? {
                    Some(moment) if adjustment.date.is_none() && dated(&moment) && moment.time.is_none() => {
                        adjustment.date = moment.date;
                    }
                    moment => adjustment.dates.extend(moment),
                },
                _ => {}
            }
        }
        if headed { Ok(adjustment) } else { Err(missing(set, "BGM")) }
    }

    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError> {
        refuse(self.depositor_no.is_some() || !self.notes.is_empty(), "our number or notes in INVRPT")?;
        // 1001: 35 is an inventory report.
        body.segment("BGM").text("35").optional(self.adjustment_no.as_ref()).text("9").end();
        super::write_day(body, "137", self.date);
        write_moments(body, &self.dates)?;
        write_references(body, &self.references)?;
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            refuse(line.upc.is_some() || !line.descriptions.is_empty(), "a case's UPC or a description in INVRPT")?;
            write_item(body, None, &line.items, None, line.lot.as_ref())?;
            write_references(body, &line.references)?;
            // 6063: 156 is the quantity of a movement.
            write_quantity(body, "156", line.quantity.abs(), Some(line.unit));
            let direction = if line.quantity.is_sign_negative() && !line.quantity.is_zero() { "1" } else { "2" };
            body.segment("INV").text(direction).optional_code(line.transaction).code(line.reason).end();
        }
        Ok(())
    }
}
