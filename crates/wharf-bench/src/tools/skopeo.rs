//! Skopeo: copies images between places without unpacking them. Its store here is an OCI layout.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::session::{ArchiveFormat, Operation, Store};
use crate::sandbox::Sandbox;

pub(super) struct Skopeo {
    layout: PathBuf,
}

impl Skopeo {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            layout: root.join("layout"),
        }
    }

    fn copy(sandbox: &Sandbox, flag: Option<&str>, from: &str, to: &str) -> Command {
        let mut command = sandbox.command("skopeo");
        command
            .args(["copy", "--quiet"])
            .args(flag)
            .args([from, to]);
        command
    }
}

impl Store for Skopeo {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let own = format!("oci:{}:latest", self.layout.display());
        let archive = |file: &Path, format, name: &str| match format {
            ArchiveFormat::Docker => format!("docker-archive:{}{name}", file.display()),
            ArchiveFormat::Oci => format!("oci-archive:{}", file.display()),
        };
        let step = match operation {
            // It has nothing to run a program in: the figure stands in the tables as what copying alone takes.
            Operation::PullAndRun { reference } | Operation::Pull { reference } => Self::copy(
                sandbox,
                Some("--src-tls-verify=false"),
                &format!("docker://{reference}"),
                &own,
            ),
            Operation::Push { target, .. } => Self::copy(
                sandbox,
                Some("--dest-tls-verify=false"),
                &own,
                &format!("docker://{target}"),
            ),
            Operation::Save { file, format, .. } => Self::copy(
                sandbox,
                None,
                &own,
                &archive(file, format, ":bench/saved:latest"),
            ),
            Operation::Load { file, format } => {
                Self::copy(sandbox, None, &archive(file, format, ""), &own)
            }
            Operation::List
            | Operation::PullLogged { .. }
            | Operation::Run { .. }
            | Operation::Build(_) => return None,
        };
        Some(vec![step])
    }
}
