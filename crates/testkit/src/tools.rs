//! The peers that are plain programs, each with folders of its own inside the sandbox.

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

    fn storage_arguments(&self, command: ProgramCommand) -> ProgramCommand {
        command
            .env("CONTAINERS_STORAGE_CONF", "/dev/null")
            .arg("--root")
            .arg(self.path().join("containers"))
            .arg("--runroot")
            .arg(self.path().join("run/containers"))
            .args(["--storage-driver", "vfs"])
    }
}
