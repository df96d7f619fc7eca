//! The keys that sign tokens, and other facts that are settled once.

use super::sql::{Sql, SqlError, values};
use super::value::Row;

/// A signing key.
#[derive(Clone)]
pub struct KeyRecord {
    /// Its name, `kid`.
    pub id: String,
    /// The private key in PKCS#8.
    pub private: Vec<u8>,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// From when on nothing that it signed counts.
    pub retires: i64,
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRecord")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// All keys.
pub fn all(sql: &mut dyn Sql) -> Result<Vec<KeyRecord>, SqlError> {
    let rows = sql.query(
        "SELECT id, private, created, retires FROM signing_keys ORDER BY created LIMIT 1000",
        &[],
    )?;
    let key = |mut row: Row| KeyRecord {
        id: row.take(0),
        private: row.take(1),
        created: row.take(2),
        retires: row.take(3),
    };
    Ok(rows.into_iter().map(key).collect())
}

/// Adds a key, and forgets those that have retired.
pub fn insert(sql: &mut dyn Sql, key: &KeyRecord, now: i64) -> Result<(), SqlError> {
    sql.execute("DELETE FROM signing_keys WHERE retires < $1", values![now])?;
    sql.execute(
        "INSERT INTO signing_keys (id, private, created, retires) VALUES ($1, $2, $3, $4)",
        values![&key.id, key.private.clone(), key.created, key.retires],
    )?;
    Ok(())
}

/// A fact of this registry, settled now as `value` if it was not settled before.
pub fn settle(sql: &mut dyn Sql, name: &str, value: &str) -> Result<String, SqlError> {
    sql.execute(
        "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        values![name, value],
    )?;
    let settled = sql.query_value("SELECT value FROM settings WHERE name = $1", values![name])?;
    Ok(settled.unwrap_or_else(|| value.to_owned()))
}
