//! Several nodes over one PostgreSQL database and one S3 bucket are one registry.

#![expect(
    clippy::disallowed_methods,
    reason = "tests run a runtime of their own"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use testkit::{Fault, FaultyS3, PostgresServer, S3Server};
use wharf_oci::{Algorithm, Digest, MediaType};
use wharf_registry::access::Principal;
use wharf_registry::db::{Database, PostgresSettings};
use wharf_registry::garbage::{GarbageSettings, GarbageWish};
use wharf_registry::projects::{Metadata, ProjectWish};
use wharf_registry::records::CheckWish;
use wharf_registry::repositories::{
    BodyError, ManifestPush, ManifestReference, RepositoryName, UploadBody,
};
use wharf_registry::storage::{RegistryStorage, S3Config, S3Storage, Secret};
use wharf_registry::{Clock, Registry, RegistryError, Settings};

/// Where the nodes meet.
struct Cluster {
    database: String,
    bucket: S3Config,
    /// Through which the nodes reach the bucket.
    proxy: FaultyS3,
}

impl Cluster {
    /// `None`, said aloud, where a server is not installed.
    fn start() -> Option<Self> {
        let database = PostgresServer::shared()?.database();
        let server = S3Server::shared()?;
        let mut bucket = S3Config::new(&server.bucket());
        let proxy = FaultyS3::start(&server.address());
        bucket.endpoint = Some(proxy.endpoint().parse().expect("a URL"));
        bucket.access_key = Some(Secret::Text(server.access_key().to_owned()));
        bucket.secret_key = Some(Secret::Text(server.secret_key().to_owned()));
        Some(Self {
            database,
            bucket,
            proxy,
        })
    }

    async fn node(&self) -> Registry {
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let settings = PostgresSettings {
            url: self.database.clone(),
            connections: 4,
            tls: Arc::new(tls),
        };
        let clock = Clock::system();
        let db = Database::open_postgres(&settings, &clock).expect("a database");
        let credentials = self.bucket.credentials(|_| None).expect("credentials");
        let storage = S3Storage::open(&self.bucket, credentials)
            .await
            .expect("a bucket");
        let settings = Settings {
            garbage: GarbageSettings {
                grace: Duration::from_secs(20),
                undelete: Duration::ZERO,
                ..GarbageSettings::default()
            },
            ..Settings::default()
        };
        Registry::open(db, RegistryStorage::S3(storage), clock, settings)
            .await
            .expect("a node")
    }
}

fn administrator() -> Principal {
    Principal::User {
        id: 1,
        name: "admin".to_owned(),
        is_sysadmin: true,
    }
}

async fn project(node: &Registry) -> i64 {
    node.prepare_first_start(Some("Harbor12345".to_owned()))
        .await
        .expect("an administrator");
    let wish = ProjectWish {
        name: "team".to_owned(),
        metadata: Metadata::new(false),
    };
    node.create_project(&administrator(), wish)
        .await
        .expect("a project")
}

fn body(pieces: Vec<Result<Bytes, BodyError>>) -> UploadBody {
    Box::pin(stream::iter(pieces))
}

fn whole(content: &[u8]) -> UploadBody {
    body(vec![Ok(Bytes::copy_from_slice(content))])
}

fn manifest(layer: &Digest, size: usize) -> Vec<u8> {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": { "mediaType": MediaType::OCI_CONFIG, "digest": layer, "size": size },
        "layers": [],
    })
    .to_string()
    .into_bytes()
}

fn push_of(project: i64, name: &RepositoryName, tag: &str, content: Vec<u8>) -> ManifestPush {
    ManifestPush {
        project,
        name: name.clone(),
        reference: ManifestReference::parse(tag).expect("a tag"),
        tags: Vec::new(),
        content_type: None,
        content,
        actor: "me".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_begun_on_one_node_is_finished_on_another() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let (one, two) = (cluster.node().await, cluster.node().await);
    let project = project(&one).await;
    let name = RepositoryName::parse("team/app").unwrap();
    let content: Vec<u8> = (0..9_000_000_u32).map(|at| (at % 253) as u8).collect();
    let digest = Digest::of(&content);
    let upload = one
        .begin_upload(project, &name, "me", Algorithm::Sha256)
        .await
        .unwrap();
    let (first, rest) = content.split_at(3_000_000);
    let (second, third) = rest.split_at(5_500_000);
    one.append_upload(&name, &upload.id, None, whole(first))
        .await
        .unwrap();
    // The client of the second chunk goes away in its middle, and its node dies; a new one goes on from what came.
    let (came, never) = second.split_at(2_000_000);
    let broken = vec![
        Ok(Bytes::copy_from_slice(came)),
        Err(BodyError::Broken("gone".to_owned())),
    ];
    let outcome = two
        .append_upload(&name, &upload.id, None, body(broken))
        .await;
    assert!(matches!(outcome, Err(RegistryError::BodyIncomplete { .. })));
    drop(two);
    let three = cluster.node().await;
    let progress = three.upload_progress(&name, &upload.id).await.unwrap();
    assert_eq!(progress.offset, 5_000_000);
    three
        .append_upload(&name, &upload.id, None, whole(never))
        .await
        .unwrap();
    one.finish_upload(&name, &upload.id, None, &digest, whole(third))
        .await
        .unwrap();
    let blob = three.find_blob(&name, &digest).await.unwrap();
    let read = three
        .read_blob(&blob, 0..blob.size)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert!(read == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_push_delete_and_collect_at_once_lose_nothing() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let nodes = [
        cluster.node().await,
        cluster.node().await,
        cluster.node().await,
    ];
    let project = project(&nodes[0]).await;
    let mut tasks = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        tasks.push(tokio::spawn(push_and_delete(node.clone(), project, number)));
    }
    let collecting = {
        let nodes = nodes.clone();
        tokio::spawn(async move {
            for round in 0..6 {
                let wish = GarbageWish {
                    empty_trash: true,
                    ..GarbageWish::default()
                };
                nodes[round % 3].collect_garbage(wish).await.unwrap();
            }
        })
    };
    for task in tasks {
        task.await.unwrap();
    }
    collecting.await.unwrap();
    let wish = CheckWish {
        deep: true,
        repair: false,
    };
    let report = nodes[1].check(wish, |_| {}).await.unwrap();
    assert_eq!(report.findings, []);
    assert!(report.manifests > 0 && report.blobs > 0);
}

/// Pushes images to a repository that all nodes use, moves a tag that all nodes move, and deletes every other image.
async fn push_and_delete(node: Registry, project: i64, number: usize) {
    let name = RepositoryName::parse("team/shared").expect("a name");
    for turn in 0..12_usize {
        let content = format!("layer {} of {turn}", number % 2).into_bytes();
        let digest = Digest::of(&content);
        again(|| node.push_blob(project, &name, "me", &digest, whole(&content))).await;
        let document = manifest(&digest, content.len());
        let pushed =
            again(|| node.push_manifest(push_of(project, &name, "latest", document.clone()))).await;
        let reference = ManifestReference::Digest(pushed.digest);
        if turn % 2 == 0 {
            match node.delete_manifest(&name, &reference, "me").await {
                Ok(())
                | Err(RegistryError::ManifestUnknown { .. } | RegistryError::Database(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

/// What a client does when the registry says that it is not available now.
async fn again<T, F: Future<Output = Result<T, RegistryError>>>(
    mut attempt: impl FnMut() -> F,
) -> T {
    let mut attempts = 0;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(RegistryError::Database(_)) if attempts < 20 => {
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A lease lasts for 20 seconds; storage may take longer for one part, and for the end of an upload.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_slow_storage_keeps_his_upload() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    cluster.bucket.request_timeout_seconds = 60;
    let (one, two) = (cluster.node().await, cluster.node().await);
    let project = project(&one).await;
    let name = RepositoryName::parse("team/slow").unwrap();
    let content = vec![7; 18 << 20];
    let digest = Digest::of(&content);
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let begun = one.begin_upload(project, &name, "me", Algorithm::Sha256);
        uploads.push(begun.await.unwrap().id);
    }
    let [appended, finished] = <[String; 2]>::try_from(uploads).unwrap();
    one.append_upload(&name, &finished, None, whole(&content))
        .await
        .unwrap();
    let late = Fault::Delay(Duration::from_secs(24));
    cluster.proxy.fail_next(1, "PUT", "partNumber=1", late);
    cluster.proxy.fail_next(1, "POST", "?uploadId=", late);
    let appending = {
        let pieces = content.chunks(1 << 20).map(Bytes::copy_from_slice);
        let pieces = body(pieces.map(Ok).collect());
        let (node, name, id) = (one.clone(), name.clone(), appended.clone());
        tokio::spawn(async move { node.append_upload(&name, &id, None, pieces).await })
    };
    let finishing = {
        let (node, name, id) = (one.clone(), name.clone(), finished.clone());
        tokio::spawn(async move {
            node.finish_upload(&name, &id, None, &digest, whole(b""))
                .await
        })
    };
    tokio::time::sleep(Duration::from_secs(22)).await;
    for id in [&appended, &finished] {
        let outcome = two.cancel_upload(&name, id).await;
        let refused = matches!(
            &outcome,
            Err(RegistryError::UploadBusy {
                retry_seconds: 1..=20,
                ..
            })
        );
        assert!(refused, "{outcome:?}");
    }
    let progress = appending.await.unwrap().unwrap();
    assert_eq!(progress.offset, content.len() as u64);
    finishing.await.unwrap().unwrap();
    two.finish_upload(&name, &appended, None, &digest, whole(b""))
        .await
        .unwrap();
}
