//! One mount inside of the container.

use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use rustix::thread::LinkNameSpaceType;

use super::tree::{attach, detached, make_file, make_folder, open_inside, path_of};
use super::{InitError, copy_up, during};
use crate::spec::{MountSource, MountSpec, Propagation, SecretBytes};
use crate::sys::{MountChange, change_mount};

const MS_PRIVATE: u64 = 1 << 18;
const MS_SLAVE: u64 = 1 << 19;
const MS_SHARED: u64 = 1 << 20;
/// What a secret's file is called where nobody sees it.
const SECRET_NAME: &str = "secret";

/// Mounts it below `root`.
pub(crate) fn mount(root: &OwnedFd, mount: &MountSpec) -> Result<(), InitError> {
    match &mount.what {
        MountSource::Bind {
            source,
            recursive,
            propagation,
            copy_up,
        } => {
            if *copy_up {
                copy_up::fill(root, &mount.target, source)?;
            }
            bind(root, mount, source, *recursive, *propagation)
        }
        MountSource::FileSystem {
            kind,
            options,
            or_bind,
        } => {
            let refused = match new_file_system(kind, options, mount) {
                Ok(made) => {
                    let place = make_folder(root, &mount.target)?;
                    return attach(&made, &place).map_err(during(telling(kind, mount)));
                }
                Err(error) => error,
            };
            match or_bind {
                Some(source) if matches!(refused, Errno::PERM | Errno::BUSY) => {
                    bind(root, mount, source, true, Propagation::Private)
                }
                _ => Err(during(telling(kind, mount))(refused)),
            }
        }
        MountSource::OfNamespace { namespace, path } => of_namespace(root, mount, namespace, path),
        MountSource::Cgroups => cgroups(root, mount),
        MountSource::Secret {
            content,
            mode,
            user,
            group,
        } => secret(root, mount, content, *mode, (*user, *group)),
    }
}

fn telling(kind: &str, mount: &MountSpec) -> String {
    format!("mount {kind} at {}", mount.target.display())
}

fn bind(
    root: &OwnedFd,
    mount: &MountSpec,
    source: &Path,
    recursive: bool,
    propagation: Propagation,
) -> Result<(), InitError> {
    let what = telling(&source.to_string_lossy(), mount);
    let copy = detached(source, recursive).map_err(during(what.clone()))?;
    let mut change = MountChange::default();
    if mount.read_only {
        change = change.read_only();
    }
    if !mount.set_uid {
        change = change.without_set_uid();
    }
    if !mount.devices {
        change = change.without_devices();
    }
    if !mount.execute {
        change = change.without_execution();
    }
    if change != MountChange::default() {
        change_mount(&copy, change, recursive).map_err(during(what.clone()))?;
    }
    let flag = match propagation {
        Propagation::Private => MS_PRIVATE,
        Propagation::Slave => MS_SLAVE,
        Propagation::Shared => MS_SHARED,
    };
    // Asked of the source's file system, not of the copy: a file system that is gone answers too.
    let is_folder = std::fs::metadata(source).is_ok_and(|metadata| metadata.is_dir());
    let place = if is_folder {
        make_folder(root, &mount.target)?
    } else {
        make_file(root, &mount.target)?
    };
    attach(&copy, &place).map_err(during(what.clone()))?;
    change_mount(&copy, MountChange::default().propagation(flag), recursive).map_err(during(what))
}

/// A file of a file system of its own, of which nothing but that file is ever mounted in the container: on no disk, and gone with it.
fn secret(
    root: &OwnedFd,
    mount: &MountSpec,
    content: &SecretBytes,
    mode: u32,
    (user, group): (u32, u32),
) -> Result<(), InitError> {
    let what = || format!("show a secret at {}", mount.target.display());
    let writable = MountSpec {
        read_only: false,
        ..mount.clone()
    };
    // Not even where memory is swapped to a disk, as far as the kernel can be told (6.4, and not in user namespaces).
    let options = |more: &[&str]| -> Vec<String> {
        let all = ["mode=700"].iter().chain(more);
        all.map(|option| (*option).to_owned()).collect()
    };
    let made = new_file_system("tmpfs", &options(&["noswap"]), &writable)
        .or_else(|_not_known| new_file_system("tmpfs", &options(&[]), &writable))
        .map_err(during(what()))?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&made, SECRET_NAME, flags, Mode::RUSR | Mode::WUSR)
        .map_err(during(what()))?;
    let mut file = std::fs::File::from(file);
    file.write_all(content.expose()).map_err(during(what()))?;
    match std::os::unix::fs::fchown(&file, Some(user), Some(group)) {
        // An id that the container does not have: nobody inside can be that user either.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => (),
        changed => changed.map_err(during(what()))?,
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777))
        .map_err(during(what()))?;
    // Only what is mounted somewhere can be copied: for that moment it lies upon the root, which is open already.
    attach(&made, root).map_err(during(what()))?;
    let copy = detached(&path_of(&made).join(SECRET_NAME), false);
    rustix::mount::unmount(path_of(&made), UnmountFlags::DETACH).map_err(during(what()))?;
    let copy = copy.map_err(during(what()))?;
    change_mount(&copy, MountChange::default().read_only(), false).map_err(during(what()))?;
    let place = make_file(root, &mount.target)?;
    attach(&copy, &place).map_err(during(what()))
}

/// A mount can be copied only by whoever is in its namespace: so we go there and come back.
fn of_namespace(
    root: &OwnedFd,
    mount: &MountSpec,
    namespace: &Path,
    path: &Path,
) -> Result<(), InitError> {
    let what = telling(&path.to_string_lossy(), mount);
    let open = |path: &Path| std::fs::File::open(path).map_err(during(what.clone()));
    let (theirs, ours) = (open(namespace)?, open(Path::new("/proc/self/ns/mnt"))?);
    let enter = |namespace: &std::fs::File| {
        rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))
            .map_err(during(what.clone()))
    };
    enter(&theirs)?;
    let copy = detached(path, false);
    enter(&ours)?;
    let copy = copy.map_err(during(what.clone()))?;
    let place = make_folder(root, &mount.target)?;
    attach(&copy, &place).map_err(during(what))
}

fn new_file_system(kind: &str, options: &[String], mount: &MountSpec) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    // What lists of mounts call it, which can be said once only.
    let source = options
        .iter()
        .find_map(|option| option.strip_prefix("source="));
    fsconfig_set_string(context.as_fd(), "source", source.unwrap_or(kind))?;
    for option in options {
        match option.split_once('=') {
            Some(("source", _)) => (),
            Some((key, value)) => fsconfig_set_string(context.as_fd(), key, value)?,
            None => fsconfig_set_flag(context.as_fd(), option.as_str())?,
        }
    }
    fsconfig_create(context.as_fd())?;
    let mut attributes = MountAttrFlags::empty();
    for (wanted, flag) in [
        (mount.read_only, MountAttrFlags::MOUNT_ATTR_RDONLY),
        (!mount.set_uid, MountAttrFlags::MOUNT_ATTR_NOSUID),
        (!mount.devices, MountAttrFlags::MOUNT_ATTR_NODEV),
        (!mount.execute, MountAttrFlags::MOUNT_ATTR_NOEXEC),
    ] {
        attributes.set(flag, wanted);
    }
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// The hierarchies of version 1, each in its folder, and that of version 2 where it is: as the machine has them. The container
/// sees its own part alone, since its cgroup namespace begins there.
fn cgroups(root: &OwnedFd, mount: &MountSpec) -> Result<(), InitError> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")
        .map_err(during("read the machine's mounts"))?;
    let hierarchies = Hierarchy::all(&table);
    let only_second = matches!(&hierarchies[..], [one] if one.kind == "cgroup2");
    if only_second {
        return match new_file_system("cgroup2", &[], mount) {
            Ok(made) => {
                let place = make_folder(root, &mount.target)?;
                attach(&made, &place).map_err(during(telling("cgroup2", mount)))
            }
            Err(Errno::PERM | Errno::BUSY) => {
                let machines = Path::new("/sys/fs/cgroup");
                bind(root, mount, machines, true, Propagation::Private)
            }
            Err(error) => Err(during(telling("cgroup2", mount))(error)),
        };
    }
    if hierarchies.is_empty() {
        return Ok(());
    }
    let folder = MountSpec {
        read_only: false,
        ..mount.clone()
    };
    let options = ["mode=755".to_owned(), "size=65536".to_owned()];
    let made =
        new_file_system("tmpfs", &options, &folder).map_err(during(telling("tmpfs", mount)))?;
    let place = make_folder(root, &mount.target)?;
    attach(&made, &place).map_err(during(telling("tmpfs", mount)))?;
    for hierarchy in &hierarchies {
        let target = mount.target.join(&hierarchy.name);
        // What this kernel or user may not mount is left out: nothing in a container needs it.
        if let Ok(made) = new_file_system(hierarchy.kind, &hierarchy.options, mount) {
            let place = make_folder(root, &target)?;
            attach(&made, &place).map_err(during(telling(hierarchy.kind, mount)))?;
        }
    }
    if mount.read_only {
        let place = open_inside(root, &mount.target, OFlags::PATH)
            .map_err(during(telling("tmpfs", mount)))?;
        change_mount(&place, MountChange::default().read_only(), false)
            .map_err(during(telling("tmpfs", mount)))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    kind: &'static str,
    name: PathBuf,
    options: Vec<String>,
}

impl Hierarchy {
    /// Those below `/sys/fs/cgroup` in the text of a `mountinfo` (proc(5)).
    fn all(table: &str) -> Vec<Self> {
        table.lines().filter_map(Self::of_line).collect()
    }

    fn of_line(line: &str) -> Option<Self> {
        let (fields, rest) = line.split_once(" - ")?;
        let target = Path::new(fields.split(' ').nth(4)?);
        let mut rest = rest.split(' ');
        let kind = rest.next()?;
        let super_options = rest.nth(1)?;
        let name = target.strip_prefix("/sys/fs/cgroup").ok()?.to_path_buf();
        match kind {
            "cgroup2" => Some(Self {
                kind: "cgroup2",
                name,
                options: Vec::new(),
            }),
            "cgroup" => Some(Self {
                kind: "cgroup",
                name,
                options: super_options
                    .split(',')
                    .filter(|option| !matches!(*option, "rw" | "ro"))
                    .map(str::to_owned)
                    .collect(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found() {
        let table = "\
30 25 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
34 25 0:30 / /proc rw - proc proc rw
a line that is none
";
        let found = Hierarchy::all(table);
        let names: Vec<_> = found
            .iter()
            .map(|one| (one.kind, one.name.to_str().unwrap(), one.options.join("+")))
            .collect();
        assert_eq!(
            names,
            [
                ("cgroup", "cpu,cpuacct", "cpu+cpuacct".to_owned()),
                ("cgroup", "systemd", "name=systemd".to_owned()),
                ("cgroup2", "unified", String::new()),
            ]
        );
    }
}
