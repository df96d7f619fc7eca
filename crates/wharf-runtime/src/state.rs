//! What is known of a container's life, in `state.json` of its folder; and the lock that says whether that is true.
//!
//! **Running is what the lock says.** A monitor holds it as long as it lives, so that a process number in the file is believed only
//! while somebody watches that process.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use wharf_blobs::{write_file, write_file_unsynced};

use crate::cgroups::Cgroup;
use crate::order::{MonitorOrder, ORDER_FORMAT};

/// The format of `state.json` that this program writes and reads.
pub const STATE_FORMAT: u32 = 1;
/// No file of a container's folder that is read at once is longer.
const FILE_LIMIT_BYTES: u64 = 16 << 20;

/// The folder of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFolder(PathBuf);

/// What is known of a container's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// [`STATE_FORMAT`].
    pub format: u32,
    /// Where in its life it is.
    pub status: Status,
    /// Its first process, while it runs.
    pub process: Option<i32>,
    /// The code it ended with, the last time.
    pub exit_code: i32,
    /// Why it could not be started, if so.
    pub error: String,
    /// Whether it ended because memory was short.
    pub oom_killed: bool,
    /// When it was started last.
    pub started: Option<Timestamp>,
    /// When it ended last.
    pub finished: Option<Timestamp>,
    /// How often it was started again by its policy.
    pub restarts: u32,
    /// Whether somebody asked it to stop: then a reboot does not start it again by `unless-stopped`.
    pub stopped_by_user: bool,
    /// Where its cgroup is, while it has one.
    pub cgroup: Option<Cgroup>,
    /// What its health checks found.
    pub health: Option<HealthState>,
}

/// Where in its life a container is, in Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// It runs, and is held.
    Paused,
    /// It has ended, and will be started again.
    Restarting,
    /// It has ended.
    Exited,
}

/// What health checks found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HealthState {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last checks, the newest last.
    pub log: Vec<HealthResult>,
}

/// One health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResult {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// The code it ended with; -1 where it took too long.
    pub exit_code: i32,
    /// The beginning of what it wrote.
    pub output: String,
}

/// Why a container's files could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is damaged: {source}; remove the container with `wharf rm --force`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// A file was written by a later version.
    #[error("{} has format {found}, this program knows format {known}: use a newer wharf", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format known here.
        known: u32,
    },
}

/// The right to run the container: given back when it is dropped, or when the process ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// The right to change what is recorded of a container: given back when it is dropped, or when the process ends.
#[derive(Debug)]
pub struct RecordLock {
    _file: File,
}

/// The right to change the files of a container that nobody runs: given back when it is dropped, or when the process ends.
#[derive(Debug)]
pub struct FilesLock {
    _files: RunLock,
    _writers: File,
}

impl Default for ContainerState {
    fn default() -> Self {
        Self {
            format: STATE_FORMAT,
            status: Status::Created,
            process: None,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            started: None,
            finished: None,
            restarts: 0,
            stopped_by_user: false,
            cgroup: None,
            health: None,
        }
    }
}

impl Status {
    /// Whether there are processes.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Docker's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }
}

impl ContainerFolder {
    /// The folder at `path`, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where its monitor listens.
    pub fn socket(&self) -> PathBuf {
        self.0.join("monitor.sock")
    }

    /// The newest file of its output.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.json")
    }

    /// Takes the right to run the container; `None` if it runs.
    pub fn try_lock(&self) -> Result<Option<RunLock>, FolderError> {
        let (file, path) = self.open_lock("lock")?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(RunLock { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io_error(&path)(error.into())),
        }
    }

    /// Takes the right to change the files of a container from outside, and waits for others who do; `None` if somebody runs it.
    pub fn lock_files(&self) -> Result<Option<FilesLock>, FolderError> {
        let (writers, path) = self.open_lock("writers.lock")?;
        rustix::io::retry_on_intr(|| flock(&writers, FlockOperation::LockExclusive))
            .map_err(|error| io_error(&path)(error.into()))?;
        let (file, path) = self.open_lock("files.lock")?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(FilesLock {
                _writers: writers,
                _files: RunLock { _file: file },
            })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io_error(&path)(error.into())),
        }
    }

    /// Takes the right to change what is recorded of the container, and waits for others who do.
    pub fn lock_record(&self) -> Result<RecordLock, FolderError> {
        let (file, path) = self.open_lock("record.lock")?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))
            .map_err(|error| io_error(&path)(error.into()))?;
        Ok(RecordLock { _file: file })
    }

    /// Waits until nobody changes the container's files from outside, and keeps others from it.
    pub(crate) fn share_files(&self) -> Result<RunLock, FolderError> {
        let (file, path) = self.open_lock("files.lock")?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockShared))
            .map_err(|error| io_error(&path)(error.into()))?;
        Ok(RunLock { _file: file })
    }

    fn open_lock(&self, name: &str) -> Result<(File, PathBuf), FolderError> {
        let path = self.0.join(name);
        let opened = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        Ok((opened.map_err(io_error(&path))?, path))
    }

    /// Waits until nobody runs the container.
    pub fn wait_for_end(&self) -> Result<(), FolderError> {
        let path = self.0.join("lock");
        let file = match File::open(&path) {
            // It never ran, or is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io_error(&path))?,
        };
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockShared))
            .map_err(|error| io_error(&path)(error.into()))
    }

    /// What is known of its life, put right where its monitor died: then it has ended too.
    pub fn state(&self) -> Result<ContainerState, FolderError> {
        Ok(self.state_or_death()?.0)
    }

    /// The same, and whether it was put right just now: then whoever sees it takes away what else the monitor left.
    pub fn state_or_death(&self) -> Result<(ContainerState, bool), FolderError> {
        let state = self.recorded_state()?;
        if matches!(state.status, Status::Created | Status::Exited) {
            return Ok((state, false));
        }
        let Some(_lock) = self.try_lock()? else {
            return Ok((state, false));
        };
        // Read again: the monitor may have ended in good order meanwhile.
        let mut state = self.recorded_state()?;
        if !matches!(state.status, Status::Created | Status::Exited) {
            state.status = Status::Exited;
            state.exit_code = 137;
            state.process = None;
            state.finished = Some(Timestamp::now());
            if let Some(cgroup) = state.cgroup.take().filter(|cgroup| !cgroup.is_empty()) {
                // Whoever only looks may not be allowed to; whoever may does it the next time.
                let _left = cgroup.kill_all().and_then(|()| cgroup.remove());
            }
            self.write_state(&state)?;
            return Ok((state, true));
        }
        Ok((state, false))
    }

    /// Whether somebody runs the container, or changes its files from outside.
    pub fn is_watched(&self) -> Result<bool, FolderError> {
        let (file, path) = self.open_lock("files.lock")?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(io_error(&path)(error.into())),
        }
    }

    /// As [`ContainerFolder::state`], for whoever holds the lock.
    pub(crate) fn state_of_holder(&self) -> Result<ContainerState, FolderError> {
        self.recorded_state()
    }

    fn recorded_state(&self) -> Result<ContainerState, FolderError> {
        let path = self.0.join("state.json");
        match self.read::<ContainerState>("state.json", STATE_FORMAT) {
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(ContainerState::default())
            }
            Ok(state) if state.format == STATE_FORMAT => Ok(state),
            // What a power loss leaves of the state of one that ran.
            Err(FolderError::Damaged { .. }) if is_empty(&path) => Ok(ContainerState::default()),
            Ok(state) => Err(FolderError::Newer {
                path,
                found: state.format,
                known: STATE_FORMAT,
            }),
            Err(error) => Err(error),
        }
    }

    /// Replaces what is known of its life, for good. Only for whoever holds the lock.
    ///
    /// On a disk that is full it is written where the old state stands, which needs no room: better a file that a power loss may
    /// damage than a container that is said to run when it has ended.
    pub fn write_state(&self, state: &ContainerState) -> Result<(), FolderError> {
        match self.write("state.json", state) {
            Err(FolderError::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                self.replace("state.json", state, overwrite)
            }
            other => other,
        }
    }

    /// The same for what need not last through a power loss: that a container runs which nobody starts again.
    pub(crate) fn write_passing_state(&self, state: &ContainerState) -> Result<(), FolderError> {
        self.replace("state.json", state, write_file_unsynced)
    }

    /// What its monitor is told.
    pub fn order(&self) -> Result<MonitorOrder, FolderError> {
        self.read("order.json", ORDER_FORMAT)
    }

    /// Replaces what its monitor is told now: at each start anew.
    pub fn write_order(&self, order: &MonitorOrder) -> Result<(), FolderError> {
        self.replace("order.json", order, write_file_unsynced)
    }

    /// Reads one of its files, whose `format` must be `known`.
    pub fn read<T: for<'a> Deserialize<'a>>(
        &self,
        name: &str,
        known: u32,
    ) -> Result<T, FolderError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = self.0.join(name);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(FILE_LIMIT_BYTES).read_to_end(&mut bytes))
            .map_err(io_error(&path))?;
        let damaged = |source| FolderError::Damaged {
            path: path.clone(),
            source,
        };
        // The format first: a later one may have other fields.
        let Format { format: found } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if found != known {
            return Err(FolderError::Newer { path, found, known });
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }

    /// Replaces one of its files, for good.
    pub fn write(&self, name: &str, content: &impl Serialize) -> Result<(), FolderError> {
        self.replace(name, content, write_file)
    }

    fn replace(
        &self,
        name: &str,
        content: &impl Serialize,
        put: fn(&Path, &[u8], u32) -> io::Result<()>,
    ) -> Result<(), FolderError> {
        let path = self.0.join(name);
        let bytes = serde_json::to_vec(content).map_err(|source| FolderError::Damaged {
            path: path.clone(),
            source,
        })?;
        put(&path, &bytes, 0o600).map_err(io_error(&path))
    }
}

/// Writes over what is in the file.
fn overwrite(path: &Path, content: &[u8], _mode: u32) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() == 0)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, ContainerFolder) {
        let made = tempfile::tempdir().unwrap();
        let folder = ContainerFolder::new(made.path().to_path_buf());
        (made, folder)
    }

    #[test]
    fn a_container_whose_monitor_is_gone_has_ended() {
        let (_made, folder) = folder();
        assert_eq!(folder.state().unwrap().status, Status::Created);
        let running = ContainerState {
            status: Status::Running,
            process: Some(1),
            ..ContainerState::default()
        };
        let lock = folder.try_lock().unwrap().unwrap();
        folder.write_state(&running).unwrap();
        assert!(folder.try_lock().unwrap().is_none());
        assert_eq!(folder.state().unwrap(), running);
        drop(lock);
        let state = folder.state().unwrap();
        assert_eq!(
            (state.status, state.exit_code, state.process),
            (Status::Exited, 137, None)
        );
    }

    #[test]
    fn what_a_newer_program_wrote_is_left_alone() {
        let (_made, folder) = folder();
        folder
            .write("state.json", &serde_json::json!({"format": 9, "x": 1}))
            .unwrap();
        let error = folder.state().unwrap_err().to_string();
        assert!(
            error.contains("format 9") && error.contains("newer"),
            "{error}"
        );
        folder.write("state.json", &"no object").unwrap();
        assert!(matches!(folder.state(), Err(FolderError::Damaged { .. })));
    }
}
