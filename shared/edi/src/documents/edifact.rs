//! How documents stand in EDIFACT: INSDES, DESADV, RECADV and INVRPT of D.01B and D.96A.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{Carrier, ItemId, Mark, Moment, Participant, Reference, push};
use super::x12::{component_code as code, parse_date, parse_decimal, parse_time, plain, write_date, wrong};
use crate::complaint::{Complaint, Problem};
use crate::segment::{Element, Segment};
use crate::write::{Body, WriteError};
use crate::{Code, Set};

mod inventory;
mod messages;

pub(super) use inventory::has_movements;

/// A document with a message of its own.
pub trait EdifactMessage: Sized {
    /// 0065.
    const KIND: &'static str;
    /// The version and release that it is written for; others are read, too.
    const VERSION: &'static str;

    /// Reads it. The error says which element stands in the way.
    fn read_edifact(set: &Set) -> Result<Self, Box<Complaint>>;

    /// Writes its segments between UNH and UNT. What the message has no element for is an error, never left out.
    fn write_edifact(&self, body: &mut Body) -> Result<(), WriteError>;
}

fn text(element: Element<'_>) -> Option<String> {
    (!element.is_empty()).then(|| element.to_text())
}

fn required_code(segment: &Segment<'_>, element: u16, component: usize) -> Result<Code, Box<Complaint>> {
    code(segment, element, component)?.ok_or_else(|| wrong(segment, element, Problem::ElementMissing))
}

/// QTY: qualifier, quantity, unit.
fn quantity(segment: &Segment<'_>) -> Result<(Code, Decimal, Option<Code>), Box<Complaint>> {
    let value = segment.first(1).component(2);
    let number = parse_decimal(value.raw(), value.decimal());
    let number = number.ok_or_else(|| wrong(segment, 1, Problem::InvalidNumber))?;
    Ok((required_code(segment, 1, 1)?, number, code(segment, 1, 3)?))
}

fn write_quantity(body: &mut Body, qualifier: &str, number: Decimal, unit: Option<Code>) {
    let number = decimal(body, number);
    let unit = unit.unwrap_or_default();
    body.segment("QTY").components(&[qualifier, &number, unit.as_str()]).end();
}

/// A number with the interchange's decimal mark.
fn decimal(body: &Body, number: Decimal) -> String {
    plain(number).replace('.', char::from(body.delimiters.decimal).to_string().as_str())
}

/// DTM; `None` for periods and formats that are no date or time.
fn moment(segment: &Segment<'_>) -> Result<Option<Moment>, Box<Complaint>> {
    let value = segment.first(1);
    let qualifier = required_code(segment, 1, 1)?;
    let (raw, format) = (value.component(2).raw(), value.component(3).raw());
    let invalid = || wrong(segment, 1, Problem::InvalidDate);
    let day = |raw: &[u8]| parse_date(raw).ok_or_else(invalid);
    let (date, time) = match format {
        b"101" | b"102" | b"" => (Some(day(raw)?), None),
        b"203" | b"204" => {
            let (date, time) = raw.split_at_checked(8).ok_or_else(invalid)?;
            (Some(day(date)?), Some(parse_time(time).ok_or_else(invalid)?))
        }
        b"401" | b"402" => (None, Some(parse_time(raw).ok_or_else(invalid)?)),
        _ => return Ok(None),
    };
    Ok(Some(Moment { qualifier, date, time, time_qualifier: None, zone: None }))
}

fn write_moment(body: &mut Body, moment: &Moment) -> Result<(), WriteError> {
    let Moment { qualifier, date, time, time_qualifier, zone } = *moment;
    if zone.is_some() || time_qualifier.is_some() {
        return Err(WriteError::Unsupported("a time zone or a time's qualifier in DTM"));
    }
    if time.is_some_and(|time| time.subsec_nanosecond() != 0) {
        return Err(WriteError::Unsupported("parts of a second in DTM"));
    }
    let clock = |time: Time| {
        if time.second() == 0 {
            (format!("{:02}{:02}", time.hour(), time.minute()), "203", "401")
        } else {
            (format!("{:02}{:02}{:02}", time.hour(), time.minute(), time.second()), "204", "402")
        }
    };
    let (value, format) = match (date, time) {
        (Some(date), None) => (write_date(date), "102"),
        (Some(date), Some(time)) => {
            let (text, format, _) = clock(time);
            (write_date(date) + &text, format)
        }
        (None, Some(time)) => {
            let (text, _, format) = clock(time);
            (text, format)
        }
        (None, None) => return Err(WriteError::Unsupported("neither date nor time in DTM")),
    };
    body.segment("DTM").components(&[qualifier.as_str(), &value, format]).end();
    Ok(())
}

fn write_day(body: &mut Body, qualifier: &str, date: Option<Date>) {
    if let Some(date) = date {
        body.segment("DTM").components(&[qualifier, &write_date(date), "102"]).end();
    }
}

fn write_moments(body: &mut Body, moments: &[Moment]) -> Result<(), WriteError> {
    moments.iter().try_for_each(|moment| write_moment(body, moment))
}

fn reference(segment: &Segment<'_>) -> Result<Reference, Box<Complaint>> {
    let value = text(segment.first(1).component(2));
    Ok(Reference { qualifier: required_code(segment, 1, 1)?, value, text: None })
}

fn write_references(body: &mut Body, references: &[Reference]) -> Result<(), WriteError> {
    for reference in references {
        if reference.text.is_some() {
            return Err(WriteError::Unsupported("text of a reference in RFF"));
        }
        let value = reference.value.as_deref().unwrap_or_default();
        body.segment("RFF").components(&[reference.qualifier.as_str(), value]).end();
    }
    Ok(())
}

fn write_reference(body: &mut Body, qualifier: &str, value: Option<&String>) {
    if let Some(value) = value {
        body.segment("RFF").components(&[qualifier, value]).end();
    }
}

/// NAD.
fn participant(segment: &Segment<'_>) -> Result<Participant, Box<Complaint>> {
    let id = segment.first(2);
    let id = match text(id.component(1)) {
        Some(value) => Some(ItemId { qualifier: code(segment, 2, 3)?.unwrap_or_default(), id: value }),
        None => None,
    };
    let mut names = segment.first(4).components().take(5).filter_map(text);
    let name = names.next();
    // What stands unstructured is kept as names.
    let unstructured = segment.first(3).components().filter_map(text);
    Ok(Participant {
        role: required_code(segment, 1, 1)?,
        name,
        id,
        more_names: names.chain(unstructured).collect(),
        street: segment.first(5).components().filter_map(text).collect(),
        city: text(segment.first(6)),
        region: text(segment.first(7).component(1)),
        postal_code: text(segment.first(8)),
        country: text(segment.first(9)),
        contacts: Vec::new(),
    })
}

fn write_participants(body: &mut Body, parties: &[Participant]) -> Result<(), WriteError> {
    for party in parties {
        let unnamed = party.name.is_none() && !party.more_names.is_empty();
        if unnamed || party.more_names.len() > 4 || party.street.len() > 4 || !party.contacts.is_empty() {
            return Err(WriteError::Unsupported("a party with contacts, or more than NAD has places for"));
        }
        let (id, agency) = match &party.id {
            Some(id) => (id.id.as_str(), id.qualifier),
            None => ("", Code::EMPTY),
        };
        let names: Vec<&str> = party.name.iter().chain(&party.more_names).map(String::as_str).collect();
        let street: Vec<&str> = party.street.iter().map(String::as_str).collect();
        body.segment("NAD")
            .code(party.role)
            .components(&[id, "", agency.as_str()])
            .skip(1)
            .components(&names)
            .components(&street)
            .optional(party.city.as_ref())
            .optional(party.region.as_ref())
            .optional(party.postal_code.as_ref())
            .optional(party.country.as_ref())
            .end();
    }
    Ok(())
}

/// TDT.
fn carrier(segment: &Segment<'_>) -> Result<Carrier, Box<Complaint>> {
    let (method, scac) = (code(segment, 3, 1)?, code(segment, 5, 1)?);
    Ok(Carrier { method, scac, routing: text(segment.first(5).component(4)), payment: None })
}

/// 8051: 20 is the main carriage.
fn write_carrier(body: &mut Body, carrier: &Carrier) -> Result<(), WriteError> {
    if carrier.payment.is_some() {
        return Err(WriteError::Unsupported("who pays the carrier in TDT"));
    }
    let (scac, routing) = (carrier.scac.unwrap_or_default(), carrier.routing.as_deref().unwrap_or_default());
    let draft = body.segment("TDT").text("20").skip(1).optional_code(carrier.method).skip(1);
    draft.components(&[scac.as_str(), "", "", routing]).end();
    Ok(())
}

/// What LIN and PIA say of an item.
#[derive(Clone, Default)]
struct Item {
    number: Option<String>,
    ids: Vec<ItemId>,
    /// PIA+4: what it is substituted for.
    original: Option<ItemId>,
    lot: Option<String>,
}

impl Item {
    fn of(lin: &Segment<'_>) -> Result<Self, Box<Complaint>> {
        let number = text(lin.first(1));
        let mut item = Self { number, ..Self::default() };
        item.take(lin, 3, b"")?;
        Ok(item)
    }

    fn more(&mut self, pia: &Segment<'_>) -> Result<(), Box<Complaint>> {
        for element in 2..=pia.len() as u16 {
            self.take(pia, element, pia.first(1).raw())?;
        }
        Ok(())
    }

    fn take(&mut self, segment: &Segment<'_>, element: u16, function: &[u8]) -> Result<(), Box<Complaint>> {
        let Some(id) = text(segment.first(usize::from(element)).component(1)) else { return Ok(()) };
        let qualifier = code(segment, element, 2)?.unwrap_or_default();
        // 7143: NB is a batch's number.
        if qualifier == "NB" {
            self.lot = Some(id);
        } else if function == b"4" {
            self.original = Some(ItemId { qualifier, id });
        } else {
            push(&mut self.ids, ItemId { qualifier, id });
        }
        Ok(())
    }
}

fn write_item(
    body: &mut Body,
    number: Option<&str>,
    ids: &[ItemId],
    original: Option<&ItemId>,
    lot: Option<&String>,
) -> Result<(), WriteError> {
    if ids.iter().chain(original).any(|id| id.qualifier == "NB") {
        return Err(WriteError::Unsupported("a batch number among an item's ids"));
    }
    let draft = body.segment("LIN").optional(number).skip(1);
    match ids.first() {
        Some(first) => draft.components(&[&first.id, first.qualifier.as_str()]).end(),
        None => draft.end(),
    }
    for five in ids.get(1..).unwrap_or_default().chunks(5) {
        let mut draft = body.segment("PIA").text("1");
        for id in five {
            draft = draft.components(&[&id.id, id.qualifier.as_str()]);
        }
        draft.end();
    }
    if let Some(original) = original {
        body.segment("PIA").text("4").components(&[&original.id, original.qualifier.as_str()]).end();
    }
    if let Some(lot) = lot {
        body.segment("PIA").text("1").components(&[lot, "NB"]).end();
    }
    Ok(())
}

/// GIN: marks of packages (BJ is an SSCC); in a line, BX is a batch.
fn gin(marks: &mut Vec<Mark>, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    let qualifier = required_code(segment, 1, 1)?;
    for element in 2..=segment.len() {
        let numbers = segment.first(element).components().filter_map(text);
        numbers.for_each(|number| push(marks, Mark { qualifier, number }));
    }
    Ok(())
}

/// QVR: a difference, its kind (4221) and its reason (4295).
fn variance(segment: &Segment<'_>) -> Result<(Decimal, Option<Code>, Option<Code>), Box<Complaint>> {
    let value = segment.first(1).component(1);
    let number = if value.is_empty() { Some(Decimal::ZERO) } else { parse_decimal(value.raw(), value.decimal()) };
    let number = number.ok_or_else(|| wrong(segment, 1, Problem::InvalidNumber))?;
    Ok((number, code(segment, 2, 1)?, code(segment, 3, 1)?))
}

fn refuse(refused: bool, what: &'static str) -> Result<(), WriteError> {
    if refused { Err(WriteError::Unsupported(what)) } else { Ok(()) }
}
