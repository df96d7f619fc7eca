//! Somebody who is not root, as whom tests that run as root run the binary.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::peers::{find_program, running_as_root, skip};
use crate::process::ProgramCommand;
use crate::sandbox::Sandbox;

/// `nobody` everywhere.
const NOBODY: u32 = 65_534;
/// A `/dev/net/tun` of one's own that everybody may open.
const WITH_TUNNEL: &str = "mount -t tmpfs tunnel /dev/net && mknod -m 666 /dev/net/tun c 10 200 \
    && : </dev/net/tun && exec \"$@\"";
/// A system of its own in which `/etc` has two files that the machine may not have, without a change of the machine's.
const WITH_RANGES: &str = "ranges=$1; shift; \
    mount -t overlay -o lowerdir=\"$ranges\":/etc overlay /etc && exec \"$@\"";

/// An ordinary user. Where the tests do not run as root, it is whoever runs them.
#[derive(Debug, Clone)]
pub struct OrdinaryUser {
    /// The folder with `subuid` and `subgid`, for a user who has subordinate ids.
    ranges: Option<PathBuf>,
    tunnel: bool,
}

impl OrdinaryUser {
    /// Somebody with one id.
    pub fn with_one_id() -> Self {
        Self {
            ranges: None,
            tunnel: false,
        }
    }

    /// The same user, who may open `/dev/net/tun`. `None`, said aloud, where nobody may.
    pub fn with_tunnel(self, sandbox: &Sandbox) -> Option<Self> {
        let user = Self {
            tunnel: true,
            ..self
        };
        if !running_as_root() || user.program(sandbox, "true").run().code != 0 {
            skip("/dev/net/tun cannot be given to an ordinary user here");
            return None;
        }
        Some(user)
    }

    /// Somebody with the ids 1 to 65536 besides: the machine's from `first` on. `None`, said aloud, where that cannot be.
    pub fn with_subordinate_ids(sandbox: &Sandbox, first: u32) -> Option<Self> {
        if !running_as_root() {
            skip("only root can give subordinate ids to a user of its choice");
            return None;
        }
        if find_program("newuidmap").is_none() {
            skip("newuidmap (uidmap) is not installed");
            return None;
        }
        let folder = sandbox.path().join(format!("ranges-{first}"));
        std::fs::create_dir_all(&folder).expect("a folder of the sandbox");
        for file in ["subuid", "subgid"] {
            crate::write(&folder.join(file), format!("{NOBODY}:{first}:65536\n"));
        }
        let user = Self {
            ranges: Some(folder),
            tunnel: false,
        };
        let map = ["--user", "--map-root-user", "--map-auto", "true"];
        let tried = user.program(sandbox, "unshare").args(map).run();
        if tried.code != 0 {
            skip("subordinate ids cannot be mapped here");
            return None;
        }
        Some(user)
    }

    /// Runs a program as this user.
    pub fn program(&self, sandbox: &Sandbox, program: impl AsRef<OsStr>) -> ProgramCommand {
        if !running_as_root() {
            return sandbox.program(program);
        }
        let id = NOBODY.to_string();
        let become_nobody = [
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--inh-caps=-all",
            "--",
        ];
        let mut words: Vec<&OsStr> = Vec::new();
        if self.ranges.is_some() || self.tunnel {
            words.extend(["unshare", "--mount"].map(OsStr::new));
        }
        if let Some(ranges) = &self.ranges {
            words.extend(["sh", "-c", WITH_RANGES, "sh"].map(OsStr::new));
            words.push(ranges.as_os_str());
        }
        if self.tunnel {
            words.extend(["sh", "-c", WITH_TUNNEL, "sh"].map(OsStr::new));
        }
        words.push(OsStr::new("setpriv"));
        words.extend(become_nobody.map(OsStr::new));
        words.push(program.as_ref());
        let (first, others) = words.split_first().expect("there is one");
        sandbox.program(first).args(others)
    }

    /// Gives something with all that is in it to this user; modes stay as they are.
    pub fn own(&self, path: &Path) {
        if running_as_root() {
            give_away(path);
        }
    }
}

fn give_away(path: &Path) {
    let metadata = path.symlink_metadata().expect("a file of the test");
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).expect("a file of the test");
    if !metadata.is_symlink() {
        // A new owner takes set-ID bits away.
        std::fs::set_permissions(path, metadata.permissions()).expect("a file of the test");
    }
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder of the test") {
            give_away(&entry.expect("a file of the test").path());
        }
    }
}
