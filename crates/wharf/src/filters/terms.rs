//! The terms of a filter by their keys.

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};
use wharf_images::{LabelFilter, ListFilter};
use wharf_oci::{ImageQuery, ReferencePattern};
use wharf_template::units::{ParseTimestampError, parse_docker_timestamp};

/// Every `--filter key=value` of a command line.
#[derive(Debug, Default)]
pub(crate) struct FilterTerms {
    terms: BTreeMap<String, Vec<String>>,
}

/// A filter that makes no sense. Docker's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("invalid filter '{0}'")]
    UnknownKey(String),
    #[error("invalid filter '{key}=[{}]'", values.join(" "))]
    BadValue { key: String, values: Vec<String> },
    #[error("invalid filter '{key}={value}'")]
    BadText { key: &'static str, value: String },
    #[error("more than one until filter specified")]
    ManyUntil,
    #[error("{0}")]
    Moment(#[from] ParseTimestampError),
    #[error("{0}")]
    Pattern(#[from] wharf_oci::PatternError),
    #[error("No such image: {0}")]
    NoImage(String),
    #[error("No such container: {0}")]
    NoContainer(String),
}

impl FilterTerms {
    /// Takes terms as they stand on the command line: `key=value`.
    pub(crate) fn new<'a>(terms: impl IntoIterator<Item = &'a String>) -> Self {
        let mut filter = Self::default();
        for term in terms {
            let (key, value) = term.split_once('=').unwrap_or((term, ""));
            filter.add(key, value);
        }
        filter
    }

    /// The terms of a prune: those of the command line, and those of `pruneFilters` in Docker's `config.json` that they
    /// do not contradict.
    pub(crate) fn for_prune(terms: &[String], configured: &[String]) -> Self {
        let mut filter = Self::new(terms);
        for (key, value) in configured.iter().filter_map(|term| term.split_once('=')) {
            // `label!=x` arrives here as the key `label!`.
            let opposite = match key {
                "label" => "label!",
                "label!" => "label",
                _ => "",
            };
            if !filter.values(opposite).iter().any(|known| known == value) {
                filter.add(key, value);
            }
        }
        filter
    }

    /// Takes one more term.
    pub(crate) fn add(&mut self, key: &str, value: &str) {
        let values = self.terms.entry(key.to_owned()).or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.terms.contains_key(key)
    }

    /// Its values, in order.
    pub(crate) fn values(&self, key: &str) -> &[String] {
        self.terms.get(key).map_or(&[], Vec::as_slice)
    }

    /// Every term, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.terms
            .iter()
            .flat_map(|(key, values)| values.iter().map(|value| (key.as_str(), value.as_str())))
    }

    /// Refuses keys that a command does not know.
    pub(crate) fn accept_only(&self, known: &[&str]) -> Result<(), FilterError> {
        match self.terms.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(FilterError::UnknownKey(key.clone())),
            None => Ok(()),
        }
    }

    /// A value that is yes or no; `None` if it is not there.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, FilterError> {
        let values = self.values(key);
        let mut meant = None;
        for value in values {
            let value = match value.as_str() {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => {
                    return Err(FilterError::BadValue {
                        key: key.to_owned(),
                        values: values.to_vec(),
                    });
                }
            };
            if meant.is_some_and(|other| other != value) {
                return Err(FilterError::BadValue {
                    key: key.to_owned(),
                    values: values.to_vec(),
                });
            }
            meant = Some(value);
        }
        Ok(meant)
    }

    /// The labels of `label=` or `label!=`.
    pub(crate) fn labels(&self, key: &str) -> Vec<LabelFilter> {
        self.values(key)
            .iter()
            .map(|label| LabelFilter::parse(label))
            .collect()
    }

    /// The time of `until=`.
    pub(crate) fn until(&self, now: &Zoned) -> Result<Option<Timestamp>, FilterError> {
        match self.values("until") {
            [] => Ok(None),
            [text] => Ok(Some(parse_docker_timestamp(text, now)?)),
            _ => Err(FilterError::ManyUntil),
        }
    }

    /// The filter of `images`, with the argument of the command as one more reference.
    pub(crate) fn to_list_filter(
        &self,
        all: bool,
        argument: Option<&str>,
        now: &Zoned,
    ) -> Result<ListFilter, FilterError> {
        self.accept_only(&[
            "before",
            "dangling",
            "label",
            "label!",
            "reference",
            "since",
            "until",
        ])?;
        let references = self
            .values("reference")
            .iter()
            .map(String::as_str)
            .chain(argument);
        Ok(ListFilter {
            all,
            dangling: self.boolean("dangling")?,
            labels: self.labels("label"),
            not_labels: self.labels("label!"),
            before: images(self.values("before"))?,
            since: images(self.values("since"))?,
            until: self.until(now)?,
            references: references
                .map(ReferencePattern::parse)
                .collect::<Result<_, _>>()?,
            shared_size: false,
        })
    }
}

fn images(texts: &[String]) -> Result<Vec<ImageQuery>, FilterError> {
    let parse = |text: &String| {
        ImageQuery::parse(text).map_err(|_malformed| FilterError::NoImage(text.clone()))
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(terms: &[&str]) -> Result<ListFilter, String> {
        let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
        let now = "2026-11-21T12:00:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC);
        let filter = FilterTerms::new(&terms).to_list_filter(false, None, &now);
        filter.map_err(|error| error.to_string())
    }

    #[test]
    fn terms_become_the_filter_of_images() {
        let filter = list(&[
            "dangling=true",
            "label=a=b",
            "label=c",
            "label!=d",
            "until=24h",
            "reference=a*",
        ])
        .unwrap();
        assert_eq!(filter.dangling, Some(true));
        assert_eq!(filter.labels.len(), 2);
        assert_eq!(filter.labels[0].value.as_deref(), Some("b"));
        assert_eq!(filter.not_labels[0].key, "d");
        assert_eq!(filter.until.unwrap().to_string(), "2026-11-20T12:00:00Z");
        assert_eq!(filter.references.len(), 1);
    }

    #[test]
    fn mistakes_are_told_in_docker_words() {
        for (terms, expected) in [
            (&["x=1"][..], "invalid filter 'x'"),
            (&["dangling=maybe"], "invalid filter 'dangling=[maybe]'"),
            (
                &["dangling=true", "dangling=false"],
                "invalid filter 'dangling=[true false]'",
            ),
            (
                &["until=1h", "until=2h"],
                "more than one until filter specified",
            ),
            (
                &["until=x"],
                "failed to parse value as time or duration: \"x\"",
            ),
            (&["before=A B"], "No such image: A B"),
        ] {
            assert_eq!(list(terms).unwrap_err(), expected, "{terms:?}");
        }
    }
}
