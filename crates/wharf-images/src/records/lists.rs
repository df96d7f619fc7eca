//! Questions over all images at once: each is one query, whatever the number of images.

use std::collections::{HashMap, HashSet};

use wharf_oci::{DiffId, ImageId};

use super::columns::{parsed, unsigned};
use super::database::{RecordsError, Session};

impl Session<'_> {
    /// Images that others were built upon.
    pub(crate) fn parents(&self) -> Result<HashSet<ImageId>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT DISTINCT parent FROM images WHERE parent IS NOT NULL")?;
        let rows = statement.query_map([], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Bytes of each image that lie in layers which other images have too.
    pub(crate) fn shared_sizes(&self) -> Result<HashMap<ImageId, u64>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT il.image, sum(l.size) FROM image_layers il JOIN layers l USING (diff_id) \
             WHERE il.diff_id IN (SELECT s.diff_id FROM image_layers s JOIN images i ON i.id = s.image \
                                  GROUP BY s.diff_id HAVING count(DISTINCT s.image) > 1) \
             GROUP BY il.image",
        )?;
        let rows = statement.query_map([], |row| Ok((parsed(row, 0)?, unsigned(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Which images (or users of images that were removed) have which layers.
    pub(crate) fn layer_uses(&self) -> Result<Vec<(ImageId, DiffId)>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT DISTINCT image, diff_id FROM image_layers")?;
        let rows = statement.query_map([], |row| Ok((parsed(row, 0)?, parsed(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Images that a container or another user stands on.
    pub(crate) fn used_images(&self) -> Result<HashSet<ImageId>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT DISTINCT image FROM image_users")?;
        let rows = statement.query_map([], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
