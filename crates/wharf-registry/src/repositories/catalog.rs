//! The catalog: the names of all repositories.

use crate::db;
use crate::db::repositories::Audience;
use crate::error::RegistryError;
use crate::registry::Registry;

/// A page of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePage {
    /// The names, in the order of their bytes.
    pub names: Vec<String>,
    /// Whether there are more after them.
    pub more: bool,
}

/// Makes a page of one name more than fits on it.
pub(super) fn page(mut names: Vec<String>, limit: u64) -> NamePage {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = names.len() > limit;
    names.truncate(limit);
    NamePage { names, more }
}

impl Registry {
    /// Up to `limit` repositories that `audience` may pull from, after `last`, in the order of their bytes.
    pub async fn list_repositories(
        &self,
        audience: Audience,
        last: &str,
        limit: u64,
    ) -> Result<NamePage, RegistryError> {
        let last = last.to_owned();
        let names = self
            .db()
            .read(move |sql| db::repositories::names_after(sql, &audience, &last, limit + 1))
            .await
            .map_err(RegistryError::Database)?;
        Ok(page(names, limit))
    }
}
