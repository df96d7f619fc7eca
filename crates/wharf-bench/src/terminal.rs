//! The one place of this crate that prints.

/// Says what is being done, to the person who waits.
#[expect(
    clippy::print_stderr,
    reason = "the one place of this crate that writes to standard error"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Prints a result.
#[expect(
    clippy::print_stdout,
    reason = "the one place of this crate that writes to standard output"
)]
pub(crate) fn show(text: &str) {
    println!("{text}");
}
