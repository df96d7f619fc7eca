//! A registry in this process, with the settings and the clock that a test wants.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use wharf_oci::{Algorithm, Digest, Hasher};
use wharf_registry::db::Database;
use wharf_registry::http::{Server, ServerSettings};
use wharf_registry::{Clock, Registry, Settings};

use crate::wire::{Answer, answer, exchange};

pub(crate) const PASSWORD: &str = "Harbor12345";

/// What tests change.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) settings: Settings,
    pub(crate) server: ServerSettings,
    pub(crate) clock: TestClock,
}

/// The machine's clock, and how far it was put forward or back.
#[derive(Clone, Default)]
pub(crate) struct TestClock {
    ahead_seconds: Arc<AtomicI64>,
}

impl TestClock {
    pub(crate) fn put_forward(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let ahead = Arc::clone(&self.ahead_seconds);
        Clock::from_fn(move || {
            let ahead = jiff::SignedDuration::from_secs(ahead.load(Ordering::SeqCst));
            Timestamp::now() + ahead
        })
    }
}

/// A running registry. Dropping it stops it.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    pub(crate) db: Database,
    runtime: Option<Runtime>,
    /// Tells it to stop.
    pub(crate) stop: watch::Sender<bool>,
    /// Ends when it has.
    pub(crate) serving: Option<tokio::task::JoinHandle<()>>,
    /// Goes after the server.
    folder: Option<tempfile::TempDir>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(Wishes::default())
    }

    pub(crate) fn with(wishes: Wishes) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self::at(folder.path(), wishes);
        server.folder = Some(folder);
        server
    }

    /// On data that stay when it ends.
    pub(crate) fn at(folder: &Path, wishes: Wishes) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let clock = wishes.clock.clock();
        let (db, storage) = crate::store::open(folder, &clock);
        let (stop, stopped) = watch::channel(false);
        let shared = db.clone();
        let (registry, listener) = run(&runtime, async {
            let registry = Registry::open(shared, storage, clock, wishes.settings).await;
            let registry = registry.expect("a registry");
            let first = registry.prepare_first_start(Some(PASSWORD.to_owned()));
            first.await.expect("a first administrator");
            let listener = TcpListener::bind("127.0.0.1:0").await;
            (registry, listener.expect("a free port"))
        });
        let address = listener.local_addr().expect("an address");
        let server = Server::new(registry.clone(), wishes.server);
        let serving = runtime.spawn(async move { server.serve(listener, stopped).await });
        Self {
            address,
            registry,
            db,
            runtime: Some(runtime),
            stop,
            serving: Some(serving),
            folder: None,
        }
    }

    /// Sends a request as the administrator and reads the answer.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let credentials = basic("admin", PASSWORD);
        let mut all = vec![credentials.as_str()];
        all.extend(headers);
        self.ask_as_nobody(method, path, &all, body)
    }

    /// As [`Self::ask`], without credentials.
    pub(crate) fn ask_as_nobody(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let mut all = vec!["Connection: close", length.as_str()];
        all.extend(headers);
        answer(&self.exchange(&[&request(method, path, &all), body].concat()))
    }

    /// Sends bytes as the administrator would.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        exchange(self.address, bytes).unwrap_or_else(|error| {
            let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
            panic!("{error} after {sent}")
        })
    }

    /// Begins an upload and says where it is.
    pub(crate) fn begin(&self, repository: &str) -> String {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let begun = self.ask("POST", &path, &[], b"").expect(202);
        begun.header("location").to_owned()
    }

    /// How many bytes of an upload the server has.
    pub(crate) fn offset(&self, upload: &str) -> u64 {
        let range = self.ask("GET", upload, &[], b"").expect(204);
        let last: u64 = range
            .header("range")
            .rsplit('-')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        if last == 0 { 0 } else { last + 1 }
    }

    pub(crate) fn push_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = digest(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.ask("POST", &path, &[], content).expect(201);
        digest
    }

    pub(crate) fn push_manifest(&self, repository: &str, reference: &str, json: &str) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.ask("PUT", &path, &[], json.as_bytes())
    }

    /// Runs what is not HTTP.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        run(self.runtime.as_ref().expect("a runtime"), work)
    }

    /// Panics unless the server still serves.
    pub(crate) fn must_be_well(&self) {
        assert_eq!(self.ask("GET", "/readyz", &[], b"").status, 200);
        assert_eq!(self.ask("GET", "/v2/", &[], b"").status, 200);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        drop(self.serving.take());
        if let Some(runtime) = self.runtime.take() {
            // Connections that a test left open are cut.
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests run a runtime of their own"
)]
fn run<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(work)
}

pub(crate) fn request(method: &str, path: &str, headers: &[&str]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: registry.test\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

pub(crate) fn basic(name: &str, password: &str) -> String {
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {encoded}")
}

pub(crate) fn administrator() -> String {
    basic("admin", PASSWORD)
}

pub(crate) fn digest(content: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(content);
    hasher.finish()
}
