//! Layers through the public interface, compared with GNU tar and with what Docker would do.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the functions beside the tests fail and speak like tests"
)]

mod apply;
mod support;
