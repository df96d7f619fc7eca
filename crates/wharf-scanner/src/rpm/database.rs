//! A database of rpm, whichever of the three it is.

use super::{berkeley, header, ndb, sqlite};
use crate::inventory::PACKAGES_LIMIT;
use crate::package::Package;

/// A header may be this long (rpm's own limit).
pub(super) const HEADER_LIMIT_BYTES: usize = 256 << 20;

/// A database cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpmError {
    /// Its first bytes are no database's.
    #[error("it is none of rpm's databases (SQLite, ndb, Berkeley DB)")]
    Unknown,
    /// Something in it is not what it should be.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
}

/// The packages of a database, in its order. What is no package (keys of vendors) is left out.
///
/// # Errors
/// If it is damaged.
pub fn rpm_packages(database: &[u8]) -> Result<Vec<Package>, RpmError> {
    let mut packages = Vec::new();
    let mut left_bytes = database.len();
    let mut take = |header: &[u8]| {
        // what lies in a file once is read once: otherwise a small file could cost a large one's time
        let left = left_bytes.checked_sub(header.len());
        left_bytes = left.ok_or(RpmError::Damaged("its headers overlap"))?;
        if packages.len() >= PACKAGES_LIMIT {
            return Err(RpmError::Damaged("it has too many packages"));
        }
        packages.extend(header::package(header)?);
        Ok(())
    };
    if sqlite::is_one(database) {
        sqlite::headers(database, &mut take)?;
    } else if ndb::is_one(database) {
        ndb::headers(database, &mut take)?;
    } else if berkeley::is_one(database) {
        berkeley::headers(database, &mut take)?;
    } else {
        return Err(RpmError::Unknown);
    }
    Ok(packages)
}

/// Takes the headers that a database has.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), RpmError>;
