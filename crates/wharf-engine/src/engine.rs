//! The engine: its settings, its store, its registry client.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use wharf_images::{Access, Clock, ImageStore, OpenOptions};
use wharf_layers::Limits;
use wharf_oci::{Platform, Repository};
use wharf_registry_client::{ClientConfig, CredentialSource, RegistryClient, RepositoryClient};

use crate::error::{EngineError, classify};
use crate::owners::Caller;

/// What an engine is told; nothing is read from the environment below the binary.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The folder of the store.
    pub root: PathBuf,
    /// The platform that is meant where none is given.
    pub platform: Platform,
    /// Layers that are pulled side by side.
    pub max_concurrent_downloads: usize,
    /// Layers that are pushed side by side.
    pub max_concurrent_uploads: usize,
    /// What a layer may cost.
    pub limits: Limits,
    /// How to reach registries.
    pub client: ClientConfig,
    /// Who to be at registries.
    pub credentials: Arc<dyn CredentialSource>,
    /// Where times come from.
    pub clock: Clock,
    /// The ordinary user whose store this is; `None` for root of the machine, whose store and containers are root's.
    pub caller: Option<Caller>,
    /// What builds may remember, in bytes; a tenth of the store's file system if it is not said.
    pub build_cache_limit_bytes: Option<u64>,
    /// What watches containers and runs the steps of builds: which of them is said behind the arguments.
    pub monitor: MonitorProgram,
}

/// How this program is started once more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitorProgram {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of its environment that say what it cannot find out.
    pub environment: Vec<(String, String)>,
}

/// Every operation on images, for one store. The store is opened by the first operation that needs it.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    reading: OnceLock<ImageStore>,
    writing: OnceLock<ImageStore>,
    client: OnceLock<RegistryClient>,
}

impl Engine {
    /// An engine; nothing is opened yet.
    pub fn new(settings: EngineSettings) -> Self {
        Self {
            settings,
            reading: OnceLock::new(),
            writing: OnceLock::new(),
            client: OnceLock::new(),
        }
    }

    /// What it was told.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// Whether there is no store yet: then there is nothing in it. Looking makes none, since its folder may be a typing
    /// mistake, or on a disk that cannot be written.
    pub(crate) fn has_no_store(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.settings.root);
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// The store, to look into. It may lie on a read-only disk.
    pub fn store_for_reading(&self) -> Result<&ImageStore, EngineError> {
        match self.writing.get() {
            Some(store) => Ok(store),
            None => self.opened(&self.reading, Access::Read),
        }
    }

    /// The store, to change it.
    pub fn store(&self) -> Result<&ImageStore, EngineError> {
        self.opened(&self.writing, Access::Write)
    }

    /// The client for every registry.
    pub fn client(&self) -> Result<&RegistryClient, EngineError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let (config, credentials) = (
            self.settings.client.clone(),
            self.settings.credentials.clone(),
        );
        let client = RegistryClient::new(config, credentials).map_err(classify)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The client, or for an insecure call one more, to which the registry `domain` is an insecure one.
    pub(crate) fn client_for(
        &self,
        domain: &str,
        insecure: bool,
    ) -> Result<RegistryClient, EngineError> {
        let known = &self.settings.client.insecure_registries;
        if !insecure || known.iter().any(|registry| registry == domain) {
            return self.client().cloned();
        }
        let mut config = self.settings.client.clone();
        config.insecure_registries.push(domain.to_owned());
        RegistryClient::new(config, self.settings.credentials.clone()).map_err(classify)
    }

    pub(crate) fn repository(
        &self,
        repository: &Repository,
    ) -> Result<RepositoryClient, EngineError> {
        self.client()?.repository(repository).map_err(classify)
    }

    fn opened<'a>(
        &self,
        cell: &'a OnceLock<ImageStore>,
        access: Access,
    ) -> Result<&'a ImageStore, EngineError> {
        if let Some(store) = cell.get() {
            return Ok(store);
        }
        let options = OpenOptions {
            access,
            ..self.open_options()
        };
        let store = ImageStore::open(&self.settings.root, options).map_err(classify)?;
        Ok(cell.get_or_init(|| store))
    }

    /// How to open the store to change it.
    pub(crate) fn open_options(&self) -> OpenOptions {
        // Finding out whom a new store would belong to takes a process.
        let owners = match ImageStore::owners_of(&self.settings.root) {
            Ok(Some(owners)) => owners,
            _ => self.owners_of_new_store(),
        };
        OpenOptions {
            clock: self.settings.clock.clone(),
            ids: owners.ids,
            ..OpenOptions::new(owners.flavour)
        }
    }
}
