//! See `edi::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edi::fuzzing::x12(data));
