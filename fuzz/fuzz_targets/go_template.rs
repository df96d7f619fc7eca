//! Fuzzes templates, tables and times.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("go_template", bytes));
