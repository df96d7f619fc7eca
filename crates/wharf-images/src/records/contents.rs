//! Which content leads to which, and what can still be reached.

use std::collections::HashSet;

use rusqlite::params;
use wharf_oci::{DiffId, Digest, ImageId};

use super::columns::parsed;
use super::database::{RecordsError, Session};

// Everything that a name, an image or a lease leads to. Leases of dead processes are deleted before
// anybody asks.
const REACHED: &str = "WITH RECURSIVE reached (digest) AS (\
    SELECT target FROM names UNION SELECT manifest FROM names \
    UNION SELECT manifest FROM image_manifests UNION SELECT manifest FROM images \
    UNION SELECT config FROM images UNION SELECT digest FROM lease_contents \
    UNION SELECT blob FROM build_cache \
    UNION SELECT child FROM content_edges JOIN reached ON parent = digest) ";

impl Session<'_> {
    /// Says that whoever keeps `parent` keeps `child`.
    pub(crate) fn put_edge(&self, parent: &Digest, child: &Digest) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT INTO content_edges (parent, child) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute([parent.to_string(), child.to_string()])?;
        Ok(())
    }

    /// What `parent` leads to, one step.
    pub(crate) fn edges_from(&self, parent: &Digest) -> Result<Vec<Digest>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT child FROM content_edges WHERE parent = ?1")?;
        let rows = statement.query_map([parent.to_string()], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Everything that these images lead to, and what leases keep.
    pub(crate) fn blobs_of_images(
        &self,
        images: &HashSet<ImageId>,
    ) -> Result<HashSet<Digest>, RecordsError> {
        let mut waiting: Vec<Digest> = self.leased()?;
        for image in images {
            waiting.extend(self.image(*image)?.map(|row| row.config));
            waiting.extend(self.manifests_of(*image)?.iter().map(|m| m.digest));
            waiting.extend(self.names_of(*image)?.iter().map(|name| name.target.digest));
        }
        let mut reached = HashSet::new();
        while let Some(digest) = waiting.pop() {
            if reached.insert(digest) {
                waiting.extend(self.edges_from(&digest)?);
            }
        }
        Ok(reached)
    }

    fn leased(&self) -> Result<Vec<Digest>, RecordsError> {
        let mut statement = self.0.prepare_cached("SELECT digest FROM lease_contents")?;
        let rows = statement.query_map([], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every digest that must stay. It may name blobs that are not here (other platforms of an index).
    pub(crate) fn reached_blobs(&self) -> Result<HashSet<Digest>, RecordsError> {
        let sql = format!("{REACHED} SELECT digest FROM reached");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether an image, a user, a build's entry, or a lease on it or on one of its blobs keeps the layer.
    pub(crate) fn layer_is_reached(&self, diff_id: DiffId) -> Result<bool, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1) \
             OR EXISTS (SELECT 1 FROM lease_contents WHERE digest = ?1) \
             OR EXISTS (SELECT 1 FROM build_cache WHERE diff_id = ?1) \
             OR EXISTS (SELECT 1 FROM layer_blobs b JOIN lease_contents l ON l.digest = b.blob \
                        WHERE b.diff_id = ?1)",
        )?;
        Ok(statement.query_row(params![diff_id.to_string()], |row| row.get(0))?)
    }

    /// Whether an image or a user has the layer.
    pub(crate) fn image_has_layer(&self, diff_id: DiffId) -> Result<bool, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1)")?;
        Ok(statement.query_row([diff_id.to_string()], |row| row.get(0))?)
    }

    /// Forgets what was known about a blob that is gone.
    pub(crate) fn forget_blob(&self, blob: &Digest) -> Result<(), RecordsError> {
        let blob = blob.to_string();
        for sql in [
            "DELETE FROM content_edges WHERE parent = ?1",
            "DELETE FROM layer_blobs WHERE blob = ?1",
        ] {
            self.0.prepare_cached(sql)?.execute([&blob])?;
        }
        Ok(())
    }
}
