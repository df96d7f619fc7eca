//! The tools under test: what each needs to start with an empty store, and its commands for each operation.

mod dockerd;
mod podman;
mod ruler;
mod session;
mod skopeo;
mod wharf;

pub(crate) use session::{ArchiveFormat, Operation, Session, Tool, User, all_tools};
