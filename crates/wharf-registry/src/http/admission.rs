//! Who may come in: what a handler says in its signature that its caller must be allowed.
//!
//! A handler whose second parameter is `Allowed<InRepository, Push>` cannot be called without that right, and the table of
//! routes reads from the same type what the test of every route has to expect.

use std::marker::PhantomData;
use std::ops::Deref;

use super::call::Call;
use super::challenge::{denied, insufficient_scope, not_signed_in};
use super::error::HttpError;
use crate::access::{self, Action, Permission, Principal, Requester, Resource};
use crate::db::projects::Project;
use crate::error::RegistryError;
use crate::repositories::RepositoryName;

/// What a route asks of its caller, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Nothing; credentials are not even looked at.
    Open,
    /// Nothing; what is answered depends on who asks.
    Optional,
    /// To be somebody.
    SignedIn,
    /// A right on the object that the path names.
    On {
        /// What kind of object.
        object: ObjectKind,
        /// Which right.
        permission: Permission,
    },
}

/// What a right is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// A repository, and so its project: the path's `name`.
    Repository,
    /// A project: the path's `project`.
    Project,
    /// The whole registry.
    System,
}

/// Something that a handler may ask for.
pub(crate) trait Admission: Sized + Send + 'static {
    /// The same as data.
    const REQUIREMENT: Requirement;

    /// Lets the caller in, or says why not.
    fn admit(call: &Call) -> impl Future<Output = Result<Self, HttpError>> + Send;
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Everybody;

/// Whoever it is: credentials are looked at, and none are needed.
#[derive(Debug)]
pub(crate) struct Optional;

/// Somebody who is known.
#[derive(Debug)]
pub(crate) struct SignedIn;

/// Who has the right `P` on the object `O` that the path names. Derefs to the object.
#[derive(Debug)]
pub(crate) struct Allowed<O, P> {
    object: O,
    right: PhantomData<P>,
}

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
}

/// The whole registry.
#[derive(Debug)]
pub(crate) struct OnSystem;

/// An object that rights are on.
pub(crate) trait Object: Sized + Send + Sync + 'static {
    /// The same as data.
    const KIND: ObjectKind;

    /// Finds the object of the path and sees that the caller has the right on it.
    fn find(
        call: &Call,
        permission: Permission,
    ) -> impl Future<Output = Result<Self, HttpError>> + Send;
}

/// A right, as a type.
pub(crate) trait Right: Send + Sync + 'static {
    /// The right.
    const PERMISSION: Permission;
}

macro_rules! rights {
    ($($(#[$about:meta])* $name:ident = $resource:ident $action:ident;)*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Right for $name {
            const PERMISSION: Permission = Permission::new(Resource::$resource, Action::$action);
        }
    )*};
}

rights! {
    /// Reading manifests and blobs.
    Pull = Repository Pull;
    /// Writing manifests, blobs and tags.
    Push = Repository Push;
    /// Removing manifests, tags and blobs.
    DeleteArtifact = Artifact Delete;
    /// Reading how much room storage has.
    ReadVolumes = SystemVolumes Read;
    /// Reading what a project is.
    ReadProject = Project Read;
}

impl Admission for Everybody {
    const REQUIREMENT: Requirement = Requirement::Open;

    async fn admit(_call: &Call) -> Result<Self, HttpError> {
        Ok(Self)
    }
}

impl Admission for Optional {
    const REQUIREMENT: Requirement = Requirement::Optional;

    async fn admit(_call: &Call) -> Result<Self, HttpError> {
        Ok(Self)
    }
}

impl Admission for SignedIn {
    const REQUIREMENT: Requirement = Requirement::SignedIn;

    async fn admit(call: &Call) -> Result<Self, HttpError> {
        if is_anonymous(call) {
            return Err(not_signed_in(call, None));
        }
        Ok(Self)
    }
}

impl<O: Object, P: Right> Admission for Allowed<O, P> {
    const REQUIREMENT: Requirement = Requirement::On {
        object: O::KIND,
        permission: P::PERMISSION,
    };

    async fn admit(call: &Call) -> Result<Self, HttpError> {
        Ok(Self {
            object: O::find(call, P::PERMISSION).await?,
            right: PhantomData,
        })
    }
}

impl<O, P> Deref for Allowed<O, P> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.object
    }
}

impl Object for InRepository {
    const KIND: ObjectKind = ObjectKind::Repository;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        let name = RepositoryName::parse(call.parts.get("name"))?;
        let unknown = RegistryError::NameUnknown {
            name: call.parts.get("name").to_owned(),
        };
        let project = permitted(call, name.project(), Some(&name), permission, unknown).await?;
        Ok(Self { name, project })
    }
}

impl Object for InProject {
    const KIND: ObjectKind = ObjectKind::Project;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        let wanted = call.parts.get("project");
        let unknown = RegistryError::NotFound {
            what: format!("project {wanted}"),
        };
        let project = permitted(call, wanted, None, permission, unknown).await?;
        Ok(Self { project })
    }
}

impl Object for OnSystem {
    const KIND: ObjectKind = ObjectKind::System;

    async fn find(call: &Call, permission: Permission) -> Result<Self, HttpError> {
        if call.requester.may(&access::Object::System, permission) {
            Ok(Self)
        } else if is_anonymous(call) {
            Err(not_signed_in(call, Some(permission)))
        } else {
            Err(denied(permission))
        }
    }
}

/// The project `wanted`, if the caller has the right on it, or on its repository `name`. Who may not even read it is told the
/// same as if it were not there.
async fn permitted(
    call: &Call,
    wanted: &str,
    name: Option<&RepositoryName>,
    permission: Permission,
    unknown: RegistryError,
) -> Result<Project, HttpError> {
    let standing = call.registry.standing(call.principal(), wanted).await?;
    if let Some(standing) = standing {
        if standing.may(&call.requester, name, permission) {
            return Ok(standing.project);
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

fn is_anonymous(call: &Call) -> bool {
    matches!(call.principal(), Principal::Anonymous)
}
