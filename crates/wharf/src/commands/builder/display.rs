//! Shows how a build goes on, on stderr: numbered lines as `BuildKit`'s plain form has them, or lines on a terminal that are drawn
//! again, or JSON.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wharf_build::builder::{BuildEvent, StepOutcome, Vertex};
use wharf_engine::BuildSink;

use super::raw_json::RawJson;
use super::terminal::Screen;
use crate::printer::Printer;

/// What is repeated of a failed step's output.
const LAST_LINES: usize = 20;

/// A terminal is drawn at most once in this time.
const DRAW_INTERVAL: Duration = Duration::from_millis(50);
/// And at least once in this.
const REDRAW_INTERVAL: Duration = Duration::from_millis(150);

/// How a build is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Numbered lines.
    Plain,
    /// Lines on a terminal that are drawn again.
    Terminal,
    /// One JSON object for each event.
    RawJson,
    /// Nothing, and the image's ID at the end.
    Quiet,
    /// Nothing.
    None,
}

impl Shown {
    /// What `--progress` says; by itself a terminal gets lines that are drawn again, where there is one.
    pub(super) fn parse(text: &str, printer: &Printer) -> anyhow::Result<Self> {
        let is_terminal = printer.error_size().is_some();
        Ok(match text {
            "plain" => Self::Plain,
            "auto" | "" if !is_terminal => Self::Plain,
            "auto" | "" => Self::Terminal,
            "tty" => {
                anyhow::ensure!(
                    is_terminal,
                    "failed to get console: stderr is no terminal; use --progress=plain"
                );
                Self::Terminal
            }
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
    /// Tells the thread that draws that there is nothing to draw any more.
    _end: Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    screen: Option<Screen>,
    json: RawJson,
    last_draw: Option<Instant>,
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
    pub(super) fn new(printer: &Arc<Printer>, shown: Shown, has_colors: bool) -> Arc<Self> {
        let screen = (shown == Shown::Terminal).then(|| Screen::new(has_colors));
        let (end, ends) = channel();
        let display = Arc::new(Self {
            printer: Arc::clone(printer),
            shown,
            state: Mutex::new(State {
                screen,
                ..State::default()
            }),
            _end: end,
        });
        if shown == Shown::Terminal {
            let display = Arc::downgrade(&display);
            // time goes on where nothing is told; it ends with the display
            std::thread::spawn(move || {
                while ends.recv_timeout(REDRAW_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    let Some(display) = display.upgrade() else {
                        return;
                    };
                    display.redraw(false);
                }
            });
        }
        display
    }

    /// Draws the end: nothing is drawn over it any more.
    pub(super) fn finish(&self) {
        self.redraw(true);
    }

    fn redraw(&self, is_last: bool) {
        let mut state = self.state();
        let Some(size) = self.printer.error_size() else {
            return;
        };
        if let Some(screen) = &mut state.screen {
            let text = screen.draw(size, is_last);
            self.printer.error(&text);
        }
        if is_last {
            state.screen = None;
        }
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
            Shown::RawJson => format!("{}\n", state.json.line(&event)),
            Shown::Terminal => state.drawn(&event, self.printer.error_size()),
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

    /// The screen with the event, unless it was drawn just now.
    fn drawn(&mut self, event: &BuildEvent, size: Option<(usize, usize)>) -> String {
        let (Some(screen), Some(size)) = (&mut self.screen, size) else {
            return String::new();
        };
        screen.take(event);
        let now = Instant::now();
        let is_fresh = |last: Instant| now.duration_since(last) < DRAW_INTERVAL;
        if self.last_draw.is_some_and(is_fresh) {
            return String::new();
        }
        self.last_draw = Some(now);
        screen.draw(size, false)
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

/// `1.234`.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
