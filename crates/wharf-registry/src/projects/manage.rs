//! Projects: listed, changed, summed up, removed.

use super::Metadata;
use crate::access::{Principal, ProjectRole};
use crate::audit::{Actor, Operation, Subject};
use crate::db::projects::{Project, ProjectEntry};
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;
use crate::storage::ObjectKey;

/// How much a project holds, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSummary {
    /// How many repositories it shows.
    pub repositories: u64,
    /// How many bytes its blobs have, each counted once.
    pub stored_bytes: u64,
    /// How many members have which role.
    pub members: Vec<(ProjectRole, u64)>,
}

impl Registry {
    /// The projects that a principal may see.
    pub async fn list_projects(
        &self,
        principal: &Principal,
        request: ListRequest,
    ) -> Result<Page<ProjectEntry>, RegistryError> {
        let audience = principal.audience();
        let user = match principal {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::Robot(_) => None,
        };
        let page = self
            .db()
            .read(move |sql| db::projects::list(sql, &audience, user, &request))
            .await;
        Ok(page?)
    }

    /// How many repositories a project shows.
    pub async fn count_repositories(&self, project: i64) -> Result<u64, RegistryError> {
        let count: Result<u64, SqlError> = self
            .db()
            .read(move |sql| db::projects::count_repositories(sql, project))
            .await;
        Ok(count?)
    }

    /// How much a project holds, and who is in it.
    pub async fn summarise_project(&self, project: i64) -> Result<ProjectSummary, RegistryError> {
        self.db()
            .read(move |sql| {
                let counts = db::members::count_by_role(sql, project)?;
                let known = |(role, count)| Some((ProjectRole::from_id(role)?, count));
                Ok(ProjectSummary {
                    repositories: db::projects::count_repositories(sql, project)?,
                    stored_bytes: db::projects::stored_bytes(sql, project)?,
                    members: counts.into_iter().filter_map(known).collect(),
                })
            })
            .await
    }

    /// Changes what a project is set to. `change` may be asked twice.
    pub async fn change_project(
        &self,
        actor: Actor,
        project: i64,
        mut change: impl FnMut(&mut Metadata) -> Result<(), RegistryError> + Send + 'static,
    ) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let project = find(sql, project)?;
                let mut metadata = Metadata::of(&project);
                change(&mut metadata)?;
                let text = metadata.to_text();
                db::projects::set(sql, project.id, metadata.is_public(), &text, actor.at)?;
                records::queue(sql, RecordKind::Project, &project.name, "")?;
                let (name, id) = (&project.name, Some(project.id));
                actor.note(sql, Operation::Update, Subject::Project, name, id)?;
                Ok(())
            })
            .await
    }

    /// Removes a project that shows no repositories, with its members and robots. Uploads that were begun in it end.
    pub async fn delete_project(&self, actor: Actor, project: i64) -> Result<(), RegistryError> {
        let abandoned = self
            .db()
            .write(Durability::Full, move |sql| {
                let project = find(sql, project)?;
                let shown = db::projects::count_repositories(sql, project.id)?;
                if shown > 0 {
                    return Err(RegistryError::Precondition {
                        reason: format!(
                            "project {} still has {shown} repositories; delete them first",
                            project.name
                        ),
                    });
                }
                let abandoned = db::uploads::of_project(sql, project.id)?;
                db::repositories::delete_hidden(sql, project.id)?;
                db::projects::delete(sql, project.id)?;
                records::queue(sql, RecordKind::Project, &project.name, "")?;
                let (name, id) = (&project.name, Some(project.id));
                actor.note(sql, Operation::Delete, Subject::Project, name, id)?;
                Ok(abandoned)
            })
            .await?;
        self.abort_uploads(&abandoned).await;
        Ok(())
    }

    /// Frees what uploads stored that nobody can go on with. What fails the collector finds later.
    async fn abort_uploads(&self, uploads: &[ObjectKey]) {
        for upload in uploads {
            if let Err(error) = self.storage().abort_upload(upload).await {
                tracing::warn!(key = upload.as_str(), %error, "an upload was not cleared away");
            }
        }
    }
}

fn find(sql: &mut dyn Sql, project: i64) -> Result<Project, RegistryError> {
    db::projects::find_by_id(sql, project)?.ok_or_else(|| RegistryError::NotFound {
        what: format!("project {project}"),
    })
}
