//! Making projects.

use crate::access::{Action, Object, Permission, Principal, ProjectRole, Resource};
use crate::db::audit::AuditEntry;
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
    /// Whether everybody may pull.
    pub public: bool,
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
        self.check_may_create(principal)?;
        let user = match principal {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::Robot(_) => None,
        };
        let (actor, now) = (principal.name().to_owned(), self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                let project = NewProject {
                    name: wish.name.clone(),
                    owner: user,
                    owner_name: actor.clone(),
                    public: wish.public,
                    metadata: "{}".to_owned(),
                };
                let id = db::projects::insert(sql, &project, now).map_err(|error| match error {
                    SqlError::Constraint(_) => RegistryError::Conflict {
                        reason: format!("the project named {} already exists", wish.name),
                    },
                    other => other.into(),
                })?;
                if let Some(user) = user {
                    let role = ProjectRole::ProjectAdmin.id();
                    db::members::insert(sql, id, user, role, now)?;
                }
                records::queue(sql, RecordKind::Project, &wish.name, "")?;
                db::audit::insert(
                    sql,
                    &AuditEntry {
                        id: 0,
                        at: now,
                        actor: actor.clone(),
                        operation: "create".to_owned(),
                        resource_type: "project".to_owned(),
                        resource: wish.name.clone(),
                        project: Some(id),
                        detail: String::new(),
                    },
                )?;
                Ok(id)
            })
            .await
    }

    /// Users may, unless the settings leave it to administrators; robots need the permission.
    fn check_may_create(&self, principal: &Principal) -> Result<(), RegistryError> {
        const CREATE: Permission = Permission::new(Resource::Project, Action::Create);
        let is_open = self.settings().users_create_projects;
        let is_user = matches!(principal, Principal::User { .. });
        if principal.may(&Object::System, CREATE) || (is_open && is_user) {
            return Ok(());
        }
        Err(RegistryError::Denied {
            reason: "only administrators may make projects here".to_owned(),
        })
    }
}
