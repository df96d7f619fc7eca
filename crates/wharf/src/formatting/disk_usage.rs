//! Rows and tables of `system df`.

use wharf_images::ImageSummary;
use wharf_template::units::human_size;
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

use super::images::ImageView;

/// The default table.
const TABLE: &str = "{{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}";
/// What `--format raw` stands for.
const RAW: &str = "type: {{.Type}}\\ntotal: {{.TotalCount}}\\nactive: {{.Active}}\\nsize: {{.Size}}\\nreclaimable: {{.Reclaimable}}\\n";

/// Titles of the columns.
const TITLES: &[(&str, &str)] = &[
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];

/// The table of images in `--verbose`.
const IMAGE_SECTION: &str = "{{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}";

/// The table of containers in `--verbose`.
const CONTAINER_SECTION: &str = "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Names}}";

/// What ends `--verbose`: entries of the build cache are not told one by one.
pub(crate) const LAST_SECTION: &str = "
Build cache usage: 0B

CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED
";

/// The format of `system df`.
pub(crate) fn formatter(format: &Format) -> Result<Formatter, FormatError> {
    Formatter::new(format, TABLE, RAW)
}

/// The format of the images in `system df --verbose`.
pub(crate) fn image_section() -> Result<Formatter, FormatError> {
    Formatter::new(&Format::Table, IMAGE_SECTION, "")
}

/// The format of the containers in `system df --verbose`.
pub(crate) fn container_section() -> Result<Formatter, FormatError> {
    Formatter::new(&Format::Table, CONTAINER_SECTION, "")
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// What takes room, of one kind of things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// `Images`, `Containers`, `Local Volumes`, `Build Cache`.
    pub(crate) kind: &'static str,
    /// How many there are.
    pub(crate) total: u64,
    /// How many are in use.
    pub(crate) active: u64,
    /// Bytes.
    pub(crate) size: u64,
    /// Bytes that removing what is not in use would free.
    pub(crate) reclaimable: u64,
}

impl Usage {
    /// Counts one more; what is not in use could go.
    pub(crate) fn add(&mut self, active: bool, bytes: u64) {
        self.total += 1;
        self.active += u64::from(active);
        self.size += bytes;
        self.reclaimable += if active { 0 } else { bytes };
    }

    /// A kind of things of which there are none.
    pub(crate) fn nothing(kind: &'static str) -> Self {
        Self {
            kind,
            total: 0,
            active: 0,
            size: 0,
            reclaimable: 0,
        }
    }
}

impl TemplateContext for Usage {
    fn type_name(&self) -> &'static str {
        "*formatter.diskUsageImagesContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::from(match name {
            "Type" => self.kind.to_owned(),
            "TotalCount" => self.total.to_string(),
            "Active" => self.active.to_string(),
            "Size" => human_size(self.size),
            "Reclaimable" => {
                let reclaimable = human_size(self.reclaimable);
                match (u128::from(self.reclaimable) * 100).checked_div(u128::from(self.size)) {
                    Some(percent) => format!("{reclaimable} ({percent}%)"),
                    None => reclaimable,
                }
            }
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        vec!["Active", "Reclaimable", "Size", "TotalCount", "Type"]
    }
}

/// What containers and volumes take: their rows of the summary, and a row for each of them.
#[derive(Debug)]
pub(crate) struct OtherUsage {
    /// `Containers`.
    pub(crate) containers: Usage,
    /// `Local Volumes`.
    pub(crate) volumes: Usage,
    /// One for each container.
    pub(crate) container_rows: Vec<Value>,
    /// One for each volume.
    pub(crate) volume_rows: Vec<Value>,
}

impl Default for OtherUsage {
    fn default() -> Self {
        Self {
            containers: Usage::nothing("Containers"),
            volumes: Usage::nothing("Local Volumes"),
            container_rows: Vec::new(),
            volume_rows: Vec::new(),
        }
    }
}

/// What templates of `system df --verbose` see: lists.
#[derive(Debug)]
pub(crate) struct VerboseUsage {
    images: Vec<Value>,
    containers: Vec<Value>,
    volumes: Vec<Value>,
}

impl VerboseUsage {
    /// The lists; the view shows IDs in full.
    pub(crate) fn new(images: Vec<ImageSummary>, view: &ImageView, others: OtherUsage) -> Self {
        Self {
            containers: others.container_rows,
            volumes: others.volume_rows,
            images: images
                .into_iter()
                .map(|image| view.single_row(image))
                .collect(),
        }
    }
}

impl TemplateContext for VerboseUsage {
    fn type_name(&self) -> &'static str {
        "*formatter.diskUsageContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Images" => Some(Value::list(self.images.clone())),
            "Containers" => Some(Value::list(self.containers.clone())),
            "Volumes" => Some(Value::list(self.volumes.clone())),
            "BuildCache" => Some(Value::list(Vec::new())),
            _ => None,
        }
    }

    fn json_fields(&self) -> Vec<&str> {
        vec!["Images", "Containers", "Volumes", "BuildCache"]
    }
}
