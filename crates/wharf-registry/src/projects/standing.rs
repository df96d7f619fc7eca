//! How somebody stands in a project: read at each request, so that a right that is taken away is gone.

use std::fmt;
use std::sync::Arc;

use crate::access::{Object, Permission, Principal, ProjectFacts, ProjectRole, Requester};
use crate::cache::Memory;
use crate::db::{self, SqlError, projects::Project};
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

/// How a project is named in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectKey {
    /// By its name.
    Name(String),
    /// By its number.
    Id(i64),
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

impl Standing {
    fn new(project: Project, role: Option<i64>) -> Self {
        let facts = ProjectFacts {
            id: project.id,
            is_public: project.public,
            role: role.and_then(ProjectRole::from_id),
        };
        Self { project, facts }
    }

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
        self.standing_by_key(principal, ProjectKey::Name(name.to_owned()))
            .await
    }

    /// As [`Registry::standing`], for a project that is named in either way.
    pub async fn standing_by_key(
        &self,
        principal: &Principal,
        key: ProjectKey,
    ) -> Result<Option<Standing>, RegistryError> {
        if let (None, ProjectKey::Name(name), Principal::User { id, .. }) =
            (self.memory(), &key, principal)
        {
            return self.ask_for_standing(name.clone(), *id).await;
        }
        let project = match key {
            ProjectKey::Name(name) => self.find_project(&name).await?,
            ProjectKey::Id(id) => self.find_project_by_id(id).await?,
        };
        let Some(project) = project else {
            return Ok(None);
        };
        let role = match principal {
            Principal::User { id, .. } => self.find_role(project.id, *id).await?,
            Principal::Anonymous | Principal::Robot(_) => None,
        };
        Ok(Some(Standing::new(project.as_ref().clone(), role)))
    }

    /// A user's standing by one statement, where nothing may be remembered.
    async fn ask_for_standing(
        &self,
        name: String,
        user: i64,
    ) -> Result<Option<Standing>, RegistryError> {
        let found: Result<_, SqlError> = self
            .db()
            .ask(move |sql| db::projects::find_with_role(sql, &name, user))
            .await;
        Ok(found?.map(|(project, role)| Standing::new(project, role)))
    }

    async fn find_project_by_id(&self, id: i64) -> Result<Option<Arc<Project>>, RegistryError> {
        let project: Result<_, SqlError> = self
            .db()
            .ask(move |sql| db::projects::find_by_id(sql, id))
            .await;
        Ok(project?.map(Arc::new))
    }

    async fn find_project(&self, name: &str) -> Result<Option<Arc<Project>>, RegistryError> {
        let known = self.memory().and_then(|memory| memory.project(name));
        if let Some(project) = known {
            return Ok(project);
        }
        let asked = self.memory().map(Memory::stamp);
        let wanted = name.to_owned();
        let project = self
            .db()
            .ask(move |sql| db::projects::find(sql, &wanted))
            .await
            .map_err(RegistryError::Database)?
            .map(Arc::new);
        if let (Some(memory), Some(asked)) = (self.memory(), asked) {
            memory.put_project(asked, name.to_owned(), project.clone());
        }
        Ok(project)
    }

    async fn find_role(&self, project: i64, user: i64) -> Result<Option<i64>, RegistryError> {
        let known = self
            .memory()
            .and_then(|memory| memory.role(&(project, user)));
        if let Some(role) = known {
            return Ok(role);
        }
        let asked = self.memory().map(Memory::stamp);
        let role = self
            .db()
            .ask(move |sql| db::members::role(sql, project, user))
            .await
            .map_err(RegistryError::Database)?;
        if let (Some(memory), Some(asked)) = (self.memory(), asked) {
            memory.put_role(asked, (project, user), role);
        }
        Ok(role)
    }
}
