//! `rmi`: taking names away from an image, and the image when it has none left.
//!
//! The rules are those of Docker's own store (moby `daemon/images/image_delete.go`): what removing by
//! name and by ID means, which conflicts `--force` overrides, and what is printed.

use std::fmt;

use wharf_oci::{Digest, ImageId, ImageQuery, Reference};

use crate::garbage::{Candidates, SweepError};
use crate::leases::LeaseError;
use crate::names::{NameError, NameRecord};
use crate::records::{Durability, RecordsError, Session};
use crate::resolve::{ResolveError, ResolvedBy, find};
use crate::snapshots::{Mounted, MountsError};
use crate::store::ImageStore;
use crate::users::ImageUser;

/// How to remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Override conflicts that can be overridden.
    pub force: bool,
    /// Keep nameless images that the removed one was built upon (`--no-prune`).
    pub keep_parents: bool,
}

/// One thing that was removed. Printed as Docker prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveEvent {
    /// A name.
    Untagged(Reference),
    /// An image (by the digest of its config), or a stack of layers that no image has any more (by
    /// its chain ID).
    Deleted(Digest),
}

/// Why nothing was removed. The texts of conflicts are Docker's.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The image would lose its last name although it is in use.
    #[error(
        "conflict: unable to remove repository reference \"{reference}\" (must force) - {user} is using its referenced image {}",
        image.short()
    )]
    ReferenceInUse {
        /// The name as it was typed.
        reference: String,
        /// Who uses the image.
        user: UserText,
        /// The image.
        image: ImageId,
    },
    /// The image would lose its last name although it is mounted.
    #[error(
        "conflict: unable to remove repository reference \"{reference}\" (must force) - its referenced image {} is mounted at {}",
        mount.image.short(), mount.target.display()
    )]
    ReferenceMounted {
        /// The name as it was typed.
        reference: String,
        /// Where.
        mount: Mounted,
    },
    /// The image cannot be deleted.
    #[error(
        "conflict: unable to delete {} ({}) - {reason}",
        image.short(), if reason.is_hard() { "cannot be forced" } else { "must be forced" }
    )]
    Conflict {
        /// The image.
        image: ImageId,
        /// What keeps it.
        reason: ConflictReason,
    },
    /// The image is gone, but not all of its content could be deleted yet.
    #[error("{source}; what is left is deleted by `wharf system prune`")]
    Sweep {
        /// What was removed.
        events: Vec<RemoveEvent>,
        /// The cause.
        source: SweepError,
    },
    /// `names.json` could not be written.
    #[error(transparent)]
    Names(#[from] NameError),
    /// It is not known what must not be removed.
    #[error(transparent)]
    Preparation(#[from] PreparationError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// What keeps an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConflictReason {
    /// Other images were built upon it.
    #[error("image has dependent child images")]
    DependentChildren,
    /// Something that runs uses it.
    #[error("image is being used by running {0}")]
    RunningUser(UserText),
    /// It is mounted.
    #[error("image is mounted at {}", _0.target.display())]
    Mounted(Mounted),
    /// It was asked for by ID and has names in several repositories.
    #[error("image is referenced in multiple repositories")]
    MultipleRepositories,
    /// Something that does not run now uses it.
    #[error("image is being used by stopped {0}")]
    StoppedUser(UserText),
}

/// A user of an image as it is printed: `container 0123456789ab`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserText(pub ImageUser);

impl ImageStore {
    /// Removes what `text` means: a name, or, by ID, an image with its names.
    pub fn remove(
        &self,
        text: &str,
        options: RemoveOptions,
    ) -> Result<Vec<RemoveEvent>, RemoveError> {
        let query = ImageQuery::parse(text).map_err(ResolveError::from)?;
        let (events, candidates) = self.shared.records.write(Durability::Durable, |session| {
            let mounts = self.prepare_removal(session)?;
            let mut removal = Removal::new(session, &mounts);
            let (image, by) = find(session, &query)?;
            match by {
                ResolvedBy::Name(record) => removal.by_name(text, &record, options)?,
                ResolvedBy::Digest | ResolvedBy::Prefix => removal.by_id(image, options)?,
            }
            self.shared.step("remove: records changed");
            self.shared.write_journal(session)?;
            Ok::<_, RemoveError>((removal.events, removal.candidates))
        })?;
        self.shared.step("remove: committed");
        match self.sweep(&candidates) {
            Ok(_) => Ok(events),
            Err(source) => Err(RemoveError::Sweep { events, source }),
        }
    }

    /// Forgets leases and mounts that are over, and tells which mounts are not.
    pub(crate) fn prepare_removal(
        &self,
        session: &Session<'_>,
    ) -> Result<Vec<Mounted>, PreparationError> {
        self.end_dead_leases(session)?;
        Ok(self.drop_dead_mounts(session)?)
    }
}

/// Why it is not known what must not be removed.
#[derive(Debug, thiserror::Error)]
pub enum PreparationError {
    /// Leases could not be judged.
    #[error(transparent)]
    Leases(#[from] LeaseError),
    /// Mounts could not be judged.
    #[error(transparent)]
    Mounts(#[from] MountsError),
}

/// Removals within one transaction, and what they leave to be swept.
#[derive(Debug)]
pub(crate) struct Removal<'a, 'c> {
    session: &'a Session<'c>,
    mounts: &'a [Mounted],
    pub(crate) events: Vec<RemoveEvent>,
    pub(crate) candidates: Candidates,
}

// Which conflicts that `--force` overrides count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SoftConflicts {
    Overridden,
    // Users that do not run.
    Users,
    // Those, and that the image has names in several repositories, as the caller has seen.
    UsersAndNames,
}

impl<'a, 'c> Removal<'a, 'c> {
    pub(crate) fn new(session: &'a Session<'c>, mounts: &'a [Mounted]) -> Self {
        Self {
            session,
            mounts,
            events: Vec::new(),
            candidates: Candidates::default(),
        }
    }

    fn by_name(
        &mut self,
        text: &str,
        record: &NameRecord,
        options: RemoveOptions,
    ) -> Result<(), RemoveError> {
        let image = record.image;
        if !options.force && is_single_reference(&self.session.names_of(image)?) {
            self.check_last_name(text, image)?;
        }
        self.untag(record)?;
        let mut left = self.session.names_of(image)?;
        let repository = record.name.repository();
        let in_repository = |other: &NameRecord| other.name.repository() == repository;
        let tags_left = left
            .iter()
            .any(|other| in_repository(other) && other.name.tag().is_some());
        if record.name.tag().is_some() && !tags_left {
            // The digests came with the tag and go with it.
            for digest in left.extract_if(.., |other| in_repository(other)) {
                self.untag(&digest)?;
            }
        }
        if !left.is_empty() {
            return Ok(());
        }
        self.delete_quietly(image, options)
    }

    fn check_last_name(&self, text: &str, image: ImageId) -> Result<(), RemoveError> {
        if let Some(user) = self.session.users_of(image)?.into_iter().next() {
            return Err(RemoveError::ReferenceInUse {
                reference: text.to_owned(),
                user: UserText(user),
                image,
            });
        }
        if let Some(mount) = self.mount_of(image) {
            return Err(RemoveError::ReferenceMounted {
                reference: text.to_owned(),
                mount,
            });
        }
        Ok(())
    }

    fn by_id(&mut self, image: ImageId, options: RemoveOptions) -> Result<(), RemoveError> {
        let names = self.session.names_of(image)?;
        let single = is_single_reference(&names);
        let soft = match options.force {
            true => SoftConflicts::Overridden,
            false if single || names.is_empty() => SoftConflicts::Users,
            false => SoftConflicts::UsersAndNames,
        };
        if let Some(reason) = self.conflict(image, soft)? {
            return Err(RemoveError::Conflict { image, reason });
        }
        for name in &names {
            self.untag(name)?;
        }
        self.delete(image, options)
    }

    /// Takes every name of the image away and deletes it, unless something keeps it: then the names
    /// are gone, and nothing is said.
    pub(crate) fn prune(&mut self, image: ImageId) -> Result<(), RemoveError> {
        for name in self.session.names_of(image)? {
            self.untag(&name)?;
        }
        self.delete_quietly(image, RemoveOptions::default())
    }

    // A conflict now only means that the image stays, without a name.
    fn delete_quietly(
        &mut self,
        image: ImageId,
        options: RemoveOptions,
    ) -> Result<(), RemoveError> {
        let soft = if options.force {
            SoftConflicts::Overridden
        } else {
            SoftConflicts::Users
        };
        match self.conflict(image, soft)? {
            Some(_) => Ok(()),
            None => self.delete(image, options),
        }
    }

    fn untag(&mut self, record: &NameRecord) -> Result<(), RemoveError> {
        self.session.delete_name(&record.name)?;
        self.candidates.blobs.insert(record.target.digest);
        self.events.push(RemoveEvent::Untagged(record.name.clone()));
        Ok(())
    }

    fn delete(&mut self, image: ImageId, options: RemoveOptions) -> Result<(), RemoveError> {
        let mut next = Some(image);
        while let Some(image) = next {
            next = None;
            let Some(row) = self.session.image(image)? else {
                break;
            };
            let layers = self.session.layers_of(image)?;
            self.candidates.add_image(self.session, &row, &layers)?;
            self.session.delete_image(image)?;
            self.events.push(RemoveEvent::Deleted(*image.digest()));
            for (_, chain) in layers.iter().rev() {
                if !self.session.chain_is_used(*chain)? {
                    self.events.push(RemoveEvent::Deleted(*chain.digest()));
                }
            }
            // What it was built upon goes too, if nothing else holds that.
            if let Some(parent) = row.parent.filter(|_| !options.keep_parents)
                && self.session.names_of(parent)?.is_empty()
                && self.conflict(parent, SoftConflicts::Users)?.is_none()
            {
                next = Some(parent);
            }
        }
        Ok(())
    }

    // Docker's order: hard conflicts before soft ones, but for the stopped container.
    fn conflict(
        &self,
        image: ImageId,
        soft: SoftConflicts,
    ) -> Result<Option<ConflictReason>, RemoveError> {
        if !self.session.children(image)?.is_empty() {
            return Ok(Some(ConflictReason::DependentChildren));
        }
        let users = self.session.users_of(image)?;
        if let Some(user) = users.iter().find(|user| user.running) {
            return Ok(Some(ConflictReason::RunningUser(UserText(user.clone()))));
        }
        if let Some(mount) = self.mount_of(image) {
            return Ok(Some(ConflictReason::Mounted(mount)));
        }
        match soft {
            SoftConflicts::Overridden => return Ok(None),
            SoftConflicts::UsersAndNames => return Ok(Some(ConflictReason::MultipleRepositories)),
            SoftConflicts::Users => (),
        }
        let stopped = users.into_iter().next();
        Ok(stopped.map(|user| ConflictReason::StoppedUser(UserText(user))))
    }

    fn mount_of(&self, image: ImageId) -> Option<Mounted> {
        self.mounts
            .iter()
            .find(|mount| mount.image == image)
            .cloned()
    }
}

impl ConflictReason {
    /// Whether `--force` does not help.
    pub fn is_hard(&self) -> bool {
        match self {
            Self::DependentChildren | Self::RunningUser(_) | Self::Mounted(_) => true,
            Self::MultipleRepositories | Self::StoppedUser(_) => false,
        }
    }
}

impl fmt::Display for RemoveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged(name) => write!(f, "Untagged: {}", name.familiar()),
            Self::Deleted(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

impl fmt::Display for UserText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A container's ID is printed cut to 12 digits, as an image's is.
        let short: String = self.0.id.chars().take(12).collect();
        write!(f, "{} {short}", self.0.kind)
    }
}

// All names are one tag and the digests of its repository, or digests of one repository alone
// (moby `isSingleReference`).
fn is_single_reference(names: &[NameRecord]) -> bool {
    let Some(first) = names.first() else {
        return false;
    };
    let tags = names.iter().filter(|name| name.name.tag().is_some());
    let one_repository = names
        .iter()
        .all(|name| name.name.repository() == first.name.repository());
    one_repository && tags.count() <= 1
}
