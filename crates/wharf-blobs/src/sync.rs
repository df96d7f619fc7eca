//! Making what was written last through a power loss, cheaply: one `syncfs` for many files.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

/// Syncs the file system of the store. Callers that come while a sync runs share the next one.
#[derive(Debug)]
pub struct GroupSync {
    directory: File,
    rounds: Mutex<Rounds>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    done: u64,
    running: bool,
}

impl GroupSync {
    /// For the file system that holds `directory`.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let directory = File::open(directory)?;
        Ok(Self {
            directory,
            rounds: Mutex::default(),
            finished: Condvar::new(),
        })
    }

    /// Returns when everything that was written before the call is on disk.
    pub fn sync(&self) -> io::Result<()> {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        // A round that already runs may have passed our files by: the next one counts.
        let wanted = rounds.begun + 1;
        while rounds.done < wanted {
            if rounds.running {
                rounds = self
                    .finished
                    .wait(rounds)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            rounds.running = true;
            rounds.begun += 1;
            let round = rounds.begun;
            drop(rounds);
            let outcome = rustix::fs::syncfs(&self.directory);
            rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
            rounds.running = false;
            if outcome.is_ok() {
                rounds.done = round;
            }
            self.finished.notify_all();
            outcome?;
        }
        Ok(())
    }
}

/// Names one run of the kernel. What a process left in the page cache is there for the next process
/// of the same boot, and only for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct BootId(String);

impl BootId {
    /// The present boot (`/proc/sys/kernel/random/boot_id`).
    pub fn current() -> io::Result<Self> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(Self(text.trim().to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A boot that was written down earlier, by this or another run of the kernel.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_callers_all_return() {
        let folder = tempfile::tempdir().unwrap();
        let sync = GroupSync::new(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| sync.sync().unwrap());
            }
        });
        let rounds = sync.rounds.lock().unwrap();
        assert!(!rounds.running && rounds.done == rounds.begun && rounds.begun <= 8);
    }
}
