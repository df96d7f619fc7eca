//! Rows of `images` and of the first table of `system df --verbose`.

use std::sync::Arc;

use wharf_images::ImageSummary;
use wharf_oci::Reference;
use wharf_template::units::{human_size, human_size_with_precision};
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

use super::Moment;

/// The table without and with digests.
const TABLE: &str = "{{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}";
const DIGEST_TABLE: &str = "{{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.Size}}";
/// `--format raw` without and with digests.
const RAW: &str = "repository: {{.Repository}}\\ntag: {{.Tag}}\\nimage_id: {{.ID}}\\ncreated_at: {{.CreatedAt}}\\nvirtual_size: {{.Size}}\\n";
const DIGEST_RAW: &str = "repository: {{.Repository}}\\ntag: {{.Tag}}\\ndigest: {{.Digest}}\\nimage_id: {{.ID}}\\ncreated_at: {{.CreatedAt}}\\nvirtual_size: {{.Size}}\\n";
/// What `--quiet` shows.
const QUIET: &str = "{{.ID}}";
const QUIET_RAW: &str = "image_id: {{.ID}}";

/// Titles of the columns.
const TITLES: &[(&str, &str)] = &[
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("VirtualSize", "SIZE"), // Docker still knows it, for old scripts
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];

/// What a name that is not there is shown as.
const NONE: &str = "<none>";
/// What an amount that was not asked for is shown as.
const NOT_AVAILABLE: &str = "N/A";

/// The placeholders, in the order of Docker's JSON.
const PLACEHOLDERS: [&str; 11] = [
    "Containers",
    "CreatedAt",
    "CreatedSince",
    "Digest",
    "ID",
    "Repository",
    "SharedSize",
    "Size",
    "Tag",
    "UniqueSize",
    "VirtualSize",
];

/// The format of `images`: `--quiet` counts only where the format is none of one's own.
pub(crate) fn formatter(
    format: &Format,
    quiet: bool,
    digests: bool,
) -> Result<Formatter, FormatError> {
    match (format, quiet) {
        (Format::Table, true) => Formatter::new(&Format::Template(QUIET.to_owned()), "", ""),
        (Format::Raw, true) => Formatter::new(format, "", QUIET_RAW),
        (Format::TableOf(template), _) if digests && !template.contains("{{.Digest}}") => {
            Formatter::new(
                &Format::TableOf(format!("{template}\\t{{{{.Digest}}}}")),
                "",
                "",
            )
        }
        _ if digests => Formatter::new(format, DIGEST_TABLE, DIGEST_RAW),
        _ => Formatter::new(format, TABLE, RAW),
    }
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// How images are shown.
#[derive(Debug, Clone)]
pub(crate) struct ImageView {
    /// Whether IDs are cut to twelve digits.
    pub(crate) truncate: bool,
    /// Whether each digest gets a row.
    pub(crate) digests: bool,
    /// Whether `.Containers` is known.
    pub(crate) containers: bool,
    /// The present.
    pub(crate) moment: Moment,
}

impl ImageView {
    /// One row for each repository and tag of the images, in their order.
    pub(crate) fn rows(&self, images: Vec<ImageSummary>) -> Vec<Value> {
        images
            .into_iter()
            .flat_map(|image| self.rows_of(image))
            .collect()
    }

    /// One row for an image, by its first name, as `system df --verbose` shows it.
    pub(crate) fn single_row(&self, image: ImageSummary) -> Value {
        let name = image
            .repo_tags
            .first()
            .map(|name| (name.repository().familiar(), tag(name)));
        let (repository, tag) = name.unwrap_or_else(|| (NONE.to_owned(), NONE.to_owned()));
        self.row(&Arc::new(image), repository, tag, String::new())
    }

    fn rows_of(&self, image: ImageSummary) -> Vec<Value> {
        let image = Arc::new(image);
        let mut rows = Vec::new();
        for name in &image.repo_tags {
            let repository = name.repository().familiar();
            let mut digests: Vec<String> = Vec::new();
            if self.digests {
                let same = image
                    .repo_digests
                    .iter()
                    .filter(|other| other.repository() == name.repository());
                digests.extend(
                    same.filter_map(|name| name.digest())
                        .map(ToString::to_string),
                );
            }
            if digests.is_empty() {
                digests.push(NONE.to_owned());
            }
            rows.extend(
                digests
                    .into_iter()
                    .map(|digest| self.row(&image, repository.clone(), tag(name), digest)),
            );
        }
        let tagged = |name: &Reference| {
            image
                .repo_tags
                .iter()
                .any(|tag| tag.repository() == name.repository())
        };
        let mut untagged: Vec<&Reference> = image
            .repo_digests
            .iter()
            .filter(|name| !tagged(name))
            .collect();
        if !self.digests {
            untagged.dedup_by(|one, other| one.repository() == other.repository());
        }
        for name in untagged {
            let digest = name
                .digest()
                .filter(|_| self.digests)
                .map_or_else(|| NONE.to_owned(), ToString::to_string);
            rows.push(self.row(
                &image,
                name.repository().familiar(),
                NONE.to_owned(),
                digest,
            ));
        }
        if rows.is_empty() {
            rows.push(self.row(&image, NONE.to_owned(), NONE.to_owned(), NONE.to_owned()));
        }
        rows
    }

    fn row(
        &self,
        image: &Arc<ImageSummary>,
        repository: String,
        tag: String,
        digest: String,
    ) -> Value {
        Value::object(ImageRow {
            view: self.clone(),
            image: Arc::clone(image),
            repository,
            tag,
            digest,
        })
    }
}

fn tag(name: &Reference) -> String {
    name.tag()
        .map_or_else(|| NONE.to_owned(), ToString::to_string)
}

/// One row; its texts are made when a template asks for them.
#[derive(Debug)]
struct ImageRow {
    view: ImageView,
    image: Arc<ImageSummary>,
    repository: String,
    tag: String,
    digest: String,
}

impl TemplateContext for ImageRow {
    fn type_name(&self) -> &'static str {
        "*formatter.imageContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let image = &self.image;
        let moment = &self.view.moment;
        Some(Value::from(match name {
            "ID" if self.view.truncate => image.id.short(),
            "ID" => image.id.to_string(),
            "Repository" => self.repository.clone(),
            "Tag" => self.tag.clone(),
            "Digest" => self.digest.clone(),
            "CreatedSince" => image
                .created
                .map(|created| moment.age(created))
                .unwrap_or_default(),
            "CreatedAt" => moment.go_time(image.created),
            "Size" => human_size_with_precision(image.size, 3),
            "VirtualSize" => human_size(image.size),
            "SharedSize" => size_or_not(image.shared_size),
            "UniqueSize" => size_or_not(
                image
                    .shared_size
                    .map(|shared| image.size.saturating_sub(shared)),
            ),
            "Containers" if self.view.containers => image.users.to_string(),
            "Containers" => NOT_AVAILABLE.to_owned(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        PLACEHOLDERS.to_vec()
    }
}

fn size_or_not(size: Option<u64>) -> String {
    size.map_or_else(|| NOT_AVAILABLE.to_owned(), human_size)
}
