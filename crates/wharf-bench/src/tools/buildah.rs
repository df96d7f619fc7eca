//! Buildah, as root, with the overlay driver of the kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::session::{BuildOrder, Operation, Store};
use crate::sandbox::Sandbox;

pub(super) struct Buildah {
    root: PathBuf,
}

impl Buildah {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    fn buildah(&self, sandbox: &Sandbox) -> Command {
        let mut command = sandbox.command("buildah");
        command
            .arg("--root")
            .arg(&self.root)
            .arg("--runroot")
            .arg(sandbox.run.join("buildah-run"))
            .args(["--storage-driver", "overlay"]);
        command
    }
}

impl Store for Buildah {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let mut command = self.buildah(sandbox);
        match operation {
            Operation::Pull { reference } => {
                command.args(["pull", "--tls-verify=false", reference])
            }
            Operation::Build(BuildOrder {
                context,
                target,
                cached,
            }) => command
                .args([
                    "build",
                    "--layers",
                    "--runtime",
                    "runc",
                    "--network",
                    "none",
                ])
                .args(["--tls-verify=false", "--tag", "bench"])
                .args((!cached).then_some("--no-cache"))
                .args(target.map(|target| format!("--target={target}")))
                .arg(context),
            _ => return None,
        };
        Some(vec![command])
    }
}
