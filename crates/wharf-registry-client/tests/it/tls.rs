//! TLS and proxies. What is on loopback is insecure by rule, so the registry is given a name that only
//! the test's own proxy knows.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wharf_oci::{Digest, Repository};
use wharf_registry_client::{ClientConfig, Credentials, ProxyConfig, RequestError};

use crate::docker_registry::{DockerRegistry, Options, client, write};
use crate::hostile_server::{HostileServer, Reply};

const HOST: &str = "registry.test:5000";

struct Pki {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, content);
        path
    }

    // Certificate and key of a server called `name`.
    fn server(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (
            self.file("server.pem", &certificate.pem()),
            self.file("server.key", &key.serialize_pem()),
        )
    }

    // As `openssl req -x509` makes it: its own authority, and says so.
    fn self_signed(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (
            self.file("server.pem", &certificate.pem()),
            self.file("server.key", &key.serialize_pem()),
        )
    }
}

/// Lets CONNECT through to one port, whatever the name.
struct Tunnel {
    port: u16,
    task: JoinHandle<()>,
}

impl Tunnel {
    async fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    assert!(
                        head.starts_with(&format!("CONNECT {HOST} HTTP/1.1\r\n")),
                        "{head}"
                    );
                    assert!(
                        head.contains("Proxy-Authorization: Basic dTpw\r\n"),
                        "{head}"
                    );
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut server).await
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn exists(config: ClientConfig, tunnel: &Tunnel) -> Result<Option<u64>, RequestError> {
    let config = ClientConfig {
        proxies: ProxyConfig {
            https: Some(format!("http://u:p@127.0.0.1:{}", tunnel.port)),
            ..ProxyConfig::default()
        },
        ..config
    };
    let client = client(config, Credentials::Anonymous);
    let name = Repository::new(HOST, "a").unwrap();
    let repository = client.repository(&name).unwrap();
    repository.blob_exists(&Digest::of(b"x")).await
}

fn trusting(folder: &Path) -> ClientConfig {
    ClientConfig {
        certs_dirs: vec![folder.to_owned()],
        ..ClientConfig::default()
    }
}

#[tokio::test]
async fn a_registry_is_trusted_by_its_authority() {
    let pki = Pki::new();
    let options = Options {
        tls: Some(pki.server("registry.test")),
        ..Options::default()
    };
    let Some(registry) = DockerRegistry::start(&options) else {
        return;
    };
    let tunnel = Tunnel::to(registry.port).await;
    let authority = pki.file("authority.pem", &pki.authority.pem());
    let error = exists(ClientConfig::default(), &tunnel).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Get \"https://{HOST}/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
        )
    );
    let by_file = ClientConfig {
        ca_file: Some(authority),
        ..ClientConfig::default()
    };
    assert_eq!(exists(by_file, &tunnel).await.unwrap(), None);
    pki.file(&format!("certs.d/{HOST}/ca.crt"), &pki.authority.pem());
    let by_folder = trusting(&pki.folder.path().join("certs.d"));
    assert_eq!(exists(by_folder, &tunnel).await.unwrap(), None);
    let insecure = ClientConfig {
        insecure_registries: vec![HOST.to_owned()],
        ..ClientConfig::default()
    };
    assert_eq!(exists(insecure, &tunnel).await.unwrap(), None);
}

/// Certificate and key of a client, as people make them: `openssl x509 -req` gives the first version of X.509. `None`,
/// said aloud, where there is no openssl.
fn client_pair(pki: &Pki) -> Option<(String, String)> {
    let key = KeyPair::generate().unwrap();
    let authority_key = pki.authority.key().serialize_pem();
    pki.file("authority.key", &authority_key);
    pki.file("client.key", &key.serialize_pem());
    let openssl = |words: &str| {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(&pki.folder);
        command.output()
    };
    if openssl("version").is_err() {
        eprintln!("SKIPPED: openssl is not installed (apt install openssl)");
        return None;
    }
    for words in [
        "req -new -key client.key -subj /CN=anna -out client.csr",
        "x509 -req -in client.csr -CA authority.pem -CAkey authority.key -set_serial 7 -out client.pem",
    ] {
        let output = openssl(words).unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
    let certificate = std::fs::read_to_string(pki.folder.path().join("client.pem")).unwrap();
    Some((certificate, key.serialize_pem()))
}

#[tokio::test]
async fn a_registry_that_asks_who_we_are_is_told() {
    let pki = Pki::new();
    let authority = pki.file("authority.pem", &pki.authority.pem());
    let Some((certificate, key)) = client_pair(&pki) else {
        return;
    };
    let options = Options {
        tls: Some(pki.server("registry.test")),
        client_authority: Some(authority),
        ..Options::default()
    };
    let Some(registry) = DockerRegistry::start(&options) else {
        return;
    };
    let tunnel = Tunnel::to(registry.port).await;
    let place = |name: &str| format!("certs.d/{HOST}/{name}");
    pki.file(&place("ca.crt"), &pki.authority.pem());
    let config = || trusting(&pki.folder.path().join("certs.d"));
    let error = exists(config(), &tunnel).await.unwrap_err().to_string();
    assert!(
        error.contains("remote error: tls: ") && error.contains("asks for a client certificate"),
        "{error}"
    );
    pki.file(&place("client.cert"), &certificate);
    pki.file(&place("client.key"), &key);
    assert_eq!(exists(config(), &tunnel).await.unwrap(), None);
    // The key of another certificate, which can be seen where that can be read.
    let other = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["anna".to_owned()]).unwrap();
    let signed = named.signed_by(&other, &pki.authority).unwrap();
    pki.file(&place("client.cert"), &signed.pem());
    let client = client(config(), Credentials::Anonymous);
    let repository = client.repository(&Repository::new(HOST, "a").unwrap());
    assert_eq!(
        repository.err().unwrap().to_string(),
        format!(
            "cannot use the client certificate for {HOST}: private key does not match public key"
        )
    );
}

#[tokio::test]
async fn a_certificate_put_into_the_folder_is_trusted_for_its_name() {
    for (name, trusted) in [("registry.test", true), ("other.test", false)] {
        let pki = Pki::new();
        let tls = pki.self_signed(name);
        let certificate = std::fs::read_to_string(&tls.0).unwrap();
        pki.file(&format!("certs.d/{HOST}/ca.crt"), &certificate);
        let options = Options {
            tls: Some(tls),
            ..Options::default()
        };
        let Some(registry) = DockerRegistry::start(&options) else {
            return;
        };
        let tunnel = Tunnel::to(registry.port).await;
        let config = trusting(&pki.folder.path().join("certs.d"));
        match exists(config, &tunnel).await {
            Ok(found) => assert!(trusted && found.is_none()),
            Err(error) => {
                let expected = "x509: certificate is valid for other.test, not registry.test";
                assert!(!trusted && error.to_string().ends_with(expected), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_secure_registry_must_speak_tls() {
    let server = HostileServer::start(|_| Reply::new(200)).await;
    let tunnel = Tunnel::to(server.port).await;
    let error = exists(ClientConfig::default(), &tunnel).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"https://{HOST}/v2/\": http: server gave HTTP response to HTTPS client")
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_plain_proxy_is_given_whole_urls() {
    let proxy = HostileServer::start(|request| {
        if request.method == "CONNECT" {
            return Reply::new(403);
        }
        Reply::new(200).announcing(7)
    })
    .await;
    let address = Some(format!("u:p%20w@{}", proxy.host()));
    let config = |https| ClientConfig {
        insecure_registries: vec![HOST.to_owned()],
        proxies: ProxyConfig {
            http: address.clone(),
            https,
            no_proxy: Some("other.test".to_owned()),
        },
        ..ClientConfig::default()
    };
    let name = Repository::new(HOST, "a").unwrap();
    let client = client(config(address.clone()), Credentials::Anonymous);
    let repository = client.repository(&name).unwrap();
    let digest = Digest::of(b"x");
    assert_eq!(repository.blob_exists(&digest).await.unwrap(), Some(7));
    assert_eq!(
        proxy.lines(),
        [
            format!("CONNECT {HOST}"),
            format!("HEAD http://{HOST}/v2/a/blobs/{digest}")
        ]
    );
    for request in proxy.requests() {
        assert_eq!(
            request.header("proxy-authorization"),
            Some("Basic dTpwIHc=")
        );
    }
    let secure = ClientConfig {
        insecure_registries: Vec::new(),
        ..config(address.clone())
    };
    let client = crate::docker_registry::client(secure, Credentials::Anonymous);
    let repository = client.repository(&name).unwrap();
    let error = repository
        .blob_exists(&digest)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("proxyconnect tcp: http://u:***@") && error.ends_with(": 403 X"),
        "{error}"
    );
}
