//! The servers under test: how each is configured and started, and what it uses.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::figures::Scheme;
use crate::accounting::{Account, run};
use crate::load::{Client, Endpoint, trusting};
use crate::registry::{Daemon, free_address};
use crate::sandbox::Sandbox;
use crate::waiting::pause;

/// Of the first administrator. The registry listens on loopback and ends with the bench.
pub(super) const PASSWORD: &str = "Harbour-12345";
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server under test.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Wharf,
    DockerRegistry,
    /// The same bytes as static files: what serving without rights and without a database costs.
    Nginx,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Wharf, Self::DockerRegistry, Self::Nginx];

    /// The version of what is installed, or nothing when it is not.
    pub(crate) fn version(self, sandbox: &Sandbox) -> Option<String> {
        let mut command = match self {
            Self::Wharf => sandbox.command(sandbox.built_program("wharf")?),
            Self::DockerRegistry => sandbox.command("docker-registry"),
            Self::Nginx => sandbox.command("nginx"),
        };
        command.arg(if self == Self::Nginx {
            "-v"
        } else {
            "--version"
        });
        let output = command.output().ok()?;
        // nginx answers on standard error.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let words = text.split([' ', '\n', ',', '/']);
        let version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
        words.clone().find(version).map(str::to_owned)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wharf => "wharf",
            Self::DockerRegistry => "docker-registry",
            Self::Nginx => "nginx",
        })
    }
}

/// A certificate for loopback, and who vouches for it: the same for all servers.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    folder: PathBuf,
    client: Arc<ClientConfig>,
}

impl Certificate {
    /// Makes them with `openssl`: keys on P-256, as the registry's own authority has.
    pub(super) fn make(sandbox: &Sandbox) -> Result<Self> {
        let folder = sandbox.run.join("tls");
        fs::create_dir_all(&folder)?;
        let request = |name: &str, more: &[&str]| {
            let mut command = Command::new("openssl");
            command
                .current_dir(&folder)
                .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
                .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
                .args(["-keyout", &format!("{name}.key")])
                .args(["-out", &format!("{name}.crt")])
                .args(["-subj", &format!("/CN=wharf-bench {name}")])
                .args(more);
            run(&mut command)
        };
        request("authority", &["-addext", "keyUsage=critical,keyCertSign"])?;
        request(
            "server",
            &[
                "-CA",
                "authority.crt",
                "-CAkey",
                "authority.key",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ],
        )?;
        let client = trusting(&folder.join("authority.crt"))?;
        Ok(Self { folder, client })
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}

/// What a server is started with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) kind: Kind,
    pub(super) scheme: Scheme,
    pub(super) certificate: &'a Certificate,
    /// The folder that it keeps everything in, or that it serves.
    pub(super) data: &'a Path,
    /// More of wharf-registry.toml; the default of everything else is what is measured.
    pub(super) settings: &'a str,
}

/// A running server in an accounting group of its own.
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) endpoint: Endpoint,
    /// From the start of the process to the first answer that it is ready.
    pub(super) ready_after: Duration,
    // The process ends before its group is removed.
    daemon: Option<Daemon>,
    pub(super) account: Account,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub(super) fn start(start: &Start<'_>) -> Result<Self> {
        let address = free_address()?;
        let mut command = match start.kind {
            Kind::Wharf => wharf(start, address)?,
            Kind::DockerRegistry => docker_registry(start, address)?,
            Kind::Nginx => nginx(start, address)?,
        };
        let tls = start.scheme == Scheme::Https;
        let endpoint = Endpoint {
            address,
            tls: tls.then(|| Arc::clone(&start.certificate.client)),
        };
        let name = format!("{}-{}", start.kind, start.scheme);
        let log = start.sandbox.run.join(format!("{name}.log"));
        let account = Account::new(&name)?;
        let begin = Instant::now();
        let daemon = account.inside(|| Daemon::start(&mut command, &log))?;
        let path = match start.kind {
            Kind::Wharf => "/readyz",
            Kind::DockerRegistry => "/v2/",
            Kind::Nginx => "/ready",
        };
        while !is_ready(&endpoint, path) {
            if begin.elapsed() > START_LIMIT {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} is not ready after 30 s: {}", said.trim());
            }
            pause(Duration::from_millis(1));
        }
        Ok(Self {
            kind: start.kind,
            endpoint,
            ready_after: begin.elapsed(),
            account,
            daemon: Some(daemon),
        })
    }

    /// Ends it, and waits for its end.
    pub(super) fn stop(mut self) {
        drop(self.daemon.take());
    }
}

fn is_ready(endpoint: &Endpoint, path: &str) -> bool {
    let answer =
        Client::connect(endpoint, None).and_then(|mut client| client.send("GET", path, "", &[]));
    answer.is_ok_and(|answer| answer.status == 200)
}

/// With its defaults, but for the certificate.
fn wharf(start: &Start<'_>, address: SocketAddr) -> Result<Command> {
    let program = start.sandbox.built_program("wharf");
    let tls = match start.scheme {
        Scheme::Http => String::new(),
        Scheme::Https => format!(
            "[tls]\nmode = \"files\"\ncertificate = '{}'\nkey = '{}'\n",
            start.certificate.certificate().display(),
            start.certificate.key().display()
        ),
    };
    let file = start.sandbox.run.join(format!("wharf-{address}.toml"));
    write(&file, &format!("{}{tls}", start.settings))?;
    let mut command = start
        .sandbox
        .command(program.context("wharf has not been built")?);
    command
        .args([
            "registry",
            "serve",
            "--listen",
            &address.to_string(),
            "--data",
        ])
        .arg(start.data)
        .arg("--config")
        .arg(&file)
        .env("WHARF_REGISTRY_ADMIN_PASSWORD", PASSWORD);
    Ok(command)
}

/// Without authentication, its fastest way, and with the cache that its documents recommend.
fn docker_registry(start: &Start<'_>, address: SocketAddr) -> Result<Command> {
    let mut http = serde_json::json!({"addr": address.to_string()});
    if start.scheme == Scheme::Https {
        http["tls"] = serde_json::json!({
            "certificate": start.certificate.certificate(),
            "key": start.certificate.key(),
        });
    }
    // JSON is YAML.
    let configuration = serde_json::json!({
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": true}},
        "storage": {
            "filesystem": {"rootdirectory": start.data},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": http,
    });
    let file = start
        .sandbox
        .run
        .join(format!("docker-registry-{address}.json"));
    write(&file, &configuration.to_string())?;
    let mut command = start.sandbox.command("docker-registry");
    command.arg("serve").arg(&file);
    Ok(command)
}

/// Static files from the kernel, opened once, no log.
fn nginx(start: &Start<'_>, address: SocketAddr) -> Result<Command> {
    let own = start.sandbox.run.join(format!("nginx-{address}"));
    fs::create_dir_all(&own)?;
    let (own, data) = (own.display(), start.data.display());
    let (tls, certificate) = match start.scheme {
        Scheme::Http => ("", String::new()),
        Scheme::Https => (
            " ssl",
            format!(
                "ssl_certificate {};\nssl_certificate_key {};\nssl_protocols TLSv1.3;",
                start.certificate.certificate().display(),
                start.certificate.key().display()
            ),
        ),
    };
    let configuration = format!(
        "daemon off;\nuser root;\nworker_processes auto;\npid {own}/pid;\nerror_log stderr error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\nsendfile on;\ntcp_nopush on;\nkeepalive_requests 1000000000;\n\
         open_file_cache max=10000 inactive=10m;\nopen_file_cache_valid 10m;\n\
         default_type application/octet-stream;\n\
         client_body_temp_path {own}/body;\nproxy_temp_path {own}/proxy;\nfastcgi_temp_path {own}/fastcgi;\n\
         uwsgi_temp_path {own}/uwsgi;\nscgi_temp_path {own}/scgi;\n\
         server {{ listen {address}{tls}; root {data};\n{certificate}\nlocation = /ready {{ return 200; }}\n}}\n\
         }}\n"
    );
    let file = start.sandbox.run.join(format!("nginx-{address}.conf"));
    write(&file, &configuration)?;
    let mut command = start.sandbox.command("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(&file);
    Ok(command)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let mut created =
        fs::File::create(file).with_context(|| format!("creating {}", file.display()))?;
    Ok(std::io::Write::write_all(&mut created, text.as_bytes())?)
}
