//! Fuzzes Docker's `config.json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("docker_config", bytes));
