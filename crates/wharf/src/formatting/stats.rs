//! Rows of `stats`.

use wharf_engine::{Container, ContainerStats};
use wharf_template::units::{bytes_size, human_size_with_precision};
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

const TABLE: &str = "{{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}";

const TITLES: &[(&str, &str)] = &[
    ("BlockIO", "BLOCK I/O"),
    ("CPUPerc", "CPU %"),
    ("Container", "CONTAINER"),
    ("ID", "CONTAINER ID"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET I/O"),
    ("PIDs", "PIDS"),
];

/// The format of `stats`.
pub(crate) fn formatter(format: &Format) -> Result<Formatter, FormatError> {
    Formatter::new(format, TABLE, "")
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// What one container uses, between two moments.
#[derive(Debug)]
pub(crate) struct StatsRow {
    /// The container.
    pub(crate) container: Container,
    /// As it was named by the person.
    pub(crate) called: String,
    /// The figures of the moment before.
    pub(crate) before: Option<ContainerStats>,
    /// The figures of now.
    pub(crate) now: ContainerStats,
    /// The machine's memory in bytes.
    pub(crate) machine_memory: u64,
    /// Whether IDs are cut.
    pub(crate) truncate: bool,
}

impl StatsRow {
    /// Of one processor, in percent.
    fn processors(&self) -> f64 {
        let used = |stats: &ContainerStats| stats.used.cpu_total_ns;
        let (Some(before), Some(now)) = (&self.before, used(&self.now)) else {
            return 0.0;
        };
        let passed = self
            .now
            .at
            .saturating_duration_since(before.at)
            .as_secs_f64();
        let spent = now.saturating_sub(used(before).unwrap_or(now));
        if passed > 0.0 {
            std::time::Duration::from_nanos(spent).as_secs_f64() / passed * 100.0
        } else {
            0.0
        }
    }

    /// Without files that were not used lately, as Docker has it; and the limit. Both are 0 where it does not run.
    fn memory(&self) -> (u64, u64) {
        let used = &self.now.used;
        let Some(usage) = used.memory_usage_bytes else {
            return (0, 0);
        };
        let unused_files = used.memory_inactive_file_bytes.unwrap_or_default();
        let limit = used.memory_limit_bytes.unwrap_or(self.machine_memory);
        (usage.saturating_sub(unused_files), limit)
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64 * 100.0
}

fn both(first: u64, second: u64) -> String {
    let first = human_size_with_precision(first, 3);
    format!("{first} / {}", human_size_with_precision(second, 3))
}

impl TemplateContext for StatsRow {
    fn type_name(&self) -> &'static str {
        "*container.statsContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let record = &self.container.record;
        let used = &self.now.used;
        let (memory, limit) = self.memory();
        Some(Value::from(match name {
            "BlockIO" => both(
                used.block_read_bytes.unwrap_or_default(),
                used.block_write_bytes.unwrap_or_default(),
            ),
            "CPUPerc" => format!("{:.2}%", self.processors()),
            "Container" => self.called.clone(),
            "ID" if self.truncate => record.short_id().to_owned(),
            "ID" => record.id.clone(),
            "MemPerc" => format!("{:.2}%", percent(memory, limit)),
            "MemUsage" => format!("{} / {}", bytes_size(memory), bytes_size(limit)),
            "Name" => record.name.clone(),
            "NetIO" => both(self.now.network.0, self.now.network.1),
            "PIDs" => used.pids_current.unwrap_or_default().to_string(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        TITLES.iter().map(|(name, _)| *name).collect()
    }
}
