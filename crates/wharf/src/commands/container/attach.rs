//! `wharf attach`: our streams are connected with those of a container that runs.

use std::process::ExitCode;

use wharf_engine::Container;
use wharf_runtime::{AttachOptions, Status, attach, parse_detach_keys};

use super::run::{USUAL_DETACH_KEYS, exit_code};
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const DETACH_KEYS: Flag = Flag::text(
    "detach-keys",
    "Override the key sequence for detaching a container",
);
const NO_STDIN: Flag = Flag::switch("no-stdin", "Do not attach STDIN");
const SIG_PROXY: Flag =
    Flag::switch("sig-proxy", "Proxy all received signals to the process").default("true");

pub(crate) const COMMAND: Command = Command {
    name: "attach",
    spellings: &["wharf container attach", "wharf attach"],
    synopsis: "[OPTIONS] CONTAINER",
    summary: "Attach local standard input, output, and error streams to a running container",
    flags: &[DETACH_KEYS, NO_STDIN, SIG_PROXY],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let container = session.engine().container(matches.argument(0));
    let container = container.found_by_daemon()?;
    match container.state.status {
        Status::Running => (),
        Status::Paused => {
            anyhow::bail!("You cannot attach to a paused container, unpause it first")
        }
        Status::Restarting => {
            anyhow::bail!("You cannot attach to a restarting container, wait until it is running")
        }
        _ => anyhow::bail!("You cannot attach to a stopped container, start it first"),
    }
    attach_to(
        session,
        &container,
        !matches.is_set(&NO_STDIN),
        matches.is_set(&SIG_PROXY),
        matches.text(&DETACH_KEYS),
    )
}

/// Connects with a container that runs.
pub(super) fn attach_to(
    session: &Session,
    container: &Container,
    stdin: bool,
    pass_signals: bool,
    keys: &str,
) -> anyhow::Result<ExitCode> {
    let config = &container.record.config;
    let keys = if keys.is_empty() {
        USUAL_DETACH_KEYS
    } else {
        keys
    };
    let options = AttachOptions {
        stdin: stdin && config.open_stdin,
        stdout: true,
        stderr: true,
        terminal: config.tty,
        pass_signals,
        detach_keys: parse_detach_keys(keys)?,
        start: false,
    };
    let Some(mut monitor) = session.engine().monitor(container).found_by_daemon()? else {
        anyhow::bail!("You cannot attach to a stopped container, start it first");
    };
    Ok(exit_code(attach(&mut monitor, &options)?))
}
