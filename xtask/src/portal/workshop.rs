//! A copy of `ui/` in the target folder, with what it depends on installed: nothing is built among the sources.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::node::find_npm;
use crate::process::{
    repository_root, run as run_command, say, say_on_stderr, show, target_folder,
};

/// What is not source: made by npm, by the build, by the tests.
const MADE: [&str; 3] = ["node_modules", "dist", ".built-tests"];
/// What npm prints when it reaches no registry.
const UNREACHABLE: [&str; 6] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "ETIMEDOUT",
];
/// The lockfile that was installed, beside what was installed from it.
const INSTALLED: &str = "node_modules/.installed-lockfile.json";

/// The copy, ready to be built.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: PathBuf,
    npm: PathBuf,
}

/// Whether there is one.
#[derive(Debug)]
pub(super) enum Opening {
    /// There is.
    Ready(Workshop),
    /// This machine cannot build the portal.
    Closed {
        /// Why not.
        reason: String,
    },
}

impl Workshop {
    /// Copies the sources and installs what they need, unless that is installed already.
    pub(super) fn open() -> Result<Opening> {
        let npm = match find_npm()? {
            Ok(npm) => npm,
            Err(reason) => return Ok(Opening::Closed { reason }),
        };
        let workshop = Self {
            folder: target_folder()?.join("portal"),
            npm,
        };
        workshop.copy_sources()?;
        if workshop.is_installed()? || workshop.install()? {
            return Ok(Opening::Ready(workshop));
        }
        Ok(Opening::Closed {
            reason: "npm reaches no package registry".to_owned(),
        })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a build in it makes.
    pub(super) fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// Copies what was built.
    pub(super) fn copy_dist_to(&self, target: &Path) -> Result<()> {
        copy_tree(&self.dist(), target, &[])
    }

    /// Runs npm in it.
    pub(super) fn npm(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.npm_command(arguments);
        say(&format!("\n$ {}", show(&command)));
        run_command(&mut command)
    }

    /// An npm that is still to be run in it.
    pub(super) fn npm_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.npm);
        command.args(arguments).current_dir(&self.folder);
        command
    }

    fn copy_sources(&self) -> Result<()> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("making {}", self.folder.display()))?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name() != "node_modules" {
                remove(&entry.path())?;
            }
        }
        copy_tree(&repository_root().join("ui"), &self.folder, &MADE)
    }

    fn is_installed(&self) -> Result<bool> {
        let wanted = fs::read(self.folder.join("package-lock.json"))?;
        match fs::read(self.folder.join(INSTALLED)) {
            Ok(installed) => Ok(installed == wanted),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Installs what the lockfile names, and gives whether a registry could be reached.
    fn install(&self) -> Result<bool> {
        let mut command = self.npm_command(&["ci", "--prefer-offline"]);
        say(&format!("\n$ {}", show(&command)));
        let output = command.output().context("cannot start npm")?;
        if output.status.success() {
            let lockfile = self.folder.join("package-lock.json");
            fs::copy(lockfile, self.folder.join(INSTALLED)).context("noting what was installed")?;
            return Ok(true);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if UNREACHABLE.iter().any(|code| said.contains(code)) {
            return Ok(false);
        }
        say_on_stderr(&said);
        bail!("`{}` failed: {}", show(&command), output.status);
    }
}

fn remove(path: &Path) -> Result<()> {
    let outcome = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    outcome.with_context(|| format!("removing {}", path.display()))
}

/// Copies the files below `source`, without the entries directly in it that are called as in `but`.
fn copy_tree(source: &Path, target: &Path, but: &[&str]) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("making {}", target.display()))?;
    for entry in fs::read_dir(source).with_context(|| format!("listing {}", source.display()))? {
        let entry = entry?;
        if but.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let copy = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &copy, &[])?;
        } else {
            fs::copy(entry.path(), &copy)
                .with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}
