//! Whether a document's lines add up to its totals.

use alloc::boxed::Box;
use rust_decimal::Decimal;

use super::x12::{decimal, plain, wrong};
use crate::Set;
use crate::complaint::{Complaint, Position, Problem};
use crate::segment::Segment;

/// Where a total is told, and what it is the total of.
struct Rule {
    set: &'static str,
    total: &'static [u8],
    element: u16,
    line: &'static [u8],
    of: Of,
}

enum Of {
    /// The sum of an element of the lines.
    Sum(u16),
    /// How many lines there are.
    Count,
}

/// Sources: the names of the elements in the published segment pages; CTT01 counts lines (HL loops in an 856), CTT02 is the
/// sum of quantities.
const RULES: [Rule; 12] = [
    Rule { set: "940", total: b"W76", element: 1, line: b"W01", of: Of::Sum(1) },
    Rule { set: "943", total: b"W03", element: 1, line: b"W04", of: Of::Sum(1) },
    Rule { set: "944", total: b"W14", element: 1, line: b"W07", of: Of::Sum(1) },
    Rule { set: "945", total: b"W03", element: 1, line: b"W12", of: Of::Sum(3) },
    Rule { set: "846", total: b"CTT", element: 1, line: b"LIN", of: Of::Count },
    Rule { set: "846", total: b"CTT", element: 2, line: b"QTY", of: Of::Sum(2) },
    Rule { set: "850", total: b"CTT", element: 1, line: b"PO1", of: Of::Count },
    Rule { set: "850", total: b"CTT", element: 2, line: b"PO1", of: Of::Sum(2) },
    Rule { set: "855", total: b"CTT", element: 1, line: b"PO1", of: Of::Count },
    Rule { set: "855", total: b"CTT", element: 2, line: b"PO1", of: Of::Sum(2) },
    Rule { set: "856", total: b"CTT", element: 1, line: b"HL", of: Of::Count },
    Rule { set: "856", total: b"CTT", element: 2, line: b"SN1", of: Of::Sum(2) },
];

/// Holds a document's totals against its lines: W03, W14, W76, CTT, CNT. A document whose totals disagree is quarantined
/// ([`Problem::TotalsDisagree`]), since either may be the one that is right.
///
/// Partners may count other units in the total than in the lines (cartons and eaches); do not call this for
/// such a partner. Documents without totals agree.
pub fn check_totals(set: &Set) -> Result<(), Box<Complaint>> {
    for rule in RULES.iter().filter(|rule| set.id == rule.set) {
        let mut sum = Decimal::ZERO;
        for segment in set.segments.iter() {
            if segment.tag() == rule.line {
                let more = match rule.of {
                    Of::Sum(element) => decimal(&segment, element)?.unwrap_or_default(),
                    Of::Count => Decimal::ONE,
                };
                sum = sum.checked_add(more).ok_or_else(|| disagrees(&segment, 1, Decimal::MAX))?;
            }
            let told = if segment.tag() == rule.total { decimal(&segment, rule.element)? } else { None };
            if told.is_some_and(|told| told != sum) {
                return Err(disagrees(&segment, rule.element, sum));
            }
        }
    }
    match set.id.as_str() {
        "945" => differences(set),
        "DESADV" | "RECADV" => controls(set),
        _ => Ok(()),
    }
}

fn disagrees(segment: &Segment<'_>, element: u16, sum: Decimal) -> Box<Complaint> {
    let complaint = wrong(segment, element, Problem::TotalsDisagree);
    Box::new(Complaint { expected: Some(plain(sum)), ..*complaint })
}

/// W1204 is what was ordered less what was shipped; partners send it with either sign.
fn differences(set: &Set) -> Result<(), Box<Complaint>> {
    for segment in set.segments.iter().filter(|segment| segment.tag() == b"W12") {
        let (ordered, shipped) = (decimal(&segment, 2)?, decimal(&segment, 3)?);
        if let (Some(ordered), Some(shipped), Some(difference)) = (ordered, shipped, decimal(&segment, 4)?) {
            let expected = ordered.checked_sub(shipped).unwrap_or(Decimal::MAX);
            if expected.abs() != difference.abs() {
                return Err(disagrees(&segment, 4, expected));
            }
        }
    }
    Ok(())
}

/// CNT+1 is the sum of the lines' quantities, CNT+2 how many lines there are (6069).
fn controls(set: &Set) -> Result<(), Box<Complaint>> {
    let (mut lines, mut sum) = (Decimal::ZERO, Decimal::ZERO);
    for segment in set.segments.iter() {
        let first = segment.first(1);
        let value = || super::x12::parse_decimal(first.component(2).raw(), first.decimal());
        match (segment.tag(), first.component(1).raw()) {
            (b"LIN", _) => lines = lines.checked_add(Decimal::ONE).unwrap_or(Decimal::MAX),
            (b"QTY", b"12" | b"194") if lines > Decimal::ZERO => {
                let more = value().ok_or_else(|| wrong(&segment, 1, Problem::InvalidNumber))?;
                sum = sum.checked_add(more).unwrap_or(Decimal::MAX);
            }
            (b"CNT", kind @ (b"1" | b"2")) => {
                let expected = if kind == b"1" { sum } else { lines };
                if value() != Some(expected) {
                    let mut complaint = disagrees(&segment, 1, expected);
                    complaint.position = Position { component: Some(2), ..complaint.position };
                    return Err(complaint);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
