//! Wall time, CPU time and memory of a tool with everything that it starts, daemons included.
//!
//! The tool runs in an accounting group (cgroup) of its own. Version 1 is preferred where it is mounted, since a single
//! thread can enter it; with version 2 this whole program enters for the time of the start of a child.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::waiting::pause;

const VERSION_1: &str = "/sys/fs/cgroup/cpuacct";
const VERSION_2: &str = "/sys/fs/cgroup";
const PREFIX: &str = "wharf-bench-";
/// How /proc/PID/status of this program begins.
const OWN_NAME: &str = "Name:\twharf-bench\n";
const SAMPLE_EVERY: Duration = Duration::from_millis(10);

/// What one measured operation took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) wall_seconds: f64,
    /// User and system time of the tool, its daemons and all their children.
    pub(crate) cpu_seconds: f64,
    /// The largest memory (resident) that all its processes had together, sampled; never less than the high-water mark
    /// of any one of them.
    pub(crate) peak_bytes: u64,
}

/// One accounting group.
#[derive(Debug)]
pub(crate) struct Account {
    folder: PathBuf,
    version_1: bool,
}

impl Account {
    pub(crate) fn new(name: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let version_1 = Path::new(VERSION_1).join("cpuacct.usage").exists();
        let parent = if version_1 { VERSION_1 } else { VERSION_2 };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(parent).join(format!("{PREFIX}{name}-{number}"));
        fs::create_dir(&folder)
            .with_context(|| format!("creating the accounting group {}", folder.display()))?;
        Ok(Self { folder, version_1 })
    }

    /// Removes the groups of a run that was killed.
    pub(crate) fn remove_left_behind() {
        for parent in [VERSION_1, VERSION_2] {
            for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                    // A group that another run of the bench still uses cannot be removed, and need not be.
                    drop(fs::remove_dir(entry.path()));
                }
            }
        }
    }

    /// Does `start` inside the group: processes that it starts are counted here.
    pub(crate) fn inside<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        let name = if self.version_1 {
            "tasks"
        } else {
            "cgroup.procs"
        };
        let outside = if self.version_1 { VERSION_1 } else { VERSION_2 };
        enter(&self.folder.join(name))?;
        let outcome = start();
        enter(&Path::new(outside).join(name))?;
        outcome
    }

    /// Runs `steps` one after the other; each must succeed. Answers what they took, and what the last one printed.
    pub(crate) fn measure(&self, steps: &mut [Command]) -> Result<(Usage, String)> {
        self.reset_high_water_marks();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let sampler = scope.spawn(|| self.sample_memory(&done));
            let cpu_before = self.cpu()?;
            let outcome = self.inside(|| {
                let start = Instant::now();
                let mut printed = String::new();
                for step in steps {
                    printed = run(step)?;
                }
                Ok((start.elapsed(), printed))
            });
            let cpu = self.cpu()?.saturating_sub(cpu_before);
            done.store(true, Ordering::Relaxed);
            let peak_bytes = sampler.join().unwrap_or_default();
            let (wall, printed) = outcome?;
            let usage = Usage {
                wall_seconds: wall.as_secs_f64(),
                cpu_seconds: cpu.as_secs_f64(),
                peak_bytes,
            };
            Ok((usage, printed))
        })
    }

    /// User and system time of everything that ever ran in the group.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        if self.version_1 {
            let text = fs::read_to_string(self.folder.join("cpuacct.usage"))?;
            return Ok(Duration::from_nanos(text.trim().parse()?));
        }
        let text = fs::read_to_string(self.folder.join("cpu.stat"))?;
        let usage = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "))
            .context("cpu.stat has no usage_usec")?;
        Ok(Duration::from_micros(usage.trim().parse()?))
    }

    /// The resident memory of all its processes together, now and at most: the sums of what each has and of what each ever
    /// had. Pages that two processes share count twice.
    pub(crate) fn resident_bytes(&self) -> (u64, u64) {
        let statuses = self.processes().into_iter().map(|process| {
            fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default()
        });
        statuses.fold((0, 0), |(now, most), status| {
            (
                now + status_bytes(&status, "VmRSS:"),
                most + status_bytes(&status, "VmHWM:"),
            )
        })
    }

    fn processes(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let own = std::process::id();
        let pids = text.lines().filter_map(|line| line.parse().ok());
        pids.filter(|pid| *pid != own).collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a control file of the kernel, not a file on disk"
    )]
    fn reset_high_water_marks(&self) {
        for process in self.processes() {
            // A process that has just ended has no mark to reset.
            drop(fs::write(format!("/proc/{process}/clear_refs"), "5"));
        }
    }

    fn sample_memory(&self, done: &AtomicBool) -> u64 {
        let mut peak = 0;
        while !done.load(Ordering::Relaxed) {
            let mut together = 0;
            for process in self.processes() {
                let status =
                    fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
                // Between fork and exec a child still shows this program's own memory.
                if status.starts_with(OWN_NAME) {
                    continue;
                }
                together += status_bytes(&status, "VmRSS:");
                peak = peak.max(status_bytes(&status, "VmHWM:"));
            }
            peak = peak.max(together);
            pause(SAMPLE_EVERY);
        }
        peak
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // What still runs in it keeps the group until the next start.
        drop(fs::remove_dir(&self.folder));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a control file of the kernel, not a file on disk"
)]
fn enter(file: &Path) -> Result<()> {
    fs::write(file, "0").with_context(|| format!("entering {}", file.display()))
}

fn status_bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or_default()
        * 1024
}

/// Runs `command` to its end, answers what it printed; fails with what it complained about.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}): {}", output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How a person would type `command`.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
