//! Processes from a root file system and a configuration, isolated as Docker isolates them.
//!
//! - [`ContainerSpec`] says everything about one container that the kernel is told;
//! - [`launch()`] makes its first process.
//!
//! Nothing here knows images, names or commands: it takes paths and settings. What it asks of the kernel that no safe library
//! asks stands in `sys`, the only `unsafe` of the workspace.

mod accounts;
mod alone;
mod attach;
mod capabilities;
pub mod cgroups;
mod client;
mod container_root;
mod exec;
mod exec_streams;
mod frames;
mod id_maps;
mod init;
mod launch;
mod logs;
mod monitor;
pub mod network;
mod order;
mod own_namespaces;
mod own_program;
pub mod seccomp;
mod signals;
pub mod single_id;
mod spec;
mod state;
mod step;
mod step_starter;
mod step_terminal;
#[expect(
    unsafe_code,
    reason = "one folder asks the kernel what no safe library asks; each block says why it is sound"
)]
mod sys;
mod user_namespace;

pub use accounts::{Account, AccountError, find_account};
pub use attach::{
    AttachEnd, AttachOptions, InvalidDetachKeys, attach, parse_detach_keys, terminal_size,
};
pub use capabilities::{Capability, CapabilitySet, UnknownCapability};
pub use client::{MonitorClient, MonitorClientError};
pub use container_root::{mount_in_root, open_running_root};
pub use exec::{ExecTarget, exec};
pub use exec_streams::{ExecPipes, connect_exec, exec_pipes};
pub use id_maps::{MapError, own_ids};
pub use launch::{ChildIo, LaunchError, Launched, launch};
pub use logs::{LogEntry, LogReader, OutputStream};
pub use monitor::{HostError, MonitorError, MonitorHost, run_monitor};
pub use order::{HealthOrder, LogOrder, MonitorOrder, ORDER_FORMAT, RestartPolicy};
pub use own_namespaces::{
    NamespaceError, can_enter_user_namespace, enter_mount_namespace, enter_user_namespace,
    mount_memory, start_as_outside,
};
pub use own_program::{OwnProgram, keep_inherited_descriptors, restart_unwritable};
pub use signals::{InvalidSignal, parse_signal};
pub use spec::{
    ContainerSpec, DeviceSpec, IdMapping, IdRange, LimitSpec, MountSource, MountSpec,
    NamespaceChoice, NamespaceSpec, ProcessSpec, Propagation, RootSpec, SeccompChoice, SecretBytes,
};
pub use state::{
    ContainerFolder, ContainerState, FilesLock, FolderError, HealthResult, HealthState, RecordLock,
    RunLock, STATE_FORMAT, Status,
};
pub use step::{StepEnding, StepOrder, StepProcess, StepUserNetwork};
pub use step_starter::{StepStarter, start_steps};
pub use user_namespace::{
    NoSubordinateIds, SubordinateRange, subordinate_mapping, subordinate_ranges,
};
