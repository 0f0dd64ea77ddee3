//! Files as they come: in chunks, several interchanges to a file, cut off.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{lenient, strict, told};
use edi::documents::Document;
use edi::samples::{EDIFACT_DESADV, X12_945};
use edi::{Event, Options, Problem, Reader};

#[test]
fn the_samples_are_right() {
    for sample in [X12_945, EDIFACT_DESADV] {
        let told = strict(sample.as_bytes());
        let complaints: Vec<String> = told.complaints().iter().map(ToString::to_string).collect();
        assert_eq!(complaints, [""; 0]);
        assert_eq!((told.interchanges.len(), told.sets.len()), (1, 1));
        assert!(told.interchanges[0].complete && told.sets[0].complete);
    }
}

#[test]
fn chunks_of_any_size_tell_the_same() {
    // Bytes that are no printable ASCII, and released delimiters, at whatever place a chunk ends.
    let odd_x12 = X12_945.replace("East Warehouse", "East\tWarehouse M\u{fc}nchen").replace("A Customer", "A\u{7f}");
    let odd_edifact = EDIFACT_DESADV.replace("A Customer", "A?+B??").replace("Springfield", "M\u{fc}nchen\t");
    for (sample, complaints) in [(X12_945, 0), (EDIFACT_DESADV, 0), (&odd_x12, 4), (&odd_edifact, 2)] {
        let file = [sample, sample].concat();
        let sorted = |mut complaints: Vec<edi::Complaint>| {
            complaints.sort_by_key(|complaint| (complaint.position.byte, complaint.problem));
            complaints
        };
        let whole = sorted(strict(file.as_bytes()).complaints());
        let invalid = |complaint: &&edi::Complaint| complaint.problem == Problem::InvalidCharacter;
        assert_eq!(whole.iter().filter(invalid).count(), complaints);
        for size in [1, 2, 3, 7, 64, 105, 106, 107, 1000] {
            let options = Options::default();
            let mut reader = Reader::new(&options);
            let mut complaints = Vec::new();
            let mut sets = 0;
            let mut on = |event: Event<'_>| match event {
                Event::Set(_, _, set) => {
                    sets += 1;
                    complaints.extend(set.complaints.to_vec());
                }
                Event::InterchangeEnd(interchange) => complaints.extend(interchange.complaints.to_vec()),
                _ => {}
            };
            for chunk in file.as_bytes().chunks(size) {
                reader.push(chunk, &mut on);
            }
            reader.finish(&mut on);
            assert_eq!((sorted(complaints), sets), (whole.clone(), 2), "chunks of {size}");
        }
    }
}

#[test]
fn an_empty_file_is_told_from_a_truncated_one_and_from_no_edi() {
    let first = |file: &[u8]| strict(file).complaints().first().map(|complaint| complaint.problem);
    assert_eq!(first(b""), Some(Problem::EmptyFile));
    assert_eq!(first(b"\r\n  \n"), Some(Problem::EmptyFile));
    assert_eq!(first(b"{\"order\": 1}"), Some(Problem::NotEdi));
    let cut = X12_945.len() / 2;
    let told = strict(&X12_945.as_bytes()[..cut]);
    assert!(told.interchanges[0].complaints.has(Problem::Truncated));
    assert!(!told.interchanges[0].complete);
    let cut = told.interchanges[0].complaints[0].position.byte;
    assert_eq!(cut as usize, X12_945.len() / 2);
}

#[test]
fn one_broken_interchange_does_not_hide_the_next_one() {
    let broken = X12_945.replace("*P*>~", "*P*>A");
    let file = format!("{broken}{X12_945}");
    let told = strict(file.as_bytes());
    assert_eq!(told.interchanges.len(), 2);
    assert_eq!(told.interchanges[0].complaints[0].problem, Problem::InvalidTerminator);
    assert_eq!(told.interchanges[0].complaints[0].position.byte, 105);
    assert_eq!(told.interchanges[0].control, "000000007");
    assert!(told.interchanges[1].complaints.is_empty());
    assert_eq!(told.sets.len(), 1);
}

#[test]
fn a_header_before_the_trailer_ends_the_interchange_before_it() {
    let cut = X12_945.find("IEA").unwrap();
    let other = X12_945.replace('*', "|").replace("|000000007", "|000000008");
    let file = format!("{}{other}", &X12_945[..cut]);
    let told = strict(file.as_bytes());
    let ends: Vec<_> = told.interchanges.iter().map(|interchange| interchange.complete).collect();
    assert_eq!(ends, [false, true]);
    assert_eq!(told.interchanges[1].delimiters.element, b'|');
    assert!(told.sets.iter().all(|set| set.complaints.is_empty()));
}

#[test]
fn memory_is_bounded_by_the_segment_and_the_set() {
    let options = Options { segment_bound: 200, set_bound: 400, ..Options::default() };
    let long = X12_945.replace("East Warehouse", &"E".repeat(300));
    assert!(told(long.as_bytes(), &options).complaints().iter().any(|c| c.problem == Problem::SegmentTooLong));
    let note = "NTE*GEN*a line of text that is repeated~\n".repeat(20);
    let large = X12_945.replace("W27*", &format!("{note}W27*"));
    let told = told(large.as_bytes(), &options);
    assert!(told.sets[0].complaints.has(Problem::SetTooLarge));
    assert!(told.sets[0].segments.size() <= 400 + 200);
}

/// A file of nothing but the smallest parts of one kind, 2 MB of it.
fn many(head: &str, part: impl Fn(usize) -> String, tail: &str) -> Vec<u8> {
    let mut file = head.to_owned();
    let mut number = 0;
    while file.len() < 2_000_000 {
        number += 1;
        file += &part(number);
    }
    (file + tail).into_bytes()
}

/// Nothing is timed: with the square of the length it would take hours.
#[test]
fn work_grows_with_the_length_of_a_file_and_not_with_its_square() {
    let isa = &X12_945[..X12_945.find("GS*").unwrap()];
    let gs = &X12_945[..X12_945.find("ST*").unwrap()];
    let files = [
        // Groups, interchanges and sets without anything in them, control numbers that only grow smaller.
        many(isa, |number| format!("GS*SW*AA*BB*20261127*0930*{number}*X*004010~\nGE*0*{number}~\n"), ""),
        many("", |number| isa.replace("000000007", &format!("{number:09}")), ""),
        many(gs, |number| format!("ST*945*{:09}~\n", 900_000_000 - number * 2), ""),
        // Loops in loops, all under one.
        many(
            &format!("{gs}ST*856*0001~\nBSN*00*1A*20261127*0930~\nHL*1**S~\nHL*2*1*O~\n"),
            |number| format!("HL*{}*2*I~\n", number + 2),
            "",
        ),
        many(
            &format!("{gs}ST*856*0001~\nBSN*00*1A*20261127*0930~\nHL*1**S~\n"),
            |number| format!("HL*{}**I~\n", number + 1),
            "",
        ),
        // One segment that does not end, and one whose elements are all empty.
        many(gs, |_| "A".into(), ""),
        many(gs, |_| "*".into(), ""),
        many(gs, |_| "\n".into(), ""),
    ];
    for file in &files {
        let told = strict(file);
        for set in told.sets.iter().take(1) {
            drop(edi::documents::Document::read(set));
        }
    }
}

#[test]
fn an_unusual_terminator_is_told_where_it_stands() {
    let at = |file: &str, problem: Problem| {
        let complaints = strict(file.as_bytes()).complaints();
        let complaint = complaints.iter().find(|complaint| complaint.problem == problem);
        complaint.map(|complaint| complaint.position.byte as usize)
    };
    let file = X12_945.replace("~\n", "\u{2026}");
    assert_eq!(at(&file, Problem::NonAsciiTerminator), file.find('\u{2026}'));
    // An ISA that is shorter than it should be has it further to the front.
    let file = file.replace("*ZZ*DISTRIBUTOR    *", "*ZZ*DISTRIBUTOR*");
    assert_eq!(at(&file, Problem::NonAsciiTerminator), file.find('\u{2026}'));
    let file = EDIFACT_DESADV.replace("'\n", "\n");
    assert_eq!(at(&file, Problem::LineBreakTerminator), Some(8));
}

#[test]
fn documents_read_the_first_repetition_of_an_element() {
    let x12 = X12_945
        .replace("*U*00401*", "*^*00501*")
        .replace("*X*004010~", "*X*005010~")
        .replace("East Warehouse", "East^West")
        .replace("*10*10*0*EA*", "*10*7^3*0*EA*");
    let edifact = EDIFACT_DESADV
        .replace("UNA:+.? '", "UNA:+.?*'")
        .replace("UNOC:3", "UNOC:4")
        .replace("RFF+VN:SO-1001", "RFF+VN:SO-1001*VN:SO-1002")
        .replace("QTY+12:10:PCE", "QTY+12:7:PCE*12:3:PCE");
    for file in [x12, edifact] {
        let told = strict(file.as_bytes());
        assert_eq!(told.complaints(), []);
        let document = Document::read(&told.sets[0]).unwrap().unwrap();
        let Document::ShipmentConfirmation(shipment) = document else { panic!("{document:?}") };
        assert_eq!(shipment.order_no.as_deref(), Some("SO-1001"));
        assert!(matches!(shipment.parties[0].name.as_deref(), Some("East") | None), "{:?}", shipment.parties[0]);
        let line = &shipment.packages[0].lines[0];
        assert_eq!(
            (line.shipped, line.unit),
            (Some(7.into()), edi::Code::new(if line.status.is_empty() { "PCE" } else { "EA" }))
        );
    }
}

#[test]
fn a_code_that_is_too_long_for_one_is_refused_where_it_stands_and_not_left_out() {
    let (head, _) = X12_945.split_once("GS*").unwrap();
    let file = format!(
        "{head}GS*IB*WAREHOUSE1*DISTRIBUTOR*20261127*0930*7*X*004010~\nST*846*0001~\nBIA*00*DD*1*20261127~\n\
         LIN*1*VN*SKU-1~\nQTY*33*5*A-UNIT-OF-SIXTEEN~\nSE*5*0001~\nGE*1*7~\nIEA*1*000000007~\n"
    );
    let told = lenient(file.as_bytes());
    assert!(told.sets[0].verdict().accepts(), "{:?}", told.complaints());
    let complaint = Document::read(&told.sets[0]).unwrap_err();
    assert_eq!(complaint.problem, Problem::InvalidCode);
    assert_eq!((complaint.position.segment, complaint.position.element), (Some(4), Some(3)));
}
