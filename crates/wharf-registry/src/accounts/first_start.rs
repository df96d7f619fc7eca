//! What a registry begins with: an administrator and the project `library`.

use crate::access::generate_secret;
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability, Sql, SqlError, projects::NewProject, users::NewUser};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::DEFAULT_PROJECT;

/// The first administrator, by Harbor's name.
const ADMINISTRATOR: &str = "admin";

impl Registry {
    /// Makes the first administrator, if there are no users yet, with `password` or one that is made now. Gives back the one
    /// that was made, to be shown once.
    pub async fn prepare_first_start(
        &self,
        password: Option<String>,
    ) -> Result<Option<String>, RegistryError> {
        let has_users = self
            .db()
            .read(|sql| db::users::any(sql))
            .await
            .map_err(RegistryError::Database)?;
        if has_users {
            return Ok(None);
        }
        let made = password.is_none().then(generate_secret);
        let password = password.or_else(|| made.clone()).unwrap_or_default();
        let hash = self.hash_password(password).await?;
        let now = self.now();
        let first = self
            .db()
            .write(Durability::Full, move |sql| {
                // Another node may have been quicker.
                if db::users::any(sql)? {
                    return Ok(false);
                }
                let administrator = NewUser {
                    name: ADMINISTRATOR.to_owned(),
                    email: None,
                    real_name: "system admin".to_owned(),
                    comment: "admin user".to_owned(),
                    password: hash.clone(),
                    is_sysadmin: true,
                };
                let id = db::users::insert(sql, &administrator, now)?;
                make_library(sql, id, now)?;
                Ok(true)
            })
            .await
            .map_err(RegistryError::Database)?;
        Ok(made.filter(|_| first))
    }
}

/// Makes the project `library`. A database that was rebuilt from storage has it already, and no users yet.
fn make_library(sql: &mut dyn Sql, owner: i64, now: i64) -> Result<(), SqlError> {
    if db::projects::find(sql, DEFAULT_PROJECT)?.is_some() {
        return Ok(());
    }
    let library = NewProject {
        name: DEFAULT_PROJECT.to_owned(),
        owner: Some(owner),
        owner_name: ADMINISTRATOR.to_owned(),
        public: true,
        metadata: "{}".to_owned(),
    };
    db::projects::insert(sql, &library, now)?;
    records::queue(sql, RecordKind::Project, DEFAULT_PROJECT, "")
}
