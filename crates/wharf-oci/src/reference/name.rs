//! Names of images, with Docker's grammar and normalisation.
//!
//! The rules are those of `distribution/reference` (`regexp.go`, `normalize.go`, `helpers.go`):
//! `nginx` means `docker.io/library/nginx`, a first component is a registry only if it is
//! `localhost` or contains `.`, `:` or an upper-case letter, and what people are shown is the
//! *familiar* form with the defaults taken off again.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Algorithm, Digest, DigestError};

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
const OFFICIAL_NAMESPACE: &str = "library/";
/// Longest repository name, registry included (`RepositoryNameTotalLengthMax`).
const NAME_LIMIT: usize = 255;
const TAG_LIMIT: usize = 128;

/// A registry and a path in it: `docker.io/library/nginx`. Always normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    domain: String,
    path: String,
}

/// A tag: a word character, then up to 127 word characters, dots and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// The name of an image: a repository, and a tag, a digest, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image. The texts are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Outside the grammar.
    #[error("invalid reference format")]
    Format,
    /// An upper-case letter in the repository path.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UpperCase(String),
    /// 64 hex digits alone are an image ID, never a name.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// More than 255 characters.
    #[error("repository name must not be more than {NAME_LIMIT} characters")]
    TooLong,
    /// The part behind `@` is not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not a tag.
    #[error("invalid tag format")]
    Tag,
}

impl Repository {
    /// The repository `path` of the registry `domain`, both already normalised.
    pub fn new(domain: &str, path: &str) -> Result<Self, ReferenceError> {
        if !is_domain(domain) || !is_path(path) {
            return Err(ReferenceError::Format);
        }
        let name = Self {
            domain: domain.to_owned(),
            path: path.to_owned(),
        };
        if name.domain.len() + 1 + name.path.len() > NAME_LIMIT {
            return Err(ReferenceError::TooLong);
        }
        Ok(name)
    }

    /// The registry: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The path within the registry: `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.domain == DEFAULT_DOMAIN
    }

    /// The short form that people are shown: `nginx`, `grafana/grafana`, `localhost:5000/web`.
    pub fn familiar(&self) -> String {
        if !self.is_docker_hub() {
            return self.to_string();
        }
        match self.path.strip_prefix(OFFICIAL_NAMESPACE) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The name with `tag`.
    pub fn with_tag(&self, tag: Tag) -> Reference {
        Reference {
            repository: self.clone(),
            tag: Some(tag),
            digest: None,
        }
    }

    /// The name with `digest`.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference {
            repository: self.clone(),
            tag: None,
            digest: Some(digest),
        }
    }

    /// The name alone.
    pub fn into_reference(self) -> Reference {
        Reference {
            repository: self,
            tag: None,
            digest: None,
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// Parses a name that has neither tag nor digest, and normalises it.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = text.parse()?;
        if reference.is_name_only() {
            Ok(reference.repository)
        } else {
            Err(ReferenceError::Format)
        }
    }
}

impl Tag {
    /// The tag that is meant when none is given.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if is_tag(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Tag)
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Reference {
    /// Registry and path.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether there is neither tag nor digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// With `latest` where there is neither tag nor digest (`TagNameOnly`).
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.is_name_only() {
            self.tag = Some(Tag::latest());
        }
        self
    }

    /// As a pull takes it: where there are tag and digest, the digest alone counts (`ParseDockerRef`).
    #[must_use]
    pub fn digest_wins(mut self) -> Self {
        if self.digest.is_some() {
            self.tag = None;
        }
        self
    }

    /// With `digest` behind whatever tag there is: one manifest of the index that the name points to.
    #[must_use]
    pub fn pinned(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The short form that people are shown.
    pub fn familiar(&self) -> String {
        self.print(&self.repository.familiar())
    }

    fn print(&self, name: &str) -> String {
        let mut text = name.to_owned();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(&self.repository.to_string()))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Parses what a person typed and normalises it (`ParseNormalizedNamed`).
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if is_image_id(text) {
            return Err(ReferenceError::LooksLikeId(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        let name = remainder.split([':', '@']).next().unwrap_or_default();
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase(name.to_owned()));
        }
        let (rest, digest) = split_digest(&remainder)?;
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) if is_tag(tag) => (path, Some(Tag(tag.to_owned()))),
            Some(_) => return Err(ReferenceError::Format),
            None => (rest, None),
        };
        Ok(Self {
            repository: Repository::new(&domain, path)?,
            tag,
            digest,
        })
    }
}

/// 64 hex digits: what a full image ID looks like without its algorithm.
pub(super) fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

// `splitDockerDomain`: the registry, and the rest with `library/` put in where Hub means it.
fn split_domain(text: &str) -> (String, String) {
    let (domain, remainder) = match text.split_once('/') {
        Some((first, rest)) if looks_like_domain(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    };
    let domain = if domain == LEGACY_DEFAULT_DOMAIN {
        DEFAULT_DOMAIN
    } else {
        domain
    };
    if domain == DEFAULT_DOMAIN && !remainder.contains('/') {
        return (
            domain.to_owned(),
            format!("{OFFICIAL_NAMESPACE}{remainder}"),
        );
    }
    (domain.to_owned(), remainder.to_owned())
}

fn looks_like_domain(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn split_digest(remainder: &str) -> Result<(&str, Option<Digest>), ReferenceError> {
    let Some((rest, digest)) = remainder.split_once('@') else {
        return Ok((remainder, None));
    };
    // The grammar asks for 32 hex digits at least; only what passes it is judged as a digest.
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err(ReferenceError::Format);
    };
    let plausible = hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if !plausible || !is_algorithm(algorithm) {
        return Err(ReferenceError::Format);
    }
    if Algorithm::from_name(algorithm).is_none() {
        return Err(DigestError::UnsupportedAlgorithm.into());
    }
    Ok((rest, Some(digest.parse()?)))
}

fn is_algorithm(text: &str) -> bool {
    text.split(['-', '_', '+', '.']).all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= TAG_LIMIT
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, rest)) = rest.split_once(']') else {
                return false;
            };
            let plausible =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return plausible && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    host.split('.').all(is_domain_component) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_domain_component(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_path(text: &str) -> bool {
    text.split('/').all(is_path_component)
}

// alphanumeric (separator alphanumeric)*, a separator being `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separated =
        |run: &[u8]| matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-');
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(|b| alphanumeric(*b)))
        && bytes
            .split(|b| alphanumeric(*b))
            .filter(|run| !run.is_empty())
            .all(separated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        text.parse::<Reference>()
            .map(|r| r.to_string())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn normalises_as_docker_does() {
        for (text, canonical, familiar) in [
            ("nginx", "docker.io/library/nginx", "nginx"),
            ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
            (
                "index.docker.io/nginx:1",
                "docker.io/library/nginx:1",
                "nginx:1",
            ),
            (
                "docker.io/library/nginx",
                "docker.io/library/nginx",
                "nginx",
            ),
            (
                "grafana/grafana",
                "docker.io/grafana/grafana",
                "grafana/grafana",
            ),
            (
                "docker.io/library/a/b",
                "docker.io/library/a/b",
                "library/a/b",
            ),
            ("localhost/foo", "localhost/foo", "localhost/foo"),
            ("LOCALHOST/foo", "LOCALHOST/foo", "LOCALHOST/foo"),
            (
                "localhost:5000/a/b:t",
                "localhost:5000/a/b:t",
                "localhost:5000/a/b:t",
            ),
            ("foo/bar", "docker.io/foo/bar", "foo/bar"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x"),
            ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
            ("a---b", "docker.io/library/a---b", "a---b"),
            ("a__b.c_d", "docker.io/library/a__b.c_d", "a__b.c_d"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), canonical);
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(canonical.parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn refuses_with_dockers_words() {
        let hex = "a".repeat(64);
        let long = "a/".repeat(130) + "a";
        for (text, error) in [
            ("", "invalid reference format"),
            (":tag", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a_.b", "invalid reference format"),
            ("a___b", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a-", "invalid reference format"),
            ("a//b", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a:-x", "invalid reference format"),
            ("a@sha256:00", "invalid reference format"),
            ("a b", "invalid reference format"),
            (
                "Nginx",
                "invalid reference format: repository name (library/Nginx) must be lowercase",
            ),
            (
                "x/Nginx:1",
                "invalid reference format: repository name (x/Nginx) must be lowercase",
            ),
            (
                "localhost:5000/x/Nginx:1",
                "invalid reference format: repository name (x/Nginx) must be lowercase",
            ),
            (
                &long,
                "repository name must not be more than 255 characters",
            ),
            (
                &hex,
                "invalid repository name (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa), cannot specify 64-byte hexadecimal strings",
            ),
        ] {
            assert_eq!(parsed(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn tag_and_digest_together() {
        let text = format!("nginx:1@sha256:{}", "0".repeat(64));
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.familiar(), text);
        assert_eq!(reference.digest_wins().tag(), None);
    }

    #[test]
    fn latest_is_added_only_to_a_bare_name() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for (text, expected) in [("a", "a:latest"), ("a:1", "a:1"), (&digest, &digest)] {
            assert_eq!(
                text.parse::<Reference>().unwrap().or_latest().familiar(),
                expected
            );
        }
    }
}
