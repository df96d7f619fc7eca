//! A place where one test runs programs without touching the machine or the person's home.
//!
//! ```text
//! <sandbox>/home     HOME, and below it the XDG folders
//! <sandbox>/docker   DOCKER_CONFIG
//! <sandbox>/root     the store of Wharf
//! <sandbox>/work     the folder that programs run in
//! <sandbox>/temp     TMPDIR
//! ```

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::ProgramCommand;

/// Folders and an environment of their own; all of it is removed when the test ends.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    binary: Option<PathBuf>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty sandbox.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wharf-test-")
            .tempdir()
            .expect("a temporary folder");
        for name in ["home", "docker", "root", "work", "temp", "run"] {
            fs::create_dir(folder.path().join(name)).expect("a folder of the sandbox");
        }
        Self {
            folder,
            binary: None,
        }
    }

    /// Runs this `wharf` instead of the one that was built with the tests.
    #[must_use]
    pub fn with_binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_path_buf());
        self
    }

    /// The folder that holds everything.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// The store's folder.
    pub fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    /// The folder of Docker's `config.json`.
    pub fn docker_config(&self) -> PathBuf {
        self.path().join("docker")
    }

    /// The folder that programs run in.
    pub fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// The real `wharf`, with its store in the sandbox.
    pub fn wharf<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        arguments: I,
    ) -> ProgramCommand {
        self.program(self.wharf_binary()).args(arguments)
    }

    /// Any other program, by its name in the PATH or by its path.
    pub fn program(&self, program: impl AsRef<OsStr>) -> ProgramCommand {
        let mut command = ProgramCommand::new(program.as_ref(), &self.work());
        for (name, value) in self.environment() {
            command = command.env(name, value);
        }
        command
    }

    /// The whole environment of every program in the sandbox.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = self.home();
        vec![
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            ),
            ("HOME", home.clone().into()),
            ("TMPDIR", self.path().join("temp").into()),
            ("DOCKER_CONFIG", self.docker_config().into()),
            ("XDG_CONFIG_HOME", home.join(".config").into()),
            ("XDG_DATA_HOME", home.join(".local/share").into()),
            ("XDG_STATE_HOME", home.join(".local/state").into()),
            ("XDG_CACHE_HOME", home.join(".cache").into()),
            ("XDG_RUNTIME_DIR", self.path().join("run").into()),
            ("WHARF_ROOT", self.root().into()),
            ("LANG", "C.UTF-8".into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
        ]
    }

    /// The `wharf` to test: what cargo built for this test, or what lies in the target folder of the running test.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells integration tests in the environment where the binary is"
    )]
    pub fn wharf_binary(&self) -> PathBuf {
        if let Some(binary) = &self.binary {
            return binary.clone();
        }
        if let Some(binary) = std::env::var_os("CARGO_BIN_EXE_wharf") {
            return binary.into();
        }
        let test = std::env::current_exe().expect("the path of the running test");
        test.ancestors()
            .map(|folder| folder.join("wharf"))
            .find(|candidate| candidate.is_file())
            .expect("`wharf` beside the tests: run `cargo build --package wharf` first")
    }
}
