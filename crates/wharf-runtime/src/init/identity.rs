//! Who the container's program is: user, groups, capabilities, limits.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::{FileType, Gid, Uid};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet as KernelSet, CapabilitySets};

use super::{InitError, during};
use crate::accounts::{Account, find_account};
use crate::capabilities::CapabilitySet;
use crate::spec::ProcessSpec;

/// A file of users or groups may be this long.
const FILE_LIMIT_BYTES: u64 = 8 << 20;

/// What the program runs as.
#[derive(Debug)]
pub(super) struct Identity {
    account: Account,
    set_groups: bool,
}

impl Identity {
    /// Looks the user and the groups up in the container's own files.
    pub(super) fn find(process: &ProcessSpec, set_groups: bool) -> Result<Self, InitError> {
        let users = read_file(Path::new("/etc/passwd"))?;
        let groups = read_file(Path::new("/etc/group"))?;
        let mut account = find_account(&process.user, &process.groups, &users, &groups)
            .map_err(|error| InitError::new(error.to_string()))?;
        if !set_groups {
            // There is one id, and it is root's: who asks for another one has the same rights outside.
            (account.user, account.group) = (0, 0);
        }
        Ok(Self {
            account,
            set_groups,
        })
    }

    /// The user's home, for `$HOME`.
    pub(super) fn home(&self) -> &str {
        &self.account.home
    }

    /// Gives the standard streams to the user, who may open them once more as `/dev/stdout` (runc, `fixStdioPermissions`).
    pub(super) fn own_streams(&self) -> Result<(), InitError> {
        let what = "give the standard streams to the user";
        let null = rustix::fs::makedev(1, 3);
        let user = Uid::from_raw(self.account.user);
        for stream in [stdin().as_fd(), stdout().as_fd(), stderr().as_fd()] {
            let stat = rustix::fs::fstat(stream).map_err(during(what))?;
            let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
                && stat.st_rdev == null;
            if stat.st_uid == self.account.user || is_null {
                continue;
            }
            match rustix::fs::fchown(stream, Some(user), None) {
                // Ids that are not mapped, and files that are only read, stay as they are.
                Ok(()) | Err(Errno::PERM | Errno::INVAL | Errno::ROFS) => (),
                Err(error) => return Err(during(what)(error)),
            }
        }
        Ok(())
    }

    /// Becomes this user. What the caller may do afterwards is what its program may.
    pub(super) fn assume(&self) -> Result<(), InitError> {
        let what = format!("become user {}", self.account.user);
        let group = Gid::from_raw(self.account.group);
        if self.set_groups {
            let groups: Vec<_> = std::iter::once(self.account.group)
                .chain(self.account.groups.iter().copied())
                .map(Gid::from_raw)
                .collect();
            rustix::thread::set_thread_groups(&groups).map_err(during(what.clone()))?;
        }
        rustix::thread::set_thread_res_gid(group, group, group).map_err(during(what.clone()))?;
        let user = Uid::from_raw(self.account.user);
        rustix::thread::set_thread_res_uid(user, user, user).map_err(during(what))
    }

    /// Whether the program runs as root.
    pub(super) fn is_root(&self) -> bool {
        self.account.user == 0
    }
}

/// A file that is not there is as good as an empty one.
fn read_file(path: &Path) -> Result<String, InitError> {
    let Ok(file) = std::fs::File::open(path) else {
        return Ok(String::new());
    };
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(during(format!("read {}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In a new user namespace: takes the id 0 that was mapped.
pub(crate) fn become_root_inside(set_groups: bool) -> Result<(), InitError> {
    let what = "become root of the user namespace";
    if set_groups {
        rustix::thread::set_thread_groups(&[]).map_err(during(what))?;
    }
    let (user, group) = (Uid::ROOT, Gid::ROOT);
    rustix::thread::set_thread_res_gid(group, group, group).map_err(during(what))?;
    rustix::thread::set_thread_res_uid(user, user, user).map_err(during(what))
}

/// Takes away for ever what is not in `kept`.
pub(super) fn bound_capabilities(kept: CapabilitySet) -> Result<(), InitError> {
    for capability in CapabilitySet::ALL.without(kept).iter() {
        let one = KernelSet::from_bits_retain(1 << capability.number());
        // A kernel older than the capability does not know it.
        if matches!(rustix::thread::capability_is_in_bounding_set(one), Ok(true)) {
            rustix::thread::remove_capability_from_bounding_set(one)
                .map_err(during(format!("drop {capability}")))?;
        }
    }
    Ok(())
}

/// What root may do from now on. Not more than the caller may.
pub(super) fn take_capabilities(kept: CapabilitySet) -> Result<(), InitError> {
    let what = "set capabilities";
    let mine = rustix::thread::capabilities(None).map_err(during(what))?;
    let set = KernelSet::from_bits_retain(kept.bits()) & mine.permitted;
    let sets = CapabilitySets {
        effective: set,
        permitted: set,
        inheritable: KernelSet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).map_err(during(what))
}

/// The limits of the process, and how likely it is ended when memory is short.
pub(super) fn set_limits(process: &ProcessSpec) -> Result<(), InitError> {
    for limit in &process.limits {
        let resource = resource(&limit.name)
            .ok_or_else(|| InitError::new(format!("invalid ulimit type: {}", limit.name)))?;
        let limits = Rlimit {
            current: limit.soft,
            maximum: limit.hard,
        };
        rustix::process::setrlimit(resource, limits)
            .map_err(during(format!("set the limit {}", limit.name)))?;
    }
    if let Some(score) = process.oom_score {
        let what = "set the OOM score";
        let file = OpenOptions::new()
            .write(true)
            .open("/proc/self/oom_score_adj");
        let mut file = file.map_err(during(what))?;
        file.write_all(score.to_string().as_bytes())
            .map_err(during(what))?;
    }
    Ok(())
}

/// The limit of that name, as `--ulimit` spells it.
fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return None,
    })
}
