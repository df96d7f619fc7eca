//! A build's RUN: one program in a container of its own, upon a tree that is being made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use wharf_runtime::cgroups::{Cgroup, DeviceRule, Hierarchies, Resources};
use wharf_runtime::network::UserNetworkTool;
use wharf_runtime::{
    CapabilitySet, ContainerSpec, HostError, MountSpec, NamespaceChoice, NamespaceSpec, OwnProgram,
    ProcessSpec, RootSpec, SeccompChoice, StepOrder, StepProcess, StepStarter, StepUserNetwork,
};

use super::config::{HostConfig, UlimitConfig};
use super::devices::devices;
use super::spec::{
    DEFAULT_PATH, MASKED_PATHS, OWN_NETWORK_SYSCTLS, READ_ONLY_PATHS, default_mounts, limits,
    paths, set_variable,
};
use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct StepRequest {
    /// What it is called, in the name of its group of processes.
    pub id: String,
    /// Trees of the layers below, from the top down.
    pub lowers: Vec<PathBuf>,
    /// An empty folder.
    pub empty: PathBuf,
    /// Takes what the step writes; empty at first.
    pub upper: PathBuf,
    /// For overlayfs: an empty folder beside `upper`.
    pub work: PathBuf,
    /// An empty folder on which the root is mounted, for the step only.
    pub mount_point: PathBuf,
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// The working folder.
    pub folder: PathBuf,
    /// `name|uid[:group|gid]`.
    pub user: String,
    /// Its host name.
    pub hostname: String,
    /// Its network.
    pub network: StepConnection,
    /// `--security=insecure`.
    pub insecure: bool,
    /// What is mounted besides (`RUN --mount`), `/etc/hosts` and `/etc/resolv.conf` included.
    pub mounts: Vec<MountSpec>,
    /// Size of `/dev/shm` in bytes; 0 for Docker's.
    pub shm_size: i64,
    /// `--ulimit`.
    pub ulimits: Vec<UlimitConfig>,
    /// The group of processes in which its own is made; empty for Wharf's.
    pub cgroup_parent: String,
    /// Whether it has a terminal, which is connected to the one that its output is.
    pub terminal: bool,
    /// What it may use; devices are always limited unless insecure.
    pub resources: Resources,
}

/// How a step reaches others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StepConnection {
    /// By the machine's network.
    #[default]
    Machine,
    /// Not at all.
    Nothing,
    /// By this network namespace, which is there for steps.
    Namespace(PathBuf),
    /// By this network namespace, which is somebody else's.
    Shared(PathBuf),
    /// By a program of an ordinary user's, in a network namespace of its own.
    User(UserNetworkTool),
}

impl StepConnection {
    fn namespace(&self) -> NamespaceChoice {
        match self {
            Self::Machine => NamespaceChoice::Host,
            Self::Nothing | Self::User(_) => NamespaceChoice::New,
            Self::Namespace(path) | Self::Shared(path) => NamespaceChoice::File(path.clone()),
        }
    }

    /// Whether nothing of the network is anybody else's.
    fn is_own(&self) -> bool {
        !matches!(self, Self::Machine | Self::Shared(_))
    }
}

/// Where folders of steps are.
pub(crate) fn step_folders(root: &Path) -> PathBuf {
    root.join("builds")
}

/// How the name of a folder's lock ends, which lies beside it.
pub(crate) const STEP_LOCK: &str = ".lock";

/// The lock of the folder of this name in the folder of all.
pub(crate) fn step_lock(all: &Path, name: &str) -> PathBuf {
    all.join(format!("{name}{STEP_LOCK}"))
}

/// Whether somebody holds the step's folder of this name.
pub(crate) fn is_at_work(root: &Path, name: &str) -> bool {
    let lock = step_lock(&step_folders(root), name);
    File::open(lock)
        .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err())
}

/// The process that starts a build's steps, from the first of them on.
#[derive(Debug, Default)]
pub(crate) struct BuildStarter(Mutex<Option<Arc<StepStarter>>>);

impl BuildStarter {
    /// The one there is; a new one if there is none, or if it is `gone`.
    fn get(
        &self,
        gone: Option<&Arc<StepStarter>>,
        engine: &Engine,
    ) -> io::Result<Arc<StepStarter>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(starter) = known.as_ref()
            && gone.is_none_or(|gone| !Arc::ptr_eq(gone, starter))
        {
            return Ok(Arc::clone(starter));
        }
        let program = &engine.settings().monitor;
        let mut arguments = program.arguments.clone();
        arguments.push("container-step".to_owned());
        let own = OwnProgram::at(&program.path)?;
        let starter = Arc::new(StepStarter::start(own.path(), &arguments)?);
        *known = Some(Arc::clone(&starter));
        Ok(starter)
    }
}

/// The name of the group of processes of a step.
fn step_group(parent: &str, id: &str) -> String {
    match parent.trim_matches('/') {
        "" => format!("wharf/step-{id}"),
        parent => format!("{parent}/step-{id}"),
    }
}

/// Ends what is left of a step whose own process was killed, and removes its group.
pub(crate) fn remove_step_group(parent: &str, id: &str) -> Result<(), HostError> {
    let group = Cgroup::left_behind(&Hierarchies::find()?, &step_group(parent, id))?;
    if group.is_empty() {
        return Ok(());
    }
    group.kill_all()?;
    Ok(group.remove()?)
}

impl Engine {
    /// Starts a step.
    pub(crate) fn start_step(
        &self,
        starter: &BuildStarter,
        request: StepRequest,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<StepProcess, EngineError> {
        let mut resources = request.resources.clone();
        resources.devices = (!request.insecure).then(DeviceRule::docker_default);
        let order = StepOrder {
            cgroup: step_group(&request.cgroup_parent, &request.id),
            user_network: user_network(&request),
            spec: self.step_spec(request)?,
            resources,
        };
        let first = starter.get(None, self).map_err(classify)?;
        match StepProcess::start(&first, &order, stdout, stderr) {
            // Somebody has killed it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let next = starter.get(Some(&first), self).map_err(classify)?;
                StepProcess::start(&next, &order, stdout, stderr)
            }
            started => started,
        }
        .map_err(classify)
    }

    fn step_spec(&self, request: StepRequest) -> Result<ContainerSpec, EngineError> {
        let host = HostConfig {
            privileged: request.insecure,
            shm_size: request.shm_size,
            ulimits: request.ulimits,
            ..HostConfig::default()
        };
        let namespaces = NamespaceSpec {
            pid: NamespaceChoice::New,
            network: request.network.namespace(),
            ipc: NamespaceChoice::New,
            uts: NamespaceChoice::New,
            cgroup: NamespaceChoice::New,
            user: self.id_mapping()?,
        };
        let sysctls = if namespaces.user.is_some() || !request.network.is_own() {
            BTreeMap::new()
        } else {
            let all = OWN_NETWORK_SYSCTLS.into_iter();
            all.map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        let mut mounts = default_mounts(&host, &namespaces);
        mounts.extend(request.mounts);
        let mut environment = vec![DEFAULT_PATH.to_owned()];
        for pair in &request.environment {
            set_variable(&mut environment, pair);
        }
        let (masked_paths, read_only_paths, capabilities, seccomp) = if request.insecure {
            (
                Vec::new(),
                Vec::new(),
                CapabilitySet::ALL,
                SeccompChoice::Unconfined,
            )
        } else {
            (
                paths(&MASKED_PATHS),
                paths(&READ_ONLY_PATHS),
                CapabilitySet::docker_default(),
                SeccompChoice::Docker,
            )
        };
        Ok(ContainerSpec {
            root: RootSpec {
                lowers: request.lowers,
                empty: request.empty,
                upper: request.upper,
                work: request.work,
                user_flavour: self.store()?.flavour().is_users(),
                read_only: false,
            },
            mount_point: request.mount_point,
            process: ProcessSpec {
                arguments: request.arguments,
                environment,
                folder: request.folder,
                user: request.user,
                groups: Vec::new(),
                terminal: request.terminal,
                terminal_size: (0, 0),
                capabilities,
                no_new_privileges: false,
                limits: limits(&host),
                oom_score: None,
                seccomp,
                init: false,
            },
            namespaces,
            hostname: request.hostname,
            domain_name: String::new(),
            mounts,
            devices: devices(&host)?,
            masked_paths,
            read_only_paths,
            sysctls,
        })
    }
}

fn user_network(request: &StepRequest) -> Option<StepUserNetwork> {
    let StepConnection::User(tool) = &request.network else {
        return None;
    };
    let folder = request.mount_point.parent().unwrap_or(Path::new("/"));
    Some(StepUserNetwork {
        tool: tool.clone(),
        folder: folder.to_path_buf(),
    })
}
