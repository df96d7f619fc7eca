//! Docker's daemon, apart from the machine's own: its own containerd, data, socket and process files in one folder.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::server::Server;
use crate::files::write;
use crate::peers::{Peer, find_program, running_as_root, skip};
use crate::process::ProgramCommand;
use crate::sandbox::Sandbox;

/// A running daemon, without networks. Registries on loopback need no TLS: that is Docker's own default.
#[derive(Debug)]
pub struct DockerDaemon {
    // In this order: dockerd unmounts and says good-bye to containerd before that stops and the files go.
    _dockerd: Server,
    _containerd: Server,
    folder: TempDir,
}

impl DockerDaemon {
    /// Starts a daemon whose layers are overlays. `None`, said aloud, where it is not installed or not allowed.
    pub fn start() -> Option<Self> {
        Self::start_with_driver("overlay2")
    }

    /// Starts a daemon with the storage driver `overlay2` or `vfs`.
    pub fn start_with_driver(driver: &str) -> Option<Self> {
        let dockerd = Peer::Dockerd.installed()?;
        let Some(containerd) = find_program("containerd") else {
            skip("containerd is not installed (apt-get install containerd)");
            return None;
        };
        if !running_as_root() {
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("wharf-dockerd-")
            .tempdir()
            .expect("a temporary folder");
        match start_both(&containerd, &dockerd, folder.path(), driver) {
            Ok((containerd, dockerd)) => Some(Self {
                _dockerd: dockerd,
                _containerd: containerd,
                folder,
            }),
            // A container without the rights that a daemon needs is a kind of machine, not a broken test.
            Err(log)
                if log.contains("operation not permitted") || log.contains("permission denied") =>
            {
                skip(&format!(
                    "dockerd may not run here: {}",
                    log.lines().last().unwrap_or_default()
                ));
                None
            }
            Err(log) => panic!("{log}"),
        }
    }

    /// The value of `DOCKER_HOST` that leads to this daemon.
    pub fn host(&self) -> OsString {
        let mut host = OsString::from("unix://");
        host.push(self.folder.path().join("docker.sock"));
        host
    }

    /// The folder of its images: below it, `overlay2/` holds the layers.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The docker CLI, run in `sandbox` and connected to this daemon.
    pub fn docker<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        sandbox: &Sandbox,
        arguments: I,
    ) -> ProgramCommand {
        sandbox
            .program("docker")
            .env("DOCKER_HOST", self.host())
            .args(arguments)
    }
}

fn start_both(
    containerd: &Path,
    dockerd: &Path,
    folder: &Path,
    driver: &str,
) -> Result<(Server, Server), String> {
    let at = |name: &str| folder.join(name);
    fs::create_dir(at("data")).map_err(|error| error.to_string())?;
    write(
        &at("containerd.toml"),
        format!(
            "version = 2\nroot = '{0}/containerd'\nstate = '{0}/containerd-state'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{0}/containerd.sock'\n",
            folder.display()
        ),
    );
    let containerd_ready = |line: &str| {
        line.contains("containerd successfully booted")
            .then_some(())
    };
    let configuration = at("containerd.toml");
    let arguments: [&OsStr; 2] = ["--config".as_ref(), configuration.as_os_str()];
    let (containerd, ()) = Server::start(containerd, &arguments, folder, containerd_ready)?;
    write(&at("daemon.json"), "{}");
    let mut host = OsString::from("unix://");
    host.push(at("docker.sock"));
    let arguments: Vec<OsString> = vec![
        "--config-file".into(),
        at("daemon.json").into(),
        "--data-root".into(),
        at("data").into(),
        "--exec-root".into(),
        at("exec").into(),
        "--pidfile".into(),
        at("docker.pid").into(),
        "--containerd".into(),
        at("containerd.sock").into(),
        "--host".into(),
        host,
        "--iptables=false".into(),
        "--ip6tables=false".into(),
        "--bridge=none".into(),
        "--storage-driver".into(),
        driver.into(),
    ];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let dockerd_ready = |line: &str| line.contains("API listen on").then_some(());
    let (dockerd, ()) = Server::start(dockerd, &arguments, folder, dockerd_ready)?;
    Ok((containerd, dockerd))
}
