//! What a token is for: the `scope` parameter of the token service, the `scope` of a challenge, and the claim `access`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::repositories::RepositoryName;

/// Most scopes in one request. A push with mounts asks for one for each repository it takes from.
const SCOPES_LIMIT: usize = 16;
/// Longest scope in bytes: a repository's name, and room for the rest.
const SCOPE_LIMIT_BYTES: usize = 384;

/// The type of scopes for repositories.
pub const REPOSITORY: &str = "repository";
/// The type of scopes for the registry as a whole.
pub const REGISTRY: &str = "registry";

/// What a scope allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeAction {
    /// Reading.
    Pull,
    /// Writing.
    Push,
    /// Removing.
    Delete,
    /// Everything: `*`.
    #[serde(rename = "*")]
    All,
}

impl ScopeAction {
    const ALL: [Self; 4] = [Self::Pull, Self::Push, Self::Delete, Self::All];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }
}

/// Some actions on one thing: `repository:library/nginx:pull,push`, `registry:catalog:*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The type: [`REPOSITORY`], [`REGISTRY`], or one that is not known here and that nobody is granted.
    #[serde(rename = "type")]
    pub kind: String,
    /// The class of a repository, `plugin` or nothing. It grants nothing and refuses nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Of what: a repository's name as the client wrote it, or `catalog`.
    pub name: String,
    /// What.
    pub actions: BTreeSet<ScopeAction>,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Too many in one request.
    #[error(
        "more than {SCOPES_LIMIT} scopes were asked for at once; ask for a token for fewer repositories"
    )]
    TooMany,
    /// A long one.
    #[error("a scope is longer than {SCOPE_LIMIT_BYTES} bytes")]
    TooLong,
    /// Outside the grammar.
    #[error("{scope:?} is not a scope, which looks like repository:project/name:pull,push")]
    Malformed {
        /// The text.
        scope: String,
    },
}

impl Scope {
    /// A scope for the repository `name`.
    pub fn repository(name: &str, actions: impl IntoIterator<Item = ScopeAction>) -> Self {
        Self {
            kind: REPOSITORY.to_owned(),
            class: String::new(),
            name: name.to_owned(),
            actions: actions.into_iter().collect(),
        }
    }

    /// The repository that this is for, if it is for one. `nginx` is `library/nginx`, as in a path.
    pub fn repository_name(&self) -> Option<RepositoryName> {
        let is_repository = self.kind == REPOSITORY;
        is_repository.then(|| RepositoryName::parse(&self.name).ok())?
    }

    /// Whether this is for the list of all repositories.
    pub fn is_catalog(&self) -> bool {
        self.kind == REGISTRY && self.name == "catalog"
    }

    /// Reads the values of the parameter `scope`. It can be given several times, with several scopes in each, and what is
    /// asked for twice is put together.
    pub fn parse_all<'a>(
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Self>, ScopeError> {
        let mut scopes: Vec<Self> = Vec::new();
        let texts = values.into_iter().flat_map(|value| value.split(' '));
        for text in texts.filter(|text| !text.is_empty()) {
            let scope: Self = text.parse()?;
            if let Some(known) = scopes.iter_mut().find(|known| known.is_same_thing(&scope)) {
                known.actions.extend(scope.actions);
            } else if scopes.len() < SCOPES_LIMIT {
                scopes.push(scope);
            } else {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(scopes)
    }

    fn is_same_thing(&self, other: &Self) -> bool {
        (&self.kind, &self.class, &self.name) == (&other.kind, &other.class, &other.name)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    /// `type[(class)]:name:action,action`. The name may have colons in it, because a host may come first. An action that
    /// is not known here is dropped: nobody is granted it.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > SCOPE_LIMIT_BYTES {
            return Err(ScopeError::TooLong);
        }
        parse(text).ok_or_else(|| ScopeError::Malformed {
            scope: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Scope> {
    let (kind, rest) = text.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let (kind, class) = match kind.strip_suffix(')') {
        Some(kind) => kind.split_once('(')?,
        None => (kind, ""),
    };
    let is_word = |word: &str| {
        word.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
    let is_action = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'*';
    let is_scope = !kind.is_empty()
        && !name.is_empty()
        && is_word(kind)
        && is_word(class)
        && name.bytes().all(is_name)
        && actions
            .split(',')
            .all(|action| action.bytes().all(is_action));
    is_scope.then(|| Scope {
        kind: kind.to_owned(),
        class: class.to_owned(),
        name: name.to_owned(),
        actions: actions.split(',').filter_map(known_action).collect(),
    })
}

fn known_action(text: &str) -> Option<ScopeAction> {
    ScopeAction::ALL
        .into_iter()
        .find(|action| action.as_str() == text)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.class.is_empty() {
            write!(f, "({})", self.class)?;
        }
        write!(f, ":{}:", self.name)?;
        for (position, action) in self.actions.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{}", action.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ScopeAction::{All, Delete, Pull, Push};
    use super::*;

    fn scope(kind: &str, class: &str, name: &str, actions: &[ScopeAction]) -> Scope {
        Scope {
            kind: kind.to_owned(),
            class: class.to_owned(),
            name: name.to_owned(),
            actions: actions.iter().copied().collect(),
        }
    }

    #[test]
    fn scopes_are_read_as_docker_writes_them() {
        let table = [
            (
                "repository:library/nginx:pull",
                scope(REPOSITORY, "", "library/nginx", &[Pull]),
            ),
            (
                "repository:a/b/c:push,pull",
                scope(REPOSITORY, "", "a/b/c", &[Pull, Push]),
            ),
            (
                "repository:a/b:pull,pull,delete",
                scope(REPOSITORY, "", "a/b", &[Pull, Delete]),
            ),
            (
                "repository(plugin):a/b:pull",
                scope(REPOSITORY, "plugin", "a/b", &[Pull]),
            ),
            (
                "repository():a/b:pull",
                scope(REPOSITORY, "", "a/b", &[Pull]),
            ),
            ("registry:catalog:*", scope(REGISTRY, "", "catalog", &[All])),
            (
                "repository:host.example:5000/a/b:pull",
                scope(REPOSITORY, "", "host.example:5000/a/b", &[Pull]),
            ),
            ("repository:a/b:", scope(REPOSITORY, "", "a/b", &[])),
            (
                "repository:a/b:scanner-pull,metadata",
                scope(REPOSITORY, "", "a/b", &[]),
            ),
            (
                "kubernetes:cluster:pull",
                scope("kubernetes", "", "cluster", &[Pull]),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let bad = [
            "",
            "repository",
            "repository:a/b",
            ":a/b:pull",
            "repository::pull",
            "REPOSITORY:a/b:pull",
            "repository(plugin:a/b:pull",
            "repository)plugin(:a/b:pull",
            "repository(plug in):a/b:pull",
            "repository:a b:pull",
            "repository:a/b:PULL",
            "repository:a/b:pull;push",
            "repository:a\"b:pull",
            "repository:a/b:pull\r\nx",
            "repository:é:pull",
            "repository:a/b:pull push",
            "repository:*:pull",
        ];
        for text in bad {
            let result = text.parse::<Scope>();
            assert!(
                matches!(result, Err(ScopeError::Malformed { .. })),
                "{text:?}: {result:?}"
            );
        }
        let long = format!("repository:{}:pull", "a".repeat(SCOPE_LIMIT_BYTES));
        assert_eq!(long.parse::<Scope>(), Err(ScopeError::TooLong));
    }

    #[test]
    fn the_parameter_can_hold_several_and_stand_there_several_times() {
        let values = [
            "repository:a/b:pull repository:c/d:pull",
            "",
            "  ",
            "repository:a/b:push",
        ];
        let scopes = Scope::parse_all(values).unwrap();
        let texts: Vec<_> = scopes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["repository:a/b:pull,push", "repository:c/d:pull"]);
    }

    #[test]
    fn the_number_of_scopes_is_limited() {
        let many = |count| {
            (0..count)
                .map(|n| format!("repository:a/b{n}:pull"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            Scope::parse_all([many(SCOPES_LIMIT).as_str()])
                .unwrap()
                .len(),
            SCOPES_LIMIT
        );
        assert_eq!(
            Scope::parse_all([many(SCOPES_LIMIT + 1).as_str()]),
            Err(ScopeError::TooMany)
        );
        // The same one again and again is still one.
        let again = "repository:a/b:pull ".repeat(10_000);
        assert_eq!(Scope::parse_all([again.as_str()]).unwrap().len(), 1);
    }

    #[test]
    fn a_scope_is_an_entry_of_the_claim_access() {
        let json = |text: &str| serde_json::to_string(&text.parse::<Scope>().unwrap()).unwrap();
        assert_eq!(
            json("repository:a/b:push,pull"),
            r#"{"type":"repository","name":"a/b","actions":["pull","push"]}"#
        );
        assert_eq!(
            json("repository(plugin):a/b:*"),
            r#"{"type":"repository","class":"plugin","name":"a/b","actions":["*"]}"#
        );
    }
}
