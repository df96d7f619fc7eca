//! `wharf images`: what the store holds.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

use crate::commands::format_option::TABLE_FORMAT_USAGE;

const ALL: Flag =
    Flag::switch("all", "Show all images (default hides intermediate images)").letter('a');
const DIGESTS: Flag = Flag::switch("digests", "Show digests");
const FILTER: Flag =
    Flag::filter("filter", "Filter output based on conditions provided").letter('f');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");
const QUIET: Flag = Flag::switch("quiet", "Only show image IDs").letter('q');
const TREE: Flag = Flag::switch(
    "tree",
    "List multi-platform images as a tree (EXPERIMENTAL)",
);

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    other_names: &["list"],
    spellings: &["wharf image ls", "wharf image list", "wharf images"],
    synopsis: "[OPTIONS] [REPOSITORY[:TAG]]",
    summary: "List images",
    flags: &[ALL, DIGESTS, FILTER, FORMAT, NO_TRUNC, QUIET, TREE],
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
