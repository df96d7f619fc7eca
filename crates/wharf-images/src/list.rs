//! `images`: every image with its names, filtered and in one order that never changes by chance.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use wharf_oci::{ImageId, ImageQuery, ManifestDigest, Platform, Reference, ReferencePattern};

use crate::names::NameRecord;
use crate::records::{ImageRow, Session};
use crate::resolve::{ResolveError, find};
use crate::store::ImageStore;

/// Which images to list. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Also those that exist only because others were built upon them.
    pub all: bool,
    /// `true`: only images without any name; `false`: only images with a name.
    pub dangling: Option<bool>,
    /// Each must be there.
    pub labels: Vec<LabelFilter>,
    /// None may be there.
    pub not_labels: Vec<LabelFilter>,
    /// Made before each of these images.
    pub before: Vec<ImageQuery>,
    /// Made after each of these images.
    pub since: Vec<ImageQuery>,
    /// Made before this time.
    pub until: Option<Timestamp>,
    /// One must match a name; names that none matches are not shown.
    pub references: Vec<ReferencePattern>,
    /// Compute [`ImageSummary::shared_size`], which costs a walk over all layers.
    pub shared_size: bool,
}

/// A label: by key, or by key and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFilter {
    /// The key.
    pub key: String,
    /// The value, if it counts.
    pub value: Option<String>,
}

/// One image of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// The digest of its config.
    pub id: ImageId,
    /// The manifest it was recorded with last.
    pub manifest: ManifestDigest,
    /// The image it was built upon on this machine.
    pub parent: Option<ImageId>,
    /// When it was made: of an image that was built here when that was, whatever its config says; of one that says 1970 when it
    /// came to be here.
    pub created: Option<Timestamp>,
    /// Sum of its layers' sizes, in bytes.
    pub size: u64,
    /// How much of that lies in layers that other images have too; `None` unless asked for.
    pub shared_size: Option<u64>,
    /// What it runs on.
    pub platform: Platform,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its names with a tag, sorted.
    pub repo_tags: Vec<Reference>,
    /// Its names with a digest, sorted.
    pub repo_digests: Vec<Reference>,
    /// How many containers and others use it.
    pub users: u64,
}

impl LabelFilter {
    /// Reads `key` or `key=value`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((key, value)) => Self {
                key: key.to_owned(),
                value: Some(value.to_owned()),
            },
            None => Self {
                key: text.to_owned(),
                value: None,
            },
        }
    }

    /// Whether the label is among `labels`.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        labels
            .get(&self.key)
            .is_some_and(|found| self.value.as_ref().is_none_or(|wanted| found == wanted))
    }
}

impl ImageStore {
    /// The images that `filter` lets through: the youngest first, then by name, then by tag, then
    /// by ID. The number of queries does not depend on the number of images.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<ImageSummary>, ResolveError> {
        let mut summaries = self.shared.records.read(|session| {
            let survey = Survey::take(session, filter)?;
            let images = session.images()?.into_iter();
            Ok::<_, ResolveError>(
                images
                    .filter_map(|row| survey.summary(row, filter))
                    .collect::<Vec<_>>(),
            )
        })?;
        // The first name stands for the image, as it is printed; `<none>` sorts before letters.
        summaries.sort_by_cached_key(|summary| {
            let first = summary.repo_tags.first().or(summary.repo_digests.first());
            let name = first.map_or_else(
                || ("<none>".to_owned(), String::new()),
                |name| {
                    let tag = name.tag().map(ToString::to_string).unwrap_or_default();
                    (name.repository().familiar(), tag)
                },
            );
            let created = summary.created.map(Timestamp::as_second);
            (Reverse(created), name, summary.id)
        });
        Ok(summaries)
    }
}

// What must be known of all images before one can be judged.
struct Survey {
    names: HashMap<ImageId, Vec<NameRecord>>,
    parents: HashSet<ImageId>,
    users: HashMap<ImageId, u64>,
    shared_sizes: Option<HashMap<ImageId, u64>>,
    // When the images of the filter were made, where they say so.
    before: Vec<Option<Timestamp>>,
    since: Vec<Option<Timestamp>>,
}

impl Survey {
    fn take(session: &Session<'_>, filter: &ListFilter) -> Result<Self, ResolveError> {
        let mut names: HashMap<ImageId, Vec<NameRecord>> = HashMap::new();
        for record in session.names()? {
            names.entry(record.image).or_default().push(record);
        }
        Ok(Self {
            names,
            parents: session.parents()?,
            users: session.user_counts()?,
            shared_sizes: if filter.shared_size {
                Some(session.shared_sizes()?)
            } else {
                None
            },
            before: creation_times(session, &filter.before)?,
            since: creation_times(session, &filter.since)?,
        })
    }

    fn summary(&self, row: ImageRow, filter: &ListFilter) -> Option<ImageSummary> {
        let names = self.names.get(&row.id).map_or(&[][..], Vec::as_slice);
        if !self.made_in_time(&row, filter)
            || !filter.labels.iter().all(|l| l.matches(&row.labels))
            || filter.not_labels.iter().any(|l| l.matches(&row.labels))
            || filter
                .dangling
                .is_some_and(|wanted| wanted != names.is_empty())
        {
            return None;
        }
        let is_intermediate = names.is_empty() && self.parents.contains(&row.id);
        if is_intermediate && (!filter.all || filter.dangling == Some(true)) {
            return None;
        }
        let shown = names.iter().map(|record| &record.name).filter(|name| {
            filter.references.is_empty() || filter.references.iter().any(|p| p.matches(name))
        });
        let (repo_tags, repo_digests): (Vec<_>, Vec<_>) =
            shown.cloned().partition(|name| name.tag().is_some());
        if !filter.references.is_empty() && repo_tags.is_empty() && repo_digests.is_empty() {
            return None;
        }
        let shared_sizes = self.shared_sizes.as_ref();
        Some(ImageSummary {
            id: row.id,
            manifest: row.manifest,
            parent: row.parent,
            created: row.made(),
            size: row.size,
            shared_size: shared_sizes.map(|sizes| sizes.get(&row.id).copied().unwrap_or(0)),
            platform: row.platform,
            labels: row.labels,
            repo_tags,
            repo_digests,
            users: self.users.get(&row.id).copied().unwrap_or(0),
        })
    }

    // Images that do not say when they were made are in no interval; equal times are in neither.
    fn made_in_time(&self, row: &ImageRow, filter: &ListFilter) -> bool {
        let created = row.made();
        let before = |limit: &Option<Timestamp>| created.is_some() && created < *limit;
        let since = |limit: &Option<Timestamp>| created > *limit;
        let until = filter
            .until
            .is_none_or(|limit| created.is_some_and(|created| created < limit));
        self.before.iter().all(before) && self.since.iter().all(since) && until
    }
}

fn creation_times(
    session: &Session<'_>,
    queries: &[ImageQuery],
) -> Result<Vec<Option<Timestamp>>, ResolveError> {
    let mut times = Vec::with_capacity(queries.len());
    for query in queries {
        let (id, _) = find(session, query)?;
        times.push(session.image(id)?.and_then(|row| row.made()));
    }
    Ok(times)
}
