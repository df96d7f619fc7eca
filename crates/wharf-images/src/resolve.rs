//! From what a person typed to the image that is meant.

use wharf_oci::{IdPrefix, ImageId, ImageQuery, Reference, ReferenceError};

use crate::images::{ImageRecord, read_image};
use crate::names::NameRecord;
use crate::records::{RecordsError, Session};
use crate::store::ImageStore;

/// How many matches an error about an ambiguous ID names.
const MATCHES_SHOWN: u32 = 8;

/// An image that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The image.
    pub image: ImageRecord,
    /// How it was found.
    pub by: ResolvedBy,
}

/// How an image was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedBy {
    /// By one of its names.
    Name(Box<NameRecord>),
    /// By the digest of its config, its manifest or an index, alone or behind a repository.
    Digest,
    /// By the start of its ID.
    Prefix,
}

/// Why no image was found.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The text can be neither a name nor an ID.
    #[error(transparent)]
    Parse(#[from] ReferenceError),
    /// Nothing on this machine is called so. The text is Docker's.
    #[error("No such image: {}", printed(query))]
    NotFound {
        /// What was looked for.
        query: ImageQuery,
    },
    /// The ID is cut too short.
    #[error("image ID {} is ambiguous: it is the start of {}; give more of it", prefix.as_hex(), listed(matches))]
    Ambiguous {
        /// The start of an ID.
        prefix: IdPrefix,
        /// Images whose IDs start so; at most eight are named.
        matches: Vec<ImageId>,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl ImageStore {
    /// Finds the image that `query` means. A whole digest may be that of a config, a manifest or an
    /// index; a name wins over the ID that the same text could be; an ID may be cut short.
    pub fn resolve(&self, query: &ImageQuery) -> Result<ResolvedImage, ResolveError> {
        self.shared.records.read(|session| {
            let (id, by) = find(session, query)?;
            // A name whose image is not recorded is damage, and finds nothing.
            let image = read_image(session, id)?.ok_or_else(|| ResolveError::NotFound {
                query: query.clone(),
            })?;
            Ok(ResolvedImage { image, by })
        })
    }

    /// Reads what a person typed, and finds the image.
    pub fn resolve_text(&self, text: &str) -> Result<ResolvedImage, ResolveError> {
        self.resolve(&ImageQuery::parse(text)?)
    }
}

/// The image that is meant, and how it was found.
pub(crate) fn find(
    session: &Session<'_>,
    query: &ImageQuery,
) -> Result<(ImageId, ResolvedBy), ResolveError> {
    let not_found = || ResolveError::NotFound {
        query: query.clone(),
    };
    match query {
        ImageQuery::Digest(digest) => {
            let id = ImageId::new(*digest);
            if session.image(id)?.is_some() {
                return Ok((id, ResolvedBy::Digest));
            }
            // One manifest or index may stand for several images (platforms of an index): the one
            // that a name chose last comes first.
            let found = session.images_by_content(digest)?.into_iter().next();
            found
                .map(|id| (id, ResolvedBy::Digest))
                .ok_or_else(not_found)
        }
        ImageQuery::Name(name, prefix) => {
            if let Some(found) = find_name(session, name)? {
                return Ok(found);
            }
            let prefix = prefix.as_ref().ok_or_else(not_found)?;
            find_prefix(session, prefix)?.ok_or_else(not_found)
        }
        ImageQuery::Prefix(prefix) => find_prefix(session, prefix)?.ok_or_else(not_found),
    }
}

fn find_name(
    session: &Session<'_>,
    name: &Reference,
) -> Result<Option<(ImageId, ResolvedBy)>, RecordsError> {
    let name = name.clone().digest_wins();
    if let Some(record) = session.name(&name)? {
        return Ok(Some((record.image, ResolvedBy::Name(Box::new(record)))));
    }
    let Some(digest) = name.digest() else {
        return Ok(None);
    };
    let found = session.image_in_repository(name.repository(), digest)?;
    Ok(found.map(|id| (id, ResolvedBy::Digest)))
}

fn find_prefix(
    session: &Session<'_>,
    prefix: &IdPrefix,
) -> Result<Option<(ImageId, ResolvedBy)>, ResolveError> {
    let matches = session.images_with_prefix(prefix.as_hex(), MATCHES_SHOWN)?;
    match matches.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some((*only, ResolvedBy::Prefix))),
        _ => Err(ResolveError::Ambiguous {
            prefix: prefix.clone(),
            matches,
        }),
    }
}

fn printed(query: &ImageQuery) -> String {
    match query {
        ImageQuery::Digest(digest) => digest.to_string(),
        ImageQuery::Name(name, _) => name.familiar(),
        ImageQuery::Prefix(prefix) => prefix.as_hex().to_owned(),
    }
}

fn listed(matches: &[ImageId]) -> String {
    let short: Vec<String> = matches.iter().map(ImageId::short).collect();
    short.join(", ")
}
