//! BuildKit: a daemon of its own, and `buildctl`.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::session::{BuildOrder, Operation, Store};
use crate::registry::Daemon;
use crate::sandbox::Sandbox;
use crate::waiting::wait_until;

pub(super) struct Buildkit {
    client: PathBuf,
    socket: PathBuf,
    _daemon: Daemon,
}

impl Buildkit {
    /// `registry` is the address of one without TLS.
    pub(super) fn start(sandbox: &Sandbox, root: &Path) -> Result<Self> {
        let daemon = sandbox.fetched_program("buildkitd");
        let client = sandbox.fetched_program("buildctl");
        let socket = sandbox.run.join("buildkitd.sock");
        if socket.exists() {
            std::fs::remove_file(&socket)?;
        }
        let mut command = sandbox.command(daemon.context("buildkitd has not been built")?);
        command
            .arg("--root")
            .arg(root)
            .arg("--addr")
            .arg(format!("unix://{}", socket.display()))
            .args(["--containerd-worker=false", "--oci-worker=true"])
            .args(["--oci-worker-binary", "runc"])
            .args(["--oci-worker-snapshotter", "overlayfs"])
            .env("TMPDIR", root.with_file_name("tmp"));
        let daemon = Daemon::start(&mut command, &sandbox.run.join("buildkitd.log"))?;
        wait_until("buildkitd", Duration::from_mins(1), || {
            UnixStream::connect(&socket).is_ok()
        })?;
        let store = Self {
            client: client.context("buildctl has not been built")?,
            socket,
            _daemon: daemon,
        };
        wait_until("buildkitd's workers", Duration::from_mins(1), || {
            let answer = store.buildctl(sandbox).args(["debug", "workers"]).output();
            answer.is_ok_and(|answer| answer.status.success())
        })?;
        Ok(store)
    }

    fn buildctl(&self, sandbox: &Sandbox) -> Command {
        let mut command = sandbox.command(&self.client);
        command
            .arg("--addr")
            .arg(format!("unix://{}", self.socket.display()));
        command
    }
}

impl Store for Buildkit {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let Operation::Build(BuildOrder {
            context,
            target,
            cached,
        }) = operation
        else {
            return None;
        };
        let folder = |name: &str| format!("{name}={}", context.display());
        let mut command = self.buildctl(sandbox);
        command
            .args(["build", "--progress", "plain"])
            .args(["--frontend", "dockerfile.v0"])
            .args(["--local", &folder("context")])
            .args(["--local", &folder("dockerfile")])
            .args(["--opt", "force-network-mode=none"])
            // As it is kept here: not compressed.
            .args(["--output", "type=image,name=bench,compression=uncompressed"])
            .args((!cached).then_some("--no-cache"));
        if let Some(target) = target {
            command.args(["--opt", &format!("target={target}")]);
        }
        Some(vec![command])
    }
}
