//! What a registry is made of, opened as its configuration says.

use anyhow::Context as _;
use tokio::sync::watch;
use wharf_registry::config::{RegistryConfig, TlsMode};
use wharf_registry::db::{Database, PostgresSettings, SchemaWish};
use wharf_registry::storage::{LocalStorage, RegistryStorage, S3Storage};
use wharf_registry::tls::{Authority, CertificateSource, Encryption, client_config, default_names};
use wharf_registry::{Clock, Registry};

use crate::environment::Environment;

/// Opens the database and does about its schema what is wished.
pub(super) fn open_database_with(
    config: &RegistryConfig,
    clock: &Clock,
    wish: SchemaWish,
) -> anyhow::Result<Database> {
    if let Some(settings) = postgres_settings(config)? {
        return Database::open_postgres_with(&settings, clock, wish)
            .context("PostgreSQL cannot be used");
    }
    let file = config.database_file();
    Database::open_sqlite_with(&file, clock, wish)
        .with_context(|| format!("the database {} cannot be used", file.display()))
}

/// Where PostgreSQL is, if that is the database.
fn postgres_settings(config: &RegistryConfig) -> anyhow::Result<Option<PostgresSettings>> {
    let Some(url) = &config.database.url else {
        return Ok(None);
    };
    let url = url
        .reveal(Environment::secret)
        .context("database.url cannot be read")?;
    let tls = client_config(config.database.certificates.as_deref())
        .context("database.certificates cannot be used")?;
    Ok(Some(PostgresSettings {
        url,
        connections: config.database.connections,
        tls,
    }))
}

/// Opens the storage.
pub(super) async fn open_storage(config: &RegistryConfig) -> anyhow::Result<RegistryStorage> {
    if let Some(s3) = &config.storage.s3 {
        let credentials = s3.credentials(Environment::secret)?;
        let storage = S3Storage::open(s3, credentials).await;
        return Ok(RegistryStorage::S3(storage.with_context(|| {
            format!("the bucket {} cannot be used", s3.bucket)
        })?));
    }
    let folder = config.storage_folder();
    let storage = LocalStorage::open(&folder);
    Ok(RegistryStorage::Local(storage.with_context(|| {
        format!("the storage {} cannot be used", folder.display())
    })?))
}

/// Opens the registry.
pub(super) async fn open_registry(
    config: &RegistryConfig,
    clock: &Clock,
) -> anyhow::Result<Registry> {
    let database = open_database_with(config, clock, SchemaWish::Current)?;
    let storage = open_storage(config).await?;
    Ok(Registry::open(database, storage, clock.clone(), config.settings()).await?)
}

/// Opens the registry to look at it, beside the process that may be serving it.
pub(super) async fn open_beside(
    config: &RegistryConfig,
    clock: &Clock,
    wish: SchemaWish,
) -> anyhow::Result<Registry> {
    let database = open_database_with(config, clock, wish)?;
    let storage = open_storage(config).await?;
    Ok(Registry::beside(
        database,
        storage,
        clock.clone(),
        config.settings(),
    ))
}

/// How connections are encrypted, and the authority behind it where that is Wharf's own.
pub(super) fn open_encryption(
    config: &RegistryConfig,
    clock: &Clock,
) -> anyhow::Result<Option<(Encryption, Option<Authority>)>> {
    let (source, authority) = match (config.tls_mode(), &config.tls.certificate, &config.tls.key) {
        (TlsMode::Off, ..) => return Ok(None),
        (TlsMode::Files, Some(certificate), Some(key)) => {
            let source = CertificateSource::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            };
            (source, None)
        }
        _ => {
            let names = match &config.tls.names[..] {
                [] => default_names(config.listen, config.external_host().as_deref()),
                names => names.to_vec(),
            };
            let authority = Authority::new(&config.tls_folder(), names, clock.clone());
            (
                CertificateSource::Authority(authority.clone()),
                Some(authority),
            )
        }
    };
    let handshake_timeout = config.tls.handshake_timeout.duration();
    let encryption =
        Encryption::prepare(source, handshake_timeout).context("TLS cannot be served")?;
    Ok(Some((encryption, authority)))
}

/// Keeps the certificate current until `stopped`, where there is one.
pub(super) async fn keep_current(encryption: Option<Encryption>, stopped: watch::Receiver<bool>) {
    if let Some(encryption) = encryption {
        encryption.keep_current(stopped).await;
    }
}
