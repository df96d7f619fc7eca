//! Operations on containers, one file each, called by docker's words.

mod at_boot;
mod changes;
mod check;
mod commit;
mod config;
mod control;
mod create;
mod devices;
mod exec;
mod files;
mod half_made;
mod host_document;
mod inspect;
mod logs;
mod mounts;
mod names;
mod network_files;
mod networks;
mod record;
mod remove;
mod resources;
mod root_view;
mod shown;
mod sizes;
mod spec;
mod start;
mod stats;
mod step;
mod top;
mod update;
mod volumes;
mod written;

pub use changes::ChangeKind;
pub use commit::CommitRequest;
pub use config::{
    BindOptions, ContainerConfig, DeviceMapping, DeviceRequest, HostConfig, LogConfig, MountConfig,
    MountPoint, PortPlace, RestartPolicyConfig, ThrottleDevice, TmpfsOptions, UlimitConfig,
    VolumeOptions, WeightDevice,
};
pub use create::CreateRequest;
pub use exec::ExecRequest;
pub use files::{ContainerFiles, PathStat};
pub use inspect::described_volume;
pub(crate) use names::new_id;
pub use networks::{ContainerNetwork, EndpointConfig, Network, NetworkPlace, NetworkRequest};
pub(crate) use networks::{SharedNetwork, StepNetwork, resolver_text};
pub use record::{Container, ContainerRecord};
pub(crate) use resources::resources;
pub use sizes::parse_size;
pub(crate) use spec::{bind as bind_mount, memory_mount};
pub use stats::{ContainerStats, machine_memory};
pub(crate) use step::{BuildStarter, STEP_LOCK, remove_step_group, step_folders, step_lock};
pub use step::{StepConnection, StepRequest};
pub use update::UpdateRequest;
pub use volumes::{Volume, volume_bytes};
pub(crate) use written::bytes_below;
