//! Which hierarchies this machine has, and where this process may make groups in them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::control_file;

/// A kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// Shares and quotas of processors.
    Cpu,
    /// What was used of processors (version 1; version 2 counts always).
    Cpuacct,
    /// Which processors and nodes of memory.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// Number of tasks.
    Pids,
    /// Block devices; `blkio` in version 1.
    Io,
    /// Access to device nodes (version 1; version 2 has programs).
    Devices,
    /// Stopping all processes (version 1; version 2 does it always).
    Freezer,
}

/// The hierarchies under which this process may make groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hierarchies {
    /// Below which folder of version 2, and which controllers it has there.
    pub(super) version2: Option<(PathBuf, Vec<Controller>)>,
    /// The mount point of each controller of version 1.
    pub(super) version1: BTreeMap<Controller, PathBuf>,
    /// Why limits are discarded, if there is nothing: for people.
    pub(super) absence: String,
}

impl Controller {
    const ALL: [Self; 8] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Pids,
        Self::Io,
        Self::Devices,
        Self::Freezer,
    ];

    /// Its name in version 1.
    fn version1_name(self) -> &'static str {
        match self {
            Self::Io => "blkio",
            other => other.version2_name(),
        }
    }

    /// Its name in version 2, where it may not exist.
    pub(super) fn version2_name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Io => "io",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
        }
    }
}

impl Hierarchies {
    /// Looks at what is mounted, and at what this user may write. Root gets the roots of the hierarchies, as Docker does it; anybody
    /// else, root of a user namespace too, the part of version 2 that was delegated to them, if this process is in it.
    pub fn find() -> io::Result<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
        let own = std::fs::read_to_string("/proc/self/cgroup")?;
        let mounted = Self::mounted(&mounts);
        if mounted.is_empty() {
            return Ok(Self::absent("no control groups are mounted"));
        }
        let mut found = mounted.writable();
        if found.is_empty() {
            found = mounted.delegated(&own);
        }
        if found.is_empty() {
            return Ok(Self::absent(if mounted.is_read_only() {
                "control groups are mounted read-only"
            } else {
                "no control group is delegated to this user, which a systemd user session would do"
            }));
        }
        if let Some((folder, controllers)) = &mut found.version2 {
            *controllers = version2_controllers(folder);
        }
        Ok(found)
    }

    fn is_empty(&self) -> bool {
        self.version2.is_none() && self.version1.is_empty()
    }

    fn absent(reason: &str) -> Self {
        Self {
            absence: reason.to_owned(),
            ..Self::default()
        }
    }

    /// From `/proc/self/mountinfo`.
    fn mounted(mounts: &str) -> Self {
        let mut found = Self::default();
        for line in mounts.lines() {
            let Some((mount, kind)) = line.split_once(" - ") else {
                continue;
            };
            let Some(point) = mount.split(' ').nth(4).map(unescaped) else {
                continue;
            };
            let mut kind = kind.split(' ');
            match kind.next() {
                Some("cgroup2") if found.version2.is_none() => {
                    found.version2 = Some((point, Vec::new()));
                }
                Some("cgroup") => {
                    let options: Vec<&str> = kind.nth(1).unwrap_or_default().split(',').collect();
                    for controller in Controller::ALL {
                        if options.contains(&controller.version1_name()) {
                            found
                                .version1
                                .entry(controller)
                                .or_insert_with(|| point.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Those whose roots this user may write.
    fn writable(&self) -> Self {
        let mut found = self.clone();
        found.version1.retain(|_, folder| is_writable(folder));
        found.version2 = found.version2.filter(|(folder, _)| is_writable(folder));
        found
    }

    /// The highest folder above this process's own group that belongs to this user: to move a process the kernel wants the right to
    /// write in the common ancestor of where it is and where it goes.
    fn delegated(&self, own: &str) -> Self {
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
        let version2 = self.version2.as_ref().and_then(|(mount, _)| {
            let own = mount.join(own?);
            let above = own
                .ancestors()
                .take_while(|folder| folder.starts_with(mount));
            let delegated = above.take_while(|folder| {
                is_writable(folder) && is_writable(&folder.join("cgroup.procs"))
            });
            Some((delegated.last()?.to_path_buf(), Vec::new()))
        });
        Self {
            version2,
            ..Self::default()
        }
    }

    /// Whether not even root could write, as in a container.
    fn is_read_only(&self) -> bool {
        let version2 = self.version2.iter().map(|(folder, _)| folder);
        let mut folders = self.version1.values().chain(version2);
        folders.all(|folder| rustix::fs::access(folder, Access::WRITE_OK) == Err(Errno::ROFS))
    }
}

/// Which controllers groups below `folder` have or can get.
fn version2_controllers(folder: &Path) -> Vec<Controller> {
    let names = control_file::read(folder, "cgroup.controllers").unwrap_or_default();
    let names: Vec<&str> = names.split_whitespace().collect();
    let known = Controller::ALL.into_iter();
    known
        .filter(|controller| names.contains(&controller.version2_name()))
        .collect()
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

/// A path of mountinfo, in which blanks and backslashes are octal numbers.
fn unescaped(text: &str) -> PathBuf {
    let mut path = text.to_owned();
    for (escaped, plain) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        path = path.replace(escaped, plain);
    }
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let pure = Hierarchies::mounted(
            "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
        );
        assert_eq!(pure.version2, Some(("/sys/fs/cgroup".into(), Vec::new())));
        assert!(pure.version1.is_empty());
        let hybrid = Hierarchies::mounted(
            "30 29 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n\
             31 29 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n\
             32 29 0:29 / /a\\040b rw - cgroup cgroup rw,blkio\n\
             33 29 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             34 29 0:31 / /proc rw - proc proc rw\n",
        );
        assert_eq!(
            hybrid.version2.unwrap().0,
            Path::new("/sys/fs/cgroup/unified")
        );
        let cpu = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(
            hybrid.version1,
            BTreeMap::from([
                (Controller::Cpu, cpu.clone()),
                (Controller::Cpuacct, cpu),
                (Controller::Io, "/a b".into()),
            ])
        );
        assert_eq!(
            Hierarchies::mounted("nothing\n - \n"),
            Hierarchies::default()
        );
    }
}
