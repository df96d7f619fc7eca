//! What lists show to whom.

use crate::access::{Action, GrantScope, Object, Permission, Principal, Resource};
use crate::db::repositories::Audience;

impl Principal {
    /// Whose projects a list of repositories is made of for this principal.
    pub(crate) fn audience(&self) -> Audience {
        const CATALOG: Permission = Permission::new(Resource::Catalog, Action::Read);
        if self.may(&Object::System, CATALOG) {
            return Audience::Everything;
        }
        match self {
            Self::Anonymous => Audience::Public,
            Self::User { id, .. } => Audience::Member(*id),
            Self::Robot(robot) => {
                let scopes = || robot.grants.iter().map(|grant| grant.scope);
                if robot.project.is_none() && scopes().any(|scope| scope == GrantScope::Projects) {
                    return Audience::Everything;
                }
                let projects = scopes().filter_map(|scope| match scope {
                    GrantScope::Project(project) => Some(project),
                    GrantScope::System | GrantScope::Projects => None,
                });
                Audience::Projects(projects.collect())
            }
        }
    }
}
