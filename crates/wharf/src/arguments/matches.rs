//! What was typed: the values of a command's options, and its arguments.

use std::collections::HashMap;

use super::command::CommandPath;
use super::flag::{Flag, FlagKind};

/// The values of one command's options, already checked against their kinds, and its arguments.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    values: HashMap<&'static str, Vec<String>>,
    /// The arguments that are not options, in order.
    pub(crate) arguments: Vec<String>,
    /// `wharf images` or `wharf image ls`: a few texts depend on how a command was called.
    pub(crate) called_as: String,
}

impl Matches {
    pub(super) fn of(path: &CommandPath) -> Self {
        Self {
            called_as: path.words.clone(),
            ..Self::default()
        }
    }

    /// Takes one more value of an option; the last one counts unless it is a list.
    pub(super) fn record(&mut self, flag: &'static Flag, values: Vec<String>) {
        let recorded = self.values.entry(flag.name).or_default();
        match flag.kind {
            FlagKind::Switch | FlagKind::Text | FlagKind::Number => *recorded = values,
            FlagKind::List | FlagKind::CommaList | FlagKind::Filter => recorded.extend(values),
        }
    }

    /// Whether the option was given at all.
    pub(crate) fn is_given(&self, flag: &Flag) -> bool {
        self.values.contains_key(flag.name)
    }

    /// The value of a switch.
    pub(crate) fn is_set(&self, flag: &Flag) -> bool {
        self.value(flag) == "true"
    }

    /// The value of a text option: empty if there is none, which Docker never tells from an empty one.
    pub(crate) fn text<'a>(&'a self, flag: &'a Flag) -> &'a str {
        self.value(flag)
    }

    /// The same, `None` if empty.
    pub(crate) fn some_text<'a>(&'a self, flag: &'a Flag) -> Option<&'a str> {
        Some(self.value(flag)).filter(|text| !text.is_empty())
    }

    /// The value of a number; 0 if there is none.
    pub(crate) fn number(&self, flag: &Flag) -> i64 {
        self.value(flag).parse().unwrap_or_default()
    }

    /// The values of a list, in order.
    pub(crate) fn list(&self, flag: &Flag) -> &[String] {
        self.values.get(flag.name).map_or(&[], Vec::as_slice)
    }

    /// The argument at that place: empty if there is none.
    pub(crate) fn argument(&self, position: usize) -> &str {
        self.arguments.get(position).map_or("", String::as_str)
    }

    fn value<'a>(&'a self, flag: &'a Flag) -> &'a str {
        self.values
            .get(flag.name)
            .and_then(|values| values.last())
            .map_or(flag.default, String::as_str)
    }
}
