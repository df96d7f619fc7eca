//! `wharf run`: a container is made and started, and its streams are connected with ours.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use wharf_engine::{Container, EngineError, ErrorKind};
use wharf_runtime::{AttachEnd, AttachOptions, MonitorClientError, attach, parse_detach_keys};

use super::create::create;
use super::run_flags::{ATTACH, DETACH, DETACH_KEYS, RUN_FLAGS, SIG_PROXY};
use super::run_options::create_request;
use crate::arguments::{Command, Files, Matches, Positionals, Run};
use crate::exit::Failure;
use crate::session::Session;

/// What is typed to detach, unless told otherwise.
pub(super) const USUAL_DETACH_KEYS: &str = "ctrl-p,ctrl-q";
/// Docker's exit code where the container itself was not to blame.
pub(super) const NOT_RUN: u8 = 125;

pub(crate) const COMMAND: Command = Command {
    name: "run",
    spellings: &["wharf container run", "wharf run"],
    synopsis: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary: "Create and run a new container from an image",
    flags: RUN_FLAGS,
    positionals: Positionals::AtLeast(1),
    interspersed: false,
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let detached = matches.is_set(&DETACH);
    anyhow::ensure!(
        !detached || matches.list(&ATTACH).is_empty(),
        "conflicting options: cannot specify both --attach and --detach"
    );
    let request = create_request(matches, detached).map_err(|error| not_run("run", &error))?;
    // A container that could not be attached to is not made.
    anyhow::ensure!(
        !(request.config.tty && request.config.attach_stdin) || std::io::stdin().is_terminal(),
        "the input device is not a TTY"
    );
    let container = create(session, matches, request).map_err(|error| not_run("run", &error))?;
    if detached {
        let started = start_detached(session, &container);
        started.map_err(|error| failed_to_start(session, &container, &error))?;
        session.printer().line(&container.record.id)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = &container.record.config;
    let keys = matches.some_text(&DETACH_KEYS).unwrap_or(USUAL_DETACH_KEYS);
    let options = AttachOptions {
        stdin: config.attach_stdin,
        stdout: config.attach_stdout,
        stderr: config.attach_stderr,
        terminal: config.tty,
        pass_signals: matches.is_set(&SIG_PROXY),
        detach_keys: parse_detach_keys(keys)?,
        start: true,
    };
    let mut monitor = session
        .engine()
        .start_monitor(&container)
        .map_err(|error| failed_to_start(session, &container, &StartError::Engine(error)))?;
    match attach(&mut monitor, &options) {
        Ok(end) => Ok(exit_code(end)),
        Err(error) => Err(failed_to_start(
            session,
            &container,
            &StartError::Monitor(error),
        )),
    }
}

/// What this process ends with.
pub(super) fn exit_code(end: AttachEnd) -> ExitCode {
    let code = match end {
        AttachEnd::Exited(code) => code,
        AttachEnd::Detached => 0,
        AttachEnd::Interrupted(signal) => 128 + signal,
    };
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(NOT_RUN))
}

/// Why a container did not start.
#[derive(Debug)]
pub(super) enum StartError {
    Engine(EngineError),
    Monitor(MonitorClientError),
}

/// Starts a container that nobody attaches to.
pub(super) fn start_detached(session: &Session, container: &Container) -> Result<(), StartError> {
    let mut monitor = session
        .engine()
        .start_monitor(container)
        .map_err(StartError::Engine)?;
    for warning in monitor.start().map_err(StartError::Monitor)? {
        session.printer().error_line(&format!("WARNING: {warning}"));
    }
    Ok(())
}

/// Docker's words and exit codes for a container that could not be started. One that was to be removed is.
pub(super) fn failed_to_start(
    session: &Session,
    container: &Container,
    error: &StartError,
) -> anyhow::Error {
    let record = &container.record;
    if record.host_config.auto_remove
        && let Err(second) = session.engine().remove_container(&record.id, true, true)
        && second.kind() != ErrorKind::NotFound
    {
        tracing::warn!(error = %second, "a container that could not be started cannot be removed");
    }
    let (text, exit_code) = match error {
        StartError::Monitor(MonitorClientError::Failed { text, exit_code }) => {
            (not_started(text), *exit_code)
        }
        StartError::Monitor(error) => (error.to_string(), NOT_RUN),
        StartError::Engine(error) => (error.to_string(), NOT_RUN),
    };
    Failure {
        exit_code,
        text: format!(
            "wharf: Error response from daemon: {text}\n\nRun 'wharf run --help' for more information"
        ),
    }
    .into()
}

/// Docker's words around what a container's first process said. Who it is to run as, and its networks, are found by Docker before that.
pub(super) fn not_started(text: &str) -> String {
    if text.starts_with("unable to find ") {
        return text.to_owned();
    }
    if text.starts_with("network ") {
        return format!("failed to set up container networking: {text}");
    }
    format!("failed to create task for container: {text}")
}

/// What went wrong before there was a container.
pub(super) fn not_run(command: &str, error: &anyhow::Error) -> anyhow::Error {
    let text = crate::exit::text(error);
    Failure {
        exit_code: NOT_RUN,
        text: format!("wharf: {text}\n\nRun 'wharf {command} --help' for more information"),
    }
    .into()
}
