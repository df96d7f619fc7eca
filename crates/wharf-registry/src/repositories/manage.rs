//! Repositories as the management API has them: listed, described, counted.

use super::RepositoryName;
use super::artifacts::shown;
use crate::access::Principal;
use crate::audit::{Actor, Operation, Subject};
use crate::cache::Memory;
use crate::db::repositories::{Counts, RepositoryEntry, RepositoryScope};
use crate::db::{self, Durability};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

/// Longest description, in bytes.
const DESCRIPTION_LIMIT_BYTES: usize = 64 << 10;

/// How much there is that somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// In public projects.
    pub public: Counts,
    /// In the others.
    pub private: Counts,
    /// How many bytes storage holds; only administrators are told.
    pub stored_bytes: Option<u64>,
}

impl Registry {
    /// The repositories that a principal may see.
    pub async fn browse_repositories(
        &self,
        principal: &Principal,
        request: ListRequest,
    ) -> Result<Page<RepositoryEntry>, RegistryError> {
        self.list_repositories_in(RepositoryScope::Audience(principal.audience()), request)
            .await
    }

    /// The repositories of a project.
    pub async fn list_repositories_of(
        &self,
        project: i64,
        request: ListRequest,
    ) -> Result<Page<RepositoryEntry>, RegistryError> {
        self.list_repositories_in(RepositoryScope::Project(project), request)
            .await
    }

    async fn list_repositories_in(
        &self,
        scope: RepositoryScope,
        request: ListRequest,
    ) -> Result<Page<RepositoryEntry>, RegistryError> {
        let project = match scope {
            RepositoryScope::Project(project) if request.filters.is_empty() => Some(project),
            _ => None,
        };
        let remembered = self.memory().zip(project);
        let known = remembered.and_then(|(memory, project)| memory.length(&project));
        let asked = self.memory().map(Memory::stamp);
        let page = self
            .db()
            .read(move |sql| db::repositories::list(sql, &scope, known, &request))
            .await?;
        if let (None, Some((memory, project)), Some(asked)) = (known, remembered, asked) {
            memory.put_length(asked, project, page.total);
        }
        Ok(page)
    }

    /// One repository.
    pub async fn find_repository(
        &self,
        name: &RepositoryName,
    ) -> Result<RepositoryEntry, RegistryError> {
        let name = name.clone();
        self.db()
            .read(move |sql| {
                let scope = RepositoryScope::Only(shown(sql, &name)?.id);
                let page = db::repositories::list(sql, &scope, None, &ListRequest::default())?;
                let entry = page.items.into_iter().next();
                entry.ok_or_else(|| RegistryError::NameUnknown {
                    name: name.to_string(),
                })
            })
            .await
    }

    /// Writes a description.
    pub async fn describe_repository(
        &self,
        actor: Actor,
        name: &RepositoryName,
        description: String,
    ) -> Result<(), RegistryError> {
        if description.len() > DESCRIPTION_LIMIT_BYTES {
            return Err(RegistryError::BadRequest {
                reason: format!(
                    "a description has at most {DESCRIPTION_LIMIT_BYTES} bytes, and this has {}",
                    description.len()
                ),
            });
        }
        let name = name.clone();
        self.db()
            .write(Durability::Full, move |sql| {
                let repository = shown(sql, &name)?;
                db::repositories::describe(sql, repository.id, &description, actor.at)?;
                let (subject, project) = (Subject::Repository, Some(repository.project));
                actor.note(sql, Operation::Update, subject, name.as_str(), project)?;
                Ok(())
            })
            .await
    }

    /// How much there is that a principal may see.
    pub async fn count_everything(
        &self,
        principal: &Principal,
    ) -> Result<Statistics, RegistryError> {
        let (audience, is_sysadmin) = (principal.audience(), principal.is_sysadmin());
        self.db()
            .read(move |sql| {
                Ok(Statistics {
                    public: db::repositories::count(sql, &audience, true)?,
                    private: db::repositories::count(sql, &audience, false)?,
                    stored_bytes: is_sysadmin
                        .then(|| db::blobs::stored_bytes(sql))
                        .transpose()?,
                })
            })
            .await
    }
}
