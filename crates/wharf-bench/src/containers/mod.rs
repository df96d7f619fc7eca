//! How containers start and images are built, beside Docker, Podman, Buildah and BuildKit.

mod bench;
mod builds;
mod projects;
mod runs;

pub(crate) use bench::{Case, ContainerArguments, run};
pub(crate) use builds::subjects as build_subjects;
pub(crate) use runs::subjects as run_subjects;
