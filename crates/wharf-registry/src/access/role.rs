//! Harbor's five roles in a project, and what each of them may do (`src/common/rbac/project/rbac_role.go`).

use std::fmt;

use super::permission::{Action, Permission, Resource, Rows};

/// What somebody is in a project. The numbers are Harbor's, in its API and in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProjectRole {
    /// May do everything in the project.
    ProjectAdmin = 1,
    /// May read and write.
    Developer = 2,
    /// May read.
    Guest = 3,
    /// May read, write, delete and scan.
    Maintainer = 4,
    /// May read images, but not who else is a member.
    LimitedGuest = 5,
}

impl ProjectRole {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 5] = [
        Self::ProjectAdmin,
        Self::Maintainer,
        Self::Developer,
        Self::Guest,
        Self::LimitedGuest,
    ];

    /// The role with this number.
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// The role's number: `role_id`.
    pub fn id(self) -> i64 {
        i64::from(self as u8)
    }

    /// The role's name: `role_name`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProjectAdmin => "projectAdmin",
            Self::Developer => "developer",
            Self::Guest => "guest",
            Self::Maintainer => "maintainer",
            Self::LimitedGuest => "limitedGuest",
        }
    }

    /// Whether a member with this role may do `permission` in the project.
    pub fn allows(self, permission: Permission) -> bool {
        contains(self.rows(), permission)
    }

    fn rows(self) -> Rows {
        match self {
            Self::ProjectAdmin => PROJECT_ADMIN,
            Self::Developer => DEVELOPER,
            Self::Guest => GUEST,
            Self::Maintainer => MAINTAINER,
            Self::LimitedGuest => LIMITED_GUEST,
        }
    }
}

impl fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether everybody may do `permission` in a public project, without being a member or logged in
/// (`publicProjectPolicies`).
pub fn everybody_may_in_public(permission: Permission) -> bool {
    contains(PUBLIC, permission)
}

/// Whether an administrator of the system may do `permission`, in every project and in the system: everything but
/// [`Action::ScannerPull`], because the rules of a project bind the administrator too.
pub fn administrator_may(permission: Permission) -> bool {
    permission.action != Action::ScannerPull
}

fn contains(rows: Rows, permission: Permission) -> bool {
    rows.iter().any(|(resource, actions)| {
        *resource == permission.resource && actions.contains(&permission.action)
    })
}

use Action::{Create, Delete, List, Operate, Pull, Push, Read, Stop, Update};

const PROJECT_ADMIN: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Create, Read, Delete, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::ArtifactLabel, &[Create, Delete]),
    (Resource::Configuration, &[Read, Update]),
    (Resource::ExportCve, &[Create, Read, List]),
    (Resource::ImmutableTag, &[Create, Update, Delete, List]),
    (Resource::Label, &[Create, Read, Update, Delete, List]),
    (Resource::Log, &[List]),
    (Resource::Member, &[Create, Read, Update, Delete, List]),
    (Resource::Metadata, &[Create, Read, Update, Delete]),
    (
        Resource::NotificationPolicy,
        &[Create, Update, Delete, List, Read],
    ),
    (
        Resource::PreheatPolicy,
        &[Create, Read, Update, Delete, List],
    ),
    (Resource::Project, &[Read, Update, Delete]),
    (Resource::Quota, &[Read]),
    (
        Resource::Repository,
        &[Create, Read, Update, Delete, List, Pull, Push],
    ),
    (Resource::Robot, &[Create, Read, Update, Delete, List]),
    (Resource::Sbom, &[Create, Stop, Read]),
    (Resource::Scan, &[Create, Read, Stop]),
    (Resource::Scanner, &[Read, Create]),
    (Resource::Tag, &[List, Create, Delete]),
    (
        Resource::TagRetention,
        &[Create, Read, Update, Delete, List, Operate],
    ),
];

const MAINTAINER: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Create, Read, Delete, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::ArtifactLabel, &[Create, Delete]),
    (Resource::Configuration, &[Read]),
    (Resource::ExportCve, &[Create, Read, List]),
    (Resource::ImmutableTag, &[Create, Update, Delete, List]),
    (Resource::Label, &[Create, Read, Update, Delete, List]),
    (Resource::Member, &[Read, List]),
    (Resource::Metadata, &[Read]),
    (Resource::NotificationPolicy, &[Read, List]),
    (Resource::Project, &[Read]),
    (Resource::Quota, &[Read]),
    (
        Resource::Repository,
        &[Create, Read, Update, Delete, List, Push, Pull],
    ),
    (Resource::Robot, &[Read, List]),
    (Resource::Sbom, &[Create, Stop, Read]),
    (Resource::Scan, &[Create, Read, Stop]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List, Create, Delete]),
    (
        Resource::TagRetention,
        &[Create, Read, Update, Delete, List, Operate],
    ),
];

const DEVELOPER: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Create, Read, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::ArtifactLabel, &[Create, Delete]),
    (Resource::Configuration, &[Read]),
    (Resource::ExportCve, &[Create, Read, List]),
    (Resource::Label, &[Read, List]),
    (Resource::Member, &[Read, List]),
    (Resource::Project, &[Read]),
    (Resource::Quota, &[Read]),
    (
        Resource::Repository,
        &[Create, Read, Update, List, Push, Pull],
    ),
    (Resource::Robot, &[Read, List]),
    (Resource::Sbom, &[Read]),
    (Resource::Scan, &[Read]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List, Create]),
    (
        Resource::TagRetention,
        &[Create, Read, Update, Delete, List, Operate],
    ),
];

const GUEST: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Read, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::Configuration, &[Read]),
    (Resource::Label, &[Read, List]),
    (Resource::Member, &[Read, List]),
    (Resource::Project, &[Read]),
    (Resource::Quota, &[Read]),
    (Resource::Repository, &[Read, List, Pull]),
    (Resource::Robot, &[Read, List]),
    (Resource::Sbom, &[Read]),
    (Resource::Scan, &[Read]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List]),
];

const LIMITED_GUEST: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Read, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::Configuration, &[Read]),
    (Resource::Project, &[Read]),
    (Resource::Quota, &[Read]),
    (Resource::Repository, &[List, Read, Pull]),
    (Resource::Sbom, &[Read]),
    (Resource::Scan, &[Read]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List]),
];

const PUBLIC: Rows = &[
    (Resource::Accessory, &[List]),
    (Resource::Artifact, &[Read, List]),
    (Resource::ArtifactAddition, &[Read]),
    (Resource::Label, &[Read, List]),
    (Resource::Project, &[Read]),
    // Harbor has no `Read` here, and so shows everybody the list with all that is in it, but not one entry of it.
    (Resource::Repository, &[List, Read, Pull]),
    (Resource::Scan, &[Read]),
    (Resource::Scanner, &[Read]),
    (Resource::Tag, &[List]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What Harbor's documentation says of its roles ("User Permissions By Role"), as the permission that its API asks
    /// for. Columns: limited guest, guest, developer, maintainer, project admin.
    const DOCUMENTED: &[(&str, &str, &str)] = &[
        // (what the documentation calls it, permission, who)
        (
            "see the project configurations",
            "configuration:read",
            "LGDMA",
        ),
        ("see the project", "project:read", "LGDMA"),
        (
            "edit the project configurations",
            "configuration:update",
            "----A",
        ),
        (
            "edit the project configurations",
            "metadata:update",
            "----A",
        ),
        (
            "edit the project configurations",
            "metadata:create",
            "----A",
        ),
        (
            "edit the project configurations",
            "metadata:delete",
            "----A",
        ),
        ("edit the project configurations", "project:update", "----A"),
        ("see a list of project members", "member:list", "-GDMA"),
        ("create project members", "member:create", "----A"),
        ("edit project members", "member:update", "----A"),
        ("delete project members", "member:delete", "----A"),
        ("create project labels", "label:create", "---MA"),
        ("edit project labels", "label:update", "---MA"),
        ("delete project labels", "label:delete", "---MA"),
        ("see a list of repositories", "repository:list", "LGDMA"),
        ("create repositories", "repository:create", "--DMA"),
        ("delete repositories", "repository:delete", "---MA"),
        ("see a list of images", "artifact:list", "LGDMA"),
        ("see a list of images", "tag:list", "LGDMA"),
        ("pull image", "repository:pull", "LGDMA"),
        ("push image", "repository:push", "--DMA"),
        ("scan image", "scan:create", "---MA"),
        ("delete image", "artifact:delete", "---MA"),
        ("delete image", "tag:delete", "---MA"),
        ("edit scanners in projects", "scanner:create", "----A"),
        ("see a list of image vulnerabilities", "scan:read", "LGDMA"),
        (
            "create list of project vulnerabilities",
            "export-cve:create",
            "--DMA",
        ),
        (
            "read list of project vulnerabilities",
            "export-cve:read",
            "--DMA",
        ),
        ("see image build history", "artifact-addition:read", "LGDMA"),
        ("add labels of image", "artifact-label:create", "--DMA"),
        ("remove labels of image", "artifact-label:delete", "--DMA"),
        ("create project robots", "robot:create", "----A"),
        ("edit project robots", "robot:update", "----A"),
        ("delete project robots", "robot:delete", "----A"),
        ("view webhook events", "notification-policy:list", "---MA"),
        (
            "add new webhook events",
            "notification-policy:create",
            "----A",
        ),
        ("enable webhooks", "notification-policy:update", "----A"),
        (
            "create tag retention rules",
            "tag-retention:create",
            "--DMA",
        ),
        (
            "enable tag retention rules",
            "tag-retention:update",
            "--DMA",
        ),
        (
            "create tag immutability rules",
            "immutable-tag:create",
            "---MA",
        ),
        (
            "enable tag immutability rules",
            "immutable-tag:update",
            "---MA",
        ),
        ("see project quotas", "quota:read", "LGDMA"),
        ("edit project quotas", "quota:update", "-----"),
        ("delete project", "project:delete", "----A"),
        // Where Harbor's server and its documentation differ, the server's answer stands here.
        (
            "see a list of project logs: documented from guest on",
            "log:list",
            "----A",
        ),
        (
            "see a list of project labels: documented from maintainer on",
            "label:list",
            "-GDMA",
        ),
        (
            "see a list of project robots: documented from maintainer on",
            "robot:list",
            "-GDMA",
        ),
        (
            "edit repositories: documented from maintainer on",
            "repository:update",
            "--DMA",
        ),
        // What the documentation does not list.
        ("copy an image to the project", "artifact:create", "--DMA"),
        ("tag an image that is there", "tag:create", "--DMA"),
        ("see a member", "member:read", "-GDMA"),
        ("see one setting", "metadata:read", "---MA"),
        ("see all settings at once", "metadata:list", "-----"),
        ("see a repository", "repository:read", "LGDMA"),
        ("see signatures", "accessory:list", "LGDMA"),
        ("make an SBOM", "sbom:create", "---MA"),
        ("pull past the rules", "repository:scanner-pull", "-----"),
        // What is the system's, and no role's.
        ("see users", "user:list", "-----"),
        ("create users", "user:create", "-----"),
        ("create projects", "project:create", "-----"),
        ("collect garbage", "garbage-collection:create", "-----"),
        ("see the log of the system", "audit-log:list", "-----"),
        ("see all repositories", "catalog:read", "-----"),
    ];

    fn permission(text: &str) -> Permission {
        let (resource, action) = text.split_once(':').unwrap();
        Permission::new(resource.parse().unwrap(), action.parse().unwrap())
    }

    #[test]
    fn roles_may_do_what_harbor_documents() {
        use ProjectRole::{Developer, Guest, LimitedGuest, Maintainer, ProjectAdmin};
        let columns = [LimitedGuest, Guest, Developer, Maintainer, ProjectAdmin];
        for (what, text, who) in DOCUMENTED {
            let permission = permission(text);
            for (role, letter) in columns.iter().zip(who.chars()) {
                assert_eq!(
                    role.allows(permission),
                    letter != '-',
                    "{role}: {what} ({text})"
                );
            }
        }
    }

    #[test]
    fn each_role_may_do_what_the_lesser_ones_may() {
        for pair in ProjectRole::ALL.windows(2) {
            for resource in Resource::ALL {
                for action in Action::ALL {
                    let permission = Permission::new(*resource, *action);
                    let lesser = pair[1].allows(permission);
                    assert!(
                        !lesser || pair[0].allows(permission),
                        "{} may not {permission}",
                        pair[0]
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_but_reading_is_everybodys() {
        for resource in Resource::ALL {
            for action in Action::ALL {
                let permission = Permission::new(*resource, *action);
                if everybody_may_in_public(permission) {
                    assert!(matches!(action, Read | List | Pull), "{permission}");
                }
            }
        }
        for private in [
            "member:list",
            "log:list",
            "robot:list",
            "quota:read",
            "metadata:read",
        ] {
            assert!(!everybody_may_in_public(permission(private)), "{private}");
        }
        for public in [
            "project:read",
            "repository:list",
            "repository:pull",
            "artifact:read",
            "tag:list",
        ] {
            assert!(everybody_may_in_public(permission(public)), "{public}");
        }
    }

    /// CVE-2024-22278: a maintainer could change the metadata of a project, and so make it public.
    #[test]
    fn a_maintainer_cannot_change_what_a_project_is() {
        for text in [
            "metadata:create",
            "metadata:update",
            "metadata:delete",
            "project:update",
            "configuration:update",
        ] {
            assert!(!ProjectRole::Maintainer.allows(permission(text)), "{text}");
        }
    }

    #[test]
    fn the_tables_name_no_permission_twice() {
        for rows in [
            PROJECT_ADMIN,
            MAINTAINER,
            DEVELOPER,
            GUEST,
            LIMITED_GUEST,
            PUBLIC,
        ] {
            let all: Vec<_> = super::super::permission::permissions(rows).collect();
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(all.len(), distinct.len(), "{all:?}");
        }
    }

    #[test]
    fn the_sizes_of_the_tables_are_harbors() {
        let size = |rows| super::super::permission::permissions(rows).count();
        let sizes = ProjectRole::ALL.map(|role| size(role.rows()));
        assert_eq!(sizes, [75, 53, 36, 20, 14]);
        // Harbor's twelve, and the reading of a single repository.
        assert_eq!(size(PUBLIC), 13);
    }

    #[test]
    fn numbers_and_names_are_harbors() {
        let all = [
            (1, "projectAdmin"),
            (2, "developer"),
            (3, "guest"),
            (4, "maintainer"),
            (5, "limitedGuest"),
        ];
        for (id, name) in all {
            let role = ProjectRole::from_id(id).unwrap();
            assert_eq!((role.id(), role.name()), (id, name));
        }
        for none in [0, 6, -1, 256, 257, i64::MAX] {
            assert_eq!(ProjectRole::from_id(none), None, "{none}");
        }
    }

    #[test]
    fn an_administrator_may_do_all_but_pull_past_the_rules() {
        assert!(administrator_may(permission("user:delete")));
        assert!(administrator_may(permission("quota:update")));
        assert!(!administrator_may(permission("repository:scanner-pull")));
    }
}
