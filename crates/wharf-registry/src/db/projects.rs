//! Projects.

use super::listing::{Field, FieldKind, ListError, Listing};
use super::repositories::Audience;
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

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

/// A project in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectEntry {
    /// The project.
    pub project: Project,
    /// How many repositories it shows.
    pub repositories: u64,
    /// The number of the role that the user who asks has in it.
    pub role: Option<i64>,
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

/// The project `name`, and the number of the role that a user has in it.
pub fn find_with_role(
    sql: &mut dyn Sql,
    name: &str,
    user: i64,
) -> Result<Option<(Project, Option<i64>)>, SqlError> {
    let row = sql.query_row(
        "SELECT p.id, p.name, p.owner, p.owner_name, p.public, p.metadata, p.created, p.updated, m.role \
         FROM projects p LEFT JOIN members m ON m.project = p.id AND m.user_id = $1 WHERE p.name = $2",
        values![user, name],
    )?;
    Ok(row.map(|mut row| {
        let role = row.take(8);
        (from_row(row), role)
    }))
}

/// Whether there are projects at all.
pub fn any(sql: &mut dyn Sql) -> Result<bool, SqlError> {
    let first: Option<i64> = sql.query_value("SELECT id FROM projects LIMIT 1", &[])?;
    Ok(first.is_some())
}

/// The project with the number `id`.
pub fn find_by_id(sql: &mut dyn Sql, id: i64) -> Result<Option<Project>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM projects WHERE id = $1");
    Ok(sql.query_row(&statement, values![id])?.map(from_row))
}

/// What projects can be filtered and sorted by.
const FIELDS: &[Field] = &[
    Field::new("project_id", "projects.id", FieldKind::Number),
    Field::new("name", "projects.name", FieldKind::Text),
    Field::new("owner", "projects.owner_name", FieldKind::Text),
    Field::new("owner_id", "projects.owner", FieldKind::Number),
    Field::new("public", "projects.public", FieldKind::Flag),
    Field::new("creation_time", "projects.created", FieldKind::Time),
    Field::new("update_time", "projects.updated", FieldKind::Time),
    Field::new("repo_count", REPOSITORY_COUNT, FieldKind::Number),
];

const REPOSITORY_COUNT: &str =
    "(SELECT COUNT(*) FROM repositories r WHERE r.project = projects.id AND r.shown = 1)";

/// The projects of an audience, with what the user `user` is in them.
pub fn list(
    sql: &mut dyn Sql,
    audience: &Audience,
    user: Option<i64>,
    request: &ListRequest,
) -> Result<Page<ProjectEntry>, ListError> {
    let user = user.unwrap_or_default();
    let columns = format!(
        "{COLUMNS}, {REPOSITORY_COUNT}, \
         (SELECT m.role FROM members m WHERE m.project = projects.id AND m.user_id = {user})"
    );
    let mut listing = Listing::new(columns, "projects");
    listing.filter(audience.condition("projects.id"));
    listing.read(sql, request, FIELDS, "projects.id", |mut row| {
        let (repositories, role) = (row.take(8), row.take(9));
        ProjectEntry {
            project: from_row(row),
            repositories,
            role,
        }
    })
}

/// The projects with these numbers, as (number, name).
pub fn names(sql: &mut dyn Sql, ids: &[i64]) -> Result<Vec<(i64, String)>, SqlError> {
    let mut names = Vec::new();
    for id in ids {
        let name = sql.query_value("SELECT name FROM projects WHERE id = $1", values![*id])?;
        names.extend(name.map(|name| (*id, name)));
    }
    Ok(names)
}

/// How many repositories a project shows.
pub fn count_repositories(sql: &mut dyn Sql, project: i64) -> Result<u64, SqlError> {
    let count = sql.query_value(
        "SELECT COUNT(*) FROM repositories WHERE project = $1 AND shown = 1",
        values![project],
    )?;
    Ok(count.unwrap_or(0))
}

/// How many bytes the blobs have that a project's repositories show, each counted once.
pub fn stored_bytes(sql: &mut dyn Sql, project: i64) -> Result<u64, SqlError> {
    let bytes = sql.query_value(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs WHERE digest IN (\
         SELECT l.digest FROM repository_blobs l JOIN repositories r ON r.id = l.repository \
         WHERE r.project = $1)",
        values![project],
    )?;
    Ok(bytes.unwrap_or(0))
}

/// Changes what a project is set to.
pub fn set(
    sql: &mut dyn Sql,
    id: i64,
    public: bool,
    metadata: &str,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE projects SET public = $1, metadata = $2, updated = $3 WHERE id = $4",
        values![public, metadata, now, id],
    )?;
    Ok(())
}

/// Removes a project with its members and robots. It must have no repositories.
pub fn delete(sql: &mut dyn Sql, id: i64) -> Result<(), SqlError> {
    sql.execute("DELETE FROM projects WHERE id = $1", values![id])?;
    Ok(())
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
