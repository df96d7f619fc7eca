//! Logs, to stderr only: for people as text, for machines as JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// What is logged unless something else is asked for.
const DEFAULT_LEVEL: &str = "warn";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A wish about logs that cannot be fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoggingError {
    /// Docker's words.
    #[error("Unable to parse logging level: {0}")]
    Level(String),
    #[error("unknown log format \"{0}\": it is text or json")]
    Format(String),
    #[error("WHARF_LOG is no list of log filters: {0}")]
    Filters(String),
    #[error("cannot start to log: {0}")]
    Start(String),
}

/// What the options, the environment and the files say, in this order.
#[derive(Debug, Default)]
pub(crate) struct LogWishes<'a> {
    /// `--log-level`, or `debug` for `--debug`.
    pub(crate) level_option: Option<&'a str>,
    /// `WHARF_LOG`.
    pub(crate) filters: Option<&'a str>,
    /// `log-level` of `wharf.toml`.
    pub(crate) level_file: Option<&'a str>,
    /// `--log-format`, or `log-format` of `wharf.toml`.
    pub(crate) format: Option<&'a str>,
}

/// Starts to log, once in the life of the process.
pub(crate) fn start(wishes: &LogWishes<'_>) -> Result<(), LoggingError> {
    let filter = match (wishes.level_option, wishes.filters) {
        (None, Some(filters)) => {
            EnvFilter::try_new(filters).map_err(|error| LoggingError::Filters(error.to_string()))?
        }
        (option, _) => EnvFilter::new(level(
            option.or(wishes.level_file).unwrap_or(DEFAULT_LEVEL),
        )?),
    };
    // Where stderr leads to a full disk or a closed pipe, a line is lost: its complaint would go to stderr, and panic.
    let logger = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let started = match format(wishes.format)? {
        LogFormat::Json => logger.json().try_init(),
        LogFormat::Text => logger.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| LoggingError::Start(error.to_string()))
}

fn format(wish: Option<&str>) -> Result<LogFormat, LoggingError> {
    match wish {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(LoggingError::Format(other.to_owned())),
    }
}

/// Docker's names of levels, and ours.
fn level(name: &str) -> Result<&'static str, LoggingError> {
    match name.to_ascii_lowercase().as_str() {
        "trace" => Ok("trace"),
        "debug" => Ok("debug"),
        "info" => Ok("info"),
        "warn" | "warning" => Ok("warn"),
        "error" | "fatal" | "panic" => Ok("error"),
        "off" => Ok("off"),
        _ => Err(LoggingError::Level(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_docker_names_and_docker_errors() {
        for (name, expected) in [
            ("info", "info"),
            ("fatal", "error"),
            ("WARNING", "warn"),
            ("trace", "trace"),
        ] {
            assert_eq!(level(name).unwrap(), expected);
        }
        assert_eq!(
            level("foo").unwrap_err().to_string(),
            "Unable to parse logging level: foo"
        );
    }
}
