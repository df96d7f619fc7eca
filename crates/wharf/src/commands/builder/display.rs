//! Draws how a build goes on, as `BuildKit`'s plain form does: numbered lines on stderr.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use wharf_build::builder::{BuildEvent, StepOutcome, Vertex};
use wharf_engine::BuildSink;

use crate::printer::Printer;

/// What is repeated of a failed step's output.
const LAST_LINES: usize = 20;

/// How a build is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Numbered lines.
    Plain,
    /// One JSON object for each event.
    RawJson,
    /// Nothing, and the image's ID at the end.
    Quiet,
    /// Nothing.
    None,
}

impl Shown {
    /// What `--progress` says.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "auto" | "plain" | "tty" | "" => Self::Plain,
            "rawjson" => Self::RawJson,
            "quiet" => Self::Quiet,
            "none" => Self::None,
            _ => anyhow::bail!(
                "invalid progress mode {text:?}: expected auto, plain, tty, quiet, rawjson or none"
            ),
        })
    }
}

/// The display of one build.
#[derive(Debug)]
pub(super) struct Display {
    printer: Arc<Printer>,
    shown: Shown,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<Vertex, String>,
    warnings: Vec<String>,
    /// Its number and its name.
    failed: Option<(Vertex, String)>,
    last_lines: HashMap<Vertex, VecDeque<String>>,
    has_begun: bool,
    /// What the last line was about, if more comes of it.
    current: Option<Vertex>,
}

impl Display {
    pub(super) fn new(printer: &Arc<Printer>, shown: Shown) -> Arc<Self> {
        Arc::new(Self {
            printer: Arc::clone(printer),
            shown,
            state: Mutex::default(),
        })
    }

    /// Where the engine tells its events.
    pub(super) fn sink(self: &Arc<Self>) -> BuildSink {
        let display = Arc::clone(self);
        Arc::new(move |event| display.show(event))
    }

    /// Warnings that came during the build.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.state().warnings.clone()
    }

    /// The step that failed, as `BuildKit` repeats it below everything else.
    pub(super) fn failed_step(&self) -> Option<String> {
        let state = self.state();
        let (vertex, name) = state.failed.as_ref()?;
        let lines = state.last_lines.get(vertex).into_iter().flatten();
        let said = lines.fold(String::new(), |text, line| text + line + "\n");
        Some(format!("------\n > {name}:\n{said}------\n"))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, event: BuildEvent) {
        // printed under the lock: lines of several steps must not mix
        let mut state = self.state();
        let text = match self.shown {
            Shown::Plain => state.plain(&event),
            Shown::RawJson => format!("{}\n", json_of(&event)),
            Shown::Quiet | Shown::None => String::new(),
        };
        state.remember(event);
        self.printer.error(&text);
    }
}

impl State {
    fn remember(&mut self, event: BuildEvent) {
        match event {
            BuildEvent::Started { vertex, name } => drop(self.names.insert(vertex, name)),
            BuildEvent::Warning(text) => self.warnings.push(text),
            BuildEvent::Failed { vertex, .. } => {
                let name = self.names.get(&vertex).cloned().unwrap_or_default();
                self.failed = Some((vertex, name));
            }
            BuildEvent::Output {
                vertex,
                milliseconds,
                line,
            } => {
                let lines = self.last_lines.entry(vertex).or_default();
                lines.push_back(format!("{} {line}", seconds(milliseconds)));
                if lines.len() > LAST_LINES {
                    lines.pop_front();
                }
            }
            _ => {}
        }
    }

    /// What is printed when another step has something to say than the last time, as `BuildKit` does: that there is more of that one to
    /// come, and the name of this one.
    fn turned_to(&mut self, event: &BuildEvent) -> String {
        let (vertex, begins, ends) = match event {
            BuildEvent::Started { vertex, .. } => (*vertex, true, false),
            BuildEvent::Status { vertex, .. }
            | BuildEvent::Explained { vertex, .. }
            | BuildEvent::Output { vertex, .. } => (*vertex, false, false),
            BuildEvent::Ended { vertex, .. } | BuildEvent::Failed { vertex, .. } => {
                (*vertex, false, true)
            }
            BuildEvent::Warning(_) => return String::new(),
        };
        let mut text = String::new();
        if self.current != Some(vertex) {
            // writing to memory does not fail
            if let Some(before) = self.current {
                let _ = writeln!(text, "#{} ...", before.0);
            }
            if self.has_begun {
                text.push('\n');
            }
            self.has_begun = true;
            if !begins {
                let name = self.names.get(&vertex).map_or("", String::as_str);
                let _ = writeln!(text, "#{} {name}", vertex.0);
            }
        }
        self.current = Some(vertex).filter(|_| !ends);
        text
    }

    fn plain(&mut self, event: &BuildEvent) -> String {
        let mut text = self.turned_to(event);
        // writing to memory does not fail
        let _ = match event {
            BuildEvent::Started { vertex, name } => {
                writeln!(text, "#{} {name}", vertex.0)
            }
            BuildEvent::Status {
                vertex,
                text: status,
            }
            | BuildEvent::Explained {
                vertex,
                text: status,
            } => {
                writeln!(text, "#{} {status}", vertex.0)
            }
            BuildEvent::Output {
                vertex,
                milliseconds,
                line,
            } => {
                let after = seconds(*milliseconds);
                writeln!(text, "#{} {after} {line}", vertex.0)
            }
            BuildEvent::Ended { vertex, outcome } => match outcome {
                StepOutcome::Cached => writeln!(text, "#{} CACHED", vertex.0),
                StepOutcome::Canceled => writeln!(text, "#{} CANCELED", vertex.0),
                StepOutcome::Done { milliseconds } => {
                    let tenths = milliseconds / 100;
                    writeln!(text, "#{} DONE {}.{}s", vertex.0, tenths / 10, tenths % 10)
                }
            },
            BuildEvent::Failed { vertex, error } => {
                writeln!(text, "#{} ERROR: {error}", vertex.0)
            }
            BuildEvent::Warning(_) => Ok(()),
        };
        text
    }
}

fn json_of(event: &BuildEvent) -> serde_json::Value {
    match event {
        BuildEvent::Started { vertex, name } => {
            json!({"vertexes": [{"id": vertex.0, "name": name}]})
        }
        BuildEvent::Status { vertex, text } => {
            json!({"statuses": [{"vertex": vertex.0, "name": text}]})
        }
        BuildEvent::Output { vertex, line, .. } => {
            json!({"logs": [{"vertex": vertex.0, "data": line}]})
        }
        BuildEvent::Explained { vertex, text } => {
            json!({"logs": [{"vertex": vertex.0, "data": text}]})
        }
        BuildEvent::Ended { vertex, outcome } => match outcome {
            StepOutcome::Cached => json!({"vertexes": [{"id": vertex.0, "cached": true}]}),
            StepOutcome::Canceled => json!({"vertexes": [{"id": vertex.0, "error": "canceled"}]}),
            StepOutcome::Done { milliseconds } => {
                json!({"vertexes": [{"id": vertex.0, "completed": true, "milliseconds": milliseconds}]})
            }
        },
        BuildEvent::Failed { vertex, error } => {
            json!({"vertexes": [{"id": vertex.0, "error": error}]})
        }
        BuildEvent::Warning(text) => json!({"warnings": [{"short": text}]}),
    }
}

/// `1.234`.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
