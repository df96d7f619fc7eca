//! What a registry has to say about a manifest: signatures, attestations and the like (OCI distribution
//! specification, "Listing Referrers").

use http::header::ACCEPT;
use http::{HeaderName, Method, StatusCode};
use wharf_oci::{Descriptor, Digest, Index, MediaType, ParsedManifest, Tag};

use crate::error::RequestError;
use crate::exchange::Outgoing;
use crate::manifests::ManifestFetchError;
use crate::percent;
use crate::repository::{RepositoryClient, TagOrDigest};

const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// Most referrers of one manifest.
const REFERRER_LIMIT: usize = 10_000;

impl RepositoryClient {
    /// The manifests whose subject is `digest`, of one kind if `artifact_type` is given. Registries
    /// that do not know referrers keep them in an index under a tag made of the digest.
    pub async fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>, ManifestFetchError> {
        let query = artifact_type.map_or_else(String::new, |wanted| {
            format!("?{}", percent::form(&[("artifactType", wanted.as_str())]))
        });
        let first = self.path(&format!("referrers/{digest}{query}"));
        let outgoing = Outgoing::new(Method::GET).header(ACCEPT, MediaType::OCI_INDEX);
        let mut found = Vec::new();
        let listed = self
            .pages(&outgoing, first, |page: Index, headers| {
                let filtered = headers.contains_key(OCI_FILTERS_APPLIED);
                let wanted = artifact_type.filter(|_| !filtered);
                found.extend(page.manifests.into_iter().filter(|d| is_of(d, wanted)));
                found.len() < REFERRER_LIMIT
            })
            .await;
        match listed {
            Ok(()) => Ok(found),
            Err(error) if is_unknown_route(&error) => {
                self.referrers_by_tag(digest, artifact_type).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn referrers_by_tag(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>, ManifestFetchError> {
        let Some(tag) = referrers_tag(digest) else {
            return Ok(Vec::new());
        };
        let manifest = match self.get_manifest(&TagOrDigest::Tag(tag)).await {
            Ok(manifest) => manifest,
            Err(ManifestFetchError::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // A tag of that form may also be an image, to which nothing refers.
        let Ok(ParsedManifest::Index(index)) = manifest.parse() else {
            return Ok(Vec::new());
        };
        let referrers = index.manifests.into_iter();
        Ok(referrers.filter(|d| is_of(d, artifact_type)).collect())
    }
}

/// The tag that holds the referrers of `digest` where the registry does not list them itself.
pub fn referrers_tag(digest: &Digest) -> Option<Tag> {
    let hex: String = digest.hex().chars().take(64).collect();
    format!("{}-{hex}", digest.algorithm().name()).parse().ok()
}

fn is_of(descriptor: &Descriptor, wanted: Option<&MediaType>) -> bool {
    wanted.is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
}

fn is_unknown_route(error: &RequestError) -> bool {
    matches!(
        error.status(),
        Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
    )
}
