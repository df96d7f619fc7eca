//! `# check=skip=Rule,Rule;error=true;experimental=all`: which rules are checked.

use std::collections::BTreeSet;

use crate::dockerfile::Reason;

use super::rule::Rule;

/// Which rules are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckOptions {
    skip_all: bool,
    skipped: BTreeSet<String>,
    all_experiments: bool,
    experiments: BTreeSet<String>,
    /// Whether a build fails where a rule is broken.
    pub fail: bool,
}

impl CheckOptions {
    /// Reads what stands behind `# check=`. Names that are no rule's are taken, as they may be of a newer frontend.
    ///
    /// # Errors
    /// If an option is unknown.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let mut options = Self::default();
        let text = text.trim();
        if text.is_empty() {
            return Ok(options);
        }
        for part in text.splitn(3, ';') {
            let broken = || Reason::CheckOption {
                option: part.to_owned(),
            };
            let (key, value) = part.split_once('=').ok_or_else(broken)?;
            let value = value.trim();
            let names = || {
                value
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .collect()
            };
            match (key.trim(), value) {
                ("skip", "all") => options.skip_all = true,
                ("skip", _) => options.skipped = names(),
                ("experimental", "all") => options.all_experiments = true,
                ("experimental", _) => options.experiments = names(),
                ("error", "1" | "t" | "T" | "true" | "TRUE" | "True") => options.fail = true,
                ("error", "0" | "f" | "F" | "false" | "FALSE" | "False") => options.fail = false,
                _ => return Err(broken()),
            }
        }
        Ok(options)
    }

    /// The same with what the comments above an instruction say.
    pub(super) fn with_comments(&self, comments: &[String]) -> Self {
        let mut merged = self.clone();
        let value = comments.iter().find_map(|comment| {
            let (key, value) = comment.split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case("check")
                .then(|| value.trim())
        });
        let first_word = value.and_then(|value| value.split(' ').next());
        if let Some(Ok(other)) = first_word.map(Self::parse) {
            merged.skip_all |= other.skip_all;
            merged.all_experiments |= other.all_experiments;
            merged.skipped.extend(other.skipped);
            merged.experiments.extend(other.experiments);
        }
        merged
    }

    /// Whether a rule is checked.
    pub fn want(&self, rule: Rule) -> bool {
        if rule.is_experimental() {
            self.all_experiments || self.experiments.contains(rule.name())
        } else {
            !self.skip_all && !self.skipped.contains(rule.name())
        }
    }
}
