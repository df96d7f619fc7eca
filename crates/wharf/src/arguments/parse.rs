//! Reads a command line against the table of commands, by the rules of Go's `pflag`:
//! `--name=value`, `--name value`, `-n value`, `-nvalue`, `-n=value`, several switches behind one dash, `--` ends them.
//! Options of the program stand before the command, options of a command anywhere behind it.

use std::ffi::OsString;

use super::command::{Command, CommandPath};
use super::flag::{Flag, FlagKind};
use super::matches::Matches;
use super::usage_error::{Mistake, UsageError};
use super::values;

/// Every command has it, and none lists it.
static HELP: Flag = Flag::switch("help", "Print usage").letter('h').hidden();

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// To run a command.
    Run {
        /// The command.
        path: CommandPath,
        /// Options of the program.
        globals: Matches,
        /// Options and arguments of the command.
        matches: Matches,
    },
    /// To print the help of a command.
    Help {
        /// The command.
        path: CommandPath,
        /// Whether it was asked for by `-h`, which Docker takes with a warning.
        by_letter: bool,
    },
    /// A group of commands was called without one of them: its help goes to stderr.
    Group {
        /// The group.
        path: CommandPath,
        /// Options of the program.
        globals: Matches,
    },
}

/// Reads the words that follow the program's name.
///
/// A word that is not UTF-8 is read with its foreign bytes replaced: no name that we take can hold them, and
/// the error then shows the word.
pub(crate) fn parse(
    root: &'static Command,
    words: impl IntoIterator<Item = OsString>,
) -> Result<Parsed, UsageError> {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut path = CommandPath::root(root);
    let mut globals = None;
    let mut help = Help::default();
    let mut rest = words.as_slice();
    loop {
        let mut matches = Matches::of(&path);
        // A group stops at its first argument: that is the subcommand, and has options of its own.
        let stops_early = path.command.is_group() || !path.command.interspersed;
        rest = read_options(&path, rest, stops_early, &mut matches, &mut help)?;
        if !path.command.is_group() {
            return finish(path, globals.unwrap_or_default(), matches, help);
        }
        let Some((word, after)) = rest.split_first() else {
            let globals = globals.unwrap_or(matches);
            return Ok(if help.asked {
                Parsed::Help {
                    path,
                    by_letter: help.by_letter,
                }
            } else {
                Parsed::Group { path, globals }
            });
        };
        if globals.is_none() && word == "help" {
            return help_topic(&path, after);
        }
        let Some(command) = path.command.subcommand(word) else {
            return Err(UsageError::new(
                &path,
                Mistake::UnknownCommand(word.clone()),
            ));
        };
        path = path.down(command);
        globals.get_or_insert(matches);
        rest = after;
    }
}

#[derive(Default, Clone, Copy)]
struct Help {
    asked: bool,
    by_letter: bool,
}

fn finish(
    path: CommandPath,
    globals: Matches,
    matches: Matches,
    help: Help,
) -> Result<Parsed, UsageError> {
    if help.asked {
        return Ok(Parsed::Help {
            path,
            by_letter: help.by_letter,
        });
    }
    if !path.command.positionals.accepts(matches.arguments.len()) {
        return Err(UsageError::new(&path, Mistake::WrongCount));
    }
    Ok(Parsed::Run {
        path,
        globals,
        matches,
    })
}

/// `wharf help image ls` is `wharf image ls --help`.
fn help_topic(root: &CommandPath, words: &[String]) -> Result<Parsed, UsageError> {
    let mut path = root.clone();
    for word in words {
        let Some(command) = path.command.subcommand(word) else {
            return Err(UsageError::new(
                root,
                Mistake::UnknownHelpTopic(words.join(" ")),
            ));
        };
        path = path.down(command);
    }
    Ok(Parsed::Help {
        path,
        by_letter: false,
    })
}

/// Takes options and, unless it stops early, arguments; gives back what it did not take.
fn read_options<'a>(
    path: &CommandPath,
    words: &'a [String],
    stops_early: bool,
    matches: &mut Matches,
    help: &mut Help,
) -> Result<&'a [String], UsageError> {
    let mut reader = OptionReader {
        path,
        words,
        matches,
        help,
    };
    while let Some((word, after)) = reader.words.split_first() {
        if !word.starts_with('-') || word == "-" {
            if path.command.is_group() {
                break;
            }
            if stops_early {
                reader.matches.arguments.extend_from_slice(reader.words);
                return Ok(&[]);
            }
            reader.matches.arguments.push(word.clone());
            reader.words = after;
            continue;
        }
        reader.words = after;
        if word == "--" {
            if !path.command.is_group() {
                reader.matches.arguments.extend_from_slice(after);
                reader.words = &[];
            }
            break;
        }
        match word.strip_prefix("--") {
            Some(long) => reader.long(word, long)?,
            None => reader.letters(word.strip_prefix('-').unwrap_or_default())?,
        }
    }
    Ok(reader.words)
}

struct OptionReader<'a, 'words> {
    path: &'a CommandPath,
    words: &'words [String],
    matches: &'a mut Matches,
    help: &'a mut Help,
}

impl OptionReader<'_, '_> {
    fn long(&mut self, word: &str, long: &str) -> Result<(), UsageError> {
        if long.starts_with(['-', '=']) {
            return Err(self.mistake(Mistake::BadSyntax(word.to_owned())));
        }
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = self
            .path
            .command
            .flag(name)
            .or((name == HELP.name).then_some(&HELP))
        else {
            return Err(self.mistake(Mistake::UnknownFlag(name.to_owned())));
        };
        let value = match value {
            Some(value) => value.to_owned(),
            None if flag.kind == FlagKind::Switch => "true".to_owned(),
            None => match self.next_word() {
                Some(value) => value,
                None => return Err(self.mistake(Mistake::MissingValue(name.to_owned()))),
            },
        };
        self.record(flag, &value)
    }

    /// `-aq`, `-f=x`, `-fx`, `-f x`.
    fn letters(&mut self, word: &str) -> Result<(), UsageError> {
        let mut rest = word;
        while let Some(letter) = rest.chars().next() {
            let after = rest.get(letter.len_utf8()..).unwrap_or_default();
            let mut flags = self.path.command.flags.iter();
            let Some(flag) = flags
                .find(|flag| flag.letter == Some(letter))
                .or((letter == 'h').then_some(&HELP))
            else {
                let word = rest.to_owned();
                return Err(self.mistake(Mistake::UnknownLetter { letter, word }));
            };
            if let Some(value) = after.strip_prefix('=').filter(|_| after.len() > 1) {
                return self.record_letter(flag, value);
            }
            if flag.kind == FlagKind::Switch {
                self.record_letter(flag, "true")?;
                rest = after;
                continue;
            }
            let value = if after.is_empty() {
                self.next_word()
            } else {
                Some(after.to_owned())
            };
            let Some(value) = value else {
                let word = rest.to_owned();
                return Err(self.mistake(Mistake::MissingLetterValue { letter, word }));
            };
            return self.record(flag, &value);
        }
        Ok(())
    }

    fn next_word(&mut self) -> Option<String> {
        let (word, after) = self.words.split_first()?;
        self.words = after;
        Some(word.clone())
    }

    fn record_letter(&mut self, flag: &'static Flag, value: &str) -> Result<(), UsageError> {
        self.help.by_letter |= flag.name == HELP.name;
        self.record(flag, value)
    }

    fn record(&mut self, flag: &'static Flag, value: &str) -> Result<(), UsageError> {
        match values::check(flag, value) {
            Ok(values) if flag.name == HELP.name => {
                self.help.asked = values.first().is_some_and(|value| value == "true");
                Ok(())
            }
            Ok(values) => {
                self.matches.record(flag, values);
                Ok(())
            }
            Err(reason) => Err(self.mistake(Mistake::InvalidValue {
                flag: flag.spelled(),
                value: value.to_owned(),
                reason,
            })),
        }
    }

    fn mistake(&self, mistake: Mistake) -> UsageError {
        UsageError::new(self.path, mistake)
    }
}
