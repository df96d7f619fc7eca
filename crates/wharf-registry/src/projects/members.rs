//! Members of projects.
//!
//! As in Harbor a project may be left without an administrator of its own: those of the system can always give it one.

use crate::access::ProjectRole;
use crate::audit::{Actor, Operation, Subject};
use crate::db::members::MemberRecord;
use crate::db::projects::Project;
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

/// Who is to be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewMember {
    /// The user with this number.
    Id(i64),
    /// The user of this name.
    Name(String),
}

impl Registry {
    /// The members of a project whose names have `part` in them.
    pub async fn list_members(
        &self,
        project: i64,
        part: Option<String>,
        request: ListRequest,
    ) -> Result<Page<MemberRecord>, RegistryError> {
        let page = self
            .db()
            .read(move |sql| db::members::list(sql, project, part.as_deref(), &request))
            .await;
        Ok(page?)
    }

    /// The membership `id` of a project.
    pub async fn find_member(&self, project: i64, id: i64) -> Result<MemberRecord, RegistryError> {
        self.db().read(move |sql| find(sql, project, id)).await
    }

    /// Makes a user a member of a project. Gives the number of the membership.
    pub async fn add_member(
        &self,
        actor: Actor,
        project: &Project,
        who: NewMember,
        role: ProjectRole,
    ) -> Result<i64, RegistryError> {
        let (project, name) = (project.id, project.name.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let user = match &who {
                    NewMember::Id(id) => db::users::find(sql, *id)?,
                    NewMember::Name(name) => db::users::find_by_name(sql, name)?,
                };
                let user = user.ok_or_else(|| RegistryError::NotFound {
                    what: match &who {
                        NewMember::Id(id) => format!("user {id}"),
                        NewMember::Name(name) => {
                            format!("user {}", name.chars().take(255).collect::<String>())
                        }
                    },
                })?;
                let id = db::members::insert(sql, project, user.id, role.id(), actor.at).map_err(
                    |error| match error {
                        SqlError::Constraint(_) => RegistryError::Conflict {
                            reason: format!("{} is a member of project {name} already", user.name),
                        },
                        other => other.into(),
                    },
                )?;
                note(
                    sql,
                    &actor,
                    Operation::Create,
                    project,
                    &user.name,
                    role.name(),
                )?;
                Ok(id)
            })
            .await
    }

    /// Gives a member another role.
    pub async fn set_member_role(
        &self,
        actor: Actor,
        project: i64,
        id: i64,
        role: ProjectRole,
    ) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let member = find(sql, project, id)?;
                db::members::set_role(sql, project, id, role.id())?;
                let name = &member.user_name;
                Ok(note(
                    sql,
                    &actor,
                    Operation::Update,
                    project,
                    name,
                    role.name(),
                )?)
            })
            .await
    }

    /// Ends a membership. What the member may do ends with it, also in sessions and with tokens he has.
    pub async fn remove_member(
        &self,
        actor: Actor,
        project: i64,
        id: i64,
    ) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let member = find(sql, project, id)?;
                db::members::delete(sql, project, id)?;
                let name = &member.user_name;
                Ok(note(sql, &actor, Operation::Delete, project, name, "")?)
            })
            .await
    }
}

fn find(sql: &mut dyn Sql, project: i64, id: i64) -> Result<MemberRecord, RegistryError> {
    db::members::find(sql, project, id)?.ok_or_else(|| RegistryError::NotFound {
        what: format!("member {id}"),
    })
}

fn note(
    sql: &mut dyn Sql,
    actor: &Actor,
    operation: Operation,
    project: i64,
    name: &str,
    role: &str,
) -> Result<(), SqlError> {
    actor.note_more(sql, operation, Subject::Member, name, Some(project), role)
}
