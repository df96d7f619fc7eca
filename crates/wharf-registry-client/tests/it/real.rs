//! Against Debian's `docker-registry`.

use std::sync::Arc;

use bytes::Bytes;
use wharf_oci::{Descriptor, Digest, ManifestDigest, MediaType, RawManifest, Tag};
use wharf_registry_client::{
    BlobSource, ClientConfig, Credentials, ManifestFetchError, MountOutcome, RepositoryClient,
    TagOrDigest, UploadMode,
};

use crate::docker_registry::{self, DockerRegistry, Options, USER};

macro_rules! registry {
    ($options:expr) => {
        match DockerRegistry::start(&$options) {
            Some(registry) => registry,
            None => return,
        }
    };
}

pub(crate) fn content(size: usize) -> Bytes {
    // Not compressible and different at every offset.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(size + 8);
    while content.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(size);
    Bytes::from(content)
}

pub(crate) fn descriptor(content: &[u8]) -> Descriptor {
    Descriptor::new(
        MediaType::new(MediaType::OCI_LAYER_GZIP),
        Digest::of(content),
        content.len() as u64,
    )
}

pub(crate) fn tag(name: &str) -> TagOrDigest {
    TagOrDigest::Tag(name.parse::<Tag>().unwrap())
}

async fn push(client: &RepositoryClient, content: &Bytes, mode: UploadMode) {
    let session = client.start_upload().await.unwrap();
    let source: Arc<dyn BlobSource> = Arc::new(content.clone());
    session
        .send(&descriptor(content), source, mode)
        .await
        .unwrap();
}

pub(crate) async fn pull(client: &RepositoryClient, content: &[u8], offset: u64) -> Vec<u8> {
    let mut stream = client
        .open_blob(&descriptor(content), offset)
        .await
        .unwrap();
    let mut pulled = Vec::new();
    while let Some(chunk) = stream.next_chunk().await.unwrap() {
        pulled.extend_from_slice(&chunk);
    }
    pulled
}

fn image(config: &Bytes, layer: &Bytes) -> RawManifest {
    let json = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{}","digest":"{}","size":{}}}]}}"#,
        MediaType::OCI_MANIFEST,
        MediaType::OCI_CONFIG,
        Digest::of(config),
        config.len(),
        MediaType::OCI_LAYER_GZIP,
        Digest::of(layer),
        layer.len(),
    );
    let algorithm = wharf_oci::Algorithm::Sha256;
    RawManifest::new(json.into_bytes(), None, algorithm).unwrap()
}

#[tokio::test]
async fn what_was_pushed_is_pulled() {
    let registry = registry!(Options::default());
    let client = registry.anonymous("a/b");
    let layer = content(3_000_001);
    let config = Bytes::from_static(b"{}");
    assert_eq!(client.blob_exists(&Digest::of(&layer)).await.unwrap(), None);
    push(&client, &layer, UploadMode::Whole).await;
    push(&client, &config, UploadMode::Whole).await;
    push(&client, &Bytes::new(), UploadMode::Whole).await;
    let size = client.blob_exists(&Digest::of(&layer)).await.unwrap();
    assert_eq!(size, Some(3_000_001));
    for offset in [0, 1, 1_000_000, 3_000_000, 3_000_001] {
        let expected = layer.slice(usize::try_from(offset).unwrap()..);
        assert!(pull(&client, &layer, offset).await == expected, "{offset}");
    }
    let manifest = image(&config, &layer);
    let stored = client.put_manifest(&tag("v1"), &manifest).await.unwrap();
    assert_eq!(stored.digest, manifest.digest());
    let found = client.head_manifest(&tag("v1")).await.unwrap().unwrap();
    assert_eq!(found, manifest.descriptor());
    for name in [tag("v1"), TagOrDigest::Digest(*manifest.digest().digest())] {
        assert_eq!(client.get_manifest(&name).await.unwrap(), manifest);
    }
    assert_eq!(
        client.read_blob(&descriptor(&config), 10).await.unwrap(),
        *config
    );
}

#[tokio::test]
async fn every_mode_of_upload_arrives() {
    let registry = registry!(Options::default());
    let layer = content(1_000_003);
    for (name, mode) in [
        ("whole", UploadMode::Whole),
        ("streamed", UploadMode::Streamed),
        (
            "chunked",
            UploadMode::Chunked {
                chunk_bytes: 300_000,
            },
        ),
        (
            "exact",
            UploadMode::Chunked {
                chunk_bytes: 1_000_003,
            },
        ),
    ] {
        let client = registry.anonymous(name);
        push(&client, &layer, mode).await;
        assert!(pull(&client, &layer, 0).await == layer, "{name}");
    }
}

#[tokio::test]
async fn a_blob_is_mounted_where_it_can_be() {
    let registry = registry!(Options::default());
    let layer = content(100_000);
    let first = registry.anonymous("first");
    push(&first, &layer, UploadMode::Whole).await;
    let second = registry.anonymous("second");
    let digest = Digest::of(&layer);
    let mounted = second.mount_blob(&digest, first.name()).await.unwrap();
    assert!(matches!(mounted, MountOutcome::Mounted));
    assert!(pull(&second, &layer, 0).await == layer);
    let other = content(10);
    let outcome = second.mount_blob(&Digest::of(&other), first.name()).await;
    let MountOutcome::Upload(session) = outcome.unwrap() else {
        panic!("nobody has this blob");
    };
    session.cancel().await.unwrap();
}

#[tokio::test]
async fn asking_again_is_one_request() {
    let registry = registry!(Options::default());
    let client = registry.anonymous("a");
    let config = Bytes::from_static(b"{}");
    push(&client, &config, UploadMode::Whole).await;
    let manifest = image(&config, &config);
    client.put_manifest(&tag("v1"), &manifest).await.unwrap();
    let before = registry.requests();
    let again = registry.anonymous("a");
    again.head_manifest(&tag("v1")).await.unwrap().unwrap();
    assert_eq!(registry.requests() - before, 1);
}

#[tokio::test]
async fn what_is_not_there_is_said_as_docker_says_it() {
    let registry = registry!(Options::default());
    let client = registry.anonymous("a");
    assert_eq!(client.head_manifest(&tag("v1")).await.unwrap(), None);
    let error = client.get_manifest(&tag("v1")).await.unwrap_err();
    assert!(matches!(error, ManifestFetchError::NotFound { .. }));
    let host = registry.host();
    assert_eq!(
        error.to_string(),
        format!("manifest for {host}/a:v1 not found: manifest unknown: manifest unknown")
    );
    let error = client.open_blob(&descriptor(b"x"), 0).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("blob unknown: blob unknown to registry"),
        "{error}"
    );
}

#[tokio::test]
async fn a_deleted_manifest_is_gone() {
    let registry = registry!(Options::default());
    let client = registry.anonymous("a");
    let config = Bytes::from_static(b"{}");
    push(&client, &config, UploadMode::Whole).await;
    let manifest = image(&config, &config);
    let name = TagOrDigest::Digest(*manifest.digest().digest());
    client.put_manifest(&name, &manifest).await.unwrap();
    let digest: ManifestDigest = manifest.digest();
    assert_eq!(client.get_manifest(&name).await.unwrap().digest(), digest);
    client.delete_manifest(&name).await.unwrap();
    assert_eq!(client.head_manifest(&name).await.unwrap(), None);
}

#[tokio::test]
async fn a_password_opens_the_registry() {
    let registry = registry!(Options {
        with_password: true,
        ..Options::default()
    });
    let name = registry.repository("a");
    let connect = |credentials| {
        let client = docker_registry::client(ClientConfig::default(), credentials);
        client.repository(&name).unwrap()
    };
    let host = registry.host();
    let url = format!("http://{host}/v2/a/manifests/v1");
    let wrong = docker_registry::password(USER.0, "wrong");
    for (credentials, expected) in [
        (
            Credentials::Anonymous,
            format!("Head \"{url}\": no basic auth credentials"),
        ),
        (
            wrong.clone(),
            "unauthorized: authentication required".to_owned(),
        ),
    ] {
        let error = connect(credentials).head_manifest(&tag("v1")).await;
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    let error = connect(Credentials::Anonymous).start_upload().await;
    assert_eq!(error.unwrap_err().to_string(), "no basic auth credentials");
    let right = docker_registry::password(USER.0, USER.1);
    let layer = content(100_000);
    let client = connect(right.clone());
    push(&client, &layer, UploadMode::Whole).await;
    assert!(pull(&client, &layer, 0).await == layer);

    let client = docker_registry::client(ClientConfig::default(), Credentials::Anonymous);
    let outcome = client.login(&host, &right).await.unwrap();
    assert_eq!(
        (outcome.status, outcome.identity_token),
        ("Login Succeeded", None)
    );
    let error = client.login(&host, &wrong).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized")
    );
}

#[tokio::test]
async fn tags_are_listed() {
    let registry = registry!(Options::default());
    let client = registry.anonymous("a");
    let config = Bytes::from_static(b"{}");
    push(&client, &config, UploadMode::Whole).await;
    let manifest = image(&config, &config);
    let names = ["v1", "v2", "v3", "v4", "v5"];
    for name in names {
        client.put_manifest(&tag(name), &manifest).await.unwrap();
    }
    for limit in [1, 2, 3, 5, 100] {
        // The order is the registry's, and this one's is that of its file system.
        let mut tags = client.list_tags(limit).await.unwrap();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), limit.min(names.len()));
        assert!(
            tags.iter().all(|tag| names.contains(&tag.as_str())),
            "{tags:?}"
        );
    }
    // This registry does not know referrers.
    let found = client.referrers(manifest.digest().digest(), None).await;
    assert_eq!(found.unwrap(), []);
}
