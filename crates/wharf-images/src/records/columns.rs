//! Values of ours in columns of SQL, both ways.

use std::error::Error;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

/// The text of a column as one of our types (a digest, an ID).
pub(super) fn parsed<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let text = row.get_ref(index)?.as_str()?;
    text.parse()
        .map_err(|error: T::Err| conversion(index, error))
}

/// As [`parsed`], where the column may be NULL.
pub(super) fn parsed_optional<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    match row.get_ref(index)?.as_str_or_null()? {
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error: T::Err| conversion(index, error)),
        None => Ok(None),
    }
}

/// A column of seconds as a time.
pub(super) fn timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_second(row.get(index)?).map_err(|error| conversion(index, error))
}

/// A column that holds a count or a size. SQLite knows only signed numbers.
pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|error| conversion(index, error))
}

/// A count or a size for a column; what is beyond 8 EiB is written as the largest there is.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The error of a column whose value is not what it should be.
pub(super) fn conversion(
    index: usize,
    error: impl Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
