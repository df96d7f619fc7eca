//! The description of a command, as constant data: the whole table costs nothing at start-up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

use crate::session::Session;

use super::flag::Flag;
use super::matches::Matches;

/// What a networked command gives back: its work, not yet started.
pub(crate) type Work<'a> = Pin<Box<dyn Future<Output = anyhow::Result<ExitCode>> + 'a>>;

/// One command, with everything that its help, its errors and its completion say.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// The last word of its path.
    pub(crate) name: &'static str,
    /// Other words for it at the same place: `list` for `ls`.
    pub(crate) other_names: &'static [&'static str],
    /// All spellings, as the help lists them; empty if there is one only.
    pub(crate) spellings: &'static [&'static str],
    /// What follows the path in the usage line; groups of commands leave it empty.
    pub(crate) synopsis: &'static str,
    /// One line, for the list of commands.
    pub(crate) summary: &'static str,
    /// What `--help` says instead of the summary; empty if that says all.
    pub(crate) description: &'static str,
    /// Options of this command, in the order in which help sorts them: by name.
    pub(crate) flags: &'static [Flag],
    /// How many arguments it takes.
    pub(crate) positionals: Positionals,
    /// Whether options may follow arguments. Docker turns that off where arguments may look like options.
    pub(crate) interspersed: bool,
    /// Where the root's help lists it.
    pub(crate) group: Group,
    /// What it does, unless it only groups others.
    pub(crate) run: Run,
    /// Whether it needs the ids that files of the store belong to.
    pub(crate) files: Files,
    /// The commands below it, in the order in which help lists them.
    pub(crate) subcommands: &'static [Self],
}

impl Command {
    /// A command without options and arguments that does nothing: what the table starts from with `..`.
    pub(crate) const EMPTY: Self = Self {
        name: "",
        other_names: &[],
        spellings: &[],
        synopsis: "",
        summary: "",
        description: "",
        flags: &[],
        positionals: Positionals::None,
        interspersed: true,
        group: Group::Other,
        run: Run::Nothing,
        files: Files::Untouched,
        subcommands: &[],
    };

    /// The subcommand that the word names.
    pub(crate) fn subcommand(&self, word: &str) -> Option<&'static Self> {
        self.subcommands
            .iter()
            .find(|command| command.name == word || command.other_names.contains(&word))
    }

    /// Whether it only groups other commands.
    pub(crate) fn is_group(&self) -> bool {
        !self.subcommands.is_empty()
    }

    /// The flag of that long name.
    pub(crate) fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Command")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a command does with the files of images, containers and volumes. Where those belong to an ordinary user's subordinate ids, it
/// can touch them only in a user namespace, which it must be in before it does anything.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Files {
    /// It looks at records, or enters the namespaces of somebody else.
    Untouched,
    /// It reads, makes or removes some.
    Touched,
    /// It does so with this option.
    TouchedWith(&'static Flag),
}

/// Where the help of `wharf` lists a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// What most people need.
    Common,
    /// Groups of commands.
    Management,
    /// All others.
    Other,
    /// Nowhere: it works, but is made for programs.
    Hidden,
}

/// How many arguments a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positionals {
    None,
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
    Between(usize, usize),
}

impl Positionals {
    /// Whether that many will do.
    pub(crate) fn accepts(self, count: usize) -> bool {
        match self {
            Self::None => count == 0,
            Self::Exactly(wanted) => count == wanted,
            Self::AtLeast(least) => count >= least,
            Self::AtMost(most) => count <= most,
            Self::Between(least, most) => (least..=most).contains(&count),
        }
    }
}

/// How a command is run.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Not at all: it groups others, and alone prints its help.
    Nothing,
    /// On this machine only: no async runtime is started.
    Local(fn(&Session, &Matches) -> anyhow::Result<ExitCode>),
    /// It speaks to registries.
    Networked(for<'a> fn(&'a Session, &'a Matches) -> Work<'a>),
    /// It serves others until it is told to stop.
    Service(for<'a> fn(&'a Session, &'a Matches) -> Work<'a>),
}

/// A command and the words that lead to it, as they were typed.
#[derive(Debug, Clone)]
pub(crate) struct CommandPath {
    /// The command itself.
    pub(crate) command: &'static Command,
    /// `wharf image ls`: with the command's own name, even where another was typed.
    pub(crate) words: String,
}

impl CommandPath {
    /// The program itself.
    pub(crate) fn root(command: &'static Command) -> Self {
        Self {
            command,
            words: command.name.to_owned(),
        }
    }

    /// One step down.
    pub(crate) fn down(&self, command: &'static Command) -> Self {
        Self {
            command,
            words: format!("{} {}", self.words, command.name),
        }
    }

    /// What the pages of the reference show: `wharf image COMMAND` for groups.
    pub(super) fn shape(&self) -> String {
        if self.command.is_group() {
            format!("{} COMMAND", self.words)
        } else {
            self.usage_line()
        }
    }

    /// The usage line of errors: `wharf pull [OPTIONS] NAME[:TAG|@DIGEST]`.
    pub(crate) fn usage_line(&self) -> String {
        if self.command.synopsis.is_empty() {
            self.words.clone()
        } else {
            format!("{} {}", self.words, self.command.synopsis)
        }
    }
}
