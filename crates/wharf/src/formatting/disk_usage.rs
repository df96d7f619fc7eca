//! Rows and tables of `system df`. Containers, volumes and build cache are other parts of Wharf, which are not there
//! yet: their rows are there, since scripts read them, and count nothing.

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

/// What follows the images in `--verbose`, while nothing else is stored.
pub(crate) const OTHER_SECTIONS: &str = "
Containers space usage:

CONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE      CREATED   STATUS    NAMES

Local Volumes space usage:

VOLUME NAME   LINKS     SIZE

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

/// What templates of `system df --verbose` see: lists.
#[derive(Debug)]
pub(crate) struct VerboseUsage {
    images: Vec<Value>,
}

impl VerboseUsage {
    /// The lists; the view shows IDs in full.
    pub(crate) fn new(images: Vec<ImageSummary>, view: &ImageView) -> Self {
        Self {
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
            "Containers" | "Volumes" | "BuildCache" => Some(Value::list(Vec::new())),
            _ => None,
        }
    }

    fn json_fields(&self) -> Vec<&str> {
        vec!["Images", "Containers", "Volumes", "BuildCache"]
    }
}
