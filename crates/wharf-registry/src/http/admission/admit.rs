//! Admission: what a handler may ask for, as types and as data.

use std::marker::PhantomData;
use std::ops::Deref;

use super::objects::InProject;
use crate::access::{Permission, Principal};
use crate::http::call::Call;
use crate::http::challenge::{administrators_only, not_signed_in};
use crate::http::error::HttpError;
use crate::projects::ProjectKey;

/// What a route asks of its caller, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing; credentials are not even looked at.
    Open,
    /// Nothing; what is answered depends on who asks.
    Optional,
    /// To be somebody.
    SignedIn,
    /// To be an administrator of the system in person: no robot is.
    Administrator,
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
pub enum ObjectKind {
    /// A repository, and so its project: the path's `name`, or its `project` and `repository`.
    Repository,
    /// A project: the path's `project`.
    Project,
    /// The whole registry.
    System,
    /// A user, the path's `user`: the right is on the system, and everybody has it on himself.
    User,
    /// A robot, the path's `robot`: the right is on its project, or on the system for a robot of the system.
    Robot,
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

/// An administrator of the system.
#[derive(Debug)]
pub(crate) struct Administrator;

/// Who has the right `P` on the object `O` that the path names. Derefs to the object.
#[derive(Debug)]
pub(crate) struct Allowed<O, P> {
    object: O,
    right: PhantomData<P>,
}

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

impl Admission for Administrator {
    const REQUIREMENT: Requirement = Requirement::Administrator;

    async fn admit(call: &Call) -> Result<Self, HttpError> {
        if is_anonymous(call) {
            return Err(not_signed_in(call, None));
        }
        if !call.principal().is_sysadmin() {
            return Err(administrators_only());
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

impl<O: Object, P: Right> Allowed<O, P> {
    /// Admits a caller whose request says in its body what it is about.
    pub(crate) async fn find(call: &Call) -> Result<Self, HttpError> {
        Self::admit(call).await
    }
}

impl<P: Right> Allowed<InProject, P> {
    /// Admits a caller whose request says in its body which project it is about.
    pub(crate) async fn find_by(call: &Call, key: ProjectKey) -> Result<Self, HttpError> {
        Ok(Self {
            object: InProject::find_by(call, key, P::PERMISSION).await?,
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

pub(super) fn is_anonymous(call: &Call) -> bool {
    matches!(call.principal(), Principal::Anonymous)
}
