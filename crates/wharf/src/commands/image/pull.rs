//! `wharf pull`: an image from a registry into the store.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const ALL_TAGS: Flag =
    Flag::switch("all-tags", "Download all tagged images in the repository").letter('a');
const DISABLE_CONTENT_TRUST: Flag =
    Flag::switch("disable-content-trust", "Skip image verification").default("true");
const PLATFORM: Flag = Flag::text(
    "platform",
    "Set platform if server is multi-platform capable",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress verbose output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "pull",
    spellings: &["wharf image pull", "wharf pull"],
    synopsis: "[OPTIONS] NAME[:TAG|@DIGEST]",
    summary: "Download an image from a registry",
    flags: &[ALL_TAGS, DISABLE_CONTENT_TRUST, PLATFORM, QUIET],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
