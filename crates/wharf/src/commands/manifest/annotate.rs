//! `wharf manifest annotate`: says what platform a manifest of a list is for.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const ARCH: Flag = Flag::text("arch", "Set architecture");
const OS: Flag = Flag::text("os", "Set operating system");
const OS_FEATURES: Flag = Flag::comma_list("os-features", "Set operating system feature");
const OS_VERSION: Flag = Flag::text("os-version", "Set operating system version");
const VARIANT: Flag = Flag::text("variant", "Set architecture variant");

pub(crate) const COMMAND: Command = Command {
    name: "annotate",
    synopsis: "[OPTIONS] MANIFEST_LIST MANIFEST",
    summary: "Add additional information to a local image manifest",
    flags: &[ARCH, OS, OS_FEATURES, OS_VERSION, VARIANT],
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
