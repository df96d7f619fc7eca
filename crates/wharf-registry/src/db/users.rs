//! Users.

use super::listing::{Field, FieldKind, ListError, Listing};
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{ListRequest, Page};

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// His number.
    pub id: i64,
    /// The name he signs in with.
    pub name: String,
    /// His address; at most one user has it.
    pub email: Option<String>,
    /// What people call him.
    pub real_name: String,
    /// A remark.
    pub comment: String,
    /// The hash of his password, a PHC string.
    pub password: String,
    /// Whether he administers the system.
    pub is_sysadmin: bool,
    /// When the account was made, in microseconds since 1970.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
}

/// What a new account is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name to sign in with.
    pub name: String,
    /// An address that nobody else has.
    pub email: Option<String>,
    /// What people call him.
    pub real_name: String,
    /// A remark.
    pub comment: String,
    /// The hash of his password.
    pub password: String,
    /// Whether he administers the system.
    pub is_sysadmin: bool,
}

const COLUMNS: &str = "id, name, email, real_name, comment, password, sysadmin, created, updated";

fn from_row(mut row: Row) -> UserRecord {
    UserRecord {
        id: row.take(0),
        name: row.take(1),
        email: row.take(2),
        real_name: row.take(3),
        comment: row.take(4),
        password: row.take(5),
        is_sysadmin: row.take(6),
        created: row.take(7),
        updated: row.take(8),
    }
}

/// The user who signs in as `name`.
pub fn find_by_name(sql: &mut dyn Sql, name: &str) -> Result<Option<UserRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM users WHERE name = $1");
    Ok(sql.query_row(&statement, values![name])?.map(from_row))
}

/// The user with the number `id`.
pub fn find(sql: &mut dyn Sql, id: i64) -> Result<Option<UserRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
    Ok(sql.query_row(&statement, values![id])?.map(from_row))
}

const FIELDS: &[Field] = &[
    Field::new("user_id", "id", FieldKind::Number),
    Field::new("username", "name", FieldKind::Text),
    Field::new("email", "email", FieldKind::Text),
    Field::new("realname", "real_name", FieldKind::Text),
    Field::new("sysadmin_flag", "sysadmin", FieldKind::Flag),
    Field::new("creation_time", "created", FieldKind::Time),
    Field::new("update_time", "updated", FieldKind::Time),
];

/// A page of the users.
pub fn list(sql: &mut dyn Sql, request: &ListRequest) -> Result<Page<UserRecord>, ListError> {
    Listing::new(COLUMNS, "users").read(sql, request, FIELDS, "name", from_row)
}

/// Makes an account. [`SqlError::Constraint`] if name or address are taken.
pub fn insert(sql: &mut dyn Sql, user: &NewUser, now: i64) -> Result<i64, SqlError> {
    let id = sql.query_value(
        "INSERT INTO users (name, email, real_name, comment, password, sysadmin, created, updated) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        values![
            &user.name,
            user.email.clone(),
            &user.real_name,
            &user.comment,
            &user.password,
            user.is_sysadmin,
            now,
            now
        ],
    )?;
    Ok(id.unwrap_or_default())
}

/// Changes what people write about themselves. [`SqlError::Constraint`] if the address is taken.
pub fn set_profile(
    sql: &mut dyn Sql,
    id: i64,
    email: Option<String>,
    real_name: &str,
    comment: &str,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE users SET email = $1, real_name = $2, comment = $3, updated = $4 WHERE id = $5",
        values![email, real_name, comment, now, id],
    )?;
    Ok(())
}

/// Changes a password, and ends the user's sessions.
pub fn set_password(sql: &mut dyn Sql, id: i64, password: &str, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE users SET password = $1, updated = $2 WHERE id = $3",
        values![password, now, id],
    )?;
    sql.execute("DELETE FROM sessions WHERE user_id = $1", values![id])?;
    Ok(())
}

/// Makes a user an administrator of the system, or an ordinary one.
pub fn set_sysadmin(
    sql: &mut dyn Sql,
    id: i64,
    is_sysadmin: bool,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE users SET sysadmin = $1, updated = $2 WHERE id = $3",
        values![is_sysadmin, now, id],
    )?;
    Ok(())
}

/// Whether there are users at all.
pub fn any(sql: &mut dyn Sql) -> Result<bool, SqlError> {
    let first: Option<i64> = sql.query_value("SELECT id FROM users LIMIT 1", &[])?;
    Ok(first.is_some())
}

/// How many administrators of the system there are.
pub fn count_sysadmins(sql: &mut dyn Sql) -> Result<i64, SqlError> {
    let count = sql.query_value("SELECT COUNT(*) FROM users WHERE sysadmin = 1", &[])?;
    Ok(count.unwrap_or(0))
}

/// Deletes an account with its memberships and sessions.
pub fn delete(sql: &mut dyn Sql, id: i64) -> Result<(), SqlError> {
    sql.execute("DELETE FROM users WHERE id = $1", values![id])?;
    Ok(())
}
