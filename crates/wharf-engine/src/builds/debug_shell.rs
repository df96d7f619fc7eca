//! `--debug-on-fail`: a shell where a program of a build has failed, with all that it has left there.

use std::fmt;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use wharf_build::builder::Cancellation;

use crate::containers::{BuildStarter, StepRequest};
use crate::engine::Engine;

/// What is told before and after a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DebugFailure {
    /// This program has failed, and a shell opens.
    Opens {
        /// The program and its arguments.
        command: String,
        /// The shell.
        shell: String,
    },
    /// The shell cannot be opened.
    NotOpened {
        /// Why.
        reason: String,
    },
}

/// Gives the terminal of the build, a descriptor that can be read and written.
type Take = dyn Fn(&DebugFailure) -> Option<OwnedFd> + Send + Sync;

/// The terminal of a build, for one shell at a time.
#[derive(Clone)]
pub struct DebugTerminal {
    take: Arc<Take>,
    /// `TERM` in the shell.
    kind: String,
    turn: Arc<Mutex<()>>,
}

impl DebugTerminal {
    /// `take` says what has failed and gives the terminal, once nothing else draws there any more.
    pub fn new(
        kind: String,
        take: impl Fn(&DebugFailure) -> Option<OwnedFd> + Send + Sync + 'static,
    ) -> Self {
        Self {
            take: Arc::new(take),
            kind,
            turn: Arc::default(),
        }
    }

    /// Opens a shell upon what the step has left, and comes back when it has ended.
    pub(super) fn open_shell(
        &self,
        (engine, starter): (&Engine, &BuildStarter),
        mut step: StepRequest,
        command: &str,
        cancellation: &Cancellation,
    ) {
        // two steps that fail at once have their shells one after the other
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shell = shell_of(&step.arguments);
        let opens = DebugFailure::Opens {
            command: command.to_owned(),
            shell: shell.clone(),
        };
        let Some(terminal) = (self.take)(&opens) else {
            return;
        };
        step.arguments = vec![shell];
        step.terminal = true;
        if !self.kind.is_empty() {
            step.environment.push(format!("TERM={}", self.kind));
        }
        let ended = (|| {
            let terminal = terminal.as_fd();
            let process = engine
                .start_step(starter, step, terminal, terminal)
                .map_err(|error| error.to_string())?;
            let end = process.ending().map_err(|error| error.to_string())?;
            let _ends = cancellation.when_canceled(move || end.end());
            // how the shell ended is the person's affair
            process.wait().map_err(|error| error.to_string())
        })();
        if let Err(reason) = ended {
            (self.take)(&DebugFailure::NotOpened { reason });
        }
    }
}

impl fmt::Debug for DebugTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugTerminal").finish_non_exhaustive()
    }
}

/// The shell that has run the program, or the usual one.
fn shell_of(arguments: &[String]) -> String {
    let name = arguments.first().map_or("", String::as_str);
    let is_shell = ["sh", "bash", "ash", "dash", "zsh", "fish", "ksh"]
        .iter()
        .any(|known| name.rsplit('/').next() == Some(known));
    if is_shell {
        name.to_owned()
    } else {
        "/bin/sh".to_owned()
    }
}
