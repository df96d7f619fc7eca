//! Volumes: named folders that outlive containers, laid out as Docker's: `<root>/volumes/<name>/_data`.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_blobs::FileLock;
use wharf_transfer::ErrorKind;

use super::names::{is_name, new_id};
use super::written::bytes_below;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

const VOLUME_FORMAT: u32 = 1;
const DESCRIPTION: &str = "volume.json";

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// The folder that is mounted.
    pub data: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options it was made with.
    pub options: BTreeMap<String, String>,
    /// Whether it got its name by itself.
    pub anonymous: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct VolumeFile {
    format: u32,
    created: Timestamp,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
    anonymous: bool,
}

impl Engine {
    fn volumes_folder(&self) -> PathBuf {
        self.settings().root.join("volumes")
    }

    /// Held while a volume is made or removed, and while a container that uses one is made.
    fn volumes_lock(&self) -> Result<FileLock, EngineError> {
        self.store()?;
        let folder = self.volumes_folder();
        make_folder(&folder, 0o701)?;
        FileLock::acquire(&folder.join("lock")).map_err(classify)
    }

    /// Makes the volume unless it is there. An empty name finds one itself.
    pub fn create_volume(
        &self,
        name: &str,
        labels: BTreeMap<String, String>,
        options: BTreeMap<String, String>,
    ) -> Result<Volume, EngineError> {
        let _lock = self.volumes_lock()?;
        self.make_volume(name, labels, options)
    }

    /// The volume for a mount of the container that is being made; an empty name makes one that goes with it.
    pub(super) fn volume_for_container(&self, name: &str, id: &str) -> Result<Volume, EngineError> {
        if !name.is_empty() {
            return self.create_volume(name, BTreeMap::new(), BTreeMap::new());
        }
        let name = new_id().map_err(classify)?;
        self.note_volume(id, &name)?;
        let _lock = self.volumes_lock()?;
        self.write_volume(&name, BTreeMap::new(), BTreeMap::new(), true)
    }

    fn make_volume(
        &self,
        name: &str,
        labels: BTreeMap<String, String>,
        options: BTreeMap<String, String>,
    ) -> Result<Volume, EngineError> {
        let anonymous = name.is_empty();
        let name = if anonymous {
            new_id().map_err(classify)?
        } else if is_name(name) {
            name.to_owned()
        } else {
            let text = format!(
                "create {name}: {name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            );
            return Err(failure(ErrorKind::Invalid, text));
        };
        match self.volume(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            found => return found,
        }
        if let Some(option) = options.keys().next() {
            let text = format!(
                "create {name}: option {option:?} is not supported: Wharf's volumes are folders"
            );
            return Err(failure(ErrorKind::Invalid, text));
        }
        self.write_volume(&name, labels, options, anonymous)
    }

    /// Its description comes last: what has none is no volume yet.
    fn write_volume(
        &self,
        name: &str,
        labels: BTreeMap<String, String>,
        options: BTreeMap<String, String>,
        anonymous: bool,
    ) -> Result<Volume, EngineError> {
        let folder = self.volumes_folder().join(name);
        make_folder(&folder, 0o701)?;
        make_folder(&folder.join("_data"), 0o755)?;
        let file = VolumeFile {
            format: VOLUME_FORMAT,
            created: self.settings().clock.now(),
            labels,
            options,
            anonymous,
        };
        let bytes = serde_json::to_vec(&file).map_err(|error| classify(io::Error::from(error)))?;
        wharf_blobs::write_file(&folder.join(DESCRIPTION), &bytes, 0o600).map_err(classify)?;
        self.volume(name)
    }

    /// The volume of that name.
    pub fn volume(&self, name: &str) -> Result<Volume, EngineError> {
        let folder = self.volumes_folder().join(name);
        let missing = || failure(ErrorKind::NotFound, format!("get {name}: no such volume"));
        if !is_name(name) {
            return Err(missing());
        }
        let bytes = match std::fs::read(folder.join(DESCRIPTION)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            // The lock, which is a file beside the volumes.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(missing()),
            other => other.map_err(classify)?,
        };
        let file: VolumeFile = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("volume {name} is damaged: {error}");
            failure(ErrorKind::Corrupt, text)
        })?;
        if file.format != VOLUME_FORMAT {
            let text = format!("volume {name} was made by a newer wharf");
            return Err(failure(ErrorKind::Conflict, text));
        }
        Ok(Volume {
            name: name.to_owned(),
            data: folder.join("_data"),
            created: file.created,
            labels: file.labels,
            options: file.options,
            anonymous: file.anonymous,
        })
    }

    /// All volumes, by name.
    pub fn volumes(&self) -> Result<Vec<Volume>, EngineError> {
        if let Err(error) = self.sweep_noted_volumes() {
            tracing::warn!(%error, "what is left of a container cannot be removed");
        }
        let entries = match std::fs::read_dir(self.volumes_folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(classify)?,
        };
        let mut volumes = Vec::new();
        for entry in entries {
            let name = entry.map_err(classify)?.file_name();
            let Some(name) = name.to_str() else { continue };
            match self.volume(name) {
                Ok(volume) => volumes.push(volume),
                Err(error) if error.kind() == ErrorKind::NotFound => (),
                Err(error) => return Err(error),
            }
        }
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    /// Removes a volume that no container uses.
    pub fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let _lock = self.volumes_lock()?;
        self.volume(name)?;
        self.remove_known_volume(name)
    }

    /// The same for one that may be half made or half removed, or gone.
    pub(super) fn remove_volume_or_rest(&self, name: &str) -> Result<(), EngineError> {
        let _lock = self.volumes_lock()?;
        if !is_name(name) || !self.volumes_folder().join(name).is_dir() {
            return Ok(());
        }
        self.remove_known_volume(name)
    }

    fn remove_known_volume(&self, name: &str) -> Result<(), EngineError> {
        let users = self.volume_users(name)?;
        if !users.is_empty() {
            let text = format!("remove {name}: volume is in use - [{}]", users.join(", "));
            return Err(failure(ErrorKind::Conflict, text));
        }
        let folder = self.volumes_folder().join(name);
        // Its description goes last but one: what is left half removed is found, and can be removed again.
        match remove_tree(&folder, "_data") {
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            outcome => outcome?,
        }
        remove_tree(&self.volumes_folder(), name)
    }

    /// Removes all volumes that no container uses and that `wanted` accepts: their names, and what was freed in bytes.
    pub fn prune_volumes(
        &self,
        wanted: impl Fn(&Volume) -> bool,
    ) -> Result<(Vec<String>, u64), EngineError> {
        let (mut removed, mut freed) = (Vec::new(), 0);
        self.remove_half_made_volumes()?;
        for volume in self.volumes()?.into_iter().filter(wanted) {
            if !self.volume_users(&volume.name)?.is_empty() {
                continue;
            }
            let size = volume_bytes(&volume)?;
            match self.remove_volume(&volume.name) {
                // A container took it, or somebody else removed it meanwhile.
                Err(error) if error.kind() == ErrorKind::Conflict => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                outcome => outcome?,
            }
            freed += size;
            removed.push(volume.name);
        }
        Ok((removed, freed))
    }

    /// Removes what has no description: whoever made or removed it is dead, since they hold the lock.
    fn remove_half_made_volumes(&self) -> Result<(), EngineError> {
        if self.has_no_store() {
            return Ok(());
        }
        let _lock = self.volumes_lock()?;
        let entries = std::fs::read_dir(self.volumes_folder()).map_err(classify)?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !entry.path().join(DESCRIPTION).exists() {
                remove_tree(&self.volumes_folder(), &name)?;
            }
        }
        Ok(())
    }

    /// The containers that use a volume.
    pub fn volume_users(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let uses = |container: &super::record::Container| {
            let mut mounts = container.record.mounts.iter();
            mounts.any(|mount| mount.kind == "volume" && mount.name == name)
        };
        // Nothing is swept here: volumes would go, and who asks may hold their lock.
        let (containers, _) = self.whole_containers()?;
        Ok(containers
            .into_iter()
            .filter(uses)
            .map(|container| container.record.id)
            .collect())
    }
}

/// The bytes of the files in a volume.
pub fn volume_bytes(volume: &Volume) -> Result<u64, EngineError> {
    bytes_below(&volume.data, 0).map_err(classify)
}

fn remove_tree(parent: &Path, name: &str) -> Result<(), EngineError> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let parent = rustix::fs::open(parent, flags, rustix::fs::Mode::empty())
        .map_err(|error| classify(io::Error::from(error)))?;
    wharf_layers::remove_tree(parent, name).map_err(classify)
}

fn make_folder(path: &Path, mode: u32) -> Result<(), EngineError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(classify)
}
