//! Images, the manifests they stand in, and the layers they stack.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use wharf_oci::{
    ChainId, Descriptor, DiffId, Digest, ImageId, ManifestDigest, MediaType, Platform,
};

use super::columns::{conversion, parsed, parsed_optional, signed, timestamp, unsigned};
use super::database::{RecordsError, Session};

/// One row of `images`.
#[derive(Debug, Clone)]
pub(crate) struct ImageRow {
    pub(crate) id: ImageId,
    pub(crate) config: Digest,
    pub(crate) manifest: ManifestDigest,
    pub(crate) created: Option<Timestamp>,
    pub(crate) size: u64,
    pub(crate) platform: Platform,
    pub(crate) parent: Option<ImageId>,
    pub(crate) recorded: Timestamp,
    pub(crate) built: Option<Timestamp>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl ImageRow {
    /// When it was made, for people and for what is chosen by age: of what was built here the moment when that was, since its config
    /// says what does not depend on the moment (the time of its base, or 1970); of all others what their config says, but of one
    /// that says 1970 when it came to be here.
    pub(crate) fn made(&self) -> Option<Timestamp> {
        if self.built.is_some() {
            self.built
        } else if self.created == Some(Timestamp::UNIX_EPOCH) {
            Some(self.recorded)
        } else {
            self.created
        }
    }
}

/// An image about to be recorded.
#[derive(Debug)]
pub(crate) struct NewImage<'a> {
    pub(crate) row: &'a ImageRow,
    pub(crate) manifest: &'a Descriptor,
    pub(crate) layers: &'a [(DiffId, ChainId)],
}

const COLUMNS: &str = "id, config, manifest, created_unix, created_nano, size, os, architecture, \
                       variant, parent, recorded_unix, labels, built_unix";

impl Session<'_> {
    /// Adds the image, or adds the manifest to an image that is already recorded.
    pub(crate) fn put_image(&self, new: &NewImage<'_>) -> Result<(), RecordsError> {
        let row = new.row;
        let labels = (!row.labels.is_empty())
            .then(|| serde_json::to_string(&row.labels))
            .transpose()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        self.0
            .prepare_cached(
                "INSERT INTO images (id, config, manifest, created_unix, created_nano, size, os, \
                 architecture, variant, parent, recorded_unix, labels) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                 ON CONFLICT (id) DO UPDATE SET config = excluded.config, \
                 manifest = excluded.manifest, size = excluded.size, \
                 parent = coalesce(excluded.parent, parent)",
            )?
            .execute(params![
                row.id.to_string(),
                row.config.to_string(),
                row.manifest.to_string(),
                row.created.map(Timestamp::as_second),
                row.created.map_or(0, Timestamp::subsec_nanosecond),
                signed(row.size),
                row.platform.os,
                row.platform.architecture,
                row.platform.variant,
                row.parent.map(|parent| parent.to_string()),
                row.recorded.as_second(),
                labels,
            ])?;
        self.put_image_manifest(row.id, new.manifest)?;
        let mut insert = self.0.prepare_cached(
            "INSERT INTO image_layers (image, position, diff_id, chain_id) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO NOTHING",
        )?;
        for (position, (diff_id, chain_id)) in (0_i64..).zip(new.layers) {
            insert.execute(params![
                row.id.to_string(),
                position,
                diff_id.to_string(),
                chain_id.to_string()
            ])?;
        }
        Ok(())
    }

    /// Says when a build on this machine made the image. The first time stays.
    pub(crate) fn set_built(&self, image: ImageId, built: Timestamp) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "UPDATE images SET built_unix = ?2 WHERE id = ?1 AND built_unix IS NULL",
            )?
            .execute(params![image.to_string(), built.as_second()])?;
        Ok(())
    }

    fn put_image_manifest(
        &self,
        image: ImageId,
        manifest: &Descriptor,
    ) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT INTO image_manifests (image, manifest, media_type, size) \
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                image.to_string(),
                manifest.digest.to_string(),
                manifest.media_type.as_str(),
                signed(manifest.size)
            ])?;
        Ok(())
    }

    /// The image called `id`.
    pub(crate) fn image(&self, id: ImageId) -> Result<Option<ImageRow>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM images WHERE id = ?1");
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement
            .query_row([id.to_string()], image_row)
            .optional()?)
    }

    /// Every image, in no order.
    pub(crate) fn images(&self) -> Result<Vec<ImageRow>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM images");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([], image_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` images whose hex ID begins with `prefix`.
    pub(crate) fn images_with_prefix(
        &self,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<ImageId>, RecordsError> {
        // `g` is behind every hex digit: the range is one stretch of the index.
        self.image_ids(
            "SELECT id FROM images WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            params![
                format!("sha256:{prefix}"),
                format!("sha256:{prefix}g"),
                limit
            ],
        )
    }

    /// Images whose config, one of whose manifests, or under one of whose names an index has this digest.
    pub(crate) fn images_by_content(&self, digest: &Digest) -> Result<Vec<ImageId>, RecordsError> {
        let digest = digest.to_string();
        for sql in [
            "SELECT id FROM images WHERE config = ?1",
            "SELECT image FROM image_manifests WHERE manifest = ?1 ORDER BY image",
            "SELECT image FROM names WHERE target = ?1 GROUP BY image ORDER BY max(updated_unix) DESC",
            "SELECT DISTINCT m.image FROM content_edges e JOIN image_manifests m ON m.manifest = e.child \
             WHERE e.parent = ?1 ORDER BY m.image",
        ] {
            let found = self.image_ids(sql, [&digest])?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Images that were built upon `parent`.
    pub(crate) fn children(&self, parent: ImageId) -> Result<Vec<ImageId>, RecordsError> {
        self.image_ids(
            "SELECT id FROM images WHERE parent = ?1 ORDER BY id",
            [parent.to_string()],
        )
    }

    /// Says that `image` was built upon `parent`.
    pub(crate) fn set_parent(
        &self,
        image: ImageId,
        parent: Option<ImageId>,
    ) -> Result<bool, RecordsError> {
        let changed = self.0.execute(
            "UPDATE images SET parent = ?2 WHERE id = ?1",
            params![image.to_string(), parent.map(|parent| parent.to_string())],
        )?;
        Ok(changed > 0)
    }

    /// The manifests an image stands in.
    pub(crate) fn manifests_of(&self, image: ImageId) -> Result<Vec<Descriptor>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT manifest, media_type, size FROM image_manifests WHERE image = ?1 ORDER BY manifest",
        )?;
        let rows = statement.query_map([image.to_string()], |row| {
            let media_type = MediaType::new(row.get_ref(1)?.as_str()?);
            Ok(Descriptor::new(
                media_type,
                parsed(row, 0)?,
                unsigned(row, 2)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The layers of an image from the base up.
    pub(crate) fn layers_of(&self, image: ImageId) -> Result<Vec<(DiffId, ChainId)>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT diff_id, chain_id FROM image_layers WHERE image = ?1 ORDER BY position",
        )?;
        let rows = statement.query_map([image.to_string()], |row| {
            Ok((parsed(row, 0)?, parsed(row, 1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Deletes the image and its manifests. Its layer rows stay while a user stands on them.
    pub(crate) fn delete_image(&self, image: ImageId) -> Result<(), RecordsError> {
        let id = image.to_string();
        self.0.execute("DELETE FROM images WHERE id = ?1", [&id])?;
        self.0
            .execute("DELETE FROM image_manifests WHERE image = ?1", [&id])?;
        self.drop_unused_image_layers(image)
    }

    /// Deletes the layer rows of an image that is neither recorded nor used any more.
    pub(crate) fn drop_unused_image_layers(&self, image: ImageId) -> Result<(), RecordsError> {
        self.0.execute(
            "DELETE FROM image_layers WHERE image = ?1 \
             AND NOT EXISTS (SELECT 1 FROM images WHERE id = ?1) \
             AND NOT EXISTS (SELECT 1 FROM image_users WHERE image_users.image = ?1)",
            [image.to_string()],
        )?;
        Ok(())
    }

    /// Whether any image or user has a layer with this chain ID.
    pub(crate) fn chain_is_used(&self, chain: ChainId) -> Result<bool, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM image_layers WHERE chain_id = ?1)")?;
        Ok(statement.query_row([chain.to_string()], |row| row.get(0))?)
    }

    fn image_ids(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<ImageId>, RecordsError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn image_row(row: &Row<'_>) -> rusqlite::Result<ImageRow> {
    let created = match row.get::<_, Option<i64>>(3)? {
        Some(second) => {
            Some(Timestamp::new(second, row.get(4)?).map_err(|error| conversion(3, error))?)
        }
        None => None,
    };
    let labels = match row.get_ref(11)?.as_str_or_null()? {
        Some(json) => serde_json::from_str(json).map_err(|error| conversion(11, error))?,
        None => BTreeMap::new(),
    };
    Ok(ImageRow {
        id: parsed(row, 0)?,
        config: parsed(row, 1)?,
        manifest: parsed(row, 2)?,
        created,
        size: unsigned(row, 5)?,
        platform: Platform {
            os: row.get(6)?,
            architecture: row.get(7)?,
            variant: row.get(8)?,
            os_version: String::new(),
            os_features: Vec::new(),
        },
        parent: parsed_optional(row, 9)?,
        recorded: timestamp(row, 10)?,
        built: match row.get::<_, Option<i64>>(12)? {
            Some(_) => Some(timestamp(row, 12)?),
            None => None,
        },
        labels,
    })
}
