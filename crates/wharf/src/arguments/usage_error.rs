//! What was wrong with the command line, in Docker's words and with Docker's exit codes.

use std::fmt;

use super::command::{CommandPath, Positionals};
use super::quote::quoted;

/// Exit code of a wrong option, as Docker's.
const WRONG_OPTION: u8 = 125;
/// Exit code of every other mistake.
const FAILURE: u8 = 1;

/// A command line that cannot be understood.
#[derive(Debug)]
pub(crate) struct UsageError {
    path: CommandPath,
    mistake: Mistake,
}

#[derive(Debug)]
pub(super) enum Mistake {
    UnknownFlag(String),
    UnknownLetter {
        letter: char,
        word: String,
    },
    MissingValue(String),
    MissingLetterValue {
        letter: char,
        word: String,
    },
    BadSyntax(String),
    InvalidValue {
        flag: String,
        value: String,
        reason: String,
    },
    WrongCount,
    UnknownCommand(String),
    UnknownHelpTopic(String),
}

impl UsageError {
    pub(super) fn new(path: &CommandPath, mistake: Mistake) -> Self {
        Self {
            path: path.clone(),
            mistake,
        }
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.mistake {
            Mistake::WrongCount | Mistake::UnknownCommand(_) | Mistake::UnknownHelpTopic(_) => {
                FAILURE
            }
            _ => WRONG_OPTION,
        }
    }

    /// The path is the program itself: its errors show no usage line of a command.
    fn program(&self) -> &str {
        self.path.words.split(' ').next().unwrap_or_default()
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program();
        let path = &self.path.words;
        match &self.mistake {
            Mistake::UnknownFlag(name) => write!(formatter, "unknown flag: --{name}")?,
            Mistake::UnknownLetter { letter, word } => {
                write!(formatter, "unknown shorthand flag: '{letter}' in -{word}")?;
            }
            Mistake::MissingValue(name) => write!(formatter, "flag needs an argument: --{name}")?,
            Mistake::MissingLetterValue { letter, word } => {
                write!(formatter, "flag needs an argument: '{letter}' in -{word}")?;
            }
            Mistake::BadSyntax(word) => write!(formatter, "bad flag syntax: {word}")?,
            Mistake::InvalidValue {
                flag,
                value,
                reason,
            } => {
                write!(
                    formatter,
                    "invalid argument {} for {} flag: {reason}",
                    quoted(value),
                    quoted(flag)
                )?;
            }
            Mistake::WrongCount => {
                write!(
                    formatter,
                    "{program}: '{path}' {}",
                    wanted(self.path.command.positionals)
                )?;
            }
            Mistake::UnknownCommand(word) => {
                write!(formatter, "{program}: unknown command: {path} {word}")?;
                if path == program {
                    return write!(formatter, "\n\nRun '{path} --help' for more information");
                }
            }
            Mistake::UnknownHelpTopic(topic) => {
                return write!(formatter, "unknown help topic: {topic}");
            }
        }
        let verb = match (&self.mistake, self.path.command.positionals) {
            (Mistake::WrongCount, Positionals::AtLeast(_)) => "See", // Docker's choice of words for this one case
            _ => "Run",
        };
        write!(
            formatter,
            "\n\nUsage:  {}\n\n{verb} '{path} --help' for more information",
            self.path.usage_line()
        )
    }
}

impl std::error::Error for UsageError {}

fn wanted(positionals: Positionals) -> String {
    let arguments = |count: usize| if count == 1 { "argument" } else { "arguments" };
    match positionals {
        Positionals::None => "accepts no arguments".to_owned(),
        Positionals::Exactly(count) => format!("requires {count} {}", arguments(count)),
        Positionals::AtLeast(count) => format!("requires at least {count} {}", arguments(count)),
        Positionals::AtMost(count) => format!("requires at most {count} {}", arguments(count)),
        Positionals::Between(least, most) => {
            format!(
                "requires at least {least} and at most {most} {}",
                arguments(most)
            )
        }
    }
}
