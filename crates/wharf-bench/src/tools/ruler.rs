//! The bare work.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::session::{ORDINARY_ID, Operation, Store, User};
use crate::sandbox::Sandbox;

pub(super) struct Ruler {
    program: PathBuf,
    root: PathBuf,
    user: User,
}

impl Ruler {
    pub(super) fn new(sandbox: &Sandbox, root: &Path, user: User) -> Result<Self> {
        Ok(Self {
            program: sandbox
                .built_program("pull-ruler")
                .context("pull-ruler has not been built")?,
            root: root.to_path_buf(),
            user,
        })
    }
}

impl Store for Ruler {
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>> {
        let (reference, program): (_, &[&str]) = match operation {
            Operation::PullAndRun { reference } => (reference, &["/bin/busybox", "true"]),
            Operation::Pull { reference } => (reference, &[]),
            _ => return None,
        };
        let mut command = match self.user {
            User::Root => sandbox.command(&self.program),
            User::Ordinary => {
                let mut command = sandbox.command("unshare");
                command.args(["--user", "--map-root-user", "--mount"]);
                command.arg(&self.program);
                command.uid(ORDINARY_ID).gid(ORDINARY_ID);
                command
            }
        };
        command
            .arg(reference)
            .arg(self.root.join("image"))
            .args(program);
        Some(vec![command])
    }
}
