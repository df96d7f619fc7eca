//! Who asks, for what, and whether he may.
//!
//! Nothing here remembers anything: what somebody may do follows from what the database says of him and of the object's
//! own project at the time of the request. So a right that is taken away is gone, and knowing the number of somebody
//! else's object is of no use.

use super::permission::Permission;
use super::robot::{Effect, Grant, GrantScope};
use super::role::{ProjectRole, administrator_may, everybody_may_in_public};
use super::subject::SubjectId;
use crate::repositories::RepositoryName;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody in particular.
    Anonymous,
    /// Somebody with an account.
    User {
        /// His number.
        id: i64,
        /// His name.
        name: String,
        /// Whether he administers the system.
        is_sysadmin: bool,
    },
    /// A program with an account.
    Robot(Robot),
}

/// A robot account, which carries its own permissions. One that is disabled or has expired is no principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Robot {
    /// Its number.
    pub id: i64,
    /// The name it logs in with, prefix and all.
    pub name: String,
    /// The project that it belongs to; `None` for a robot of the system.
    pub project: Option<i64>,
    /// What it may do.
    pub grants: Vec<Grant>,
}

/// What something is done to, and what the database says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// The registry as a whole.
    System,
    /// A project, or something in it that is no repository.
    Project(ProjectFacts),
    /// A repository, or something in it.
    Repository(ProjectFacts, &'a RepositoryName),
}

/// What rights in a project follow from. Read it together with the object itself, by the object's own project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectFacts {
    /// The project's number.
    pub id: i64,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// What the user who asks is in it; `None` for everybody else.
    pub role: Option<ProjectRole>,
}

impl Principal {
    /// The name in logs and in the claim `sub`; empty for nobody.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::User { name, .. } | Self::Robot(Robot { name, .. }) => name,
        }
    }

    /// The number of the account; `None` for nobody.
    pub fn subject_id(&self) -> Option<SubjectId> {
        match self {
            Self::Anonymous => None,
            Self::User { id, .. } => Some(SubjectId::User(*id)),
            Self::Robot(robot) => Some(SubjectId::Robot(robot.id)),
        }
    }

    /// Whether this is an administrator of the system. No robot is, whatever it may do.
    pub fn is_sysadmin(&self) -> bool {
        matches!(
            self,
            Self::User {
                is_sysadmin: true,
                ..
            }
        )
    }

    /// Whether this principal may do `permission` to `object`.
    pub fn may(&self, object: &Object<'_>, permission: Permission) -> bool {
        match self {
            Self::Anonymous => object.is_open_for(permission),
            Self::User {
                is_sysadmin: true, ..
            } => administrator_may(permission),
            Self::User { .. } => {
                let role = object.project().and_then(|project| project.role);
                role.is_some_and(|role| role.allows(permission)) || object.is_open_for(permission)
            }
            Self::Robot(robot) => robot.may(object, permission),
        }
    }
}

impl Robot {
    /// Whether it may do `permission` to `object`.
    fn may(&self, object: &Object<'_>, permission: Permission) -> bool {
        let scope = match object.project() {
            Some(project) => GrantScope::Project(project.id),
            None => GrantScope::System,
        };
        !self.is_denied(scope, permission)
            && (self.is_given(scope, permission) || object.is_open_for(permission))
    }

    /// Whether it may give all of `grants` to a robot that it makes: it has them itself. Pushing is passed on by those only
    /// who may pull as well, because a robot of a project gets that with it.
    pub fn may_pass_on(&self, grants: &[Grant]) -> bool {
        grants.iter().all(|grant| {
            let has = |permission| {
                self.is_given(grant.scope, permission) && !self.is_denied(grant.scope, permission)
            };
            grant.access.iter().all(|access| {
                let brings_pull = access.permission == Permission::PUSH;
                access.effect == Effect::Deny
                    || has(access.permission) && (!brings_pull || has(Permission::PULL))
            })
        })
    }

    fn is_given(&self, scope: GrantScope, permission: Permission) -> bool {
        // Whatever its grants say, a robot of a project is at home there and nowhere else.
        if self
            .project
            .is_some_and(|home| scope != GrantScope::Project(home))
        {
            return false;
        }
        let has = |permission| {
            self.grants
                .iter()
                .any(|grant| scope.is_within(grant.scope) && grant.has(permission, Effect::Allow))
        };
        // As in Harbor, one that may push may pull, without which no client can push. Robots of the system have to be
        // given both.
        let pulls_by_pushing = permission == Permission::PULL && self.project.is_some();
        has(permission) || pulls_by_pushing && has(Permission::PUSH)
    }

    fn is_denied(&self, scope: GrantScope, permission: Permission) -> bool {
        self.grants.iter().any(|grant| {
            // What is denied in one project cannot be had for all of them.
            let concerns = scope.is_within(grant.scope) || grant.scope.is_within(scope);
            concerns && grant.has(permission, Effect::Deny)
        })
    }
}

impl GrantScope {
    fn is_within(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Project(_), Self::Projects))
    }
}

impl Grant {
    fn has(&self, permission: Permission, effect: Effect) -> bool {
        self.access
            .iter()
            .any(|access| access.permission == permission && access.effect == effect)
    }
}

impl Object<'_> {
    fn project(&self) -> Option<&ProjectFacts> {
        match self {
            Self::System => None,
            Self::Project(project) | Self::Repository(project, _) => Some(project),
        }
    }

    /// Whether everybody may do it.
    fn is_open_for(&self, permission: Permission) -> bool {
        let is_public = self.project().is_some_and(|project| project.is_public);
        is_public && everybody_may_in_public(permission)
    }
}

#[cfg(test)]
mod tests {
    use super::super::permission::{Action, Resource, project_permissions, system_permissions};
    use super::super::robot::Access;
    use super::*;

    const OURS: i64 = 1;
    const THEIRS: i64 = 2;

    fn permission(text: &str) -> Permission {
        let (resource, action) = text.split_once(':').unwrap();
        Permission::new(resource.parse().unwrap(), action.parse().unwrap())
    }

    fn all_permissions() -> impl Iterator<Item = Permission> {
        Resource::ALL.iter().flat_map(|resource| {
            let with = |action: &Action| Permission::new(*resource, *action);
            Action::ALL.iter().map(with)
        })
    }

    fn user(is_sysadmin: bool) -> Principal {
        Principal::User {
            id: 7,
            name: "emon".to_owned(),
            is_sysadmin,
        }
    }

    fn grant(scope: GrantScope, allow: &[&str], deny: &[&str]) -> Grant {
        let with = |effect| {
            move |text: &&str| Access {
                permission: permission(text),
                effect,
            }
        };
        let access = allow.iter().map(with(Effect::Allow));
        Grant {
            scope,
            access: access.chain(deny.iter().map(with(Effect::Deny))).collect(),
        }
    }

    fn robot(project: Option<i64>, grants: Vec<Grant>) -> Robot {
        Robot {
            id: 3,
            name: "robot$ci".to_owned(),
            project,
            grants,
        }
    }

    /// A robot with everything that it can be given.
    fn almighty(project: Option<i64>) -> Principal {
        let access = |list: Vec<Permission>| {
            let allow = |permission| Access {
                permission,
                effect: Effect::Allow,
            };
            list.into_iter().map(allow).collect()
        };
        let grants = vec![
            Grant {
                scope: GrantScope::System,
                access: access(system_permissions().collect()),
            },
            Grant {
                scope: GrantScope::Projects,
                access: access(project_permissions().collect()),
            },
        ];
        Principal::Robot(robot(project, grants))
    }

    fn project(id: i64, is_public: bool, role: Option<ProjectRole>) -> ProjectFacts {
        ProjectFacts {
            id,
            is_public,
            role,
        }
    }

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    /// Who may what in the private project, in the public project and in the system. Columns: anonymous, a stranger with
    /// an account, limited guest, guest, developer, maintainer, project admin, administrator of the system, a robot of
    /// this project that was given `repository:push` and `tag:list`, one of another project that was given everything,
    /// and a robot of the system with `*` and `repository:pull` for projects, `project:create` for the system.
    const TABLE: &[(&str, &str, &str, &str)] = &[
        // permission           private        public         system
        ("project:read", "..LGDMAS...", "asLGDMASRFO", ".......S..."),
        (
            "project:update",
            "......AS...",
            "......AS...",
            ".......S...",
        ),
        (
            "project:delete",
            "......AS...",
            "......AS...",
            ".......S...",
        ),
        (
            "project:create",
            ".......S...",
            ".......S...",
            ".......S..O",
        ),
        ("project:list", ".......S...", ".......S...", ".......S..."),
        ("member:list", "...GDMAS...", "...GDMAS...", ".......S..."),
        ("member:create", "......AS...", "......AS...", ".......S..."),
        (
            "metadata:update",
            "......AS...",
            "......AS...",
            ".......S...",
        ),
        ("log:list", "......AS...", "......AS...", ".......S..."),
        ("robot:list", "...GDMAS...", "...GDMAS...", ".......S..."),
        ("robot:create", "......AS...", "......AS...", ".......S..."),
        ("robot:update", "......AS...", "......AS...", ".......S..."),
        ("quota:read", "..LGDMAS...", "..LGDMAS...", ".......S..."),
        ("quota:update", ".......S...", ".......S...", ".......S..."),
        ("label:list", "...GDMAS...", "asLGDMASRFO", ".......S..."),
        (
            "repository:list",
            "..LGDMAS...",
            "asLGDMASRFO",
            ".......S...",
        ),
        (
            "repository:read",
            "..LGDMAS...",
            "asLGDMASRFO",
            ".......S...",
        ),
        (
            "repository:pull",
            "..LGDMASR.O",
            "asLGDMASRFO",
            ".......S...",
        ),
        (
            "repository:push",
            "....DMASR..",
            "....DMASR..",
            ".......S...",
        ),
        (
            "repository:update",
            "....DMAS...",
            "....DMAS...",
            ".......S...",
        ),
        (
            "repository:delete",
            ".....MAS...",
            ".....MAS...",
            ".......S...",
        ),
        (
            "repository:scanner-pull",
            "...........",
            "...........",
            "...........",
        ),
        ("artifact:read", "..LGDMAS...", "asLGDMASRFO", ".......S..."),
        (
            "artifact:create",
            "....DMAS...",
            "....DMAS...",
            ".......S...",
        ),
        (
            "artifact:delete",
            ".....MAS...",
            ".....MAS...",
            ".......S...",
        ),
        ("tag:list", "..LGDMASR..", "asLGDMASRFO", ".......S..."),
        ("tag:create", "....DMAS...", "....DMAS...", ".......S..."),
        ("tag:delete", ".....MAS...", ".....MAS...", ".......S..."),
        ("scan:create", ".....MAS...", ".....MAS...", ".......S..."),
        (
            "configuration:read",
            "..LGDMAS...",
            "..LGDMAS...",
            ".......S...",
        ),
        (
            "configuration:update",
            "......AS...",
            "......AS...",
            ".......S...",
        ),
        ("user:list", ".......S...", ".......S...", ".......S..."),
        ("user:update", ".......S...", ".......S...", ".......S..."),
        (
            "audit-log:list",
            ".......S...",
            ".......S...",
            ".......S...",
        ),
        (
            "garbage-collection:create",
            ".......S...",
            ".......S...",
            ".......S...",
        ),
        (
            "system-volumes:read",
            ".......S...",
            ".......S...",
            ".......S...",
        ),
        ("catalog:read", ".......S...", ".......S...", ".......S..."),
    ];

    fn columns() -> Vec<(Principal, Option<ProjectRole>)> {
        use ProjectRole::{Developer, Guest, LimitedGuest, Maintainer, ProjectAdmin};
        let here = grant(
            GrantScope::Project(OURS),
            &["repository:push", "tag:list"],
            &[],
        );
        let everywhere = grant(GrantScope::Projects, &["repository:pull"], &[]);
        let system = grant(GrantScope::System, &["project:create"], &[]);
        let roles = [LimitedGuest, Guest, Developer, Maintainer, ProjectAdmin];
        let mut columns = vec![(Principal::Anonymous, None), (user(false), None)];
        columns.extend(roles.map(|role| (user(false), Some(role))));
        columns.push((user(true), None));
        columns.push((Principal::Robot(robot(Some(OURS), vec![here])), None));
        columns.push((almighty(Some(THEIRS)), None));
        columns.push((
            Principal::Robot(robot(None, vec![everywhere, system])),
            None,
        ));
        columns
    }

    #[test]
    fn everybody_may_do_what_the_table_says() {
        let repository = name("team/app");
        for (text, private, public, system) in TABLE {
            let permission = permission(text);
            for (index, (principal, role)) in columns().iter().enumerate() {
                let expected = |row: &str| row.as_bytes()[index] != b'.';
                for (is_public, row) in [(false, private), (true, public)] {
                    let facts = project(OURS, is_public, *role);
                    for object in [
                        Object::Project(facts),
                        Object::Repository(facts, &repository),
                    ] {
                        let what = format!("{principal:?} as {role:?} in {object:?}: {text}");
                        assert_eq!(principal.may(&object, permission), expected(row), "{what}");
                    }
                }
                let in_system = principal.may(&Object::System, permission);
                assert_eq!(
                    in_system,
                    expected(system),
                    "{principal:?} in the system: {text}"
                );
            }
        }
    }

    #[test]
    fn an_account_alone_gives_nothing_that_nobody_has() {
        for is_public in [false, true] {
            let object = Object::Project(project(OURS, is_public, None));
            for permission in all_permissions() {
                let nobody = Principal::Anonymous.may(&object, permission);
                assert_eq!(user(false).may(&object, permission), nobody, "{permission}");
            }
        }
        for permission in all_permissions() {
            assert!(
                !Principal::Anonymous.may(&Object::System, permission),
                "{permission}"
            );
            assert!(
                !user(false).may(&Object::System, permission),
                "{permission}"
            );
        }
    }

    /// CVE-2022-31667 and its family: a robot of one project was read and changed by way of another.
    #[test]
    fn a_robot_of_a_project_is_nobody_elsewhere() {
        let robot = almighty(Some(THEIRS));
        for permission in all_permissions() {
            let ours = |is_public| Object::Project(project(OURS, is_public, None));
            assert!(!robot.may(&ours(false), permission), "{permission}");
            let nobody = Principal::Anonymous.may(&ours(true), permission);
            assert_eq!(robot.may(&ours(true), permission), nobody, "{permission}");
            assert!(!robot.may(&Object::System, permission), "{permission}");
        }
    }

    /// CVE-2026-31801: who could only create moved a tag that existed. Moving one is pushing.
    #[test]
    fn creating_is_not_overwriting() {
        let creating = ["artifact:create", "tag:create", "repository:create"];
        for allow in [&creating[..1], &creating[1..2], &creating[..]] {
            let robot = robot(None, vec![grant(GrantScope::Project(OURS), allow, &[])]);
            let object = Object::Project(project(OURS, true, None));
            let may = |text| Principal::Robot(robot.clone()).may(&object, permission(text));
            assert!(allow.iter().all(|text| may(text)));
            for not in [
                "repository:push",
                "tag:delete",
                "artifact:delete",
                "repository:update",
            ] {
                assert!(!may(not), "{not}");
            }
        }
    }

    #[test]
    fn a_grant_counts_in_its_place_only() {
        let (here, there) = (GrantScope::Project(OURS), GrantScope::Project(THEIRS));
        let (all, system) = (GrantScope::Projects, GrantScope::System);
        // where it is given, and whether it counts in our project, in theirs and in the system
        let table = [
            (here, [true, false, false]),
            (there, [false, true, false]),
            (all, [true, true, false]),
            (system, [false, false, true]),
        ];
        let quota = permission("quota:read");
        for (scope, expected) in table {
            let robot = Principal::Robot(robot(None, vec![grant(scope, &["quota:read"], &[])]));
            let project = |id| Object::Project(project(id, false, None));
            let may = [project(OURS), project(THEIRS), Object::System]
                .map(|object| robot.may(&object, quota));
            assert_eq!(may, expected, "{scope:?}");
        }
    }

    #[test]
    fn what_is_denied_is_denied_whatever_gives_it() {
        let object = |id, is_public| Object::Project(project(id, is_public, None));
        let denied = robot(
            None,
            vec![
                grant(
                    GrantScope::Projects,
                    &["repository:pull", "repository:push"],
                    &[],
                ),
                grant(GrantScope::Project(OURS), &[], &["repository:pull"]),
            ],
        );
        let denied = Principal::Robot(denied);
        assert!(denied.may(&object(THEIRS, false), Permission::PULL));
        assert!(!denied.may(&object(OURS, false), Permission::PULL));
        assert!(
            !denied.may(&object(OURS, true), Permission::PULL),
            "everybody else may"
        );
        assert!(denied.may(&object(OURS, false), Permission::PUSH));
        // Pulling that comes with pushing is denied too.
        let home = robot(
            Some(OURS),
            vec![grant(
                GrantScope::Project(OURS),
                &["repository:push"],
                &["repository:pull"],
            )],
        );
        assert!(!Principal::Robot(home).may(&object(OURS, false), Permission::PULL));
    }

    #[test]
    fn pushing_brings_pulling_in_a_project_and_not_in_the_system() {
        let push = || vec![grant(GrantScope::Project(OURS), &["repository:push"], &[])];
        let object = Object::Project(project(OURS, false, None));
        assert!(Principal::Robot(robot(Some(OURS), push())).may(&object, Permission::PULL));
        assert!(!Principal::Robot(robot(None, push())).may(&object, Permission::PULL));
    }

    #[test]
    fn a_robot_passes_on_no_more_than_it_has() {
        let (here, there) = (GrantScope::Project(OURS), GrantScope::Project(THEIRS));
        let (all, system) = (GrantScope::Projects, GrantScope::System);
        let wide = robot(
            None,
            vec![
                grant(all, &["repository:pull", "tag:list"], &[]),
                grant(there, &[], &["tag:list"]),
            ],
        );
        let narrow = robot(Some(OURS), vec![grant(all, &["repository:push"], &[])]);
        let table = [
            (&wide, here, "repository:pull", true),
            (&wide, all, "repository:pull", true),
            (&wide, here, "repository:push", false),
            (&wide, system, "project:create", false),
            (&wide, here, "tag:list", true),
            (&wide, there, "tag:list", false),
            // It is denied in one project, and would be had there by way of all.
            (&wide, all, "tag:list", false),
            (&narrow, here, "repository:push", true),
            (&narrow, here, "repository:pull", true),
            (&narrow, there, "repository:push", false),
            (&narrow, all, "repository:push", false),
        ];
        for (robot, scope, text, expected) in table {
            assert_eq!(
                robot.may_pass_on(&[grant(scope, &[text], &[])]),
                expected,
                "{scope:?} {text}"
            );
            // Beside one that it has.
            let both = [
                grant(here, &["repository:pull"], &[]),
                grant(scope, &[text], &[]),
            ];
            assert_eq!(robot.may_pass_on(&both), expected, "{scope:?} {text}");
        }
        assert!(
            narrow.may_pass_on(&[grant(there, &[], &["repository:push"])]),
            "denying gives nothing"
        );
        let pushes = |allow| robot(None, vec![grant(here, allow, &[])]);
        let push = [grant(here, &["repository:push"], &[])];
        assert!(!pushes(&["repository:push"]).may_pass_on(&push));
        assert!(pushes(&["repository:push", "repository:pull"]).may_pass_on(&push));
    }

    #[test]
    fn principals_are_called_by_their_names() {
        let robot = Principal::Robot(robot(None, Vec::new()));
        assert_eq!(
            (user(true).name(), user(true).subject_id()),
            ("emon", Some(SubjectId::User(7)))
        );
        assert_eq!(
            (robot.name(), robot.subject_id()),
            ("robot$ci", Some(SubjectId::Robot(3)))
        );
        assert_eq!(
            (
                Principal::Anonymous.name(),
                Principal::Anonymous.subject_id()
            ),
            ("", None)
        );
        assert!(user(true).is_sysadmin() && !user(false).is_sysadmin());
        assert!(!almighty(None).is_sysadmin() && !Principal::Anonymous.is_sysadmin());
    }
}
