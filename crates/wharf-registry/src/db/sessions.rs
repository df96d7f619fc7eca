//! Sessions of browsers.

use super::sql::{Sql, SqlError, values};

/// Records a session under the hash of its secret.
pub fn insert(
    sql: &mut dyn Sql,
    id: &str,
    user: i64,
    now: i64,
    expires: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO sessions (id, user_id, created, expires) VALUES ($1, $2, $3, $4)",
        values![id, user, now, expires],
    )?;
    Ok(())
}

/// Whose session it is, if it has not expired.
pub fn find_user(sql: &mut dyn Sql, id: &str, now: i64) -> Result<Option<i64>, SqlError> {
    sql.query_value(
        "SELECT user_id FROM sessions WHERE id = $1 AND expires > $2",
        values![id, now],
    )
}

/// Ends a session.
pub fn delete(sql: &mut dyn Sql, id: &str) -> Result<(), SqlError> {
    sql.execute("DELETE FROM sessions WHERE id = $1", values![id])?;
    Ok(())
}

/// Forgets those that have expired; says how many.
pub fn delete_expired(sql: &mut dyn Sql, now: i64) -> Result<u64, SqlError> {
    sql.execute("DELETE FROM sessions WHERE expires <= $1", values![now])
}
