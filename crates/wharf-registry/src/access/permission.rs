//! What can be done, and to what, in Harbor's words (`src/common/rbac/const.go`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is none of the words of a [`Resource`] or an [`Action`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not known; GET /api/v2.0/permissions lists what there is")]
pub struct UnknownWord {
    kind: &'static str,
    text: String,
}

/// An enumeration whose variants are words on the wire and in the database.
macro_rules! words {
    ($(#[$attribute:meta])* $name:ident ($kind:literal) { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| UnknownWord { kind: $kind, text: text.chars().take(64).collect() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What something is done to.
    ///
    /// The same word means one thing in a project and another in the system: `label` the labels of a project or those for
    /// all projects, `project` a project itself or the list of them. [`Object`](super::Object) tells them apart.
    Resource("resource") {
        /// Signatures, SBOMs and the like, which belong to another artifact.
        Accessory = "accessory",
        /// What a manifest describes.
        Artifact = "artifact",
        /// Build history and other things read from an artifact.
        ArtifactAddition = "artifact-addition",
        /// A label on an artifact.
        ArtifactLabel = "artifact-label",
        /// The log of the whole system.
        AuditLog = "audit-log",
        /// The list of all repositories, `/v2/_catalog`.
        Catalog = "catalog",
        /// The settings of a project or of the system.
        Configuration = "configuration",
        /// The export of found vulnerabilities.
        ExportCve = "export-cve",
        /// Runs of the garbage collection and their schedule.
        GarbageCollection = "garbage-collection",
        /// Rules that keep tags from being changed.
        ImmutableTag = "immutable-tag",
        /// Queues and schedules of jobs.
        JobserviceMonitor = "jobservice-monitor",
        /// Labels.
        Label = "label",
        /// Users of a directory.
        LdapUser = "ldap-user",
        /// The log of a project.
        Log = "log",
        /// The members of a project and their roles.
        Member = "member",
        /// What a project is set to, public or private among it.
        Metadata = "metadata",
        /// Webhooks.
        NotificationPolicy = "notification-policy",
        /// Where images are preheated.
        PreheatInstance = "preheat-instance",
        /// When images are preheated.
        PreheatPolicy = "preheat-policy",
        /// A project itself; in the system, the list of them. (Harbor writes an empty word for the former in its tables of
        /// roles, and `project` in those of robots.)
        Project = "project",
        /// The deletion of old log entries.
        PurgeAudit = "purge-audit",
        /// How much may be stored.
        Quota = "quota",
        /// Other registries, to copy from and to.
        Registry = "registry",
        /// Runs of replications.
        Replication = "replication",
        /// Kinds of other registries.
        ReplicationAdapter = "replication-adapter",
        /// Rules of replication.
        ReplicationPolicy = "replication-policy",
        /// Repositories, and pulling and pushing.
        Repository = "repository",
        /// Robot accounts.
        Robot = "robot",
        /// SBOMs, made or read.
        Sbom = "sbom",
        /// Scans of one artifact.
        Scan = "scan",
        /// Scans of everything.
        ScanAll = "scan-all",
        /// Scanners.
        Scanner = "scanner",
        /// Vulnerabilities over all projects.
        SecurityHub = "security-hub",
        /// How much storage is left.
        SystemVolumes = "system-volumes",
        /// Tags.
        Tag = "tag",
        /// Rules that delete old tags.
        TagRetention = "tag-retention",
        /// Users.
        User = "user",
        /// Groups of users.
        UserGroup = "user-group",
    }
}

words! {
    /// What is done.
    Action("action") {
        /// Making a new one.
        Create = "create",
        /// Removing one.
        Delete = "delete",
        /// Reading all there are.
        List = "list",
        /// Running a rule.
        Operate = "operate",
        /// Reading manifests and blobs of a repository.
        Pull = "pull",
        /// Writing manifests, blobs and tags of a repository; a tag that exists is moved.
        Push = "push",
        /// Reading one.
        Read = "read",
        /// Pulling although a rule of the project forbids it. For the robot of a scanner; nobody else has it.
        ScannerPull = "scanner-pull",
        /// Ending something that runs.
        Stop = "stop",
        /// Changing one.
        Update = "update",
    }
}

/// An action on a resource: `repository:pull`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Permission {
    /// To what.
    pub resource: Resource,
    /// What.
    pub action: Action,
}

impl Permission {
    /// Reading a repository over the distribution protocol.
    pub const PULL: Self = Self::new(Resource::Repository, Action::Pull);
    /// Writing to a repository over the distribution protocol. Moving a tag that exists needs this one: `tag:create` and
    /// `artifact:create` are for new names only.
    pub const PUSH: Self = Self::new(Resource::Repository, Action::Push);

    /// `action` on `resource`.
    pub const fn new(resource: Resource, action: Action) -> Self {
        Self { resource, action }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

/// Rows of a table of permissions: a resource, and what can be done to it.
pub(super) type Rows = &'static [(Resource, &'static [Action])];

/// The permissions of a table, one after the other.
pub(super) fn permissions(rows: Rows) -> impl Iterator<Item = Permission> {
    rows.iter().flat_map(|(resource, actions)| {
        actions
            .iter()
            .map(|action| Permission::new(*resource, *action))
    })
}

/// What a robot can be given in the system, in Harbor's order.
pub fn system_permissions() -> impl Iterator<Item = Permission> {
    permissions(SYSTEM)
}

/// What a robot can be given in a project, in Harbor's order.
pub fn project_permissions() -> impl Iterator<Item = Permission> {
    permissions(PROJECT)
}

// Harbor 2.15, `src/common/rbac/const.go`: `PoliciesMap`, and below it what `NolimitProvider` adds.
const SYSTEM: Rows = {
    use Action::{Create, Delete, List, Read, Stop, Update};
    &[
        (Resource::AuditLog, &[List]),
        (
            Resource::PreheatInstance,
            &[Read, Create, Delete, List, Update],
        ),
        (Resource::Project, &[List, Create]),
        (
            Resource::ReplicationPolicy,
            &[Read, Create, Delete, List, Update],
        ),
        (Resource::Replication, &[Read, Create, List]),
        (Resource::ReplicationAdapter, &[List]),
        (Resource::Registry, &[Read, Create, Delete, List, Update]),
        (Resource::ScanAll, &[Read, Update, Stop, Create]),
        (Resource::SystemVolumes, &[Read]),
        (
            Resource::GarbageCollection,
            &[Read, Create, List, Update, Stop],
        ),
        (Resource::PurgeAudit, &[Read, Create, List, Update, Stop]),
        (Resource::JobserviceMonitor, &[List, Stop]),
        (Resource::Scanner, &[Read, Create, Delete, List, Update]),
        (Resource::Label, &[Read, Create, Delete, Update]),
        (Resource::SecurityHub, &[Read, List]),
        (Resource::Catalog, &[Read]),
        (Resource::Quota, &[Read, List]),
        (Resource::Robot, &[Create, Read, List, Delete]),
        (Resource::User, &[Create, Read, Update, List, Delete]),
        (Resource::LdapUser, &[Create, List]),
        (Resource::Quota, &[Update]),
        (Resource::UserGroup, &[Create, Read, Update, List, Delete]),
    ]
};

const PROJECT: Rows = {
    use Action::{Create, Delete, List, Pull, Push, Read, Stop, Update};
    &[
        (Resource::Log, &[List]),
        (Resource::Project, &[Read, Delete, Update]),
        (Resource::Metadata, &[Read, Create, Delete, List, Update]),
        (
            Resource::Repository,
            &[Read, Update, Delete, List, Pull, Push],
        ),
        (Resource::Artifact, &[Read, Create, List, Delete]),
        (Resource::Scan, &[Create, Read, Stop]),
        (Resource::Sbom, &[Create, Stop, Read]),
        (Resource::Tag, &[Create, List, Delete]),
        (Resource::Accessory, &[List]),
        (Resource::ArtifactAddition, &[Read]),
        (Resource::ArtifactLabel, &[Create, Delete]),
        (Resource::Scanner, &[Create, Read]),
        (
            Resource::PreheatPolicy,
            &[Read, Create, Delete, List, Update],
        ),
        (Resource::ImmutableTag, &[Create, Delete, List, Update]),
        (
            Resource::NotificationPolicy,
            &[Read, Create, Delete, List, Update],
        ),
        (
            Resource::TagRetention,
            &[Read, Create, Delete, List, Update],
        ),
        (Resource::Label, &[Read, Create, Delete, List, Update]),
        (Resource::Quota, &[Read]),
        (Resource::Robot, &[Create, Read, List, Delete]),
        (Resource::ExportCve, &[Create, Read]),
        (Resource::Member, &[Create, Read, Update, List, Delete]),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for resource in Resource::ALL {
            assert_eq!(resource.to_string().parse(), Ok(*resource));
            let json = serde_json::to_string(resource).unwrap();
            assert_eq!(json, format!("\"{resource}\""));
        }
        for action in Action::ALL {
            assert_eq!(action.to_string().parse(), Ok(*action));
            let json = serde_json::to_string(action).unwrap();
            assert_eq!(json, format!("\"{action}\""));
        }
        for bad in ["", "*", "Repository", "repositories", "repository "] {
            assert!(bad.parse::<Resource>().is_err(), "{bad:?}");
        }
        for bad in ["", "*", "PULL", "write"] {
            assert!(bad.parse::<Action>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_word_of_any_length_makes_a_short_error() {
        let error = "é".repeat(100_000).parse::<Action>().unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
    }

    #[test]
    fn a_permission_is_an_object_on_the_wire() {
        let json = serde_json::to_string(&Permission::PULL).unwrap();
        assert_eq!(json, r#"{"resource":"repository","action":"pull"}"#);
        assert_eq!(
            serde_json::from_str::<Permission>(&json).unwrap(),
            Permission::PULL
        );
        assert_eq!(Permission::PULL.to_string(), "repository:pull");
    }

    #[test]
    fn robots_can_be_given_what_harbor_lets_them_have() {
        let system: Vec<_> = system_permissions().collect();
        let project: Vec<_> = project_permissions().collect();
        for list in [&system, &project] {
            let distinct: BTreeSet<_> = list.iter().collect();
            assert_eq!((list.len(), distinct.len()), (70, 70));
            // Nobody may pull past the rules of a project because an administrator ticked a box.
            assert!(
                !list
                    .iter()
                    .any(|permission| permission.action == Action::ScannerPull)
            );
        }
        let texts = |list: &[Permission]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            texts(&system)[..3],
            [
                "audit-log:list",
                "preheat-instance:read",
                "preheat-instance:create"
            ]
        );
        assert_eq!(
            texts(&project)[..3],
            ["log:list", "project:read", "project:delete"]
        );
        // No robot can change another robot, and so none can give itself more.
        for list in [system, project] {
            assert!(!list.contains(&Permission::new(Resource::Robot, Action::Update)));
        }
    }
}
