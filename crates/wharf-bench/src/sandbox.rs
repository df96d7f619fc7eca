//! Where the bench works, and why nothing of it stays behind.
//!
//! `cargo xtask bench` starts this program as the first process of its own PID and mount namespaces, and asks the kernel to
//! kill it when its parent goes. So whatever ends it, an error, Ctrl-C or kill -9, all daemons die with it, all its mounts
//! vanish, and loop devices free themselves. Only two things need care: the accounting groups, which are removed at the
//! next start, and the cache folder, which is meant to stay.
//!
//! ```text
//! CACHE/images/NAME/      the images, as OCI layouts
//! CACHE/registry/         what the bench's registry serves
//! CACHE/contexts/NAME/    what is built
//! CACHE/tools/            programs of others that were built for the bench
//! CACHE/results.json      the latest figures of each case
//! CACHE/run/              a tmpfs: sockets, configurations, logs, and a mount point for each store under test
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use rustix::mount::{MountFlags, mount};

use crate::accounting::Account;

/// The folders and programs of one run of the bench.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    pub(crate) cache: PathBuf,
    pub(crate) run: PathBuf,
    /// The folder with `wharf` and `pull-ruler`: where this program itself lies.
    pub(crate) programs: PathBuf,
}

impl Sandbox {
    /// Makes the folders; fails when this is not a sandbox.
    pub(crate) fn open(cache: &Path) -> Result<Self> {
        if std::process::id() != 1 {
            bail!(
                "start this with `cargo xtask bench`: it needs a PID and mount namespace of its own"
            );
        }
        let run = cache.join("run");
        fs::create_dir_all(&run).with_context(|| format!("creating {}", run.display()))?;
        mount("wharf-bench", &run, "tmpfs", MountFlags::empty(), None)
            .with_context(|| format!("mounting a tmpfs on {}", run.display()))?;
        let home = run.join("home/.docker");
        fs::create_dir_all(&home)?;
        serde_json::to_writer(
            fs::File::create(home.join("config.json"))?,
            &serde_json::json!({}),
        )?;
        let program = std::env::current_exe()?;
        let programs = program.parent().unwrap_or(&program).to_path_buf();
        Account::remove_left_behind();
        Ok(Self {
            cache: cache.to_path_buf(),
            run,
            programs,
        })
    }

    /// A program of this repository, if it has been built.
    pub(crate) fn built_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.programs.join(name);
        path.exists().then_some(path)
    }

    /// A program of somebody else's that `cargo xtask bench` has built, if it could.
    pub(crate) fn fetched_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.cache.join("tools").join(name);
        path.exists().then_some(path)
    }

    /// A command without the caller's home, so that no configuration of this machine's user comes in.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("DOCKER_HOST")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("XDG_DATA_HOME")
            .env("HOME", self.run.join("home"))
            .env("DOCKER_CONFIG", self.run.join("home/.docker"))
            .stdin(std::process::Stdio::null());
        command
    }
}
