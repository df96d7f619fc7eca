//! Every operation of the docker side as one method of [`Engine`], with events; no terminal, no HTTP.
//!
//! The command line and the Engine API are thin doors onto this crate: they turn words into requests and
//! results into text. Local operations are plain functions; what talks to registries is async, and the one bridge
//! between the two worlds is `blocking.rs`.

mod blocking;
mod builds;
mod containers;
mod engine;
mod error;
mod images;
mod intake;
mod local_endpoint;
mod owners;
mod registry;
mod registry_endpoint;
mod system;
mod telling;

pub use builds::{
    AnnotationPlace, ArchiveTarget, Attestations, BuildFailure, BuildOutcome, BuildRequest,
    BuildSecrets, BuildSink, BuiltImage, CacheMount, CacheMountFilter, CacheMountReport,
    CachePlace, CacheSource, CacheTarget, ContextSource, DebugFailure, DebugTerminal,
    DockerfileSource, FilesPlace, FilesTarget, ImageAnnotation, ImageAnnotationError, ImageShape,
    ImageTarget, LayerCompression, NamedContext, ProvenanceOptions, RunSettings,
    SECRET_LIMIT_BYTES, SecretSource,
};
pub use containers::{
    BindOptions, ChangeKind, CommitRequest, Container, ContainerConfig, ContainerFiles,
    ContainerNetwork, ContainerRecord, ContainerStats, CreateRequest, DeviceMapping, DeviceRequest,
    EndpointConfig, ExecRequest, HostConfig, LogConfig, MountConfig, MountPoint, Network,
    NetworkPlace, NetworkRequest, PathStat, PortPlace, RestartPolicyConfig, StepConnection,
    StepRequest, ThrottleDevice, TmpfsOptions, UlimitConfig, UpdateRequest, Volume, VolumeOptions,
    WeightDevice, described_volume, machine_memory, parse_size, volume_bytes,
};
pub use engine::{Engine, EngineSettings, MonitorProgram};
pub use error::EngineError;
pub use images::{
    HistoryRow, ImageInspect, ImageTree, ImportRequest, LayoutChoice, LoadInput, LoadRequest,
    LoadedImage, PlatformImage, PullOutcome, PullRequest, PullStatus, PushOutcome, PushRequest,
    SaveRequest,
};

pub use owners::{Caller, StoreUse};
pub use registry::{
    Annotation, AnnotationError, AttestationKind, ComposeRequest, ComposeSource,
    ComposeSourceError, Composed, ImageManifest, ListMode, ManifestListError, ManifestLists,
    PlatformChange, RegistryImage, RegistryManifest, SourceDescriptor, manifest_list_document,
};
pub use wharf_transfer::{ErrorKind, EventSink, LayerProgress, TransferEvent};
