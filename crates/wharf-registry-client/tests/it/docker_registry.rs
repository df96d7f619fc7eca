//! Starts the `docker-registry` of the system on a port of its own, with a folder of its own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wharf_oci::Repository;
use wharf_registry_client::{
    ClientConfig, CredentialSource, Credentials, FixedCredentials, RegistryClient,
    RepositoryClient, RetryPolicy, Secret,
};

/// The user that a registry with [`Options::with_password`] knows, and the password.
pub(crate) const USER: (&str, &str) = ("emon", "open sesame");
/// The same as bcrypt.
const HTPASSWD: &str = "emon:$2b$04$foi8evBwb59hKQqk..rpbeJtltz9.5Lqpws3ZKY/l1H87PG9X/P8.\n";

#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    pub(crate) with_password: bool,
    /// PEM files: certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// PEM file of the authority that clients must have a certificate of.
    pub(crate) client_authority: Option<PathBuf>,
}

/// A registry that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct DockerRegistry {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl DockerRegistry {
    /// `None`, said aloud, where the program is not installed.
    pub(crate) fn start(options: &Options) -> Option<Self> {
        let found = Command::new("docker-registry")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            eprintln!("SKIPPED: docker-registry is not installed (apt install docker-registry)");
            return None;
        }
        // Another program may take the free port before the registry does.
        (0..5).find_map(|_attempt| Self::try_start(options))
    }

    fn try_start(options: &Options) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = folder.path().join("config.yml");
        write(&config, &configuration(folder.path(), port, options));
        write(&folder.path().join("htpasswd"), HTPASSWD);
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = Self {
            process,
            port,
            folder,
        };
        registry.wait_until_ready().then_some(registry)
    }

    fn wait_until_ready(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            if self.answers().is_ok_and(|answers| answers) {
                return true;
            }
            pause(Duration::from_millis(10));
        }
        false
    }

    // One that speaks TLS answers to this, too.
    fn answers(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(start == *b"HTTP/")
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        Repository::new(&self.host(), path).unwrap()
    }

    /// A client for `path` that knows nobody.
    pub(crate) fn anonymous(&self, path: &str) -> RepositoryClient {
        client(ClientConfig::default(), Credentials::Anonymous)
            .repository(&self.repository(path))
            .unwrap()
    }

    /// How many requests the registry has logged.
    pub(crate) fn requests(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.matches("HTTP/1.1\"").count()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A client that does not wait long before it tries again.
pub(crate) fn client(config: ClientConfig, credentials: Credentials) -> RegistryClient {
    let source: Arc<dyn CredentialSource> = Arc::new(FixedCredentials(credentials));
    let config = ClientConfig {
        retry: RetryPolicy {
            initial_delay: Duration::from_millis(5),
            ..config.retry
        },
        ..config
    };
    RegistryClient::new(config, source).unwrap()
}

pub(crate) fn password(username: &str, password: &str) -> Credentials {
    Credentials::Password {
        username: username.to_owned(),
        password: Secret::new(password),
    }
}

pub(crate) fn write(path: &Path, content: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process becomes ready, and has no condition to wait on"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn configuration(folder: &Path, port: u16, options: &Options) -> String {
    let folder = folder.display();
    let mut text = format!(
        "version: 0.1\n\
         log: {{accesslog: {{disabled: false}}, level: error}}\n\
         storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n\
         http:\n  addr: 127.0.0.1:{port}\n"
    );
    if let Some((certificate, key)) = &options.tls {
        let (certificate, key) = (certificate.display(), key.display());
        let (certificate, key) = (certificate.to_string(), key.to_string());
        text += &["  tls: {certificate: ", &certificate, ", key: ", &key].concat();
        if let Some(authority) = &options.client_authority {
            text += &[", clientcas: [", &authority.display().to_string(), "]"].concat();
        }
        text += "}\n";
    }
    if options.with_password {
        text += "auth: {htpasswd: {realm: test, path: ";
        text += &folder.to_string();
        text += "/htpasswd}}\n";
    }
    text
}
