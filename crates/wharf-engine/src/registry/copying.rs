//! Copies what a manifest points to from one repository to another.

use wharf_oci::{ParsedManifest, RawManifest, Repository};
use wharf_registry_client::{RegistryClient, RepositoryClient, TagOrDigest};
use wharf_transfer::{CopyOptions, ErrorKind, EventSink, copy_image};

use crate::error::{EngineError, classify, failure};
use crate::registry_endpoint::{RegistrySink, RegistrySource};

/// Indexes within indexes deeper than this are not followed.
const INDEX_DEPTH_LIMIT: usize = 4;

/// Copies `manifest` and all that it points to from one repository into another, where it gets no tag. Within a registry
/// blobs are mounted; what is there already is not sent.
pub(super) async fn copy_manifest(
    client: &RegistryClient,
    from: &Repository,
    to: &Repository,
    manifest: RawManifest,
    concurrency: usize,
    events: &EventSink,
) -> Result<(), EngineError> {
    let copy = Copy {
        source: client.repository(from).map_err(classify)?,
        target: client.repository(to).map_err(classify)?,
        options: CopyOptions {
            platform: None,
            concurrency,
        },
        events,
    };
    for document in copy.documents(manifest).await? {
        copy.put(document).await?;
    }
    Ok(())
}

struct Copy<'a> {
    source: RepositoryClient,
    target: RepositoryClient,
    options: CopyOptions,
    events: &'a EventSink,
}

impl Copy<'_> {
    /// `root` and every document below it; what is pointed to comes before what points to it.
    async fn documents(&self, root: RawManifest) -> Result<Vec<RawManifest>, EngineError> {
        let mut documents: Vec<RawManifest> = Vec::new();
        let mut open = vec![(root, 0)];
        while let Some((document, depth)) = open.pop() {
            if let ParsedManifest::Index(index) = document.parse().map_err(classify)? {
                if depth >= INDEX_DEPTH_LIMIT {
                    let text = format!("index {} is nested too deeply", document.digest());
                    return Err(failure(ErrorKind::Invalid, text));
                }
                for entry in &index.manifests {
                    let wanted = TagOrDigest::Digest(entry.digest);
                    let child = self.source.get_manifest(&wanted).await;
                    open.push((child.map_err(classify)?, depth + 1));
                }
            }
            documents.push(document);
        }
        // Each was found before what it points to; what is pointed to twice must come before both.
        documents.reverse();
        let mut seen = std::collections::HashSet::new();
        documents.retain(|document| seen.insert(document.digest()));
        Ok(documents)
    }

    async fn put(&self, document: RawManifest) -> Result<(), EngineError> {
        if let ParsedManifest::Index(_) = document.parse().map_err(classify)? {
            let name = TagOrDigest::Digest(*document.digest().digest());
            let stored = self.target.put_manifest(&name, &document).await;
            stored.map_err(classify)?;
            return Ok(());
        }
        let source = RegistrySource::new(&self.source, self.events);
        let sink = RegistrySink::new(&self.target, None, None).fed_from(self.source.name());
        copy_image(&source, &sink, document, &self.options, self.events).await?;
        Ok(())
    }
}
