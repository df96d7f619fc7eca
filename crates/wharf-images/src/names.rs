//! Names: what points to the images, and the file that remembers them should the database be lost.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_oci::{Descriptor, ImageId, ManifestDigest, Reference, Repository};

use crate::records::{Durability, RecordsError, Session};
use crate::store::{ImageStore, Shared};

const JOURNAL_FORMAT: u32 = 1;
const JOURNAL_FILE: &str = "names.json";

/// A name and what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRecord {
    /// Repository with a tag, or repository with a digest.
    pub name: Reference,
    /// The manifest or index that the registry serves under the name.
    pub target: Descriptor,
    /// The manifest of this machine's choice: the target, unless that is an index.
    pub manifest: ManifestDigest,
    /// The image.
    pub image: ImageId,
    /// When the name was last pointed here.
    pub updated: Timestamp,
}

/// Why a name could not be set, moved or removed.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// A name is stored with a tag or with a digest.
    #[error("{} cannot be stored as a name: it needs either a tag or a digest", _0.familiar())]
    Form(Reference),
    /// The image is not recorded.
    #[error("No such image: {0}")]
    NoSuchImage(ImageId),
    /// No image has this name.
    #[error("No such image: {}", _0.familiar())]
    NoSuchName(Reference),
    /// `names.json` cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

#[derive(Serialize, Deserialize)]
struct Journal {
    format: u32,
    names: Vec<JournalEntry>,
}

#[derive(Serialize, Deserialize)]
struct JournalEntry {
    name: String,
    target: Descriptor,
    manifest: ManifestDigest,
    image: ImageId,
    updated: Timestamp,
}

impl ImageStore {
    /// Points `name` to an image that is recorded; tells what it pointed to before. An image that
    /// loses its last name so stays, as a dangling one.
    pub fn set_name(
        &self,
        name: &Reference,
        target: &Descriptor,
        manifest: ManifestDigest,
        image: ImageId,
    ) -> Result<Option<NameRecord>, NameError> {
        let record = NameRecord {
            name: name.clone(),
            target: target.clone(),
            manifest,
            image,
            updated: self.shared.clock.now(),
        };
        let mut previous = self.set_names(&[record])?;
        Ok(previous.pop().flatten())
    }

    /// As [`ImageStore::set_name`] for several names at once: all are set, or none. A pull sets the
    /// tag and the digest form of a name so.
    pub fn set_names(&self, records: &[NameRecord]) -> Result<Vec<Option<NameRecord>>, NameError> {
        self.shared.records.write(Durability::Durable, |session| {
            self.shared.put_names(session, records)
        })
    }

    /// Gives the image called `source` the further name `name`; tells what that pointed to before.
    /// `source` is a name with tag or digest, exactly as stored.
    pub fn tag(
        &self,
        source: &Reference,
        name: &Reference,
    ) -> Result<Option<NameRecord>, NameError> {
        let found = self.name(source)?;
        let found = found.ok_or_else(|| NameError::NoSuchName(source.clone()))?;
        self.set_name(name, &found.target, found.manifest, found.image)
    }

    /// Forgets `name`; tells what it pointed to. The image stays.
    pub fn remove_name(&self, name: &Reference) -> Result<NameRecord, NameError> {
        self.shared.records.write(Durability::Durable, |session| {
            let found = session.name(name)?;
            let found = found.ok_or_else(|| NameError::NoSuchName(name.clone()))?;
            session.delete_name(name)?;
            self.shared.write_journal(session)?;
            Ok(found)
        })
    }

    /// Says that whoever keeps a parent keeps its children: what an index leads to besides the image that is recorded. All of
    /// it must be under a lease until a name leads there.
    pub fn remember_contents(
        &self,
        edges: &[(wharf_oci::Digest, Vec<wharf_oci::Digest>)],
    ) -> Result<(), RecordsError> {
        self.shared.records.write(Durability::Durable, |session| {
            for (parent, children) in edges {
                for child in children {
                    session.put_edge(parent, child)?;
                }
            }
            Ok(())
        })
    }

    /// What `name`, with its tag or its digest, points to.
    pub fn name(&self, name: &Reference) -> Result<Option<NameRecord>, RecordsError> {
        self.shared.records.read(|session| session.name(name))
    }

    /// Every name, sorted.
    pub fn names(&self) -> Result<Vec<NameRecord>, RecordsError> {
        self.shared.records.read(|session| {
            let names = session.names()?;
            Ok(names)
        })
    }

    /// The names of an image, sorted.
    pub fn names_of(&self, image: ImageId) -> Result<Vec<NameRecord>, RecordsError> {
        self.shared.records.read(|session| session.names_of(image))
    }

    /// The names in a repository, sorted: what `push --all-tags` pushes.
    pub fn names_in(&self, repository: &Repository) -> Result<Vec<NameRecord>, RecordsError> {
        self.shared
            .records
            .read(|session| session.names_in(repository))
    }
}

impl Shared {
    /// What [`ImageStore::set_names`] does, inside a transaction.
    pub(crate) fn put_names(
        &self,
        session: &Session<'_>,
        records: &[NameRecord],
    ) -> Result<Vec<Option<NameRecord>>, NameError> {
        let mut previous = Vec::with_capacity(records.len());
        for record in records {
            if record.name.tag().is_some() == record.name.digest().is_some() {
                return Err(NameError::Form(record.name.clone()));
            }
            if session.image(record.image)?.is_none() {
                return Err(NameError::NoSuchImage(record.image));
            }
            if record.target.digest != *record.manifest.digest() {
                session.put_edge(&record.target.digest, record.manifest.digest())?;
            }
            previous.push(session.name(&record.name)?);
            session.put_name(record)?;
        }
        self.write_journal(session)?;
        Ok(previous)
    }

    /// What `names.json` says; nothing if it was never written.
    pub(crate) fn read_journal(&self) -> io::Result<Vec<NameRecord>> {
        let bytes = match std::fs::read(self.root.join(JOURNAL_FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let journal: Journal = serde_json::from_slice(&bytes)?;
        if journal.format != JOURNAL_FORMAT {
            let text = format!("it has format {}", journal.format);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let records = journal.names.into_iter().map(|entry| {
            let name = entry.name.parse();
            Ok(NameRecord {
                name: name.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
                target: entry.target,
                manifest: entry.manifest,
                image: entry.image,
                updated: entry.updated,
            })
        });
        records.collect()
    }

    /// Writes every name to `names.json`. Called inside the transaction that changed them, so that
    /// two processes cannot write it in the wrong order.
    pub(crate) fn write_journal(&self, session: &Session<'_>) -> Result<(), NameError> {
        let path = self.root.join(JOURNAL_FILE);
        let names = session.names()?.into_iter().map(|record| JournalEntry {
            name: record.name.to_string(),
            target: record.target,
            manifest: record.manifest,
            image: record.image,
            updated: record.updated,
        });
        let journal = Journal {
            format: JOURNAL_FORMAT,
            names: names.collect(),
        };
        let written = serde_json::to_vec_pretty(&journal)
            .map_err(io::Error::from)
            .and_then(|json| wharf_blobs::write_file(&path, &json, 0o600));
        written.map_err(|source| NameError::Journal { path, source })?;
        self.step("names: journal written");
        Ok(())
    }
}
