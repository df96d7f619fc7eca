//! What a backup looks like.
//!
//! ```text
//! <folder>/
//!   backup.json                            what it is, written last: without it the backup is not finished
//!   database.jsonl                         every table: its name and columns, then a line for each row
//!   blobs/<algorithm>/<2 hex>/<hex>        every blob that the database names
//!   tls/                                   the registry's own authority, if it has one
//! ```

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wharf_oci::Digest;

use crate::db::Value;

/// The version of the layout. An older Wharf refuses a newer one.
pub(super) const FORMAT: &str = "wharf-registry-backup 1";
/// Tables that mean nothing without the process or the storage that they were written for: uploads that are not
/// finished, sessions of browsers, objects that are to be deleted, notes for storage.
pub(super) const LEFT_OUT: &[&str] = &["uploads", "sessions", "doomed_objects", "record_queue"];
/// The table of blobs: its keys are of one storage, and made anew for another.
pub(super) const BLOBS: &str = "blobs";

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BackupSummary {
    /// [`FORMAT`].
    pub format: String,
    /// The version of Wharf that made it.
    pub made_by: String,
    /// When the database was as it is here, in microseconds since 1970.
    pub made_at: i64,
    /// At which step its schema is.
    pub schema: i64,
    /// Rows of all tables.
    pub rows: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of all blobs.
    pub blob_bytes: u64,
    /// The digest of `database.jsonl`.
    pub database_digest: String,
}

/// The head of a table in `database.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableHead {
    /// Its name.
    pub(super) table: String,
    /// Its columns.
    pub(super) columns: Vec<String>,
}

impl TableHead {
    /// Whether all names are words that may stand in a statement.
    pub(super) fn is_plain(&self) -> bool {
        let mut names = self.columns.iter().chain([&self.table]);
        names.all(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    }
}

/// Where the summary is.
pub(super) fn summary_file(folder: &Path) -> PathBuf {
    folder.join("backup.json")
}

/// Where the tables are.
pub(super) fn database_file(folder: &Path) -> PathBuf {
    folder.join("database.jsonl")
}

/// Where a blob is.
pub(super) fn blob_file(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    let (fan_out, _) = hex.split_at(2);
    let algorithm = digest.algorithm().name();
    folder
        .join("blobs")
        .join(algorithm)
        .join(fan_out)
        .join(&hex)
}

/// A value as JSON: bytes, which that has not, as an object.
pub(super) fn to_json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// The value that became this JSON; `None` if none did.
pub(super) fn from_json(json: serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Number(number) => Value::Integer(number.as_i64()?),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Object(object) => {
            let text = object.get("base64")?.as_str()?;
            Value::Bytes(STANDARD.decode(text).ok()?)
        }
        serde_json::Value::Bool(_) | serde_json::Value::Array(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Text("{\"base64\": \"x\"} ü\n\0".to_owned()),
            Value::Bytes(vec![0, 255, 10]),
        ] {
            let line = to_json(value.clone()).to_string();
            assert_eq!(from_json(serde_json::from_str(&line).unwrap()), Some(value));
        }
        for foreign in ["true", "[1]", "1.5", r#"{"base64":"?"}"#, "{}"] {
            assert_eq!(
                from_json(serde_json::from_str(foreign).unwrap()),
                None,
                "{foreign}"
            );
        }
    }
}
