//! Draws what a transfer tells, byte for byte as docker's CLI does: on a terminal one line per layer that is drawn
//! again in place, elsewhere plain lines without the amounts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wharf_engine::{EventSink, LayerProgress, TransferEvent};
use wharf_template::units::human_size;

use crate::printer::Printer;

/// A terminal must be wider than this to show bars.
const NO_BAR_COLUMNS: usize = 110;
/// Characters of a full bar.
const BAR: usize = 50;

/// What of a transfer is shown on stdout. Notes go to stderr, after all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Everything.
    All,
    /// Lines, without how layers are doing (`load --quiet`).
    Lines,
    /// Nothing (`pull --quiet`).
    Nothing,
}

/// The display of one transfer.
#[derive(Debug)]
pub(crate) struct Progress {
    printer: Arc<Printer>,
    shown: Shown,
    drawing: Mutex<Drawing>,
    notes: Mutex<Vec<String>>,
    began: AtomicBool,
    to_stderr: bool,
}

impl Progress {
    /// A display on the printer's stderr, for a command whose stdout is somebody else's.
    pub(crate) fn new_to_stderr(printer: &Arc<Printer>, shown: Shown) -> Arc<Self> {
        Arc::new(Self {
            printer: Arc::clone(printer),
            shown,
            drawing: Mutex::new(Drawing::new(None)),
            notes: Mutex::default(),
            began: AtomicBool::new(false),
            to_stderr: true,
        })
    }

    /// A display on the printer's stdout.
    pub(crate) fn new(printer: &Arc<Printer>, shown: Shown) -> Arc<Self> {
        let drawing = Drawing::new(printer.is_terminal().then(|| printer.terminal_columns()));
        let printer = Arc::clone(printer);
        Arc::new(Self {
            printer,
            shown,
            drawing: Mutex::new(drawing),
            notes: Mutex::default(),
            began: AtomicBool::new(false),
            to_stderr: false,
        })
    }

    /// Where the engine tells its events.
    pub(crate) fn sink(self: &Arc<Self>) -> EventSink {
        let display = Arc::clone(self);
        Arc::new(move |event| display.show(&event))
    }

    /// The same without lines that begin with `Status:`, where one stands for several transfers.
    pub(crate) fn sink_without_status(self: &Arc<Self>) -> EventSink {
        let display = Arc::clone(self);
        Arc::new(move |event| match &event {
            TransferEvent::Status(text) if text.starts_with("Status: ") => (),
            _ => display.show(&event),
        })
    }

    /// Whether anything was told: Docker words an error differently once its answer has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.began.load(Ordering::Relaxed)
    }

    /// Prints the notes that came with the transfer, and forgets them.
    pub(crate) fn print_notes(&self) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes.drain(..) {
            self.printer.note(&note);
        }
    }

    fn show(&self, event: &TransferEvent) {
        if let TransferEvent::Note(note) = event {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            return notes.push(note.clone());
        }
        self.began.store(true, Ordering::Relaxed);
        match (self.shown, event) {
            (Shown::Nothing, _) | (Shown::Lines, TransferEvent::Layer { .. }) => return,
            _ => (),
        }
        // Printed under the lock: what two threads draw must not mix.
        let mut drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = drawing.draw(event);
        if self.to_stderr {
            self.printer.error(&text);
        } else if let Err(error) = self.printer.out(&text) {
            tracing::debug!(%error, "progress is not shown"); // the transfer goes on without a reader
        }
    }
}

/// What was drawn so far.
#[derive(Debug)]
struct Drawing {
    /// Columns of the terminal; `None` if there is none.
    terminal: Option<usize>,
    /// The line of each layer, counted from the first line of the block that is being drawn.
    lines: HashMap<String, usize>,
}

/// Bytes done and bytes to do; of 0 of both nothing is shown.
type Amounts = (u64, u64);

impl Drawing {
    fn new(terminal: Option<usize>) -> Self {
        Self {
            terminal,
            lines: HashMap::new(),
        }
    }

    /// The bytes that show the event.
    fn draw(&mut self, event: &TransferEvent) -> String {
        match event {
            TransferEvent::Layer { id, progress } => {
                let (status, amounts) = words(progress);
                self.layer(id, &status, amounts)
            }
            TransferEvent::Status(text) => self.plain(&format!("{text}\n")),
            TransferEvent::TagStatus { id, text } => self.plain(&format!("{id}: {text}\n")),
            TransferEvent::Pushed { tag, digest, size } => {
                self.plain(&format!("{tag}: digest: {digest} size: {size}\n"))
            }
            _ => String::new(),
        }
    }

    /// A line that stays ends the block: layers that come after it get lines below it.
    fn plain(&mut self, line: &str) -> String {
        self.lines.clear();
        line.to_owned()
    }

    fn layer(&mut self, id: &str, status: &str, amounts: Amounts) -> String {
        let Some(columns) = self.terminal else {
            return if amounts == (0, 0) {
                format!("{id}: {status}\n")
            } else {
                String::new()
            };
        };
        let mut bytes = String::new();
        let next = self.lines.len();
        let line = *self.lines.entry(id.to_owned()).or_insert_with(|| {
            bytes.push('\n');
            next
        });
        let up = self.lines.len() - line;
        let amounts = amounts_text(amounts, columns);
        _ = write!(
            bytes,
            "\u{1b}[{up}A\u{1b}[2K\r{id}: {status} {amounts}\r\u{1b}[{up}B"
        );
        bytes
    }
}

fn words(progress: &LayerProgress) -> (String, Amounts) {
    let done = |status: &str| (status.to_owned(), (0, 0));
    let doing = |status: &str, current: u64, total: u64| (status.to_owned(), (current, total));
    match progress {
        LayerProgress::PullingFsLayer => done("Pulling fs layer"),
        LayerProgress::Waiting => done("Waiting"),
        LayerProgress::Downloading { current, total } => doing("Downloading", *current, *total),
        LayerProgress::VerifyingChecksum => done("Verifying Checksum"),
        LayerProgress::DownloadComplete => done("Download complete"),
        LayerProgress::Extracting { current, total } => doing("Extracting", *current, *total),
        LayerProgress::PullComplete => done("Pull complete"),
        LayerProgress::AlreadyExists => done("Already exists"),
        LayerProgress::Preparing => done("Preparing"),
        LayerProgress::Compressing { current, total } => doing("Compressing", *current, *total),
        LayerProgress::Pushing { current, total } => doing("Pushing", *current, *total),
        LayerProgress::Pushed => done("Pushed"),
        LayerProgress::LayerAlreadyExists => done("Layer already exists"),
        LayerProgress::MountedFrom(repository) => {
            (format!("Mounted from {}", repository.path()), (0, 0))
        }
        LayerProgress::RetryingIn(1) => done("Retrying in 1 second"),
        LayerProgress::RetryingIn(seconds) => (format!("Retrying in {seconds} seconds"), (0, 0)),
        LayerProgress::LoadingLayer { current, total } => doing("Loading layer", *current, *total),
        _ => done(""),
    }
}

/// `[=====>   ]  36.45kB/1.065MB`, without the bar on a narrow terminal.
fn amounts_text((current, total): Amounts, columns: usize) -> String {
    if (current, total) == (0, 0) {
        return String::new();
    }
    let done = human_size(current);
    if total == 0 {
        return format!("{done:>8}");
    }
    let mut text = String::new();
    if columns > NO_BAR_COLUMNS {
        // Docker halves the whole percentage, so the bar grows in steps of two percent.
        let percent = u128::from(current) * 100 / u128::from(total);
        let filled = usize::try_from(percent / 2).unwrap_or(BAR).min(BAR);
        _ = write!(
            text,
            "[{}>{}] ",
            "=".repeat(filled),
            " ".repeat(BAR - filled)
        );
    }
    if current > total {
        _ = write!(text, "{done:>8}"); // the total was wrong: better none
    } else {
        _ = write!(text, "{done:>8}/{}", human_size(total));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The events that stand for what dockerd tells in `answers.json`.
    fn events(answers: &Value) -> Vec<TransferEvent> {
        answers
            .as_array()
            .unwrap()
            .iter()
            .filter_map(event)
            .collect()
    }

    fn event(line: &Value) -> Option<TransferEvent> {
        let status = line["status"].as_str()?;
        let Some(id) = line["id"].as_str() else {
            return Some(TransferEvent::Status(status.to_owned()));
        };
        if line["progressDetail"].is_null() {
            return Some(TransferEvent::TagStatus {
                id: id.to_owned(),
                text: status.to_owned(),
            });
        }
        let current = line["progressDetail"]["current"]
            .as_u64()
            .unwrap_or_default();
        let total = line["progressDetail"]["total"].as_u64().unwrap_or_default();
        let progress = match status {
            "Pulling fs layer" => LayerProgress::PullingFsLayer,
            "Waiting" => LayerProgress::Waiting,
            "Downloading" => LayerProgress::Downloading { current, total },
            "Verifying Checksum" => LayerProgress::VerifyingChecksum,
            "Download complete" => LayerProgress::DownloadComplete,
            "Retrying in 5 seconds" => LayerProgress::RetryingIn(5),
            "Retrying in 1 second" => LayerProgress::RetryingIn(1),
            "Extracting" => LayerProgress::Extracting { current, total },
            "Pull complete" => LayerProgress::PullComplete,
            "Preparing" => LayerProgress::Preparing,
            "Pushing" => LayerProgress::Pushing { current, total },
            "Pushed" => LayerProgress::Pushed,
            "Layer already exists" => LayerProgress::LayerAlreadyExists,
            "Mounted from library/busybox" => {
                let repository = "busybox"
                    .parse::<wharf_oci::Reference>()
                    .unwrap()
                    .repository()
                    .clone();
                LayerProgress::MountedFrom(repository)
            }
            other => panic!("no event for {other:?}"),
        };
        Some(TransferEvent::Layer {
            id: id.to_owned(),
            progress,
        })
    }

    fn drawn(terminal: Option<usize>, events: &[TransferEvent]) -> String {
        let mut drawing = Drawing::new(terminal);
        events.iter().map(|event| drawing.draw(event)).collect()
    }

    #[test]
    fn terminals_get_the_bytes_that_docker_sends() {
        let answers: Value =
            serde_json::from_str(include_str!("../tests/rendering/answers.json")).unwrap();
        for (columns, recorded) in [
            (80, include_str!("../tests/rendering/terminal-80.bytes")),
            (120, include_str!("../tests/rendering/terminal-120.bytes")),
        ] {
            let default_tag = "Using default tag: latest\n";
            let expected = format!(
                "{default_tag}{}docker.io/library/web:latest\n{default_tag}{}",
                drawn(Some(columns), &events(&answers["pull"])),
                drawn(Some(columns), &events(&answers["push"])),
            );
            assert_eq!(expected, recorded, "{columns} columns");
        }
    }

    #[test]
    fn pipes_get_lines_without_amounts() {
        let layer = |progress| TransferEvent::Layer {
            id: "aaaaaaaaaaaa".to_owned(),
            progress,
        };
        let events = [
            TransferEvent::TagStatus {
                id: "latest".to_owned(),
                text: "Pulling from library/web".to_owned(),
            },
            layer(LayerProgress::PullingFsLayer),
            layer(LayerProgress::Downloading {
                current: 1,
                total: 2,
            }),
            layer(LayerProgress::PullComplete),
            TransferEvent::Status("Status: done".to_owned()),
        ];
        let expected = "latest: Pulling from library/web\naaaaaaaaaaaa: Pulling fs layer\n\
                        aaaaaaaaaaaa: Pull complete\nStatus: done\n";
        assert_eq!(drawn(None, &events), expected);
    }
}
