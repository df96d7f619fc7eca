//! Rights as types.

use super::admit::Right;
use crate::access::{Action, Permission, Resource};

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
    /// Seeing which repositories there are.
    ListRepositories = Repository List;
    /// Reading what a repository is.
    ReadRepository = Repository Read;
    /// Describing a repository.
    UpdateRepository = Repository Update;
    /// Removing a repository with everything in it.
    DeleteRepository = Repository Delete;
    /// Seeing which artifacts there are.
    ListArtifacts = Artifact List;
    /// Reading what an artifact is.
    ReadArtifact = Artifact Read;
    /// Copying an artifact to a repository.
    CreateArtifact = Artifact Create;
    /// Removing manifests, tags and blobs.
    DeleteArtifact = Artifact Delete;
    /// Reading what belongs to an artifact: its history.
    ReadAddition = ArtifactAddition Read;
    /// Seeing signatures, SBOMs and the like.
    ListAccessories = Accessory List;
    /// Seeing tags.
    ListTags = Tag List;
    /// Giving an artifact another tag.
    CreateTag = Tag Create;
    /// Taking a tag away.
    DeleteTag = Tag Delete;
    /// Reading what a project is.
    ReadProject = Project Read;
    /// Changing what a project is.
    UpdateProject = Project Update;
    /// Removing a project.
    DeleteProject = Project Delete;
    /// Reading all that a project is set to.
    ListMetadata = Metadata List;
    /// Reading what a project is set to.
    ReadMetadata = Metadata Read;
    /// Setting for a project what was not set.
    CreateMetadata = Metadata Create;
    /// Changing what a project is set to.
    UpdateMetadata = Metadata Update;
    /// Taking a setting of a project back.
    DeleteMetadata = Metadata Delete;
    /// Reading the log of a project.
    ListLog = Log List;
    /// Seeing the members of a project.
    ListMembers = Member List;
    /// Reading one membership.
    ReadMember = Member Read;
    /// Making somebody a member.
    CreateMember = Member Create;
    /// Giving a member another role.
    UpdateMember = Member Update;
    /// Ending a membership.
    DeleteMember = Member Delete;
    /// Seeing robots.
    ListRobots = Robot List;
    /// Reading what a robot may do.
    ReadRobot = Robot Read;
    /// Making a robot.
    CreateRobot = Robot Create;
    /// Changing a robot or its secret.
    UpdateRobot = Robot Update;
    /// Removing a robot.
    DeleteRobot = Robot Delete;
    /// Seeing all users.
    ListUsers = User List;
    /// Reading what a user is.
    ReadUser = User Read;
    /// Making a user.
    CreateUser = User Create;
    /// Changing what a user is called.
    UpdateUser = User Update;
    /// Removing a user.
    DeleteUser = User Delete;
    /// Reading the settings of the system.
    ReadConfiguration = Configuration Read;
    /// Changing the settings of the system.
    UpdateConfiguration = Configuration Update;
    /// Seeing which rounds the collector made.
    ListGarbageRuns = GarbageCollection List;
    /// Reading what a round of the collector did.
    ReadGarbageRun = GarbageCollection Read;
    /// Asking the collector for a round.
    CreateGarbageRun = GarbageCollection Create;
    /// Reading how much room storage has.
    ReadVolumes = SystemVolumes Read;
}
