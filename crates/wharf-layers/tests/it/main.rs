//! Layers through the public interface, compared with GNU tar and with what Docker would do.

#![expect(
    clippy::unwrap_used,
    reason = "the functions beside the tests fail like tests"
)]

mod apply;
mod hostile;
mod oracle;
mod removal;
mod resume;
mod support;
mod unprivileged;
