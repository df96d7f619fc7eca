//! What the process ends with, and what it says then: the one table from failures to exit codes.
//!
//! | code | when |
//! |---|---|
//! | 0 | done; also: a question answered with no, help of a group |
//! | 1 | every failure, and wrong counts of arguments and unknown commands |
//! | 64 | a `--format` template that cannot be parsed |
//! | 125 | wrong options |
//! | 130, 143 | ended by a signal |
//! | 141 | the reader of our output went away, as for any program that a signal ends |

use std::process::ExitCode;

use crate::arguments::UsageError;
use crate::printer::{PrintError, Printer};

const FAILURE: u8 = 1;
const BROKEN_PIPE: u8 = 141;

/// A failure whose exit code is not 1.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    /// What the process ends with.
    pub(crate) exit_code: u8,
    /// What is said.
    pub(crate) text: String,
}

/// The end of a command.
pub(crate) fn finished(printer: &Printer, result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|failure| failed(printer, &failure))
}

/// The end after a failure: says it, unless nobody listens.
pub(crate) fn failed(printer: &Printer, failure: &anyhow::Error) -> ExitCode {
    if failure
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(PrintError::is_broken_pipe))
    {
        return ExitCode::from(BROKEN_PIPE);
    }
    printer.error_line(&text(failure));
    ExitCode::from(
        failure
            .downcast_ref()
            .map_or(FAILURE, |failure: &Failure| failure.exit_code),
    )
}

/// The failure with its causes. Some texts name their cause themselves: a cause is not said twice. Texts in Go's manner have
/// it in lower case.
pub(crate) fn text(failure: &anyhow::Error) -> String {
    failure.chain().fold(String::new(), |said, cause| {
        let cause = without_numbers(&cause.to_string());
        if said.is_empty() {
            cause
        } else if said.to_lowercase().contains(&cause.to_lowercase()) {
            said
        } else {
            format!("{said}: {cause}")
        }
    })
}

/// Rust gives the system's words with its number behind them, as ` (os error 2)`, which says nothing to people.
fn without_numbers(text: &str) -> String {
    let mut pieces = text.split(" (os error ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |said, piece| match piece.split_once(')') {
        Some((number, rest)) if number.parse::<i32>().is_ok() => said + rest,
        _ => said + " (os error " + piece,
    })
}

/// The end after a command line that cannot be understood.
pub(crate) fn misused(printer: &Printer, mistake: &UsageError) -> ExitCode {
    printer.error_line(&mistake.to_string());
    ExitCode::from(mistake.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_numbers_are_left_out() {
        for (text, expected) in [
            ("a: Is a directory (os error 21)", "a: Is a directory"),
            ("x (os error 2), y (os error 30): z", "x, y: z"),
            ("x (os error two)", "x (os error two)"),
            ("x (os error 2", "x (os error 2"),
        ] {
            assert_eq!(without_numbers(text), expected);
        }
    }

    #[test]
    fn causes_are_said_once() {
        let cause = anyhow::anyhow!("disk full").context("cannot write blob");
        assert_eq!(
            text(&cause.context("cannot write blob: disk full")),
            "cannot write blob: disk full"
        );
        let cause = anyhow::anyhow!("no such file");
        assert_eq!(
            text(&cause.context("cannot read config.json")),
            "cannot read config.json: no such file"
        );
    }
}
