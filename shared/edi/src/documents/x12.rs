//! How the parts that documents have in common stand in X12.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{Carrier, Contact, ItemId, Mark, Moment, Note, Participant, Reference, Totals, push};
use crate::complaint::{Complaint, Position, Problem};
use crate::segment::{Element, Segment};
use crate::write::{Body, Draft, WriteError};
use crate::{Code, Set};

/// A document with a transaction set of its own.
pub trait X12Document: Sized {
    /// ST01.
    const SET: &'static str;
    /// GS01 of its groups.
    const GROUP: &'static str;

    /// Reads it. The error says which element stands in the way.
    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>>;

    /// Writes its segments between ST and SE. What the set has no element for is an error, never left out.
    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError>;
}

/// A complaint about one element of a segment.
pub(super) fn wrong(segment: &Segment<'_>, element: u16, problem: Problem) -> Box<Complaint> {
    let of = segment.first(usize::from(element));
    let position = Position {
        byte: of.at(),
        segment: Some(segment.ordinal()),
        segment_id: Some(segment.id()),
        element: Some(element),
        ..Position::default()
    };
    let found = (!of.is_empty()).then(|| of.text().chars().take(99).collect());
    Box::new(Complaint { found, ..Complaint::new(problem, position) })
}

/// A complaint about a segment that did not come.
pub(super) fn missing(set: &Set, id: &str) -> Box<Complaint> {
    let position = Position { byte: set.at, set: Some(set.ordinal), segment_id: Code::new(id), ..Position::default() };
    Box::new(Complaint::new(Problem::MissingSegment, position))
}

pub(super) fn text(segment: &Segment<'_>, element: usize) -> Option<String> {
    let element = segment.first(element);
    (!element.is_empty()).then(|| element.to_text())
}

pub(super) fn required(segment: &Segment<'_>, element: u16) -> Result<String, Box<Complaint>> {
    text(segment, usize::from(element)).ok_or_else(|| wrong(segment, element, Problem::ElementMissing))
}

/// An optional code; one that is too long for a code is an error.
pub(super) fn code(segment: &Segment<'_>, element: u16) -> Result<Option<Code>, Box<Complaint>> {
    code_of(segment, element, segment.first(usize::from(element)))
}

/// As [`code`], of a component.
pub(super) fn component_code(
    segment: &Segment<'_>,
    element: u16,
    component: usize,
) -> Result<Option<Code>, Box<Complaint>> {
    code_of(segment, element, segment.first(usize::from(element)).component(component))
}

fn code_of(segment: &Segment<'_>, element: u16, of: Element<'_>) -> Result<Option<Code>, Box<Complaint>> {
    match of.code() {
        None if !of.is_empty() => Err(wrong(segment, element, Problem::InvalidCode)),
        code => Ok(code),
    }
}

pub(super) fn required_code(segment: &Segment<'_>, element: u16) -> Result<Code, Box<Complaint>> {
    code(segment, element)?.ok_or_else(|| wrong(segment, element, Problem::ElementMissing))
}

pub(super) fn decimal(segment: &Segment<'_>, element: u16) -> Result<Option<Decimal>, Box<Complaint>> {
    let of = segment.first(usize::from(element));
    if of.is_empty() {
        return Ok(None);
    }
    parse_decimal(of.raw(), of.decimal()).map(Some).ok_or_else(|| wrong(segment, element, Problem::InvalidNumber))
}

pub(super) fn required_decimal(segment: &Segment<'_>, element: u16) -> Result<Decimal, Box<Complaint>> {
    decimal(segment, element)?.ok_or_else(|| wrong(segment, element, Problem::ElementMissing))
}

pub(super) fn date(segment: &Segment<'_>, element: u16) -> Result<Option<Date>, Box<Complaint>> {
    let of = segment.first(usize::from(element));
    if of.is_empty() {
        return Ok(None);
    }
    parse_date(of.raw()).map(Some).ok_or_else(|| wrong(segment, element, Problem::InvalidDate))
}

pub(super) fn required_date(segment: &Segment<'_>, element: u16) -> Result<Date, Box<Complaint>> {
    date(segment, element)?.ok_or_else(|| wrong(segment, element, Problem::ElementMissing))
}

pub(super) fn time(segment: &Segment<'_>, element: u16) -> Result<Option<Time>, Box<Complaint>> {
    let of = segment.first(usize::from(element));
    if of.is_empty() {
        return Ok(None);
    }
    parse_time(of.raw()).map(Some).ok_or_else(|| wrong(segment, element, Problem::InvalidTime))
}

/// A number with an optional sign and at most one mark. Exact: no float is on the way.
pub(super) fn parse_decimal(raw: &[u8], mark: u8) -> Option<Decimal> {
    let (negative, digits) = match raw.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    // What fits into 18 digits needs no text.
    let (mut value, mut count, mut scale, mut marked) = (0_i64, 0_u32, 0_u32, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' if count < 18 => {
                value = value * 10 + i64::from(byte - b'0');
                count += 1;
                scale += u32::from(marked);
            }
            b'0'..=b'9' => return parse_long(raw, mark),
            byte if (*byte == mark || *byte == b'.') && !marked => marked = true,
            _ => return None,
        }
    }
    (count > 0).then(|| Decimal::new(if negative { -value } else { value }, scale))
}

fn parse_long(raw: &[u8], mark: u8) -> Option<Decimal> {
    let text = core::str::from_utf8(raw).ok()?;
    Decimal::from_str_exact(&text.replace(char::from(mark), ".")).ok()
}

fn digits(raw: &[u8], from: usize, length: usize) -> Option<i16> {
    let mut value = 0_i16;
    for byte in raw.get(from..from + length)? {
        value = value * 10 + i16::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    Some(value)
}

/// YYMMDD or CCYYMMDD; two digits are of this century.
pub(super) fn parse_date(raw: &[u8]) -> Option<Date> {
    let (year, at) = match raw.len() {
        6 => (2000 + digits(raw, 0, 2)?, 2),
        8 => (digits(raw, 0, 4)?, 4),
        _ => return None,
    };
    Date::new(year, digits(raw, at, 2)? as i8, digits(raw, at + 2, 2)? as i8).ok()
}

/// HHMM, HHMMSS, HHMMSSD or HHMMSSDD.
pub(super) fn parse_time(raw: &[u8]) -> Option<Time> {
    let second = if raw.len() > 4 { digits(raw, 4, 2)? } else { 0 };
    let hundredths = match raw.len() {
        4 | 6 => 0,
        7 => digits(raw, 6, 1)? * 10,
        8 => digits(raw, 6, 2)?,
        _ => return None,
    };
    let (hour, minute) = (digits(raw, 0, 2)? as i8, digits(raw, 2, 2)? as i8);
    Time::new(hour, minute, second as i8, i32::from(hundredths) * 10_000_000).ok()
}

pub(super) fn write_date(date: Date) -> String {
    alloc::format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// As short as it can be without loss, to the hundredth of a second that X12 has.
pub(super) fn write_time(time: Time) -> String {
    let mut text = alloc::format!("{:02}{:02}", time.hour(), time.minute());
    let hundredths = time.subsec_nanosecond() / 10_000_000;
    if time.second() != 0 || hundredths != 0 {
        text.push_str(&alloc::format!("{:02}", time.second()));
    }
    if hundredths != 0 {
        text.push_str(&alloc::format!("{hundredths:02}"));
    }
    text
}

pub(super) fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}

impl Draft<'_> {
    pub(super) fn decimal(self, number: Option<Decimal>) -> Self {
        self.optional(number.map(plain))
    }

    pub(super) fn date(self, date: Option<Date>) -> Self {
        self.optional(date.map(write_date))
    }

    pub(super) fn time(self, time: Option<Time>) -> Self {
        self.optional(time.map(write_time))
    }

    /// A pair of qualifier and id, or two empty elements.
    pub(super) fn item(self, item: Option<&ItemId>) -> Self {
        self.optional_code(item.map(|item| item.qualifier)).optional(item.map(|item| &item.id))
    }
}

/// Pairs of qualifier and id from these positions of the first of each.
pub(super) fn items(segment: &Segment<'_>, positions: &[u16]) -> Result<Vec<ItemId>, Box<Complaint>> {
    let mut items = Vec::new();
    for position in positions {
        if let Some(item) = item(segment, *position)? {
            push(&mut items, item);
        }
    }
    Ok(items)
}

pub(super) fn item(segment: &Segment<'_>, position: u16) -> Result<Option<ItemId>, Box<Complaint>> {
    let Some(id) = text(segment, usize::from(position) + 1) else { return Ok(None) };
    Ok(Some(ItemId { qualifier: required_code(segment, position)?, id }))
}

/// Refuses more ids than the segment has places for.
pub(super) fn fits<T>(list: &[T], places: usize, what: &'static str) -> Result<(), WriteError> {
    if list.len() > places { Err(WriteError::Unsupported(what)) } else { Ok(()) }
}

/// N9, REF or L11 (whose first two elements are the other way round).
pub(super) fn reference(segment: &Segment<'_>) -> Result<Reference, Box<Complaint>> {
    if segment.tag() == b"L11" {
        let qualifier = code(segment, 2)?.unwrap_or_default();
        return Ok(Reference { qualifier, value: text(segment, 1), text: text(segment, 3) });
    }
    Ok(Reference { qualifier: required_code(segment, 1)?, value: text(segment, 2), text: text(segment, 3) })
}

pub(super) fn write_references(body: &mut Body, tag: &str, references: &[Reference]) {
    for reference in references {
        let Reference { qualifier, value, text } = reference;
        if tag == "L11" {
            body.segment(tag).optional(value.as_ref()).code(*qualifier).optional(text.as_ref()).end();
        } else {
            body.segment(tag).code(*qualifier).optional(value.as_ref()).optional(text.as_ref()).end();
        }
    }
}

/// G62: qualifier and date, qualifier and time.
pub(super) fn g62(segment: &Segment<'_>) -> Result<Moment, Box<Complaint>> {
    let time_qualifier = code(segment, 3)?;
    let qualifier = code(segment, 1)?.unwrap_or_default();
    Ok(Moment { qualifier, date: date(segment, 2)?, time_qualifier, time: time(segment, 4)?, zone: code(segment, 5)? })
}

pub(super) fn write_g62(body: &mut Body, moments: &[Moment]) {
    for moment in moments {
        let Moment { qualifier, date, time_qualifier, time, zone } = *moment;
        let draft = body.segment("G62").code(qualifier).date(date);
        draft.optional_code(time_qualifier).time(time).optional_code(zone).end();
    }
}

pub(super) fn dtm(segment: &Segment<'_>) -> Result<Moment, Box<Complaint>> {
    let qualifier = required_code(segment, 1)?;
    let (date, time) = (date(segment, 2)?, time(segment, 3)?);
    Ok(Moment { qualifier, date, time, time_qualifier: None, zone: code(segment, 4)? })
}

pub(super) fn write_dtm(body: &mut Body, moments: &[Moment]) {
    for moment in moments {
        let Moment { qualifier, date, time, zone, .. } = *moment;
        body.segment("DTM").code(qualifier).date(date).time(time).optional_code(zone).end();
    }
}

/// Takes N1 to N4 and PER; returns whether the segment was one of these.
pub(super) fn participant(parties: &mut Vec<Participant>, segment: &Segment<'_>) -> Result<bool, Box<Complaint>> {
    if segment.tag() == b"N1" {
        let id = match text(segment, 4) {
            Some(id) => Some(ItemId { qualifier: required_code(segment, 3)?, id }),
            None => None,
        };
        let role = required_code(segment, 1)?;
        parties.push(Participant { role, name: text(segment, 2), id, ..Participant::default() });
        return Ok(true);
    }
    let Some(party) = parties.last_mut() else { return Ok(false) };
    match segment.tag() {
        b"N2" => party.more_names.extend([text(segment, 1), text(segment, 2)].into_iter().flatten()),
        b"N3" => party.street.extend([text(segment, 1), text(segment, 2)].into_iter().flatten()),
        b"N4" => {
            party.city = text(segment, 1);
            party.region = text(segment, 2);
            party.postal_code = text(segment, 3);
            party.country = text(segment, 4);
        }
        b"PER" => {
            let mut numbers = Vec::new();
            for position in [3, 5, 7] {
                if let Some(number) = text(segment, usize::from(position) + 1) {
                    numbers.push((required_code(segment, position)?, number));
                }
            }
            party.contacts.push(Contact { function: required_code(segment, 1)?, name: text(segment, 2), numbers });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn write_participants(body: &mut Body, parties: &[Participant]) -> Result<(), WriteError> {
    for party in parties {
        let draft = body.segment("N1").code(party.role).optional(party.name.as_ref());
        draft.item(party.id.as_ref()).end();
        for pair in party.more_names.chunks(2) {
            body.segment("N2").optional(pair.first()).optional(pair.get(1)).end();
        }
        for pair in party.street.chunks(2) {
            body.segment("N3").optional(pair.first()).optional(pair.get(1)).end();
        }
        let Participant { city, region, postal_code, country, .. } = party;
        body.segment("N4")
            .optional(city.as_ref())
            .optional(region.as_ref())
            .optional(postal_code.as_ref())
            .optional(country.as_ref())
            .end_unless_empty();
        for contact in &party.contacts {
            fits(&contact.numbers, 3, "more than three numbers of one contact")?;
            let mut draft = body.segment("PER").code(contact.function).optional(contact.name.as_ref());
            for (kind, number) in &contact.numbers {
                draft = draft.code(*kind).text(number);
            }
            draft.end();
        }
    }
    Ok(())
}

pub(super) fn note(segment: &Segment<'_>) -> Result<Note, Box<Complaint>> {
    Ok(Note { code: code(segment, 1)?, text: required(segment, 2)? })
}

pub(super) fn write_notes(body: &mut Body, notes: &[Note]) {
    for note in notes {
        body.segment("NTE").optional_code(note.code).text(&note.text).end();
    }
}

/// MAN has two kinds of marks, each with one number (a range's end is not read).
pub(super) fn marks(marks: &mut Vec<Mark>, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
    for position in [1, 4] {
        if let Some(number) = text(segment, usize::from(position) + 1) {
            push(marks, Mark { qualifier: required_code(segment, position)?, number });
        }
    }
    Ok(())
}

pub(super) fn write_marks(body: &mut Body, marks: &[Mark]) {
    for mark in marks {
        body.segment("MAN").code(mark.qualifier).text(&mark.number).end();
    }
}

pub(super) fn w27(segment: &Segment<'_>) -> Result<Carrier, Box<Complaint>> {
    let (method, scac) = (code(segment, 1)?, code(segment, 2)?);
    Ok(Carrier { method, scac, routing: text(segment, 3), payment: code(segment, 4)? })
}

pub(super) fn write_w27(body: &mut Body, carrier: &Carrier) {
    let Carrier { method, scac, routing, payment } = carrier;
    let draft = body.segment("W27").optional_code(*method).optional_code(*scac);
    draft.optional(routing.as_ref()).optional_code(*payment).end();
}

/// W03 and W76: units, weight and its unit.
pub(super) fn totals(segment: &Segment<'_>) -> Result<Totals, Box<Complaint>> {
    Ok(Totals { units: required_decimal(segment, 1)?, weight: decimal(segment, 2)?, weight_unit: code(segment, 3)? })
}

pub(super) fn write_totals(body: &mut Body, tag: &str, totals: &Totals) {
    let draft = body.segment(tag).decimal(Some(totals.units));
    draft.decimal(totals.weight).optional_code(totals.weight_unit).end();
}

/// LX01: the number of a package or line in its document.
pub(super) fn assigned(segment: &Segment<'_>) -> Result<u32, Box<Complaint>> {
    let number = segment.first(1).text().parse();
    number.map_err(|_| wrong(segment, 1, Problem::InvalidNumber))
}
