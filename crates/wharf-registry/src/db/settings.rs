//! What an administrator has set for the registry as a whole.

use super::sql::{Sql, SqlError, values};

/// The value of `name`, if it has one.
pub fn get(sql: &mut dyn Sql, name: &str) -> Result<Option<String>, SqlError> {
    sql.query_value("SELECT value FROM settings WHERE name = $1", values![name])
}

/// Gives `name` a value, whatever it had.
pub fn set(sql: &mut dyn Sql, name: &str, value: &str) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO settings (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        values![name, value],
    )?;
    Ok(())
}
