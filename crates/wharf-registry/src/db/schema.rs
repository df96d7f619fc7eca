//! The schema, as numbered steps that are applied at start, all in one transaction.

use super::sql::{Cause, Sql, SqlError, values};
use crate::clock::Clock;

/// Which database the statements are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite.
    Sqlite,
}

/// Each step once; never changed after a release. `{id}`, `{text}` and `{bytes}` stand for the few words that differ.
/// Text sorts by bytes: that is the order of tags that the distribution specification asks for.
const STEPS: &[&str] = &[include_str!("schema/0001-registry.sql")];

impl Dialect {
    fn adapt(self, statement: &str) -> String {
        let (id, text, bytes) = match self {
            Self::Sqlite => ("INTEGER PRIMARY KEY", "TEXT", "BLOB"),
        };
        statement
            .replace("{id}", id)
            .replace("{text}", text)
            .replace("{bytes}", bytes)
    }

    fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }
}

/// Brings the schema up to date, or leaves it as it was.
pub(super) fn migrate(sql: &mut dyn Sql, dialect: Dialect, clock: &Clock) -> Result<(), SqlError> {
    sql.execute(dialect.begin(), &[])?;
    let outcome = apply_missing(sql, dialect, clock);
    match outcome {
        Ok(()) => sql.execute("COMMIT", &[]).map(drop),
        Err(error) => {
            let _the_first_error_counts = sql.execute("ROLLBACK", &[]);
            Err(error)
        }
    }
}

fn apply_missing(sql: &mut dyn Sql, dialect: Dialect, clock: &Clock) -> Result<(), SqlError> {
    sql.execute(
        "CREATE TABLE IF NOT EXISTS schema_steps (number BIGINT PRIMARY KEY, applied BIGINT NOT NULL)",
        &[],
    )?;
    let done: i64 = sql
        .query_value("SELECT COALESCE(MAX(number), 0) FROM schema_steps", &[])?
        .unwrap_or(0);
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if done > known {
        return Err(SqlError::Failed(Cause::new(format!(
            "its schema is at step {done}, and this Wharf knows {known}; use a newer Wharf"
        ))));
    }
    for (number, step) in (1..).zip(STEPS) {
        if number > done {
            for statement in statements(step) {
                sql.execute(&dialect.adapt(statement), &[])?;
            }
            sql.execute(
                "INSERT INTO schema_steps (number, applied) VALUES ($1, $2)",
                values![number, clock.micros()],
            )?;
        }
    }
    Ok(())
}

/// The statements of a step, which end in a semicolon at the end of a line.
fn statements(step: &str) -> impl Iterator<Item = &str> {
    step.split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}
