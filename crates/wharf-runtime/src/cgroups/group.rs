//! A container's group: its folders, made, joined, changed and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::hierarchies::{Controller, Hierarchies};
use super::limits::{self, Limit};
use super::{DeviceRule, Resources, control_file, devices};

/// The group of a container. It is also how a group is found again: as JSON it may be kept, and read back it is the same group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cgroup {
    /// Its name below each hierarchy: `wharf/<id>`.
    name: String,
    /// Its folder of version 2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    version2: Option<PathBuf>,
    /// The controllers that it has there.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    controllers: Vec<Controller>,
    /// Its folder for each other controller, of version 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    version1: BTreeMap<Controller, PathBuf>,
}

/// A new group.
#[derive(Debug)]
pub struct Created {
    /// The group, in which nothing runs yet.
    pub cgroup: Cgroup,
    /// Limits that cannot be enforced here, and why: for people.
    pub warnings: Vec<String>,
    /// Whether the rules about devices hold. If not, who was not asked for `--privileged` must not be able to make device nodes.
    pub devices_limited: bool,
}

/// What went wrong with a group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A name that would lead elsewhere.
    #[error(
        "invalid cgroup name {name:?}: it is made of letters, digits, `_`, `-`, `.`, `:` and `@`, with `/` between its parts"
    )]
    Name {
        /// As it was given.
        name: String,
    },
    /// Something runs in a group of that name.
    #[error("the cgroup {} exists, and process {pid} runs in it: end it, or remove its container", path.display())]
    InUse {
        /// Its folder.
        path: PathBuf,
        /// One of its processes.
        pid: u32,
    },
    /// What this machine or this user cannot do with groups.
    #[error("this container has no cgroup that can {what}")]
    Unsupported {
        /// `freeze its processes`...
        what: &'static str,
    },
    /// Processes that did not do what they had to in time.
    #[error("the processes of the cgroup {} could not be {what} within {seconds} s", path.display())]
    TimedOut {
        /// Its folder.
        path: PathBuf,
        /// `frozen`, `killed`.
        what: &'static str,
        /// How long it was waited.
        seconds: u64,
    },
    /// The kernel refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Kernel {
        /// `make the cgroup`...
        action: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where a controller's files are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Version1(&'a Path),
    Version2(&'a Path),
}

/// What happened to limits that were to be set.
struct Applied {
    /// The machine cannot do them.
    discarded: Vec<String>,
    /// The limit on memory is among them.
    without_memory: bool,
    /// The kernel refused the value.
    refused: Vec<(&'static str, PathBuf, io::Error)>,
}

impl Cgroup {
    /// Makes the group `name` (`wharf/<id>`) with those limits. Only hierarchies that are needed get a folder: version 2, otherwise
    /// freezer and counted time; memory, tasks and input and output, which `stats` wants; devices if there are rules; what is limited.
    pub fn create(
        hierarchies: &Hierarchies,
        name: &str,
        resources: &Resources,
    ) -> Result<Created, CgroupError> {
        check_name(name)?;
        let mut cgroup = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let made = cgroup.make(hierarchies, resources);
        if made.is_err() {
            // What was made before the failure; its reason counts, not that of cleaning up.
            drop(cgroup.remove());
        }
        let (warnings, devices_limited) = made?;
        Ok(Created {
            cgroup,
            warnings,
            devices_limited,
        })
    }

    /// Whether this machine and user have any group at all for it.
    pub fn is_empty(&self) -> bool {
        self.version2.is_none() && self.version1.is_empty()
    }

    /// Its folder of version 2, for clone3's `CLONE_INTO_CGROUP`; the other folders still want [`Cgroup::add`].
    pub fn version2_folder(&self) -> Option<&Path> {
        self.version2.as_deref()
    }

    /// Moves a process with all its threads into it. Its later children are in it as well.
    pub fn add(&self, pid: u32) -> Result<(), CgroupError> {
        self.folders()
            .into_iter()
            .try_for_each(|folder| join(folder, pid))
    }

    /// Changes limits while it runs: what is absent stays. Controllers that were not needed before are joined by all its processes.
    /// Limits that cannot be enforced are returned as warnings; a value that the kernel refuses is an error.
    pub fn update(
        &mut self,
        hierarchies: &Hierarchies,
        resources: &Resources,
    ) -> Result<Vec<String>, CgroupError> {
        let limits = limits::of(resources);
        for controller in limits.iter().map(|limit| limit.controller) {
            if self.place(controller).is_none() && self.make_version1(hierarchies, controller)? {
                self.follow(controller)?;
            }
        }
        let applied = self.apply(hierarchies, &limits);
        if let Some((_, path, source)) = applied.refused.into_iter().next() {
            let action = "set the limit";
            return Err(CgroupError::Kernel {
                action,
                path,
                source,
            });
        }
        Ok(applied.discarded)
    }

    /// The group `name` as a process has left it that died: with all of its folders that are there.
    pub fn left_behind(hierarchies: &Hierarchies, name: &str) -> Result<Self, CgroupError> {
        check_name(name)?;
        let mut cgroup = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        cgroup.adopt(hierarchies);
        let version2 = hierarchies
            .version2
            .as_ref()
            .map(|(base, _)| base.join(name));
        cgroup.version2 = version2.filter(|folder| folder.is_dir());
        Ok(cgroup)
    }

    /// Takes folders of version 1 for its own that another process has made for it, by [`Cgroup::update`].
    pub fn adopt(&mut self, hierarchies: &Hierarchies) {
        for (controller, mount) in &hierarchies.version1 {
            let folder = mount.join(&self.name);
            if !self.version1.contains_key(controller) && folder.is_dir() {
                self.version1.insert(*controller, folder);
            }
        }
    }

    /// Every folder once.
    pub(super) fn folders(&self) -> BTreeSet<&Path> {
        let folders = self.version1.values().chain(&self.version2);
        folders.map(PathBuf::as_path).collect()
    }

    pub(super) fn place(&self, controller: Controller) -> Option<Place<'_>> {
        if let Some(folder) = self.version1.get(&controller) {
            return Some(Place::Version1(folder));
        }
        let folder = self.version2.as_deref()?;
        let held = self.controllers.contains(&controller);
        held.then_some(Place::Version2(folder))
    }

    fn make(
        &mut self,
        hierarchies: &Hierarchies,
        resources: &Resources,
    ) -> Result<(Vec<String>, bool), CgroupError> {
        let limits = limits::of(resources);
        self.make_version2(hierarchies)?;
        let mut needed = BTreeSet::from([Controller::Memory, Controller::Pids, Controller::Io]);
        if self.version2.is_none() {
            needed.extend([Controller::Freezer, Controller::Cpuacct]);
        }
        if resources.devices.is_some() {
            needed.insert(Controller::Devices);
        }
        needed.extend(limits.iter().map(|limit| limit.controller));
        for controller in needed {
            if self.place(controller).is_none() {
                self.make_version1(hierarchies, controller)?;
            }
        }
        let applied = self.apply(hierarchies, &limits);
        let refused = applied.refused.into_iter();
        let refused = refused.map(|(what, path, source)| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            format!("{what} discarded: the kernel refused {file}: {source}")
        });
        let mut warnings: Vec<String> = applied.discarded.into_iter().chain(refused).collect();
        if resources.oom_kill_disable && resources.memory.is_none_or(|memory| memory <= 0) {
            warnings.push("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.".to_owned());
        }
        let limited = match &resources.devices {
            None => false,
            Some(rules) => self.limit_devices(rules)?,
        };
        Ok((warnings, limited))
    }

    /// Whether the rules hold.
    fn limit_devices(&self, rules: &[DeviceRule]) -> Result<bool, CgroupError> {
        let (done, folder) = match (self.version1.get(&Controller::Devices), &self.version2) {
            (Some(folder), _) => (devices::write_version1(folder, rules), folder),
            (None, Some(folder)) => (devices::attach_version2(folder, rules), folder),
            (None, None) => return Ok(false),
        };
        match done {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(source) => Err(CgroupError::Kernel {
                action: "limit the devices of",
                path: folder.clone(),
                source,
            }),
        }
    }

    fn make_version2(&mut self, hierarchies: &Hierarchies) -> Result<(), CgroupError> {
        let Some((base, controllers)) = &hierarchies.version2 else {
            return Ok(());
        };
        let mut folder = base.clone();
        for part in self.name.split('/') {
            enable(&folder, controllers);
            folder.push(part);
            if !make_folder(&folder, folder.ends_with(&self.name))? {
                return Ok(());
            }
        }
        if !controllers.is_empty() {
            let names = control_file::read(&folder, "cgroup.controllers").unwrap_or_default();
            let names: Vec<&str> = names.split_whitespace().collect();
            let held = controllers.iter().copied();
            self.controllers = held
                .filter(|controller| names.contains(&controller.version2_name()))
                .collect();
        }
        self.version2 = Some(folder);
        Ok(())
    }

    /// Whether it has a folder for the controller now.
    fn make_version1(
        &mut self,
        hierarchies: &Hierarchies,
        controller: Controller,
    ) -> Result<bool, CgroupError> {
        let Some(mount) = hierarchies.version1.get(&controller) else {
            return Ok(false);
        };
        let leaf = mount.join(&self.name);
        // Controllers that are mounted together share a folder.
        if !self.version1.values().any(|made| *made == leaf) {
            let mut folder = mount.clone();
            for part in self.name.split('/') {
                let above = folder.clone();
                folder.push(part);
                if !make_folder(&folder, folder == leaf)? {
                    return Ok(false);
                }
                if controller == Controller::Cpuset {
                    inherit_cpuset(&above, &folder)?;
                }
            }
        }
        self.version1.insert(controller, leaf);
        Ok(true)
    }

    /// Lets the processes that are already in the group join the folder of one more controller.
    fn follow(&self, controller: Controller) -> Result<(), CgroupError> {
        // Those that are forked meanwhile come in the next round.
        const ROUNDS: usize = 64;
        let Some(folder) = self.version1.get(&controller) else {
            return Ok(());
        };
        for _ in 0..ROUNDS {
            let joined: BTreeSet<u32> = super::processes::of_folder(folder);
            let missing: Vec<u32> = self.processes().difference(&joined).copied().collect();
            if missing.is_empty() {
                break;
            }
            for pid in missing {
                match join(folder, pid) {
                    Err(CgroupError::Kernel { source, .. }) if is_gone(&source) => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }

    fn apply(&self, hierarchies: &Hierarchies, limits: &[Limit]) -> Applied {
        let mut applied = Applied {
            discarded: Vec::new(),
            without_memory: false,
            refused: Vec::new(),
        };
        let mut again = Vec::new();
        // Twice: memory with swap can only be raised before memory, and only be lowered after it.
        for limit in limits {
            if self.set(limit).is_err() {
                again.push(limit);
            }
        }
        for limit in again {
            let absence = match self.set(limit) {
                Ok(()) => continue,
                Err(Some((path, error))) if !is_absence(&error) => {
                    applied.refused.push((limit.what, path, error));
                    continue;
                }
                Err(_) if self.is_empty() => hierarchies.absence.as_str(),
                Err(_) => "",
            };
            // Who hears that memory is not limited need not hear it of swap.
            let told = limit.what == limits::SWAP && applied.without_memory;
            applied.without_memory |= limit.what == limits::MEMORY;
            if told {
                continue;
            }
            applied.discarded.push(if absence.is_empty() {
                limit.discarded.to_owned()
            } else {
                format!("{} discarded: {absence}.", limit.what)
            });
        }
        applied
    }

    /// Nothing in the error: there is no file for it.
    fn set(&self, limit: &Limit) -> Result<(), Option<(PathBuf, io::Error)>> {
        let (folder, files) = match self.place(limit.controller) {
            None => return Err(None),
            Some(Place::Version1(folder)) => (folder, &limit.version1),
            Some(Place::Version2(folder)) => (folder, &limit.version2),
        };
        if files.is_empty() {
            return Err(None);
        }
        for (names, value) in files {
            let mut result = Err(None);
            for name in names.split('|') {
                result = control_file::write(folder, name, value)
                    .map_err(|error| Some((folder.join(name), error)));
                if result.is_ok() {
                    break;
                }
            }
            result?;
        }
        Ok(())
    }
}

fn join(folder: &Path, pid: u32) -> Result<(), CgroupError> {
    let joined = control_file::write(folder, "cgroup.procs", &pid.to_string());
    joined.map_err(|source| CgroupError::Kernel {
        action: "move a process into the cgroup",
        path: folder.to_path_buf(),
        source,
    })
}

/// Whether the folder is there now: not where this user may not make one. A group's own folder is new: a container that was killed
/// may have left one, with its limits.
fn make_folder(folder: &Path, own: bool) -> Result<bool, CgroupError> {
    let failure = |source| CgroupError::Kernel {
        action: "make the cgroup",
        path: folder.to_path_buf(),
        source,
    };
    match std::fs::create_dir(folder) {
        Ok(()) => return Ok(true),
        Err(error) if is_refusal(&error) => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failure(error)),
        Err(_) if !own => return Ok(true),
        Err(_) => {}
    }
    if let Some(pid) = super::processes::of_tree(folder).into_iter().next() {
        return Err(CgroupError::InUse {
            path: folder.to_path_buf(),
            pid,
        });
    }
    super::processes::remove_tree(folder)?;
    std::fs::create_dir(folder).map_err(failure)?;
    Ok(true)
}

/// Lets groups below `folder` have those controllers, as far as they can be had: one that cannot is noticed where it is wanted.
fn enable(folder: &Path, controllers: &[Controller]) {
    if controllers.is_empty() {
        return;
    }
    let enabled = control_file::read(folder, "cgroup.subtree_control").unwrap_or_default();
    let enabled: Vec<&str> = enabled.split_whitespace().collect();
    for controller in controllers {
        let name = controller.version2_name();
        if !enabled.contains(&name) {
            drop(control_file::write(
                folder,
                "cgroup.subtree_control",
                &format!("+{name}"),
            ));
        }
    }
}

/// A new group of version 1 has no processors and no memory until it is told.
fn inherit_cpuset(above: &Path, folder: &Path) -> Result<(), CgroupError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let failure = |source| CgroupError::Kernel {
            action: "set up",
            path: folder.join(file),
            source,
        };
        if control_file::read(folder, file)
            .map_err(failure)?
            .trim()
            .is_empty()
        {
            let inherited = control_file::read(above, file).map_err(failure)?;
            control_file::write(folder, file, inherited.trim()).map_err(failure)?;
        }
    }
    Ok(())
}

/// Whether a group may have that name: it leads nowhere else.
pub fn is_cgroup_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn check_name(name: &str) -> Result<(), CgroupError> {
    let good = |part: &str| {
        let letters = part.chars().all(|letter| {
            letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':' | '@')
        });
        letters && !part.is_empty() && part.len() <= 200 && part != "." && part != ".."
    };
    if name.split('/').all(good) && name.split('/').count() <= 16 {
        Ok(())
    } else {
        Err(CgroupError::Name {
            name: name.to_owned(),
        })
    }
}

/// Whether this user may not, or nobody may.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Whether the kernel lacks the file.
fn is_absence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || is_refusal(error)
}

/// Whether a process ended meanwhile.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}
