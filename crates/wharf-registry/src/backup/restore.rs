//! Restoring a backup into an empty database and an empty storage, of whatever kind.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wharf_oci::{Algorithm, Digest, Hasher};

use super::BackupError;
use super::create::file_error;
use super::layout::{
    BLOBS, BackupSummary, FORMAT, LEFT_OUT, TableHead, blob_file, database_file, from_json,
    summary_file,
};
use crate::db::tables::{self, Table};
use crate::db::{Database, Dialect, Durability, SCHEMA_STEPS, Sql, Value};
use crate::storage::{RegistryStorage, StorageError, disk_work};

/// Pieces in which files are read.
const PIECE_BYTES: usize = 256 << 10;

/// Where each blob lies in the new storage.
type Keys = HashMap<String, String>;

/// What a backup says that it is. Refuses one that is not finished or of a newer Wharf.
pub fn read_summary(folder: &Path) -> Result<BackupSummary, BackupError> {
    let no_backup = |reason: String| BackupError::NoBackup {
        path: folder.to_owned(),
        reason,
    };
    let text = fs::read(summary_file(folder))
        .map_err(|error| no_backup(format!("backup.json cannot be read: {error}")))?;
    let summary: BackupSummary = serde_json::from_slice(&text)
        .map_err(|error| no_backup(format!("backup.json cannot be understood: {error}")))?;
    let newer = |found, known| BackupError::Newer {
        path: folder.to_owned(),
        found,
        known,
    };
    if summary.format != FORMAT {
        return Err(newer(
            format!("{:?}", summary.format),
            format!("{FORMAT:?}"),
        ));
    }
    if summary.schema > SCHEMA_STEPS {
        let step = |number: i64| format!("step {number} of the schema");
        return Err(newer(step(summary.schema), step(SCHEMA_STEPS)));
    }
    Ok(summary)
}

/// Restores the backup in `folder`. `database` has the backup's schema and no rows, and `storage` holds nothing: both are
/// looked at. Every byte is compared with its digest.
pub async fn restore(
    folder: &Path,
    summary: &BackupSummary,
    database: &Database,
    storage: &RegistryStorage,
) -> Result<(), BackupError> {
    if !storage.list("blobs/", None, 1).await?.is_empty() {
        return Err(BackupError::StorageOccupied);
    }
    let path = database_file(folder);
    check_digest(&path, &summary.database_digest).await?;
    let mut keys = Keys::new();
    for digest in named_blobs(&path).await? {
        let key = put_blob(storage, &blob_file(folder, &digest), &digest).await?;
        keys.insert(digest.to_string(), key);
    }
    let (keys, dialect) = (Arc::new(keys), database.dialect());
    database
        .write(Durability::Full, move |sql| {
            insert_all(sql, dialect, &path, &keys)
        })
        .await
}

async fn check_digest(path: &Path, expected: &str) -> Result<(), BackupError> {
    let path_there = path.to_owned();
    let actual = disk_work(move || {
        let failed = |error| StorageError::io(format!("reading {}", path_there.display()), error);
        let mut file = File::open(&path_there).map_err(failed)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = file.read(&mut piece).map_err(failed)?;
            match piece.get(..count) {
                Some(read) if !read.is_empty() => hasher.update(read),
                _ => return Ok(hasher.finish()),
            }
        }
    })
    .await?;
    if actual.to_string() == expected {
        return Ok(());
    }
    Err(BackupError::Damaged {
        path: path.to_owned(),
        reason: "has another digest than backup.json says".to_owned(),
    })
}

/// The digests of the rows of blobs.
async fn named_blobs(path: &Path) -> Result<Vec<Digest>, BackupError> {
    let path = path.to_owned();
    let found = disk_work(move || {
        let mut found = Vec::new();
        let read = for_each_row(&path, |head, row| {
            if head.table == BLOBS {
                let digest = column(head, "digest").and_then(|index| row.get(index));
                let digest = match digest {
                    Some(Value::Text(text)) => text.parse().ok(),
                    _ => None,
                };
                found.push(digest.ok_or_else(|| damaged(&path, "names a blob without a digest"))?);
            }
            Ok(())
        });
        Ok(read.map(|()| found))
    });
    found.await?
}

/// Puts a blob into the new storage, which compares its digest, and says under which key.
async fn put_blob(
    storage: &RegistryStorage,
    path: &Path,
    digest: &Digest,
) -> Result<String, BackupError> {
    let mut file = File::open(path).map_err(|source| file_error(path, source))?;
    let upload = storage.begin(digest.algorithm());
    let mut writer = storage.open_upload(upload).await?;
    loop {
        let path = path.to_owned();
        let (rest, piece) = disk_work(move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = file
                .by_ref()
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut piece);
            read.map_err(|error| StorageError::io(format!("reading {}", path.display()), error))?;
            Ok((file, piece))
        })
        .await?;
        if piece.is_empty() {
            break;
        }
        file = rest;
        writer.write(Bytes::from(piece)).await?;
    }
    Ok(writer.finish(digest).await?.key.as_str().to_owned())
}

/// All rows, in the one transaction that makes the registry.
fn insert_all(
    sql: &mut dyn Sql,
    dialect: Dialect,
    path: &Path,
    keys: &Keys,
) -> Result<(), BackupError> {
    for_each_row(path, |head, mut row| {
        if head.table == BLOBS
            && let Some(Value::Text(digest)) =
                column(head, "digest").and_then(|index| row.get(index))
            && let Some(key) = keys.get(digest)
            && let Some(place) = column(head, "object_key").and_then(|index| row.get_mut(index))
        {
            *place = Value::Text(key.clone());
        }
        Ok(Table::insert(&head.table, &head.columns, &row, sql)?)
    })?;
    for table in tables::all(sql, dialect, LEFT_OUT)? {
        table.continue_numbers(sql, dialect)?;
    }
    tables::queue_all_records(sql)?;
    Ok(())
}

fn column(head: &TableHead, name: &str) -> Option<usize> {
    head.columns.iter().position(|column| column == name)
}

/// Gives each row of the file, with the head of its table, to `each`.
fn for_each_row(
    path: &Path,
    mut each: impl FnMut(&TableHead, Vec<Value>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let failed = |source| file_error(path, source);
    let mut head: Option<TableHead> = None;
    for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
        let line = line.map_err(failed)?;
        let foreign = || damaged(path, "holds a line that is neither a table nor a row");
        if line.starts_with('{') {
            let next: TableHead = serde_json::from_str(&line).map_err(|_no_head| foreign())?;
            if !next.is_plain() {
                return Err(foreign());
            }
            head = Some(next);
            continue;
        }
        let row: Vec<serde_json::Value> =
            serde_json::from_str(&line).map_err(|_no_row| foreign())?;
        let row: Option<Vec<Value>> = row.into_iter().map(from_json).collect();
        match (&head, row) {
            (Some(head), Some(row)) if row.len() == head.columns.len() => each(head, row)?,
            _ => return Err(foreign()),
        }
    }
    Ok(())
}

fn damaged(path: &Path, reason: &str) -> BackupError {
    BackupError::Damaged {
        path: PathBuf::from(path),
        reason: reason.to_owned(),
    }
}
