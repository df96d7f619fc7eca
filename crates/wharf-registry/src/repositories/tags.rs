//! Lists of tags.

use super::RepositoryName;
use super::catalog::{NamePage, page};
use crate::db;
use crate::error::RegistryError;
use crate::registry::Registry;

impl Registry {
    /// Up to `limit` tags of the repository after `last`, in the order of their bytes.
    pub async fn list_tags(
        &self,
        name: &RepositoryName,
        last: &str,
        limit: u64,
    ) -> Result<NamePage, RegistryError> {
        let (wanted, last) = (name.clone(), last.to_owned());
        let names = self
            .db()
            .read(
                move |sql| match db::repositories::find_shown(sql, wanted.as_str())? {
                    Some(repository) => {
                        db::tags::names_after(sql, repository.id, &last, limit + 1).map(Some)
                    }
                    None => Ok(None),
                },
            )
            .await
            .map_err(RegistryError::Database)?;
        let names = names.ok_or_else(|| RegistryError::NameUnknown {
            name: name.to_string(),
        })?;
        Ok(page(names, limit))
    }
}
