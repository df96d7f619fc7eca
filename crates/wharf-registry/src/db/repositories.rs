//! Repositories.

use super::sql::{Sql, SqlError, values};
use super::value::Row;

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
    let statement = format!(
        "SELECT name FROM repositories WHERE name > $1 AND shown = 1 AND {} ORDER BY name LIMIT $2",
        audience.condition("project")
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
