//! Members of projects.

use super::listing::{ListError, Listing, contained, contains};
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

/// A user with a role in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// The membership's number.
    pub id: i64,
    /// The user's number.
    pub user: i64,
    /// The user's name.
    pub user_name: String,
    /// The number of the role.
    pub role: i64,
}

fn from_row(mut row: Row) -> MemberRecord {
    MemberRecord {
        id: row.take(0),
        user: row.take(1),
        user_name: row.take(2),
        role: row.take(3),
    }
}

/// The number of the role that a user has in a project.
pub fn role(sql: &mut dyn Sql, project: i64, user: i64) -> Result<Option<i64>, SqlError> {
    sql.query_value(
        "SELECT role FROM members WHERE project = $1 AND user_id = $2",
        values![project, user],
    )
}

/// The membership `id` of the project.
pub fn find(sql: &mut dyn Sql, project: i64, id: i64) -> Result<Option<MemberRecord>, SqlError> {
    let row = sql.query_row(
        "SELECT m.id, m.user_id, u.name, m.role FROM members m JOIN users u ON u.id = m.user_id \
         WHERE m.project = $1 AND m.id = $2",
        values![project, id],
    )?;
    Ok(row.map(from_row))
}

/// The members of a project whose names have `part` in them.
pub fn list(
    sql: &mut dyn Sql,
    project: i64,
    part: Option<&str>,
    request: &ListRequest,
) -> Result<Page<MemberRecord>, ListError> {
    let mut listing = Listing::new(
        "m.id, m.user_id, u.name, m.role",
        "members m JOIN users u ON u.id = m.user_id",
    );
    listing.filter_by("m.project = {}", project);
    if let Some(part) = part {
        listing.filter_by(&contains("u.name"), contained(part));
    }
    listing.read(sql, request, &[], "u.name, m.id", from_row)
}

/// How many members of a project have which role.
pub fn count_by_role(sql: &mut dyn Sql, project: i64) -> Result<Vec<(i64, u64)>, SqlError> {
    let rows = sql.query(
        "SELECT role, COUNT(*) FROM members WHERE project = $1 GROUP BY role ORDER BY role",
        values![project],
    )?;
    let count = |mut row: Row| (row.take(0), row.take(1));
    Ok(rows.into_iter().map(count).collect())
}

/// Makes a user a member. [`SqlError::Constraint`] if he is one already.
pub fn insert(
    sql: &mut dyn Sql,
    project: i64,
    user: i64,
    role: i64,
    now: i64,
) -> Result<i64, SqlError> {
    let id = sql.query_value(
        "INSERT INTO members (project, user_id, role, created) VALUES ($1, $2, $3, $4) RETURNING id",
        values![project, user, role, now],
    )?;
    Ok(id.unwrap_or_default())
}

/// Gives a member another role; `false` if there is no such membership.
pub fn set_role(sql: &mut dyn Sql, project: i64, id: i64, role: i64) -> Result<bool, SqlError> {
    let changed = sql.execute(
        "UPDATE members SET role = $1 WHERE project = $2 AND id = $3",
        values![role, project, id],
    )?;
    Ok(changed > 0)
}

/// Ends a membership; `false` if there is none.
pub fn delete(sql: &mut dyn Sql, project: i64, id: i64) -> Result<bool, SqlError> {
    let deleted = sql.execute(
        "DELETE FROM members WHERE project = $1 AND id = $2",
        values![project, id],
    )?;
    Ok(deleted > 0)
}
