//! What rights are on: found by the path, and looked up together with how the caller stands to it.

use http::HeaderName;

use super::admit::{Object, ObjectKind, is_anonymous};
use crate::access::{self, Permission, Principal, ProjectRole, Requester};
use crate::db::projects::Project;
use crate::db::robots::RobotRecord;
use crate::db::users::UserRecord;
use crate::error::RegistryError;
use crate::http::call::Call;
use crate::http::challenge::{denied, insufficient_scope, not_signed_in};
use crate::http::error::HttpError;
use crate::http::management::list_request;
use crate::http::path::percent_decode;
use crate::listing::Condition;
use crate::projects::{ProjectKey, Standing};
use crate::repositories::RepositoryName;

/// Says that a project in a path is a name, although it looks like a number.
const IS_RESOURCE_NAME: HeaderName = HeaderName::from_static("x-is-resource-name");

/// A repository of a project that is there.
#[derive(Debug)]
pub(crate) struct InRepository {
    /// Its name.
    pub(crate) name: RepositoryName,
    /// Its project.
    pub(crate) project: Project,
}

/// A project that is there.
#[derive(Debug)]
pub(crate) struct InProject {
    /// The project.
    pub(crate) project: Project,
    /// What the caller is in it.
    pub(crate) role: Option<ProjectRole>,
}

/// A user who is there.
#[derive(Debug)]
pub(crate) struct OnUser {
    /// The user.
    pub(crate) user: UserRecord,
}

/// The robots of the system, or those of a project that `q` names.
#[derive(Debug)]
pub(crate) struct AmongRobots {
    /// The project's number.
    pub(crate) project: Option<i64>,
}

/// A robot that is there.
#[derive(Debug)]
pub(crate) struct OnRobot {
    /// The robot.
    pub(crate) robot: RobotRecord,
}

/// The whole registry.
#[derive(Debug)]
pub(crate) struct OnSystem;

impl Object for InRepository {
    const KIND: ObjectKind = ObjectKind::Repository;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        let name = repository_of(call)?;
        let unknown = RegistryError::NameUnknown {
            name: name.to_string(),
        };
        let key = ProjectKey::Name(name.project().to_owned());
        let standing = permitted(call, key, Some(&name), permission, unknown).await?;
        Ok(Self {
            name,
            project: standing.project,
        })
    }
}

impl Object for InProject {
    const KIND: ObjectKind = ObjectKind::Project;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        Self::find_by(call, project_of(call), permission).await
    }
}

impl InProject {
    /// As [`Object::find`], for a project that the path does not name.
    pub(super) async fn find_by(
        call: &Call,
        key: ProjectKey,
        permission: Permission,
    ) -> Result<Self, HttpError> {
        let unknown = RegistryError::NotFound {
            what: format!("project {key}"),
        };
        let standing = permitted(call, key, None, permission, unknown).await?;
        Ok(Self {
            project: standing.project,
            role: standing.facts.role,
        })
    }
}

impl Object for OnSystem {
    const KIND: ObjectKind = ObjectKind::System;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        permitted_on_system(call, permission)?;
        Ok(Self)
    }
}

impl Object for OnUser {
    const KIND: ObjectKind = ObjectKind::User;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        let text = call.parts.get("user");
        let id: Option<i64> = text.parse().ok();
        let own = match call.principal() {
            Principal::User { id, .. } => Some(*id),
            Principal::Anonymous | Principal::Robot(_) => None,
        };
        // Who may not see other users learns nothing of them, not even whether they are there.
        if own.is_none() || id != own {
            permitted_on_system(call, permission)?;
        }
        let unknown = || RegistryError::NotFound {
            what: format!("user {text}"),
        };
        let id = id.ok_or_else(unknown)?;
        let user = call.registry.find_user(id).await?;
        Ok(Self {
            user: user.ok_or_else(unknown)?,
        })
    }
}

impl Object for AmongRobots {
    const KIND: ObjectKind = ObjectKind::System;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        let mut request = list_request(call)?;
        let exact = |condition| match condition {
            Some(Condition::Exact(text)) => Some(text),
            _ => None,
        };
        let level = exact(request.take("Level"));
        if level.is_none_or(|level| level == "system") {
            permitted_on_system(call, permission)?;
            return Ok(Self { project: None });
        }
        let project = exact(request.take("ProjectID")).and_then(|id| id.parse().ok());
        let id = project.ok_or_else(|| {
            HttpError::bad_request("Level is system, or project with a ProjectID beside it")
        })?;
        InProject::find_by(call, ProjectKey::Id(id), permission).await?;
        Ok(Self { project: Some(id) })
    }
}

impl Object for OnRobot {
    const KIND: ObjectKind = ObjectKind::Robot;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        if is_anonymous(call) {
            return Err(not_signed_in(call, Some(permission)));
        }
        let text = call.parts.get("robot");
        let unknown = || RegistryError::NotFound {
            what: format!("robot {text}"),
        };
        let id: i64 = text.parse().ok().ok_or_else(unknown)?;
        let robot = call.registry.find_robot(id).await?.ok_or_else(unknown)?;
        let Some(project) = robot.project else {
            return match permitted_on_system(call, permission) {
                Ok(()) => Ok(Self { robot }),
                // That there is a robot of this number is the system's business.
                Err(_denied) => Err(unknown().into()),
            };
        };
        permitted(call, ProjectKey::Id(project), None, permission, unknown()).await?;
        Ok(Self { robot })
    }
}

/// Sees that the caller has the right on the system.
fn permitted_on_system(call: &Call, permission: Permission) -> Result<(), HttpError> {
    if call.requester.may(&access::Object::System, permission) {
        Ok(())
    } else if is_anonymous(call) {
        Err(not_signed_in(call, Some(permission)))
    } else {
        Err(denied(permission))
    }
}

/// The repository of the path: one part with its slashes, or two with Harbor's escapes.
fn repository_of(call: &Call) -> Result<RepositoryName, HttpError> {
    let whole = call.parts.get("name");
    if !whole.is_empty() {
        return Ok(RepositoryName::parse(whole)?);
    }
    let (project, escaped) = (call.parts.get("project"), call.parts.get("repository"));
    let rest = percent_decode(escaped, false).ok_or_else(|| RegistryError::NameInvalid {
        name: escaped.chars().take(255).collect(),
    })?;
    Ok(RepositoryName::parse(&format!("{project}/{rest}"))?)
}

/// The project of the path. A number is one, unless a header says that it is a name.
fn project_of(call: &Call) -> ProjectKey {
    let text = call.parts.get("project");
    let is_name = call
        .header(&IS_RESOURCE_NAME)
        .is_some_and(|value| value == "true");
    match text.parse() {
        Ok(id) if !is_name => ProjectKey::Id(id),
        _ => ProjectKey::Name(text.to_owned()),
    }
}

/// The project `key`, if the caller has the right on it, or on its repository `name`. Who may not even read it is told the
/// same as if it were not there.
async fn permitted(
    call: &Call,
    key: ProjectKey,
    name: Option<&RepositoryName>,
    permission: Permission,
    unknown: RegistryError,
) -> Result<Standing, HttpError> {
    let principal = call.principal();
    let standing = call.registry.standing_by_key(principal, key).await?;
    if let Some(standing) = standing {
        if standing.may(&call.requester, name, permission) {
            return Ok(standing);
        }
        // A token that was not made for this: the client may get one that is.
        let by_right = Requester {
            principal: call.principal().clone(),
            scopes: None,
        };
        if call.requester.scopes.is_some() && standing.may(&by_right, name, permission) {
            return Err(insufficient_scope(call, permission));
        }
        if !is_anonymous(call) && standing.may(&by_right, name, Permission::PULL) {
            return Err(denied(permission));
        }
    }
    if is_anonymous(call) {
        return Err(not_signed_in(call, Some(permission)));
    }
    Err(unknown.into())
}
