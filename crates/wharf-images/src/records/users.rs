//! Who uses images.

use std::collections::HashMap;

use rusqlite::{OptionalExtension as _, Row, params};
use wharf_oci::ImageId;

use super::columns::parsed;
use super::database::{RecordsError, Session};
use crate::users::{ImageUser, UserKind};

impl Session<'_> {
    /// Says that `user` stands on `image`; replaces what was said about this user before.
    pub(crate) fn put_user(&self, image: ImageId, user: &ImageUser) -> Result<(), RecordsError> {
        self.0.execute(
            "INSERT OR REPLACE INTO image_users (kind, user, image, name, running) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                user.kind.as_str(),
                user.id,
                image.to_string(),
                user.name,
                user.running
            ],
        )?;
        Ok(())
    }

    /// The users of an image; running ones first, then by ID.
    pub(crate) fn users_of(&self, image: ImageId) -> Result<Vec<ImageUser>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT kind, user, name, running FROM image_users WHERE image = ?1 \
             ORDER BY running DESC, kind, user",
        )?;
        let rows = statement.query_map([image.to_string()], image_user)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All users of a kind, and the images that they stand on; in the order of their IDs.
    pub(crate) fn users_of_kind(
        &self,
        kind: UserKind,
    ) -> Result<Vec<(ImageId, ImageUser)>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT kind, user, name, running, image FROM image_users WHERE kind = ?1 ORDER BY user",
        )?;
        let rows = statement.query_map([kind.as_str()], |row| {
            Ok((parsed(row, 4)?, image_user(row)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The ID of the user of that kind and name.
    pub(crate) fn user_named(
        &self,
        kind: UserKind,
        name: &str,
    ) -> Result<Option<String>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT user FROM image_users WHERE kind = ?1 AND name = ?2")?;
        let found = statement.query_row(params![kind.as_str(), name], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// Gives a user another name; whether it is known at all.
    pub(crate) fn rename_user(
        &self,
        kind: UserKind,
        id: &str,
        name: &str,
    ) -> Result<bool, RecordsError> {
        let changed = self.0.execute(
            "UPDATE image_users SET name = ?3 WHERE kind = ?1 AND user = ?2",
            params![kind.as_str(), id, name],
        )?;
        Ok(changed > 0)
    }

    /// How many users each used image has.
    pub(crate) fn user_counts(&self) -> Result<HashMap<ImageId, u64>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT image, count(*) FROM image_users GROUP BY image")?;
        let rows = statement.query_map([], |row| {
            Ok((parsed(row, 0)?, super::columns::unsigned(row, 1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets a user; the image it stood on, if it was known.
    pub(crate) fn delete_user(
        &self,
        kind: UserKind,
        id: &str,
    ) -> Result<Option<ImageId>, RecordsError> {
        let image = self
            .0
            .query_row(
                "DELETE FROM image_users WHERE kind = ?1 AND user = ?2 RETURNING image",
                params![kind.as_str(), id],
                |row| parsed(row, 0),
            )
            .optional()?;
        Ok(image)
    }

    /// Says whether a user runs; whether it is known at all.
    pub(crate) fn set_running(
        &self,
        kind: UserKind,
        id: &str,
        running: bool,
    ) -> Result<bool, RecordsError> {
        let changed = self.0.execute(
            "UPDATE image_users SET running = ?3 WHERE kind = ?1 AND user = ?2",
            params![kind.as_str(), id, running],
        )?;
        Ok(changed > 0)
    }
}

fn image_user(row: &Row<'_>) -> rusqlite::Result<ImageUser> {
    Ok(ImageUser {
        kind: parsed(row, 0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        running: row.get(3)?,
    })
}
