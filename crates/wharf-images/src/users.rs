//! Who uses images: containers today, builds and others later. What is used is not removed unasked.

use std::fmt;
use std::str::FromStr;

use wharf_oci::ImageId;

use crate::records::{Durability, RecordsError, Session};
use crate::store::ImageStore;

/// What kind of thing uses an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UserKind {
    /// A container, running or stopped.
    Container,
    /// A build that keeps the image for its cache.
    Build,
}

/// One user of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUser {
    /// What it is.
    pub kind: UserKind,
    /// Its ID, unique among users of its kind.
    pub id: String,
    /// The name that people know it by.
    pub name: String,
    /// Whether it runs: then nothing can force its image away.
    pub running: bool,
}

/// Why a user could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such image.
    #[error("No such image: {0}")]
    NoSuchImage(ImageId),
    /// There is no such user.
    #[error("no {kind} {id} is recorded as a user of an image")]
    NoSuchUser {
        /// Its kind.
        kind: UserKind,
        /// Its ID.
        id: String,
    },
    /// Another user of the same kind has the name.
    #[error("the name {name:?} is already in use by {kind} {id:?}")]
    NameTaken {
        /// Its kind.
        kind: UserKind,
        /// The name.
        name: String,
        /// The ID of whoever has it.
        id: String,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl ImageStore {
    /// As [`ImageStore::add_user`], but its name must be nobody else's among users of its kind.
    pub fn add_named_user(&self, image: ImageId, user: &ImageUser) -> Result<(), UserError> {
        self.shared.records.write(Durability::Durable, |session| {
            if session.image(image)?.is_none() {
                return Err(UserError::NoSuchImage(image));
            }
            check_name(session, user.kind, &user.id, &user.name)?;
            session.put_user(image, user)?;
            Ok(())
        })
    }

    /// Gives a user another name, which must be nobody else's among users of its kind.
    pub fn rename_user(&self, kind: UserKind, id: &str, name: &str) -> Result<(), UserError> {
        self.shared.records.write(Durability::Durable, |session| {
            check_name(session, kind, id, name)?;
            if session.rename_user(kind, id, name)? {
                return Ok(());
            }
            Err(UserError::NoSuchUser {
                kind,
                id: id.to_owned(),
            })
        })
    }

    /// All users of a kind, with the images that they stand on; in the order of their IDs.
    pub fn users_of_kind(&self, kind: UserKind) -> Result<Vec<(ImageId, ImageUser)>, RecordsError> {
        self.shared
            .records
            .read(|session| session.users_of_kind(kind))
    }

    /// Records that `user` stands on `image`. A user stands on one image; recording it again moves it.
    pub fn add_user(&self, image: ImageId, user: &ImageUser) -> Result<(), UserError> {
        self.shared.records.write(Durability::Durable, |session| {
            if session.image(image)?.is_none() {
                return Err(UserError::NoSuchImage(image));
            }
            session.put_user(image, user)?;
            Ok(())
        })
    }

    /// Records that a user started or stopped.
    pub fn set_user_running(
        &self,
        kind: UserKind,
        id: &str,
        running: bool,
    ) -> Result<(), UserError> {
        // After a reboot nothing runs, whatever is recorded.
        self.shared.records.write(Durability::Volatile, |session| {
            if session.set_running(kind, id, running)? {
                return Ok(());
            }
            Err(UserError::NoSuchUser {
                kind,
                id: id.to_owned(),
            })
        })
    }

    /// Records that a user is gone; whether it was known. Layers that only it kept are garbage then.
    pub fn remove_user(&self, kind: UserKind, id: &str) -> Result<bool, UserError> {
        self.shared.records.write(Durability::Durable, |session| {
            let Some(image) = session.delete_user(kind, id)? else {
                return Ok(false);
            };
            session.drop_unused_image_layers(image)?;
            Ok(true)
        })
    }

    /// The users of `image`, running ones first.
    pub fn users_of(&self, image: ImageId) -> Result<Vec<ImageUser>, RecordsError> {
        self.shared.records.read(|session| session.users_of(image))
    }
}

fn check_name(
    session: &Session<'_>,
    kind: UserKind,
    id: &str,
    name: &str,
) -> Result<(), UserError> {
    match session.user_named(kind, name)? {
        Some(other) if other != id => Err(UserError::NameTaken {
            kind,
            name: name.to_owned(),
            id: other,
        }),
        _ => Ok(()),
    }
}

impl UserKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Build => "build",
        }
    }
}

impl fmt::Display for UserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of user that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of image user {0:?}")]
pub struct UnknownUserKind(String);

impl FromStr for UserKind {
    type Err = UnknownUserKind;

    fn from_str(text: &str) -> Result<Self, UnknownUserKind> {
        [Self::Container, Self::Build]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownUserKind(text.to_owned()))
    }
}
