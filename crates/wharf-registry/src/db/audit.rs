//! The audit log: one row for each change that somebody made.

use super::sql::{Sql, SqlError, values};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number; ignored when it is written.
    pub id: i64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who: a user's or a robot's name.
    pub actor: String,
    /// What he did: `create`, `delete`, `update`, `login`...
    pub operation: String,
    /// To what kind of thing: `project`, `artifact`, `tag`...
    pub resource_type: String,
    /// To which.
    pub resource: String,
    /// In which project.
    pub project: Option<i64>,
    /// More about it.
    pub detail: String,
}

/// Writes one entry, in the transaction of the change itself.
pub fn insert(sql: &mut dyn Sql, entry: &AuditEntry) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO audit (at, actor, operation, resource_type, resource, project, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        values![
            entry.at,
            &entry.actor,
            &entry.operation,
            &entry.resource_type,
            &entry.resource,
            entry.project,
            &entry.detail
        ],
    )?;
    Ok(())
}
