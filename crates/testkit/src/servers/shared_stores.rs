//! What several nodes of a registry share: one database and one bucket.

use super::postgres::PostgresServer;
use super::s3::S3Server;

/// A database of PostgreSQL and a bucket of S3, both empty at first, on the servers that this process shares.
#[derive(Debug)]
pub struct SharedStores {
    /// The server of the database.
    pub postgres: &'static PostgresServer,
    /// The URL of the database.
    pub database: String,
    /// The server of the bucket.
    pub s3: &'static S3Server,
    /// The name of the bucket.
    pub bucket: String,
}

impl SharedStores {
    /// Makes both. `None`, said aloud, where a server is not installed.
    pub fn new() -> Option<Self> {
        let postgres = PostgresServer::shared()?;
        let s3 = S3Server::shared()?;
        Some(Self {
            postgres,
            database: postgres.database(),
            s3,
            bucket: s3.bucket(),
        })
    }

    /// The tables of `wharf-registry.toml` that name them; they belong at the end of the file.
    pub fn settings(&self) -> String {
        format!(
            "[database]\nurl = \"{}\"\nconnections = 4\n\
             [storage.s3]\nbucket = \"{}\"\nendpoint = \"{}\"\naccess-key = \"{}\"\nsecret-key = \"{}\"\n",
            self.database,
            self.bucket,
            self.s3.endpoint(),
            self.s3.access_key(),
            self.s3.secret_key()
        )
    }
}
