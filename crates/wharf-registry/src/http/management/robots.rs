//! Robots of the system and of projects.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::access::{RobotLevel, RobotPermission};
use crate::accounts::{NewRobot, RobotChange, RobotEntry, RobotWish};
use crate::db::projects::Project;
use crate::db::robots::RobotRecord;
use crate::error::RegistryError;
use crate::http::admission::{
    Allowed, AmongRobots, CreateRobot, DeleteRobot, InProject, ListRobots, OnRobot, OnSystem,
    ReadRobot, SignedIn, UpdateRobot,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::projects::ProjectKey;

/// A robot to be made.
#[derive(Deserialize)]
struct RobotRequest {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    secret: Option<String>,
    level: RobotLevel,
    #[serde(default)]
    disable: bool,
    #[serde(default)]
    duration: Option<i64>,
    permissions: Vec<RobotPermission>,
}

/// How a robot is to be; what is absent stays as it is.
#[derive(Deserialize)]
struct ChangeRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    level: Option<RobotLevel>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    disable: Option<bool>,
    #[serde(default)]
    duration: Option<i64>,
    #[serde(default)]
    permissions: Option<Vec<RobotPermission>>,
}

/// A secret to be set; an empty one is made.
#[derive(Default, Deserialize)]
struct SecretRequest {
    #[serde(default)]
    secret: Option<String>,
}

/// `GET /robots`: those of the system, or with `q=Level=project,ProjectID=1` those of a project.
pub(in crate::http) async fn list_robots(
    call: Call,
    among: Allowed<AmongRobots, ListRobots>,
) -> Outcome {
    let mut request = list_request(&call)?;
    while request.take("Level").is_some() || request.take("ProjectID").is_some() {}
    let page = call
        .registry
        .list_robots(among.project, request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `POST /robots`. The body says where the robot belongs, and there its maker needs the right.
pub(in crate::http) async fn create_robot(call: Call, _caller: SignedIn) -> Outcome {
    let request: RobotRequest = call.document().await?;
    let home = match request.level {
        RobotLevel::System => {
            Allowed::<OnSystem, CreateRobot>::find(&call).await?;
            None
        }
        RobotLevel::Project => Some(home_of(&call, &request.permissions).await?),
    };
    let wish = RobotWish {
        name: request.name,
        description: request.description,
        secret: request.secret,
        disabled: request.disable,
        duration: request.duration,
        permissions: request.permissions,
    };
    let made = call
        .registry
        .create_robot(call.principal(), home.as_ref(), wish)
        .await?;
    Ok(created(&made))
}

/// The project that a robot's first permission is for, if the caller may make robots there.
async fn home_of(call: &Call, permissions: &[RobotPermission]) -> Result<Project, HttpError> {
    let name = permissions.first().and_then(RobotPermission::project);
    let name = name.ok_or_else(|| {
        HttpError::bad_request(
            "a robot of a project needs permissions in that project, by its name",
        )
    })?;
    let key = ProjectKey::Name(name.to_owned());
    let home = Allowed::<InProject, CreateRobot>::find_by(call, key).await?;
    Ok(home.project.clone())
}

/// `GET /robots/{robot}`.
pub(in crate::http) async fn get_robot(call: Call, on: Allowed<OnRobot, ReadRobot>) -> Outcome {
    let entry = call.registry.describe_robot(on.robot.clone()).await?;
    Ok(Answer::json(&shown(&entry)))
}

/// `PUT /robots/{robot}`.
pub(in crate::http) async fn update_robot(
    call: Call,
    on: Allowed<OnRobot, UpdateRobot>,
) -> Outcome {
    let robot = &on.robot;
    let request: ChangeRequest = call.document().await?;
    let is_same_name = |name: &String| *name == robot.login() || *name == robot.name;
    let is_same_level = |level: &RobotLevel| *level == level_of(robot);
    if !request.name.as_ref().is_none_or(is_same_name)
        || !request.level.as_ref().is_none_or(is_same_level)
    {
        return Err(HttpError::bad_request(
            "a robot cannot be given another name or level",
        ));
    }
    let change = RobotChange {
        description: request
            .description
            .unwrap_or_else(|| robot.description.clone()),
        disabled: request.disable.unwrap_or(robot.disabled),
        duration: request.duration.unwrap_or(robot.duration),
        permissions: request.permissions,
    };
    call.registry
        .change_robot(call.principal(), robot.id, change)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `PATCH /robots/{robot}`: sets a new secret.
pub(in crate::http) async fn refresh_secret(
    call: Call,
    on: Allowed<OnRobot, UpdateRobot>,
) -> Outcome {
    let request: SecretRequest = call.document().await?;
    let made = call
        .registry
        .refresh_secret(call.change(), on.robot.id, request.secret)
        .await?;
    Ok(Answer::json(&json!({ "secret": made.unwrap_or_default() })))
}

/// `DELETE /robots/{robot}`.
pub(in crate::http) async fn delete_robot(
    call: Call,
    on: Allowed<OnRobot, DeleteRobot>,
) -> Outcome {
    call.registry
        .delete_robot(call.change(), on.robot.id)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `GET /projects/{project}/robots`, where Harbor's older clients look.
pub(in crate::http) async fn list_project_robots(
    call: Call,
    on: Allowed<InProject, ListRobots>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_robots(Some(on.project.id), request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `POST /projects/{project}/robots`.
pub(in crate::http) async fn create_project_robot(
    call: Call,
    on: Allowed<InProject, CreateRobot>,
) -> Outcome {
    let request: OldRobotRequest = call.document().await?;
    let now = call.registry.now();
    let wish = request.into_wish(&on.project, now)?;
    let made = call
        .registry
        .create_robot(call.principal(), Some(&on.project), wish)
        .await?;
    Ok(created(&made))
}

/// `GET /projects/{project}/robots/{robot}`.
pub(in crate::http) async fn get_project_robot(
    call: Call,
    on: Allowed<InProject, ReadRobot>,
) -> Outcome {
    let robot = robot_of(&call, &on.project).await?;
    let entry = call.registry.describe_robot(robot).await?;
    Ok(Answer::json(&shown(&entry)))
}

/// `PUT /projects/{project}/robots/{robot}`: only whether it may sign in.
pub(in crate::http) async fn update_project_robot(
    call: Call,
    on: Allowed<InProject, UpdateRobot>,
) -> Outcome {
    let robot = robot_of(&call, &on.project).await?;
    let request: ChangeRequest = call.document().await?;
    let change = RobotChange {
        description: robot.description,
        disabled: request.disable.unwrap_or(robot.disabled),
        duration: robot.duration,
        permissions: None,
    };
    call.registry
        .change_robot(call.principal(), robot.id, change)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /projects/{project}/robots/{robot}`.
pub(in crate::http) async fn delete_project_robot(
    call: Call,
    on: Allowed<InProject, DeleteRobot>,
) -> Outcome {
    let robot = robot_of(&call, &on.project).await?;
    call.registry.delete_robot(call.change(), robot.id).await?;
    Ok(Answer::new(StatusCode::OK))
}

/// The robot of the path, if it belongs to the project of the path (CVE-2022-31667: one of another project did as well).
async fn robot_of(call: &Call, project: &Project) -> Result<RobotRecord, HttpError> {
    let text = call.parts.get("robot");
    let robot = match text.parse() {
        Ok(id) => call.registry.find_robot(id).await?,
        Err(_no_number) => None,
    };
    let own = robot.filter(|robot| robot.project == Some(project.id));
    own.ok_or_else(|| {
        RegistryError::NotFound {
            what: format!("robot {text}"),
        }
        .into()
    })
}

/// A robot to be made, in the form of Harbor before 2.2.
#[derive(Deserialize)]
struct OldRobotRequest {
    name: String,
    #[serde(default)]
    description: String,
    /// Unix seconds; -1 for never, and 0 for what the settings say.
    #[serde(default)]
    expires_at: i64,
    access: Vec<OldAccess>,
}

/// A permission in the form of Harbor before 2.2: the resource is `/project/1/repository`, or the last word of it.
#[derive(Deserialize)]
struct OldAccess {
    resource: String,
    action: String,
}

impl OldRobotRequest {
    fn into_wish(self, project: &Project, now: i64) -> Result<RobotWish, HttpError> {
        const DAY_SECONDS: i64 = 86_400;
        let duration = match self.expires_at {
            0 => None,
            never if never < 0 => Some(-1),
            at => Some((at - now / 1_000_000).max(0) / DAY_SECONDS + 1),
        };
        let prefix = format!("/project/{}/", project.id);
        let access = self.access.iter().map(|access| {
            let resource = access.resource.strip_prefix(&prefix);
            let resource = resource.unwrap_or(&access.resource);
            json!({ "resource": resource, "action": access.action })
        });
        let access: Vec<Value> = access.collect();
        let permission = serde_json::from_value(json!({
            "kind": "project",
            "namespace": project.name,
            "access": access,
        }));
        let permission =
            permission.map_err(|error| HttpError::bad_request(format!("access: {error}")))?;
        Ok(RobotWish {
            name: self.name,
            description: self.description,
            secret: None,
            disabled: false,
            duration,
            permissions: vec![permission],
        })
    }
}

fn created(made: &NewRobot) -> Answer {
    let robot = &made.record;
    Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/robots/{}", robot.id))
        .with_json(
            "application/json",
            &json!({
                "id": robot.id,
                "name": robot.login(),
                "secret": made.secret.as_deref().unwrap_or_default(),
                "creation_time": harbor_time(robot.created),
                "expires_at": expires_at(robot),
            }),
        )
}

fn shown(entry: &RobotEntry) -> Value {
    let robot = &entry.record;
    json!({
        "id": robot.id,
        "name": robot.login(),
        "description": robot.description,
        "level": level_of(robot),
        "project_id": robot.project,
        "duration": robot.duration,
        "disable": robot.disabled,
        "editable": true,
        "expires_at": expires_at(robot),
        "permissions": entry.permissions,
        "creator": robot.creator,
        "creation_time": harbor_time(robot.created),
        "update_time": harbor_time(robot.updated),
    })
}

fn level_of(robot: &RobotRecord) -> RobotLevel {
    match robot.project {
        Some(_) => RobotLevel::Project,
        None => RobotLevel::System,
    }
}

/// Unix seconds, or -1 for never.
fn expires_at(robot: &RobotRecord) -> i64 {
    robot.expires.map_or(-1, |micros| micros / 1_000_000)
}
