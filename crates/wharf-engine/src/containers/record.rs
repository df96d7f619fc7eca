//! What is written down of a container, and how one is found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_images::UserKind;
use wharf_oci::ImageId;
use wharf_runtime::{ContainerFolder, ContainerState, FolderError, RecordLock};
use wharf_transfer::ErrorKind;

use super::config::{ContainerConfig, HostConfig, MountPoint};
use super::networks::EndpointConfig;
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

/// The format of `config.json` that this program writes and reads.
pub(crate) const RECORD_FORMAT: u32 = 1;
pub(super) const RECORD_FILE: &str = "config.json";

/// What a container was made as. `update` and `rename` alone change it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without a slash.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its image.
    pub image: ImageId,
    /// What it runs: the image's config with what was asked for.
    pub config: ContainerConfig,
    /// What of the machine it uses.
    pub host_config: HostConfig,
    /// What is mounted in it.
    pub mounts: Vec<MountPoint>,
    /// Its networks, by name; where nothing is said, that of its mode alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<BTreeMap<String, EndpointConfig>>,
}

/// A container: what it was made as, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What it was made as.
    pub record: ContainerRecord,
    /// What became of it.
    pub state: ContainerState,
}

impl ContainerRecord {
    /// The first twelve digits of its ID.
    pub fn short_id(&self) -> &str {
        short(&self.id)
    }

    /// The program and its arguments.
    pub fn arguments(&self) -> Vec<String> {
        let parts = [&self.config.entrypoint, &self.config.cmd];
        parts.into_iter().flatten().flatten().cloned().collect()
    }
}

/// The first twelve digits of an ID.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

impl Classified for FolderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Newer { .. } => ErrorKind::Conflict,
        }
    }
}

impl Engine {
    /// The folder of the containers.
    pub(crate) fn containers_folder(&self) -> PathBuf {
        self.settings().root.join("containers")
    }

    /// The folder of the container with that whole ID.
    pub(crate) fn container_folder(&self, id: &str) -> ContainerFolder {
        ContainerFolder::new(self.containers_folder().join(id))
    }

    /// The container that `text` means: its name, its ID, or the start of that.
    pub fn container(&self, text: &str) -> Result<Container, EngineError> {
        let id = self.container_id(text)?;
        self.read_container(&id)
    }

    /// The same, which nobody else changes as long as the lock is held. What of networks is locked besides is locked after it.
    pub(super) fn locked_container(
        &self,
        text: &str,
    ) -> Result<(RecordLock, Container), EngineError> {
        let id = self.container_id(text)?;
        let lock = self.container_folder(&id).lock_record().map_err(classify)?;
        Ok((lock, self.read_container(&id)?))
    }

    /// The whole ID of the container that `text` means. A whole ID wins over a name, a name over the start of an ID (Docker's order).
    pub fn container_id(&self, text: &str) -> Result<String, EngineError> {
        let nobody = || failure(ErrorKind::NotFound, format!("No such container: {text}"));
        let name = text.strip_prefix('/').unwrap_or(text);
        if name.is_empty() || self.has_no_store() {
            return Err(nobody());
        }
        let users = self.container_users()?;
        let by_name = users.iter().find(|(_, user)| user.name == name);
        if let Some((_, user)) = users.iter().find(|(_, user)| user.id == name).or(by_name) {
            return Ok(user.id.clone());
        }
        let mut matches = users.iter().filter(|(_, user)| user.id.starts_with(name));
        match (matches.next(), matches.next()) {
            (Some((_, user)), None) => Ok(user.id.clone()),
            (Some(_), Some(_)) => Err(failure(
                ErrorKind::Invalid,
                format!("multiple IDs found with provided prefix: {name}"),
            )),
            (None, _) => Err(nobody()),
        }
    }

    /// All containers, the newest first.
    pub fn containers(&self) -> Result<Vec<Container>, EngineError> {
        let (containers, half_made) = self.whole_containers()?;
        if half_made && let Err(error) = self.sweep_half_made() {
            tracing::warn!(%error, "a half made container cannot be removed");
        }
        Ok(containers)
    }

    /// The same, and whether there are others that are half made.
    pub(super) fn whole_containers(&self) -> Result<(Vec<Container>, bool), EngineError> {
        let (mut containers, mut half_made) = (Vec::new(), false);
        if self.has_no_store() {
            return Ok((containers, half_made));
        }
        for (_, user) in self.container_users()? {
            match self.read_container(&user.id) {
                Ok(container) => containers.push(container),
                // It is being made or removed at this moment, or was when somebody died.
                Err(error) if error.kind() == ErrorKind::NotFound => half_made = true,
                Err(error) => return Err(error),
            }
        }
        containers.sort_by(|a, b| {
            let (a, b) = (&a.record, &b.record);
            b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id))
        });
        Ok((containers, half_made))
    }

    pub(super) fn container_users(
        &self,
    ) -> Result<Vec<(ImageId, wharf_images::ImageUser)>, EngineError> {
        self.store_for_reading()?
            .users_of_kind(UserKind::Container)
            .map_err(classify)
    }

    pub(super) fn read_container(&self, id: &str) -> Result<Container, EngineError> {
        let folder = self.container_folder(id);
        let record: ContainerRecord = folder.read(RECORD_FILE, RECORD_FORMAT).map_err(classify)?;
        let state = self.container_state(&folder)?;
        Ok(Container { record, state })
    }

    /// What became of a container. Who sees first that its monitor died takes back what that left of its network.
    pub(super) fn container_state(
        &self,
        folder: &ContainerFolder,
    ) -> Result<ContainerState, EngineError> {
        let (state, died) = folder.state_or_death().map_err(classify)?;
        if died && let Err(error) = self.release_dead_places() {
            tracing::warn!(%error, "what a dead container left of its network cannot be removed");
        }
        Ok(state)
    }
}
