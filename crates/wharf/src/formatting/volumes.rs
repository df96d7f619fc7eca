//! Rows of `volume ls`.

use wharf_engine::Volume;
use wharf_images::LabelFilter;
use wharf_template::units::human_size;
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

const TABLE: &str = "{{.Driver}}\\t{{.Name}}";
const RAW: &str = "name: {{.Name}}\\ndriver: {{.Driver}}\\n";
const QUIET: &str = "{{.Name}}";
const QUIET_RAW: &str = "name: {{.Name}}";
/// The table of volumes in `system df --verbose`.
const USAGE_TABLE: &str = "{{.Name}}\\t{{.Links}}\\t{{.Size}}";

const TITLES: &[(&str, &str)] = &[
    ("Availability", "AVAILABILITY"),
    ("Driver", "DRIVER"),
    ("Group", "GROUP"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
    ("Size", "SIZE"),
    ("Status", "STATUS"),
];

/// What is not known here: of clusters, and what only `system df` adds up.
const UNKNOWN: &str = "N/A";

/// The format of `volume ls`.
pub(crate) fn formatter(format: &Format, quiet: bool) -> Result<Formatter, FormatError> {
    match (format, quiet) {
        (Format::Table, true) => Formatter::new(&Format::Template(QUIET.to_owned()), "", ""),
        (Format::Raw, true) => Formatter::new(format, "", QUIET_RAW),
        _ => Formatter::new(format, TABLE, RAW),
    }
}

/// The format of the volumes in `system df --verbose`.
pub(crate) fn usage_section() -> Result<Formatter, FormatError> {
    Formatter::new(&Format::Table, USAGE_TABLE, "")
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// Whether a volume has a label, with that value if one is given.
pub(crate) fn has_label(volume: &Volume, label: &LabelFilter) -> bool {
    volume
        .labels
        .get(&label.key)
        .is_some_and(|value| label.value.as_ref().is_none_or(|wanted| wanted == value))
}

/// One volume.
#[derive(Debug)]
pub(crate) struct VolumeRow {
    volume: Volume,
    /// Containers that use it, and its bytes, where that was looked up.
    usage: Option<(usize, u64)>,
}

impl VolumeRow {
    /// A row without what takes time to find out.
    pub(crate) fn plain(volume: Volume) -> Value {
        Value::object(Self {
            volume,
            usage: None,
        })
    }

    /// A row with the number of containers that use it, and its bytes.
    pub(crate) fn with_usage(volume: Volume, links: usize, bytes: u64) -> Value {
        Value::object(Self {
            volume,
            usage: Some((links, bytes)),
        })
    }
}

impl TemplateContext for VolumeRow {
    fn type_name(&self) -> &'static str {
        "*formatter.volumeContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let volume = &self.volume;
        let labels = volume.labels.iter();
        Some(Value::from(match name {
            "Availability" | "Group" | "Status" => UNKNOWN.to_owned(),
            "Driver" | "Scope" => "local".to_owned(),
            "Labels" => labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(","),
            "Links" => self
                .usage
                .map_or_else(|| UNKNOWN.to_owned(), |(links, _)| links.to_string()),
            "Mountpoint" => volume.data.display().to_string(),
            "Name" => volume.name.clone(),
            "Size" => self
                .usage
                .map_or_else(|| UNKNOWN.to_owned(), |(_, bytes)| human_size(bytes)),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        TITLES.iter().map(|(name, _)| *name).collect()
    }
}
