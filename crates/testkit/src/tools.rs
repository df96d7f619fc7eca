//! The peers that are plain programs, each with folders of its own inside the sandbox.

use crate::files::write;
use crate::peers::Peer;
use crate::process::ProgramCommand;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// Skopeo, which takes every image and needs no signature. `None`, said aloud, where it is not installed.
    pub fn skopeo(&self) -> Option<ProgramCommand> {
        let program = Peer::Skopeo.installed()?;
        Some(
            self.program(program)
                .args(["--insecure-policy", "--tmpdir"])
                .arg(self.path().join("temp")),
        )
    }

    /// Umoci.
    pub fn umoci(&self) -> Option<ProgramCommand> {
        Some(self.program(Peer::Umoci.installed()?))
    }

    /// Podman with a store in the sandbox. Its driver copies files: that works everywhere.
    pub fn podman(&self) -> Option<ProgramCommand> {
        let program = Peer::Podman.installed()?;
        let command = self.storage_arguments(self.program(program));
        Some(
            command
                .args(["--events-backend", "none", "--cgroup-manager", "cgroupfs"])
                .arg("--tmpdir")
                .arg(self.path().join("run/podman")),
        )
    }

    /// Buildah with the same store as [`Sandbox::podman`].
    pub fn buildah(&self) -> Option<ProgramCommand> {
        let program = Peer::Buildah.installed()?;
        Some(self.storage_arguments(self.program(program)))
    }

    /// A file says the same as the options: these programs complain of a file that does not name a driver, and podman
    /// takes the place of running things from nowhere else.
    fn storage_arguments(&self, command: ProgramCommand) -> ProgramCommand {
        let [storage, running] =
            ["containers", "run/containers"].map(|path| self.path().join(path));
        let configuration = self.path().join("storage.conf");
        if !configuration.exists() {
            let text = format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
                storage.display(),
                running.display()
            );
            write(&configuration, text);
        }
        command
            // They insist on Docker's file where this leads to one; their own files are below HOME.
            .without_env("DOCKER_CONFIG")
            .env("CONTAINERS_STORAGE_CONF", configuration)
            .arg("--root")
            .arg(storage)
            .arg("--runroot")
            .arg(running)
            .args(["--storage-driver", "vfs"])
    }
}
