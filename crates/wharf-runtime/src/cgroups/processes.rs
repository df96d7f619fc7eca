//! All processes of a group at once: listed, frozen, signalled, ended; and the group removed when they are gone.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};

use super::control_file;
use super::group::{Cgroup, CgroupError};
use super::hierarchies::Controller;

/// How long processes may take to freeze or to die.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an empty group may take to be removable: the kernel lets go of the last process a moment after it was reaped.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(2);

/// How deep a container may have nested groups of its own.
const DEPTH_LIMIT: usize = 32;

impl Cgroup {
    /// The ids of all its processes, those in groups below included, as this process's pid namespace has them.
    pub fn processes(&self) -> BTreeSet<u32> {
        self.main_folder().map(of_tree).unwrap_or_default()
    }

    /// Stops all processes, until [`Cgroup::thaw`]. Returns when they have stopped; if they do not, they go on and it is an error.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        let (folder, version2) = self.freezer()?;
        set_frozen(folder, version2, true)?;
        let deadline = Instant::now() + PATIENCE;
        let mut wait = Wait::new(version2.then_some(folder));
        while !is_frozen(folder, version2) {
            if !wait.until(deadline) {
                set_frozen(folder, version2, false)?;
                return Err(timed_out(folder, "frozen", PATIENCE));
            }
        }
        Ok(())
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        let (folder, version2) = self.freezer()?;
        set_frozen(folder, version2, false)
    }

    /// Whether they are stopped.
    pub fn is_frozen(&self) -> bool {
        let freezer = self.freezer();
        freezer.is_ok_and(|(folder, version2)| is_frozen(folder, version2))
    }

    /// Sends a signal to each of them.
    pub fn signal_all(&self, signal: Signal) -> Result<(), CgroupError> {
        if self.is_empty() {
            return Err(CgroupError::Unsupported {
                what: "list its processes",
            });
        }
        for pid in self.processes() {
            send(pid, signal)?;
        }
        Ok(())
    }

    /// Ends them all, also those that fork faster than they are listed and those that are frozen, and waits until they are gone.
    pub fn kill_all(&self) -> Result<(), CgroupError> {
        let Some(folder) = self.main_folder() else {
            return Err(CgroupError::Unsupported {
                what: "end its processes",
            });
        };
        let deadline = Instant::now() + PATIENCE;
        let mut wait = Wait::new(self.version2_folder());
        loop {
            let left = self.processes();
            if left.is_empty() {
                return Ok(());
            }
            self.kill_once(&left)?;
            if !wait.until(deadline) {
                return Err(timed_out(folder, "killed", PATIENCE));
            }
        }
    }

    /// Removes the group and what a container made below it. Processes must have ended.
    pub fn remove(&self) -> Result<(), CgroupError> {
        let mut result = Ok(());
        for folder in self.folders() {
            // All that can be removed is, and the first failure is told.
            result = result.and(remove_tree(folder));
        }
        result
    }

    /// The folder whose list of processes is the group's.
    fn main_folder(&self) -> Option<&Path> {
        let folders = self.folders().into_iter().next();
        self.version2_folder().or(folders)
    }

    /// The folder that freezes, and whether it is of version 2.
    fn freezer(&self) -> Result<(&Path, bool), CgroupError> {
        if let Some(folder) = self.version2_folder()
            && folder.join("cgroup.freeze").exists()
        {
            return Ok((folder, true));
        }
        match self.place(Controller::Freezer) {
            Some(super::group::Place::Version1(folder)) => Ok((folder, false)),
            _ => Err(CgroupError::Unsupported {
                what: "freeze its processes",
            }),
        }
    }

    fn kill_once(&self, processes: &BTreeSet<u32>) -> Result<(), CgroupError> {
        if let Some(folder) = self.version2_folder()
            && control_file::write(folder, "cgroup.kill", "1").is_ok()
        {
            return Ok(());
        }
        // Frozen, none can fork; in version 1 they die when they go on.
        let freezer = self.freezer().ok();
        if let Some((folder, version2)) = freezer {
            set_frozen(folder, version2, true)?;
        }
        let frozen = freezer.map(|_| self.processes());
        for pid in frozen.as_ref().unwrap_or(processes) {
            send(*pid, Signal::KILL)?;
        }
        if let Some((folder, version2)) = freezer {
            set_frozen(folder, version2, false)?;
        }
        Ok(())
    }
}

/// A process that ended meanwhile is none.
fn send(pid: u32, signal: Signal) -> Result<(), CgroupError> {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    match rustix::process::kill_process(process, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(CgroupError::Kernel {
            action: "signal",
            path: PathBuf::from(format!("/proc/{pid}")),
            source: error.into(),
        }),
    }
}

fn set_frozen(folder: &Path, version2: bool, frozen: bool) -> Result<(), CgroupError> {
    let (file, value) = match (version2, frozen) {
        (true, true) => ("cgroup.freeze", "1"),
        (true, false) => ("cgroup.freeze", "0"),
        (false, true) => ("freezer.state", "FROZEN"),
        (false, false) => ("freezer.state", "THAWED"),
    };
    control_file::write(folder, file, value).map_err(|source| CgroupError::Kernel {
        action: "write",
        path: folder.join(file),
        source,
    })
}

fn is_frozen(folder: &Path, version2: bool) -> bool {
    if version2 {
        let events = control_file::read(folder, "cgroup.events").unwrap_or_default();
        control_file::keyed(&events, "frozen") == Some(1)
    } else {
        control_file::read(folder, "freezer.state").is_ok_and(|state| state.trim() == "FROZEN")
    }
}

fn timed_out(folder: &Path, what: &'static str, patience: Duration) -> CgroupError {
    CgroupError::TimedOut {
        path: folder.to_path_buf(),
        what,
        seconds: patience.as_secs(),
    }
}

/// The processes of one folder.
pub(super) fn of_folder(folder: &Path) -> BTreeSet<u32> {
    let text = control_file::read(folder, "cgroup.procs").unwrap_or_default();
    // 0 is a process of another pid namespace.
    let numbers = text.lines().filter_map(|line| line.trim().parse().ok());
    numbers.filter(|number| *number != 0).collect()
}

/// The processes of a folder and of all below.
pub(super) fn of_tree(folder: &Path) -> BTreeSet<u32> {
    let mut all = of_folder(folder);
    for below in tree(folder) {
        all.extend(of_folder(&below));
    }
    all
}

/// Removes a folder and all below, the deepest first.
pub(super) fn remove_tree(folder: &Path) -> Result<(), CgroupError> {
    let deadline = Instant::now() + REMOVAL_PATIENCE;
    let mut wait = Wait::new(None);
    loop {
        let removed = std::fs::remove_dir(folder);
        let error = match removed {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => error,
        };
        for below in tree(folder) {
            // One that cannot be removed keeps the folder above, whose failure is told.
            drop(std::fs::remove_dir(below));
        }
        let busy = error.kind() == io::ErrorKind::ResourceBusy;
        if !busy || !wait.until(deadline) {
            return Err(CgroupError::Kernel {
                action: "remove the cgroup",
                path: folder.to_path_buf(),
                source: error,
            });
        }
    }
}

/// All folders below, the deepest first.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    let mut level = vec![folder.to_path_buf()];
    for _ in 0..DEPTH_LIMIT {
        level = level.iter().flat_map(|above| folders_in(above)).collect();
        if level.is_empty() {
            break;
        }
        all.extend(level.iter().cloned());
    }
    all.reverse();
    all
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// Waits for a change, longer each time; woken by the kernel where it tells of one.
struct Wait {
    events: Option<OwnedFd>,
    next: Duration,
}

impl Wait {
    fn new(version2: Option<&Path>) -> Self {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let events = version2.and_then(|folder| {
            rustix::fs::open(folder.join("cgroup.events"), flags, Mode::empty()).ok()
        });
        Self {
            events,
            next: Duration::from_micros(100),
        }
    }

    /// Whether there is time left.
    fn until(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let time = self.next.min(left);
        self.next = (self.next * 2).min(Duration::from_millis(50));
        let timeout = Timespec::try_from(time).ok();
        let mut waiting: Vec<PollFd<'_>> = Vec::new();
        waiting.extend(
            self.events
                .as_ref()
                .map(|events| PollFd::new(events, PollFlags::PRI)),
        );
        // An interrupted wait is a short one.
        let _ = rustix::event::poll(&mut waiting, timeout.as_ref());
        !left.is_zero()
    }
}
