//! The credentials of Docker's `config.json`, read when a registry first asks for some: commands that ask no registry
//! need no readable file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use wharf_registry_client::{
    ConfigFileError, CredentialError, CredentialSource, Credentials, DockerConfigFile,
    DockerCredentials, Secret, Timeouts,
};
use wharf_runtime::start_as_outside;

/// Where credentials are.
#[derive(Debug, Clone)]
pub(crate) struct CredentialFiles {
    /// `config.json`.
    pub(crate) config_file: PathBuf,
    /// The text of `DOCKER_AUTH_CONFIG`.
    pub(crate) overlay: Option<Secret>,
    /// `PATH`, for credential helpers.
    pub(crate) search_path: Option<OsString>,
}

impl CredentialFiles {
    /// Reads them.
    pub(crate) fn open(&self) -> Result<DockerCredentials, ConfigFileError> {
        let file = DockerConfigFile::load(&self.config_file)?;
        // A helper talks to programs that know the user by number.
        let mut credentials = DockerCredentials::new(file, Timeouts::default().credential_helper)
            .with_helpers_prepared_by(start_as_outside);
        if let Some(json) = &self.overlay {
            credentials = credentials.with_overlay(DockerConfigFile::from_json(
                "DOCKER_AUTH_CONFIG",
                json.expose(),
            )?);
        }
        if let Some(path) = &self.search_path {
            credentials = credentials.with_search_path(path.clone());
        }
        Ok(credentials)
    }
}

impl CredentialSource for CredentialFiles {
    fn credentials<'a>(
        &'a self,
        registry: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + 'a>> {
        Box::pin(async move {
            let opened = self.open();
            let store = opened.map_err(|source| CredentialError {
                registry: registry.to_owned(),
                source: Arc::new(source),
            })?;
            store.credentials(registry).await
        })
    }
}
