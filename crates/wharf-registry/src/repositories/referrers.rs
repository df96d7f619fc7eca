//! Referrers: what says something about a manifest.

use wharf_oci::Digest;

use super::RepositoryName;
use crate::db::{self, manifests::Referrer};
use crate::error::RegistryError;
use crate::registry::Registry;

/// A page of referrers.
#[derive(Debug, Clone)]
pub struct ReferrerPage {
    /// The manifests, in the order of their digests.
    pub referrers: Vec<Referrer>,
    /// Whether there are more after them.
    pub more: bool,
}

impl Registry {
    /// Up to `limit` manifests of the repository that have `subject` as their subject, after the digest `last`.
    /// A repository or subject that is not there has none, which the specification asks for.
    pub async fn list_referrers(
        &self,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        last: &str,
        limit: u64,
    ) -> Result<ReferrerPage, RegistryError> {
        let (name, subject, last) = (name.clone(), *subject, last.to_owned());
        let artifact_type = artifact_type.map(str::to_owned);
        let mut referrers = self
            .db()
            .read(
                move |sql| match db::repositories::find_id(sql, name.as_str())? {
                    Some(repository) => db::manifests::referrers(
                        sql,
                        repository,
                        &subject,
                        artifact_type.as_deref(),
                        &last,
                        limit + 1,
                    ),
                    None => Ok(Vec::new()),
                },
            )
            .await
            .map_err(RegistryError::Database)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = referrers.len() > limit;
        referrers.truncate(limit);
        Ok(ReferrerPage { referrers, more })
    }
}
