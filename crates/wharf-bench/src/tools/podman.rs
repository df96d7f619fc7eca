//! Podman, as root, with the overlay driver of the kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::session::{ArchiveFormat, Operation, Store};
use crate::sandbox::Sandbox;

pub(super) struct Podman {
    root: PathBuf,
}

impl Podman {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    fn podman(&self, sandbox: &Sandbox) -> Command {
        let mut command = sandbox.command("podman");
        command
            .arg("--root")
            .arg(&self.root)
            .arg("--runroot")
            .arg(sandbox.run.join("podman-run"))
            .arg("--tmpdir")
            .arg(sandbox.run.join("podman-tmp"))
            .args([
                "--storage-driver",
                "overlay",
                "--cgroup-manager",
                "cgroupfs",
            ])
            .args(["--runtime", "runc", "--events-backend", "none"]);
        command
    }
}

impl Store for Podman {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let mut command = self.podman(sandbox);
        match operation {
            Operation::PullAndRun { reference } => {
                let mut run = self.podman(sandbox);
                run.args(["run", "--rm", "--network", "none", reference]);
                run.args(["/bin/busybox", "true"]);
                command.args(["pull", "--tls-verify=false", reference]);
                return Some(vec![command, run]);
            }
            Operation::Pull { reference } => {
                command.args(["pull", "--tls-verify=false", reference])
            }
            // What it builds with is measured as Buildah.
            Operation::PullLogged { .. } | Operation::Build(_) => return None,
            Operation::Push { reference, target } => {
                command.args(["push", "--tls-verify=false", reference, target])
            }
            Operation::Save {
                reference,
                file,
                format,
            } => {
                let format = match format {
                    ArchiveFormat::Docker => "docker-archive",
                    ArchiveFormat::Oci => "oci-archive",
                };
                command.args(["save", "--format", format, "-o"]);
                command.arg(file).arg(reference)
            }
            Operation::Load { file, .. } => command.args(["load", "-i"]).arg(file),
            Operation::List => command.arg("images"),
            Operation::Run { reference, network } => command
                .args(["run", "--rm", "--network", network, reference])
                .args(["/bin/busybox", "true"]),
        };
        Some(vec![command])
    }
}
