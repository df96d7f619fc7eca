//! Docker: a daemon of its own, and the `docker` command line.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::session::{ArchiveFormat, BuildOrder, Operation, Store};
use crate::registry::Daemon;
use crate::sandbox::Sandbox;
use crate::waiting::wait_until;

pub(super) struct Dockerd {
    socket: PathBuf,
    _daemon: Daemon,
}

impl Dockerd {
    pub(super) fn start(sandbox: &Sandbox, root: &Path) -> Result<Self> {
        let state = sandbox.run.join("dockerd-state");
        let socket = sandbox.run.join("dockerd.sock");
        if socket.exists() {
            std::fs::remove_file(&socket)?;
        }
        let mut command = sandbox.command("dockerd");
        command
            .arg("--data-root")
            .arg(root)
            .arg("--exec-root")
            .arg(&state)
            .arg("--pidfile")
            .arg(sandbox.run.join("dockerd.pid"))
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .args(["--storage-driver", "overlay2"])
            .env("TMPDIR", root.with_file_name("tmp"));
        let daemon = Daemon::start(&mut command, &sandbox.run.join("dockerd.log"))?;
        wait_until("dockerd", Duration::from_mins(1), || {
            UnixStream::connect(&socket).is_ok()
        })?;
        let store = Self {
            socket,
            _daemon: daemon,
        };
        wait_until("dockerd's API", Duration::from_mins(1), || {
            let answer = store.docker(sandbox).arg("version").output();
            answer.is_ok_and(|answer| answer.status.success())
        })?;
        Ok(store)
    }

    fn docker(&self, sandbox: &Sandbox) -> Command {
        let mut command = sandbox.command("docker");
        command
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()));
        command
    }
}

impl Store for Dockerd {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let mut command = self.docker(sandbox);
        match operation {
            Operation::PullAndRun { reference } => {
                let mut run = self.docker(sandbox);
                run.args(["run", "--rm", "--network", "none", reference]);
                run.args(["/bin/busybox", "true"]);
                command.args(["pull", reference]);
                return Some(vec![command, run]);
            }
            Operation::Pull { reference } => command.args(["pull", reference]),
            Operation::Push { reference, target } => {
                let mut push = self.docker(sandbox);
                push.args(["push", target]);
                command.args(["tag", reference, target]);
                return Some(vec![command, push]);
            }
            Operation::Save {
                reference,
                file,
                format: ArchiveFormat::Docker,
            } => command.arg("save").arg("-o").arg(file).arg(reference),
            Operation::Load {
                file,
                format: ArchiveFormat::Docker,
            } => command.arg("load").arg("-i").arg(file),
            // Docker 20.10 knows its own archives only.
            Operation::Save { .. } | Operation::Load { .. } | Operation::PullLogged { .. } => {
                return None;
            }
            Operation::List => command.arg("images"),
            Operation::Run { reference, network } => command
                .args(["run", "--rm", "--network", network, reference])
                .args(["/bin/busybox", "true"]),
            // The classic builder: the other one is measured as BuildKit.
            Operation::Build(BuildOrder {
                context,
                target,
                cached,
            }) => command
                .env("DOCKER_BUILDKIT", "0")
                .args(["build", "--tag", "bench", "--network", "none"])
                .args((!cached).then_some("--no-cache"))
                .args(target.map(|target| format!("--target={target}")))
                .arg(context),
        };
        Some(vec![command])
    }
}
