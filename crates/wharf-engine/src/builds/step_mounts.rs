//! `RUN --mount`: what is there while a step runs.

use std::io;
use std::path::Path;

use wharf_build::builder::{RunError, RunRequest};
use wharf_build::copy::materialize;
use wharf_build::dockerfile::{Mount, MountKind};
use wharf_runtime::MountSpec;

use super::agent::AgentSocket;
use super::cache_mounts::{CacheFolder, WantedCache};
use super::secrets::BuildSecrets;
use crate::containers::{bind_mount, memory_mount};

/// Permissions of an agent's socket that says nothing of them.
const SOCKET_MODE: u32 = 0o600;
/// The variable by which programs find an agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// The mounts of one step.
#[derive(Debug, Default)]
pub(super) struct StepMounts {
    pub(super) mounts: Vec<MountSpec>,
    /// Variables that come with them, as `NAME=value`.
    pub(super) variables: Vec<String>,
    pub(super) held: Held,
    wanted_agents: usize,
}

/// What must stay until the step has ended.
#[derive(Debug, Default)]
pub(super) struct Held {
    caches: Vec<(String, CacheFolder)>,
    agents: Vec<AgentSocket>,
}

/// Where mounts come from.
struct Sources<'a> {
    /// The step's own.
    folder: &'a Path,
    /// The store.
    root: &'a Path,
    secrets: &'a BuildSecrets,
    request: &'a RunRequest<'a>,
}

impl StepMounts {
    /// Prepares everything that is mounted, in files of `folder`, which is the step's own, and of `root`, the store.
    pub(super) fn new(
        request: &RunRequest<'_>,
        folder: &Path,
        root: &Path,
        secrets: &BuildSecrets,
    ) -> Result<Self, RunError> {
        let from = Sources {
            folder,
            root,
            secrets,
            request,
        };
        let mut all = Self::default();
        let mut sources = request.sources.iter().enumerate();
        for mount in &request.action.mounts {
            match mount.kind {
                MountKind::Bind => {
                    let gone = || io::Error::from(io::ErrorKind::NotFound);
                    let (number, files) = sources.next().ok_or_else(gone)?;
                    let place = folder.join(format!("bind-{number}"));
                    materialize(&files.selected, &place)?;
                    // What is written there is thrown away with the step.
                    all.bind(&place, &target_of(mount, request), !mount.read_only);
                }
                MountKind::Cache => {
                    let seed = match mount.from {
                        Some(_) => sources.next().map(|(_, files)| files),
                        None => None,
                    };
                    let target = target_of(mount, request);
                    let cache = WantedCache {
                        mount,
                        target: &target,
                        seed,
                    };
                    all.cache(cache, &from)?;
                }
                MountKind::Tmpfs => {
                    let target = target_of(mount, request);
                    all.mounts.push(memory_mount(&target, mount.size_bytes));
                }
                MountKind::Secret => {
                    let secret = secrets.in_step(mount, &request.action.folder)?;
                    all.mounts.extend(secret.mount);
                    all.variables.extend(secret.variable);
                }
                MountKind::Ssh => all.agent(mount, &from)?,
            }
        }
        Ok(all)
    }

    fn bind(&mut self, place: &Path, target: &str, writable: bool) {
        self.mounts.push(bind_mount(place, target, writable));
    }

    fn cache(&mut self, cache: WantedCache<'_>, from: &Sources<'_>) -> Result<(), RunError> {
        let (mount, target) = (cache.mount, cache.target);
        if let (None, Some(source)) = (&mount.from, &mount.source)
            && Path::new("/").join(source) != Path::new("/")
        {
            // It begins empty: nothing can be in it.
            return Err(RunError::NotStarted {
                command: from.request.action.arguments.join(" "),
                reason: format!(
                    "open {}: no such file or directory",
                    Path::new("/").join(source).display()
                ),
            });
        }
        let key = cache.key().to_string();
        let known = self.held.caches.iter().find(|(known, _)| *known == key);
        if let Some((_, folder)) = known {
            // A step does not wait for itself.
            let path = folder.path.clone();
            self.bind(&path, target, !mount.read_only);
            return Ok(());
        }
        let cancellation = from.request.cancellation;
        let folder = cache.folder(from.root, cancellation).map_err(|error| {
            if cancellation.is_canceled() {
                return RunError::Canceled;
            }
            error.into()
        })?;
        self.bind(&folder.path, target, !mount.read_only);
        self.held.caches.push((key, folder));
        Ok(())
    }

    /// One that was not given and need not be leaves nothing but the variable, as with `BuildKit`.
    fn agent(&mut self, mount: &Mount, from: &Sources<'_>) -> Result<(), RunError> {
        let agents = &from.secrets.agents;
        let number = self.wanted_agents;
        self.wanted_agents += 1;
        let target = match &mount.target {
            Some(_) => target_of(mount, from.request),
            None => format!("/run/buildkit/ssh_agent.{number}"),
        };
        let mut environment = from.request.action.environment.iter();
        if number == 0 && !environment.any(|(name, _)| name == AGENT_VARIABLE) {
            self.variables.push(format!("{AGENT_VARIABLE}={target}"));
        }
        let id = mount.id.as_deref().unwrap_or("default");
        let Some(agent) = agents.get(id) else {
            let shown = mount.id.as_deref().unwrap_or_default();
            return match (mount.required, agents.is_empty()) {
                (false, _) => Ok(()),
                (true, true) => Err(RunError::NotThere(format!(
                    "no SSH key {shown:?} forwarded from the client"
                ))),
                (true, false) => Err(RunError::NotThere(format!("unset ssh forward key {id}"))),
            };
        };
        let socket = AgentSocket::new(from.folder, &format!("ssh-{number}"), agent);
        let socket = socket
            .and_then(|socket| {
                let owner = (mount.user.unwrap_or(0), mount.group.unwrap_or(0));
                socket.permit(owner.0, owner.1, mount.mode.unwrap_or(SOCKET_MODE))?;
                Ok(socket)
            })
            .map_err(|error| {
                let place = agent.display();
                RunError::NotThere(format!("failed to connect to {place}: {error}"))
            })?;
        self.bind(socket.path(), &target, true);
        self.held.agents.push(socket);
        Ok(())
    }
}

/// Where a mount is, seen from the step's folder.
fn target_of(mount: &Mount, request: &RunRequest<'_>) -> String {
    let folder = &request.action.folder;
    let target = Path::new(folder).join(mount.target.as_deref().unwrap_or_default());
    target.to_string_lossy().into_owned()
}
