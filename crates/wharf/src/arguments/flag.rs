//! The description of one option.

/// What an option takes, and how it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagKind {
    /// Set or not: `--quiet`, `--quiet=false`.
    Switch,
    /// One text; the last one counts.
    Text,
    /// One whole number; the last one counts.
    Number,
    /// Texts, each time one more.
    List,
    /// Texts, each time one or more, separated by commas (a CSV record).
    CommaList,
    /// `key=value`, each time one more.
    Filter,
}

/// Says why a value cannot be taken.
pub(crate) type Check = fn(&str) -> Result<(), String>;

/// One option. Constant data, and the key by which a command asks [`super::Matches`] for the value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Long name, without dashes.
    pub(crate) name: &'static str,
    /// The one letter, if it has one.
    pub(crate) letter: Option<char>,
    /// What it takes.
    pub(crate) kind: FlagKind,
    /// Value if it is not given, as help prints it; empty for none.
    pub(crate) default: &'static str,
    /// What help says, with the line breaks that it keeps.
    pub(crate) usage: &'static str,
    /// Whether help leaves it out.
    pub(crate) hidden: bool,
    /// What help calls its value, where the kind does not say it: `bytes`.
    value: &'static str,
    /// What its value must be, beyond what the kind says.
    pub(super) check: Option<Check>,
}

impl Flag {
    /// An option that is set or not.
    pub(crate) const fn switch(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::Switch, usage)
    }

    /// An option with one text.
    pub(crate) const fn text(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::Text, usage)
    }

    /// An option with one whole number.
    pub(crate) const fn number(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::Number, usage)
    }

    /// An option that may be given many times.
    pub(crate) const fn list(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::List, usage)
    }

    /// An option with texts separated by commas, which may be given many times.
    pub(crate) const fn comma_list(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::CommaList, usage)
    }

    /// An option with `key=value`, which may be given many times.
    pub(crate) const fn filter(name: &'static str, usage: &'static str) -> Self {
        Self::new(name, FlagKind::Filter, usage)
    }

    /// The same with a letter.
    pub(crate) const fn letter(self, letter: char) -> Self {
        Self {
            letter: Some(letter),
            ..self
        }
    }

    /// The same with a default other than nothing.
    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The same, whose value help calls so.
    pub(crate) const fn takes(self, value: &'static str) -> Self {
        Self { value, ..self }
    }

    /// The same, whose values must pass a check. One that does not is a mistake of usage, as one of the wrong kind is.
    pub(crate) const fn checked_by(self, check: Check) -> Self {
        Self {
            check: Some(check),
            ..self
        }
    }

    /// The same, left out of help and completion.
    pub(crate) const fn hidden(self) -> Self {
        Self {
            hidden: true,
            ..self
        }
    }

    const fn new(name: &'static str, kind: FlagKind, usage: &'static str) -> Self {
        Self {
            name,
            letter: None,
            kind,
            default: "",
            usage,
            hidden: false,
            value: "",
            check: None,
        }
    }

    /// The word that help prints for its value; empty for switches.
    pub(crate) fn value_name(&self) -> &'static str {
        match self.kind {
            _ if !self.value.is_empty() => self.value,
            FlagKind::Switch => "",
            FlagKind::Text => "string",
            FlagKind::Number => "int",
            FlagKind::List => "list",
            FlagKind::CommaList => "strings",
            FlagKind::Filter => "filter",
        }
    }

    /// Whether help calls its value by a word of its own; then its default stands without quotes.
    pub(crate) fn has_own_value_name(&self) -> bool {
        !self.value.is_empty()
    }

    /// Its name in errors about its value: `-q, --quiet` or `--platform`.
    pub(crate) fn spelled(&self) -> String {
        match self.letter {
            Some(letter) => format!("-{letter}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}
