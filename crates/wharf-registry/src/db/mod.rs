//! The database: the truth about names, links and rights. The only folder of this crate that has SQL in it.
//!
//! The same statements run on SQLite and PostgreSQL. Statements are straight-line code in closures that a [`Database`]
//! runs on threads of its own: `read` on a snapshot, `write` in one serialisable transaction. The functions here are
//! single facts and changes; what belongs together in one transaction is put together by the rooms that use them.

mod database;
mod figures;
mod listing;
mod postgres;
mod schema;
mod sql;
mod sqlite;
pub(crate) mod tables;
mod value;

pub mod artifacts;
pub mod audit;
pub mod blobs;
pub mod garbage;
pub mod garbage_runs;
pub mod keys;
pub mod manifests;
pub mod members;
pub mod projects;
pub mod records;
pub mod repositories;
pub mod robots;
pub mod sessions;
pub mod settings;
pub mod tags;
pub mod trash;
pub mod uploads;
pub mod users;

pub use database::{Database, Durability};
pub use listing::ListError;
pub use postgres::PostgresSettings;
pub use schema::SchemaWish;
pub(crate) use schema::{Dialect, SCHEMA_STEPS, current_step as schema_step};
pub use sql::{Cause, Change, Sql, SqlError};
#[cfg(test)]
pub(crate) use sqlite::in_memory;
pub use value::{FromValue, Row, Value};
