//! Flags of instructions: `--chown=app`, `--link`.

use super::error::Reason;
use super::suggestion::Suggestion;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagKind {
    /// Nothing, `true` or `false`.
    Switch,
    /// A text.
    Text,
    /// A text, as often as wanted.
    List,
}

/// The flags of one instruction, checked against those that it has.
#[derive(Debug, Default)]
pub(super) struct Flags {
    given: Vec<(&'static str, String)>,
}

impl Flags {
    pub(super) fn parse(
        written: &[String],
        known: &[(&'static str, FlagKind)],
    ) -> Result<Self, Reason> {
        let mut flags = Self::default();
        for flag in written {
            let flag = flag.strip_prefix("--").unwrap_or(flag);
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let Some((name, kind)) = known.iter().find(|(known, _)| *known == name).copied() else {
                return Err(Reason::UnknownFlag {
                    flag: name.to_owned(),
                    suggestion: Suggestion::among(name, known.iter().map(|(known, _)| *known)),
                });
            };
            if kind != FlagKind::List && flags.given.iter().any(|(given, _)| *given == name) {
                return Err(Reason::DuplicateFlag {
                    flag: name.to_owned(),
                });
            }
            flags.given.push((name, flag_value(name, kind, value)?));
        }
        Ok(flags)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let found = self.given.iter().find(|(given, _)| *given == name);
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    }

    /// The value of a switch; `None` if it is not given.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        let found = self.given.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| value == "true")
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.given
            .iter()
            .filter(|(given, _)| *given == name)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

fn flag_value(name: &str, kind: FlagKind, value: Option<&str>) -> Result<String, Reason> {
    if kind != FlagKind::Switch {
        return value
            .map(str::to_owned)
            .ok_or_else(|| Reason::FlagWithoutValue {
                flag: name.to_owned(),
            });
    }
    match value.map(str::to_lowercase).as_deref() {
        Some("") => Err(Reason::FlagWithoutValue {
            flag: name.to_owned(),
        }),
        None | Some("true") => Ok("true".to_owned()),
        Some("false") => Ok("false".to_owned()),
        Some(_) => Err(Reason::FlagNotBoolean {
            flag: name.to_owned(),
            value: value.unwrap_or_default().to_owned(),
        }),
    }
}
