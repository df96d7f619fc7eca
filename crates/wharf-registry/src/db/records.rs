//! What storage has yet to be told, so that this database can be made anew from it.

use super::sql::{Sql, SqlError, values};

/// A record in storage that has to be written, or deleted, after the present state of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRecord {
    /// The row's number.
    pub id: i64,
    /// What it is about.
    pub kind: RecordKind,
    /// The project or repository.
    pub name: String,
    /// The tag or digest; empty for a project.
    pub item: String,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A project.
    Project,
    /// A manifest in a repository.
    Manifest,
    /// A tag of a repository.
    Tag,
}

impl RecordKind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Manifest => "manifest",
            Self::Tag => "tag",
        }
    }
}

/// Notes that a record has to be brought up to date; in the transaction of the change itself.
pub fn queue(sql: &mut dyn Sql, kind: RecordKind, name: &str, item: &str) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO record_queue (kind, name, item) VALUES ($1, $2, $3)",
        values![kind.as_str(), name, item],
    )?;
    Ok(())
}
