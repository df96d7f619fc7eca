//! `rm`, `container prune`: containers go.

use std::io;

use wharf_images::UserKind;
use wharf_runtime::Status;
use wharf_transfer::ErrorKind;

use super::record::{Container, ContainerRecord};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

impl Engine {
    /// Removes a container. With `force` it is killed first, otherwise it must have ended; with `volumes` those without a name go too.
    pub fn remove_container(
        &self,
        text: &str,
        force: bool,
        volumes: bool,
    ) -> Result<(), EngineError> {
        let id = self.container_id(text)?;
        let container = match self.read_container(&id) {
            // What is damaged or half removed goes nevertheless.
            Err(error) if force || error.kind() == ErrorKind::NotFound => {
                return self.forget_container(&id);
            }
            other => other?,
        };
        if container.state.status.is_alive() || container.state.status == Status::Restarting {
            if !force {
                return Err(cannot_remove(&container));
            }
            if let Some(mut monitor) = self.monitor(&container)? {
                // It may have ended by itself at this moment.
                if let Err(error) = monitor.stop(Some(KILL), Some(0)) {
                    tracing::debug!(%error, "the container ended while it was killed");
                }
            }
            // A container that goes when it has ended is removed by its monitor; we may be faster.
            self.wait_for_monitor(&id)?;
        }
        self.remove_with_volumes(&container.record, volumes)
    }

    /// Waits until nobody watches the container.
    fn wait_for_monitor(&self, id: &str) -> Result<(), EngineError> {
        self.container_folder(id).wait_for_end().map_err(classify)
    }

    /// `--rm`: the monitor's last deed.
    pub(super) fn remove_ended(&self, record: &ContainerRecord) -> Result<(), EngineError> {
        self.remove_with_volumes(record, true)
    }

    fn remove_with_volumes(
        &self,
        record: &ContainerRecord,
        volumes: bool,
    ) -> Result<(), EngineError> {
        let _at_work = self.begin_work()?;
        self.forget_noted_volumes(&record.id)?;
        for mount in record.mounts.iter().filter(|mount| mount.anonymous) {
            if volumes {
                self.note_volume(&record.id, &mount.name)?;
            }
        }
        self.forget_at_work(&record.id)?;
        self.remove_noted_volumes(&record.id)
    }

    /// Deletes a container's folder, and then its record: what is left half removed is still known, and can be removed again.
    pub(super) fn forget_container(&self, id: &str) -> Result<(), EngineError> {
        let _at_work = self.begin_work()?;
        self.forget_at_work(id)
    }

    /// The same, for who holds the lock.
    pub(super) fn forget_at_work(&self, id: &str) -> Result<(), EngineError> {
        self.remove_container_folder(id)?;
        self.store()?
            .remove_user(UserKind::Container, id)
            .map_err(classify)?;
        // A monitor that died before it had said that the container runs left them.
        if self.has_places(id)
            && let Err(error) = self.release_dead_places()
        {
            tracing::warn!(%error, "what a dead container left of its network cannot be removed");
        }
        Ok(())
    }

    pub(super) fn remove_container_folder(&self, id: &str) -> Result<(), EngineError> {
        let removed = rustix::fs::open(
            self.containers_folder(),
            rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(io::Error::from)
        .and_then(|folder| wharf_layers::remove_tree(folder, id));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(classify(error)),
            _ => Ok(()),
        }
    }

    /// Removes all containers that do not run and that `wanted` accepts: their IDs, and what was freed in bytes.
    pub fn prune_containers(
        &self,
        wanted: impl Fn(&Container) -> bool,
    ) -> Result<(Vec<String>, u64), EngineError> {
        let (mut removed, mut freed) = (Vec::new(), 0);
        if !self.has_no_store() {
            self.sweep_half_made()?;
        }
        for container in self.containers()? {
            let ended = matches!(container.state.status, Status::Created | Status::Exited);
            if !ended || !wanted(&container) {
                continue;
            }
            let size = self.written_bytes(&container.record.id)?;
            let gone = self.remove_container(&container.record.id, false, false);
            // It was started or removed meanwhile.
            let elsewhere = |error: &EngineError| {
                matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound)
            };
            if gone.as_ref().is_err_and(elsewhere) {
                continue;
            }
            gone?;
            freed += size;
            removed.push(container.record.id);
        }
        Ok((removed, freed))
    }
}

const KILL: i32 = 9;

fn cannot_remove(container: &Container) -> EngineError {
    let record = &container.record;
    let state = container.state.status.as_str();
    let name = &record.name;
    let text = if container.state.status == Status::Paused {
        format!(
            "cannot remove container \"/{name}\": container is paused and must be unpaused first: stop the container before attempting removal or force remove"
        )
    } else {
        format!(
            "cannot remove container \"/{name}\": container is {state}: stop the container before removing or force remove"
        )
    };
    failure(ErrorKind::Conflict, text)
}
