//! 856: what is on its way, packed how. Its HL loops are a tree: shipment, orders, packages, items.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use super::common::{Carrier, ItemId, Mark, Moment, Participant, Reference};
use super::x12::{
    X12Document, code, date, decimal, dtm, fits, items, marks, missing, participant, reference, required,
    required_code, text, time, write_date, write_dtm, write_marks, write_participants, write_references, wrong,
};
use crate::complaint::{Complaint, Problem};
use crate::segment::Segment;
use crate::write::{Body, WriteError};
use crate::{Code, Set};

/// A ship notice.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ShipNotice {
    /// BSN01, element 353: `00` original.
    pub purpose: Code,
    /// BSN02, element 396.
    pub shipment_id: String,
    /// BSN03.
    pub date: Option<Date>,
    /// BSN04.
    pub time: Option<Time>,
    /// DTM of the header and of the shipment's HL.
    pub dates: Vec<Moment>,
    /// TD101: packaging.
    pub packaging: Option<String>,
    /// TD102: how many packages.
    pub package_count: Option<Decimal>,
    /// TD106 to TD108: qualifier, weight and unit.
    pub weight: Option<(Code, Decimal, Code)>,
    /// TD5: method, SCAC and routing. Who pays is elsewhere.
    pub carrier: Option<Carrier>,
    /// REF of the shipment.
    pub references: Vec<Reference>,
    /// N1 loops of the shipment.
    pub parties: Vec<Participant>,
    /// The orders in the shipment.
    pub orders: Vec<ShipNoticeOrder>,
}

/// An order's part of the shipment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ShipNoticeOrder {
    /// PRF01.
    pub purchase_order_no: Option<String>,
    /// PRF04.
    pub date: Option<Date>,
    /// REF of the order.
    pub references: Vec<Reference>,
    /// Packages of the order.
    pub packages: Vec<ShipNoticePackage>,
    /// Items that stand in no package.
    pub items: Vec<NoticedItem>,
}

/// A pallet or package.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ShipNoticePackage {
    /// HL03: `T` tare (pallet), `P` pack.
    pub level: Code,
    /// MAN.
    pub marks: Vec<Mark>,
    /// Packages in it.
    pub packages: Vec<Self>,
    /// Items in it.
    pub items: Vec<NoticedItem>,
}

/// An item.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NoticedItem {
    /// LIN01.
    pub number: Option<String>,
    /// LIN02 to LIN31: fifteen at most, one at least.
    pub items: Vec<ItemId>,
    /// SN102.
    pub shipped: Option<Decimal>,
    /// SN103.
    pub unit: Option<Code>,
    /// SN105, in the unit of SN106.
    pub ordered: Option<(Decimal, Code)>,
    /// SN108, element 668.
    pub status: Option<Code>,
    /// PID05, free text.
    pub descriptions: Vec<String>,
    /// REF of the item.
    pub references: Vec<Reference>,
    /// MAN of the item, and of packages that stand under it.
    pub marks: Vec<Mark>,
}

/// The HL loops so far, with what finds a parent without looking at all of them.
#[derive(Default)]
struct Levels {
    list: Vec<Level>,
    by_id: BTreeMap<String, usize>,
    /// The last one of each rank.
    latest: [Option<usize>; 4],
}

/// What one HL loop says, before the tree is put together.
struct Level {
    parent: Option<usize>,
    depth: u8,
    content: Content,
}

enum Content {
    Shipment,
    Order(ShipNoticeOrder),
    Package(ShipNoticePackage),
    Item(NoticedItem),
}

/// No tree that makes sense is deeper: shipment, order, tare, pack, inner pack, item.
const DEPTH: u8 = 8;

impl X12Document for ShipNotice {
    const SET: &'static str = "856";
    const GROUP: &'static str = "SH";

    fn read_x12(set: &Set) -> Result<Self, Box<Complaint>> {
        let mut notice = Self::default();
        let mut headed = false;
        let mut levels = Levels::default();
        for segment in set.segments.iter() {
            match segment.tag() {
                b"BSN" => {
                    headed = true;
                    notice.purpose = required_code(&segment, 1)?;
                    notice.shipment_id = required(&segment, 2)?;
                    notice.date = date(&segment, 3)?;
                    notice.time = time(&segment, 4)?;
                }
                b"HL" => levels.begin(&segment)?,
                b"CTT" | b"SE" | b"ST" => {}
                b"DTM" if levels.list.is_empty() => notice.dates.push(dtm(&segment)?),
                _ => match levels.list.last_mut().map(|level| &mut level.content) {
                    Some(Content::Shipment) => notice.take(&segment)?,
                    Some(Content::Order(order)) => order.take(&segment)?,
                    Some(Content::Package(package)) if segment.tag() == b"MAN" => marks(&mut package.marks, &segment)?,
                    Some(Content::Item(item)) => item.take(&segment)?,
                    Some(Content::Package(_)) | None => {}
                },
            }
        }
        if !headed {
            return Err(missing(set, "BSN"));
        }
        notice.orders = tree(levels.list);
        Ok(notice)
    }

    fn write_x12(&self, body: &mut Body) -> Result<(), WriteError> {
        let draft = body.segment("BSN").code(self.purpose).text(&self.shipment_id).date(self.date);
        draft.time(self.time).end();
        write_dtm(body, &self.dates);
        let mut hl = 0;
        let shipment = level_segment(body, &mut hl, None, "S");
        let (qualifier, weight, unit) = match self.weight {
            Some((qualifier, weight, unit)) => (Some(qualifier), Some(weight), Some(unit)),
            None => (None, None, None),
        };
        let draft = body.segment("TD1").optional(self.packaging.as_ref()).decimal(self.package_count).skip(3);
        draft.optional_code(qualifier).decimal(weight).optional_code(unit).end_unless_empty();
        if let Some(carrier) = &self.carrier {
            if carrier.payment.is_some() {
                return Err(WriteError::Unsupported("who pays the carrier in an 856"));
            }
            let draft = body.segment("TD5").skip(1).optional(carrier.scac.map(|_| "2"));
            let draft = draft.optional_code(carrier.scac).optional_code(carrier.method);
            draft.optional(carrier.routing.as_ref()).end();
        }
        write_references(body, "REF", &self.references);
        write_participants(body, &self.parties)?;
        for order in &self.orders {
            let parent = level_segment(body, &mut hl, Some(shipment), "O");
            let draft = body.segment("PRF").optional(order.purchase_order_no.as_ref()).skip(2);
            draft.optional(order.date.map(write_date)).end_unless_empty();
            write_references(body, "REF", &order.references);
            for package in &order.packages {
                package.write(body, &mut hl, parent, 2)?;
            }
            for item in &order.items {
                item.write(body, &mut hl, parent)?;
            }
        }
        body.segment("CTT").number(hl).end();
        Ok(())
    }
}

fn level_segment(body: &mut Body, hl: &mut u32, parent: Option<u32>, kind: &str) -> u32 {
    *hl += 1;
    body.segment("HL").number(*hl).optional_number(parent).text(kind).end();
    *hl
}

impl Levels {
    /// Begins a loop. Its parent came before; where none is named, it is the nearest one of a higher rank.
    fn begin(&mut self, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
        let kind = required_code(segment, 3)?;
        let content = match kind.as_str() {
            "S" => Content::Shipment,
            "O" => Content::Order(ShipNoticeOrder::default()),
            "I" => Content::Item(NoticedItem::default()),
            _ => Content::Package(ShipNoticePackage { level: kind, ..ShipNoticePackage::default() }),
        };
        let rank = content.rank();
        let parent = match segment.text(2) {
            Some(named) => {
                let parent = self.by_id.get(named.as_ref()).copied();
                Some(parent.ok_or_else(|| wrong(segment, 2, Problem::InvalidCode))?)
            }
            None => self.latest.iter().take(rank).copied().max().flatten(),
        };
        let depth = parent.and_then(|parent| self.list.get(parent)).map_or(0, |parent| parent.depth + 1);
        if depth > DEPTH {
            return Err(wrong(segment, 2, Problem::UnexpectedSegment));
        }
        let at = self.list.len();
        self.by_id.insert(segment.first(1).text().to_string(), at);
        if let Some(latest) = self.latest.get_mut(rank) {
            *latest = Some(at);
        }
        self.list.push(Level { parent, depth, content });
        Ok(())
    }
}

impl Content {
    fn rank(&self) -> usize {
        match self {
            Self::Shipment => 0,
            Self::Order(_) => 1,
            Self::Package(_) => 2,
            Self::Item(_) => 3,
        }
    }
}

/// Puts children into their parents, from the last one on, so that it needs no recursion.
fn tree(mut levels: Vec<Level>) -> Vec<ShipNoticeOrder> {
    let mut orders = Vec::new();
    while let Some(Level { parent, content, .. }) = levels.pop() {
        let parent = parent.and_then(|parent| levels.get_mut(parent)).map(|parent| &mut parent.content);
        match (parent, content) {
            (_, Content::Order(mut order)) => {
                reverse(&mut order.packages, &mut order.items);
                orders.push(order);
            }
            (Some(Content::Order(order)), Content::Package(mut package)) => {
                reverse(&mut package.packages, &mut package.items);
                order.packages.push(package);
            }
            (Some(Content::Package(outer)), Content::Package(mut package)) => {
                reverse(&mut package.packages, &mut package.items);
                outer.packages.push(package);
            }
            (Some(Content::Order(order)), Content::Item(item)) => order.items.push(item),
            (Some(Content::Package(package)), Content::Item(item)) => package.items.push(item),
            (Some(Content::Item(item)), Content::Package(package)) => item.marks.extend(package.marks),
            // Without an order in between: one that has no number.
            (_, Content::Package(mut package)) => {
                reverse(&mut package.packages, &mut package.items);
                orders.push(ShipNoticeOrder { packages: alloc::vec![package], ..ShipNoticeOrder::default() });
            }
            (_, Content::Item(item)) => {
                orders.push(ShipNoticeOrder { items: alloc::vec![item], ..ShipNoticeOrder::default() });
            }
            (_, Content::Shipment) => {}
        }
    }
    orders.reverse();
    orders
}

fn reverse(packages: &mut [ShipNoticePackage], items: &mut [NoticedItem]) {
    packages.reverse();
    items.reverse();
}

impl ShipNotice {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
        match segment.tag() {
            b"TD1" => {
                self.packaging = text(segment, 1);
                self.package_count = decimal(segment, 2)?;
                self.weight = match (code(segment, 6)?, decimal(segment, 7)?, code(segment, 8)?) {
                    (Some(qualifier), Some(weight), Some(unit)) => Some((qualifier, weight, unit)),
                    _ => None,
                };
            }
            b"TD5" => {
                // Element 66: 2 is a SCAC.
                let scac = if segment.first(2).raw() == b"2" { code(segment, 3)? } else { None };
                self.carrier =
                    Some(Carrier { method: code(segment, 4)?, scac, routing: text(segment, 5), payment: None });
            }
            b"REF" if self.parties.is_empty() => self.references.push(reference(segment)?),
            b"DTM" => self.dates.push(dtm(segment)?),
            _ => {
                participant(&mut self.parties, segment)?;
            }
        }
        Ok(())
    }
}

impl ShipNoticeOrder {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
        match segment.tag() {
            b"PRF" => (self.purchase_order_no, self.date) = (text(segment, 1), date(segment, 4)?),
            b"REF" => self.references.push(reference(segment)?),
            _ => {}
        }
        Ok(())
    }
}

impl ShipNoticePackage {
    fn write(&self, body: &mut Body, hl: &mut u32, parent: u32, depth: u8) -> Result<(), WriteError> {
        if depth > DEPTH {
            return Err(WriteError::Unsupported("packages in packages that are too deep"));
        }
        let own = level_segment(body, hl, Some(parent), self.level.as_str());
        write_marks(body, &self.marks);
        for package in &self.packages {
            package.write(body, hl, own, depth + 1)?;
        }
        for item in &self.items {
            item.write(body, hl, own)?;
        }
        Ok(())
    }
}

impl NoticedItem {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Box<Complaint>> {
        match segment.tag() {
            b"LIN" => {
                let positions: Vec<u16> = (2..=30).step_by(2).collect();
                (self.number, self.items) = (text(segment, 1), items(segment, &positions)?);
            }
            b"SN1" => {
                self.shipped = decimal(segment, 2)?;
                self.unit = code(segment, 3)?;
                self.ordered = decimal(segment, 5)?.zip(code(segment, 6)?);
                self.status = code(segment, 8)?;
            }
            b"PID" => self.descriptions.extend(text(segment, 5)),
            b"REF" => self.references.push(reference(segment)?),
            b"MAN" => marks(&mut self.marks, segment)?,
            _ => {}
        }
        Ok(())
    }

    fn write(&self, body: &mut Body, hl: &mut u32, parent: u32) -> Result<(), WriteError> {
        fits(&self.items, 15, "more than fifteen ids of one item in LIN")?;
        level_segment(body, hl, Some(parent), "I");
        let mut draft = body.segment("LIN").optional(self.number.as_ref());
        for item in &self.items {
            draft = draft.item(Some(item));
        }
        draft.end();
        let (ordered, ordered_unit) = self.ordered.unzip();
        if self.shipped.is_some() {
            let draft = body.segment("SN1").skip(1).decimal(self.shipped).optional_code(self.unit).skip(1);
            draft.decimal(ordered).optional_code(ordered_unit).skip(1).optional_code(self.status).end();
        } else if self.unit.is_some() || ordered.is_some() || self.status.is_some() {
            return Err(WriteError::Unsupported("an item's unit, order or status without a shipped quantity"));
        }
        for description in &self.descriptions {
            body.segment("PID").text("F").skip(3).text(description).end();
        }
        write_references(body, "REF", &self.references);
        write_marks(body, &self.marks);
        Ok(())
    }
}
