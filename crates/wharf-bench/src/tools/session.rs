//! What all tools have in common: an empty store, an accounting group around it, and operations.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::buildah::Buildah;
use super::buildkit::Buildkit;
use super::dockerd::Dockerd;
use super::podman::Podman;
use super::ruler::Ruler;
use super::skopeo::Skopeo;
use super::wharf::Wharf;
use crate::accounting::{Account, Usage, run};
use crate::memory::{bring_into_memory, touch_free_memory};
use crate::sandbox::Sandbox;
use crate::volume::{Volume, VolumeKind};

/// The ordinary user that tools run as: an id without rights, without a name, without subordinate ids.
pub(super) const ORDINARY_ID: u32 = 12_321;

/// A tool under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// The bare work, see the crate `pull-ruler`.
    Ruler,
    Wharf,
    Dockerd,
    Podman,
    /// Copies without unpacking.
    Skopeo,
    Buildah,
    Buildkit,
}

/// Who runs the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum User {
    Root,
    Ordinary,
}

/// The two kinds of archive that images are saved in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArchiveFormat {
    Docker,
    Oci,
}

/// What a tool is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation<'a> {
    /// Pull, make the file system visible, run `/bin/busybox true` in it.
    PullAndRun {
        reference: &'a str,
    },
    /// Pull only: for re-pulls, and to prepare.
    Pull {
        reference: &'a str,
    },
    /// The same, with the tool's own account of its work as JSON lines on standard error.
    PullLogged {
        reference: &'a str,
    },
    /// Push what was pulled as `reference` to `target`; the first step only names it.
    Push {
        reference: &'a str,
        target: &'a str,
    },
    Save {
        reference: &'a str,
        file: &'a Path,
        format: ArchiveFormat,
    },
    Load {
        file: &'a Path,
        format: ArchiveFormat,
    },
    List,
    /// Run `/bin/busybox true` in a new container of an image that is there.
    Run {
        reference: &'a str,
        network: &'a str,
    },
    Build(BuildOrder<'a>),
}

/// A build: of the context's `Dockerfile`, its programs without a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuildOrder<'a> {
    pub(crate) context: &'a Path,
    /// The stage, if it is not the last one.
    pub(crate) target: Option<&'a str>,
    /// Whether what earlier builds came to may be taken.
    pub(crate) cached: bool,
}

/// An empty store that is ready, with its daemons.
pub(super) trait Store {
    /// The commands that do `operation`, or nothing when the tool cannot do it.
    fn steps(&self, sandbox: &Sandbox, operation: Operation<'_>) -> Option<Vec<Command>>;
}

impl Tool {
    /// The word in tables and on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ruler => "ruler",
            Self::Wharf => "wharf",
            Self::Dockerd => "dockerd",
            Self::Podman => "podman",
            Self::Skopeo => "skopeo",
            Self::Buildah => "buildah",
            Self::Buildkit => "buildkit",
        }
    }

    /// The version of what is installed, or nothing when it is not.
    pub(crate) fn version(self, sandbox: &Sandbox) -> Option<String> {
        let mut command = match self {
            Self::Ruler => return sandbox.built_program("pull-ruler").map(|_| String::new()),
            Self::Wharf => sandbox.command(sandbox.built_program("wharf")?),
            Self::Buildkit => sandbox.command(sandbox.fetched_program("buildkitd")?),
            tool => sandbox.command(tool.word()),
        };
        let output = command.arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut words = text
            .split_whitespace()
            .map(|word| word.trim_start_matches('v').trim_end_matches(','));
        let version = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
        Some(version.to_owned())
    }

    fn open(self, sandbox: &Sandbox, root: &Path, user: User) -> Result<Box<dyn Store>> {
        Ok(match (self, user) {
            (Self::Ruler, user) => Box::new(Ruler::new(sandbox, root, user)?),
            (Self::Wharf, user) => Box::new(Wharf::new(sandbox, root, user)?),
            (Self::Dockerd, User::Root) => Box::new(Dockerd::start(sandbox, root)?),
            (Self::Podman, User::Root) => Box::new(Podman::new(root)),
            (Self::Skopeo, User::Root) => Box::new(Skopeo::new(root)),
            (Self::Buildah, User::Root) => Box::new(Buildah::new(root)),
            (Self::Buildkit, User::Root) => Box::new(Buildkit::start(sandbox, root)?),
            (tool, User::Ordinary) => bail!("{tool} is measured as root only"),
        })
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Who moves images, in the order of the tables.
pub(crate) const IMAGE_TOOLS: [Tool; 5] = [
    Tool::Ruler,
    Tool::Wharf,
    Tool::Dockerd,
    Tool::Podman,
    Tool::Skopeo,
];
/// Who runs containers or builds images, in the order of the tables.
pub(crate) const CONTAINER_TOOLS: [Tool; 5] = [
    Tool::Wharf,
    Tool::Dockerd,
    Tool::Podman,
    Tool::Buildah,
    Tool::Buildkit,
];

/// Those of `tools` that are installed, with their versions.
pub(crate) fn installed(sandbox: &Sandbox, tools: &[Tool]) -> Vec<(Tool, String)> {
    let installed = tools
        .iter()
        .filter_map(|tool| Some((*tool, tool.version(sandbox)?)));
    installed.collect()
}

/// A tool with an empty store on a file system of its own. Dropped in this order: the tool, its group, its volume.
pub(crate) struct Session {
    tool: Tool,
    store: Box<dyn Store>,
    account: Account,
    volume: Volume,
    sandbox: Sandbox,
}

impl Session {
    pub(crate) fn open(
        sandbox: &Sandbox,
        tool: Tool,
        user: User,
        kind: VolumeKind,
    ) -> Result<Self> {
        let volume = Volume::fresh(sandbox, kind, tool.word())?;
        let account = Account::new(tool.word())?;
        let root = volume.path().join("store");
        fs::create_dir(&root)?;
        // Temporary files belong to the tool: they lie on its own file system.
        fs::create_dir(volume.path().join("tmp"))?;
        if user == User::Ordinary {
            for folder in ["store", "tmp"] {
                let folder = volume.path().join(folder);
                std::os::unix::fs::chown(folder, Some(ORDINARY_ID), Some(ORDINARY_ID))?;
            }
        }
        let store = account.inside(|| tool.open(sandbox, &root, user))?;
        Ok(Self {
            tool,
            store,
            account,
            volume,
            sandbox: sandbox.clone(),
        })
    }

    /// Does `operation` and answers what it took, or nothing when the tool cannot do it.
    pub(crate) fn measure(&self, operation: Operation<'_>) -> Result<Option<Usage>> {
        let Some(mut steps) = self.commands(operation) else {
            return Ok(None);
        };
        for step in &steps {
            let program = Path::new("/usr/bin").join(step.get_program());
            if program.exists() {
                bring_into_memory(&program)?;
            }
        }
        touch_free_memory();
        Ok(Some(self.account.measure(&mut steps)?.0))
    }

    /// Does `operation` and answers the wall seconds of its last step alone, without accounting around it: for commands of
    /// a few milliseconds.
    pub(crate) fn time_last_step(&self, operation: Operation<'_>) -> Result<f64> {
        let Some(mut steps) = self.commands(operation) else {
            bail!("{} cannot do this", self.tool);
        };
        let last = steps.pop();
        for step in &mut steps {
            run(step)?;
        }
        let start = Instant::now();
        if let Some(mut last) = last {
            run(&mut last)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// The commands of `operation`, not yet started.
    pub(crate) fn commands(&self, operation: Operation<'_>) -> Option<Vec<Command>> {
        let mut steps = self.store.steps(&self.sandbox, operation)?;
        for step in &mut steps {
            step.env("TMPDIR", self.temporary());
        }
        Some(steps)
    }

    /// The folder that the tool keeps everything in.
    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.volume.path().join("store")
    }

    /// A folder on the tool's own file system.
    pub(crate) fn temporary(&self) -> std::path::PathBuf {
        self.volume.path().join("tmp")
    }

    pub(crate) fn tool(&self) -> Tool {
        self.tool
    }
}
