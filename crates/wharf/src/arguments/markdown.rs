//! The reference page of a command, in Markdown: `docs/cli`.

use std::fmt::Write as _;

use super::command::{CommandPath, Group};
use super::flag::Flag;
use super::help::{flag_column, flag_usage};

/// One page: usage, description, options, subcommands.
pub(crate) fn markdown_page(path: &CommandPath) -> String {
    let command = path.command;
    let usage = path.shape();
    let mut page = format!(
        "# {}\n\n{}\n\n```text\n{usage}\n```\n",
        path.words, command.summary
    );
    if !command.description.is_empty() {
        _ = write!(page, "\n{}\n", command.description.trim());
    }
    if !command.spellings.is_empty() {
        _ = write!(page, "\nSpellings: `{}`.\n", command.spellings.join("`, `"));
    }
    let flags: Vec<&Flag> = command.flags.iter().filter(|flag| !flag.hidden).collect();
    if !flags.is_empty() {
        page.push_str("\n## Options\n\n| option | meaning |\n|---|---|\n");
        for flag in flags {
            let usage = flag_usage(flag)
                .replace('|', "\\|")
                .replace('<', "&lt;")
                .replace('\n', "<br>");
            _ = writeln!(page, "| `{}` | {usage} |", flag_column(flag).trim());
        }
    }
    let shown: Vec<_> = command
        .subcommands
        .iter()
        .filter(|command| command.group != Group::Hidden)
        .collect();
    if !shown.is_empty() {
        page.push_str("\n## Commands\n\n| command | what it does |\n|---|---|\n");
        for subcommand in shown {
            let below = path.down(subcommand);
            let file = format!("{}.md", below.words.replace(' ', "-"));
            _ = writeln!(
                page,
                "| [`{}`]({file}) | {} |",
                below.words, subcommand.summary
            );
        }
    }
    page
}
