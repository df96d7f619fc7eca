//! Fuzzes layers' archives, read and unpacked.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("tar_apply", bytes));
