//! The only place that prints. It knows whether a stream is a terminal, how wide it is, and that a reader that went
//! away (`wharf images | head -1`) is no error to speak of.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use rustix::fd::AsFd;

use crate::environment::Environment;

/// Width if neither the terminal nor `COLUMNS` tells.
const DEFAULT_COLUMNS: usize = 80;
/// Height if the terminal does not tell.
const DEFAULT_ROWS: usize = 24;

/// Standard output and error of the process.
pub(crate) struct Printer {
    out: Stream,
    error: Stream,
    /// Whether a person types at stdin.
    pub(crate) input_is_terminal: bool,
    /// Width for wrapped text: of the terminal at stdin, as Docker has it.
    pub(crate) columns: usize,
}

struct Stream {
    writer: Mutex<Box<dyn Write + Send>>,
    terminal: Option<usize>,
}

/// Output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {stream}")]
pub(crate) struct PrintError {
    stream: &'static str,
    source: io::Error,
}

impl PrintError {
    /// The reader of stdout has gone away.
    pub(crate) fn reader_gone() -> Self {
        Self {
            stream: "stdout",
            source: io::ErrorKind::BrokenPipe.into(),
        }
    }

    /// Whether the reader has gone away: then there is nobody to tell.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

impl Printer {
    /// The streams of the process.
    pub(crate) fn of_process(environment: &Environment) -> Self {
        let stdin = io::stdin();
        let columns = terminal_columns(&stdin).or(environment.columns);
        Self {
            out: Stream::new(io::stdout(), environment),
            error: Stream::new(io::stderr(), environment),
            input_is_terminal: stdin.is_terminal(),
            columns: columns.unwrap_or(DEFAULT_COLUMNS),
        }
    }

    /// Prints to stdout, as it is: no line break is added.
    pub(crate) fn out(&self, text: &str) -> Result<(), PrintError> {
        self.out_bytes(text.as_bytes())
    }

    /// Prints bytes to stdout.
    pub(crate) fn out_bytes(&self, bytes: &[u8]) -> Result<(), PrintError> {
        self.out.write(bytes).map_err(|source| PrintError {
            stream: "stdout",
            source,
        })
    }

    /// Prints a line to stdout.
    pub(crate) fn line(&self, text: &str) -> Result<(), PrintError> {
        self.out(&format!("{text}\n"))
    }

    /// Prints to stderr, as it is. An error that cannot be printed is nobody's business.
    pub(crate) fn error(&self, text: &str) {
        if self.error.write(text.as_bytes()).is_err() {
            // there is no third stream to say it on
        }
    }

    /// Prints a line to stderr.
    pub(crate) fn error_line(&self, text: &str) {
        self.error(&format!("{text}\n"));
    }

    /// Prints a remark that people must not miss to stderr, as Docker's client words such: a line of its own, further
    /// lines below it indented.
    pub(crate) fn note(&self, text: &str) {
        self.error(&format!(
            "\n Info -> {}\n",
            text.replace('\n', "\n         ")
        ));
    }

    /// Columns and rows of the terminal at stderr, as they are now; `None` if it is none.
    pub(crate) fn error_size(&self) -> Option<(usize, usize)> {
        self.error.terminal?;
        let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
        let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
        Some((
            if columns == 0 {
                DEFAULT_COLUMNS
            } else {
                columns
            },
            if rows == 0 { DEFAULT_ROWS } else { rows },
        ))
    }

    /// Whether stdout is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.out.terminal.is_some()
    }

    /// Columns of the terminal at stdout: 0 if it is none.
    pub(crate) fn terminal_columns(&self) -> usize {
        self.out.terminal.unwrap_or_default()
    }
}

impl fmt::Debug for Printer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Printer")
            .field("terminal", &self.out.terminal)
            .finish_non_exhaustive()
    }
}

impl Stream {
    fn new(writer: impl Write + AsFd + Send + 'static, environment: &Environment) -> Self {
        let is_terminal = rustix::termios::isatty(writer.as_fd());
        let terminal = is_terminal.then(|| {
            terminal_columns(&writer)
                .or(environment.columns)
                .unwrap_or(DEFAULT_COLUMNS)
        });
        Self {
            writer: Mutex::new(Box::new(writer)),
            terminal,
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(bytes)?;
        writer.flush()
    }
}

fn terminal_columns(stream: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream.as_fd()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
