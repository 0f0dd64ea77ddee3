//! Every leniency: what it tolerates is rejected where it is off, which it is by default, and accepted where it is on.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{strict, told};
use edi::documents::Document;
use edi::samples::X12_945;
use edi::{Leniencies, Leniency, Options, Problem, Verdict};

/// A file that only this leniency makes acceptable.
fn deviating(leniency: Leniency) -> Vec<u8> {
    let one_line = || X12_945.replace("~\n", "~");
    match leniency {
        Leniency::ByteOrderMark => format!("\u{feff}{X12_945}").into_bytes(),
        Leniency::WhiteSpace => X12_945.replace("~\nW27", "~\n   W27").replace("~\nLX", "~  \n\nLX").into_bytes(),
        Leniency::WrappedLines => {
            let text = one_line();
            let lines: Vec<&str> = (0..text.len()).step_by(80).map(|at| &text[at..(at + 80).min(text.len())]).collect();
            lines.join("\r\n").into_bytes()
        }
        Leniency::LineBreakTerminator => X12_945.replace("~\n", "\r\n").into_bytes(),
        Leniency::NonAsciiTerminator => X12_945.replace("~\n", "\u{2026}").into_bytes(),
        Leniency::UnpaddedIsa => X12_945
            .replace(
                "*00*          *00*          *ZZ*WAREHOUSE1     *ZZ*DISTRIBUTOR    *",
                "*00**00**ZZ*WAREHOUSE1*ZZ*DISTRIBUTOR*",
            )
            .into_bytes(),
        Leniency::RepetitionMismatch => X12_945.replace("*U*00401*", "*^*00401*").into_bytes(),
        Leniency::UnpaddedControlNumber => X12_945.replace("IEA*1*000000007", "IEA*1*7").into_bytes(),
        Leniency::PaddedCount => X12_945.replace("SE*15*", "SE*0015*").into_bytes(),
        Leniency::GroupCountTooHigh => X12_945.replace("GE*1*7", "GE*3*7").into_bytes(),
        Leniency::ForeignGroupCode => X12_945.replace("GS*SW*", "GS*IN*").into_bytes(),
        Leniency::Latin1Text => {
            let mut text = X12_945.replace("East Warehouse", "Ost Lager M?nchen").into_bytes();
            let at = text.iter().position(|byte| *byte == b'?').unwrap();
            text[at] = 0xfc;
            text
        }
        Leniency::ExtraSegments => X12_945.replace("W27*", "ZZ9*1~\nW27*").replace("SE*15*", "SE*16*").into_bytes(),
        Leniency::OverlongElements => X12_945.replace("*SH-555*", &format!("*SH-{}*", "5".repeat(30))).into_bytes(),
        other => panic!("{other} has no file"),
    }
}

#[test]
fn each_is_off_by_default_and_tolerates_its_own_deviation_only() {
    for leniency in Leniency::ALL {
        let file = deviating(leniency);
        let rejected = strict(&file);
        let rejects = rejected.complaints().into_iter().any(|complaint| complaint.rejects());
        assert!(rejects, "{leniency} is not off by default");
        // All others on do not help.
        let others = Leniency::ALL.into_iter().filter(|other| *other != leniency).collect();
        let rejects =
            told(&file, &Options::lenient(others)).complaints().into_iter().any(|complaint| complaint.rejects());
        assert!(rejects, "{leniency} is tolerated by another one");

        let accepted = told(&file, &Options::lenient(Leniencies::NONE.with(leniency)));
        let complaints = accepted.complaints();
        assert!(!complaints.is_empty(), "{leniency} leaves no trace");
        for complaint in &complaints {
            assert_eq!(complaint.tolerated, Some(leniency), "{leniency}: {complaint}");
        }
        assert!(accepted.interchanges[0].verdict().accepts(), "{leniency}");
        assert_eq!(accepted.sets.len(), 1, "{leniency}");
        let document = Document::read(&accepted.sets[0]).unwrap().unwrap();
        let Document::ShipmentConfirmation(shipment) = document else { panic!("{document:?}") };
        assert_eq!(shipment.order_no.as_deref(), Some("SO-1001"), "{leniency}");
        assert_eq!(shipment.packages[0].lines.len(), 2, "{leniency}");
        assert!(
            shipment.parties[0].name.as_deref().unwrap().contains("Lager M\u{fc}nchen")
                || leniency != Leniency::Latin1Text
        );
    }
}

#[test]
fn a_tolerated_deviation_of_a_set_is_accepted_with_errors_noted() {
    let options = Options::lenient(Leniencies::NONE.with(Leniency::PaddedCount));
    let told = told(&deviating(Leniency::PaddedCount), &options);
    assert_eq!(told.sets[0].verdict(), Verdict::AcceptedWithErrors);
    assert_eq!(told.groups[0].verdict(), Verdict::AcceptedWithErrors);
}

#[test]
fn a_foreign_group_code_that_is_tolerated_is_noted_on_the_group() {
    let options = Options::lenient(Leniencies::NONE.with(Leniency::ForeignGroupCode));
    let told = told(&deviating(Leniency::ForeignGroupCode), &options);
    assert!(told.sets[0].complaints.is_empty());
    assert_eq!(told.groups[0].complaints[0].problem.ak9(), Some(1));
}

#[test]
fn every_terminator_and_separator_that_real_files_have_is_read() {
    let read = |text: &str, leniencies: Leniencies| {
        let told = told(text.as_bytes(), &Options::lenient(leniencies));
        let complaints: Vec<String> =
            told.complaints().iter().filter(|c| c.rejects()).map(ToString::to_string).collect();
        assert_eq!(complaints, [""; 0], "{}", &text[..110]);
        assert_eq!(told.sets.len(), 1);
    };
    // Legal as they are: each stands for itself by the ISA's last byte.
    for terminator in ["\\", "}", "!", "$", "'", "|"] {
        read(&X12_945.replace("~\n", terminator), Leniencies::NONE);
        read(&X12_945.replace("~\n", &format!("{terminator}\r\n")), Leniencies::NONE);
    }
    read(&X12_945.replace('*', "|").replace("~\n", "*"), Leniencies::NONE);
    // A tilde as the element separator.
    read(&X12_945.replace("~\n", "!").replace('*', "~"), Leniencies::NONE);
    for terminator in ["\r", "\n", "\r\n"] {
        read(&X12_945.replace("~\n", terminator), Leniencies::NONE.with(Leniency::LineBreakTerminator));
    }
    for terminator in ["\u{2026}", "\u{d6}"] {
        read(&X12_945.replace("~\n", terminator), Leniencies::NONE.with(Leniency::NonAsciiTerminator));
    }
    for eleven in ["^", ">", " "] {
        let text = X12_945.replace("*U*00401*", &format!("*{eleven}*00401*"));
        read(&text, Leniencies::NONE.with(Leniency::RepetitionMismatch));
    }
}

#[test]
fn one_byte_terminators_of_windows_and_latin_1_are_read() {
    for byte in [0x85_u8, 0xd6] {
        let mut file = X12_945.replace("~\n", "~").into_bytes();
        file.iter_mut().filter(|found| **found == b'~').for_each(|found| *found = byte);
        let told = told(&file, &Options::lenient(Leniencies::NONE.with(Leniency::NonAsciiTerminator)));
        assert!(told.complaints().iter().all(|complaint| complaint.problem == Problem::NonAsciiTerminator));
        assert_eq!(told.sets.len(), 1);
    }
}

#[test]
fn names_are_read_back() {
    for leniency in Leniency::ALL {
        assert_eq!(leniency.name().parse(), Ok(leniency));
    }
    assert!("everything".parse::<Leniency>().is_err());
}
