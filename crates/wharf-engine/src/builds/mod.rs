//! `build`: contexts, base images, and what becomes of the result. What a build does itself is `wharf-build`'s.

mod agent;
mod archive;
mod assemble;
mod bases;
mod build;
mod cache_export;
mod cache_import;
mod cache_mounts;
mod cache_records;
mod cache_store;
mod compare;
mod contents;
mod context;
mod debug_shell;
mod export;
mod fetched;
mod git;
mod image_target;
mod provenance;
mod prune;
mod record;
mod remote;
mod request;
mod run;
mod run_settings;
mod secrets;
mod statement_files;
mod step_folder;
mod step_mounts;
mod step_networks;

pub use archive::ArchiveTarget;
pub(crate) use bases::manifest_layers;
pub use cache_export::{CachePlace, CacheTarget};
pub use cache_import::CacheSource;
pub use cache_store::{CacheMount, CacheMountFilter, CacheMountReport};
pub use debug_shell::{DebugFailure, DebugTerminal};
pub use image_target::{
    AnnotationPlace, ImageAnnotation, ImageAnnotationError, ImageShape, ImageTarget,
    LayerCompression,
};
pub use provenance::{Attestations, ProvenanceOptions};
pub(crate) use record::manifest_of_layers;
pub use request::{
    BuildFailure, BuildOutcome, BuildRequest, BuildSink, BuiltImage, ContextSource,
    DockerfileSource, FilesPlace, FilesTarget, NamedContext,
};
pub use run_settings::RunSettings;
pub use secrets::{BuildSecrets, SECRET_LIMIT_BYTES, SecretSource};
