//! Docker's credentials: who has those of a registry, and how to change them (docker/cli
//! `cli/config/configfile/file.go`, `GetCredentialsStore`).

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::config_file::{ConfigFileError, DockerConfigFile};
use super::credential_helper::{CredentialHelper, HelperError};
use super::credentials::{CredentialError, CredentialSource, Credentials};
use super::server_address::credential_key;

/// The helpers that Docker uses of itself where nothing is configured and one is installed.
const DEFAULT_HELPERS: [&str; 2] = ["pass", "secretservice"];

/// The credentials of `config.json`, of the helpers it names, and of an overlay.
#[derive(Debug, Clone)]
pub struct DockerCredentials {
    /// The file. Public for its other fields; [`DockerConfigFile::save`] writes changes.
    pub file: DockerConfigFile,
    // `DOCKER_AUTH_CONFIG`: goes before everything else, and is never written.
    overlay: Option<DockerConfigFile>,
    default_helper: Option<String>,
    helper_time_limit: Duration,
    search_path: Option<OsString>,
    prepare_helper: fn(&mut std::process::Command),
}

/// Where credentials are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredIn {
    /// With the credential helper of this name.
    Helper(String),
    /// In `config.json`, unencrypted.
    File,
}

/// Why credentials could not be looked up or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialStoreError {
    /// `config.json` is of no use.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// The helper is of no use.
    #[error(transparent)]
    Helper(#[from] HelperError),
}

impl DockerCredentials {
    /// The credentials of `file`; its helpers are ended after `helper_time_limit`.
    pub fn new(file: DockerConfigFile, helper_time_limit: Duration) -> Self {
        Self {
            file,
            overlay: None,
            default_helper: None,
            helper_time_limit,
            search_path: None,
            prepare_helper: |_| (),
        }
    }

    /// Has `prepare` change how helpers are started.
    #[must_use]
    pub fn with_helpers_prepared_by(mut self, prepare: fn(&mut std::process::Command)) -> Self {
        self.prepare_helper = prepare;
        self
    }

    /// With credentials that go before those of the file (`DOCKER_AUTH_CONFIG`).
    #[must_use]
    pub fn with_overlay(mut self, overlay: DockerConfigFile) -> Self {
        self.overlay = Some(overlay);
        self
    }

    /// Looks for helpers in `search_path` (`PATH`). Where the file says nothing of credentials, the
    /// first of Docker's own helpers that is installed there is used.
    #[must_use]
    pub fn with_search_path(mut self, search_path: OsString) -> Self {
        if !self.file.contains_auth() {
            let installed = DEFAULT_HELPERS.iter().find(|name| {
                let program = format!("docker-credential-{name}");
                std::env::split_paths(&search_path).any(|dir| dir.join(&program).is_file())
            });
            self.default_helper = installed.map(|name| (*name).to_owned());
        }
        self.search_path = Some(search_path);
        self
    }

    /// Where the credentials of the registry `domain` are kept.
    pub fn kept_in(&self, domain: &str) -> StoredIn {
        let configured = self.file.helper(domain);
        match configured.or(self.default_helper.as_deref()) {
            Some(helper) => StoredIn::Helper(helper.to_owned()),
            None => StoredIn::File,
        }
    }

    /// The credentials of the registry `domain`.
    pub async fn get(&self, domain: &str) -> Result<Credentials, CredentialStoreError> {
        if let Some(overlay) = &self.overlay {
            let found = overlay.credentials(domain)?;
            if found != Credentials::Anonymous {
                return Ok(found);
            }
        }
        match self.kept_in(domain) {
            StoredIn::Helper(name) => {
                let helper = self.helper(&name)?;
                Ok(helper.get(credential_key(domain)).await?)
            }
            StoredIn::File => Ok(self.file.credentials(domain)?),
        }
    }

    /// Keeps credentials for the registry `domain`: gives them to its helper, or puts them into the
    /// file. Either way the file has changed, and the caller saves it. `username` goes with an
    /// identity token, for people to see.
    pub async fn store(
        &mut self,
        domain: &str,
        username: &str,
        credentials: &Credentials,
    ) -> Result<StoredIn, CredentialStoreError> {
        let place = self.kept_in(domain);
        match &place {
            StoredIn::Helper(name) => {
                let helper = self.helper(name)?;
                helper.store(credential_key(domain), credentials).await?;
                self.file.set_credentials(domain, None)?;
            }
            StoredIn::File => {
                let entry = Some((username, credentials));
                self.file.set_credentials(domain, entry)?;
            }
        }
        Ok(place)
    }

    /// Forgets the credentials of the registry `domain`, under each name that Docker may have given
    /// it; the caller saves the file. Whether the file held any.
    pub async fn erase(&mut self, domain: &str) -> Result<bool, CredentialStoreError> {
        let had_entry = self.file.erase(domain);
        if let StoredIn::Helper(name) = self.kept_in(domain) {
            let helper = self.helper(&name)?;
            let key = credential_key(domain);
            helper.erase(key).await?;
            if key == domain {
                for scheme in ["http", "https"] {
                    helper.erase(&format!("{scheme}://{domain}")).await?;
                }
            }
        }
        Ok(had_entry)
    }

    fn helper(&self, name: &str) -> Result<CredentialHelper, HelperError> {
        let search_path = self.search_path.clone();
        let helper = CredentialHelper::new(name, self.helper_time_limit, search_path)?;
        Ok(helper.prepared_by(self.prepare_helper))
    }
}

impl CredentialSource for DockerCredentials {
    fn credentials<'a>(
        &'a self,
        registry: &'a str,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(async move {
            self.get(registry).await.map_err(|source| CredentialError {
                registry: registry.to_owned(),
                source: Arc::new(source),
            })
        })
    }
}
