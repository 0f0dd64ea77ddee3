//! What is written is read again as it was, for every document.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "common/generate.rs"]
mod generate;
#[path = "common/generate_more.rs"]
mod generate_more;

use std::fmt::Debug;

use common::strict;
use edi::documents::{EdifactMessage, X12Document};
use edi::{Delimiters, Party, Terminator, Usage, WriteError, edifact, x12};
use proptest::prelude::*;

fn delimiters(other: bool) -> Delimiters {
    if other {
        Delimiters { segment: Terminator::byte(b'|'), element: b'!', component: b'<', ..Delimiters::X12 }
    } else {
        Delimiters::X12
    }
}

fn x12_file<D: X12Document>(documents: &[D], version: &str, other: bool) -> Result<Vec<u8>, WriteError> {
    let mut writer = x12::Writer::new(&x12::InterchangeHeader {
        sender: Party::new("ZZ", "DISTRIBUTOR"),
        receiver: Party::new("14", "WAREHOUSE1"),
        date: "261127".into(),
        time: "0930".into(),
        version: if version == "005010" { "00501".into() } else { "00401".into() },
        control: 42,
        wants_acknowledgment: true,
        usage: Usage::Test,
        delimiters: delimiters(other),
        line_breaks: other,
    })?;
    writer.group(&x12::GroupHeader {
        code: D::GROUP.into(),
        sender: "DISTRIBUTOR".into(),
        receiver: "WAREHOUSE1".into(),
        date: "20261127".into(),
        time: "0930".into(),
        control: 7,
        version: version.into(),
    })?;
    for (at, document) in documents.iter().enumerate() {
        writer.set(D::SET, &format!("{:04}", at + 1), |body| document.write_x12(body))?;
    }
    writer.finish()
}

fn x12_again<D: X12Document + PartialEq + Debug>(documents: &[D], version: &str, other: bool) {
    let file = x12_file(documents, version, other).unwrap();
    let told = strict(&file);
    assert_eq!(told.complaints(), []);
    assert_eq!(told.interchanges[0].usage, Usage::Test);
    let read: Vec<D> = told.sets.iter().map(|set| D::read_x12(set).unwrap()).collect();
    assert_eq!(read, documents);
}

fn edifact_again<D: EdifactMessage + PartialEq + Debug>(documents: &[D], other: bool) {
    let mut delimiters = Delimiters::EDIFACT;
    if other {
        delimiters = Delimiters { element: b'*', decimal: b',', segment: Terminator::byte(b'~'), ..delimiters };
    }
    let header = edifact::InterchangeHeader {
        sender: Party::new("14", "WAREHOUSE1"),
        receiver: Party::new("", "DISTRIBUTOR"),
        date: "261127".into(),
        time: "0930".into(),
        control: "REF42".into(),
        usage: Usage::Production,
        wants_acknowledgment: other,
        delimiters,
        line_breaks: other,
    };
    let mut writer = edifact::Writer::new(&header).unwrap();
    for (at, document) in documents.iter().enumerate() {
        let header = edifact::MessageHeader {
            control: format!("{}", at + 1),
            kind: D::KIND.into(),
            version: D::VERSION.into(),
            association: other.then(|| "EAN011".into()),
        };
        writer.message(&header, |body| document.write_edifact(body)).unwrap();
    }
    let file = writer.finish().unwrap();
    let told = strict(&file);
    assert_eq!(told.complaints(), []);
    let read: Vec<D> = told.sets.iter().map(|set| D::read_edifact(set).unwrap()).collect();
    assert_eq!(read, documents);
}

macro_rules! x12_documents {
    ($($name:ident: $strategy:expr, $version:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(documents in proptest::collection::vec($strategy, 1..4), other: bool) {
                x12_again(&documents, $version, other);
            })*
        }
    };
}

x12_documents! {
    a_940_is_read_as_it_was_written: generate::warehouse_order(), "004010";
    a_940_of_5010_is_read_as_it_was_written: generate::warehouse_order(), "005010";
    a_943_is_read_as_it_was_written: generate::inbound_notice(), "004010";
    a_943_of_5010_is_read_as_it_was_written: generate::inbound_notice(), "005010";
    a_944_is_read_as_it_was_written: generate::receipt(false), "004010";
    a_944_of_5010_is_read_as_it_was_written: generate::receipt(true), "005010";
    a_945_is_read_as_it_was_written: generate::shipment(), "004010";
    a_945_of_5010_is_read_as_it_was_written: generate::shipment(), "005010";
    a_947_is_read_as_it_was_written: generate::stock_adjustment(), "004010";
    a_947_of_5010_is_read_as_it_was_written: generate::stock_adjustment(), "005010";
    an_846_is_read_as_it_was_written: generate::stock_report(), "004010";
    an_846_of_5010_is_read_as_it_was_written: generate::stock_report(), "005010";
    an_856_is_read_as_it_was_written: generate::ship_notice(), "004010";
    an_856_of_5010_is_read_as_it_was_written: generate::ship_notice(), "005010";
    a_214_is_read_as_it_was_written: generate_more::tracking(), "004010";
    a_214_of_5010_is_read_as_it_was_written: generate_more::tracking(), "005010";
    a_180_is_read_as_it_was_written: generate_more::return_notice(), "004010";
    a_180_of_5010_is_read_as_it_was_written: generate_more::return_notice(), "005010";
    an_850_is_read_as_it_was_written: generate_more::purchase_order(), "004010";
    an_850_of_5010_is_read_as_it_was_written: generate_more::purchase_order(), "005010";
    an_855_is_read_as_it_was_written: generate_more::purchase_order_acknowledgment(), "004010";
    an_855_of_5010_is_read_as_it_was_written: generate_more::purchase_order_acknowledgment(), "005010";
}

macro_rules! edifact_documents {
    ($($name:ident: $strategy:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(documents in proptest::collection::vec($strategy, 1..4), other: bool) {
                edifact_again(&documents, other);
            })*
        }
    };
}

edifact_documents! {
    an_insdes_is_read_as_it_was_written: generate_more::insdes();
    a_desadv_is_read_as_it_was_written: generate_more::desadv();
    a_recadv_is_read_as_it_was_written: generate_more::recadv();
    an_invrpt_is_read_as_it_was_written: generate_more::invrpt();
    an_invrpt_of_movements_is_read_as_it_was_written: generate_more::invrpt_movements();
}
