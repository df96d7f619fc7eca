//! Fuzzes what S3 services answer to the registry.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::run("registry_s3", bytes));
