//! `create`: a container from an image and what was asked for.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;

use wharf_images::{ImageUser, UserError, UserKind};
use wharf_oci::{ContainerConfig as ImageContainerConfig, ImageQuery, Platform, PlatformMatcher};
use wharf_runtime::ContainerState;
use wharf_transfer::ErrorKind;

use super::config::{ContainerConfig, HostConfig};
use super::half_made::AtWork;
use super::names::{is_name, new_id, new_name};
use super::networks::EndpointConfig;
use super::record::{Container, ContainerRecord, RECORD_FILE, RECORD_FORMAT, short};
use super::spec::{MASKED_PATHS, READ_ONLY_PATHS, SHM_SIZE_BYTES};
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure, wrong_platform};

/// How often a new name is looked for.
const NAME_ATTEMPTS: u32 = 20;

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct CreateRequest {
    /// Its name; one is found if there is none.
    pub name: Option<String>,
    /// What it runs, where the image is not to say; `image` names the image.
    pub config: ContainerConfig,
    /// What of the machine it uses.
    pub host_config: HostConfig,
    /// What is asked of its networks, by name or ID: that of its mode, and others.
    pub networks: BTreeMap<String, EndpointConfig>,
    /// The platform that its image must be for; any if there is none.
    pub platform: Option<Platform>,
}

impl Engine {
    /// Makes a container. Its image must be there.
    pub fn create_container(&self, request: CreateRequest) -> Result<Container, EngineError> {
        let CreateRequest {
            name,
            config,
            host_config,
            networks,
            platform,
        } = request;
        if let Some(name) = name.as_deref().filter(|name| !is_name(name)) {
            let text = format!(
                "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            );
            return Err(failure(ErrorKind::Invalid, text));
        }
        let store = self.store()?;
        let query = ImageQuery::parse(&config.image).map_err(classify)?;
        let image = store.resolve(&query).map_err(classify)?.image;
        let image_config = self.config(&image)?;
        if let Some(wanted) = platform {
            let actual = image_config.platform();
            if PlatformMatcher::only(&wanted).rank(&actual).is_none() {
                return Err(wrong_platform(&config.image, &actual, &wanted));
            }
        }
        let id = new_id().map_err(classify)?;
        let mut config = with_image(config, image_config.container_config());
        if config.hostname.is_empty() && host_config.uts_mode.is_empty() {
            short(&id).clone_into(&mut config.hostname);
        }
        let mut record = ContainerRecord {
            format: RECORD_FORMAT,
            id,
            name: String::new(),
            created: self.settings().clock.now(),
            image: image.id,
            config,
            host_config: settled(host_config),
            mounts: Vec::new(),
            networks: None,
        };
        if record.arguments().iter().all(String::is_empty) {
            return Err(failure(ErrorKind::Invalid, "no command specified"));
        }
        super::check::check(&record)?;
        self.choose_networks(&mut record, networks)?;
        let at_work = self.begin_work()?;
        match self.register(&mut record, name.as_deref()) {
            // Perhaps one has the name that was never whole.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                drop(at_work);
                self.sweep_half_made()?;
                let at_work = self.begin_work()?;
                self.register(&mut record, name.as_deref())?;
                self.finish_container(record, at_work)
            }
            other => {
                other?;
                self.finish_container(record, at_work)
            }
        }
    }

    /// Writes down what is registered.
    fn finish_container(
        &self,
        mut record: ContainerRecord,
        at_work: AtWork,
    ) -> Result<Container, EngineError> {
        let written = self.write_container(&mut record);
        let settled = match &written {
            Ok(()) if record.mounts.iter().any(|mount| mount.anonymous) => {
                self.forget_noted_volumes(&record.id)
            }
            Ok(()) => Ok(()),
            // Nothing that is half made keeps a name, or volumes.
            Err(_) => self
                .forget_at_work(&record.id)
                .and_then(|()| self.remove_noted_volumes(&record.id)),
        };
        drop(at_work);
        if let Err(error) = settled {
            tracing::warn!(%error, "what is left of making a container cannot be removed");
        }
        written.map(|()| Container {
            record,
            state: ContainerState::default(),
        })
    }

    /// Takes the name, and keeps the image from being removed.
    fn register(
        &self,
        record: &mut ContainerRecord,
        wanted: Option<&str>,
    ) -> Result<(), EngineError> {
        for attempt in 0..NAME_ATTEMPTS {
            record.name = match wanted {
                Some(name) => name.to_owned(),
                None => new_name(attempt).map_err(classify)?,
            };
            let user = ImageUser {
                kind: UserKind::Container,
                id: record.id.clone(),
                name: record.name.clone(),
                running: false,
            };
            match self.store()?.add_named_user(record.image, &user) {
                Err(UserError::NameTaken { .. }) if wanted.is_none() => (),
                outcome => return outcome.map_err(name_conflict),
            }
        }
        Err(failure(
            ErrorKind::Conflict,
            "cannot find a name that no container has: give one with --name",
        ))
    }

    fn write_container(&self, record: &mut ContainerRecord) -> Result<(), EngineError> {
        let folder = self.container_folder(&record.id);
        for name in ["", "upper", "work", "rootfs"] {
            let path = folder.path().join(name);
            std::fs::DirBuilder::new()
                .recursive(true)
                // What is in `upper` becomes the container's root.
                .mode(if name == "upper" { 0o755 } else { 0o700 })
                .create(&path)
                .map_err(|error| {
                    let kind = Classified::kind(&error);
                    failure(kind, format!("mkdir {}: {error}", path.display()))
                })?;
        }
        record.mounts = self.prepare_mounts(record)?;
        folder.write(RECORD_FILE, record).map_err(classify)
    }
}

/// Docker's words for a name that another container has.
pub(super) fn name_conflict(error: UserError) -> EngineError {
    let UserError::NameTaken { name, id, .. } = &error else {
        return classify(error);
    };
    let text = format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    );
    failure(ErrorKind::Conflict, text)
}

impl Classified for UserError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchImage(_) | Self::NoSuchUser { .. } => ErrorKind::NotFound,
            Self::NameTaken { .. } => ErrorKind::Conflict,
            Self::Records(error) => error.kind(),
        }
    }
}

/// What was asked for, with the image's part where nothing was (moby, `daemon/commit.go: merge`).
fn with_image(mut asked: ContainerConfig, image: Option<&ImageContainerConfig>) -> ContainerConfig {
    let Some(image) = image else { return asked };
    if asked.user.is_empty() {
        asked.user.clone_from(&image.user);
    }
    for port in image.exposed_ports.iter().flat_map(|ports| ports.keys()) {
        asked.exposed_ports.entry(port.clone()).or_default();
    }
    let given = asked.env.clone();
    let name_of = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    for pair in image.env.iter().flatten() {
        if !given.iter().any(|own| name_of(own) == name_of(pair)) {
            asked.env.push(pair.clone());
        }
    }
    for (key, value) in image.labels.iter().flatten() {
        asked
            .labels
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    if asked.entrypoint.is_none() {
        if asked.cmd.is_none() {
            asked.cmd.clone_from(&image.cmd);
        }
        asked.entrypoint.clone_from(&image.entrypoint);
    } else if asked.entrypoint.as_deref() == Some(&[String::new()]) {
        // `--entrypoint ""`: none at all.
        asked.entrypoint = None;
    }
    asked.healthcheck = healthcheck(asked.healthcheck, image.healthcheck.as_ref());
    if asked.working_dir.is_empty() {
        asked.working_dir.clone_from(&image.working_dir);
    }
    for folder in image.volumes.iter().flat_map(|volumes| volumes.keys()) {
        let volumes = asked.volumes.get_or_insert_default();
        volumes.entry(folder.clone()).or_default();
    }
    if asked.stop_signal.is_none() {
        asked.stop_signal.clone_from(&image.stop_signal);
    }
    asked.on_build.clone_from(&image.on_build);
    asked
}

/// With Docker's defaults where nothing was asked for, so that `inspect` shows what holds (moby,
/// `daemon/daemon_unix.go: adaptContainerSettings`).
fn settled(mut host: HostConfig) -> HostConfig {
    if host.shm_size == 0 {
        host.shm_size = SHM_SIZE_BYTES;
    }
    if host.memory > 0 && host.memory_swap == 0 {
        host.memory_swap = host.memory.saturating_mul(2);
    }
    for mode in [&mut host.ipc_mode, &mut host.cgroupns_mode] {
        if mode.is_empty() {
            "private".clone_into(mode);
        }
    }
    if host.privileged {
        "host".clone_into(&mut host.cgroupns_mode);
    }
    for names in [&mut host.cap_add, &mut host.cap_drop] {
        for name in names.iter_mut().flatten() {
            let upper = name.to_ascii_uppercase();
            *name = match upper.as_str() {
                "ALL" => upper,
                known if known.starts_with("CAP_") => upper,
                other => format!("CAP_{other}"),
            };
        }
    }
    let privileged = host.privileged;
    let usual = |asked: &mut Option<Vec<String>>, paths: &[&str]| {
        let paths: &[&str] = if privileged { &[] } else { paths };
        asked.get_or_insert_with(|| paths.iter().map(ToString::to_string).collect());
    };
    usual(&mut host.masked_paths, &MASKED_PATHS);
    usual(&mut host.readonly_paths, &READ_ONLY_PATHS);
    host
}

fn healthcheck(
    asked: Option<wharf_oci::HealthConfig>,
    image: Option<&wharf_oci::HealthConfig>,
) -> Option<wharf_oci::HealthConfig> {
    let (Some(mut asked), Some(image)) = (asked.clone(), image) else {
        return asked.or_else(|| image.cloned());
    };
    if asked.test.is_empty() {
        asked.test.clone_from(&image.test);
    }
    for (own, theirs) in [
        (&mut asked.interval, image.interval),
        (&mut asked.timeout, image.timeout),
        (&mut asked.start_period, image.start_period),
        (&mut asked.start_interval, image.start_interval),
        (&mut asked.retries, image.retries),
    ] {
        if *own == 0 {
            *own = theirs;
        }
    }
    Some(asked)
}
