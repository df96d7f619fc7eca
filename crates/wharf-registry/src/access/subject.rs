//! The number of an account.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a user or of a robot, written `user:7` and `robot:7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SubjectId {
    /// A user's.
    User(i64),
    /// A robot's.
    Robot(i64),
}

/// A text that is no [`SubjectId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subject is user: or robot: and a number")]
pub struct NotASubjectId;

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Robot(id) => write!(f, "robot:{id}"),
        }
    }
}

impl FromStr for SubjectId {
    type Err = NotASubjectId;

    fn from_str(text: &str) -> Result<Self, NotASubjectId> {
        let (kind, id) = text.split_once(':').ok_or(NotASubjectId)?;
        let id = id.parse().ok().ok_or(NotASubjectId)?;
        match kind {
            "user" => Ok(Self::User(id)),
            "robot" => Ok(Self::Robot(id)),
            _ => Err(NotASubjectId),
        }
    }
}

impl TryFrom<String> for SubjectId {
    type Error = NotASubjectId;

    fn try_from(text: String) -> Result<Self, NotASubjectId> {
        text.parse()
    }
}

impl From<SubjectId> for String {
    fn from(id: SubjectId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_users_and_robots_are_not_mistaken_for_each_other() {
        for id in [
            SubjectId::User(7),
            SubjectId::Robot(7),
            SubjectId::User(i64::MAX),
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, format!("\"{id}\""));
            assert_eq!(serde_json::from_str::<SubjectId>(&json).unwrap(), id);
        }
        for bad in [
            "",
            "7",
            "user",
            "user:",
            ":7",
            "User:7",
            "user:7:8",
            "user: 7",
            "user:9223372036854775808",
        ] {
            assert_eq!(bad.parse::<SubjectId>(), Err(NotASubjectId), "{bad:?}");
        }
    }
}
