//! The tables of codes, each with its source, and what they make of documents.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::strict;
use edi::codes::*;
use edi::documents::{Document, ShippedLine, check_totals};
use edi::samples::{EDIFACT_DESADV, X12_945};
use edi::{Code, Problem};
use rust_decimal::Decimal;

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

/// Every code of a row of a table means the same.
fn rows<M: PartialEq + std::fmt::Debug + Copy>(rows: &[(&str, M)], meaning: impl Fn(Code) -> M) {
    for (codes, expected) in rows {
        for each in codes.split(' ') {
            assert_eq!(meaning(code(each)), *expected, "{each}");
        }
    }
}

#[test]
fn w12_01_means_what_the_ecomtoday_4010_page_and_x12_types_name() {
    use LineOutcome::*;
    let table = [
        ("CC CL SH RC", Shipped),
        ("CM SA", OverShipped),
        ("CS IS", Substituted),
        ("CP", ShortClosed),
        ("BP PR", ShortOpen),
        ("SC SK", Short),
        ("SS", Partial),
        ("BO BK BM", Backordered),
        ("OR DS", NotShipped),
        ("CU IC CK DE", Cancelled),
        ("SD", Exception),
        ("PH UN", Held),
        ("ZZ AA 99", Review),
    ];
    rows(&table, |code| line_outcome(code, &Overrides::new()));
    let overrides = Overrides::from([(code("ZZ"), Shipped), (code("CC"), Review)]);
    assert_eq!(line_outcome(code("ZZ"), &overrides), Shipped);
    assert_eq!(line_outcome(code("CC"), &overrides), Review);
}

#[test]
fn w19_01_means_what_the_stedi_7010_and_zenbridge_4010_pages_name() {
    use AdjustmentEffect::*;
    let table = [
        (
            "03 04 06 07 51 52 53 54 56 AA AB AD AE AF AG AH AI AK AL AN AP AR AS AT AU AV AW AX AY BA BM BR BS CD CO",
            OnHand,
        ),
        // A change of status, not of stock: nothing is added to what is on hand.
        ("05 08", OnHold),
        ("55 88", OffHold),
        ("AC", Condition),
        ("99 ZZ", Review),
    ];
    rows(&table, |code| adjustment(code, &Overrides::new()));
}

#[test]
fn w13_03_means_what_the_tediware_8010_page_names() {
    use ReceivingCondition::*;
    let table = [
        ("01", Damaged),
        ("02", Short),
        ("03", Over),
        ("04", Quality),
        ("05", WrongProduct),
        ("06", Container),
        ("07 99", Review),
    ];
    rows(&table, |code| receiving_condition(code, &Overrides::new()));
}

#[test]
fn at7_01_means_what_the_stedi_4030_page_and_the_ustranscom_list_name() {
    use TrackingStatus::*;
    let table = [
        ("XB OO", Accepted),
        ("X3 X8 L1 AM CP", AtPickup),
        ("AF P1 X4 X6 R1 J1 BA AN AR RL I1 BC", InTransit),
        ("X1 X5 S1 AJ AV", OutForDelivery),
        ("AG X2 B6 C1", EtaUpdate),
        ("D1 CB", Delivered),
        ("CD", Departed),
        ("PA", PartlyDelivered),
        ("AH AP A7", DeliveryFailed),
        ("SD A9 K1 PR AI BO", Exception),
        ("A3", Returned),
        ("CA", Cancelled),
        ("ZZ", Review),
    ];
    rows(&table, |code| tracking_status(code, &Overrides::new()));
    // USTRANSCOM uses XB for proof of delivery that the 3PL holds: a partner may say so.
    let overrides = Overrides::from([(code("XB"), Delivered)]);
    assert_eq!(tracking_status(code("XB"), &overrides), Delivered);
}

#[test]
fn quantities_of_an_846_mean_only_what_the_partner_says() {
    for each in ["33", "17", "QA", "02", "34", "QH", "QB", "87", "63", "1"] {
        assert_eq!(stock_kind(code(each), &StockCodes::new()), None, "{each}");
    }
    let codes = StockCodes::from([(code("33"), StockKind::Available), (code("17"), StockKind::OnHand)]);
    assert_eq!(stock_kind(code("33"), &codes), Some(StockKind::Available));
}

fn line(status: &str, ordered: i64, shipped: i64) -> ShippedLine {
    let (ordered, shipped) = (Some(Decimal::from(ordered)), Some(Decimal::from(shipped)));
    ShippedLine { status: code(status), ordered, shipped, ..ShippedLine::default() }
}

#[test]
fn a_code_that_contradicts_its_quantities_is_told() {
    let judge = |line: &ShippedLine| edi::codes::judge(line, &Overrides::new());
    assert_eq!(judge(&line("CC", 5, 5)), Ok(LineOutcome::Shipped));
    assert_eq!(judge(&line("CP", 5, 3)), Ok(LineOutcome::ShortClosed));
    assert_eq!(judge(&line("CM", 5, 6)), Ok(LineOutcome::OverShipped));
    assert_eq!(judge(&line("BO", 5, 0)), Ok(LineOutcome::Backordered));
    let wrong = judge(&line("CC", 5, 3)).unwrap_err();
    assert_eq!((wrong.by_code, wrong.by_quantities), (LineOutcome::Shipped, LineOutcome::Short));
    assert!(judge(&line("CP", 5, 0)).is_err());
    assert!(judge(&line("CU", 5, 5)).is_err());
    assert!(judge(&line("CC", 5, 6)).is_err());
    // Ordered and difference, without what was shipped.
    let by_difference = ShippedLine { shipped: None, difference: Some(Decimal::from(2)), ..line("CC", 5, 0) };
    assert!(judge(&by_difference).is_err());
    let unknown = ShippedLine { status: code("CC"), ..ShippedLine::default() };
    assert_eq!(judge(&unknown), Ok(LineOutcome::Shipped));
}

#[test]
fn c15_a_945_whose_lines_disagree_with_its_totals_is_told_where() {
    let right = strict(X12_945.as_bytes());
    assert_eq!(check_totals(&right.sets[0]), Ok(()));
    let text = X12_945.replace("W03*13*", "W03*14*");
    let wrong = strict(text.as_bytes());
    // As EDI it is right, so it is acknowledged; what it says is quarantined.
    assert!(wrong.complaints().is_empty());
    let complaint = check_totals(&wrong.sets[0]).unwrap_err();
    assert_eq!(complaint.problem, Problem::TotalsDisagree);
    assert_eq!(complaint.position.byte as usize, text.find("W03*14").unwrap() + 4);
    assert_eq!((complaint.found.as_deref(), complaint.expected.as_deref()), (Some("14"), Some("13")));
    // A line that contradicts itself.
    let text = X12_945.replace("W12*CP*5*3*2*", "W12*CP*5*3*1*");
    let complaint = check_totals(&strict(text.as_bytes()).sets[0]).unwrap_err();
    assert_eq!((complaint.position.segment, complaint.position.element), (Some(13), Some(4)));
    // The other sign is the partner's way to say the same.
    let text = X12_945.replace("W12*CP*5*3*2*", "W12*CP*5*3*-2*");
    assert_eq!(check_totals(&strict(text.as_bytes()).sets[0]), Ok(()));
}

#[test]
fn c15_a_desadv_whose_lines_disagree_with_its_control_total_is_told_where() {
    assert_eq!(check_totals(&strict(EDIFACT_DESADV.as_bytes()).sets[0]), Ok(()));
    let text = EDIFACT_DESADV.replace("CNT+2:2", "CNT+2:3");
    let complaint = check_totals(&strict(text.as_bytes()).sets[0]).unwrap_err();
    assert_eq!((complaint.problem, complaint.position.component), (Problem::TotalsDisagree, Some(2)));
}

#[test]
fn a_945_and_a_desadv_of_the_same_shipment_say_the_same() {
    let read = |text: &str| match Document::read(&strict(text.as_bytes()).sets[0]).unwrap().unwrap() {
        Document::ShipmentConfirmation(shipment) => shipment,
        other => panic!("{other:?}"),
    };
    let (x12, edifact) = (read(X12_945), read(EDIFACT_DESADV));
    assert_eq!(x12.order_no, edifact.order_no);
    assert_eq!(x12.shipment_id, edifact.shipment_id);
    assert_eq!(x12.date, edifact.date);
    let lines = |shipment: &edi::documents::ShipmentConfirmation| -> Vec<(String, Option<Decimal>, Option<Decimal>)> {
        let lines = shipment.packages.iter().flat_map(|package| &package.lines);
        lines.map(|line| (line.items[0].id.clone(), line.shipped, line.difference.filter(|d| !d.is_zero()))).collect()
    };
    assert_eq!(lines(&x12), lines(&edifact));
    assert_eq!(x12.packages[0].marks[0].number, edifact.packages[0].marks[0].number);
}
