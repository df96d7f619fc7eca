//! Robot accounts: their names, and the permissions they carry.
//!
//! On the wire a permission names a project; here and in the database it has the project's number, so that a project
//! that is made later under the name of one that was deleted is not open to the robots of the old one.

use serde::{Deserialize, Serialize};

use super::permission::{Permission, project_permissions, system_permissions};

/// What the names of robots begin with, unless another prefix is set.
pub const DEFAULT_ROBOT_PREFIX: &str = "robot$";
/// Longest name of a robot, without prefix and project, in bytes.
const NAME_LIMIT_BYTES: usize = 128;
/// Most projects that one robot is given permissions in one by one.
const PERMISSIONS_LIMIT: usize = 1024;

/// Where a robot belongs, and who manages it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RobotLevel {
    /// To the system: it may work in several projects.
    System,
    /// To one project, and it works nowhere else.
    Project,
}

/// Permissions of a robot in one place, as Harbor's API has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotPermission {
    /// Whether the place is the system or a project.
    pub kind: RobotLevel,
    /// `/` for the system, a project's name, or `*` for every project.
    pub namespace: String,
    /// What the robot may do there.
    pub access: Vec<Access>,
}

/// One permission, given or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Which.
    #[serde(flatten)]
    pub permission: Permission,
    /// Whether it is given.
    #[serde(default)]
    pub effect: Effect,
}

/// Whether a permission is given or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Given.
    #[default]
    #[serde(alias = "")]
    Allow,
    /// Refused, whatever else gives it.
    Deny,
}

/// Where permissions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantScope {
    /// In the system.
    System,
    /// In every project, those made later too.
    Projects,
    /// In the project with this number.
    Project(i64),
}

/// Permissions of a robot in one place, as the database has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Where.
    pub scope: GrantScope,
    /// What.
    pub access: Vec<Access>,
}

/// Why a robot cannot be made like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RobotError {
    /// The name has other characters than allowed.
    #[error(
        "the name of a robot must be 1-{NAME_LIMIT_BYTES} lower-case letters and digits, with single '.', '_' and '-' between them"
    )]
    Name,
    /// No permissions, or a place without any.
    #[error("a robot needs at least one permission in each place that it is given")]
    Empty,
    /// Too many.
    #[error(
        "a robot can be given permissions in at most {PERMISSIONS_LIMIT} places; use the namespace \"*\" for all projects"
    )]
    TooMany,
    /// A robot of a project with permissions elsewhere.
    #[error("a robot of a project has permissions in that project only")]
    ForeignPlace,
    /// A namespace that does not go with its kind.
    #[error(
        "{namespace:?} is not a namespace of this kind; it is \"/\" for system, and a project's name or \"*\" for project"
    )]
    Namespace {
        /// What was given.
        namespace: String,
    },
    /// A permission that robots cannot have there.
    #[error(
        "a robot cannot be given {permission} there; GET /api/v2.0/permissions lists what it can be given"
    )]
    Permission {
        /// Which.
        permission: Permission,
    },
}

/// Checks what somebody wants to name a robot, without prefix and project.
pub fn check_robot_name(name: &str) -> Result<(), RobotError> {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let parts = || name.as_bytes().split(|byte| b"._-".contains(byte));
    let is_good = name.len() <= NAME_LIMIT_BYTES
        && parts().all(|part| !part.is_empty() && part.iter().all(is_letter));
    if is_good {
        Ok(())
    } else {
        Err(RobotError::Name)
    }
}

/// The name that is stored and unique: `ci` for a robot of the system, `project+ci` for one of a project. No project and
/// no robot has a `+` in its name.
pub fn stored_robot_name(project: Option<&str>, name: &str) -> String {
    match project {
        Some(project) => format!("{project}+{name}"),
        None => name.to_owned(),
    }
}

/// The stored name of the robot that logs in as `login`; `None` if that is no robot's name.
pub fn robot_of_login<'a>(login: &'a str, prefix: &str) -> Option<&'a str> {
    login.strip_prefix(prefix).filter(|name| !name.is_empty())
}

impl RobotPermission {
    /// The name of the project that this is for, if it is for a single one.
    pub fn project(&self) -> Option<&str> {
        let is_one = self.kind == RobotLevel::Project && self.namespace != "*";
        is_one.then_some(self.namespace.as_str())
    }

    /// Checks what somebody wants to give to a robot of `level` that belongs to the project `home`.
    ///
    /// That he may make robots there is another question, and that a robot who makes one does not give more than it has:
    /// [`Robot::may_pass_on`](super::Robot::may_pass_on).
    pub fn check_all(permissions: &[Self], home: Option<&str>) -> Result<(), RobotError> {
        if permissions.is_empty() {
            return Err(RobotError::Empty);
        }
        if permissions.len() > PERMISSIONS_LIMIT {
            return Err(RobotError::TooMany);
        }
        if let Some(home) = home
            && !permissions
                .iter()
                .all(|place| place.project() == Some(home))
        {
            return Err(RobotError::ForeignPlace);
        }
        permissions.iter().try_for_each(Self::check)
    }

    fn check(&self) -> Result<(), RobotError> {
        let is_system = self.kind == RobotLevel::System;
        if is_system != (self.namespace == "/") || self.namespace.is_empty() {
            return Err(RobotError::Namespace {
                namespace: self.namespace.chars().take(255).collect(),
            });
        }
        if self.access.is_empty() {
            return Err(RobotError::Empty);
        }
        let can_be_given = |permission| match self.kind {
            RobotLevel::System => system_permissions().any(|known| known == permission),
            RobotLevel::Project => project_permissions().any(|known| known == permission),
        };
        let bad = self
            .access
            .iter()
            .find(|access| !can_be_given(access.permission));
        match bad {
            Some(access) => Err(RobotError::Permission {
                permission: access.permission,
            }),
            None => Ok(()),
        }
    }

    /// The grant for the database. `number` is that of [`Self::project`].
    pub fn into_grant(self, number: Option<i64>) -> Option<Grant> {
        let scope = match (self.kind, number) {
            (RobotLevel::System, _) => GrantScope::System,
            (RobotLevel::Project, _) if self.namespace == "*" => GrantScope::Projects,
            (RobotLevel::Project, number) => GrantScope::Project(number?),
        };
        Some(Grant {
            scope,
            access: self.access,
        })
    }
}

impl Grant {
    /// The permission for the API. `name` is that of the project in the scope; without one, the project is gone, and so
    /// is the permission.
    pub fn into_permission(self, name: Option<String>) -> Option<RobotPermission> {
        let (kind, namespace) = match self.scope {
            GrantScope::System => (RobotLevel::System, "/".to_owned()),
            GrantScope::Projects => (RobotLevel::Project, "*".to_owned()),
            GrantScope::Project(_) => (RobotLevel::Project, name?),
        };
        Some(RobotPermission {
            kind,
            namespace,
            access: self.access,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: RobotLevel, namespace: &str, permissions: &[&str]) -> RobotPermission {
        let access = permissions.iter().map(|text| {
            let (resource, action) = text.split_once(':').unwrap();
            let permission = Permission::new(resource.parse().unwrap(), action.parse().unwrap());
            Access {
                permission,
                effect: Effect::Allow,
            }
        });
        RobotPermission {
            kind,
            namespace: namespace.to_owned(),
            access: access.collect(),
        }
    }

    #[test]
    fn names_are_harbors() {
        for good in ["a", "0", "ci", "ci-runner", "a.b_c-d"] {
            assert_eq!(check_robot_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(NAME_LIMIT_BYTES + 1);
        for bad in [
            "", "-", "a-", "-a", "a--b", "a._b", "A", "a+b", "a b", "a$b", "é", &long,
        ] {
            assert_eq!(check_robot_name(bad), Err(RobotError::Name), "{bad}");
        }
        let stored = stored_robot_name(Some("team"), "ci");
        assert_eq!(format!("{DEFAULT_ROBOT_PREFIX}{stored}"), "robot$team+ci");
        assert_eq!(stored_robot_name(None, "ci"), "ci");
    }

    #[test]
    fn a_robot_is_known_by_its_prefix() {
        let table = [
            ("robot$ci", "robot$", Some("ci")),
            ("robot$team+ci", "robot$", Some("team+ci")),
            ("bot_ci", "bot_", Some("ci")),
            ("robot$", "robot$", None),
            ("ci", "robot$", None),
            ("Robot$ci", "robot$", None),
            ("robot$ci", "bot_", None),
        ];
        for (login, prefix, stored) in table {
            assert_eq!(robot_of_login(login, prefix), stored, "{login} {prefix}");
        }
    }

    #[test]
    fn permissions_have_harbors_form() {
        let json = r#"[{"kind":"project","namespace":"team","access":[{"resource":"repository","action":"pull"},
            {"resource":"repository","action":"push","effect":"deny"},{"resource":"tag","action":"list","effect":""}]},
            {"kind":"system","namespace":"/","access":[{"resource":"catalog","action":"read","effect":"allow"}]}]"#;
        let permissions: Vec<RobotPermission> = serde_json::from_str(json).unwrap();
        let effects: Vec<_> = permissions[0]
            .access
            .iter()
            .map(|access| access.effect)
            .collect();
        assert_eq!(effects, [Effect::Allow, Effect::Deny, Effect::Allow]);
        assert_eq!(
            serde_json::to_string(&permissions[1]).unwrap(),
            r#"{"kind":"system","namespace":"/","access":[{"resource":"catalog","action":"read","effect":"allow"}]}"#
        );
        let bad = [
            r#"{"kind":"global","namespace":"/","access":[]}"#,
            r#"{"kind":"project","namespace":"team","access":[{"resource":"*","action":"*"}]}"#,
            r#"{"kind":"project","namespace":"team","access":[{"resource":"repository","action":"pull","effect":"maybe"}]}"#,
        ];
        for json in bad {
            assert!(
                serde_json::from_str::<RobotPermission>(json).is_err(),
                "{json}"
            );
        }
    }

    const PULL: &[&str] = &["repository:pull"];
    const CATALOG: &[&str] = &["catalog:read"];

    #[test]
    fn a_robot_of_a_project_has_permissions_there_and_nowhere_else() {
        use RobotLevel::{Project, System};
        let home = Some("team");
        let team = || place(Project, "team", PULL);
        let table = [
            (vec![team()], Ok(())),
            (vec![team(), team()], Ok(())),
            (vec![], Err(RobotError::Empty)),
            (vec![place(Project, "team", &[])], Err(RobotError::Empty)),
            (
                vec![place(Project, "other", PULL)],
                Err(RobotError::ForeignPlace),
            ),
            (
                vec![place(Project, "*", PULL)],
                Err(RobotError::ForeignPlace),
            ),
            (
                vec![place(System, "/", CATALOG)],
                Err(RobotError::ForeignPlace),
            ),
            (
                vec![place(System, "team", CATALOG)],
                Err(RobotError::ForeignPlace),
            ),
            (
                vec![team(), place(Project, "other", PULL)],
                Err(RobotError::ForeignPlace),
            ),
        ];
        for (permissions, expected) in table {
            let result = RobotPermission::check_all(&permissions, home);
            assert_eq!(result, expected, "{permissions:?}");
        }
    }

    #[test]
    fn robots_are_given_what_they_can_have_where_they_can_have_it() {
        use RobotLevel::{Project, System};
        let check = |kind, namespace, texts: &[&str]| {
            RobotPermission::check_all(&[place(kind, namespace, texts)], None)
        };
        for (kind, namespace, texts) in [
            (Project, "team", PULL),
            (Project, "*", PULL),
            (System, "/", CATALOG),
        ] {
            assert_eq!(check(kind, namespace, texts), Ok(()), "{namespace}");
        }
        for (kind, namespace, texts) in [
            (System, "*", CATALOG),
            (System, "team", CATALOG),
            (System, "", CATALOG),
            (Project, "/", PULL),
            (Project, "", PULL),
        ] {
            let result = check(kind, namespace, texts);
            let is_refused = matches!(result, Err(RobotError::Namespace { .. }));
            assert!(is_refused, "{kind:?} {namespace}: {result:?}");
        }
        for (kind, namespace, text) in [
            (Project, "team", "catalog:read"),
            (Project, "*", "user:create"),
            (Project, "team", "robot:update"),
            (Project, "team", "repository:scanner-pull"),
            (System, "/", "repository:pull"),
        ] {
            let first = if kind == Project { PULL[0] } else { CATALOG[0] };
            let result = check(kind, namespace, &[first, text]);
            let refused = result.unwrap_err().to_string();
            assert!(
                refused.contains(&format!("cannot be given {text}")),
                "{refused}"
            );
        }
        let many = vec![place(Project, "team", PULL); PERMISSIONS_LIMIT + 1];
        assert_eq!(
            RobotPermission::check_all(&many, None),
            Err(RobotError::TooMany)
        );
    }

    #[test]
    fn the_database_keeps_the_number_of_a_project() {
        let team = place(RobotLevel::Project, "team", &["repository:pull"]);
        assert_eq!(team.project(), Some("team"));
        let grant = team.clone().into_grant(Some(7)).unwrap();
        let json = serde_json::to_string(&grant).unwrap();
        assert_eq!(
            json,
            r#"{"scope":{"project":7},"access":[{"resource":"repository","action":"pull","effect":"allow"}]}"#
        );
        assert_eq!(serde_json::from_str::<Grant>(&json).unwrap(), grant);
        assert_eq!(
            grant.clone().into_permission(Some("team".to_owned())),
            Some(team.clone())
        );
        // The project is gone, and the permission with it; one of the same name has another number.
        assert_eq!(grant.into_permission(None), None);
        assert_eq!(team.into_grant(None), None);

        for (kind, namespace, scope) in [
            (RobotLevel::Project, "*", GrantScope::Projects),
            (RobotLevel::System, "/", GrantScope::System),
        ] {
            let place = place(kind, namespace, &["quota:read"]);
            assert_eq!(place.project(), None);
            let grant = place.clone().into_grant(None).unwrap();
            assert_eq!(grant.scope, scope);
            assert_eq!(grant.into_permission(None), Some(place));
        }
    }
}
