//! What documents have in common.

use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

use crate::Code;

/// An item's id under one qualifier (elements 235 and 234; 7143 and 7140).
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct ItemId {
    /// Such as `VN`, `SK`, `UP` in X12, `SA`, `IN`, `SRV` in EDIFACT.
    pub qualifier: Code,
    /// The id.
    pub id: String,
}

/// A reference number (N9, REF, L11; RFF).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// Element 128; 1153.
    pub qualifier: Code,
    /// Element 127; 1154.
    pub value: Option<String>,
    /// N903, REF03, L1103: free text. EDIFACT has none.
    pub text: Option<String>,
}

/// A date, a time, or both, with what they are about (G62, DTM).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Element 432 or 374; 2005.
    pub qualifier: Code,
    /// The date.
    pub date: Option<Date>,
    /// The time, in the zone of element 623 or local where there is none.
    pub time: Option<Time>,
    /// Element 176, what the time is about, where a G62 has one.
    pub time_qualifier: Option<Code>,
    /// Element 623, such as `UT`, `ET`, `LT`.
    pub zone: Option<Code>,
}

/// A party with its address and contacts (N1 to N4 and PER; NAD, CTA and COM). Personal data: it belongs into no log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Participant {
    /// Element 98 (`ST`, `SF`, `WH`); 3035 (`DP`, `SU`, `WH`).
    pub role: Code,
    /// N102; the first 3036.
    pub name: Option<String>,
    /// N103 and N104; 3055 and 3039.
    pub id: Option<ItemId>,
    /// N2; further 3036.
    pub more_names: Vec<String>,
    /// N3; 3042.
    pub street: Vec<String>,
    /// N401; 3164.
    pub city: Option<String>,
    /// N402; 3229.
    pub region: Option<String>,
    /// N403; 3251.
    pub postal_code: Option<String>,
    /// N404; 3207.
    pub country: Option<String>,
    /// PER. Not read from EDIFACT.
    pub contacts: Vec<Contact>,
}

/// A contact of a party (PER).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// PER01, element 366.
    pub function: Code,
    /// PER02.
    pub name: Option<String>,
    /// Kinds (element 365: `TE`, `EM`) and numbers (element 364), three at most.
    pub numbers: Vec<(Code, String)>,
}

/// A number on a package (MAN; GIN): an SSCC, a carrier's tracking number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Element 88: `GM` SSCC, `CP` carrier's package id; 7405: `BJ` SSCC.
    pub qualifier: Code,
    /// The number.
    pub number: String,
}

/// Free text (NTE).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// NTE01, element 363.
    pub code: Option<Code>,
    /// NTE02.
    pub text: String,
}

/// How the goods travel (W66, W27, TD5; TDT).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Carrier {
    /// Element 91, such as `M` motor, `A` air; 8067.
    pub method: Option<Code>,
    /// Element 140, the carrier's code of 2 to 4 letters; 3127.
    pub scac: Option<Code>,
    /// Element 387, routing in words or a service; 3128.
    pub routing: Option<String>,
    /// Element 146, who pays: `PP`, `CC`. EDIFACT has it elsewhere.
    pub payment: Option<Code>,
}

/// The totals at a document's end (W03, W14, W76).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    /// W0301, W1401, W7601: units ordered, shipped or received.
    pub units: Decimal,
    /// W0302, W7602. In W14 there is none.
    pub weight: Option<Decimal>,
    /// W0303, W7603: the weight's unit, such as `LB`.
    pub weight_unit: Option<Code>,
}

/// Adds to a list that has one entry in most documents: the first one takes the room of one, where `Vec` takes that of four.
pub(super) fn push<T>(list: &mut Vec<T>, entry: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(entry);
}
