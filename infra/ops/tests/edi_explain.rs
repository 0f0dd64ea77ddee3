//! `crossdock edi explain` on files that are broken in different ways: each complaint at the right byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use edi::samples::{EDIFACT_DESADV, X12_945};

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossdock")).args(["edi", "explain"]).args(arguments).output().unwrap()
}

fn file(name: &str, text: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A change of a sample, and a complaint with the text at whose beginning its byte is, and how far behind.
struct Broken {
    sample: &'static str,
    from: &'static str,
    to: &'static str,
    at: &'static str,
    behind: usize,
    says: &'static str,
}

const fn x12(from: &'static str, to: &'static str, at: &'static str, behind: usize, says: &'static str) -> Broken {
    Broken { sample: X12_945, from, to, at, behind, says }
}

const fn edifact(from: &'static str, to: &'static str, at: &'static str, behind: usize, says: &'static str) -> Broken {
    Broken { sample: EDIFACT_DESADV, from, to, at, behind, says }
}

const BROKEN: [Broken; 22] = [
    x12("W12*CC*10", "W12**10", "W12**10", 4, "element 1: a mandatory element is missing [AK403 1]"),
    x12("W12*CC*10", "W12*CC*ten", "ten*", 0, "element 2: the element has an invalid character"),
    x12("W06*N*SO-1001", "W06*Q*SO-1001", "Q*SO", 0, "the element's code is invalid"),
    x12("*20261127*SH", "*20261327*SH", "20261327", 0, "the date is invalid"),
    x12("East Warehouse", "East\u{1}Warehouse", "East\u{1}", 0, "the element has an invalid character"),
    x12("SE*15*", "SE*14*", "14*0001", 0, "counts other than the segments"),
    x12("SE*15*0001", "SE*15*0002", "0002~", 0, "the set's header and trailer differ"),
    x12("GE*1*7", "GE*2*7", "2*7~", 0, "counts more sets than came [AK905 5]"),
    x12("GE*1*7", "GE*1*8", "8~", 0, "the group's header and trailer differ [AK905 4]"),
    x12("IEA*1*000000007", "IEA*1*000000009", "000000009", 0, "the interchange's header and trailer differ"),
    x12("IEA*1*", "IEA*2*", "2*000000007~", 0, "count is not what the interchange has [TA105 021]"),
    x12("IEA*1*000000007~\n", "", "", 0, "the file ends before the interchange's trailer [TA105 023]"),
    x12("W06*N", "QQ9*N", "QQ9*N", 0, "the segment's id is unknown [AK304 1]"),
    x12("N9*BM*BOL-1~\n", "N9*BM*BOL-1~\nN3*2 Main Street~\n", "N3*2", 0, "the segment is not expected here [AK304 2]"),
    x12("*261127*0930*U", "*261327*0930*U", "261327", 0, "the interchange's date is invalid [TA105 014]"),
    x12("*P*>~", "*P*>A", "A\nGS", 0, "the segment terminator cannot be one [TA105 004]"),
    x12("ISA*00", "\u{feff}ISA*00", "\u{feff}", 0, "a byte order mark stands before"),
    x12("W27*", "  W27*", "  W27", 0, "white space stands between segments"),
    edifact("QTY+12:10:PCE", "QTY+12:ten:PCE", "ten", 0, "component 2: the element has an invalid character"),
    edifact("UNT+18+1", "UNT+17+1", "17+1", 0, "counts other than the segments"),
    edifact("DTM+137:20261127:102", "DTM+:20261127:102", ":20261127:102'\nDTM+11", 0, "a mandatory element is missing"),
    edifact("UNZ+1+REF7", "UNZ+1+REF8", "REF8", 0, "the interchange's header and trailer differ"),
];

#[test]
fn each_complaint_is_named_at_the_right_byte() {
    for (number, broken) in BROKEN.iter().enumerate() {
        let text = broken.sample.replacen(broken.from, broken.to, 1);
        assert_ne!(text, broken.sample, "{}", broken.from);
        let at = if broken.at.is_empty() { text.len() } else { text.find(broken.at).unwrap() } + broken.behind;
        let path = file(&format!("broken-{number}.edi"), text.as_bytes());
        let output = explain(&[path.to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let place = format!("!! byte {at}");
        let named = said.lines().any(|line| line.contains(&place) && line.contains(broken.says));
        assert!(named, "{number}: nothing at byte {at} says {:?}:\n{said}", broken.says);
    }
}

#[test]
fn a_right_file_is_printed_without_complaint() {
    for (number, sample) in [X12_945, EDIFACT_DESADV].into_iter().enumerate() {
        let path = file(&format!("right-{number}.edi"), sample.as_bytes());
        let output = explain(&[path.to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("SO-1001") && !said.contains("!!"), "{said}");
        assert!(said.ends_with("interchanges: 1, sets: 1, complaints: 0, tolerated: 0\n"), "{said}");
    }
}

#[test]
fn a_leniency_turns_a_rejection_into_a_note() {
    let path = file("lenient.edi", format!("\u{feff}{X12_945}").as_bytes());
    let path = path.to_str().unwrap();
    let output = explain(&["--lenient", "byte_order_mark,white_space", path]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("~~ byte 0"), "{said}");
    let output = explain(&["--lenient", "everything", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("byte_order_mark"));
    assert_eq!(explain(&["no-such-file"]).status.code(), Some(2));
}

#[test]
fn the_standard_input_is_read() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crossdock"))
        .args(["edi", "explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), X12_945.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}
