//! Wharf's own registry: the real binary, as people start it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::port::ReservedPort;
use super::server::Server;
use crate::files::write;
use crate::http::{HttpResponse, http_request};

/// The first administrator of a [`WharfRegistry`].
pub const ADMINISTRATOR: &str = "admin";
/// The password of [`ADMINISTRATOR`].
pub const ADMINISTRATOR_PASSWORD: &str = "Harbor12345";
/// `admin:Harbor12345` for HTTP's basic scheme.
const CREDENTIALS: &str = "Basic YWRtaW46SGFyYm9yMTIzNDU=";

/// A running `wharf registry serve` on a free port of loopback. Its data are the test's.
#[derive(Debug)]
pub struct WharfRegistry {
    server: Server,
    port: u16,
}

impl WharfRegistry {
    /// Starts the `wharf` that is `program`, with its data in the folder `data`.
    ///
    /// Panics, with its log, when it does not start.
    pub fn start(program: &Path, data: &Path) -> Self {
        Self::start_on(program, data, 0, &[])
    }

    /// As [`WharfRegistry::start`], on a port, with more options.
    fn start_on(program: &Path, data: &Path, port: u16, options: &[&OsStr]) -> Self {
        let variable = format!("WHARF_REGISTRY_ADMIN_PASSWORD={ADMINISTRATOR_PASSWORD}");
        let listen = format!("127.0.0.1:{port}");
        let mut arguments: Vec<&OsStr> = vec![
            variable.as_ref(),
            program.as_os_str(),
            "registry".as_ref(),
            "serve".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            "--listen".as_ref(),
            listen.as_ref(),
        ];
        arguments.extend(options);
        let ready = |line: &str| {
            let (_, port) = line.split_once("Serving on http://127.0.0.1:")?;
            port.trim().parse().ok()
        };
        let started = Server::start(Path::new("/usr/bin/env"), &arguments, data, ready);
        let (server, port) = started.unwrap_or_else(|log| panic!("{log}"));
        Self { server, port }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it answers its administrator.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpResponse {
        let headers = with_credentials(headers);
        http_request(&self.address(), method, path, &headers, body)
    }

    /// Kills it in the middle of whatever it does, and waits for its end.
    pub fn kill(self) {
        self.server.stop("KILL");
    }

    /// Asks it to end what it does and then itself, and waits for its end.
    pub fn terminate(self) {
        self.server.stop("TERM");
    }

    /// What it has written, up to some length.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// One of several registries on the same stores: it comes back on the port that it had.
#[derive(Debug)]
pub struct WharfNode {
    registry: Option<WharfRegistry>,
    program: PathBuf,
    folder: PathBuf,
    port: ReservedPort,
}

impl WharfNode {
    /// Starts the `wharf` that is `program` with the file of configuration `settings`; what is its own lies in `folder`,
    /// which is made.
    ///
    /// Panics, with its log, when it does not start.
    pub fn start(program: &Path, folder: &Path, settings: &str) -> Self {
        fs::create_dir_all(folder).expect("a folder for a node");
        write(&folder.join("wharf-registry.toml"), settings);
        let mut node = Self {
            registry: None,
            program: program.to_owned(),
            folder: folder.to_owned(),
            port: ReservedPort::take(),
        };
        node.resume();
        node
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// What it reads at its start.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("wharf-registry.toml")
    }

    /// Kills it in the middle of whatever it does, and waits for its end.
    pub fn kill(&mut self) {
        if let Some(registry) = self.registry.take() {
            registry.kill();
        }
    }

    /// Asks it to end what it does and then itself, and waits for its end.
    pub fn terminate(&mut self) {
        if let Some(registry) = self.registry.take() {
            registry.terminate();
        }
    }

    /// Starts it again after its end.
    pub fn resume(&mut self) {
        let configuration = self.configuration();
        let options = ["--config".as_ref(), configuration.as_os_str()];
        let port = self.port.number();
        self.registry = Some(WharfRegistry::start_on(
            &self.program,
            &self.folder,
            port,
            &options,
        ));
    }

    /// What it has written since it was started the last time, up to some length.
    pub fn log(&self) -> String {
        self.registry
            .as_ref()
            .map(WharfRegistry::log)
            .unwrap_or_default()
    }
}

/// `headers` and those that make a request the administrator's.
pub fn with_credentials<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("Authorization", CREDENTIALS)];
    all.extend(headers);
    all
}
