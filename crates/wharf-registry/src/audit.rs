//! The audit log: who changed what, and when.

use crate::access::{
    Action, GrantScope, Object, Permission, Principal, ProjectFacts, ProjectRole, Resource,
};
use crate::db::audit::{self, AuditEntry, LogAudience};
use crate::db::{Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

/// Who changes something, and when. Each change notes it in its own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// His name.
    pub name: String,
    /// When, in microseconds since 1970.
    pub at: i64,
}

/// What was done, in Harbor's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Something is new.
    Create,
    /// Something was changed.
    Update,
    /// Something is gone.
    Delete,
    /// Somebody signed in.
    Login,
    /// Somebody signed out.
    Logout,
}

impl Operation {
    /// What is done to a kind of thing.
    pub fn of(subject: Subject) -> &'static [Self] {
        match subject {
            Subject::Project | Subject::Member | Subject::Robot | Subject::Repository => {
                &[Self::Create, Self::Update, Self::Delete]
            }
            Subject::User => &[
                Self::Create,
                Self::Update,
                Self::Delete,
                Self::Login,
                Self::Logout,
            ],
            Subject::Artifact | Subject::Tag => &[Self::Create, Self::Delete],
            Subject::Configuration => &[Self::Update],
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Login => "login",
            Self::Logout => "logout",
        }
    }
}

/// To what something was done, in Harbor's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A project.
    Project,
    /// Somebody's role in a project.
    Member,
    /// A robot.
    Robot,
    /// A user, or his session.
    User,
    /// A repository.
    Repository,
    /// A manifest.
    Artifact,
    /// A tag.
    Tag,
    /// The settings of the system.
    Configuration,
}

impl Subject {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Project,
        Self::Member,
        Self::Robot,
        Self::User,
        Self::Repository,
        Self::Artifact,
        Self::Tag,
        Self::Configuration,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Member => "project_member",
            Self::Robot => "robot",
            Self::User => "user",
            Self::Repository => "repository",
            Self::Artifact => "artifact",
            Self::Tag => "tag",
            Self::Configuration => "configuration",
        }
    }
}

impl Actor {
    /// `principal`, at the time `at`.
    pub fn new(principal: &Principal, at: i64) -> Self {
        let name = match principal {
            Principal::Anonymous => "anonymous",
            known => known.name(),
        };
        Self {
            name: name.to_owned(),
            at,
        }
    }

    /// Notes a change, in its transaction. `name` is what people know the thing by.
    pub(crate) fn note(
        &self,
        sql: &mut dyn Sql,
        operation: Operation,
        subject: Subject,
        name: &str,
        project: Option<i64>,
    ) -> Result<(), SqlError> {
        self.note_more(sql, operation, subject, name, project, "")
    }

    /// As [`Actor::note`], with more about it.
    pub(crate) fn note_more(
        &self,
        sql: &mut dyn Sql,
        operation: Operation,
        subject: Subject,
        name: &str,
        project: Option<i64>,
        detail: &str,
    ) -> Result<(), SqlError> {
        audit::insert(
            sql,
            &AuditEntry {
                id: 0,
                at: self.at,
                actor: self.name.clone(),
                operation: operation.as_str().to_owned(),
                resource_type: subject.as_str().to_owned(),
                resource: name.to_owned(),
                project,
                detail: detail.to_owned(),
            },
        )
    }
}

impl Registry {
    /// What happened, as far as a principal may read it, the latest first.
    pub async fn list_audit_log(
        &self,
        principal: &Principal,
        request: ListRequest,
    ) -> Result<Page<AuditEntry>, RegistryError> {
        let audience = log_audience(principal);
        let page = self
            .db()
            .read(move |sql| audit::list(sql, &audience, &request))
            .await;
        Ok(page?)
    }

    /// What happened in a project, the latest first.
    pub async fn list_project_log(
        &self,
        project: i64,
        request: ListRequest,
    ) -> Result<Page<AuditEntry>, RegistryError> {
        let audience = LogAudience::Projects(vec![project]);
        let page = self
            .db()
            .read(move |sql| audit::list(sql, &audience, &request))
            .await;
        Ok(page?)
    }
}

/// Whose log a principal may read: that of the system, or those of the projects where he may read it.
fn log_audience(principal: &Principal) -> LogAudience {
    const SYSTEM: Permission = Permission::new(Resource::AuditLog, Action::List);
    const PROJECT: Permission = Permission::new(Resource::Log, Action::List);
    if principal.may(&Object::System, SYSTEM) {
        return LogAudience::Everything;
    }
    match principal {
        Principal::Anonymous => LogAudience::Projects(Vec::new()),
        Principal::User { id, .. } => {
            let roles = ProjectRole::ALL.into_iter();
            let roles = roles.filter(|role| role.allows(PROJECT));
            LogAudience::Member {
                user: *id,
                roles: roles.map(ProjectRole::id).collect(),
            }
        }
        Principal::Robot(robot) => {
            let named = robot.grants.iter().filter_map(|grant| match grant.scope {
                GrantScope::Project(id) => Some(id),
                GrantScope::System | GrantScope::Projects => None,
            });
            let may_read = |id: &i64| {
                let facts = ProjectFacts {
                    id: *id,
                    is_public: false,
                    role: None,
                };
                principal.may(&Object::Project(facts), PROJECT)
            };
            LogAudience::Projects(named.filter(may_read).collect())
        }
    }
}
