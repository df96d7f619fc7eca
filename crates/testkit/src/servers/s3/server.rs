//! What a test sees of the S3 server.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use super::cluster::{Cluster, Programs};
use super::signature::Credentials;
use crate::http::{HttpResponse, try_http_request};

/// The one user's access key.
const ACCESS_KEY: &str = "WHARFTESTACCESSKEY00";
/// The secret that belongs to it.
const SECRET_KEY: &str = "not-a-secret-but-as-long-as-one/0123456+";
/// The gateway has one region and answers to any name.
const REGION: &str = "us-east-1";

/// A running S3 server. Dropping it stops it and removes what it holds.
#[derive(Debug)]
pub struct S3Server {
    cluster: Cluster,
}

impl S3Server {
    /// Starts a server for one test, in about two seconds. `None`, said aloud, where it is not installed.
    pub fn start() -> Option<Self> {
        Some(Self::start_from(Programs::installed()?))
    }

    /// The server that the tests of this process share, each with a bucket of its own. It ends with the process. `None`,
    /// said aloud by each caller, where it is not installed.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<S3Server> = OnceLock::new();
        let programs = Programs::installed()?;
        Some(SHARED.get_or_init(|| Self::start_from(programs)))
    }

    fn start_from(programs: Programs) -> Self {
        let cluster = Cluster::start(programs, ACCESS_KEY, SECRET_KEY);
        Self {
            cluster: cluster.unwrap_or_else(|log| panic!("{log}")),
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.port())
    }

    /// `http://127.0.0.1:PORT`. Buckets are named in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The access key of the one user.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret that belongs to the access key.
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The region to sign for.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The folder of all of its files.
    pub fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// Makes an empty bucket and gives its name.
    pub fn bucket(&self) -> String {
        // A new state has new random keys; the finished hash of nothing tells them apart.
        let bucket = format!("test-{:016x}", RandomState::new().build_hasher().finish());
        let response = self.request("PUT", &format!("/{bucket}"), b"");
        assert!(
            response.status == 200,
            "making a bucket: {} {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
        bucket
    }

    /// What the server answers to a signed request for `target`, a path with its query, both percent-encoded.
    pub fn request(&self, method: &str, target: &str, body: &[u8]) -> HttpResponse {
        self.request_at(&self.address(), method, target, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// As [`S3Server::request`], sent to a proxy at `address`.
    pub fn request_at(
        &self,
        address: &str,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> io::Result<HttpResponse> {
        let credentials = Credentials {
            access_key: ACCESS_KEY,
            secret_key: SECRET_KEY,
            region: REGION,
        };
        let headers = credentials.sign(method, address, target, body);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        try_http_request(address, method, target, &headers, body)
    }

    /// Stops the gateway in good order. What is stored stays, and so does the port, for [`S3Server::resume`].
    pub fn stop(&mut self) {
        self.cluster.stop_gateway("TERM");
    }

    /// Kills the gateway in the middle of what it does. What is stored stays, and so does the port, for
    /// [`S3Server::resume`].
    pub fn kill(&mut self) {
        self.cluster.stop_gateway("KILL");
    }

    /// Starts a stopped or killed gateway again.
    pub fn resume(&mut self) {
        self.cluster
            .start_gateway()
            .unwrap_or_else(|log| panic!("{log}"));
    }
}
