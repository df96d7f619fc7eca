//! Names, and what they point to.

use rusqlite::{OptionalExtension as _, Row, params};
use wharf_oci::{Descriptor, Digest, ImageId, MediaType, Reference, Repository};

use super::columns::{conversion, parsed, signed, timestamp, unsigned};
use super::database::{RecordsError, Session};
use crate::names::NameRecord;

const COLUMNS: &str = "repository, tag, digest, target, target_media_type, target_size, manifest, image, updated_unix";

impl Session<'_> {
    /// Points the name to its new target.
    pub(crate) fn put_name(&self, record: &NameRecord) -> Result<(), RecordsError> {
        let (repository, tag, digest) = key(&record.name);
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO names (repository, tag, digest, target, \
                 target_media_type, target_size, manifest, image, updated_unix) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                repository,
                tag,
                digest,
                record.target.digest.to_string(),
                record.target.media_type.as_str(),
                signed(record.target.size),
                record.manifest.to_string(),
                record.image.to_string(),
                record.updated.as_second(),
            ])?;
        Ok(())
    }

    /// What the name points to. The name has a tag or a digest, not both.
    pub(crate) fn name(&self, name: &Reference) -> Result<Option<NameRecord>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM names WHERE repository = ?1 AND tag = ?2 AND digest = ?3"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement.query_row(key(name), name_record).optional()?)
    }

    /// Forgets the name; whether it was there.
    pub(crate) fn delete_name(&self, name: &Reference) -> Result<bool, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "DELETE FROM names WHERE repository = ?1 AND tag = ?2 AND digest = ?3",
        )?;
        Ok(statement.execute(key(name))? > 0)
    }

    /// Every name: sorted by repository, tags before digests.
    pub(crate) fn names(&self) -> Result<Vec<NameRecord>, RecordsError> {
        self.name_records("", [])
    }

    /// The names of an image, sorted.
    pub(crate) fn names_of(&self, image: ImageId) -> Result<Vec<NameRecord>, RecordsError> {
        self.name_records("WHERE image = ?1", [image.to_string()])
    }

    /// The names in a repository, sorted by tag, then digest.
    pub(crate) fn names_in(
        &self,
        repository: &Repository,
    ) -> Result<Vec<NameRecord>, RecordsError> {
        self.name_records("WHERE repository = ?1", [repository.to_string()])
    }

    /// The image that a name of `repository` reaches through a target or manifest with this digest.
    pub(crate) fn image_in_repository(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<ImageId>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT image FROM names WHERE repository = ?1 AND (target = ?2 OR manifest = ?2) \
             ORDER BY updated_unix DESC, image LIMIT 1",
        )?;
        Ok(statement
            .query_row([repository.to_string(), digest.to_string()], |row| {
                parsed(row, 0)
            })
            .optional()?)
    }

    fn name_records(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<NameRecord>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM names {condition} ORDER BY repository, tag = '', tag, digest"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(parameters, name_record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn key(name: &Reference) -> (String, String, String) {
    (
        name.repository().to_string(),
        name.tag().map(ToString::to_string).unwrap_or_default(),
        name.digest().map(ToString::to_string).unwrap_or_default(),
    )
}

fn name_record(row: &Row<'_>) -> rusqlite::Result<NameRecord> {
    let repository = row.get_ref(0)?.as_str()?;
    let tag = row.get_ref(1)?.as_str()?;
    let (mark, rest) = if tag.is_empty() {
        ('@', row.get_ref(2)?.as_str()?)
    } else {
        (':', tag)
    };
    let name: Reference = format!("{repository}{mark}{rest}")
        .parse()
        .map_err(|error| conversion(0, error))?;
    let media_type = MediaType::new(row.get_ref(4)?.as_str()?);
    Ok(NameRecord {
        name,
        target: Descriptor::new(media_type, parsed(row, 3)?, unsigned(row, 5)?),
        manifest: parsed(row, 6)?,
        image: parsed(row, 7)?,
        updated: timestamp(row, 8)?,
    })
}
