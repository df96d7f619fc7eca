//! The folder that the demo plays in, and how it runs a command: shown first, as one would type it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{run as run_command, say};

/// A temporary folder with a store, a home and an empty environment; it is removed at the end.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    path: String,
}

impl Stage {
    /// Makes the folder below the system's folder for temporary files. `binaries` is where `wharf` lies.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is a program for developers, which reads its own environment"
    )]
    pub(crate) fn new(binaries: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("wharf-demo-{}", std::process::id()));
        for name in ["home", "work", "run"] {
            fs::create_dir_all(folder.join(name))
                .with_context(|| format!("making {}", folder.display()))?;
        }
        let inherited = std::env::var("PATH").unwrap_or_default();
        Ok(Self {
            path: format!("{}:{inherited}:/usr/sbin:/sbin", binaries.display()),
            folder,
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Says what comes next.
    pub(crate) fn chapter(title: &str) {
        say(&format!("\n# {title}"));
    }

    /// Shows `line` and runs it by a shell; its output is the demo's. Fails when it fails.
    pub(crate) fn run(&self, line: &str) -> Result<()> {
        say(&format!("\n$ {line}"));
        self.run_quietly(line)
    }

    /// Runs `line` by a shell without showing it: what the demo needs and the viewer does not.
    pub(crate) fn run_quietly(&self, line: &str) -> Result<()> {
        run_command(self.command("/bin/sh").args(["-euc", line]))
            .with_context(|| format!("in {}", self.folder.display()))
    }

    /// `program` with the stage's environment: nothing of the person's own store, home and credentials is touched.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.folder.join("work"))
            .env("PATH", &self.path)
            .env("HOME", self.folder.join("home"))
            .env("TMPDIR", &self.folder)
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .env("WHARF_ROOT", self.folder.join("store"))
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            say(&format!(
                "{} could not be removed: {error}",
                self.folder.display()
            ));
        }
    }
}
