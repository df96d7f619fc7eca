//! `exec`: one more process in a container that runs.

use std::path::PathBuf;

use rustix::process::Pid;
use wharf_runtime::{CapabilitySet, ChildIo, ExecTarget, Launched, SeccompChoice, Status, exec};
use wharf_transfer::ErrorKind;

use super::record::Container;
use super::spec::{process, set_variable};
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// `NAME=value`, beside the container's own.
    pub environment: Vec<String>,
    /// The working folder, instead of the container's.
    pub folder: Option<String>,
    /// The user, instead of the container's.
    pub user: Option<String>,
    /// Whether it may do everything.
    pub privileged: bool,
    /// Whether it gets a terminal, and of which size.
    pub terminal: Option<(u16, u16)>,
}

impl Classified for wharf_runtime::LaunchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::Failed { .. } => ErrorKind::Invalid,
            Self::Prepare(_) => ErrorKind::Internal,
        }
    }
}

impl Engine {
    /// Starts a process in a container that runs. Only a process with one thread can.
    pub fn exec_in_container(
        &self,
        container: &Container,
        request: ExecRequest,
        io: ChildIo,
    ) -> Result<Launched, EngineError> {
        let record = &container.record;
        let (id, name) = (&record.id, &record.name);
        let refused = |text: String| failure(ErrorKind::Conflict, text);
        match container.state.status {
            Status::Running => (),
            Status::Paused => {
                let text = format!("Container {name} is paused, unpause the container before exec");
                return Err(refused(text));
            }
            _ => return Err(refused(format!("container {id} is not running"))),
        }
        let number = container.state.process.and_then(Pid::from_raw);
        let target = number.ok_or_else(|| refused(format!("container {id} is not running")))?;
        let mut spec = process(record)?;
        spec.arguments = request.arguments;
        for pair in &request.environment {
            set_variable(&mut spec.environment, pair);
        }
        if let Some(folder) = request.folder {
            spec.folder = PathBuf::from(folder);
        }
        if let Some(user) = request.user {
            spec.user = user;
        }
        if request.privileged {
            spec.capabilities = CapabilitySet::ALL;
            spec.seccomp = SeccompChoice::Unconfined;
        }
        if !request.privileged
            && let Some(bound) = bounding_set(target)
        {
            // Not more than the container, which may have been given less than it was asked to have.
            spec.capabilities = spec.capabilities.and(bound);
        }
        spec.terminal = request.terminal.is_some();
        spec.terminal_size = request.terminal.unwrap_or_default();
        spec.init = false;
        let order = self.container_folder(id).order().map_err(classify)?;
        let user_namespace = order.spec.namespaces.user.map(|user| user.set_groups);
        let cgroup = container.state.cgroup.clone();
        let join_cgroup = |process: Pid| match &cgroup {
            Some(cgroup) => cgroup
                .add(process.as_raw_nonzero().get().unsigned_abs())
                .map_err(std::io::Error::other),
            None => Ok(()),
        };
        let target = ExecTarget {
            process: target,
            user_namespace,
            join_cgroup: &join_cgroup,
        };
        exec(target, &spec, io).map_err(classify)
    }
}

/// What a process and its children may ever do as root.
fn bounding_set(process: Pid) -> Option<CapabilitySet> {
    let path = format!("/proc/{}/status", process.as_raw_nonzero());
    let status = std::fs::read_to_string(path).ok()?;
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(bits.trim(), 16)
        .ok()
        .map(CapabilitySet::from_bits)
}
