//! The tools under test: what each needs to start with an empty store, and its commands for each operation.

mod buildah;
mod buildkit;
mod dockerd;
mod podman;
mod ruler;
mod session;
mod skopeo;
mod wharf;

pub(crate) use session::{
    ArchiveFormat, BuildOrder, CONTAINER_TOOLS, IMAGE_TOOLS, Operation, Session, Tool, User,
    installed,
};
