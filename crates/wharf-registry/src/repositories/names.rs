//! Names of repositories.

use std::fmt;

use crate::error::RegistryError;

/// Longest name in bytes. Clients allow 255 for the registry's host, a slash and the name together.
const NAME_LIMIT: usize = 255;
/// The project of names without one, as on Docker Hub: `nginx` is `library/nginx`.
pub(crate) const DEFAULT_PROJECT: &str = "library";

/// A repository of a project: `library/nginx`, `team/app/web`. The project is the first component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    name: String,
    project_bytes: usize,
}

impl RepositoryName {
    /// Takes the name as it stands in a path. The grammar is the distribution specification's.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        if text.len() > NAME_LIMIT || !text.split('/').all(is_component) {
            return Err(RegistryError::NameInvalid {
                name: text.chars().take(NAME_LIMIT).collect(),
            });
        }
        Ok(match text.find('/') {
            Some(project_bytes) => Self {
                name: text.to_owned(),
                project_bytes,
            },
            None => Self {
                name: format!("{DEFAULT_PROJECT}/{text}"),
                project_bytes: DEFAULT_PROJECT.len(),
            },
        })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The project.
    pub fn project(&self) -> &str {
        self.name.get(..self.project_bytes).unwrap_or_default()
    }

    /// The name within the project.
    pub fn within_project(&self) -> &str {
        self.name.get(self.project_bytes + 1..).unwrap_or_default()
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub(crate) fn is_component(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let letters = rest.iter().take_while(|byte| is_letter(**byte)).count();
        if letters == 0 {
            return false;
        }
        rest = rest.get(letters..).unwrap_or_default();
        let separator = rest.iter().take_while(|byte| !is_letter(**byte)).count();
        match rest.get(..separator) {
            Some([]) | None => return true,
            Some([b'.' | b'_'] | [b'_', b'_']) => {}
            Some(dashes) if dashes.iter().all(|byte| *byte == b'-') => {}
            Some(_) => return false,
        }
        rest = rest.get(separator..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar_of_the_specification() {
        for (text, project, rest) in [
            ("nginx", "library", "nginx"),
            ("a/b", "a", "b"),
            ("team-1/app_x/y__z/w--v.u", "team-1", "app_x/y__z/w--v.u"),
            ("blobs/uploads", "blobs", "uploads"),
        ] {
            let name = RepositoryName::parse(text).unwrap();
            assert_eq!((name.project(), name.within_project()), (project, rest));
        }
        let long = "a".repeat(256);
        for bad in [
            "", "/", "a/", "/a", "a//b", "A/b", "a/..", "a/.b", "a/b.", "a/b___c", "a/b._c", "a b",
            "a/é", "a/b\0", "-a/b", "a-/b", "a/%2e", &long,
        ] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
