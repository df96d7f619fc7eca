//! Docker's token service: tokens are made here, and the keys that sign them.

use jiff::Timestamp;

use crate::access::token::{IssueError, IssuedToken, Jwks, KeyRing, Scope, SigningKey};
use crate::access::{Object, Principal};
use crate::db::{self, Durability, keys::KeyRecord};
use crate::error::RegistryError;
use crate::registry::Registry;

impl Registry {
    /// A token for what the principal asks and may do now. What he may not do is left out, and he is not told.
    pub async fn issue_token(
        &self,
        principal: &Principal,
        wanted: Vec<Scope>,
    ) -> Result<IssuedToken, RegistryError> {
        let mut granted = Vec::new();
        for scope in wanted {
            if scope.is_catalog() {
                granted.extend(principal.grant(scope, &Object::System));
                continue;
            }
            let Some(name) = scope.repository_name() else {
                continue;
            };
            if let Some(standing) = self.standing(principal, name.project()).await? {
                let object = Object::Repository(standing.facts, &name);
                granted.extend(principal.grant(scope, &object));
            }
        }
        let issue = || {
            let identity = self.identity();
            identity.tokens.issue(
                &identity.keys(),
                principal.name(),
                principal.subject_id(),
                granted.clone(),
                self.clock().now(),
            )
        };
        let mut issued = issue();
        if matches!(issued, Err(IssueError::NoKey)) {
            // The clock jumped beyond the life of all keys, and they are looked after once a minute only.
            self.refresh_keys().await?;
            issued = issue();
        }
        issued.map_err(|error| RegistryError::Internal(error.to_string()))
    }

    /// The public halves of the keys, for who verifies tokens elsewhere.
    pub fn token_keys(&self) -> Jwks {
        self.identity().keys().jwks(self.clock().now())
    }

    /// Reads the keys anew, after making one if it is time to. To be done at start and every minute.
    pub async fn refresh_keys(&self) -> Result<(), RegistryError> {
        let keys = self.read_keys().await?;
        let now = self.clock().now();
        if !keys.needs_new_key(now) {
            self.identity().replace_keys(keys);
            return Ok(());
        }
        let fault = |error: crate::access::token::SigningKeyError| {
            RegistryError::Internal(error.to_string())
        };
        let key = SigningKey::generate(now).map_err(fault)?;
        let record = KeyRecord {
            id: key.id().to_owned(),
            private: key.to_pkcs8().map_err(fault)?,
            created: key.created().as_microsecond(),
            retires: key.retires().as_microsecond(),
        };
        self.db()
            .write(Durability::Full, move |sql| {
                db::keys::insert(sql, &record, now.as_microsecond())
            })
            .await
            .map_err(RegistryError::Database)?;
        let keys = self.read_keys().await?;
        self.identity().replace_keys(keys);
        Ok(())
    }

    async fn read_keys(&self) -> Result<KeyRing, RegistryError> {
        let records = self
            .db()
            .read(|sql| db::keys::all(sql))
            .await
            .map_err(RegistryError::Database)?;
        let time = |micros| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN);
        let keys = records.into_iter().filter_map(|record| {
            let key =
                SigningKey::from_pkcs8(&record.private, time(record.created), time(record.retires));
            key.inspect_err(|error| {
                tracing::error!(key = record.id, %error, "a signing key is left out");
            })
            .ok()
        });
        Ok(KeyRing::new(keys.collect()))
    }
}
