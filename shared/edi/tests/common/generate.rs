//! Documents of any content that their sets can say.
#![allow(dead_code, clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use edi::Code;
use edi::documents::*;
use jiff::civil::{Date, Time};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rust_decimal::Decimal;

pub(crate) fn code(pattern: &'static str) -> impl Strategy<Value = Code> {
    pattern.prop_map(|text| Code::new(&text).unwrap())
}

fn two() -> impl Strategy<Value = Code> {
    code("[A-Z0-9]{2}")
}

/// Text of X12, without the delimiters that the tests write with.
fn text(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Za-z0-9 .,/&()'+:?ÄéŁ-]{{1,{max}}}")).unwrap()
}

/// An id: no spaces, at least two characters.
fn id(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Z0-9-]{{2,{max}}}")).unwrap()
}

fn quantity(digits: u32) -> impl Strategy<Value = Decimal> {
    (0..10_i64.pow(digits.min(15)), 0..3_u32).prop_map(|(number, scale)| Decimal::new(number, scale).normalize())
}

fn signed(digits: u32) -> impl Strategy<Value = Decimal> {
    (quantity(digits), any::<bool>()).prop_map(|(number, negative)| if negative { -number } else { number })
}

fn date() -> impl Strategy<Value = Date> {
    (1970..2100_i16, 1..13_i8, 1..29_i8).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn time() -> impl Strategy<Value = Time> {
    (0..24_i8, 0..60_i8, 0..60_i8, 0..100_i32)
        .prop_map(|(hour, minute, second, part)| Time::new(hour, minute, second, part * 10_000_000).unwrap())
}

fn item() -> impl Strategy<Value = ItemId> {
    (two(), id(20)).prop_map(|(qualifier, id)| ItemId { qualifier, id })
}

fn upc() -> impl Strategy<Value = Option<String>> {
    of("[0-9]{12}")
}

fn reference() -> impl Strategy<Value = Reference> {
    // At least one of the value and the text.
    (two(), id(30), of(text(45)), any::<bool>()).prop_map(|(qualifier, value, text, valued)| Reference {
        qualifier,
        value: (valued || text.is_none()).then_some(value),
        text,
    })
}

fn g62() -> impl Strategy<Value = Moment> {
    (two(), date(), of((code("[A-Z]{1,2}"), time())), two()).prop_map(|(qualifier, date, clock, zone)| Moment {
        qualifier,
        date: Some(date),
        time_qualifier: clock.map(|(qualifier, _)| qualifier),
        time: clock.map(|(_, time)| time),
        zone: clock.map(|_| zone),
    })
}

fn dtm() -> impl Strategy<Value = Moment> {
    (code("[0-9]{3}"), date(), of((time(), of(two())))).prop_map(|(qualifier, date, clock)| Moment {
        qualifier,
        date: Some(date),
        time: clock.map(|(time, _)| time),
        time_qualifier: None,
        zone: clock.and_then(|(_, zone)| zone),
    })
}

fn contact() -> impl Strategy<Value = Contact> {
    (two(), of(text(30)), vec((two(), text(30)), 0..4)).prop_map(|(function, name, numbers)| Contact {
        function,
        name,
        numbers,
    })
}

fn party(contacts: usize) -> impl Strategy<Value = Participant> {
    let address = (of(id(20)), of(two()), of("[0-9]{5}"), of("[A-Z]{2}"));
    // N1 needs a name or an id.
    (two(), text(30), of(item()), of(text(20)), vec(text(30), 0..3), address, vec(contact(), 0..=contacts)).prop_map(
        |(role, name, id, more, street, (city, region, postal_code, country), contacts)| Participant {
            role,
            name: Some(name),
            id,
            more_names: more.into_iter().collect(),
            street,
            city,
            region: region.map(|region| region.to_string()),
            postal_code,
            country,
            contacts,
        },
    )
}

fn note() -> impl Strategy<Value = Note> {
    (of(code("[A-Z]{3}")), text(60)).prop_map(|(code, text)| Note { code, text })
}

fn mark() -> impl Strategy<Value = Mark> {
    (two(), id(40)).prop_map(|(qualifier, number)| Mark { qualifier, number })
}

fn carrier() -> impl Strategy<Value = Carrier> {
    (code("[A-Z]{1,2}"), of(code("[A-Z]{2,4}")), of(text(35)), two()).prop_map(|(method, scac, routing, payment)| {
        Carrier { method: Some(method), scac, routing, payment: Some(payment) }
    })
}

fn totals() -> impl Strategy<Value = Totals> {
    (quantity(9), of((quantity(7), two()))).prop_map(|(units, weight)| Totals {
        units,
        weight: weight.map(|(weight, _)| weight),
        weight_unit: weight.map(|(_, unit)| unit),
    })
}

/// W12 and W19 need a UPC or an id.
fn identified(most: usize) -> impl Strategy<Value = (Option<String>, Vec<ItemId>)> {
    (upc(), vec(item(), 1..=most))
}

pub(crate) fn warehouse_order() -> impl Strategy<Value = WarehouseOrder> {
    let line = (quantity(9), two(), upc(), vec(item(), 0..4), of(id(12)), vec(text(45), 0..3), vec(reference(), 0..3))
        .prop_map(|(quantity, unit, upc, items, lot, descriptions, references)| OrderLine {
            number: 0,
            quantity,
            unit,
            upc,
            items,
            lot,
            descriptions,
            references,
        });
    let lines = vec((line, any::<bool>()), 0..6).prop_map(|lines| {
        let mut number = 0;
        let numbered = lines.into_iter().map(|(mut line, next)| {
            number += u32::from(next || number == 0);
            line.number = number;
            line
        });
        numbered.collect()
    });
    let head = (code("[A-Z]"), id(22), of(id(22)), vec(party(2), 0..4), vec(reference(), 0..4));
    let rest = (vec(g62(), 0..4), vec(note(), 0..3), of(carrier()), lines, of(totals()));
    (head, rest).prop_map(|((status, order_no, purchase_order_no, parties, references), rest)| {
        let (dates, notes, carrier, lines, totals) = rest;
        WarehouseOrder {
            status,
            order_no,
            purchase_order_no,
            parties,
            references,
            dates,
            notes,
            carrier,
            lines,
            totals,
        }
    })
}

pub(crate) fn inbound_notice() -> impl Strategy<Value = InboundNotice> {
    let line = (quantity(9), two(), upc(), vec(item(), 0..3), vec(text(45), 0..3), vec(reference(), 0..3)).prop_map(
        |(quantity, unit, upc, items, descriptions, references)| InboundLine {
            quantity,
            unit,
            upc,
            items,
            descriptions,
            references,
        },
    );
    let head = (code("[JCF]"), of(id(22)), of(date()), of(id(30)), of(id(22)), vec(party(2), 1..4));
    let rest = (vec(reference(), 0..4), vec(g62(), 0..4), vec(note(), 0..3), carrier(), vec(line, 1..5), totals());
    (head, rest).prop_map(|((reporting, order_no, date, shipment_id, po, parties), rest)| {
        let (references, dates, notes, carrier, lines, totals) = rest;
        InboundNotice {
            reporting,
            order_no,
            date,
            shipment_id,
            purchase_order_no: po,
            parties,
            references,
            dates,
            notes,
            carrier,
            lines,
            totals: Some(totals),
        }
    })
}

fn shipped_line() -> impl Strategy<Value = ShippedLine> {
    let quantities = (two(), of(quantity(9)), of(quantity(9)), of(signed(8)), of(two()));
    let ids = (identified(2), of(id(12)), upc(), of(item()), of(two()));
    (quantities, ids, vec(text(45), 0..2), vec(reference(), 0..3)).prop_map(|(quantities, ids, texts, references)| {
        let (status, ordered, shipped, difference, unit) = quantities;
        let ((upc, items), lot, original_upc, original, difference_reason) = ids;
        ShippedLine {
            status,
            ordered,
            shipped,
            difference,
            unit,
            upc,
            items,
            lot,
            original_upc,
            original,
            difference_reason,
            descriptions: texts,
            references,
        }
    })
}

pub(crate) fn shipment() -> impl Strategy<Value = ShipmentConfirmation> {
    let package = (1..999_999_u32, vec(mark(), 0..3), vec(reference(), 0..3), vec(shipped_line(), 0..4))
        .prop_map(|(number, marks, references, lines)| Package { number, marks, references, lines });
    let head = (code("[FNS]"), of(id(22)), of(date()), of(id(30)), of(id(22)), vec(party(2), 1..4));
    let rest =
        (vec(reference(), 0..4), vec(g62(), 0..4), vec(note(), 0..3), of(carrier()), vec(package, 0..4), of(totals()));
    (head, rest).prop_map(|((reporting, order_no, date, shipment_id, po, parties), rest)| {
        let (references, dates, notes, carrier, packages, totals) = rest;
        ShipmentConfirmation {
            reporting,
            order_no,
            date,
            shipment_id,
            purchase_order_no: po,
            parties,
            references,
            dates,
            notes,
            carrier,
            packages,
            totals,
        }
    })
}

/// `loops` writes lines in LX loops, as 5010 wants them.
pub(crate) fn receipt(loops: bool) -> impl Strategy<Value = ReceiptConfirmation> {
    let exception = (quantity(9), two(), two(), of(two()), vec(reference(), 0..2)).prop_map(
        |(quantity, unit, condition, reason, references)| ReceiptException {
            quantity,
            unit,
            condition,
            reason,
            references,
        },
    );
    let parts = (vec(text(45), 0..2), vec(reference(), 0..2), vec(exception, 0..3));
    let line = (quantity(6), two(), upc(), vec(item(), 0..3), of(id(12)), parts, vec(mark(), 0..2)).prop_map(
        move |(quantity, unit, upc, items, lot, (descriptions, references, exceptions), mut marks)| {
            marks.truncate(1);
            ReceivedLine {
                number: None,
                marks: if loops { marks } else { Vec::new() },
                quantity,
                unit,
                upc,
                items,
                lot,
                descriptions,
                references,
                exceptions,
            }
        },
    );
    let lines = vec(line, 1..5).prop_map(move |mut lines| {
        for (at, line) in lines.iter_mut().enumerate() {
            line.number = loops.then_some(at as u32 + 1);
        }
        lines
    });
    let head = (code("[JCF]"), date(), id(12), of(id(22)), of(id(30)), vec(party(2), 1..4));
    let rest = (vec(reference(), 0..4), vec(g62(), 0..4), vec(note(), 0..3), lines);
    let sums = (quantity(6), of(quantity(9)), of(quantity(8)));
    (head, rest, sums).prop_map(|((reporting, date, receipt_no, order_no, shipment_id, parties), rest, sums)| {
        let (references, dates, notes, lines) = rest;
        ReceiptConfirmation {
            reporting,
            date: Some(date),
            receipt_no,
            order_no,
            shipment_id,
            parties,
            references,
            dates,
            notes,
            lines,
            received: Some(sums.0),
            shipped: sums.1,
            exceptions: sums.2,
        }
    })
}

pub(crate) fn stock_report() -> impl Strategy<Value = StockReport> {
    let quantity = (two(), signed(12), of(two())).prop_map(|(qualifier, quantity, unit)| ReportedQuantity {
        qualifier,
        quantity,
        unit,
    });
    let line =
        (of(id(20)), vec(item(), 1..16), vec(reference(), 0..3), vec(dtm(), 0..3), vec(quantity, 0..5)).prop_map(
            |(number, items, references, dates, quantities)| StockLine { number, items, references, dates, quantities },
        );
    let head = (two(), two(), id(30), date(), of(time()), vec(dtm(), 0..4));
    let rest = (vec(reference(), 0..4), vec(party(2), 0..4), vec(line, 1..5), of((quantity_count(), of(quantity_9()))));
    (head, rest).prop_map(|((purpose, kind, report_no, date, time, dates), (references, parties, lines, totals))| {
        StockReport {
            purpose,
            kind,
            report_no,
            date: Some(date),
            time,
            dates,
            references,
            parties,
            lines,
            line_count: totals.map(|(count, _)| count),
            hash_total: totals.and_then(|(_, hash)| hash),
        }
    })
}

fn quantity_count() -> impl Strategy<Value = Decimal> {
    (1..1000_i64).prop_map(Decimal::from)
}

fn quantity_9() -> impl Strategy<Value = Decimal> {
    quantity(9)
}

pub(crate) fn stock_adjustment() -> impl Strategy<Value = StockAdjustment> {
    let parts = (vec(text(45), 0..2), vec(reference(), 0..3));
    let line = (two(), signed(9), two(), identified(3), of(id(12)), of(two()), parts).prop_map(
        |(reason, quantity, unit, (upc, items), lot, transaction, (descriptions, references))| AdjustedLine {
            reason,
            quantity,
            unit,
            upc,
            items,
            lot,
            transaction,
            descriptions,
            references,
        },
    );
    let head = (date(), of(id(22)), of(id(22)), vec(party(2), 1..4));
    let rest = (vec(reference(), 0..4), vec(g62(), 0..4), vec(note(), 0..3), vec(line, 1..5));
    (head, rest).prop_map(|((date, adjustment_no, depositor_no, parties), (references, dates, notes, lines))| {
        StockAdjustment { date: Some(date), adjustment_no, depositor_no, parties, references, dates, notes, lines }
    })
}

fn noticed_item() -> impl Strategy<Value = NoticedItem> {
    let counted = (quantity(9), two(), of((quantity(9), two())), of(two()));
    let parts = (vec(text(60), 0..2), vec(reference(), 0..2), vec(mark(), 0..2));
    (of(id(20)), vec(item(), 1..4), of(counted), parts).prop_map(
        |(number, items, counted, (descriptions, references, marks))| NoticedItem {
            number,
            items,
            shipped: counted.map(|(shipped, ..)| shipped),
            unit: counted.map(|(_, unit, ..)| unit),
            ordered: counted.and_then(|(_, _, ordered, _)| ordered),
            status: counted.and_then(|(.., status)| status),
            descriptions,
            references,
            marks,
        },
    )
}

pub(crate) fn ship_notice() -> impl Strategy<Value = ShipNotice> {
    let pack = || {
        (vec(mark(), 0..3), vec(noticed_item(), 0..3)).prop_map(|(marks, items)| ShipNoticePackage {
            level: Code::new("P").unwrap(),
            marks,
            packages: Vec::new(),
            items,
        })
    };
    let tare = (vec(mark(), 0..2), vec(pack(), 0..3)).prop_map(|(marks, packages)| ShipNoticePackage {
        level: Code::new("T").unwrap(),
        marks,
        packages,
        items: Vec::new(),
    });
    let packages = vec(prop_oneof![pack(), tare], 0..3);
    let order = (of((id(22), of(date()))), vec(reference(), 0..3), packages, vec(noticed_item(), 0..3)).prop_map(
        |(number, references, packages, items)| ShipNoticeOrder {
            purchase_order_no: number.as_ref().map(|(number, _)| number.clone()),
            date: number.and_then(|(_, date)| date),
            references,
            packages,
            items,
        },
    );
    let carrier = (code("[A-Z]{1,2}"), of(code("[A-Z]{2,4}")), of(text(35)))
        .prop_map(|(method, scac, routing)| Carrier { method: Some(method), scac, routing, payment: None });
    let load = (of("[A-Z]{3}"), (1..999_i64).prop_map(Decimal::from), of((code("[A-Z]{1,2}"), quantity(7), two())));
    let head = (two(), id(30), date(), time(), vec(dtm(), 0..4));
    let rest = (of(load), of(carrier), vec(reference(), 0..3), vec(party(2), 0..3), vec(order, 0..3));
    (head, rest).prop_map(|((purpose, shipment_id, date, time, dates), rest)| {
        let (load, carrier, references, parties, orders) = rest;
        ShipNotice {
            purpose,
            shipment_id,
            date: Some(date),
            time: Some(time),
            dates,
            packaging: load.as_ref().and_then(|(packaging, ..)| packaging.clone()),
            package_count: load.as_ref().map(|(_, count, _)| *count),
            weight: load.and_then(|(.., weight)| weight),
            carrier,
            references,
            parties,
            orders,
        }
    })
}
