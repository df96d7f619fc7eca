//! `manifest create`, `annotate` and `push`.

use wharf_oci::{Algorithm, Descriptor, Digest, MediaType, Platform, RawManifest, Reference};
use wharf_registry_client::TagOrDigest;
use wharf_transfer::{EventSink, TransferEvent};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

use super::copying::copy_manifest;
use super::documents::{manifest_list_document, manifest_list_type};
use super::error::ManifestListError;
use super::list_files::ManifestLists;
use super::reading::ImageManifest;

/// What to say of a manifest in a list; what is empty stays as it is.
#[derive(Debug, Clone, Default)]
pub struct PlatformChange {
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The variant of the architecture.
    pub variant: String,
    /// The version of the operating system.
    pub os_version: String,
    /// Features of the operating system, beside those that are there.
    pub os_features: Vec<String>,
}

impl Engine {
    /// Makes a list of `images`, or with `amend` adds them to one that is there. Nothing is sent.
    pub async fn create_manifest_list(
        &self,
        lists: &ManifestLists,
        list: &Reference,
        images: &[Reference],
        mode: ListMode,
    ) -> Result<(), EngineError> {
        if lists.exists(list) && !mode.amend {
            return Err(classify(ManifestListError::Exists));
        }
        for image in images {
            // What the list has already, with what was said about it, is not asked for again.
            let known = lists.member(list, image).map_err(classify)?;
            if known.is_none() {
                let member = self.image_manifest(image, mode.insecure).await?;
                lists.put(list, image, &member).map_err(classify)?;
            }
        }
        Ok(())
    }

    /// Sends a list to its registry and says with which digest. Images of other repositories of the registry come
    /// along; each is told as a [`TransferEvent::Status`].
    pub async fn push_manifest_list(
        &self,
        lists: &ManifestLists,
        list: &Reference,
        insecure: bool,
        events: &EventSink,
    ) -> Result<Digest, EngineError> {
        let members = lists.members(list).map_err(classify)?;
        let document = document(list, &members).map_err(classify)?;
        let repository = list.repository();
        let client = self.client_for(repository.domain(), insecure)?;
        let concurrency = self.settings().max_concurrent_uploads.max(1);
        for member in &members {
            let from = member.reference.repository();
            if from != repository {
                let manifest = member.raw.clone();
                copy_manifest(&client, from, repository, manifest, concurrency, events).await?;
                let digest = member.descriptor.digest;
                let name = repository.with_digest(digest);
                let text = format!("Pushed ref {name} with digest: {digest}");
                events(TransferEvent::Status(text));
            }
        }
        let target = client.repository(repository).map_err(classify)?;
        target
            .put_manifest(&TagOrDigest::of(list), &document)
            .await
            .map_err(classify)?;
        Ok(*document.digest().digest())
    }
}

impl ManifestLists {
    /// Says of a manifest in a list what it runs on.
    ///
    /// # Errors
    /// [`ManifestListError::UnknownPlatform`] if nothing runs on that; the list is then as before.
    pub fn annotate(
        &self,
        list: &Reference,
        image: &Reference,
        change: &PlatformChange,
    ) -> Result<(), ManifestListError> {
        let missing = || ManifestListError::NoSuchMember {
            list: Box::new(list.clone()),
            image: Box::new(image.clone()),
        };
        let mut member = self.member(list, image)?.ok_or_else(missing)?;
        let platform = changed(member.descriptor.platform.take(), change);
        if !is_known(&platform) {
            return Err(ManifestListError::UnknownPlatform {
                os: change.os.clone(),
                architecture: change.architecture.clone(),
            });
        }
        member.descriptor.platform = Some(platform);
        self.put(list, image, &member)
    }
}

/// How [`Engine::create_manifest_list`] goes about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListMode {
    /// Whether a list that is there may get more.
    pub amend: bool,
    /// Whether registries are spoken to as to insecure ones.
    pub insecure: bool,
}

/// The document of a list, as Docker would send it.
fn document(list: &Reference, members: &[ImageManifest]) -> Result<RawManifest, ManifestListError> {
    let own = list.repository().domain();
    for member in members {
        let platform = member.descriptor.platform.as_ref();
        if platform.is_none_or(|known| known.os.is_empty() || known.architecture.is_empty()) {
            let reference = Box::new(member.reference.clone());
            return Err(ManifestListError::NoPlatform(reference));
        }
        let registry = member.reference.repository().domain();
        if registry != own {
            return Err(ManifestListError::OtherRegistry {
                of_image: registry.to_owned(),
                of_list: own.to_owned(),
            });
        }
    }
    let entries: Vec<Descriptor> = members.iter().map(|one| one.descriptor.clone()).collect();
    let media_type = MediaType::new(manifest_list_type(&entries));
    let bytes = manifest_list_document(&entries)?;
    Ok(RawManifest::new(
        bytes,
        Some(&media_type),
        Algorithm::Sha256,
    )?)
}

fn changed(platform: Option<Platform>, change: &PlatformChange) -> Platform {
    let mut platform = platform.unwrap_or_else(|| Platform {
        os: String::new(),
        architecture: String::new(),
        variant: String::new(),
        os_version: String::new(),
        os_features: Vec::new(),
    });
    let set = |field: &mut String, value: &String| {
        if !value.is_empty() {
            field.clone_from(value);
        }
    };
    set(&mut platform.os, &change.os);
    set(&mut platform.architecture, &change.architecture);
    set(&mut platform.variant, &change.variant);
    set(&mut platform.os_version, &change.os_version);
    for feature in &change.os_features {
        if !platform.os_features.contains(feature) {
            platform.os_features.push(feature.clone());
        }
    }
    platform
}

/// Whether Go programs can be built for it: the list that Docker checks against.
fn is_known(platform: &Platform) -> bool {
    let architectures: &[&str] = match platform.os.as_str() {
        "darwin" | "windows" => &["386", "amd64", "arm", "arm64"],
        "dragonfly" | "solaris" => &["amd64"],
        "freebsd" | "netbsd" | "openbsd" => &["386", "amd64", "arm"],
        "linux" => &[
            "386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64",
            "s390x",
        ],
        "plan9" => &["386", "amd64"],
        _ => &[],
    };
    architectures.contains(&platform.architecture.as_str())
}
