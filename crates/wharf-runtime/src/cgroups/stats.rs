//! What a group has used: the figures of `docker stats`.

use super::control_file::{keyed, number, read};
use super::group::{Cgroup, Place};
use super::hierarchies::Controller;

/// Figures of a group. What this machine does not count is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CgroupStats {
    /// Time on processors, nanoseconds.
    pub cpu_total_ns: Option<u64>,
    /// Of that, in programs.
    pub cpu_user_ns: Option<u64>,
    /// Of that, in the kernel.
    pub cpu_system_ns: Option<u64>,
    /// How many processors the machine has now.
    pub online_cpus: u32,
    /// Memory with cached files, bytes.
    pub memory_usage_bytes: Option<u64>,
    /// Its limit; absent too if there is none.
    pub memory_limit_bytes: Option<u64>,
    /// Cached files that were not used lately: Docker takes them off the usage.
    pub memory_inactive_file_bytes: Option<u64>,
    /// Threads.
    pub pids_current: Option<u64>,
    /// Their limit; absent too if there is none.
    pub pids_limit: Option<u64>,
    /// Read from block devices, bytes.
    pub block_read_bytes: Option<u64>,
    /// Written to them.
    pub block_write_bytes: Option<u64>,
}

/// Version 1 says "no limit" with a number that no machine has.
const NO_LIMIT_BYTES: u64 = 1 << 62;

/// `cpuacct.stat` counts in hundredths of a second on every architecture that Linux has.
const TICK_NS: u64 = 10_000_000;

impl Cgroup {
    /// Reads all figures.
    pub fn stats(&self) -> CgroupStats {
        let mut stats = CgroupStats {
            online_cpus: online_cpus(),
            ..CgroupStats::default()
        };
        self.processors(&mut stats);
        self.memory(&mut stats);
        self.tasks(&mut stats);
        self.blocks(&mut stats);
        stats
    }

    /// How many of its processes the kernel has killed because memory ran out.
    pub fn oom_kills(&self) -> Option<u64> {
        let text = match self.place(Controller::Memory)? {
            Place::Version1(folder) => read(folder, "memory.oom_control"),
            Place::Version2(folder) => read(folder, "memory.events"),
        };
        keyed(&text.ok()?, "oom_kill")
    }

    fn processors(&self, stats: &mut CgroupStats) {
        if let Some(Place::Version1(folder)) = self.place(Controller::Cpuacct) {
            stats.cpu_total_ns = number(folder, "cpuacct.usage");
            let text = read(folder, "cpuacct.stat").unwrap_or_default();
            stats.cpu_user_ns = keyed(&text, "user").map(|ticks| ticks * TICK_NS);
            stats.cpu_system_ns = keyed(&text, "system").map(|ticks| ticks * TICK_NS);
            return;
        }
        // Version 2 counts time without any controller.
        let text = self
            .version2_folder()
            .map(|folder| read(folder, "cpu.stat"));
        let Some(Ok(text)) = text else {
            return;
        };
        let nanoseconds = |key| keyed(&text, key).map(|microseconds| microseconds * 1000);
        stats.cpu_total_ns = nanoseconds("usage_usec");
        stats.cpu_user_ns = nanoseconds("user_usec");
        stats.cpu_system_ns = nanoseconds("system_usec");
    }

    fn memory(&self, stats: &mut CgroupStats) {
        let (folder, usage, limit, inactive) = match self.place(Controller::Memory) {
            None => return,
            Some(Place::Version1(folder)) => (
                folder,
                "memory.usage_in_bytes",
                "memory.limit_in_bytes",
                "total_inactive_file",
            ),
            Some(Place::Version2(folder)) => {
                (folder, "memory.current", "memory.max", "inactive_file")
            }
        };
        stats.memory_usage_bytes = number(folder, usage);
        stats.memory_limit_bytes = number(folder, limit).filter(|limit| *limit < NO_LIMIT_BYTES);
        let text = read(folder, "memory.stat").unwrap_or_default();
        stats.memory_inactive_file_bytes = keyed(&text, inactive);
    }

    fn tasks(&self, stats: &mut CgroupStats) {
        if let Some(Place::Version1(folder) | Place::Version2(folder)) =
            self.place(Controller::Pids)
        {
            stats.pids_current = number(folder, "pids.current");
            stats.pids_limit = number(folder, "pids.max");
        } else if let Some(folder) = self.version2_folder() {
            let threads = read(folder, "cgroup.threads").ok();
            stats.pids_current = threads.and_then(|text| u64::try_from(text.lines().count()).ok());
        }
    }

    fn blocks(&self, stats: &mut CgroupStats) {
        let (text, of): (_, fn(&str) -> [u64; 2]) = match self.place(Controller::Io) {
            None => return,
            Some(Place::Version1(folder)) => (
                read(folder, "blkio.throttle.io_service_bytes_recursive"),
                version1_blocks,
            ),
            Some(Place::Version2(folder)) => (read(folder, "io.stat"), version2_blocks),
        };
        if let Ok(text) = text {
            let [read, written] = of(&text);
            stats.block_read_bytes = Some(read);
            stats.block_write_bytes = Some(written);
        }
    }
}

/// Lines of `8:0 Read 4096`.
fn version1_blocks(text: &str) -> [u64; 2] {
    let sum = |word: &str| {
        let lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let values = lines.filter_map(|parts| match parts.as_slice() {
            [_, kind, value] if *kind == word => value.parse().ok(),
            _ => None,
        });
        values.fold(0, u64::saturating_add)
    };
    [sum("Read"), sum("Write")]
}

/// Lines of `8:0 rbytes=4096 wbytes=0 rios=1 ...`.
fn version2_blocks(text: &str) -> [u64; 2] {
    let sum = |key: &str| {
        let words = text.split_whitespace();
        let values = words.filter_map(|word| word.strip_prefix(key)?.parse().ok());
        values.fold(0, u64::saturating_add)
    };
    [sum("rbytes="), sum("wbytes=")]
}

/// From `/sys`; one where it cannot be read.
fn online_cpus() -> u32 {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let count =
        super::resources::ranges(text.trim()).map(|ranges| ranges.into_iter().flatten().count());
    count
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(1)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_summed_over_devices() {
        let text =
            "8:0 Read 4096\n8:0 Write 10\n8:0 Sync 9\n8:16 Read 1\n8:16 Total 5\nTotal 4107\n";
        assert_eq!(version1_blocks(text), [4097, 10]);
        let text =
            "8:0 rbytes=4096 wbytes=10 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\n";
        assert_eq!(version2_blocks(text), [4097, 12]);
        assert_eq!(version1_blocks(""), [0, 0]);
    }

    #[test]
    fn the_machine_has_processors() {
        let seen = std::thread::available_parallelism().unwrap().get();
        assert!(online_cpus() as usize >= seen);
    }
}
