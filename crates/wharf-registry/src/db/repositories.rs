//! Repositories.

use super::listing::{Field, FieldKind, ListError, Listing};
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

/// A repository of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRecord {
    /// Its number.
    pub id: i64,
    /// Its project's number.
    pub project: i64,
    /// Its whole name, the project's first.
    pub name: String,
    /// What people wrote about it.
    pub description: String,
    /// How often it was pulled from.
    pub pulls: i64,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// When something was last pushed to or deleted from it.
    pub updated: i64,
}

const COLUMNS: &str = "id, project, name, description, pulls, created, updated";

fn from_row(mut row: Row) -> RepositoryRecord {
    RepositoryRecord {
        id: row.take(0),
        project: row.take(1),
        name: row.take(2),
        description: row.take(3),
        pulls: row.take(4),
        created: row.take(5),
        updated: row.take(6),
    }
}

/// The number of the repository `name`, whether it is shown yet or not.
pub fn find_id(sql: &mut dyn Sql, name: &str) -> Result<Option<i64>, SqlError> {
    sql.query_value("SELECT id FROM repositories WHERE name = $1", values![name])
}

/// The name of the repository with the number `id`.
pub fn find_name(sql: &mut dyn Sql, id: i64) -> Result<Option<String>, SqlError> {
    sql.query_value("SELECT name FROM repositories WHERE id = $1", values![id])
}

/// The repository `name`, if something was ever pushed to it.
pub fn find_shown(sql: &mut dyn Sql, name: &str) -> Result<Option<RepositoryRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM repositories WHERE name = $1 AND shown = 1");
    Ok(sql.query_row(&statement, values![name])?.map(from_row))
}

/// The number of the repository `name`, made now if it is not there. Nobody sees it before [`show`].
pub fn find_or_insert(
    sql: &mut dyn Sql,
    project: i64,
    name: &str,
    now: i64,
) -> Result<i64, SqlError> {
    if let Some(id) = find_id(sql, name)? {
        return Ok(id);
    }
    let id = sql.query_value(
        "INSERT INTO repositories (project, name, description, pulls, shown, created, updated) \
         VALUES ($1, $2, '', 0, 0, $3, $4) RETURNING id",
        values![project, name, now, now],
    )?;
    Ok(id.unwrap_or_default())
}

/// Shows a repository, and notes that it changed.
pub fn show(sql: &mut dyn Sql, repository: i64, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE repositories SET shown = 1, updated = $1 WHERE id = $2",
        values![now, repository],
    )?;
    Ok(())
}

/// Writes a description.
pub fn describe(
    sql: &mut dyn Sql,
    repository: i64,
    description: &str,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE repositories SET description = $1, updated = $2 WHERE id = $3",
        values![description, now, repository],
    )?;
    Ok(())
}

/// Empties a repository and hides it. Its row stays for uploads that are under way.
pub fn hide(sql: &mut dyn Sql, repository: i64, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM tags WHERE repository = $1",
        values![repository],
    )?;
    sql.execute(
        "DELETE FROM manifests WHERE repository = $1",
        values![repository],
    )?;
    sql.execute(
        "DELETE FROM repository_blobs WHERE repository = $1",
        values![repository],
    )?;
    sql.execute(
        "UPDATE repositories SET shown = 0, description = '', pulls = 0, created = $1, updated = $2 WHERE id = $3",
        values![now, now, repository],
    )?;
    Ok(())
}

/// Removes the rows of a project's repositories that are not shown, with uploads and blobs that never came to be shown.
pub fn delete_hidden(sql: &mut dyn Sql, project: i64) -> Result<(), SqlError> {
    const HIDDEN: &str = "SELECT id FROM repositories WHERE project = $1 AND shown = 0";
    for table in ["uploads", "repository_blobs"] {
        let statement = format!("DELETE FROM {table} WHERE repository IN ({HIDDEN})");
        sql.execute(&statement, values![project])?;
    }
    sql.execute(
        "DELETE FROM repositories WHERE project = $1 AND shown = 0",
        values![project],
    )?;
    Ok(())
}

/// A repository in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryEntry {
    /// The repository.
    pub repository: RepositoryRecord,
    /// How many artifacts are in it.
    pub artifacts: u64,
    /// Its project's name.
    pub project_name: String,
    /// Whether everybody may pull.
    pub public: bool,
}

/// What belongs to another artifact of its repository is none that is counted or listed by itself.
pub(super) const NO_ACCESSORY: &str = "NOT EXISTS (SELECT 1 FROM manifests s \
     WHERE s.repository = m.repository AND s.digest = m.subject)";

/// What repositories can be filtered and sorted by.
const FIELDS: &[Field] = &[
    Field::new("id", "r.id", FieldKind::Number),
    Field::new("repository_id", "r.id", FieldKind::Number),
    Field::new("name", "r.name", FieldKind::Text),
    Field::new("project_id", "r.project", FieldKind::Number),
    Field::new("description", "r.description", FieldKind::Text),
    Field::new("pull_count", "r.pulls", FieldKind::Number),
    Field::new("creation_time", "r.created", FieldKind::Time),
    Field::new("update_time", "r.updated", FieldKind::Time),
];

/// Which repositories a list is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryScope {
    /// Those of the projects of an audience.
    Audience(Audience),
    /// Those of a project.
    Project(i64),
    /// This one.
    Only(i64),
}

/// The shown repositories of a scope; `total` is how many these are, where that is known.
pub fn list(
    sql: &mut dyn Sql,
    scope: &RepositoryScope,
    total: Option<u64>,
    request: &ListRequest,
) -> Result<Page<RepositoryEntry>, ListError> {
    let mut listing = Listing::new(
        format!(
            "r.id, r.project, r.name, r.description, r.pulls, r.created, r.updated, \
             (SELECT COUNT(*) FROM manifests m WHERE m.repository = r.id AND {NO_ACCESSORY}), \
             p.name, p.public"
        ),
        "repositories r JOIN projects p ON p.id = r.project",
    );
    listing.known_total(total);
    listing.filter("r.shown = 1");
    match scope {
        RepositoryScope::Audience(audience) => listing.filter(audience.condition("r.project")),
        RepositoryScope::Project(project) => listing.filter_by("r.project = {}", *project),
        RepositoryScope::Only(repository) => listing.filter_by("r.id = {}", *repository),
    }
    listing.read(sql, request, FIELDS, "r.name", |mut row| {
        let (artifacts, project_name, public) = (row.take(7), row.take(8), row.take(9));
        RepositoryEntry {
            repository: from_row(row),
            artifacts,
            project_name,
            public,
        }
    })
}

/// How many projects and repositories there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Projects.
    pub projects: u64,
    /// Shown repositories in them.
    pub repositories: u64,
}

/// Counts the projects of an audience that are public, or those that are not.
pub fn count(sql: &mut dyn Sql, audience: &Audience, public: bool) -> Result<Counts, SqlError> {
    let row = sql.query_row(
        &format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM((SELECT COUNT(*) FROM repositories r \
             WHERE r.project = p.id AND r.shown = 1)), 0) AS BIGINT) \
             FROM projects p WHERE p.public = $1 AND {}",
            audience.condition("p.id")
        ),
        values![public],
    )?;
    Ok(row.map_or_else(Counts::default, |mut row| Counts {
        projects: row.take(0),
        repositories: row.take(1),
    }))
}

/// Whose projects a list is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// All projects.
    Everything,
    /// The public ones.
    Public,
    /// The public ones and those that a user is a member of.
    Member(i64),
    /// The public ones and these.
    Projects(Vec<i64>),
}

/// Up to `limit` names of shown repositories after `last`, in the order of their bytes.
pub fn names_after(
    sql: &mut dyn Sql,
    audience: &Audience,
    last: &str,
    limit: u64,
) -> Result<Vec<String>, SqlError> {
    if *audience == Audience::Everything {
        return names(sql, "shown = 1", last, limit);
    }
    // One project after the other: no index has the names of some projects in their order. All names of a project begin
    // with its own and a slash, so that they stand together, and no project before that of `last` has any.
    let project = last.split_inclusive('/').next().unwrap_or_default();
    let statement = format!(
        "SELECT p.id FROM projects p WHERE p.name || '/' >= $1 AND {} ORDER BY p.name || '/'",
        audience.condition("p.id")
    );
    let mut found = Vec::new();
    for mut row in sql.query(&statement, values![project])? {
        let project: i64 = row.take(0);
        let left = limit.saturating_sub(found.len() as u64);
        if left == 0 {
            break;
        }
        let condition = format!("shown = 1 AND project = {project}");
        found.extend(names(sql, &condition, last, left)?);
    }
    Ok(found)
}

fn names(
    sql: &mut dyn Sql,
    condition: &str,
    last: &str,
    limit: u64,
) -> Result<Vec<String>, SqlError> {
    let statement = format!(
        "SELECT name FROM repositories WHERE name > $1 AND {condition} ORDER BY name LIMIT $2"
    );
    let rows = sql.query(&statement, values![last, limit])?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

impl Audience {
    /// A condition on a column of project numbers. Only numbers go into it.
    pub(super) fn condition(&self, column: &str) -> String {
        let public = format!("{column} IN (SELECT id FROM projects WHERE public = 1)");
        match self {
            Self::Everything => "1 = 1".to_owned(),
            Self::Public => public,
            Self::Member(user) => format!(
                "({public} OR {column} IN (SELECT m.project FROM members m WHERE m.user_id = {user}))"
            ),
            Self::Projects(projects) => {
                // No project has the number 0: the list may be empty.
                let mut list = vec!["0".to_owned()];
                list.extend(projects.iter().map(ToString::to_string));
                format!("({public} OR {column} IN ({}))", list.join(", "))
            }
        }
    }
}
