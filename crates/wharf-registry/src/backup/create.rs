//! Making a backup beside a registry that serves.
//!
//! The tables are read from one snapshot; then each blob that the snapshot names is linked or copied. A collector may have
//! taken one in between: then a newer snapshot does not name it, and is taken instead, with what was copied already.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use wharf_blobs::write_file;
use wharf_oci::{Algorithm, Digest, Hasher};

use super::BackupError;
use super::layout::{
    BLOBS, BackupSummary, FORMAT, LEFT_OUT, TableHead, blob_file, database_file, summary_file,
    to_json,
};
use crate::clock::Clock;
use crate::db::tables::{self, Table};
use crate::db::{Database, Dialect, Sql, Value, schema_step};
use crate::storage::{BlobBody, ObjectKey, RegistryStorage, StorageError, disk_work, on_disk};

/// How often a snapshot is taken before the missing blob must be lost.
const ATTEMPTS: u32 = 5;

/// A blob that the snapshot names.
#[derive(Debug, Clone)]
struct NamedBlob {
    digest: Digest,
    key: ObjectKey,
    size: u64,
}

/// The tables in the backup.
struct Dump {
    schema: i64,
    rows: u64,
    blobs: Vec<NamedBlob>,
    digest: Digest,
}

/// Makes a backup in `folder`, which is empty or not there. The registry may go on serving, in this process or another.
/// The backup holds password hashes and signing keys, so that only the user who makes it can read it.
pub async fn back_up(
    database: &Database,
    storage: &RegistryStorage,
    folder: &Path,
    clock: &Clock,
) -> Result<BackupSummary, BackupError> {
    make_folder(folder)?;
    let mut attempt = 1;
    loop {
        let made_at = clock.micros();
        let dump = dump(database, folder).await?;
        match take_blobs(storage, folder, &dump.blobs).await {
            Ok(()) => return finish(folder, dump, made_at).await,
            Err(BackupError::BlobMissing { digest }) if attempt < ATTEMPTS => {
                tracing::info!(%digest, "a blob was collected meanwhile; the database is read again");
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), BackupError> {
    let failed = |source| file_error(folder, source);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    if fs::read_dir(folder).map_err(failed)?.next().is_some() {
        let path = folder.to_owned();
        return Err(BackupError::Occupied { path });
    }
    Ok(())
}

async fn dump(database: &Database, folder: &Path) -> Result<Dump, BackupError> {
    let (path, dialect) = (database_file(folder), database.dialect());
    database
        .read(move |sql| write_tables(sql, dialect, &path))
        .await
}

fn write_tables(sql: &mut dyn Sql, dialect: Dialect, path: &Path) -> Result<Dump, BackupError> {
    let failed = |source| file_error(path, source);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let mut lines = Lines {
        file: BufWriter::new(file),
        hasher: Hasher::new(Algorithm::Sha256),
        path,
    };
    let (mut rows, mut blobs) = (0, Vec::new());
    for table in tables::all(sql, dialect, LEFT_OUT)? {
        let head = TableHead {
            table: table.name.clone(),
            columns: table.columns.clone(),
        };
        lines.write(&head)?;
        table.for_each_row(sql, |row| {
            if table.name == BLOBS {
                blobs.push(named_blob(&table, &row, path)?);
            }
            rows += 1;
            let row: Vec<_> = row.into_iter().map(to_json).collect();
            lines.write(&row)
        })?;
    }
    Ok(Dump {
        schema: schema_step(sql)?,
        rows,
        blobs,
        digest: lines.finish()?,
    })
}

/// Lines of JSON, hashed as they are written.
struct Lines<'a> {
    file: BufWriter<File>,
    hasher: Hasher,
    path: &'a Path,
}

impl Lines<'_> {
    fn write(&mut self, line: &impl serde::Serialize) -> Result<(), BackupError> {
        let failed = |source| file_error(self.path, source);
        let mut line = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.hasher.update(&line);
        self.file.write_all(&line).map_err(failed)
    }

    fn finish(self) -> Result<Digest, BackupError> {
        let failed = |source| file_error(self.path, source);
        let file = self
            .file
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(self.hasher.finish())
    }
}

fn named_blob(table: &Table, row: &[Value], path: &Path) -> Result<NamedBlob, BackupError> {
    let column = |name: &str| {
        let index = table.columns.iter().position(|column| column == name)?;
        row.get(index).cloned()
    };
    let blob = || match (column("digest")?, column("object_key")?, column("size")?) {
        (Value::Text(digest), Value::Text(key), Value::Integer(size)) => Some(NamedBlob {
            digest: digest.parse().ok()?,
            key: ObjectKey::parse(&key)?,
            size: u64::try_from(size).ok()?,
        }),
        _ => None,
    };
    blob().ok_or_else(|| BackupError::Damaged {
        path: path.to_owned(),
        reason: "was to hold a blob whose digest, key or size is none".to_owned(),
    })
}

/// Takes each blob that is not in the backup yet.
async fn take_blobs(
    storage: &RegistryStorage,
    folder: &Path,
    blobs: &[NamedBlob],
) -> Result<(), BackupError> {
    for blob in blobs {
        let to = blob_file(folder, &blob.digest);
        let is_there = fs::metadata(&to).is_ok_and(|metadata| metadata.len() == blob.size);
        if !is_there {
            take_blob(storage, blob, &to).await?;
        }
    }
    Ok(())
}

async fn take_blob(
    storage: &RegistryStorage,
    blob: &NamedBlob,
    to: &Path,
) -> Result<(), BackupError> {
    let digest = blob.digest;
    let missing = |error| match error {
        StorageError::NotFound { .. } => BackupError::BlobMissing { digest },
        error => error.into(),
    };
    if storage.size(&blob.key).await? != Some(blob.size) {
        return Err(BackupError::BlobMissing { digest });
    }
    if let Some(from) = storage.local_path(&blob.key) {
        let to = to.to_owned();
        return disk_work(move || link_or_copy(&from, &to))
            .await
            .map_err(missing);
    }
    let body = storage
        .read(&blob.key, 0..blob.size)
        .await
        .map_err(missing)?;
    receive(body, to, &digest).await
}

/// A second name where the file system gives one; objects never change.
fn link_or_copy(from: &Path, to: &Path) -> Result<(), StorageError> {
    let failed = |error| StorageError::io(format!("copying to {}", to.display()), error);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    // What an interrupted copy left.
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(drop).map_err(failed)
}

/// Writes what comes from elsewhere, and sees that it is the blob.
async fn receive(body: BlobBody, to: &Path, digest: &Digest) -> Result<(), BackupError> {
    let BlobBody::Stream(mut pieces) = body else {
        return Err(BackupError::BlobMissing { digest: *digest });
    };
    let failed = |source| file_error(to, source);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = File::create(to).map_err(failed)?;
    let mut hasher = Hasher::new(digest.algorithm());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let path = to.to_owned();
        (file, hasher) = disk_work(move || {
            hasher.update(&piece);
            let written = file.write_all(&piece);
            written
                .map_err(|error| StorageError::io(format!("writing {}", path.display()), error))?;
            Ok((file, hasher))
        })
        .await?;
    }
    if hasher.finish() == *digest {
        return Ok(());
    }
    Err(BackupError::Damaged {
        path: to.to_owned(),
        reason: "came from storage with other bytes than its digest says".to_owned(),
    })
}

/// Makes all of it durable, and then says that it is there.
async fn finish(folder: &Path, dump: Dump, made_at: i64) -> Result<BackupSummary, BackupError> {
    let summary = BackupSummary {
        format: FORMAT.to_owned(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        schema: dump.schema,
        rows: dump.rows,
        blobs: dump.blobs.len() as u64,
        blob_bytes: dump.blobs.iter().map(|blob| blob.size).sum(),
        database_digest: dump.digest.to_string(),
    };
    let folder: PathBuf = folder.to_owned();
    let written = on_disk(move || {
        // Every blob that the snapshot names is here, whatever happened on the way.
        for blob in &dump.blobs {
            let path = blob_file(&folder, &blob.digest);
            let length = fs::metadata(&path)
                .map_err(|source| file_error(&path, source))?
                .len();
            if length != blob.size {
                let reason = format!("has {length} bytes instead of {}", blob.size);
                return Err(BackupError::Damaged { path, reason });
            }
        }
        let failed = |source| file_error(&folder, source);
        let everything = File::open(&folder).map_err(failed)?;
        rustix::fs::syncfs(&everything).map_err(|error| failed(error.into()))?;
        let path = summary_file(&folder);
        let text = serde_json::to_vec_pretty(&summary).map_err(|error| failed(error.into()))?;
        write_file(&path, &text, 0o600).map_err(|source| file_error(&path, source))?;
        Ok(summary)
    });
    written.await.unwrap_or_else(|error| {
        Err(BackupError::Storage(StorageError::Failed {
            what: "finishing the backup".to_owned(),
            cause: Box::new(error),
        }))
    })
}

pub(super) fn file_error(path: &Path, source: io::Error) -> BackupError {
    BackupError::File {
        path: path.to_owned(),
        source,
    }
}
