//! A registry whose database is lost, and one whose bytes are.

#![expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use wharf_oci::{Digest, MediaType};
use wharf_registry::access::Principal;
use wharf_registry::db::Database;
use wharf_registry::projects::{Metadata, ProjectWish};
use wharf_registry::records::{CheckWish, Finding};
use wharf_registry::repositories::{ManifestPush, ManifestReference, RepositoryName};
use wharf_registry::storage::{LocalStorage, RegistryStorage};
use wharf_registry::{Clock, Registry, Settings};

async fn open(folder: &Path, database: &str) -> Registry {
    let clock = Clock::system();
    let db = Database::open_sqlite(&folder.join(database), &clock).expect("a database");
    let storage = LocalStorage::open(&folder.join("storage")).expect("a folder");
    let storage = RegistryStorage::Local(storage);
    Registry::open(db, storage, clock, Settings::default())
        .await
        .expect("a registry")
}

async fn push_blob(
    registry: &Registry,
    project: i64,
    name: &RepositoryName,
    content: &[u8],
) -> Digest {
    let digest = Digest::of(content);
    let body = Box::pin(stream::iter([Ok(Bytes::copy_from_slice(content))]));
    registry
        .push_blob(project, name, "me", &digest, body)
        .await
        .expect("a blob");
    digest
}

async fn push_image(registry: &Registry, project: i64, name: &RepositoryName, tag: &str) -> Digest {
    let config = push_blob(registry, project, name, b"{}").await;
    let layer = push_blob(registry, project, name, b"layer").await;
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": { "mediaType": MediaType::OCI_CONFIG, "digest": config, "size": 2 },
        "layers": [{ "mediaType": MediaType::OCI_LAYER, "digest": layer, "size": 5 }],
    });
    let push = ManifestPush {
        project,
        name: name.clone(),
        reference: ManifestReference::parse(tag).expect("a tag"),
        tags: Vec::new(),
        content_type: Some(MediaType::new(MediaType::OCI_MANIFEST)),
        content: manifest.to_string().into_bytes(),
        actor: "me".to_owned(),
    };
    registry
        .push_manifest(push)
        .await
        .expect("a manifest")
        .digest
}

fn administrator() -> Principal {
    Principal::User {
        id: 1,
        name: "admin".to_owned(),
        is_sysadmin: true,
    }
}

async fn registry_with_image(folder: &Path) -> (Registry, RepositoryName, Digest) {
    let registry = open(folder, "registry.db").await;
    let wish = ProjectWish {
        name: "team".to_owned(),
        metadata: Metadata::new(true),
    };
    registry
        .prepare_first_start(Some("Harbor12345".to_owned()))
        .await
        .expect("an administrator");
    let project = registry
        .create_project(&administrator(), wish)
        .await
        .expect("a project");
    let name = RepositoryName::parse("team/app").expect("a name");
    let digest = push_image(&registry, project, &name, "v1").await;
    (registry, name, digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_made_anew_from_storage() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, name, digest) = registry_with_image(folder.path()).await;
    let gone = ManifestReference::parse("gone").unwrap();
    push_image(&registry, 2, &name, "gone").await;
    registry.delete_manifest(&name, &gone, "me").await.unwrap();
    registry.write_records().await.unwrap();
    drop(registry);

    let rebuilt = open(folder.path(), "other.db").await;
    let report = rebuilt.rebuild().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.blobs, report.manifests, report.tags), (2, 1, 1));
    let tag = ManifestReference::parse("v1").unwrap();
    let manifest = rebuilt.find_manifest(&name, &tag).await.unwrap();
    assert_eq!(manifest.digest, digest);
    assert!(rebuilt.find_manifest(&name, &gone).await.is_err());
    rebuilt
        .find_blob(&name, &Digest::of(b"layer"))
        .await
        .unwrap();
    let report = rebuilt
        .check(
            CheckWish {
                deep: true,
                repair: false,
            },
            |_| {},
        )
        .await
        .unwrap();
    assert_eq!(
        (report.blobs, report.manifests, report.findings.len()),
        (2, 1, 0)
    );
    // A database that has something in it is left alone.
    assert!(rebuilt.rebuild().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_project_of_the_first_start_is_rebuilt_and_the_registry_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, _, _) = registry_with_image(folder.path()).await;
    let name = RepositoryName::parse("library/tool").unwrap();
    let library = registry
        .standing(&administrator(), "library")
        .await
        .unwrap();
    let library = library.expect("the first start makes it").project.id;
    let digest = push_image(&registry, library, &name, "v1").await;
    registry.write_records().await.unwrap();
    drop(registry);

    let rebuilt = open(folder.path(), "other.db").await;
    let report = rebuilt.rebuild().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    rebuilt
        .prepare_first_start(Some("Harbor12345".to_owned()))
        .await
        .unwrap();
    let tag = ManifestReference::parse("v1").unwrap();
    let manifest = rebuilt.find_manifest(&name, &tag).await.unwrap();
    assert_eq!(manifest.digest, digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_whose_blob_is_lost_is_rebuilt_and_mended_by_a_push() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, name, digest) = registry_with_image(folder.path()).await;
    registry.write_records().await.unwrap();
    drop(registry);
    let layer = Digest::of(b"layer");
    std::fs::remove_dir_all(objects(folder.path(), &layer)).unwrap();

    let rebuilt = open(folder.path(), "other.db").await;
    let report = rebuilt.rebuild().await.unwrap();
    assert_eq!(
        report.problems,
        [format!(
            "team/app@{digest}: its blob {layer} is not in storage; push it again to mend it"
        )]
    );
    let tag = ManifestReference::parse("v1").unwrap();
    let manifest = rebuilt.find_manifest(&name, &tag).await.unwrap();
    assert_eq!(manifest.digest, digest);
    let project = rebuilt.standing(&administrator(), "team").await.unwrap();
    let project = project.expect("a project").project.id;
    push_blob(&rebuilt, project, &name, b"layer").await;
    // It is the image's again.
    assert!(rebuilt.delete_blob(&name, &layer).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_bytes_are_found_and_mended_by_a_push() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, name, _) = registry_with_image(folder.path()).await;
    let layer = Digest::of(b"layer");
    damage(folder.path(), &layer);
    let shallow = registry.check(CheckWish::default(), |_| {}).await.unwrap();
    assert_eq!(shallow.findings, []);
    let wish = CheckWish {
        deep: true,
        repair: true,
    };
    let report = registry.check(wish, |_| {}).await.unwrap();
    let expected = Finding::Damaged {
        digest: layer.to_string(),
        actual: Digest::of(b"LAYER").to_string(),
    };
    assert_eq!(report.findings, [expected]);
    assert!(registry.find_blob(&name, &layer).await.is_err());
    push_blob(&registry, 2, &name, b"layer").await;
    registry.find_blob(&name, &layer).await.unwrap();
    let report = registry.check(wish, |_| {}).await.unwrap();
    assert_eq!(report.findings, []);
}

/// Where the object lies, with others whose digests begin alike.
fn objects(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join("storage/blobs/sha256").join(hex.split_at(2).0)
}

/// Writes other bytes of the same length over the object.
fn damage(folder: &Path, digest: &Digest) {
    let hex = digest.hex();
    for entry in std::fs::read_dir(objects(folder, digest)).expect("objects") {
        let path = entry.expect("an object").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with(&hex) {
            std::fs::write(&path, b"LAYER").expect("damage");
        }
    }
}
