//! A secret in a configuration: written there, or said where it is.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// Longest file that is read as a secret, in bytes.
const FILE_LIMIT_BYTES: usize = 64 << 10;

/// A secret, which is never printed: `"text"`, `{ file = "/run/secrets/key" }` or `{ environment = "NAME" }`.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secret {
    /// The secret itself.
    Text(String),
    /// The first line of a file.
    File(SecretFile),
    /// A variable of the environment.
    Environment(SecretVariable),
}

/// The file that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// Its path.
    pub file: PathBuf,
}

/// The variable that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretVariable {
    /// Its name.
    pub environment: String,
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret's file {} cannot be read; check its path and who may read it", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is too long to be a secret.
    #[error("{} is longer than {FILE_LIMIT_BYTES} bytes: it is no secret", path.display())]
    TooLong {
        /// Its path.
        path: PathBuf,
    },
    /// The variable is not set.
    #[error("the secret's variable {name} is not set in the environment")]
    Environment {
        /// Its name.
        name: String,
    },
}

impl Secret {
    /// The secret. `environment` gives the value of a variable; whoever calls knows the environment.
    pub fn reveal(
        &self,
        environment: impl FnOnce(&str) -> Option<String>,
    ) -> Result<String, SecretError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(SecretFile { file }) => {
                let text = std::fs::read_to_string(file).map_err(|source| SecretError::File {
                    path: file.clone(),
                    source,
                })?;
                if text.len() > FILE_LIMIT_BYTES {
                    return Err(SecretError::TooLong { path: file.clone() });
                }
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
            Self::Environment(SecretVariable { environment: name }) => {
                environment(name).ok_or_else(|| SecretError::Environment { name: name.clone() })
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::File(file) => file.fmt(f),
            Self::Environment(variable) => variable.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Secret, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_secret_comes_from_where_the_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        testkit::write(&path, "from a file\n");
        let file = format!(r#"{{"file": {path:?}}}"#);
        let cases = [
            (r#""written down""#, "written down"),
            (file.as_str(), "from a file"),
            (r#"{"environment": "KEY"}"#, "from KEY"),
        ];
        for (json, expected) in cases {
            let secret = parse(json).unwrap();
            let revealed = secret.reveal(|name| Some(format!("from {name}"))).unwrap();
            assert_eq!(revealed, expected);
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = parse(r#"{"environment": "KEY"}"#).unwrap();
        let error = missing.reveal(|_| None).unwrap_err().to_string();
        assert!(error.contains("KEY"), "{error}");
        let missing = parse(r#"{"file": "/no/such/file"}"#).unwrap();
        let error = missing.reveal(|_| None).unwrap_err().to_string();
        assert!(error.contains("/no/such/file"), "{error}");
        assert!(parse(r#"{"file": "x", "mode": 1}"#).is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = parse(r#""harbour""#).unwrap();
        assert_eq!(format!("{secret:?}"), "Text(***)");
    }
}
