//! What a statement runs on, whichever database it is.

use std::sync::Arc;

use super::audit::AuditEntry;
use super::value::{FromValue, Row, Value};

/// A connection within a transaction.
///
/// Parameters are `$1`, `$2`, ... and appear first in that order, which is what both databases read alike.
pub trait Sql {
    /// Runs a statement that gives no rows; says how many it changed.
    fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError>;

    /// Runs a statement that gives rows, and collects them: statements say their own LIMIT.
    fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// Says that this transaction touches no more of what is remembered than this repository's contents. A transaction that
    /// changes the contents of repositories and does not say of which touches all.
    fn touches_repository(&mut self, _repository: i64) {
        // Of a shared database nothing is remembered.
    }

    /// Has `entry` written into the log, too, when this transaction is committed.
    fn logs(&mut self, _entry: &AuditEntry) {}
}

/// What a committed transaction touched of what is remembered between requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Projects, members, accounts, or the names of repositories.
    Access,
    /// The contents of one repository.
    Repository(i64),
    /// The contents of any repository.
    AllRepositories,
}

/// What a statement that changes something touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched {
    Access,
    Contents,
}

/// Reads off a statement what it touches. A table that is not listed here is not remembered, and neither is how often
/// something was pulled.
pub(super) fn touched(statement: &str) -> Option<Touched> {
    let mut words = statement.split_ascii_whitespace();
    let table = match words.next()? {
        "INSERT" | "DELETE" => words.nth(1)?,
        "UPDATE" => {
            let table = words.next()?;
            if matches!(words.nth(1), Some("pulls" | "pulled")) {
                return None;
            }
            table
        }
        _ => return None,
    };
    match table {
        "projects" | "members" | "users" | "robots" | "repositories" => Some(Touched::Access),
        "manifests" | "tags" | "repository_blobs" | "blobs" => Some(Touched::Contents),
        _ => None,
    }
}

/// Why the database could not do something. Cheap to clone: one failed commit answers many.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// What should be unique is there already, or what is referred to is not.
    #[error("the database refused a row that breaks its rules")]
    Constraint(#[source] Cause),
    /// It cannot be reached, is overloaded or shuts down; later may be better.
    #[error("the database is not available now")]
    Unavailable(#[source] Cause),
    /// No space is left for it.
    #[error("no space is left for the database")]
    Full(#[source] Cause),
    /// Anything else.
    #[error("the database failed")]
    Failed(#[source] Cause),
}

/// A shared cause.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    /// Takes any error or text.
    pub(super) fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

/// The parameters of a statement: `values![name, 7_i64, None::<String>]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use values;

impl dyn Sql + '_ {
    /// The first row, if there is one.
    pub(crate) fn query_row(
        &mut self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Option<Row>, SqlError> {
        Ok(self.query(statement, parameters)?.into_iter().next())
    }

    /// The first column of the first row, if there is one.
    pub(crate) fn query_value<T: FromValue>(
        &mut self,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Option<T>, SqlError> {
        Ok(self
            .query_row(statement, parameters)?
            .map(|mut row| row.take(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_tells_what_it_touches() {
        for (statement, expected) in [
            ("INSERT INTO tags (a) VALUES ($1)", Some(Touched::Contents)),
            ("UPDATE  members SET role = $1", Some(Touched::Access)),
            (
                "DELETE FROM repository_blobs AS l WHERE 1 = 1",
                Some(Touched::Contents),
            ),
            ("UPDATE tags SET pulled = $1 WHERE a = $2", None),
            ("UPDATE repositories SET pulls = pulls + $1", None),
            ("DELETE FROM uploads", None),
            ("SELECT name FROM tags", None),
            ("BEGIN", None),
        ] {
            assert_eq!(touched(statement), expected, "{statement}");
        }
    }
}
