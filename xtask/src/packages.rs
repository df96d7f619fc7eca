//! The Debian packages that tests and the demo use: found, installed, or named.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{run as run_command, say, show};

/// A program and the package that brings it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Its name.
    pub(crate) name: &'static str,
    /// The Debian package.
    pub(crate) package: &'static str,
}

const fn program(name: &'static str, package: &'static str) -> Program {
    Program { name, package }
}

/// Makes images; the demo needs it.
pub(crate) const UMOCI: Program = program("umoci", "umoci");
const BUILDAH: Program = program("buildah", "buildah");
const DOCKERD: Program = program("dockerd", "docker.io");
const CONTAINERD: Program = program("containerd", "containerd");
const PODMAN: Program = program("podman", "podman");

/// Other people's clients, which the demo uses where it can.
pub(crate) const CLIENTS: &[Program] = &[BUILDAH, DOCKERD, CONTAINERD, PODMAN];

/// Without these, nothing links or no registry runs.
pub(crate) const REQUIRED: &[Program] = &[
    program("cc", "gcc"),
    program("make", "make"),
    program("docker-registry", "docker-registry"),
    program("skopeo", "skopeo"),
    program("busybox", "busybox-static"),
    program("curl", "curl"),
];

/// The peers that Wharf is compared with. A test whose peer is missing says so and is skipped.
pub(crate) const PEERS: &[Program] = &[
    DOCKERD,
    CONTAINERD,
    PODMAN,
    UMOCI,
    BUILDAH,
    program("newuidmap", "uidmap"),
    program("nft", "nftables"),
    program("iptables", "iptables"),
    program("slirp4netns", "slirp4netns"),
    program("strace", "strace"),
    program("openssl", "openssl"),
    program("zstd", "zstd"),
    program("xz", "xz-utils"),
    program("bzip2", "bzip2"),
    program("sqlite3", "sqlite3"),
    program("db5.3_load", "db5.3-util"),
    program("setfattr", "attr"),
    program("setcap", "libcap2-bin"),
    program("mkfs.ext4", "e2fsprogs"),
    program("initdb", "postgresql"),
    program("ceph-mon", "ceph-mon"),
    program("ceph-osd", "ceph-osd"),
    program("radosgw", "radosgw"),
];

/// Debian's package of PostgreSQL makes a database cluster of its own and starts it, unless a file here says otherwise.
const POSTGRES_SETTINGS: &str = "/etc/postgresql-common/createcluster.d";

/// What builds the portal and walks through it. Debian 12 has a Node that is too old, and then the portal is left out.
pub(crate) const PORTAL: &[Program] = &[
    program("node", "nodejs"),
    program("npm", "npm"),
    program("chromium", "chromium"),
];

/// Makes `required` and `wished` be there: installs what is missing when run as root on Debian, otherwise names it.
///
/// Fails when something required is still missing.
pub(crate) fn provide(required: &[Program], wished: &[Program], install: bool) -> Result<()> {
    let mut absent = missing(required.iter().chain(wished));
    if !absent.is_empty() && install && is_root() && find("apt-get").is_some() {
        let packages = package_names(&absent);
        say(&format!(
            "installing what is missing: {}",
            packages.join(" ")
        ));
        if let Err(error) = install_packages(&packages) {
            say(&format!("not everything could be installed: {error:#}"));
        }
        absent = missing(required.iter().chain(wished));
    }
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|program| program.name).collect();
        say(&format!(
            "missing: {} (apt-get install {})",
            names.join(", "),
            package_names(&absent).join(" ")
        ));
    }
    let needed = missing(required.iter());
    if !needed.is_empty() {
        bail!(
            "this cannot run without them; as root: apt-get install {}",
            package_names(&needed).join(" ")
        );
    }
    Ok(())
}

/// The first executable called `name` in the PATH, in the folders of system administration, or among PostgreSQL's own.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a program for developers, which reads its own environment"
)]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .chain(postgres_folders())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Debian keeps most programs of PostgreSQL out of the PATH, in a folder for each version.
fn postgres_folders() -> impl Iterator<Item = PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    versions
        .into_iter()
        .flatten()
        .map_while(Result::ok)
        .map(|version| version.path().join("bin"))
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|metadata| metadata.uid() == 0)
}

fn missing<'a>(programs: impl Iterator<Item = &'a Program>) -> Vec<Program> {
    programs
        .filter(|program| find(program.name).is_none())
        .copied()
        .collect()
}

fn package_names(programs: &[Program]) -> Vec<&'static str> {
    let mut names: Vec<&str> = programs.iter().map(|program| program.package).collect();
    names.dedup();
    names
}

/// The lists of a fresh machine are empty or old, so they are fetched first.
fn install_packages(packages: &[&str]) -> Result<()> {
    if packages.contains(&"postgresql") {
        forbid_default_cluster()?;
    }
    for arguments in [
        &["update", "--quiet"][..],
        &["install", "--yes", "--quiet", "--no-install-recommends"][..],
    ] {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if arguments.contains(&"install") {
            command.args(packages);
        }
        say(&format!("$ {}", show(&command)));
        run_command(&mut command)?;
    }
    Ok(())
}

/// The tests start servers of their own; one on the usual port would only be in somebody's way.
#[expect(
    clippy::disallowed_methods,
    reason = "a file that did not exist, read by a program that is not installed yet"
)]
fn forbid_default_cluster() -> Result<()> {
    let file = Path::new(POSTGRES_SETTINGS).join("wharf-tests.conf");
    std::fs::create_dir_all(POSTGRES_SETTINGS)
        .and_then(|()| std::fs::write(&file, "create_main_cluster = false\n"))
        .with_context(|| format!("cannot write {}", file.display()))
}
