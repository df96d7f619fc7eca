//! `wharf buildx imagetools create`: an index in a registry, out of what is there.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const ANNOTATION: Flag = Flag::list("annotation", "Add annotation to the image");
const APPEND: Flag = Flag::switch("append", "Append to existing manifest");
const BUILDER: Flag = Flag::text("builder", "No effect: there are no builder instances").hidden();
const DRY_RUN: Flag = Flag::switch("dry-run", "Show final image instead of pushing");
const FILE: Flag = Flag::list("file", "Read source descriptor from file").letter('f');
const PREFER_INDEX: Flag = Flag::switch(
    "prefer-index",
    "When only a single source is specified, prefer outputting an image index or manifest list instead of performing a \
     carbon copy",
)
.default("true");
const PROGRESS: Flag = Flag::text(
    "progress",
    "Set type of progress output (\"auto\", \"plain\", \"tty\", \"rawjson\")",
)
.default("auto");
const TAG: Flag = Flag::list("tag", "Set reference for new image").letter('t');

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "[OPTIONS] [SOURCE...]",
    summary: "Create a new image based on source images",
    flags: &[
        ANNOTATION,
        APPEND,
        BUILDER,
        DRY_RUN,
        FILE,
        PREFER_INDEX,
        PROGRESS,
        TAG,
    ],
    positionals: Positionals::AtLeast(0),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
