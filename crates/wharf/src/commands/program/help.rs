//! `--help`, and groups of commands called without one of them.

use std::process::ExitCode;

use crate::arguments::{CommandPath, Matches, help_text};
use crate::commands::global_options::VERSION;
use crate::exit;
use crate::printer::Printer;

/// Prints the help of a command to stdout.
pub(crate) fn help(printer: &Printer, path: &CommandPath, by_letter: bool) -> ExitCode {
    let warning = if by_letter {
        "Flag shorthand -h has been deprecated, use --help\n"
    } else {
        ""
    };
    let text = format!("{warning}{}", help_text(path, printer.columns));
    exit::finished(
        printer,
        printer
            .out(&text)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
    )
}

/// A group alone prints its help to stderr and succeeds, as Docker's do; `wharf --version` prints the version.
pub(crate) fn without_subcommand(
    printer: &Printer,
    path: &CommandPath,
    globals: &Matches,
) -> ExitCode {
    let is_root = !path.words.contains(' ');
    if is_root && globals.is_set(&VERSION) {
        let version = format!("Wharf version {}", env!("CARGO_PKG_VERSION"));
        return exit::finished(
            printer,
            printer
                .line(&version)
                .map(|()| ExitCode::SUCCESS)
                .map_err(Into::into),
        );
    }
    printer.error(&help_text(path, printer.columns));
    ExitCode::SUCCESS
}
