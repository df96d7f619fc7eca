//! `wharf push`: an image of the store into a registry.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const ALL_TAGS: Flag =
    Flag::switch("all-tags", "Push all tags of an image to the repository").letter('a');
const DISABLE_CONTENT_TRUST: Flag =
    Flag::switch("disable-content-trust", "Skip image signing").default("true");
const PLATFORM: Flag = Flag::text(
    "platform",
    "Push a platform-specific manifest as a single-platform image to the registry.\n\
     Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n\
     'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress verbose output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "push",
    spellings: &["wharf image push", "wharf push"],
    synopsis: "[OPTIONS] NAME[:TAG]",
    summary: "Upload an image to a registry",
    flags: &[ALL_TAGS, DISABLE_CONTENT_TRUST, PLATFORM, QUIET],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
