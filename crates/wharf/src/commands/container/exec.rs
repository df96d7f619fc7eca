//! `wharf exec`: one more process in a container that runs.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use wharf_engine::ExecRequest;
use wharf_runtime::{ChildIo, connect_exec, exec_pipes, terminal_size};

use super::run::NOT_RUN;
use super::run_flags::{ENV, ENV_FILE};
use super::run_options::variables;
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::exit::Failure;
use crate::printer::PrintError;
use crate::session::Session;

const DETACH: Flag =
    Flag::switch("detach", "Detached mode: run command in the background").letter('d');
const DETACH_KEYS: Flag = Flag::text(
    "detach-keys",
    "Override the key sequence for detaching a container",
);
const INTERACTIVE: Flag =
    Flag::switch("interactive", "Keep STDIN open even if not attached").letter('i');
const PRIVILEGED: Flag = Flag::switch("privileged", "Give extended privileges to the command");
const TTY: Flag = Flag::switch("tty", "Allocate a pseudo-TTY").letter('t');
const USER: Flag = Flag::text(
    "user",
    "Username or UID (format: \"<name|uid>[:<group|gid>]\")",
)
.letter('u');
const WORKDIR: Flag = Flag::text("workdir", "Working directory inside the container").letter('w');

/// Docker's exit code for what could not be executed in a container that runs.
const NOT_EXECUTED: u8 = 126;

pub(crate) const COMMAND: Command = Command {
    name: "exec",
    spellings: &["wharf container exec", "wharf exec"],
    synopsis: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    summary: "Execute a command in a running container",
    flags: &[
        DETACH,
        DETACH_KEYS,
        ENV,
        ENV_FILE,
        INTERACTIVE,
        PRIVILEGED,
        TTY,
        USER,
        WORKDIR,
    ],
    positionals: Positionals::AtLeast(2),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    // What enters a container must not be writable from in there.
    wharf_runtime::restart_unwritable()?;
    let engine = session.engine();
    let container = engine.container(matches.argument(0)).found_by_daemon()?;
    let detached = matches.is_set(&DETACH);
    let terminal = matches.is_set(&TTY);
    let interactive = matches.is_set(&INTERACTIVE) && !detached;
    anyhow::ensure!(
        !(terminal && interactive) || std::io::stdin().is_terminal(),
        "the input device is not a TTY"
    );
    let (_, arguments) = matches.arguments.split_first().unwrap_or((&EMPTY, &[]));
    let request = ExecRequest {
        arguments: arguments.to_vec(),
        environment: variables(matches)?,
        folder: matches.some_text(&WORKDIR).map(str::to_owned),
        user: matches.some_text(&USER).map(str::to_owned),
        privileged: matches.is_set(&PRIVILEGED),
        terminal: terminal.then(|| terminal_size().unwrap_or_default()),
    };
    let (io, pipes) = if detached || terminal {
        (ChildIo::default(), None)
    } else {
        let (theirs, ours) = exec_pipes(interactive)?;
        (theirs, Some(ours))
    };
    let launched = engine
        .exec_in_container(&container, request, io)
        .map_err(|error| failed(&error))?;
    if detached {
        return Ok(ExitCode::SUCCESS);
    }
    let code = match connect_exec(&launched, interactive, pipes) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            return Err(PrintError::reader_gone().into());
        }
        ended => ended?,
    };
    Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(NOT_RUN)))
}

static EMPTY: String = String::new();

/// Docker's words, on stderr and not among the output, and its exit codes.
fn failed(error: &wharf_engine::EngineError) -> anyhow::Error {
    let Some(wharf_runtime::LaunchError::Failed { text, exit_code }) = error.cause().downcast_ref()
    else {
        return anyhow::anyhow!("Error response from daemon: {error}");
    };
    // Whom it is to run as is found by Docker before there is a process.
    let text = if text.starts_with("unable to find ") {
        text.clone()
    } else {
        format!(
            "OCI runtime exec failed: exec failed: unable to start container process: {text}: unknown"
        )
    };
    Failure {
        exit_code: if *exit_code == NOT_RUN {
            NOT_EXECUTED
        } else {
            *exit_code
        },
        text,
    }
    .into()
}
