//! Robot accounts.

use super::listing::{Field, FieldKind, ListError, Listing};
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

/// A robot account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotRecord {
    /// Its number.
    pub id: i64,
    /// Its name without the prefix: `ci`, or `project+ci`.
    pub name: String,
    /// The project it belongs to; none for a robot of the system.
    pub project: Option<i64>,
    /// What it is for.
    pub description: String,
    /// The hash of its secret, a PHC string.
    pub secret: String,
    /// Its grants, as JSON.
    pub permissions: String,
    /// Whether it may not sign in for now.
    pub disabled: bool,
    /// For how many days it was made; -1 for ever.
    pub duration: i64,
    /// When it ends, in microseconds since 1970; none if never.
    pub expires: Option<i64>,
    /// Who made it.
    pub creator: String,
    /// When it was made.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
}

const COLUMNS: &str = "id, name, project, description, secret, permissions, disabled, duration, \
                       expires, creator, created, updated";

fn from_row(mut row: Row) -> RobotRecord {
    RobotRecord {
        id: row.take(0),
        name: row.take(1),
        project: row.take(2),
        description: row.take(3),
        secret: row.take(4),
        permissions: row.take(5),
        disabled: row.take(6),
        duration: row.take(7),
        expires: row.take(8),
        creator: row.take(9),
        created: row.take(10),
        updated: row.take(11),
    }
}

/// The robot of this name, without the prefix.
pub fn find_by_name(sql: &mut dyn Sql, name: &str) -> Result<Option<RobotRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM robots WHERE name = $1");
    Ok(sql.query_row(&statement, values![name])?.map(from_row))
}

/// The robot with the number `id`.
pub fn find(sql: &mut dyn Sql, id: i64) -> Result<Option<RobotRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM robots WHERE id = $1");
    Ok(sql.query_row(&statement, values![id])?.map(from_row))
}

const FIELDS: &[Field] = &[
    Field::new("id", "id", FieldKind::Number),
    Field::new("name", "name", FieldKind::Text),
    Field::new("description", "description", FieldKind::Text),
    Field::new("disable", "disabled", FieldKind::Flag),
    Field::new("creation_time", "created", FieldKind::Time),
    Field::new("update_time", "updated", FieldKind::Time),
    Field::new("expires_at", "expires", FieldKind::Time),
];

/// A page of the robots of a project, or of those of the system.
pub fn list(
    sql: &mut dyn Sql,
    project: Option<i64>,
    request: &ListRequest,
) -> Result<Page<RobotRecord>, ListError> {
    let mut listing = Listing::new(COLUMNS, "robots");
    match project {
        Some(project) => listing.filter_by("project = {}", project),
        None => listing.filter("project IS NULL"),
    }
    listing.read(sql, request, FIELDS, "name", from_row)
}

/// Makes a robot; its `id` is ignored. [`SqlError::Constraint`] if the name is taken.
pub fn insert(sql: &mut dyn Sql, robot: &RobotRecord) -> Result<i64, SqlError> {
    let id = sql.query_value(
        "INSERT INTO robots (name, project, description, secret, permissions, disabled, duration, \
         expires, creator, created, updated) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
        values![
            &robot.name,
            robot.project,
            &robot.description,
            &robot.secret,
            &robot.permissions,
            robot.disabled,
            robot.duration,
            robot.expires,
            &robot.creator,
            robot.created,
            robot.updated
        ],
    )?;
    Ok(id.unwrap_or_default())
}

/// Changes everything of a robot but its name, project and maker.
pub fn update(sql: &mut dyn Sql, robot: &RobotRecord) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE robots SET description = $1, secret = $2, permissions = $3, disabled = $4, \
         duration = $5, expires = $6, updated = $7 WHERE id = $8",
        values![
            &robot.description,
            &robot.secret,
            &robot.permissions,
            robot.disabled,
            robot.duration,
            robot.expires,
            robot.updated,
            robot.id
        ],
    )?;
    Ok(())
}

/// Deletes a robot.
pub fn delete(sql: &mut dyn Sql, id: i64) -> Result<(), SqlError> {
    sql.execute("DELETE FROM robots WHERE id = $1", values![id])?;
    Ok(())
}
