//! Mounting an image, unmounting it, and remembering where images are mounted.
//!
//! The record is written before the mount is made and removed after it is gone: an image is never
//! mounted without a record, and a record without a mount is dropped by whoever meets it.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use wharf_layers::{Overlay, OverlayError, OverlayUpper};
use wharf_oci::{ChainId, DiffId, ImageId};

use super::table::{self, MountsError};
use crate::builds::EnsureLayerError;
use crate::leases::LeaseError;
use crate::process::namespace;
use crate::records::{Durability, MountRow, RecordsError, Session};
use crate::store::ImageStore;

/// Whether the mounted image can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountMode {
    /// Only looked at. Setuid programs and device nodes have no power there.
    ReadOnly,
    /// Changes go to `upper`; the image stays as it is.
    Writable {
        /// Takes the changes.
        upper: PathBuf,
        /// For overlayfs itself: an empty folder on the same file system as `upper`.
        work: PathBuf,
    },
}

/// What an image is the union of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTrees {
    /// Trees of layers from the top down, each once.
    pub lowers: Vec<PathBuf>,
    /// An empty folder, since overlayfs wants two layers at least.
    pub empty: PathBuf,
}

/// One mounted image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// The image.
    pub image: ImageId,
    /// Where, as an absolute path.
    pub target: PathBuf,
    /// Whether it can be written to.
    pub writable: bool,
    /// Since when.
    pub created: Timestamp,
}

/// Why an image could not be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// There is no such image.
    #[error("No such image: {0}")]
    NoSuchImage(ImageId),
    /// A layer is not unpacked.
    #[error("layer {layer} of image {} is missing: run `wharf system check --repair`", image.short())]
    MissingLayer {
        /// The image.
        image: ImageId,
        /// The layer.
        layer: DiffId,
    },
    /// The target is not a folder that can be used.
    #[error("cannot mount at {}: {source}", target.display())]
    Target {
        /// Where.
        target: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An image is mounted there already.
    #[error("image {} is already mounted at {}: unmount it first with `wharf image unmount {}`", _0.image.short(), _0.target.display(), _0.target.display())]
    Occupied(Mounted),
    /// The kernel does not let this user mount.
    #[error(
        "mounting needs root: as an ordinary user run `wharf unshare` first and mount inside of it"
    )]
    Permission(#[source] OverlayError),
    /// The kernel refused.
    #[error("cannot mount image {} at {}: {source}", image.short(), target.display())]
    Overlay {
        /// The image.
        image: ImageId,
        /// Where.
        target: PathBuf,
        /// The cause.
        source: OverlayError,
    },
    /// A packed layer cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] EnsureLayerError),
    /// Other mounts could not be judged.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The layers could not be kept from being removed.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Why a folder could not be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// No image is mounted there.
    #[error("no image is mounted at {}", _0.display())]
    NotMounted(PathBuf),
    /// A process has a file or its working folder there.
    #[error("{} is in use: leave the folder and close what is open in it", target.display())]
    Busy {
        /// Where.
        target: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It was mounted in another mount namespace.
    #[error("the image at {} is mounted in another namespace: unmount it there (`wharf unshare`)", target.display())]
    OtherNamespace {
        /// Where.
        target: PathBuf,
    },
    /// The kernel refused.
    #[error("cannot unmount {}: {source}", target.display())]
    Io {
        /// Where.
        target: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Other mounts could not be judged.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl ImageStore {
    /// Mounts `image` at the folder `target`. An image without layers is an empty folder.
    pub fn mount(
        &self,
        image: ImageId,
        target: &Path,
        mode: &MountMode,
    ) -> Result<Mounted, MountError> {
        let target = target_folder(target)?;
        let row = MountRow {
            target: target.clone(),
            image,
            writable: matches!(mode, MountMode::Writable { .. }),
            mount_namespace: namespace("mnt").map_err(MountsError::Process)?,
            boot_id: self.shared.boot.as_str().to_owned(),
            created: self.shared.clock.now(),
        };
        // Holds the layers while the record may be taken for a stale one: there is no mount yet.
        let lease = self.lease("mount")?;
        let layers = self.shared.records.write(Durability::Volatile, |session| {
            let record = session.image(image)?;
            record.ok_or(MountError::NoSuchImage(image))?;
            let living = self.living_mounts(session)?;
            if let Some(other) = living.into_iter().find(|mount| mount.target == target) {
                return Err(MountError::Occupied(other));
            }
            let layers = session.layers_of(image)?;
            let digests: Vec<_> = layers
                .iter()
                .map(|(diff_id, _)| *diff_id.digest())
                .collect();
            session.protect(lease.id, &digests)?;
            session.put_mount(&row)?;
            visible_layers(session, image, &layers)
        })?;
        self.shared.step("mount: recorded");
        let outcome = self.mount_layers(image, &layers, &target, mode);
        self.shared.step("mount: made");
        self.shared
            .records
            .write(Durability::Volatile, |session| match &outcome {
                Ok(()) => session.put_mount(&row),
                Err(_) => session.delete_mount(&row),
            })?;
        outcome.map(|()| Mounted::from(row))
    }

    /// The trees that `image` is the union of, from the top down, and an empty folder beside them (those that are packed are unpacked
    /// now): for a container, whose use of the
    /// image is recorded, so that they stay even if the image goes.
    pub fn layer_trees(&self, image: ImageId) -> Result<LayerTrees, MountError> {
        let layers = self.shared.records.read::<_, MountError>(|session| {
            visible_layers(session, image, &session.layers_of(image)?)
        })?;
        let lowers: Result<_, _> = layers
            .into_iter()
            .map(|layer| self.tree_of(image, layer))
            .collect();
        Ok(LayerTrees {
            lowers: lowers?,
            empty: self.shared.layers().join("empty/fs"),
        })
    }

    /// Where the trees of `image` are, from the top down, or will be when somebody looks into those that are packed.
    pub fn layer_tree_places(&self, image: ImageId) -> Result<Vec<PathBuf>, MountError> {
        let layers = self.shared.records.read::<_, MountError>(|session| {
            visible_layers(session, image, &session.layers_of(image)?)
        })?;
        Ok(layers
            .into_iter()
            .map(|layer| self.layer_tree(layer))
            .collect())
    }

    /// The tree of a layer, which is unpacked now if it is packed.
    fn tree_of(&self, image: ImageId, layer: DiffId) -> Result<PathBuf, MountError> {
        let tree = self.layer_tree(layer);
        if tree.is_dir() {
            return Ok(tree);
        }
        let known = self.known_layer(layer).map_err(EnsureLayerError::from)?;
        known.ok_or(MountError::MissingLayer { image, layer })?;
        self.ensure_layer(layer)?;
        Ok(tree)
    }

    /// Unmounts the image at `target`, and tells what it was.
    pub fn unmount(&self, target: &Path) -> Result<Mounted, UnmountError> {
        let io_error = |source| UnmountError::Io {
            target: target.to_path_buf(),
            source,
        };
        let target = target.canonicalize().map_err(io_error)?;
        let row = self.shared.records.read::<_, RecordsError>(|session| {
            let mut rows = session.mounts()?.into_iter();
            Ok(rows.find(|row| row.target == target))
        })?;
        let row = row.ok_or_else(|| UnmountError::NotMounted(target.clone()))?;
        if row.mount_namespace != namespace("mnt").map_err(MountsError::Process)? {
            return Err(UnmountError::OtherNamespace { target });
        }
        match rustix::mount::unmount(&target, UnmountFlags::NOFOLLOW) {
            Ok(()) => (),
            // The record was all there was: the mount went with a reboot or by `umount`.
            Err(Errno::INVAL) => {
                self.forget_mount(&row)?;
                return Err(UnmountError::NotMounted(target));
            }
            Err(Errno::BUSY) => {
                let source = Errno::BUSY.into();
                return Err(UnmountError::Busy { target, source });
            }
            Err(error) => {
                let source = error.into();
                return Err(UnmountError::Io { target, source });
            }
        }
        self.shared.step("unmount: done");
        self.forget_mount(&row)?;
        Ok(Mounted::from(row))
    }

    /// The images that are mounted now.
    pub fn mounts(&self) -> Result<Vec<Mounted>, MountsError> {
        self.shared
            .records
            .read(|session| self.living_mounts(session))
    }

    fn forget_mount(&self, row: &MountRow) -> Result<(), RecordsError> {
        self.shared
            .records
            .write(Durability::Volatile, |session| session.delete_mount(row))
    }

    fn mount_layers(
        &self,
        image: ImageId,
        layers: &[DiffId],
        target: &Path,
        mode: &MountMode,
    ) -> Result<(), MountError> {
        let mut lowers = Vec::with_capacity(layers.len() + 1);
        for layer in layers {
            lowers.push(self.tree_of(image, *layer)?);
        }
        let upper = match mode {
            MountMode::ReadOnly => None,
            MountMode::Writable { upper, work } => Some(OverlayUpper {
                upper: upper.clone(),
                work: work.clone(),
            }),
        };
        let overlay = Overlay {
            lowers,
            empty: self.shared.layers().join("empty/fs"),
            upper,
            flavour: self.shared.flavour,
        };
        overlay.mount(target).map_err(|source| {
            if source.is_permission() {
                MountError::Permission(source)
            } else {
                MountError::Overlay {
                    image,
                    target: target.to_path_buf(),
                    source,
                }
            }
        })
    }
}

impl From<MountRow> for Mounted {
    fn from(row: MountRow) -> Self {
        Self {
            image: row.image,
            target: row.target,
            writable: row.writable,
            created: row.created,
        }
    }
}

impl ImageStore {
    /// The recorded mounts that are still there.
    pub(crate) fn living_mounts(&self, session: &Session<'_>) -> Result<Vec<Mounted>, MountsError> {
        let (living, _) = table::judge(session.mounts()?, &self.shared.boot)?;
        Ok(living.into_iter().map(Mounted::from).collect())
    }

    /// As [`ImageStore::living_mounts`]; forgets the others.
    pub(crate) fn drop_dead_mounts(
        &self,
        session: &Session<'_>,
    ) -> Result<Vec<Mounted>, MountsError> {
        let (living, dead) = table::judge(session.mounts()?, &self.shared.boot)?;
        for row in &dead {
            session.delete_mount(row)?;
        }
        Ok(living.into_iter().map(Mounted::from).collect())
    }
}

// From the top down, those that can be seen. Overlayfs refuses one folder twice, and of a layer that
// stands twice only the upper one is ever seen. What lies below a layer that hides everything is
// left out, since overlayfs merges the top folders of its layers whatever their marks say.
fn visible_layers(
    session: &Session<'_>,
    image: ImageId,
    layers: &[(DiffId, ChainId)],
) -> Result<Vec<DiffId>, MountError> {
    let mut visible = Vec::with_capacity(layers.len());
    for (layer, _) in layers.iter().rev() {
        let record = session.layer(*layer)?.ok_or(MountError::MissingLayer {
            image,
            layer: *layer,
        })?;
        if !visible.contains(layer) {
            visible.push(*layer);
        }
        if record.root_is_opaque {
            break;
        }
    }
    Ok(visible)
}

fn target_folder(target: &Path) -> Result<PathBuf, MountError> {
    let io_error = |source| MountError::Target {
        target: target.to_path_buf(),
        source,
    };
    let path = target.canonicalize().map_err(io_error)?;
    if !path.is_dir() {
        return Err(io_error(io::ErrorKind::NotADirectory.into()));
    }
    Ok(path)
}
