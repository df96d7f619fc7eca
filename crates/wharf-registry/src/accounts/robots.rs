//! Robots: listed, made, changed, removed.

use crate::access::{
    DEFAULT_ROBOT_PREFIX, Grant, GrantScope, Principal, RobotPermission, check_policy,
    check_robot_name, generate_secret, stored_robot_name,
};
use crate::audit::{Actor, Operation, Subject};
use crate::db::projects::Project;
use crate::db::robots::RobotRecord;
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Most days for which a robot is made.
const DURATION_LIMIT_DAYS: i64 = 100 * 366;
/// Longest description, in characters.
const DESCRIPTION_LIMIT: usize = 1024;

/// A robot that somebody wants.
#[derive(Clone)]
pub struct RobotWish {
    /// Its name, without prefix and project.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its secret; one is made if there is none.
    pub secret: Option<String>,
    /// Whether it may not sign in for now.
    pub disabled: bool,
    /// For how many days; -1 for ever, and none for what the settings say.
    pub duration: Option<i64>,
    /// What it may do.
    pub permissions: Vec<RobotPermission>,
}

impl std::fmt::Debug for RobotWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RobotWish")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How a robot is to be from now on.
#[derive(Debug, Clone)]
pub struct RobotChange {
    /// What it is for.
    pub description: String,
    /// Whether it may not sign in for now.
    pub disabled: bool,
    /// For how many days, from when it was made; -1 for ever.
    pub duration: i64,
    /// What it may do; none for what it may do now.
    pub permissions: Option<Vec<RobotPermission>>,
}

/// A robot as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotEntry {
    /// What is recorded of it.
    pub record: RobotRecord,
    /// What it may do. What it could do in projects that are gone is left out.
    pub permissions: Vec<RobotPermission>,
}

/// A robot that was just made.
#[derive(Clone)]
pub struct NewRobot {
    /// What is recorded of it.
    pub record: RobotRecord,
    /// Its secret, which nobody is told again; none if the client chose it.
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewRobot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewRobot")
            .field("record", &self.record.id)
            .finish_non_exhaustive()
    }
}

impl RobotRecord {
    /// The name it signs in with.
    pub fn login(&self) -> String {
        format!("{DEFAULT_ROBOT_PREFIX}{}", self.name)
    }
}

impl Registry {
    /// The robots of a project, or those of the system.
    pub async fn list_robots(
        &self,
        project: Option<i64>,
        request: ListRequest,
    ) -> Result<Page<RobotEntry>, RegistryError> {
        self.db()
            .read(move |sql| {
                let page = db::robots::list(sql, project, &request)?;
                let entries = page.items.into_iter().map(|robot| entry(sql, robot));
                Ok(Page {
                    items: entries.collect::<Result<_, SqlError>>()?,
                    total: page.total,
                })
            })
            .await
    }

    /// The robot with the number `id`.
    pub async fn find_robot(&self, id: i64) -> Result<Option<RobotRecord>, RegistryError> {
        let robot: Result<_, SqlError> = self.db().read(move |sql| db::robots::find(sql, id)).await;
        Ok(robot?)
    }

    /// A robot with what it may do.
    pub async fn describe_robot(&self, robot: RobotRecord) -> Result<RobotEntry, RegistryError> {
        let entry: Result<_, SqlError> = self.db().read(move |sql| entry(sql, robot)).await;
        Ok(entry?)
    }

    /// Makes a robot of a project, or of the system. That the principal may is decided before; here it is seen that a robot
    /// gives no more than it has.
    pub async fn create_robot(
        &self,
        principal: &Principal,
        home: Option<&Project>,
        wish: RobotWish,
    ) -> Result<NewRobot, RegistryError> {
        check_robot_name(&wish.name).map_err(refused)?;
        let home_name = home.map(|home| home.name.clone());
        RobotPermission::check_all(&wish.permissions, home_name.as_deref()).map_err(refused)?;
        check_description(&wish.description)?;
        let duration = match wish.duration {
            Some(days) => days,
            None => self.configuration().await?.robot_duration_days,
        };
        check_duration(duration)?;
        let given = wish.secret.filter(|secret| !secret.is_empty());
        let secret = match &given {
            Some(secret) => secret.clone(),
            None => generate_secret(),
        };
        let hash = self.hash_secret(secret.clone()).await?;
        let actor = Actor::new(principal, self.now());
        let robot = RobotRecord {
            id: 0,
            name: stored_robot_name(home_name.as_deref(), &wish.name),
            project: home.map(|home| home.id),
            description: wish.description,
            secret: hash,
            permissions: String::new(),
            disabled: wish.disabled,
            duration,
            expires: expiry(actor.at, duration),
            creator: actor.name.clone(),
            created: actor.at,
            updated: actor.at,
        };
        let (principal, permissions) = (principal.clone(), wish.permissions);
        let record = self
            .db()
            .write(Durability::Full, move |sql| {
                let mut robot = robot.clone();
                robot.permissions = grants(sql, &principal, &permissions)?;
                robot.id = db::robots::insert(sql, &robot).map_err(|error| match error {
                    SqlError::Constraint(_) => RegistryError::Conflict {
                        reason: format!("a robot named {} already exists", robot.login()),
                    },
                    other => other.into(),
                })?;
                note(sql, &actor, Operation::Create, &robot, "")?;
                Ok::<_, RegistryError>(robot)
            })
            .await?;
        Ok(NewRobot {
            record,
            secret: given.is_none().then_some(secret),
        })
    }

    /// Changes a robot. What it may do counts from its next request on.
    pub async fn change_robot(
        &self,
        principal: &Principal,
        id: i64,
        change: RobotChange,
    ) -> Result<(), RegistryError> {
        check_description(&change.description)?;
        check_duration(change.duration)?;
        let (actor, principal) = (Actor::new(principal, self.now()), principal.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let mut robot = find(sql, id)?;
                if let Some(permissions) = &change.permissions {
                    let home = home_name(sql, &robot)?;
                    RobotPermission::check_all(permissions, home.as_deref()).map_err(refused)?;
                    robot.permissions = grants(sql, &principal, permissions)?;
                }
                robot.description.clone_from(&change.description);
                robot.disabled = change.disabled;
                robot.duration = change.duration;
                robot.expires = expiry(robot.created, change.duration);
                robot.updated = actor.at;
                db::robots::update(sql, &robot)?;
                Ok(note(sql, &actor, Operation::Update, &robot, "")?)
            })
            .await
    }

    /// Gives a robot a new secret: `secret`, or one that is made now and given back.
    pub async fn refresh_secret(
        &self,
        actor: Actor,
        id: i64,
        secret: Option<String>,
    ) -> Result<Option<String>, RegistryError> {
        let given = secret.filter(|secret| !secret.is_empty());
        let secret = match &given {
            Some(secret) => secret.clone(),
            None => generate_secret(),
        };
        let hash = self.hash_secret(secret.clone()).await?;
        self.db()
            .write(Durability::Full, move |sql| {
                let mut robot = find(sql, id)?;
                robot.secret.clone_from(&hash);
                robot.updated = actor.at;
                db::robots::update(sql, &robot)?;
                Ok::<_, RegistryError>(note(sql, &actor, Operation::Update, &robot, "secret")?)
            })
            .await?;
        Ok(given.is_none().then_some(secret))
    }

    /// Removes a robot.
    pub async fn delete_robot(&self, actor: Actor, id: i64) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let robot = find(sql, id)?;
                db::robots::delete(sql, id)?;
                Ok(note(sql, &actor, Operation::Delete, &robot, "")?)
            })
            .await
    }

    async fn hash_secret(&self, secret: String) -> Result<String, RegistryError> {
        check_policy(&secret).map_err(refused)?;
        self.hash_password(secret).await
    }
}

fn find(sql: &mut dyn Sql, id: i64) -> Result<RobotRecord, RegistryError> {
    db::robots::find(sql, id)?.ok_or_else(|| RegistryError::NotFound {
        what: format!("robot {id}"),
    })
}

fn home_name(sql: &mut dyn Sql, robot: &RobotRecord) -> Result<Option<String>, SqlError> {
    let home = match robot.project {
        Some(project) => db::projects::find_by_id(sql, project)?,
        None => None,
    };
    Ok(home.map(|home| home.name))
}

/// The permissions as the database has them, if the principal may give them.
fn grants(
    sql: &mut dyn Sql,
    principal: &Principal,
    permissions: &[RobotPermission],
) -> Result<String, RegistryError> {
    let beyond = || RegistryError::Denied {
        reason: "a robot cannot give more than it has itself".to_owned(),
    };
    let mut grants: Vec<Grant> = Vec::new();
    for permission in permissions {
        let number = match permission.project() {
            Some(name) => db::projects::find(sql, name)?.map(|project| project.id),
            None => None,
        };
        let grant = permission.clone().into_grant(number);
        // A robot learns nothing of projects that it has no rights in.
        grants.push(grant.ok_or_else(|| match principal {
            Principal::Robot(_) => beyond(),
            _ => RegistryError::NotFound {
                what: format!("project {}", permission.namespace),
            },
        })?);
    }
    if let Principal::Robot(robot) = principal
        && !robot.may_pass_on(&grants)
    {
        return Err(beyond());
    }
    serde_json::to_string(&grants).map_err(|error| RegistryError::Internal(error.to_string()))
}

fn entry(sql: &mut dyn Sql, record: RobotRecord) -> Result<RobotEntry, SqlError> {
    let grants: Vec<Grant> = serde_json::from_str(&record.permissions).unwrap_or_default();
    let projects: Vec<i64> = grants
        .iter()
        .filter_map(|grant| match grant.scope {
            GrantScope::Project(id) => Some(id),
            GrantScope::System | GrantScope::Projects => None,
        })
        .collect();
    let names = db::projects::names(sql, &projects)?;
    let permission = |grant: Grant| {
        let name = match grant.scope {
            GrantScope::Project(id) => names.iter().find(|(known, _)| *known == id),
            GrantScope::System | GrantScope::Projects => None,
        };
        grant.into_permission(name.map(|(_, name)| name.clone()))
    };
    Ok(RobotEntry {
        permissions: grants.into_iter().filter_map(permission).collect(),
        record,
    })
}

fn note(
    sql: &mut dyn Sql,
    actor: &Actor,
    operation: Operation,
    robot: &RobotRecord,
    detail: &str,
) -> Result<(), SqlError> {
    let (name, project) = (robot.login(), robot.project);
    actor.note_more(sql, operation, Subject::Robot, &name, project, detail)
}

fn expiry(from: i64, days: i64) -> Option<i64> {
    (days > 0).then(|| from.saturating_add(days.saturating_mul(DAY_MICROS)))
}

fn check_duration(days: i64) -> Result<(), RegistryError> {
    if days == -1 || (1..=DURATION_LIMIT_DAYS).contains(&days) {
        return Ok(());
    }
    Err(RegistryError::BadRequest {
        reason: format!("duration is -1 for ever, or 1-{DURATION_LIMIT_DAYS} days"),
    })
}

fn check_description(description: &str) -> Result<(), RegistryError> {
    if description.chars().count() <= DESCRIPTION_LIMIT {
        return Ok(());
    }
    Err(RegistryError::BadRequest {
        reason: format!("a description has at most {DESCRIPTION_LIMIT} characters"),
    })
}

fn refused(error: impl std::fmt::Display) -> RegistryError {
    RegistryError::BadRequest {
        reason: error.to_string(),
    }
}
