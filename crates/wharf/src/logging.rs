//! Logs, to stderr only: for people as text, for machines as JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt};
use wharf_registry::config::{LogConfig, LogFormat as RegistryLogFormat, LogLevel};

use crate::arguments::Run;
use crate::traces::{SPANS, Traces};

/// What is logged unless something else is asked for.
const DEFAULT_LEVEL: &str = "warn";
/// Under this name the registry logs each request.
const REQUESTS: &str = "access";
/// And under this one each change that somebody makes.
const AUDIT: &str = "audit";

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

/// When logging begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogStart {
    /// Before the command runs.
    Now,
    /// When the command has read a configuration of its own.
    Later,
}

impl LogStart {
    /// Services have a configuration of their own.
    pub(crate) fn of(run: Run) -> Self {
        match run {
            Run::Service(_) => Self::Later,
            Run::Nothing | Run::Local(_) | Run::Networked(_) => Self::Now,
        }
    }
}

/// What the options, the environment and the files say, in this order.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogWishes {
    /// `--log-level`, or `debug` for `--debug`.
    pub(crate) level_option: Option<String>,
    /// `--log-format`.
    pub(crate) format_option: Option<String>,
    /// `WHARF_LOG`.
    pub(crate) filters: Option<String>,
    /// `log-level` of `wharf.toml`.
    pub(crate) level_file: Option<String>,
    /// `log-format` of `wharf.toml`.
    pub(crate) format_file: Option<String>,
    /// Whether a service logs each request.
    pub(crate) requests: bool,
    /// Whether it logs each change.
    pub(crate) audit: bool,
}

impl LogWishes {
    /// With what a service's own file says instead of `wharf.toml`.
    pub(crate) fn of_service(self, log: &LogConfig) -> Self {
        let level = match log.level {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
            LogLevel::Off => "off",
        };
        let format = match log.format {
            RegistryLogFormat::Text => "text",
            RegistryLogFormat::Json => "json",
        };
        Self {
            level_file: Some(level.to_owned()),
            format_file: Some(format.to_owned()),
            requests: log.requests,
            audit: log.audit,
            ..self
        }
    }

    fn filter(&self) -> Result<EnvFilter, LoggingError> {
        if let (None, Some(filters)) = (&self.level_option, &self.filters) {
            return EnvFilter::try_new(filters)
                .map_err(|error| LoggingError::Filters(error.to_string()));
        }
        let chosen = self.level_option.as_ref().or(self.level_file.as_ref());
        let level = level(chosen.map_or(DEFAULT_LEVEL, String::as_str))?;
        let mut filters = level.to_owned();
        for (name, is_wanted) in [(REQUESTS, self.requests), (AUDIT, self.audit)] {
            if !is_wanted {
                filters += ",";
                filters += name;
                filters += "=off";
            }
        }
        Ok(EnvFilter::new(filters))
    }
}

/// Starts to log, once in the life of the process, and to take spans for `traces`, if there is somebody who wants them.
pub(crate) fn start(wishes: &LogWishes, traces: Option<&Traces>) -> Result<(), LoggingError> {
    // Where stderr leads to a full disk or a closed pipe, a line is lost: its complaint would go to stderr, and panic.
    let logger = fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let wish = wishes
        .format_option
        .as_ref()
        .or(wishes.format_file.as_ref());
    let logger = match format(wish.map(String::as_str))? {
        LogFormat::Json => logger.json().flatten_event(true).boxed(),
        LogFormat::Text => logger.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    // Spans are for traces: a line says all by itself.
    let only_events = filter_fn(|about| about.target() != SPANS);
    let logger = logger.with_filter(wishes.filter()?.and(only_events));
    let started = Registry::default()
        .with(traces.map(Traces::layer))
        .with(logger)
        .try_init();
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
