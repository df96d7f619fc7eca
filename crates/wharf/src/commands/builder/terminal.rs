//! How a build goes on, drawn on a terminal: one line for each step, drawn again in place, as `BuildKit`'s client does.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Instant;

use unicode_width::UnicodeWidthChar as _;
use wharf_build::builder::{BuildEvent, StepOutcome, Vertex};

/// What is shown of the output of a program that runs.
const OUTPUT_LINES: usize = 6;
const STATUS_LINES: usize = 20;

/// What is on the terminal.
#[derive(Debug)]
pub(super) struct Screen {
    steps: Vec<Step>,
    began: Instant,
    /// Lines that are there now.
    drawn: usize,
    has_colors: bool,
}

#[derive(Debug)]
struct Step {
    vertex: Vertex,
    name: String,
    began: Instant,
    state: State,
    statuses: Vec<String>,
    output: VecDeque<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Done { milliseconds: u64 },
    Cached,
    Canceled,
    Failed,
}

impl Screen {
    pub(super) fn new(has_colors: bool) -> Self {
        Self {
            steps: Vec::new(),
            began: Instant::now(),
            drawn: 0,
            has_colors,
        }
    }

    /// Takes an event in.
    pub(super) fn take(&mut self, event: &BuildEvent) {
        if let BuildEvent::Started { vertex, name } = event {
            self.steps.push(Step {
                vertex: *vertex,
                name: name.clone(),
                began: Instant::now(),
                state: State::Running,
                statuses: Vec::new(),
                output: VecDeque::new(),
            });
            return;
        }
        match event {
            BuildEvent::Status { vertex, text } | BuildEvent::Explained { vertex, text } => {
                if let Some(step) = self
                    .step(*vertex)
                    .filter(|one| one.statuses.len() < STATUS_LINES)
                {
                    step.statuses.push(text.clone());
                }
            }
            BuildEvent::Output { vertex, line, .. } => {
                if let Some(step) = self.step(*vertex) {
                    step.output.push_back(line.clone());
                    if step.output.len() > OUTPUT_LINES {
                        step.output.pop_front();
                    }
                }
            }
            BuildEvent::Ended { vertex, outcome } => {
                if let Some(step) = self.step(*vertex) {
                    step.state = match outcome {
                        StepOutcome::Cached => State::Cached,
                        StepOutcome::Canceled => State::Canceled,
                        StepOutcome::Done { milliseconds } => State::Done {
                            milliseconds: *milliseconds,
                        },
                    };
                }
            }
            BuildEvent::Failed { vertex, .. } => {
                if let Some(step) = self.step(*vertex) {
                    step.state = State::Failed;
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, vertex: Vertex) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.vertex == vertex)
    }

    /// The bytes that draw it anew on a terminal of this size; with all lines if it is the last time.
    pub(super) fn draw(&mut self, (columns, rows): (usize, usize), is_last: bool) -> String {
        let mut lines = vec![self.head(columns, is_last)];
        let mut below = Vec::new();
        for step in &self.steps {
            below.extend(self.lines_of(step, columns));
        }
        if !is_last {
            // what is done makes room for what goes on
            let room = rows.saturating_sub(2).max(1);
            while below.len() > room {
                let done = below.iter().position(|(_, is_running)| !is_running);
                below.remove(done.unwrap_or(0));
            }
        }
        lines.extend(below.into_iter().map(|(line, _)| line));
        let mut text = String::from("\u{1b}[?25l");
        if self.drawn > 0 {
            // writing to memory does not fail
            let _ = write!(text, "\u{1b}[{}A", self.drawn);
        }
        text.push_str("\r\u{1b}[J");
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("\u{1b}[?25h");
        self.drawn = if is_last { 0 } else { lines.len() };
        text
    }

    /// `[+] Building 1.2s (3/5)`.
    fn head(&self, columns: usize, is_last: bool) -> String {
        let ended = self
            .steps
            .iter()
            .filter(|step| step.state != State::Running);
        let (done, all) = (ended.count(), self.steps.len());
        let finished = if is_last && done == all {
            " FINISHED"
        } else {
            ""
        };
        let seconds = tenths(milliseconds(self.began));
        let text = format!("[+] Building {seconds}s ({done}/{all}){finished}");
        let color = if is_last { "34" } else { "" };
        self.colored(&cut(&text, columns), color)
    }

    /// The lines of a step, and whether it goes on.
    fn lines_of(&self, step: &Step, columns: usize) -> Vec<(String, bool)> {
        let is_running = step.state == State::Running;
        let (word, color, time) = match step.state {
            State::Running => ("", "", milliseconds(step.began)),
            State::Done { milliseconds } => ("", "34", milliseconds),
            State::Cached => ("CACHED ", "34", 0),
            State::Canceled => ("CANCELED ", "33", milliseconds(step.began)),
            State::Failed => ("ERROR ", "31", milliseconds(step.began)),
        };
        let line = |prefix: &str, text: &str, time: Option<u64>| {
            let time = time.map_or_else(String::new, |time| format!("{}s", tenths(time)));
            let room = columns.saturating_sub(time.len() + 2);
            let shown = cut(&format!("{prefix}{text}"), room);
            let gap = " ".repeat((room + 1).saturating_sub(width(&shown)));
            self.colored(&format!("{shown}{gap}{time}"), color)
        };
        let name = format!("{word}{}", step.name);
        let mut lines = vec![(line(" => ", &name, Some(time)), is_running)];
        if is_running || step.state == State::Failed {
            for status in &step.statuses {
                lines.push((line(" => => ", status, None), is_running));
            }
            for output in &step.output {
                lines.push((line(" => => # ", output, None), is_running));
            }
        }
        lines
    }

    fn colored(&self, text: &str, color: &str) -> String {
        if color.is_empty() || !self.has_colors {
            return text.to_owned();
        }
        format!("\u{1b}[{color}m{text}\u{1b}[0m")
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// `1.2`.
fn tenths(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn width(text: &str) -> usize {
    text.chars().map(|one| one.width().unwrap_or(0)).sum()
}

/// As much as fits, without anything that would move the cursor: a program's output is not to be trusted with a terminal.
fn cut(text: &str, columns: usize) -> String {
    let mut shown = String::new();
    let mut left = columns;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // a sequence ends with a letter
            characters.by_ref().find(char::is_ascii_alphabetic);
            continue;
        }
        let character = if character == '\t' { ' ' } else { character };
        let width = character.width().unwrap_or(0);
        if character.is_control() {
            continue;
        }
        if width > left {
            break;
        }
        left -= width;
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(number: usize, name: &str) -> BuildEvent {
        BuildEvent::Started {
            vertex: Vertex(number),
            name: name.to_owned(),
        }
    }

    fn ended(number: usize, outcome: StepOutcome) -> BuildEvent {
        BuildEvent::Ended {
            vertex: Vertex(number),
            outcome,
        }
    }

    #[test]
    fn steps_are_drawn_in_place() {
        let mut screen = Screen::new(false);
        screen.take(&started(1, "[1/2] COPY a /"));
        screen.take(&ended(1, StepOutcome::Cached));
        screen.take(&started(2, "[2/2] RUN make"));
        for number in 0..9 {
            screen.take(&BuildEvent::Output {
                vertex: Vertex(2),
                milliseconds: 1,
                line: format!("line\u{1b}[2J {number}\r"),
            });
        }
        let text = screen.draw((40, 24), false);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("(1/2)"), "{text}");
        assert!(lines[1].starts_with(" => CACHED [1/2] COPY a /") && lines[1].ends_with(" 0.0s"));
        assert_eq!(lines[1].len(), 40 - 1);
        assert!(lines[3].starts_with(" => => # line 3") && lines[8].starts_with(" => => # line 8"));
        assert_eq!(screen.drawn, 9);
        // what is drawn next begins nine lines above
        screen.take(&ended(2, StepOutcome::Done { milliseconds: 1234 }));
        let text = screen.draw((40, 24), true);
        assert!(
            text.starts_with("\u{1b}[?25l\u{1b}[9A\r\u{1b}[J[+] Building"),
            "{text:?}"
        );
        assert!(
            text.contains("(2/2) FINISHED\n")
                && text.contains(
                    " 1.2s
"
                ),
            "{text:?}"
        );
    }

    #[test]
    fn small_terminals_show_what_goes_on() {
        let mut screen = Screen::new(true);
        for number in 0..30 {
            screen.take(&started(number, &format!("step {number}")));
            if number < 29 {
                screen.take(&ended(number, StepOutcome::Done { milliseconds: 0 }));
            }
        }
        let text = screen.draw((20, 6), false);
        assert_eq!(text.lines().filter(|line| line.contains("step")).count(), 4);
        assert!(text.contains("step 29"), "{text}");
        assert!(text.contains("\u{1b}[34m => step 28"), "{text:?}");
        assert_eq!(screen.draw((20, 6), true).matches("step").count(), 30);
    }
}
