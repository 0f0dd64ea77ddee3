//! 850 and 855: a customer's order, and the answer to it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::common::{ItemId, Moment, Participant, Reference};
use super::x12::{
    X12Document, code, date, decimal, dtm, fits, items, missing, participant, reference, required, required_code, text,
    write_date, write_dtm, write_participants, write_references, wrong,
};
use crate::complaint::{Complaint, Problem};
use crate::segment::Segment;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A purchase order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PurchaseOrder {
    /// BEG01, element 353: `00` original, `01` cancellation, `05` replace.
    pub purpose: Code,
    /// BEG02, element 92: `SA` stand-alone, `DS` drop ship.
    pub kind: Code,
    /// BEG03.
    pub order_no: String,
    /// BEG04.
    pub release_no: Option<String>,
    /// BEG05.
    pub date: Option<Date>,
    /// CUR02, element 100, with CUR01 `BY`: the currency of the prices.
    pub currency: Option<Code>,
    /// REF of the header.
    pub references: Vec<Reference>,
    /// DTM of the header: requested ship and delivery dates.
    pub dates: Vec<Moment>,
    /// MSG of N9 loops.
    pub messages: Vec<String>,
    /// N1 loops of the header.
    pub parties: Vec<Participant>,
    /// PO1 loops; one at least.
    pub lines: Vec<OrderedLine>,
    /// CTT01: how many lines there should be.
    pub line_count: Option<Decimal>,
    /// CTT02: the sum of all quantities, where it is given.
    pub hash_total: Option<Decimal>,
    /// AMT02 after CTT with AMT01 `TT`: the amount of the order.
    pub amount: Option<Decimal>,
}

/// One line of a purchase order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OrderedLine {
    /// PO101.
    pub number: Option<String>,
    /// PO102.
    pub quantity: Option<Decimal>,
    /// PO103, element 355.
    pub unit: Option<Code>,
    /// PO104: the price of one unit.
    pub price: Option<Decimal>,
    /// PO105, element 639: what the price is for.
    pub price_basis: Option<Code>,
    /// PO106 to PO125: ten at most.
    pub items: Vec<ItemId>,
    /// PID05, free text.
    pub descriptions: Vec<String>,
    /// REF of the line.
    pub references: Vec<Reference>,
    /// DTM of the line.
    pub dates: Vec<Moment>,
}

/// The seller's answer to a purchase order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PurchaseOrderAcknowledgment {
    /// BAK01, element 353.
    pub purpose: Code,
    /// BAK02, element 587: `AC` with changes, `AD` without, `AK` without detail, `RD` rejected.
    pub kind: Code,
    /// BAK03: the customer's order number.
    pub order_no: String,
    /// BAK04: the order's date.
    pub date: Option<Date>,
    /// BAK05.
    pub release_no: Option<String>,
    /// BAK08: our number of the order.
    pub seller_order_no: Option<String>,
    /// BAK09: the day of the answer.
    pub answered: Option<Date>,
    /// REF of the header.
    pub references: Vec<Reference>,
    /// DTM of the header.
    pub dates: Vec<Moment>,
    /// N1 loops of the header.
    pub parties: Vec<Participant>,
    /// PO1 loops.
    pub lines: Vec<PurchaseOrderAcknowledgmentLine>,
    /// CTT01.
    pub line_count: Option<Decimal>,
    /// CTT02.
    pub hash_total: Option<Decimal>,
}

/// One line with what becomes of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PurchaseOrderAcknowledgmentLine {
    /// The line as it is ordered.
    pub ordered: OrderedLine,
    /// ACK: each part of the quantity.
    pub answers: Vec<LineAcknowledgment>,
}

/// What becomes of a quantity of a line (ACK).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LineAcknowledgment {
    /// ACK01, element 668: `IA` accepted, `IB` backordered, `IR` rejected, `IQ` quantity changed, `IS` substituted.
    pub status: Code,
    /// ACK02 and ACK03.
    pub quantity: Option<(Decimal, Code)>,
    /// ACK04, element 374, and ACK05: when.
    pub date: Option<(Code, Date)>,
    /// ACK07 to ACK10: the item that comes instead; two at most.
    pub items: Vec<ItemId>,
}

impl OrderedLine {
    fn of(segment: &Segment<'_>) -> Result<Self, Box<Complaint>> {
        let positions: Vec<u16> = (6..=24).step_by(2).collect();
        Ok(Self {
            number: text(segment, 1),
            quantity: decimal(segment, 2)?,
            unit: code(segment, 3)?,
            price: decimal(segment, 4)?,
            price_basis: code(segment, 5)?,
            items: items(segment, &positions)?,
            ..Self::default()
        })
    }

    /// Segments of the line that both sets have. The loops of schedules, addresses and sublines are left to the segments.
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
        match segment.tag() {
            b"PID" => self.descriptions.extend(text(segment, 5)),
            b"REF" => self.references.push(reference(segment)?),
            b"DTM" => self.dates.push(dtm(segment)?),
            _ => {}
        }
        Ok(())
    }

    fn write(&self, body: &mut Body) -> Result<(), WriteError> {
        fits(&self.items, 10, "more than ten ids of one line in PO1")?;
        let draft = body.segment("PO1").optional(self.number.as_ref()).decimal(self.quantity).optional_code(self.unit);
        let mut draft = draft.decimal(self.price).optional_code(self.price_basis);
        for item in &self.items {
            draft = draft.item(Some(item));
        }
        draft.end();
        for description in &self.descriptions {
            body.segment("PID").text("F").skip(3).text(description).end();
        }
        write_references(body, "REF", &self.references);
        write_dtm(body, &self.dates);
        Ok(())
    }
}

/// Segments that open a loop of a line of which nothing is read.
fn inner(tag: &[u8]) -> bool {
    matches!(tag, b"N9" | b"N1" | b"SLN" | b"SCH" | b"LS" | b"SPI" | b"ADV" | b"AMT" | b"LM")
}

impl X12Document for PurchaseOrder {
    const SET: &'static str = "850";
    const GROUP: &'static str = "PO";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut order = Self::default();
        let (mut headed, mut aside, mut ending) = (false, false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BEG" => {
                    headed = true;
                    order.purpose = required_code(&segment, 1)?;
                    order.kind = required_code(&segment, 2)?;
                    order.order_no = required(&segment, 3)?;
                    order.release_no = text(&segment, 4);
                    order.date = date(&segment, 5)?;
                }
                b"PO1" => {
                    aside = false;
                    order.lines.push(OrderedLine::of(&segment)?);
                }
                b"CTT" => {
                    ending = true;
                    (order.line_count, order.hash_total) = (decimal(&segment, 1)?, decimal(&segment, 2)?);
                }
                b"AMT" if ending && segment.first(1).raw() == b"TT" => order.amount = decimal(&segment, 2)?,
                tag if !order.lines.is_empty() => {
                    aside |= inner(tag);
                    if let Some(line) = order.lines.last_mut().filter(|_| !aside) {
                        line.take(&segment)?;
                    }
                }
                // The conditions of the header before its parties.
                b"CUR" => order.currency = code(&segment, 2)?,
                b"REF" if order.parties.is_empty() => order.references.push(reference(&segment)?),
                b"DTM" if order.messages.is_empty() && order.parties.is_empty() => order.dates.push(dtm(&segment)?),
                b"MSG" => order.messages.push(required(&segment, 1)?),
                b"SAC" | b"SPI" | b"ADV" => {}
                _ => {
                    participant(&mut order.parties, &segment)?;
                }
            }
        }
        if headed { Ok(order) } else { Err(missing(set, "BEG")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("BEG").code(self.purpose).code(self.kind).text(&self.order_no);
        draft.optional(self.release_no.as_ref()).optional(self.date.map(write_date)).end();
        if let Some(currency) = self.currency {
            body.segment("CUR").text("BY").code(currency).end();
        }
        write_references(body, "REF", &self.references);
        write_dtm(body, &self.dates);
        if !self.messages.is_empty() {
            body.segment("N9").text("ZZ").text("NOTES").end();
        }
        for message in &self.messages {
            body.segment("MSG").text(message).end();
        }
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            line.write(body)?;
        }
        if self.line_count.is_some() {
            body.segment("CTT").decimal(self.line_count).decimal(self.hash_total).end();
            if self.amount.is_some() {
                body.segment("AMT").text("TT").decimal(self.amount).end();
            }
        } else if self.amount.is_some() || self.hash_total.is_some() {
            return Err(WriteError::Unsupported("totals without a count of lines in CTT"));
        }
        Ok(())
    }
}

impl X12Document for PurchaseOrderAcknowledgment {
    const SET: &'static str = "855";
    const GROUP: &'static str = "PR";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut answer = Self::default();
        let (mut headed, mut aside) = (false, false);
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BAK" => {
                    headed = true;
                    answer.purpose = required_code(&segment, 1)?;
                    answer.kind = required_code(&segment, 2)?;
                    answer.order_no = required(&segment, 3)?;
                    answer.date = date(&segment, 4)?;
                    answer.release_no = text(&segment, 5);
                    answer.seller_order_no = text(&segment, 8);
                    answer.answered = date(&segment, 9)?;
                }
                b"PO1" => {
                    aside = false;
                    let ordered = OrderedLine::of(&segment)?;
                    answer.lines.push(PurchaseOrderAcknowledgmentLine { ordered, answers: Vec::new() });
                }
                b"ACK" if !aside => {
                    let line = answer.lines.last_mut();
                    let line = line.ok_or_else(|| wrong(&segment, 1, Problem::UnexpectedSegment))?;
                    line.answers.push(LineAcknowledgment {
                        status: required_code(&segment, 1)?,
                        quantity: decimal(&segment, 2)?.zip(code(&segment, 3)?),
                        date: code(&segment, 4)?.zip(date(&segment, 5)?),
                        items: items(&segment, &[7, 9])?,
                    });
                }
                b"CTT" => (answer.line_count, answer.hash_total) = (decimal(&segment, 1)?, decimal(&segment, 2)?),
                tag if !answer.lines.is_empty() => {
                    aside |= inner(tag);
                    // A date after an ACK is that of the answer, which has one already.
                    let line = answer.lines.last_mut().filter(|line| !aside && line.answers.is_empty());
                    if let Some(line) = line {
                        line.ordered.take(&segment)?;
                    }
                }
                b"REF" if answer.parties.is_empty() => answer.references.push(reference(&segment)?),
                b"DTM" if answer.parties.is_empty() => answer.dates.push(dtm(&segment)?),
                _ => {
                    participant(&mut answer.parties, &segment)?;
                }
            }
        }
        if headed { Ok(answer) } else { Err(missing(set, "BAK")) }
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("BAK").code(self.purpose).code(self.kind).text(&self.order_no);
        let draft = draft.optional(self.date.map(write_date)).optional(self.release_no.as_ref()).skip(2);
        draft.optional(self.seller_order_no.as_ref()).optional(self.answered.map(write_date)).end();
        write_references(body, "REF", &self.references);
        write_dtm(body, &self.dates);
        write_participants(body, &self.parties)?;
        for line in &self.lines {
            line.ordered.write(body)?;
            for answer in &line.answers {
                fits(&answer.items, 2, "more than two ids in ACK")?;
                let (quantity, unit) = answer.quantity.unzip();
                let (qualifier, date) = answer.date.unzip();
                let draft = body.segment("ACK").code(answer.status).decimal(quantity).optional_code(unit);
                let draft = draft.optional_code(qualifier).optional(date.map(write_date)).skip(1);
                draft.item(answer.items.first()).item(answer.items.get(1)).end();
            }
        }
        if self.line_count.is_some() {
            body.segment("CTT").decimal(self.line_count).decimal(self.hash_total).end();
        } else if self.hash_total.is_some() {
            return Err(WriteError::Unsupported("totals without a count of lines in CTT"));
        }
        Ok(())
    }
}
