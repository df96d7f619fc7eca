//! Wharf's own registry: the real binary, as people start it.

use std::ffi::OsStr;
use std::path::Path;

use super::server::Server;
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
        let variable = format!("WHARF_REGISTRY_ADMIN_PASSWORD={ADMINISTRATOR_PASSWORD}");
        let arguments: [&OsStr; 8] = [
            variable.as_ref(),
            program.as_os_str(),
            "registry".as_ref(),
            "serve".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            "--listen".as_ref(),
            "127.0.0.1:0".as_ref(),
        ];
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

    /// What it has written, up to some length.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// `headers` and those that make a request the administrator's.
pub fn with_credentials<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("Authorization", CREDENTIALS)];
    all.extend(headers);
    all
}
