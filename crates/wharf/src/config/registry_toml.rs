//! `wharf-registry.toml`: read, with every mistake in it and its line.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};
use wharf_registry::config::{Finding, RegistryConfig, Severity};

use super::files::{ConfigError, read_limited};

/// So many mistakes are enough to begin with.
const MISTAKE_LIMIT: usize = 50;

/// A configuration with what there is to say about it.
#[derive(Debug)]
pub(crate) struct RegistryFile {
    /// What it says, without what could not be understood.
    pub(crate) config: RegistryConfig,
    path: Option<PathBuf>,
    text: String,
    mistakes: Vec<Remark>,
}

/// One thing to say about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    severity: Severity,
    /// `FILE:LINE`, as far as that is known.
    place: String,
    text: String,
}

impl RegistryFile {
    /// Reads the file; without one there are defaults.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self {
                config: RegistryConfig::default(),
                path: None,
                text: String::new(),
                mistakes: Vec::new(),
            });
        };
        let missing = || ConfigError::NoRegistryFile {
            path: path.to_owned(),
        };
        let bytes = read_limited(path)?.ok_or_else(missing)?;
        let text = String::from_utf8(bytes).map_err(|_bytes| ConfigError::NoText {
            path: path.to_owned(),
        })?;
        let (config, mistakes) = understand(&text);
        let place = |at| Place { path, text: &text }.of(at);
        let mistakes = mistakes
            .into_iter()
            .map(|(at, problem)| Remark {
                severity: Severity::Error,
                place: place(at),
                text: problem,
            })
            .collect();
        Ok(Self {
            config,
            path: Some(path.to_owned()),
            mistakes,
            text,
        })
    }

    /// All there is to say about it: what cannot be understood, what is wrong, what is dangerous. Looks at the files that
    /// it names.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        let mut remarks = self.mistakes.clone();
        remarks.extend(
            self.config
                .check()
                .into_iter()
                .map(|found| self.remark(&found)),
        );
        remarks
    }

    fn remark(&self, found: &Finding) -> Remark {
        let place = match &self.path {
            Some(path) => Place {
                path,
                text: &self.text,
            }
            .of(position(&self.text, found.key)),
            None => "configuration".to_owned(),
        };
        Remark {
            severity: found.severity,
            place,
            text: format!("{}: {}; {}", found.key, found.problem, found.remedy),
        }
    }
}

impl Remark {
    /// Whether the registry does not start with it.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_error() { "error" } else { "warning" };
        write!(f, "{word}: {}: {}", self.place, self.text)
    }
}

/// Turns a position into `FILE:LINE`.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn of(&self, position: Option<usize>) -> String {
        let path = self.path.display();
        let before = position.and_then(|position| self.text.get(..position));
        match before {
            Some(before) => format!("{path}:{}", before.matches('\n').count() + 1),
            None => path.to_string(),
        }
    }
}

/// The configuration, and each mistake with its position. What is wrong is left out and the rest is read again, so that one
/// mistake does not hide the next.
fn understand(text: &str) -> (RegistryConfig, Vec<(Option<usize>, String)>) {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<_> = errors
        .iter()
        .take(MISTAKE_LIMIT)
        .map(|error| (start(error.span()), error.message().to_owned()))
        .collect();
    while mistakes.len() < MISTAKE_LIMIT {
        match RegistryConfig::deserialize(Deserializer::from(root.clone())) {
            Ok(config) => return (config, mistakes),
            Err(error) => {
                let span = error.span();
                let message = error.message().trim_end();
                let removed = span
                    .as_ref()
                    .and_then(|span| remove(root.get_mut(), span, ""));
                let problem = match &removed {
                    Some(key) => format!("{key}: {message}"),
                    None => message.to_owned(),
                };
                mistakes.push((start(span), problem));
                if removed.is_none() {
                    break;
                }
            }
        }
    }
    (RegistryConfig::default(), mistakes)
}

fn start(span: Option<Range<usize>>) -> Option<usize> {
    span.map(|span| span.start)
}

/// Takes out the innermost key that `wrong` lies in, and says its path.
fn remove(table: &mut DeTable<'_>, wrong: &Range<usize>, parent: &str) -> Option<String> {
    let path = |key: &str| match parent {
        "" => key.to_owned(),
        parent => format!("{parent}.{key}"),
    };
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(removed) = remove(inner, wrong, &path(key.get_ref()))
        {
            return Some(removed);
        }
    }
    let holds = |span: Range<usize>| span.start <= wrong.start && wrong.end <= span.end;
    let key = table
        .iter()
        .find(|(key, value)| holds(key.span()) || holds(value.span()))
        .map(|(key, _)| key.get_ref().to_string())?;
    table.remove(key.as_str())?;
    Some(path(&key))
}

/// Where a key stands: itself, or else the section that it would stand in.
fn position(text: &str, path: &str) -> Option<usize> {
    let (root, _errors) = DeTable::parse_recoverable(text);
    let mut table = root.get_ref();
    let mut found = None;
    for word in path.split('.') {
        let Some((key, value)) = entry(table, word) else {
            break;
        };
        found = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

fn entry<'a, 'i>(
    table: &'a DeTable<'i>,
    word: &str,
) -> Option<(
    &'a Spanned<toml::de::DeString<'i>>,
    &'a Spanned<DeValue<'i>>,
)> {
    table.iter().find(|(key, _)| key.get_ref() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        testkit::write(&path, text);
        let file = RegistryFile::read(Some(&path)).unwrap();
        let prefix = format!("{}/", folder.path().display());
        file.remarks()
            .iter()
            .map(|remark| remark.to_string().replace(&prefix, ""))
            .collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let told = remarks(
            "listen = \"nowhere\"\nlisen = \"127.0.0.1:1\"\n\n[limits]\nconnections = -1\nblob-size = \"much\"\n\
             header-timeout = 3\n[tls]\nmode = \"perhaps\"\n[metrics]\nlisten = \"127.0.0.1:2\"\nenabled = false\n",
        );
        let expected = [
            ("r.toml:1", "listen"),
            ("r.toml:2", "unknown field `lisen`"),
            ("r.toml:5", "limits.connections"),
            ("r.toml:6", "\"much\" is not a whole number with a unit"),
            ("r.toml:7", "limits.header-timeout"),
            ("r.toml:9", "tls.mode: unknown variant `perhaps`"),
            ("r.toml:11", "metrics.listen: metrics.enabled is false"),
        ];
        for (place, problem) in expected {
            let found = told.iter().any(|line| {
                line.starts_with(&format!("error: {place}:")) && line.contains(problem)
            });
            assert!(found, "{place} {problem}: {told:#?}");
        }
        assert_eq!(told.len(), expected.len(), "{told:#?}");
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let told = remarks("data = \"/srv\"\n[tls\nmode = \"off\"\n");
        assert!(told[0].starts_with("error: r.toml:2:"), "{told:?}");
    }

    #[test]
    fn a_configuration_without_mistakes_gets_no_remark() {
        assert_eq!(remarks(""), Vec::<String>::new());
        assert_eq!(
            remarks("[limits]\nblob-size = \"5GiB\"\n[storage.s3]\nbucket = \"b\"\n"),
            Vec::<String>::new()
        );
    }
}
