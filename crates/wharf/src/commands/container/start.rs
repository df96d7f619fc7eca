//! `wharf start`: containers that have ended, or were only made, run.

use std::process::ExitCode;

use wharf_engine::{Container, EngineError, ErrorKind};
use wharf_runtime::{AttachOptions, MonitorClientError, Status, attach, parse_detach_keys};

use super::run::{StartError, USUAL_DETACH_KEYS, exit_code, start_detached};
use super::words::for_each;
use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const ATTACH: Flag = Flag::switch("attach", "Attach STDOUT/STDERR and forward signals").letter('a');
/// Docker's where its daemon is experimental.
const CHECKPOINT: Flag = Flag::text("checkpoint", "Restore from this checkpoint").hidden();
const CHECKPOINT_DIR: Flag = Flag::text(
    "checkpoint-dir",
    "Use a custom checkpoint storage directory",
)
.hidden();
const DETACH_KEYS: Flag = Flag::text(
    "detach-keys",
    "Override the key sequence for detaching a container",
);
const INTERACTIVE: Flag = Flag::switch("interactive", "Attach container's STDIN").letter('i');

pub(crate) const COMMAND: Command = Command {
    name: "start",
    spellings: &["wharf container start", "wharf start"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Start one or more stopped containers",
    flags: &[ATTACH, CHECKPOINT, CHECKPOINT_DIR, DETACH_KEYS, INTERACTIVE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for flag in [&CHECKPOINT, &CHECKPOINT_DIR] {
        anyhow::ensure!(
            !matches.is_given(flag),
            "--{} is not supported: what processes have in memory is not kept",
            flag.name
        );
    }
    if matches.is_set(&ATTACH) || matches.is_set(&INTERACTIVE) {
        return start_attached(session, matches);
    }
    for_each(session, &matches.arguments, |name| start(session, name))
}

/// Starts it unless it runs.
pub(crate) fn start(session: &Session, name: &str) -> Result<(), EngineError> {
    let container = session.engine().container(name)?;
    if lives(&container) {
        return Ok(());
    }
    start_detached(session, &container).or_else(|error| {
        // Somebody else may have been faster.
        let now = session.engine().container(&container.record.id)?;
        let runs = matches!(error, StartError::Monitor(MonitorClientError::Refused(_)));
        if runs && lives(&now) {
            return Ok(());
        }
        Err(said(&container, error))
    })
}

/// Whether somebody watches it: between two lives too.
fn lives(container: &Container) -> bool {
    let status = container.state.status;
    status.is_alive() || status == Status::Restarting
}

/// Docker's words for a container that did not start.
fn said(container: &Container, error: StartError) -> EngineError {
    match error {
        StartError::Engine(error) => error,
        StartError::Monitor(MonitorClientError::Failed { text, .. }) => {
            EngineError::new(ErrorKind::Invalid, super::run::not_started(&text))
        }
        StartError::Monitor(error) => EngineError::new(
            ErrorKind::Internal,
            format!("cannot start container {}: {error}", container.record.id),
        ),
    }
}

fn start_attached(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let [name] = &matches.arguments[..] else {
        anyhow::bail!("you cannot start and attach multiple containers at once");
    };
    let engine = session.engine();
    let container = engine.container(name).found_by_daemon()?;
    if lives(&container) {
        return super::attach::attach_to(
            session,
            &container,
            matches.is_set(&INTERACTIVE),
            true,
            "",
        );
    }
    let config = &container.record.config;
    let keys = matches.some_text(&DETACH_KEYS).unwrap_or(USUAL_DETACH_KEYS);
    let options = AttachOptions {
        stdin: matches.is_set(&INTERACTIVE) && config.open_stdin,
        stdout: true,
        stderr: true,
        terminal: config.tty,
        pass_signals: true,
        detach_keys: parse_detach_keys(keys)?,
        start: true,
    };
    let mut monitor = engine.start_monitor(&container).found_by_daemon()?;
    let end = attach(&mut monitor, &options)
        .map_err(|error| said(&container, StartError::Monitor(error)))
        .found_by_daemon()?;
    Ok(exit_code(end))
}
