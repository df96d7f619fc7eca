//! `--help`, laid out as Docker's.

use std::fmt::Write as _;

use super::command::{Command, CommandPath, Group};
use super::flag::{Flag, FlagKind};
use super::quote::quoted;
use super::wrap::wrapped;

/// Docker lists commands in a column at least this wide.
const NAME_COLUMN: usize = 11;

/// The help of a command, for a terminal of that many columns.
pub(crate) fn help_text(path: &CommandPath, columns: usize) -> String {
    let command = path.command;
    let mut text = if !command.is_group() {
        format!("Usage:  {}\n", path.usage_line())
    } else if command.flags.is_empty() {
        format!("Usage:  {} COMMAND\n", path.words)
    } else {
        format!("Usage:  {} [OPTIONS] COMMAND\n", path.words)
    };
    let description = if command.description.is_empty() {
        command.summary
    } else {
        command.description
    };
    _ = write!(text, "\n{}\n", description.trim());
    if !command.spellings.is_empty() {
        _ = write!(text, "\nAliases:\n  {}\n", command.spellings.join(", "));
    }
    let is_root = !path.words.contains(' ');
    if !is_root {
        push_flags(&mut text, "Options", command.flags, columns);
    }
    if is_root {
        push_commands(&mut text, "Common Commands", command, |group| {
            group == Group::Common
        });
        push_commands(&mut text, "Management Commands", command, |group| {
            group == Group::Management
        });
        push_commands(&mut text, "Commands", command, |group| {
            group == Group::Other
        });
        push_flags(&mut text, "Global Options", command.flags, columns);
    } else {
        push_commands(&mut text, "Commands", command, |group| {
            group != Group::Hidden
        });
    }
    if command.is_group() {
        _ = write!(
            text,
            "\nRun '{} COMMAND --help' for more information on a command.\n",
            path.words
        );
    }
    text
}

/// What help says about an option: `  -a, --all string`, without the explanation.
pub(super) fn flag_column(flag: &Flag) -> String {
    let mut column = match flag.letter {
        Some(letter) => format!("  -{letter}, --{}", flag.name),
        None => format!("      --{}", flag.name),
    };
    if !flag.value_name().is_empty() {
        column.push(' ');
        column.push_str(flag.value_name());
    }
    column
}

/// The explanation of an option, with its default.
pub(super) fn flag_usage(flag: &Flag) -> String {
    match (flag.default, flag.kind) {
        ("", _) => flag.usage.to_owned(),
        (default, FlagKind::Text) if !flag.has_own_value_name() => {
            format!("{} (default {})", flag.usage, quoted(default))
        }
        (default, _) => format!("{} (default {default})", flag.usage),
    }
}

fn push_flags(text: &mut String, title: &str, flags: &[Flag], columns: usize) {
    let rows: Vec<(String, String)> = flags
        .iter()
        .filter(|flag| !flag.hidden)
        .map(|flag| (flag_column(flag), flag_usage(flag)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let widest = rows
        .iter()
        .map(|(column, _)| column.len())
        .max()
        .unwrap_or_default();
    _ = write!(text, "\n{title}:\n");
    for (column, usage) in rows {
        let explanation = wrapped(widest + 3, columns.saturating_sub(1), &usage);
        _ = writeln!(text, "{column:<widest$}   {explanation}");
    }
}

fn push_commands(text: &mut String, title: &str, command: &Command, shown: impl Fn(Group) -> bool) {
    let mut commands = command
        .subcommands
        .iter()
        .filter(|command| shown(command.group))
        .peekable();
    if commands.peek().is_none() {
        return;
    }
    _ = write!(text, "\n{title}:\n");
    for command in commands {
        _ = writeln!(text, "  {:<NAME_COLUMN$} {}", command.name, command.summary);
    }
}
