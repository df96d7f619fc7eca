//! A `docker-registry` on loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::accounting::run;
use crate::images::{ImageName, ensure_image};
use crate::sandbox::Sandbox;
use crate::waiting::wait_until;

/// A child process that is ended when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts `command`, its output going to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = wait_until("the end of a daemon", Duration::from_secs(20), || {
            !matches!(self.child.try_wait(), Ok(None))
        });
        if ended.is_err() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A running registry.
#[derive(Debug)]
pub(crate) struct Registry {
    address: SocketAddr,
    _daemon: Daemon,
}

impl Registry {
    /// Starts a registry that keeps what it holds in `storage`.
    pub(crate) fn start(sandbox: &Sandbox, storage: &Path, name: &str) -> Result<Self> {
        let address = free_address()?;
        let config = sandbox.run.join(format!("{name}.json"));
        // JSON is YAML.
        let text = serde_json::json!({
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": storage}, "cache": {"blobdescriptor": "inmemory"}},
            "http": {"addr": address.to_string()},
        });
        serde_json::to_writer(fs::File::create(&config)?, &text)?;
        let mut command = sandbox.command("docker-registry");
        command.arg("serve").arg(&config);
        let daemon = Daemon::start(&mut command, &sandbox.run.join(format!("{name}.log")))?;
        wait_until("docker-registry", Duration::from_mins(1), || {
            TcpStream::connect(address).is_ok()
        })?;
        Ok(Self {
            address,
            _daemon: daemon,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts `image` into the registry if it is not there, and answers its name there.
    pub(crate) fn ensure(&self, sandbox: &Sandbox, image: ImageName) -> Result<String> {
        let layout = ensure_image(&sandbox.cache, image)?;
        let reference = format!("{}/bench/{image}:latest", self.address);
        run(sandbox
            .command("skopeo")
            .args(["copy", "--quiet", "--dest-tls-verify=false"])
            .arg(format!("oci:{}:latest", layout.display()))
            .arg(format!("docker://{reference}")))?;
        Ok(reference)
    }
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
