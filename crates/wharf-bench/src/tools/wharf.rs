//! The product.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::session::{BuildOrder, ORDINARY_ID, Operation, Store, User};
use crate::sandbox::Sandbox;

pub(super) struct Wharf {
    program: PathBuf,
    root: PathBuf,
    mount_point: PathBuf,
    user: User,
}

impl Wharf {
    pub(super) fn new(sandbox: &Sandbox, root: &Path, user: User) -> Result<Self> {
        let mount_point = root.with_file_name("union");
        fs::create_dir(&mount_point)?;
        Ok(Self {
            program: sandbox
                .built_program("wharf")
                .context("wharf has not been built")?,
            root: root.to_path_buf(),
            mount_point,
            user,
        })
    }

    fn wharf(&self, sandbox: &Sandbox) -> Command {
        let mut command = sandbox.command(&self.program);
        command.arg("--root").arg(&self.root);
        if self.user == User::Ordinary {
            command.uid(ORDINARY_ID).gid(ORDINARY_ID);
        }
        command
    }

    /// Mounts the image, runs a program in it, unmounts.
    fn run(&self, sandbox: &Sandbox, reference: &str) -> Vec<Command> {
        let mut mount = self.wharf(sandbox);
        mount
            .args(["image", "mount", reference])
            .arg(&self.mount_point);
        let mut unmount = self.wharf(sandbox);
        unmount.args(["image", "unmount"]).arg(&self.mount_point);
        let mut program = sandbox.command("chroot");
        program
            .arg(&self.mount_point)
            .args(["/bin/busybox", "true"]);
        vec![mount, program, unmount]
    }

    /// The same for an ordinary user: inside one `wharf unshare`, where the mount is visible.
    fn run_unshared(&self, sandbox: &Sandbox, reference: &str) -> Command {
        let script = r#""$0" --root "$1" image mount "$2" "$3" && chroot "$3" /bin/busybox true && "$0" --root "$1" image unmount "$3""#;
        let mut command = self.wharf(sandbox);
        command
            .args(["unshare", "sh", "-c", script])
            .arg(&self.program)
            .arg(&self.root)
            .arg(reference)
            .arg(&self.mount_point);
        command
    }
}

impl Store for Wharf {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let mut command = self.wharf(sandbox);
        match operation {
            Operation::PullAndRun { reference } => {
                command.args(["pull", reference]);
                let mut steps = vec![command];
                match self.user {
                    User::Root => steps.extend(self.run(sandbox, reference)),
                    User::Ordinary => steps.push(self.run_unshared(sandbox, reference)),
                }
                return Some(steps);
            }
            Operation::Pull { reference } => command.args(["pull", reference]),
            Operation::PullLogged { reference } => command
                .args(["--log-level", "debug", "--log-format", "json"])
                .args(["pull", reference]),
            Operation::Push { reference, target } => {
                let mut push = self.wharf(sandbox);
                push.args(["push", target]);
                command.args(["tag", reference, target]);
                return Some(vec![command, push]);
            }
            // One archive is Docker's and OCI's at once.
            Operation::Save {
                reference, file, ..
            } => command.arg("save").arg("-o").arg(file).arg(reference),
            Operation::Load { file, .. } => command.args(["load", "-i"]).arg(file),
            Operation::List => command.arg("images"),
            Operation::Run { reference, network } => command
                .args(["run", "--rm", "--network", network, reference])
                .args(["/bin/busybox", "true"]),
            Operation::Build(BuildOrder {
                context,
                target,
                cached,
            }) => command
                .args(["build", "--tag", "bench", "--network", "none"])
                .args((!cached).then_some("--no-cache"))
                .args(target.map(|target| format!("--target={target}")))
                .arg(context),
        };
        Some(vec![command])
    }
}
