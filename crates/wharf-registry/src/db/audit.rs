//! The audit log: one row for each change that somebody made.

use super::listing::{Field, FieldKind, ListError, Listing};
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

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
    if is_logged() {
        sql.logs(entry);
    }
    Ok(())
}

/// Whether the program's log takes changes, too.
fn is_logged() -> bool {
    tracing::enabled!(target: "audit", tracing::Level::INFO)
}

/// Writes committed entries into the program's log.
pub(super) fn log(entries: &[AuditEntry]) {
    for entry in entries {
        tracing::info!(
            target: "audit",
            actor = entry.actor,
            operation = entry.operation,
            resource_type = entry.resource_type,
            resource = entry.resource,
            project = entry.project,
            detail = entry.detail,
        );
    }
}

const FIELDS: &[Field] = &[
    Field::new("id", "id", FieldKind::Number),
    Field::new("op_time", "at", FieldKind::Time),
    Field::new("username", "actor", FieldKind::Text),
    Field::new("operation", "operation", FieldKind::Text),
    Field::new("resource_type", "resource_type", FieldKind::Text),
    Field::new("resource", "resource", FieldKind::Text),
    Field::new("project_id", "project", FieldKind::Number),
];

/// Which entries somebody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAudience {
    /// All of them.
    Everything,
    /// Those of the projects in which a user has one of these roles.
    Member {
        /// The user's number.
        user: i64,
        /// The roles' numbers.
        roles: Vec<i64>,
    },
    /// Those of these projects.
    Projects(Vec<i64>),
}

/// The entries of an audience, the latest first.
pub fn list(
    sql: &mut dyn Sql,
    audience: &LogAudience,
    request: &ListRequest,
) -> Result<Page<AuditEntry>, ListError> {
    let mut listing = Listing::new(
        "id, at, actor, operation, resource_type, resource, project, detail",
        "audit",
    );
    match audience {
        LogAudience::Everything => {}
        LogAudience::Member { user, roles } => listing.filter(format!(
            "project IN (SELECT m.project FROM members m WHERE m.user_id = {user} AND m.role IN ({}))",
            numbers(roles)
        )),
        LogAudience::Projects(projects) => {
            listing.filter(format!("project IN ({})", numbers(projects)));
        }
    }
    listing.read(sql, request, FIELDS, "at DESC, id DESC", |mut row: Row| {
        AuditEntry {
            id: row.take(0),
            at: row.take(1),
            actor: row.take(2),
            operation: row.take(3),
            resource_type: row.take(4),
            resource: row.take(5),
            project: row.take(6),
            detail: row.take(7),
        }
    })
}

/// Numbers for a list in a statement. No row has the number 0: the list may be empty.
fn numbers(numbers: &[i64]) -> String {
    let mut list = vec!["0".to_owned()];
    list.extend(numbers.iter().map(ToString::to_string));
    list.join(", ")
}
