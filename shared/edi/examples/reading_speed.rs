//! Measures reading: a generated 945 of 10 MB (or a DESADV), parsed, checked and mapped to typed documents.
//!
//! `cargo run --release -p edi --example reading_speed [x12|edifact] [megabytes] [--write FILE]`. The file is written to disk
//! first and read in a process of its own, in chunks, so that the peak of memory is that of reading alone.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic
)]

use std::fmt::Write as _;
use std::fs::File;
use std::process::Command;
use std::time::Instant;

use edi::documents::Document;
use edi::{Event, Options};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["measure", file] => measure(file),
        [kind, rest @ ..] => run(kind, rest),
        [] => {
            run("x12", &[]);
            run("edifact", &[]);
        }
    }
}

fn run(kind: &str, rest: &[&str]) {
    let megabytes: usize = rest.first().map_or(10, |text| text.parse().expect("a number of megabytes"));
    let bytes = megabytes * 1_000_000;
    let text = if kind == "edifact" { desadv(bytes) } else { shipments(bytes) };
    let file = match rest {
        [.., "--write", file] => file.into(),
        _ => std::env::temp_dir().join(format!("edi-speed-{}-{kind}", std::process::id())),
    };
    std::fs::write(&file, &text).expect("the file can be written");
    println!("{kind}: {} bytes", text.len());
    drop(text);
    for _ in 0..5 {
        let itself = std::env::current_exe().expect("this program has a path");
        let status = Command::new(itself).arg("measure").arg(&file).status().expect("it can be started");
        assert!(status.success());
    }
    if !rest.contains(&"--write") {
        std::fs::remove_file(&file).expect("the file can be removed");
    }
}

/// Reads a file once and prints what it took.
fn measure(file: &str) {
    let options = Options::default();
    let (mut sets, mut lines, mut complaints) = (0_u32, 0_usize, 0_usize);
    let begin = Instant::now();
    let opened = File::open(file).expect("the file can be opened");
    edi::read_from(opened, &options, &mut |event| match event {
        Event::Set(_, _, set) => {
            sets += 1;
            complaints += set.complaints.len();
            match Document::read(set).expect("the set can be mapped") {
                Some(Document::ShipmentConfirmation(shipment)) => {
                    lines += shipment.packages.iter().map(|package| package.lines.len()).sum::<usize>();
                }
                other => panic!("{other:?}"),
            }
        }
        Event::GroupEnd(_, group) => complaints += group.complaints.len(),
        Event::InterchangeEnd(interchange) => complaints += interchange.complaints.len(),
        Event::File(_) => complaints += 1,
        _ => {}
    })
    .expect("the file can be read");
    let took = begin.elapsed();
    println!(
        "  {:.1} ms ({:.1} ms on a core), peak {:.1} MB: {sets} sets, {lines} lines, {complaints} complaints",
        took.as_secs_f64() * 1000.0,
        on_core_nanoseconds() as f64 / 1e6,
        peak_kilobytes() as f64 / 1000.0
    );
}

/// How long this process was on a core, its start included: what a busy machine does not change.
fn on_core_nanoseconds() -> u64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    statistics.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The most memory that this process had resident.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// One interchange of 945s, of about this many bytes.
fn shipments(bytes: usize) -> String {
    let mut text = String::from(
        "ISA*00*          *00*          *ZZ*WAREHOUSE1     *ZZ*DISTRIBUTOR    *261127*0930*U*00401*000000007*0*P*>~\n\
         GS*SW*WAREHOUSE1*DISTRIBUTOR*20261127*0930*7*X*004010~\n",
    );
    let mut sets = 0;
    while text.len() < bytes {
        sets += 1;
        let begin = text.len();
        let lines = 3 + sets % 5;
        write!(
            text,
            "ST*945*{sets:06}~\nW06*N*SO-{sets:07}*20261127*SH-{sets:07}**PO-{sets:07}~\nN1*WH*East Warehouse*91*EAST~\n\
             N1*ST*Customer {sets}*92*C-{sets}~\nN3*{sets} Main Street~\nN4*Springfield*IL*62701*US~\n\
             N9*BM*BOL-{sets:07}~\nN9*CN*1Z999AA1{sets:010}~\nG62*11*20261127~\nW27*M*UPSN*Ground*PP~\n"
        )
        .unwrap();
        let mut segments = 11;
        for line in 1..=lines {
            writeln!(
                text,
                "LX*{line}~\nMAN*GM*000123456789{:08}~\nW12*CC*{line}0*{line}0*0*EA**VN*SKU-{:05}*LOT-{line}~",
                sets * 10 + line,
                (sets * 7 + line) % 99_999
            )
            .unwrap();
            segments += 3;
        }
        let units: usize = (1..=lines).map(|line| line * 10).sum();
        writeln!(text, "W03*{units}*{}*LB~\nSE*{}*{sets:06}~", units / 2, segments + 2 - 1).unwrap();
        assert!(begin < text.len());
    }
    writeln!(text, "GE*{sets}*7~\nIEA*1*000000007~").unwrap();
    text
}

/// One interchange of DESADVs, of about this many bytes.
fn desadv(bytes: usize) -> String {
    let mut text = String::from("UNA:+.? '\nUNB+UNOC:3+WAREHOUSE1:ZZ+DISTRIBUTOR:ZZ+261127:0930+REF7'\n");
    let mut sets = 0;
    while text.len() < bytes {
        sets += 1;
        let lines = 3 + sets % 5;
        write!(
            text,
            "UNH+{sets}+DESADV:D:01B:UN'\nBGM+351+SH-{sets:07}+9'\nDTM+137:20261127:102'\nDTM+11:20261127:102'\n\
             RFF+VN:SO-{sets:07}'\nRFF+ON:PO-{sets:07}'\nNAD+WH+EAST::92'\n\
             NAD+DP+C-{sets}::92++Customer {sets}+{sets} Main Street+Springfield+IL+62701+US'\nTDT+20++30++UPSN'\n"
        )
        .unwrap();
        let mut segments = 9;
        for line in 1..=lines {
            write!(
                text,
                "CPS+{line}'\nPAC+1++CT'\nPCI+33E'\nGIN+BJ+000123456789{:08}'\nLIN+{line}++SKU-{:05}:SA'\n\
                 PIA+1+LOT-{line}:NB'\nQTY+12:{line}0:PCE'\n",
                sets * 10 + line,
                (sets * 7 + line) % 99_999
            )
            .unwrap();
            segments += 7;
        }
        writeln!(text, "CNT+2:{lines}'\nUNT+{}+{sets}'", segments + 2).unwrap();
    }
    writeln!(text, "UNZ+{sets}+REF7'").unwrap();
    text
}
