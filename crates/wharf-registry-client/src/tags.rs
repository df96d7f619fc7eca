//! The tags of a repository.

use http::Method;
use serde::Deserialize;
use wharf_oci::Tag;

use crate::error::RequestError;
use crate::exchange::Outgoing;
use crate::repository::RepositoryClient;

/// Tags asked for at once.
const PAGE_TAGS: usize = 1000;

#[derive(Deserialize)]
struct TagPage {
    // Some registries say `null` for none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl RepositoryClient {
    /// All tags, in the registry's order, but at most `limit`. What is not a tag is left out.
    pub async fn list_tags(&self, limit: usize) -> Result<Vec<Tag>, RequestError> {
        let page = limit.clamp(1, PAGE_TAGS);
        let first = self.path(&format!("tags/list?n={page}"));
        let mut tags = Vec::new();
        let outgoing = Outgoing::new(Method::GET);
        self.pages(&outgoing, first, |page: TagPage, _headers| {
            for text in page.tags.unwrap_or_default() {
                match text.parse() {
                    Ok(tag) => tags.push(tag),
                    Err(error) => {
                        tracing::warn!(%error, ?text, "the registry lists what is no tag");
                    }
                }
            }
            tags.len() < limit
        })
        .await?;
        tags.truncate(limit);
        Ok(tags)
    }
}
