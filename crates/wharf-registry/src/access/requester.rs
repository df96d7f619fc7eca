//! How far a token reaches: what it is given for, and what it is taken for.

use super::permission::{Action, Permission, Resource};
use super::principal::{Object, Principal};
use super::token::{Scope, ScopeAction};

/// Who sent a request, and how far the token reaches that he sent, if it was a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// Who.
    pub principal: Principal,
    /// How far; `None` if he gave a password or a session.
    pub scopes: Option<TokenScopes>,
}

impl Requester {
    /// Whether the request may do `permission` to `object`: the principal may now, and the token is for it.
    pub fn may(&self, object: &Object<'_>, permission: Permission) -> bool {
        let is_permitted = |scopes: &TokenScopes| scopes.permit(object, permission);
        self.scopes.as_ref().is_none_or(is_permitted) && self.principal.may(object, permission)
    }
}

/// What a token is for, at most. It never adds to what its holder may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScopes(Vec<Scope>);

impl TokenScopes {
    /// Of a verified token.
    pub fn new(access: Vec<Scope>) -> Self {
        Self(access)
    }

    /// Whether the token is for this. A token is for the distribution protocol only: the management API is not open to
    /// it.
    pub fn permit(&self, object: &Object<'_>, permission: Permission) -> bool {
        let mut about = self.0.iter().filter(|scope| object.is_named_by(scope));
        about.any(|scope| {
            let mut actions = scope.actions.iter();
            actions.any(|action| permissions_of(scope, *action).contains(&permission))
        })
    }
}

impl Principal {
    /// What a token for `scope` may say: the actions that were asked for and that this principal may do to `object`, the
    /// repository or the system that the scope names. `None` if nothing is left.
    pub fn grant(&self, scope: Scope, object: &Object<'_>) -> Option<Scope> {
        let mut actions = scope.actions.clone();
        if !scope.is_catalog() && actions.remove(&ScopeAction::All) {
            actions.extend([ScopeAction::Pull, ScopeAction::Push, ScopeAction::Delete]);
        }
        actions.retain(|action| {
            let mut needed = permissions_of(&scope, *action).iter();
            object.is_named_by(&scope) && needed.any(|permission| self.may(object, *permission))
        });
        (!actions.is_empty()).then_some(Scope { actions, ..scope })
    }
}

impl Object<'_> {
    /// Whether this is what a scope of a token is about. No scope is about a project.
    fn is_named_by(&self, scope: &Scope) -> bool {
        match self {
            Self::System => scope.is_catalog(),
            Self::Project(_) => false,
            Self::Repository(_, name) => scope.repository_name().as_ref() == Some(*name),
        }
    }
}

/// What an action in a scope stands for.
fn permissions_of(scope: &Scope, action: ScopeAction) -> &'static [Permission] {
    const DELETE: [Permission; 3] = [
        Permission::new(Resource::Artifact, Action::Delete),
        Permission::new(Resource::Tag, Action::Delete),
        Permission::new(Resource::Repository, Action::Delete),
    ];
    const CATALOG: [Permission; 1] = [Permission::new(Resource::Catalog, Action::Read)];
    match (scope.is_catalog(), action) {
        (true, ScopeAction::All) => &CATALOG,
        (false, ScopeAction::Pull) => &[Permission::PULL],
        (false, ScopeAction::Push) => &[Permission::PUSH],
        (false, ScopeAction::Delete) => &DELETE,
        (true, _) | (false, ScopeAction::All) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Effect, Grant, GrantScope, ProjectFacts, ProjectRole, Robot};
    use super::*;
    use crate::repositories::RepositoryName;

    const OURS: i64 = 1;
    const THEIRS: i64 = 2;

    fn permission(text: &str) -> Permission {
        let (resource, action) = text.split_once(':').unwrap();
        Permission::new(resource.parse().unwrap(), action.parse().unwrap())
    }

    fn user(is_sysadmin: bool) -> Principal {
        Principal::User {
            id: 7,
            name: "emon".to_owned(),
            is_sysadmin,
        }
    }

    /// A robot of a project with these permissions there.
    fn robot(project: i64, allow: &[&str]) -> Principal {
        let access = allow.iter().map(|text| Access {
            permission: permission(text),
            effect: Effect::Allow,
        });
        let access = access.collect();
        let grants = vec![Grant {
            scope: GrantScope::Project(project),
            access,
        }];
        let name = "robot$team+ci".to_owned();
        Principal::Robot(Robot {
            id: 3,
            name,
            project: Some(project),
            grants,
        })
    }

    fn facts(is_public: bool, role: Option<ProjectRole>) -> ProjectFacts {
        ProjectFacts {
            id: OURS,
            is_public,
            role,
        }
    }

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn with_token(principal: Principal, scope: &str) -> Requester {
        let scopes = Some(TokenScopes::new(Scope::parse_all([scope]).unwrap()));
        Requester { principal, scopes }
    }

    /// CVE-2025-23208: who was taken out of a group kept its rights. Here rights come from the facts of the request; a
    /// token that is still good remembers none.
    #[test]
    fn a_right_that_is_taken_away_is_gone_at_once() {
        use ProjectRole::{Developer, Guest};
        let app = name("team/app");
        let may = |principal, is_public, role| {
            let requester = with_token(principal, "repository:team/app:pull,push");
            let object = Object::Repository(facts(is_public, role), &app);
            [Permission::PULL, Permission::PUSH]
                .map(|permission| requester.may(&object, permission))
        };
        assert_eq!(may(user(false), false, Some(Developer)), [true, true]);
        assert_eq!(
            may(user(false), false, Some(Guest)),
            [true, false],
            "a lesser role"
        );
        assert_eq!(
            may(user(false), false, None),
            [false, false],
            "no member any more"
        );
        assert_eq!(
            may(user(false), true, None),
            [true, false],
            "nor in a public project"
        );
        assert_eq!(may(user(true), false, None), [true, true]);
        let push = &["repository:push"][..];
        assert_eq!(may(robot(OURS, push), false, None), [true, true]);
        assert_eq!(
            may(robot(OURS, &["tag:list"]), false, None),
            [false, false],
            "other grants"
        );
        assert_eq!(
            may(robot(THEIRS, push), false, None),
            [false, false],
            "a foreign project"
        );
    }

    #[test]
    fn a_token_narrows_and_never_adds() {
        let (app, other) = (name("team/app"), name("team/other"));
        let facts = facts(false, Some(ProjectRole::Developer));
        let project = Object::Project(facts);
        let app = Object::Repository(facts, &app);
        let other = Object::Repository(facts, &other);
        let (pull, push) = ("repository:pull", "repository:push");
        let table = [
            ("repository:team/app:pull", app, pull, true),
            ("repository:team/app:pull", app, push, false),
            ("repository:team/app:pull,push", app, push, true),
            ("repository:team/app:push", app, pull, false),
            ("repository:team/app:pull", other, pull, false),
            (
                "repository:team/other:pull repository:team/app:push",
                other,
                push,
                false,
            ),
            ("repository(plugin):team/app:pull", app, pull, true),
            ("repository:team:pull", app, pull, false),
            ("repository:team/app/:pull", app, pull, false),
            ("repository:Team/app:pull", app, pull, false),
            (
                "repository:host.example:5000/team/app:pull",
                app,
                pull,
                false,
            ),
            ("registry:team/app:pull", app, pull, false),
            ("registry:catalog:*", app, pull, false),
            ("repository:team/app:*", app, push, false),
            // A developer may not delete, whatever the token says.
            ("repository:team/app:delete", app, "artifact:delete", false),
            // A token opens nothing of the management API.
            (
                "repository:team/app:pull,push,delete",
                app,
                "artifact:list",
                false,
            ),
            ("repository:team/app:pull", project, pull, false),
            ("", app, pull, false),
        ];
        for (scope, object, text, expected) in table {
            let may = with_token(user(false), scope).may(&object, permission(text));
            assert_eq!(may, expected, "{scope} {object:?} {text}");
        }
        let without = Requester {
            principal: user(false),
            scopes: None,
        };
        assert!(without.may(&app, permission("artifact:list")));
        assert!(!without.may(&app, permission("artifact:delete")));
    }

    #[test]
    fn a_token_narrows_the_administrator_too() {
        let app = name("team/app");
        let app = Object::Repository(facts(false, None), &app);
        let requester = with_token(user(true), "registry:catalog:*");
        assert!(requester.may(&Object::System, permission("catalog:read")));
        assert!(!requester.may(&Object::System, permission("user:list")));
        assert!(!requester.may(&app, Permission::PULL));
        let requester = with_token(user(true), "repository:team/app:pull registry:catalog:pull");
        assert!(requester.may(&app, Permission::PULL));
        assert!(!requester.may(&app, Permission::PUSH));
        assert!(!requester.may(&Object::System, permission("catalog:read")));
        assert!(!requester.may(&Object::System, Permission::PULL));
    }

    /// `nginx` in a path is `library/nginx`, and so it is in a scope; the rights are those in that project.
    #[test]
    fn a_short_name_in_a_scope_is_the_same_repository() {
        let (short, full) = (name("nginx"), name("library/nginx"));
        let object = Object::Repository(facts(true, None), &short);
        let granted = Principal::Anonymous.grant("repository:nginx:pull".parse().unwrap(), &object);
        let scopes = TokenScopes::new(granted.into_iter().collect());
        for name in [&short, &full] {
            let object = Object::Repository(facts(true, None), name);
            assert!(scopes.permit(&object, Permission::PULL));
        }
    }

    #[test]
    fn a_token_is_given_for_what_somebody_may_of_what_he_asked_for() {
        use ProjectRole::{Developer, Guest, Maintainer};
        let app = name("team/app");
        let object = |is_public, role| Object::Repository(facts(is_public, role), &app);
        let (private, public) = (object(false, None), object(true, None));
        let member = |role| object(false, Some(role));
        let (me, root) = (user(false), user(true));
        let nobody = Principal::Anonymous;
        let catalog = "registry:catalog:*";
        let pull = "repository:team/app:pull";
        let both = "repository:team/app:pull,push";
        let every = "repository:team/app:*";
        let table = [
            (&me, member(Developer), both, "pull,push"),
            (
                &me,
                member(Developer),
                "repository:team/app:pull,push,delete",
                "pull,push",
            ),
            (&me, member(Developer), pull, "pull"),
            (&me, member(Guest), both, "pull"),
            (&me, member(Maintainer), every, "pull,push,delete"),
            (&me, private, pull, ""),
            (&me, member(Developer), "repository:team/other:pull", ""),
            (&me, member(Developer), "kubernetes:team/app:pull", ""),
            (&me, member(Developer), catalog, ""),
            (&me, Object::System, catalog, ""),
            (&root, Object::System, catalog, "*"),
            (&root, Object::System, "registry:catalog:pull", ""),
            (&root, Object::System, pull, ""),
            (&nobody, public, both, "pull"),
            (&nobody, private, pull, ""),
            (
                &robot(OURS, &["repository:push"]),
                private,
                every,
                "pull,push",
            ),
            (&robot(OURS, &["artifact:delete"]), private, every, "delete"),
            (
                &robot(OURS, &["tag:create", "artifact:create"]),
                private,
                every,
                "",
            ),
            (&robot(THEIRS, &["repository:push"]), private, every, ""),
        ];
        for (principal, object, asked, given) in table {
            let granted = principal.grant(asked.parse().unwrap(), &object);
            let granted = granted.map(|scope| scope.to_string()).unwrap_or_default();
            let actions = granted.rsplit(':').next().unwrap();
            assert_eq!(actions, given, "{principal:?} {object:?} {asked}");
        }
    }
}
