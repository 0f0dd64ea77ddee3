//! Every truncation and every single-byte change of a file gives a result or a located error, never a panic; and the bodies of
//! the fuzz targets under a stable toolchain.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{lenient, strict};
use edi::samples::{EDIFACT_DESADV, X12_945};
use edi::{Complaint, Problem, fuzzing};
use proptest::prelude::*;

fn located(complaints: &[Complaint], file: &[u8]) {
    for complaint in complaints {
        assert!(complaint.position.byte <= file.len() as u64, "{complaint}");
        assert!(!complaint.problem.sentence().is_empty());
    }
}

#[test]
fn every_truncation_is_told_as_one() {
    for sample in [X12_945, EDIFACT_DESADV] {
        for end in 0..sample.len() {
            let file = &sample.as_bytes()[..end];
            for told in [strict(file), lenient(file)] {
                let complaints = told.complaints();
                located(&complaints, file);
                let complete = told.interchanges.iter().any(|interchange| interchange.complete);
                let cut = [Problem::Truncated, Problem::EmptyFile, Problem::NotEdi, Problem::InvalidElementSeparator];
                let said = complaints.iter().any(|complaint| cut.contains(&complaint.problem));
                // Only the line break after the last terminator may be left out.
                assert_eq!(complete, end == sample.len() - 1, "{end}");
                assert!(said || complete, "a file cut at byte {end} is not told from a whole one");
            }
        }
    }
}

#[test]
fn every_change_of_one_byte_gives_a_result_or_a_located_error() {
    for sample in [X12_945, EDIFACT_DESADV] {
        for at in 0..sample.len() {
            for byte in
                [0, b'\n', b' ', b'*', b'+', b'\'', b':', b'?', b'~', b'>', b'0', b'9', b'A', b'z', 0x80, 0xc3, 0xff]
            {
                let mut file = sample.as_bytes().to_vec();
                file[at] = byte;
                for told in [strict(&file), lenient(&file)] {
                    located(&told.complaints(), &file);
                    for set in &told.sets {
                        if let Err(complaint) = edi::documents::Document::read(set) {
                            located(&[*complaint], &file);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_file_of_one_byte_and_every_byte_before_a_sample_is_survived() {
    for byte in 0..=255_u8 {
        located(&strict(&[byte]).complaints(), &[byte]);
        let file = [&[byte], X12_945.as_bytes()].concat();
        located(&strict(&file).complaints(), &file);
    }
}

#[test]
fn the_seeds_of_the_fuzz_targets_are_the_samples() {
    for (seed, sample) in [
        (&include_bytes!("../fuzz/seeds/x12/945")[..], X12_945),
        (include_bytes!("../fuzz/seeds/x12/945-lenient"), X12_945),
        (include_bytes!("../fuzz/seeds/edifact/desadv"), EDIFACT_DESADV),
        (include_bytes!("../fuzz/seeds/edifact/desadv-lenient"), EDIFACT_DESADV),
    ] {
        assert_eq!(&seed[1..], sample.as_bytes());
    }
}

/// A sample with pieces cut out, doubled, moved and overwritten.
fn mutated(sample: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (0..sample.len(), 0..40_usize, 0..sample.len(), 0..4_u8, any::<u8>());
    (any::<u8>(), proptest::collection::vec(change, 0..6)).prop_map(move |(first, changes)| {
        let mut file = sample.as_bytes().to_vec();
        for (at, length, to, kind, byte) in changes {
            let at = at.min(file.len());
            let end = (at + length).min(file.len());
            let piece = file[at..end].to_vec();
            match kind {
                0 => drop(file.drain(at..end)),
                1 => drop(file.splice(at..at, piece)),
                2 => {
                    let to = to.min(file.len());
                    drop(file.splice(to..to, piece));
                }
                _ => file[at..end].fill(byte),
            }
        }
        file.insert(0, first);
        file
    })
}

/// How many files each fuzz target gets.
fn cases() -> ProptestConfig {
    let cases = std::env::var("EDI_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(256);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn mutated_x12_survives_the_fuzz_target(data in mutated(X12_945)) {
        fuzzing::x12(&data);
    }

    #[test]
    fn mutated_edifact_survives_the_fuzz_target(data in mutated(EDIFACT_DESADV)) {
        fuzzing::edifact(&data);
    }

    #[test]
    fn any_bytes_survive_the_fuzz_targets(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::x12(&data);
        fuzzing::edifact(&data);
    }
}
