//! Documents of any content, continued: carriers, returns, orders, and what EDIFACT can say.
#![allow(dead_code, clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use edi::Code;
use edi::documents::*;
use jiff::civil::{Date, Time};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::generate::code;

fn two() -> impl Strategy<Value = Code> {
    code("[A-Z0-9]{2}")
}

/// Text of ISO 8859-1 with every delimiter of EDIFACT, but not `N` and `B` alone, which is a batch's qualifier.
fn text(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Za-z0-9 .,/&()'+:?äéÿ-]{{1,{max}}}")).unwrap()
}

/// Text of X12.
fn plain(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Za-z0-9 .,/&()-]{{1,{max}}}")).unwrap()
}

fn id(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Z0-9-]{{2,{max}}}")).unwrap()
}

fn quantity(digits: u32) -> impl Strategy<Value = Decimal> {
    (0..10_i64.pow(digits), 0..3_u32).prop_map(|(number, scale)| Decimal::new(number, scale).normalize())
}

fn date() -> impl Strategy<Value = Date> {
    (1970..2100_i16, 1..13_i8, 1..29_i8).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn time() -> impl Strategy<Value = Time> {
    (0..24_i8, 0..60_i8, 0..60_i8).prop_map(|(hour, minute, second)| Time::new(hour, minute, second, 0).unwrap())
}

fn item(max: usize) -> impl Strategy<Value = ItemId> {
    (code("[A-M][A-Z0-9]"), id(max)).prop_map(|(qualifier, id)| ItemId { qualifier, id })
}

fn reference() -> impl Strategy<Value = Reference> {
    (two(), of(id(30)), plain(45)).prop_map(|(qualifier, value, text)| Reference {
        qualifier,
        text: value.is_none().then_some(text),
        value,
    })
}

fn dtm() -> impl Strategy<Value = Moment> {
    (code("[0-9]{3}"), date(), of(time())).prop_map(|(qualifier, date, time)| Moment {
        qualifier,
        date: Some(date),
        time,
        time_qualifier: None,
        zone: None,
    })
}

fn party() -> impl Strategy<Value = Participant> {
    let address = (of(id(20)), of(two()), of("[0-9]{5}"), of("[A-Z]{2}"));
    (two(), plain(30), of(item(20)), vec(plain(30), 0..3), address).prop_map(
        |(role, name, id, street, (city, region, postal_code, country))| Participant {
            role,
            name: Some(name),
            id,
            street,
            city,
            region: region.map(|region| region.to_string()),
            postal_code,
            country,
            ..Participant::default()
        },
    )
}

fn mark() -> impl Strategy<Value = Mark> {
    (two(), id(35)).prop_map(|(qualifier, number)| Mark { qualifier, number })
}

pub(crate) fn tracking() -> impl Strategy<Value = TrackingReport> {
    // AT701 and AT703 exclude each other; a reason needs its status, a time its date, a zone its time.
    let event =
        (any::<bool>(), two(), of(two()), of((date(), of((time(), of(two()))))), of(id(20)), of(two()), of(id(9)))
            .prop_map(|(appointment, status, reason, when, city, region, equipment)| TrackingEvent {
                status: (!appointment).then_some(status),
                reason: reason.filter(|_| !appointment),
                appointment: appointment.then_some(status),
                appointment_reason: reason.filter(|_| appointment),
                date: when.map(|(date, _)| date),
                time: when.and_then(|(_, clock)| clock).map(|(time, _)| time),
                zone: when.and_then(|(_, clock)| clock).and_then(|(_, zone)| zone),
                city,
                region: region.map(|region| region.to_string()),
                country: region,
                equipment_owner: equipment.as_ref().map(|_| status),
                equipment,
            });
    let weight = (code("[A-Z]"), code("[A-Z]"), quantity(7));
    let count = (1..999_i64).prop_map(Decimal::from);
    let shipment =
        (1..999_999_u32, vec(event, 0..4), vec(reference_l11(), 0..3), vec(mark(), 0..3), of(weight), of(count))
            .prop_map(|(number, events, references, marks, weight, packages)| TrackingShipment {
                number,
                events,
                references,
                marks,
                weight,
                packages,
            });
    let head = (of(id(30)), of(id(30)), code("[A-Z]{2,4}"), vec(reference_l11(), 0..3));
    (head, vec(mark(), 0..3), vec(party(), 0..3), vec(shipment, 0..4)).prop_map(|(head, marks, parties, shipments)| {
        let (carrier_reference, shipment_id, scac, references) = head;
        TrackingReport { carrier_reference, shipment_id, scac, references, marks, parties, shipments }
    })
}

/// L11 pairs value and qualifier; without a value there is only text.
fn reference_l11() -> impl Strategy<Value = Reference> {
    (two(), id(30), of(plain(45))).prop_map(|(qualifier, value, text)| Reference {
        qualifier,
        value: Some(value),
        text,
    })
}

pub(crate) fn return_notice() -> impl Strategy<Value = ReturnNotice> {
    let note = || (of(code("[A-Z]{3}")), plain(60)).prop_map(|(code, text)| Note { code, text });
    let asked = (of(two()), of(two()));
    let line = (item(20), of((quantity(9), two())), vec(reference(), 0..3), asked, vec(note(), 0..3), of(id(22)));
    let line =
        (line, vec(dtm(), 0..3)).prop_map(|((item, quantity, references, asked, notes, po), dates)| ReturnLine {
            item: Some(item),
            quantity: quantity.map(|(quantity, _)| quantity),
            unit: quantity.map(|(_, unit)| unit),
            references,
            disposition: asked.0,
            reason: asked.1,
            notes,
            purchase_order_no: po,
            dates,
        });
    let head = (two(), id(30), date(), of(time()), of(id(30)), (of(two()), of(two())), of(id(22)));
    let rest = (vec(dtm(), 0..3), vec(reference(), 0..4), vec(note(), 0..3), vec(party(), 0..3), vec(line, 0..4));
    (head, rest).prop_map(|((purpose, return_no, date, time, answers, asked, purchase_order_no), rest)| {
        let (dates, references, notes, parties, lines) = rest;
        ReturnNotice {
            purpose,
            return_no,
            date: Some(date),
            time,
            answers,
            disposition: asked.0,
            reason: asked.1,
            purchase_order_no,
            dates,
            references,
            notes,
            parties,
            lines,
        }
    })
}

fn ordered_line() -> impl Strategy<Value = OrderedLine> {
    let counted = of((quantity(9), two(), of((quantity(9), of(two())))));
    let parts = (vec(plain(60), 0..2), vec(reference(), 0..2), vec(dtm(), 0..2));
    (of(id(20)), counted, vec(item(20), 0..11), parts).prop_map(
        |(number, counted, items, (descriptions, references, dates))| OrderedLine {
            number,
            quantity: counted.map(|(quantity, ..)| quantity),
            unit: counted.map(|(_, unit, _)| unit),
            price: counted.and_then(|(_, _, price)| price).map(|(price, _)| price),
            price_basis: counted.and_then(|(_, _, price)| price).and_then(|(_, basis)| basis),
            items,
            descriptions,
            references,
            dates,
        },
    )
}

fn line_totals() -> impl Strategy<Value = Option<(Decimal, Option<Decimal>)>> {
    of(((1..1000_i64).prop_map(Decimal::from), of(quantity(9))))
}

pub(crate) fn purchase_order() -> impl Strategy<Value = PurchaseOrder> {
    let head = (two(), two(), id(22), of(id(30)), date(), of(code("[A-Z]{3}")), vec(reference(), 0..3));
    let rest = (vec(dtm(), 0..3), vec(plain(200), 0..3), vec(party(), 0..3), vec(ordered_line(), 1..4), line_totals());
    (head, rest, of(quantity(9))).prop_map(|(head, (dates, messages, parties, lines, totals), amount)| {
        let (purpose, kind, order_no, release_no, date, currency, references) = head;
        PurchaseOrder {
            purpose,
            kind,
            order_no,
            release_no,
            date: Some(date),
            currency,
            references,
            dates,
            messages,
            parties,
            lines,
            line_count: totals.map(|(count, _)| count),
            hash_total: totals.and_then(|(_, hash)| hash),
            amount: amount.filter(|_| totals.is_some()),
        }
    })
}

pub(crate) fn purchase_order_acknowledgment() -> impl Strategy<Value = PurchaseOrderAcknowledgment> {
    let when = of((code("[0-9]{3}"), date()));
    let answer = (two(), of((quantity(9), two())), when, vec(item(20), 0..3))
        .prop_map(|(status, quantity, date, items)| LineAcknowledgment { status, quantity, date, items });
    let line = (ordered_line(), vec(answer, 0..3))
        .prop_map(|(ordered, answers)| PurchaseOrderAcknowledgmentLine { ordered, answers });
    let head = (two(), two(), id(22), date(), of(id(30)), of(id(30)), of(date()));
    let rest = (vec(reference(), 0..3), vec(dtm(), 0..3), vec(party(), 0..3), vec(line, 0..4), line_totals());
    (head, rest).prop_map(|(head, (references, dates, parties, lines, totals))| {
        let (purpose, kind, order_no, date, release_no, seller_order_no, answered) = head;
        PurchaseOrderAcknowledgment {
            purpose,
            kind,
            order_no,
            date: Some(date),
            release_no,
            seller_order_no,
            answered,
            references,
            dates,
            parties,
            lines,
            line_count: totals.map(|(count, _)| count),
            hash_total: totals.and_then(|(_, hash)| hash),
        }
    })
}

/// What all EDIFACT documents have in common: parties, references, dates.
fn common() -> impl Strategy<Value = (Vec<Participant>, Vec<Reference>, Vec<Moment>)> {
    let item = (code("[0-9]{1,3}"), text(20)).prop_map(|(qualifier, id)| ItemId { qualifier, id });
    let address = (of(text(20)), of(two()), of("[0-9]{5}"), of("[A-Z]{2}"));
    let party = (two(), text(30), of(item), vec(text(35), 0..3), vec(text(35), 0..4), address).prop_map(
        |(role, name, id, more_names, street, (city, region, postal_code, country))| Participant {
            role,
            name: Some(name),
            id,
            more_names,
            street,
            city,
            region: region.map(|region| region.to_string()),
            postal_code,
            country,
            contacts: Vec::new(),
        },
    );
    (vec(party, 1..4), vec(rff(), 0..4), vec(dtm_of("[5-9][0-9]{2}"), 1..4))
}

fn rff() -> impl Strategy<Value = Reference> {
    (code("[C-M][A-Z0-9]{1,2}"), text(30)).prop_map(|(qualifier, value)| Reference {
        qualifier,
        value: Some(value),
        text: None,
    })
}

fn dtm_of(pattern: &'static str) -> impl Strategy<Value = Moment> {
    (code(pattern), of(date()), time(), any::<bool>()).prop_map(|(qualifier, date, time, clock)| Moment {
        qualifier,
        date,
        time: (clock || date.is_none()).then_some(time),
        time_qualifier: None,
        zone: None,
    })
}

fn edifact_item() -> impl Strategy<Value = ItemId> {
    (code("[A-M][A-Z0-9]{1,2}"), text(35)).prop_map(|(qualifier, id)| ItemId { qualifier, id })
}

fn unit() -> impl Strategy<Value = Code> {
    code("[A-Z]{3}")
}

fn edifact_carrier() -> impl Strategy<Value = Carrier> {
    let parts = (of(code("[0-9]{2}")), code("[A-Z]{4}"), of(text(35)));
    parts.prop_map(|(method, scac, routing)| Carrier { method, scac: Some(scac), routing, payment: None })
}

pub(crate) fn insdes() -> impl Strategy<Value = WarehouseOrder> {
    let line = (1..9999_u32, quantity(9), unit(), vec(edifact_item(), 1..9), of(id(12)), vec(rff(), 0..3)).prop_map(
        |(number, quantity, unit, items, lot, references)| OrderLine {
            number,
            quantity,
            unit,
            items,
            lot,
            references,
            ..OrderLine::default()
        },
    );
    let head = (code("[0-9]"), text(35), of(text(30)), of(edifact_carrier()), vec(line, 0..4));
    (head, common()).prop_map(|((status, order_no, po, carrier, lines), (parties, references, dates))| WarehouseOrder {
        status,
        order_no,
        purchase_order_no: po,
        parties,
        references,
        dates,
        carrier,
        lines,
        ..WarehouseOrder::default()
    })
}

pub(crate) fn desadv() -> impl Strategy<Value = ShipmentConfirmation> {
    let counted = (quantity(9), unit(), of(quantity(9)), of((quantity(9), of(two()))));
    let ids = (vec(edifact_item(), 1..9), of(edifact_item()), of(id(12)));
    let line = (counted, ids, vec(rff(), 0..3)).prop_map(|(counted, (items, original, lot), references)| {
        let (shipped, unit, ordered, difference) = counted;
        ShippedLine {
            shipped: Some(shipped),
            unit: Some(unit),
            ordered,
            difference: difference.map(|(difference, _)| difference),
            difference_reason: difference.and_then(|(_, kind)| kind),
            items,
            original,
            lot,
            references,
            ..ShippedLine::default()
        }
    });
    let package = (1..9999_u32, vec(mark(), 0..3), vec(line, 0..4)).prop_map(|(number, marks, lines)| Package {
        number,
        marks,
        references: Vec::new(),
        lines,
    });
    let head = (code("[0-9]"), of(text(35)), of(date()), of(text(30)), of(text(30)));
    (head, of(edifact_carrier()), vec(package, 0..4), common()).prop_map(
        |((reporting, shipment_id, date, order_no, po), carrier, packages, (parties, references, dates))| {
            ShipmentConfirmation {
                reporting,
                shipment_id,
                date,
                order_no,
                purchase_order_no: po,
                parties,
                references,
                dates,
                carrier,
                packages,
                ..ShipmentConfirmation::default()
            }
        },
    )
}

pub(crate) fn recadv() -> impl Strategy<Value = ReceiptConfirmation> {
    let exception = (quantity(9), two(), of(two())).prop_map(|(quantity, condition, reason)| ReceiptException {
        quantity,
        condition,
        reason,
        ..ReceiptException::default()
    });
    let ids = (of(1..9999_u32), vec(edifact_item(), 1..9), of(id(12)));
    let line = (quantity(9), unit(), ids, vec(rff(), 0..3), vec(exception, 0..3)).prop_map(
        |(quantity, unit, (number, items, lot), references, exceptions)| ReceivedLine {
            number,
            quantity,
            unit,
            items,
            lot,
            references,
            exceptions,
            ..ReceivedLine::default()
        },
    );
    let head = (code("[0-9]"), of(date()), text(35), of(text(30)), of(text(30)), vec(line, 0..4));
    (head, common()).prop_map(|((reporting, date, receipt_no, order_no, shipment_id, lines), common)| {
        let (parties, references, dates) = common;
        ReceiptConfirmation {
            reporting,
            date,
            receipt_no,
            order_no,
            shipment_id,
            parties,
            references,
            dates,
            lines,
            ..ReceiptConfirmation::default()
        }
    })
}

pub(crate) fn invrpt() -> impl Strategy<Value = StockReport> {
    let quantity = (code("[0-9]{2,3}"), quantity(12), of(unit()))
        .prop_map(|(qualifier, quantity, unit)| ReportedQuantity { qualifier, quantity, unit });
    let parts = (vec(rff(), 0..3), vec(dtm_of("[5-9][0-9]{2}"), 0..3), vec(quantity, 0..4));
    let line = (of("[1-9][0-9]{0,3}"), vec(edifact_item(), 1..9), parts).prop_map(
        |(number, items, (references, dates, quantities))| StockLine { number, items, references, dates, quantities },
    );
    let head = (code("[0-9]"), code("[0-9]{2}"), text(35), of((date(), of(time()))), vec(line, 0..4));
    (head, common()).prop_map(|((purpose, kind, report_no, day, lines), (parties, references, dates))| StockReport {
        purpose,
        kind,
        report_no,
        date: day.map(|(date, _)| date),
        time: day.and_then(|(_, time)| time),
        dates,
        references,
        parties,
        lines,
        line_count: None,
        hash_total: None,
    })
}

pub(crate) fn invrpt_movements() -> impl Strategy<Value = StockAdjustment> {
    let counted = (quantity(9), any::<bool>(), unit(), two(), of(code("[0-9]")));
    let line = (counted, vec(edifact_item(), 1..9), of(id(12)), vec(rff(), 0..3)).prop_map(
        |((quantity, out, unit, reason, transaction), items, lot, references)| AdjustedLine {
            reason,
            quantity: if out { -quantity } else { quantity },
            unit,
            items,
            lot,
            transaction,
            references,
            ..AdjustedLine::default()
        },
    );
    (of(text(35)), of(date()), vec(line, 1..4), common()).prop_map(
        |(adjustment_no, date, lines, (parties, references, dates))| StockAdjustment {
            date,
            adjustment_no,
            parties,
            references,
            dates,
            lines,
            ..StockAdjustment::default()
        },
    )
}
