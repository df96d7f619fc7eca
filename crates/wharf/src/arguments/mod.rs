//! The command line: what may be typed, what was typed, and every text made from that one description
//! (usage errors, `--help`, completions, manual pages, the reference in `docs/cli`).
//!
//! Docker's own grammar (the one of Go's `pflag`) is kept to the letter, since scripts depend on it.
//! Why this is not clap: `docs/decisions/0004-own-argument-parser.md`.

mod command;
mod complete;
mod flag;
mod help;
mod markdown;
mod matches;
mod parse;
mod quote;
mod roff;
mod shells;
mod usage_error;
mod values;
mod wrap;

pub(crate) use command::{Command, CommandPath, Files, Group, Positionals, Run, Work};
pub(crate) use complete::{Candidate, Completion, complete};
pub(crate) use flag::Flag;
pub(crate) use help::help_text;
pub(crate) use markdown::markdown_page;
pub(crate) use matches::Matches;
pub(crate) use parse::{Parsed, parse};
pub(crate) use quote::quoted;
pub(crate) use roff::manual_page;
pub(crate) use shells::{Shell, completion_script};
pub(crate) use usage_error::UsageError;
pub(crate) use values::comma_separated;
