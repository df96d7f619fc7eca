//! `wharf inspect`: everything that is known of an object, whatever it is.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

use crate::commands::format_option::FORMAT_USAGE;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const SIZE: Flag =
    Flag::switch("size", "Display total file sizes if the type is container").letter('s');
const TYPE: Flag = Flag::text("type", "Only inspect objects of the given type");

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] NAME|ID [NAME|ID...]",
    summary: "Return low-level information on Wharf objects",
    flags: &[FORMAT, SIZE, TYPE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
