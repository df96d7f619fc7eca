//! Making projects.

use super::Metadata;
use crate::access::{Action, Object, Permission, Principal, ProjectRole, Resource};
use crate::audit::{Actor, Operation, Subject};
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability, SqlError, projects::NewProject};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::is_component;

/// Longest name of a project (Harbor's limit).
const NAME_LIMIT: usize = 255;

/// A project that somebody wants.
#[derive(Debug, Clone)]
pub struct ProjectWish {
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub metadata: Metadata,
}

impl Registry {
    /// Makes a project. A user who makes one is its first administrator.
    pub async fn create_project(
        &self,
        principal: &Principal,
        wish: ProjectWish,
    ) -> Result<i64, RegistryError> {
        if wish.name.len() > NAME_LIMIT || !is_component(&wish.name) {
            return Err(RegistryError::BadRequest {
                reason: format!(
                    "invalid project name {:?}: lower-case letters and digits with '.', '_' or '-' between them",
                    wish.name.chars().take(NAME_LIMIT).collect::<String>()
                ),
            });
        }
        self.check_may_create(principal).await?;
        let user = match principal {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::Robot(_) => None,
        };
        let actor = Actor::new(principal, self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                let project = NewProject {
                    name: wish.name.clone(),
                    owner: user,
                    owner_name: actor.name.clone(),
                    public: wish.metadata.is_public(),
                    metadata: wish.metadata.to_text(),
                };
                let id =
                    db::projects::insert(sql, &project, actor.at).map_err(|error| match error {
                        SqlError::Constraint(_) => RegistryError::Conflict {
                            reason: format!("the project named {} already exists", wish.name),
                        },
                        other => other.into(),
                    })?;
                if let Some(user) = user {
                    let role = ProjectRole::ProjectAdmin.id();
                    db::members::insert(sql, id, user, role, actor.at)?;
                }
                records::queue(sql, RecordKind::Project, &wish.name, "")?;
                let (name, project) = (&wish.name, Some(id));
                actor.note(sql, Operation::Create, Subject::Project, name, project)?;
                Ok(id)
            })
            .await
    }

    /// Users may, unless the settings leave it to administrators; robots need the permission.
    async fn check_may_create(&self, principal: &Principal) -> Result<(), RegistryError> {
        const CREATE: Permission = Permission::new(Resource::Project, Action::Create);
        let is_open = self.configuration().await?.users_create_projects;
        let is_user = matches!(principal, Principal::User { .. });
        if principal.may(&Object::System, CREATE) || (is_open && is_user) {
            return Ok(());
        }
        Err(RegistryError::Denied {
            reason: "only administrators may make projects here".to_owned(),
        })
    }
}
