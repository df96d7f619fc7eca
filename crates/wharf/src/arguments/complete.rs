//! Completes a half-typed command line from the table of commands.

use super::command::{Command, CommandPath, Group};
use super::flag::{Flag, FlagKind};

/// One word that may stand where the cursor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The word.
    pub(crate) word: String,
    /// What it means, for shells that show it; may be empty.
    pub(crate) meaning: String,
}

/// What may stand where the cursor is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// One of these words.
    Words(Vec<Candidate>),
    /// An argument of that command: whoever asks knows what it means (an image, a file).
    Argument {
        /// The command, as `image ls`.
        command: &'static str,
        /// What was typed of the word so far.
        typed: String,
    },
    /// The value of that option.
    Value {
        /// Long name of the option.
        flag: &'static str,
        /// What was typed of the value so far, without `--name=`.
        typed: String,
    },
}

/// What may follow; the last word is the one that is being typed.
pub(crate) fn complete(root: &'static Command, words: &[String]) -> Completion {
    let (typed, before) = words
        .split_last()
        .map_or(("", words), |(typed, before)| (typed.as_str(), before));
    let mut path = CommandPath::root(root);
    let mut options_end = false;
    let mut awaits_value = None;
    for word in before {
        if awaits_value.take().is_some() || options_end {
            continue;
        }
        if word == "--" {
            options_end = true;
        } else if word.starts_with('-') && word != "-" {
            awaits_value = awaited(path.command, word);
        } else if let Some(command) = path.command.subcommand(word) {
            path = path.down(command);
        } else if path.command.is_group() {
            return Completion::Words(Vec::new());
        }
    }
    if let Some(flag) = awaits_value {
        return Completion::Value {
            flag: flag.name,
            typed: typed.to_owned(),
        };
    }
    if !options_end && typed.starts_with('-') {
        if let Some((name, value)) = typed
            .strip_prefix("--")
            .and_then(|long| long.split_once('='))
        {
            return match path.command.flag(name) {
                Some(flag) => Completion::Value {
                    flag: flag.name,
                    typed: value.to_owned(),
                },
                None => Completion::Words(Vec::new()),
            };
        }
        return Completion::Words(flags(path.command, typed));
    }
    if path.command.is_group() {
        return Completion::Words(subcommands(path.command, typed));
    }
    Completion::Argument {
        command: path.command.name,
        typed: typed.to_owned(),
    }
}

/// The option whose value the next word is.
fn awaited(command: &Command, word: &str) -> Option<&'static Flag> {
    let flag = if let Some(long) = word.strip_prefix("--") {
        command.flag(long)
    } else {
        let letter = word.chars().last();
        command
            .flags
            .iter()
            .find(|flag| flag.letter.is_some() && flag.letter == letter)
    };
    flag.filter(|flag| flag.kind != FlagKind::Switch)
}

fn flags(command: &Command, typed: &str) -> Vec<Candidate> {
    let help = Candidate {
        word: "--help".to_owned(),
        meaning: "Print usage".to_owned(),
    };
    let own = command
        .flags
        .iter()
        .filter(|flag| !flag.hidden)
        .map(|flag| Candidate {
            word: format!("--{}", flag.name),
            meaning: flag.usage.lines().next().unwrap_or_default().to_owned(),
        });
    own.chain([help])
        .filter(|candidate| candidate.word.starts_with(typed))
        .collect()
}

fn subcommands(command: &Command, typed: &str) -> Vec<Candidate> {
    let shown = command
        .subcommands
        .iter()
        .filter(|command| command.group != Group::Hidden);
    shown
        .filter(|command| command.name.starts_with(typed))
        .map(|command| Candidate {
            word: command.name.to_owned(),
            meaning: command.summary.to_owned(),
        })
        .collect()
}
