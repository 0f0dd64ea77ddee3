//! INSDES, DESADV and RECADV.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::civil::Date;

use super::{
    EdifactMessage, Item, carrier, code, decimal, gin, moment, participant, quantity, reference, refuse, text,
    variance, write_carrier, write_day, write_item, write_moments, write_participants, write_quantity, write_reference,
    write_references,
};
use crate::complaint::{Complaint, Problem};
use crate::documents::common::{Moment, Reference, push};
use crate::documents::x12::{missing, wrong};
use crate::documents::{
    OrderLine, Package, ReceiptConfirmation, ReceiptException, ReceivedLine, ShipmentConfirmation, ShippedLine,
    WarehouseOrder,
};
use crate::segment::Segment;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// 1004 and 1225 of BGM.
fn head(segment: &Segment<'_>) -> Result<(Option<String>, Code), Box<Complaint>> {
    Ok((text(segment.first(2).component(1)), code(segment, 3, 1)?.unwrap_or_default()))
}

/// Reads a DTM. The first day with the qualifier `own` is the document's `date`; what else there is goes to `dates`.
fn take_moment(
    segment: &Segment<'_>,
    own: &str,
    date: &mut Option<Date>,
    dates: &mut Vec<Moment>,
) -> Result<(), Box<Complaint>> {
    let moment = moment(segment)?;
    match moment.filter(|moment| moment.qualifier == own && moment.time.is_none()) {
        Some(moment) if date.is_none() => *date = moment.date,
        _ => dates.extend(moment),
    }
    Ok(())
}

/// Reads an RFF. The first one with a qualifier of `own` fills that field; what else there is goes to `references`.
fn take_reference<const N: usize>(
    segment: &Segment<'_>,
    own: [(&str, &mut Option<String>); N],
    references: &mut Vec<Reference>,
) -> Result<(), Box<Complaint>> {
    let reference = reference(segment)?;
    match own.into_iter().find(|(qualifier, field)| reference.qualifier == *qualifier && field.is_none()) {
        Some((_, field)) => *field = reference.value,
        None => references.push(reference),
    }
    Ok(())
}

fn number(text: Option<&String>) -> Option<u32> {
    text.and_then(|text| text.parse().ok())
}

impl EdifactMessage for WarehouseOrder {
    const KIND: &'static str = "INSDES";
    const VERSION: &'static str = "D:01B";

    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut order = Self::default();
        let mut headed = false;
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BGM" => {
                    headed = true;
                    let (order_no, status) = head(&segment)?;
                    order.order_no = order_no.ok_or_else(|| wrong(&segment, 2, Problem::ElementMissing))?;
                    order.status = status;
                }
                b"LIN" => {
                    let item = Item::of(&segment)?;
                    let number = number(item.number.as_ref()).unwrap_or_default();
                    order.lines.push(OrderLine { number, items: item.ids, ..OrderLine::default() });
                }
                b"UNS" => break,
                tag => match order.lines.last_mut() {
                    Some(line) => take_order_line(line, tag, &segment)?,
                    None => match tag {
                        b"DTM" => order.dates.extend(moment(&segment)?),
                        b"NAD" => order.parties.push(participant(&segment)?),
                        b"TDT" => order.carrier = Some(carrier(&segment)?),
                        b"RFF" if order.parties.is_empty() => {
                            let own = [("ON", &mut order.purchase_order_no)];
                            take_reference(&segment, own, &mut order.references)?;
                        }
                        _ => {}
                    },
                },
            }
        }
        if headed { Ok(order) } else { Err(missing(set, "BGM")) }
    }

    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError> {
        refuse(!self.notes.is_empty() || self.totals.is_some(), "notes and totals in INSDES")?;
        body.segment("BGM").skip(1).text(&self.order_no).code(self.status).end();
        write_moments(body, &self.dates)?;
        write_reference(body, "ON", self.purchase_order_no.as_ref());
        write_references(body, &self.references)?;
        write_participants(body, &self.parties)?;
        if let Some(carrier) = &self.carrier {
            write_carrier(body, carrier)?;
        }
        for line in &self.lines {
            refuse(line.upc.is_some() || !line.descriptions.is_empty(), "a case's UPC or a description in LIN")?;
            write_item(body, Some(&line.number.to_string()), &line.items, None, line.lot.as_ref())?;
            // 6063: 21 is the ordered quantity.
            write_quantity(body, "21", line.quantity, Some(line.unit));
            write_references(body, &line.references)?;
        }
        body.segment("UNS").text("S").end();
        Ok(())
    }
}

fn take_order_line(line: &mut OrderLine, tag: &[u8], segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    match tag {
        b"PIA" => {
            let mut item = Item::default();
            item.more(segment)?;
            line.items.extend(item.ids);
            line.lot = item.lot.or(line.lot.take());
        }
        b"QTY" => {
            let (qualifier, quantity, unit) = quantity(segment)?;
            if qualifier == "21" || line.unit.is_empty() {
                line.quantity = quantity;
                line.unit = unit.unwrap_or_default();
            }
        }
        b"RFF" => line.references.push(reference(segment)?),
        _ => {}
    }
    Ok(())
}

impl EdifactMessage for ShipmentConfirmation {
    const KIND: &'static str = "DESADV";
    const VERSION: &'static str = "D:01B";

    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut shipment = Self::default();
        let (mut headed, mut loading) = (false, false);
        for segment in set.segments.iter() {
            let package = shipment.packages.last_mut();
            match segment.tag() {
                b"BGM" => {
                    headed = true;
                    (shipment.shipment_id, shipment.reporting) = head(&segment)?;
                }
                b"CPS" => {
                    loading = true;
                    let number = number(text(segment.first(1)).as_ref()).unwrap_or_default();
                    shipment.packages.push(Package { number, ..Package::default() });
                }
                b"LIN" => {
                    let item = Item::of(&segment)?;
                    let line = ShippedLine { items: item.ids, ..ShippedLine::default() };
                    let package = package.ok_or_else(|| wrong(&segment, 1, Problem::UnexpectedSegment))?;
                    push(&mut package.lines, line);
                }
                tag if loading => {
                    if let Some(package) = package {
                        take_package(package, tag, &segment)?;
                    }
                }
                b"DTM" => take_moment(&segment, "11", &mut shipment.date, &mut shipment.dates)?,
                b"RFF" if shipment.parties.is_empty() => {
                    let own = [("VN", &mut shipment.order_no), ("ON", &mut shipment.purchase_order_no)];
                    take_reference(&segment, own, &mut shipment.references)?;
                }
                b"NAD" => shipment.parties.push(participant(&segment)?),
                b"TDT" => shipment.carrier = Some(carrier(&segment)?),
                _ => {}
            }
        }
        if headed { Ok(shipment) } else { Err(missing(set, "BGM")) }
    }

    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError> {
        refuse(!self.notes.is_empty() || self.totals.is_some(), "notes and totals in DESADV")?;
        // 1001: 351 is a despatch advice.
        body.segment("BGM").text("351").optional(self.shipment_id.as_ref()).code(self.reporting).end();
        write_day(body, "11", self.date);
        write_moments(body, &self.dates)?;
        write_reference(body, "VN", self.order_no.as_ref());
        write_reference(body, "ON", self.purchase_order_no.as_ref());
        write_references(body, &self.references)?;
        write_participants(body, &self.parties)?;
        if let Some(carrier) = &self.carrier {
            write_carrier(body, carrier)?;
        }
        let mut number = 0_u32;
        for package in &self.packages {
            refuse(!package.references.is_empty(), "references of a package in CPS")?;
            body.segment("CPS").number(package.number).end();
            if !package.marks.is_empty() {
                body.segment("PAC").text("1").end();
                body.segment("PCI").text("33E").end();
            }
            for mark in &package.marks {
                body.segment("GIN").code(mark.qualifier).components(&[&mark.number]).end();
            }
            for line in &package.lines {
                number += 1;
                write_shipped(body, number, line)?;
            }
        }
        body.segment("CNT").components(&["2", &number.to_string()]).end();
        Ok(())
    }
}

fn take_package(package: &mut Package, tag: &[u8], segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    let Some(line) = package.lines.last_mut() else {
        return if tag == b"GIN" { gin(&mut package.marks, segment) } else { Ok(()) };
    };
    match tag {
        b"PIA" => {
            let mut item = Item::default();
            item.more(segment)?;
            line.items.extend(item.ids);
            line.original = item.original.or(line.original.take());
            line.lot = item.lot.or(line.lot.take());
        }
        b"QTY" => {
            let (qualifier, quantity, unit) = quantity(segment)?;
            match qualifier.as_bytes() {
                b"12" => {
                    line.shipped = Some(quantity);
                    line.unit = unit;
                }
                b"21" => {
                    line.ordered = Some(quantity);
                    line.unit = line.unit.or(unit);
                }
                _ => {}
            }
        }
        b"QVR" => {
            let (difference, kind, _) = variance(segment)?;
            (line.difference, line.difference_reason) = (Some(difference), kind);
        }
        b"GIN" if segment.first(1).raw() == b"BX" => line.lot = text(segment.first(2).component(1)),
        b"RFF" => line.references.push(reference(segment)?),
        _ => {}
    }
    Ok(())
}

fn write_shipped(body: &mut Body, number: u32, line: &ShippedLine) -> Result<(), WriteError> {
    let more = line.upc.is_some() || line.original_upc.is_some() || !line.descriptions.is_empty();
    refuse(more || !line.status.is_empty(), "a status, a case's UPC or a description in DESADV")?;
    refuse(line.difference_reason.is_some() && line.difference.is_none(), "a reason without a difference in QVR")?;
    write_item(body, Some(&number.to_string()), &line.items, line.original.as_ref(), line.lot.as_ref())?;
    if let Some(shipped) = line.shipped {
        write_quantity(body, "12", shipped, line.unit);
    }
    if let Some(ordered) = line.ordered {
        write_quantity(body, "21", ordered, line.unit);
    }
    refuse(line.unit.is_some() && line.shipped.is_none() && line.ordered.is_none(), "a unit without a quantity")?;
    write_references(body, &line.references)?;
    if let Some(difference) = line.difference {
        let value = decimal(body, difference);
        body.segment("QVR").components(&[&value]).optional_code(line.difference_reason).end();
    }
    Ok(())
}

impl EdifactMessage for ReceiptConfirmation {
    const KIND: &'static str = "RECADV";
    const VERSION: &'static str = "D:01B";

    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut receipt = Self::default();
        let (mut headed, mut loading) = (false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BGM" => {
                    headed = true;
                    let (receipt_no, reporting) = head(&segment)?;
                    receipt.receipt_no = receipt_no.ok_or_else(|| wrong(&segment, 2, Problem::ElementMissing))?;
                    receipt.reporting = reporting;
                }
                b"CPS" => loading = true,
                b"LIN" => {
                    let item = Item::of(&segment)?;
                    let number = number(item.number.as_ref());
                    receipt.lines.push(ReceivedLine { number, items: item.ids, ..ReceivedLine::default() });
                }
                tag if loading => {
                    if let Some(line) = receipt.lines.last_mut() {
                        take_received(line, tag, &segment)?;
                    }
                }
                b"DTM" => take_moment(&segment, "50", &mut receipt.date, &mut receipt.dates)?,
                b"RFF" if receipt.parties.is_empty() => {
                    let own = [("ON", &mut receipt.order_no), ("AAK", &mut receipt.shipment_id)];
                    take_reference(&segment, own, &mut receipt.references)?;
                }
                b"NAD" => receipt.parties.push(participant(&segment)?),
                _ => {}
            }
        }
        if headed { Ok(receipt) } else { Err(missing(set, "BGM")) }
    }

    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError> {
        let totals = self.received.or(self.shipped).or(self.exceptions);
        refuse(!self.notes.is_empty() || totals.is_some(), "notes and totals in RECADV")?;
        // 1001: 632 is a goods receipt.
        body.segment("BGM").text("632").text(&self.receipt_no).code(self.reporting).end();
        write_day(body, "50", self.date);
        write_moments(body, &self.dates)?;
        write_reference(body, "ON", self.order_no.as_ref());
        write_reference(body, "AAK", self.shipment_id.as_ref());
        write_references(body, &self.references)?;
        write_participants(body, &self.parties)?;
        if !self.lines.is_empty() {
            body.segment("CPS").text("1").end();
        }
        for line in &self.lines {
            let more = line.upc.is_some() || !line.descriptions.is_empty() || !line.marks.is_empty();
            refuse(more, "marks, a case's UPC or a description in RECADV")?;
            let number = line.number.map(|number| number.to_string());
            write_item(body, number.as_deref(), &line.items, None, line.lot.as_ref())?;
            // 6063: 194 is what was received and accepted.
            write_quantity(body, "194", line.quantity, Some(line.unit));
            for exception in &line.exceptions {
                let own = !exception.unit.is_empty() || !exception.references.is_empty();
                refuse(own, "a unit or references of a variance in QVR")?;
                let value = decimal(body, exception.quantity);
                let draft = body.segment("QVR").components(&[&value]).code(exception.condition);
                draft.optional_code(exception.reason).end();
            }
            write_references(body, &line.references)?;
        }
        Ok(())
    }
}

fn take_received(line: &mut ReceivedLine, tag: &[u8], segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    match tag {
        b"PIA" => {
            let mut item = Item::default();
            item.more(segment)?;
            line.items.extend(item.ids);
            line.lot = item.lot.or(line.lot.take());
        }
        b"QTY" => {
            let (qualifier, quantity, unit) = quantity(segment)?;
            // 194 is what was received and accepted, 48 what was received.
            if qualifier == "194" || (qualifier == "48" && line.unit.is_empty()) {
                line.quantity = quantity;
                line.unit = unit.unwrap_or_default();
            }
        }
        b"QVR" => {
            let (quantity, condition, reason) = variance(segment)?;
            line.exceptions.push(ReceiptException {
                quantity,
                unit: Code::EMPTY,
                condition: condition.unwrap_or_default(),
                reason,
                references: Vec::new(),
            });
        }
        b"GIN" if segment.first(1).raw() == b"BX" => line.lot = text(segment.first(2).component(1)),
        b"RFF" => line.references.push(reference(segment)?),
        _ => {}
    }
    Ok(())
}
