//! The manual page of a command, in roff.

use std::fmt::Write as _;

use super::command::{CommandPath, Group};
use super::help::{flag_column, flag_usage};

/// One page of section 1.
pub(crate) fn manual_page(path: &CommandPath, version: &str) -> String {
    let command = path.command;
    let name = path.words.replace(' ', "-");
    let mut page = format!(
        ".TH \"{}\" \"1\" \"\" \"wharf {version}\" \"Wharf\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n",
        escaped(&name.to_uppercase()),
        escaped(&name),
        escaped(command.summary),
        escaped(&path.shape())
    );
    if !command.description.is_empty() {
        _ = write!(
            page,
            ".SH DESCRIPTION\n.nf\n{}\n.fi\n",
            escaped(command.description.trim())
        );
    }
    let mut flags = command.flags.iter().filter(|flag| !flag.hidden).peekable();
    if flags.peek().is_some() {
        page.push_str(".SH OPTIONS\n");
        for flag in flags {
            let usage = escaped(&flag_usage(flag)).replace('\n', "\n.br\n");
            _ = write!(
                page,
                ".TP\n\\fB{}\\fR\n{usage}\n",
                escaped(flag_column(flag).trim())
            );
        }
    }
    let mut shown = command
        .subcommands
        .iter()
        .filter(|command| command.group != Group::Hidden)
        .peekable();
    if shown.peek().is_some() {
        page.push_str(".SH COMMANDS\n");
        for subcommand in shown {
            let below = path.down(subcommand).words.replace(' ', "-");
            _ = write!(
                page,
                ".TP\n\\fB{}\\fR(1)\n{}\n",
                escaped(&below),
                escaped(subcommand.summary)
            );
        }
    }
    page
}

/// Text that roff prints as it is: no escapes, no requests at the start of a line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            escaped.push('\n');
        }
        if line.starts_with(['.', '\'']) {
            escaped.push_str("\\&");
        }
        for character in line.chars() {
            match character {
                '\\' => escaped.push_str("\\e"),
                '-' => escaped.push_str("\\-"),
                plain => escaped.push(plain),
            }
        }
    }
    escaped
}
