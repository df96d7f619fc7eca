//! The other tools that tests compare Wharf with: whether they are here, and what is said when they are not.

use std::io::Write as _;
use std::path::PathBuf;

/// A program that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The reference registry.
    DockerRegistry,
    /// Docker's daemon, with the containerd that it needs.
    Dockerd,
    /// Docker's command line client.
    Docker,
    /// Podman.
    Podman,
    /// Skopeo.
    Skopeo,
    /// Umoci.
    Umoci,
    /// Buildah.
    Buildah,
    /// Git.
    Git,
    /// OpenSSL's command, which makes certificates.
    OpenSsl,
    /// The statically linked `BusyBox`.
    Busybox,
    /// Slirp4netns, an ordinary user's network.
    Slirp4netns,
    /// Strace, which ends programs at a call of one's choice.
    Strace,
}

impl Peer {
    /// The name of its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::DockerRegistry => "docker-registry",
            Self::Dockerd => "dockerd",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Skopeo => "skopeo",
            Self::Umoci => "umoci",
            Self::Buildah => "buildah",
            Self::Git => "git",
            Self::OpenSsl => "openssl",
            Self::Busybox => "busybox",
            Self::Slirp4netns => "slirp4netns",
            Self::Strace => "strace",
        }
    }

    /// The Debian package that brings it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Dockerd | Self::Docker => "docker.io",
            Self::Busybox => "busybox-static",
            other => other.program(),
        }
    }

    /// Where it is, if it is installed. Says so aloud when it is not: the caller then leaves its test.
    pub fn installed(self) -> Option<PathBuf> {
        let found = find_program(self.program());
        if found.is_none() {
            skip(&format!(
                "{} is not installed (apt-get install {})",
                self.program(),
                self.package()
            ));
        }
        found
    }
}

/// Says that the running test, or a part of it, is skipped and why. The line passes by the test runner's capture, so that
/// `cargo xtask test` can count it.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!(
        "skipped: {reason} [{}]\n",
        thread.name().unwrap_or("a test")
    );
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("writing to standard error");
}

/// Whether the tests run as root. Says so aloud when they do not: the caller then leaves its test.
pub fn running_as_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root may do this (run the tests as root)");
    }
    root
}

/// The first executable called `name` in the PATH, or in the folders of system administration.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' own PATH is read"
)]
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|candidate| {
            rustix::fs::access(candidate, rustix::fs::Access::EXEC_OK).is_ok()
                && candidate.is_file()
        })
}

/// The number in a variable of the tests' own environment: how long a test that can be of any length shall be.
#[expect(
    clippy::disallowed_methods,
    reason = "where the tests' own wishes are read"
)]
pub fn environment_number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
