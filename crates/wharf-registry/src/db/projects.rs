//! Projects.

use super::sql::{Sql, SqlError, values};
use super::value::Row;

/// A project: a name space of repositories with members of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: i64,
    /// The first component of its repositories' names.
    pub name: String,
    /// The user who made it.
    pub owner: Option<i64>,
    /// That user's name, kept when the user goes.
    pub owner_name: String,
    /// Whether everybody may pull.
    pub public: bool,
    /// Harbor's other settings, a JSON object of texts.
    pub metadata: String,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
}

/// What a new project is made of.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its name.
    pub name: String,
    /// Who makes it.
    pub owner: Option<i64>,
    /// That user's name.
    pub owner_name: String,
    /// Whether everybody may pull.
    pub public: bool,
    /// Harbor's other settings.
    pub metadata: String,
}

const COLUMNS: &str = "id, name, owner, owner_name, public, metadata, created, updated";

fn from_row(mut row: Row) -> Project {
    Project {
        id: row.take(0),
        name: row.take(1),
        owner: row.take(2),
        owner_name: row.take(3),
        public: row.take(4),
        metadata: row.take(5),
        created: row.take(6),
        updated: row.take(7),
    }
}

/// The project `name`.
pub fn find(sql: &mut dyn Sql, name: &str) -> Result<Option<Project>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM projects WHERE name = $1");
    Ok(sql.query_row(&statement, values![name])?.map(from_row))
}

/// Whether there are projects at all.
pub fn any(sql: &mut dyn Sql) -> Result<bool, SqlError> {
    let first: Option<i64> = sql.query_value("SELECT id FROM projects LIMIT 1", &[])?;
    Ok(first.is_some())
}

/// Makes a project. [`SqlError::Constraint`] if the name is taken.
pub fn insert(sql: &mut dyn Sql, project: &NewProject, now: i64) -> Result<i64, SqlError> {
    let id = sql.query_value(
        "INSERT INTO projects (name, owner, owner_name, public, metadata, created, updated) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        values![
            &project.name,
            project.owner,
            &project.owner_name,
            project.public,
            &project.metadata,
            now,
            now
        ],
    )?;
    Ok(id.unwrap_or_default())
}
