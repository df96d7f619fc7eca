//! The text file that holds what commands printed.
//!
//! ```text
//! $ docker images
//! out: REPOSITORY   TAG
//! err: a line of standard error
//! out\ a last line without its newline
//! exit: 0
//! ```

use std::fmt::{self, Write as _};

/// What the commands of a scenario printed, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// One entry per command.
    pub entries: Vec<TranscriptEntry>,
}

/// What one command printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TranscriptEntry {
    /// The command as it stands in the scenario.
    pub command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
}

/// Which line of a transcript cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptError {
    line: usize,
    text: String,
}

impl fmt::Display for TranscriptError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}: this is no line of a transcript: {}",
            self.line, self.text
        )
    }
}

impl std::error::Error for TranscriptError {}

impl Transcript {
    /// Reads a transcript. Lines that start with `#` and empty lines are for people.
    pub fn parse(text: &str) -> Result<Self, TranscriptError> {
        let mut entries: Vec<TranscriptEntry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || TranscriptError {
                line: index + 1,
                text: line.to_owned(),
            };
            if let Some(command) = line.strip_prefix("$ ") {
                entries.push(TranscriptEntry {
                    command: command.to_owned(),
                    ..TranscriptEntry::default()
                });
                continue;
            }
            let entry = entries.last_mut().ok_or_else(wrong)?;
            entry.read_line(line).ok_or_else(wrong)?;
        }
        Ok(Self { entries })
    }
}

impl TranscriptEntry {
    fn read_line(&mut self, line: &str) -> Option<()> {
        // `out:` alone is an empty line: editors take blanks from the ends of lines.
        if let Some(code) = line.strip_prefix("exit: ") {
            self.code = code.parse().ok()?;
        } else if let Some(text) = line.strip_prefix("out:") {
            self.stdout.push_str(text.strip_prefix(' ').unwrap_or(text));
            self.stdout.push('\n');
        } else if let Some(text) = line.strip_prefix("err:") {
            self.stderr.push_str(text.strip_prefix(' ').unwrap_or(text));
            self.stderr.push('\n');
        } else if let Some(text) = line.strip_prefix("out\\ ") {
            self.stdout.push_str(text);
        } else {
            self.stderr.push_str(line.strip_prefix("err\\ ")?);
        }
        Some(())
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                formatter.write_char('\n')?;
            }
            write!(formatter, "{entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TranscriptEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "$ {}", self.command)?;
        for (name, text) in [("out", &self.stdout), ("err", &self.stderr)] {
            for line in text.split_inclusive('\n') {
                match line.strip_suffix('\n') {
                    Some("") => writeln!(formatter, "{name}:")?,
                    Some(line) => writeln!(formatter, "{name}: {line}")?,
                    None => writeln!(formatter, "{name}\\ {line}")?,
                }
            }
        }
        writeln!(formatter, "exit: {}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let entry = |command: &str, stdout: &str, stderr: &str, code| TranscriptEntry {
            command: command.to_owned(),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            code,
        };
        let transcript = Transcript {
            entries: vec![
                entry("docker images", "A   B\n\n  c  \n", "", 0),
                entry("docker rmi x", "no newline", "Error\n\nlast", 1),
                entry("docker tag a b", "", "", 0),
            ],
        };
        assert_eq!(
            Transcript::parse(&transcript.to_string()).unwrap(),
            transcript
        );
    }

    #[test]
    fn other_lines_are_refused() {
        for text in [
            "out: before any command\n",
            "$ x\nouch\n",
            "$ x\nexit: many\n",
        ] {
            assert!(Transcript::parse(text).is_err(), "{text}");
        }
    }
}
