//! How somebody stands in a project: read at each request, so that a right that is taken away is gone.

use crate::access::{Object, Permission, Principal, ProjectFacts, ProjectRole, Requester};
use crate::db::{self, Sql, SqlError, projects::Project};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::RepositoryName;

/// A project, and what rights in it follow from for one principal.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The project.
    pub project: Project,
    /// What rights follow from.
    pub facts: ProjectFacts,
}

impl Standing {
    /// Whether the request may do this to the project, or to its repository `name`.
    pub fn may(
        &self,
        requester: &Requester,
        name: Option<&RepositoryName>,
        permission: Permission,
    ) -> bool {
        let object = match name {
            Some(name) => Object::Repository(self.facts, name),
            None => Object::Project(self.facts),
        };
        requester.may(&object, permission)
    }
}

impl Registry {
    /// How the principal stands in the project `name`; `None` if there is no such project.
    pub async fn standing(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<Option<Standing>, RegistryError> {
        let (principal, name) = (principal.clone(), name.to_owned());
        self.db()
            .read(move |sql| {
                let project = db::projects::find(sql, &name)?;
                project
                    .map(|project| stand(sql, &principal, project))
                    .transpose()
            })
            .await
            .map_err(RegistryError::Database)
    }
}

fn stand(sql: &mut dyn Sql, principal: &Principal, project: Project) -> Result<Standing, SqlError> {
    let role = match principal {
        Principal::User { id, .. } => db::members::role(sql, project.id, *id)?,
        Principal::Anonymous | Principal::Robot(_) => None,
    };
    let facts = ProjectFacts {
        id: project.id,
        is_public: project.public,
        role: role.and_then(ProjectRole::from_id),
    };
    Ok(Standing { project, facts })
}
