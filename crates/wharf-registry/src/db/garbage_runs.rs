//! What rounds of the collector did: those that somebody asked for, and those that found something.

use super::sql::{Sql, SqlError, values};
use super::value::Row;

/// Rounds that are remembered.
const KEPT: u64 = 1_000;

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarbageRun {
    /// Its number.
    pub id: i64,
    /// Who asked for it; empty where it came by itself.
    pub actor: String,
    /// What was asked for, as JSON.
    pub wish: String,
    /// `Running`, `Success` or `Error`.
    pub status: String,
    /// What it did, as JSON, or why it failed.
    pub report: String,
    /// When it began, in microseconds since 1970.
    pub began: i64,
    /// When it ended.
    pub ended: Option<i64>,
}

const COLUMNS: &str = "id, actor, wish, status, report, began, ended";

fn from_row(mut row: Row) -> GarbageRun {
    GarbageRun {
        id: row.take(0),
        actor: row.take(1),
        wish: row.take(2),
        status: row.take(3),
        report: row.take(4),
        began: row.take(5),
        ended: row.take(6),
    }
}

/// Notes a round that begins, or one that came by itself and is over; its `id` is ignored. Forgets the oldest.
pub fn insert(sql: &mut dyn Sql, run: &GarbageRun) -> Result<i64, SqlError> {
    let id: Option<i64> = sql.query_value(
        "INSERT INTO garbage_runs (actor, wish, status, report, began, ended) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        values![
            &run.actor,
            &run.wish,
            &run.status,
            &run.report,
            run.began,
            run.ended
        ],
    )?;
    let id = id.unwrap_or_default();
    let oldest = id.saturating_sub_unsigned(KEPT);
    sql.execute("DELETE FROM garbage_runs WHERE id <= $1", values![oldest])?;
    Ok(id)
}

/// Notes how a round ended.
pub fn end(
    sql: &mut dyn Sql,
    id: i64,
    status: &str,
    report: &str,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE garbage_runs SET status = $1, report = $2, ended = $3 WHERE id = $4",
        values![status, report, now, id],
    )?;
    Ok(())
}

/// The round `id`.
pub fn find(sql: &mut dyn Sql, id: i64) -> Result<Option<GarbageRun>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM garbage_runs WHERE id = $1");
    Ok(sql.query_row(&statement, values![id])?.map(from_row))
}

/// A page of rounds, the latest first, and how many there are.
pub fn list(
    sql: &mut dyn Sql,
    page: u64,
    page_size: u64,
) -> Result<(Vec<GarbageRun>, u64), SqlError> {
    let total = sql.query_value("SELECT COUNT(*) FROM garbage_runs", &[])?;
    let statement =
        format!("SELECT {COLUMNS} FROM garbage_runs ORDER BY id DESC LIMIT $1 OFFSET $2");
    let before = page.saturating_sub(1).saturating_mul(page_size);
    let rows = sql.query(&statement, values![page_size, before])?;
    Ok((rows.into_iter().map(from_row).collect(), total.unwrap_or(0)))
}
