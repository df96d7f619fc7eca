//! The reference registry (`docker-registry`) on a free port of loopback, with its content in a temporary folder.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wharf_oci::Digest;

use super::certificates::write_certificates;
use super::server::Server;
use crate::files::write;
use crate::http::{HttpResponse, http_request};
use crate::image::{Artifact, Blob};
use crate::peers::Peer;

/// The user of a registry that asks for one.
pub const REGISTRY_USER: &str = "emon";
/// The password of [`REGISTRY_USER`].
pub const REGISTRY_PASSWORD: &str = "harbour-5";
/// `emon:harbour-5`, hashed by bcrypt with the lowest cost that Go accepts without delay.
const HTPASSWD: &str = "emon:$2y$05$abcdefghijklmnopqrstuufUrFKOFPHAE73xVcbuvIyFOMw1qSY8O\n";

/// What kind of registry to start.
#[derive(Debug, Clone, Default)]
pub struct RegistryBuilder {
    password: bool,
    tls: bool,
    configuration: String,
}

impl RegistryBuilder {
    /// Asks for [`REGISTRY_USER`] and [`REGISTRY_PASSWORD`] by HTTP's basic scheme.
    #[must_use]
    pub fn password(mut self) -> Self {
        self.password = true;
        self
    }

    /// Speaks TLS, with a certificate for `localhost` and `127.0.0.1` from an authority of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds top-level YAML to the registry's configuration: `proxy:`, `middleware:`, ...
    #[must_use]
    pub fn configuration(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.configuration);
        self
    }

    /// Starts it. `None`, said aloud, where it is not installed.
    pub fn start(self) -> Option<TestRegistry> {
        let program = Peer::DockerRegistry.installed()?;
        if self.tls {
            Peer::OpenSsl.installed()?;
        }
        let folder = tempfile::Builder::new()
            .prefix("wharf-registry-")
            .tempdir()
            .expect("a temporary folder");
        fs::create_dir(folder.path().join("storage")).expect("the registry's storage");
        write(&folder.path().join("htpasswd"), HTPASSWD);
        if self.tls {
            write_certificates(folder.path());
        }
        let (server, port) = start_server(&program, folder.path(), &self, 0).expect("a registry");
        Some(TestRegistry {
            server: Some(server),
            port,
            folder,
            program,
            kind: self,
        })
    }
}

/// A running registry.
#[derive(Debug)]
pub struct TestRegistry {
    // Before the folder: the server stops before its files go.
    server: Option<Server>,
    port: u16,
    folder: TempDir,
    program: PathBuf,
    kind: RegistryBuilder,
}

impl TestRegistry {
    /// A registry for everybody, without TLS. `None`, said aloud, where it is not installed.
    pub fn start() -> Option<Self> {
        RegistryBuilder::default().start()
    }

    /// A registry of another kind.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that signed a TLS registry's own.
    pub fn authority_certificate(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Where its content lies: `docker/registry/v2/...`.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// The file in which the registry keeps the blob or manifest `digest`.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let prefix: String = hex.chars().take(2).collect();
        self.storage().join(format!(
            "docker/registry/v2/blobs/{}/{prefix}/{hex}/data",
            digest.algorithm().name()
        ))
    }

    /// Pushes `artifact` and names it `repository:tag`, whatever the registry asks others for.
    pub fn push(&self, artifact: &Artifact, repository: &str, tag: &str) {
        self.with_open_door(|address| push(address, artifact, repository, Some(tag)));
    }

    /// Pushes `artifact` without a name: it can be had by digest only.
    pub fn push_untagged(&self, artifact: &Artifact, repository: &str) {
        self.with_open_door(|address| push(address, artifact, repository, None));
    }

    /// What an open registry answers to a request without credentials.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpResponse {
        http_request(&self.address(), method, path, headers, body)
    }

    /// Stops the server; its content and its port are kept for [`TestRegistry::resume`].
    pub fn pause(&mut self) {
        self.server = None;
    }

    /// Starts a paused server again, on the port it had.
    pub fn resume(&mut self) {
        let (server, _) = start_server(&self.program, self.folder.path(), &self.kind, self.port)
            .expect("the registry again");
        self.server = Some(server);
    }

    /// A registry that asks for passwords or certificates is filled through a second server on the same storage, so that
    /// this crate needs neither.
    fn with_open_door(&self, work: impl FnOnce(&str)) {
        if !self.kind.password && !self.kind.tls && self.server.is_some() {
            work(&self.address());
            return;
        }
        let (door, port) = start_server(
            &self.program,
            self.folder.path(),
            &RegistryBuilder::default(),
            0,
        )
        .expect("a second registry");
        work(&format!("127.0.0.1:{port}"));
        drop(door);
    }
}

fn start_server(
    program: &Path,
    folder: &Path,
    kind: &RegistryBuilder,
    port: u16,
) -> Result<(Server, u16), String> {
    let mut configuration = format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\n\
         storage:\n  filesystem: {{rootdirectory: {0}/storage}}\n  delete: {{enabled: true}}\n  maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http:\n  addr: 127.0.0.1:{port}\n  secret: not-a-secret\n",
        folder.display()
    );
    if kind.tls {
        writeln!(
            configuration,
            "  tls: {{certificate: {0}/server.crt, key: {0}/server.key}}",
            folder.display()
        )
        .expect("writing to a string");
    }
    if kind.password {
        writeln!(
            configuration,
            "auth: {{htpasswd: {{realm: Test Registry, path: {}/htpasswd}}}}",
            folder.display()
        )
        .expect("writing to a string");
    }
    configuration.push_str(&kind.configuration);
    let file = tempfile::Builder::new()
        .prefix("registry-")
        .suffix(".yml")
        .tempfile_in(folder)
        .map_err(|error| error.to_string())?;
    write(file.path(), configuration);
    // It says `listening on 127.0.0.1:PORT`, with `, tls` behind it where that is so.
    Server::start(
        program,
        &[OsStr::new("serve"), file.path().as_os_str()],
        folder,
        |line| {
            let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
            rest.split(|character: char| !character.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        },
    )
}

fn push(address: &str, artifact: &Artifact, repository: &str, tag: Option<&str>) {
    for blob in &artifact.blobs {
        push_blob(address, repository, blob);
    }
    for manifest in &artifact.manifests {
        let is_root = manifest.digest() == artifact.root().digest();
        let digest = manifest.digest().to_string();
        let reference = if is_root {
            tag.unwrap_or(&digest)
        } else {
            &digest
        };
        let media_type = manifest.descriptor.media_type.as_str();
        let path = format!("/v2/{repository}/manifests/{reference}");
        expect_status(
            201,
            &path,
            &http_request(
                address,
                "PUT",
                &path,
                &[("Content-Type", media_type)],
                &manifest.bytes,
            ),
        );
    }
}

fn push_blob(address: &str, repository: &str, blob: &Blob) {
    let digest = blob.digest();
    let path = format!("/v2/{repository}/blobs/{digest}");
    if http_request(address, "HEAD", &path, &[], b"").status == 200 {
        return;
    }
    let start = http_request(
        address,
        "POST",
        &format!("/v2/{repository}/blobs/uploads/"),
        &[],
        b"",
    );
    expect_status(202, "the start of an upload", &start);
    let location = start.header("location").expect("the location of an upload");
    let path = location
        .split_once(address)
        .map_or(location, |(_, path)| path);
    let path = format!("{path}&digest={digest}");
    expect_status(
        201,
        &path,
        &http_request(
            address,
            "PUT",
            &path,
            &[("Content-Type", "application/octet-stream")],
            &blob.bytes,
        ),
    );
}

fn expect_status(status: u16, what: &str, response: &HttpResponse) {
    assert!(
        response.status == status,
        "{what}: {} {}",
        response.status,
        String::from_utf8_lossy(&response.body)
    );
}
