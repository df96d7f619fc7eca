//! `update`: limits and restart policy of a container that is there.

use wharf_runtime::cgroups::{Hierarchies, Resources};
use wharf_transfer::ErrorKind;

use super::config::{HostConfig, RestartPolicyConfig};
use super::record::RECORD_FILE;
use super::resources::resources;
use super::spec::restart_policy;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateRequest {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Memory and swap together, in bytes; -1 for no limit.
    pub memory_swap: Option<i64>,
    /// Memory that it should not use more than, in bytes.
    pub memory_reservation: Option<i64>,
    /// Processor time in billionths of a processor.
    pub nano_cpus: Option<i64>,
    /// The length of a scheduling period in microseconds.
    pub cpu_period: Option<i64>,
    /// What it may use of each, in microseconds.
    pub cpu_quota: Option<i64>,
    /// Relative share of processor time.
    pub cpu_shares: Option<i64>,
    /// Processors that it may use.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes that it may use.
    pub cpuset_mems: Option<String>,
    /// Processes at most.
    pub pids_limit: Option<i64>,
    /// Relative share of input and output of block devices.
    pub blkio_weight: Option<u16>,
    /// The length of a period of real-time scheduling in microseconds.
    pub cpu_realtime_period: Option<i64>,
    /// What real-time tasks may use of each, in microseconds.
    pub cpu_realtime_runtime: Option<i64>,
    /// When it is started again.
    pub restart: Option<RestartPolicyConfig>,
}

impl UpdateRequest {
    fn apply(&self, host: &mut HostConfig) {
        let numbers = [
            (&mut host.memory, self.memory),
            (&mut host.memory_swap, self.memory_swap),
            (&mut host.memory_reservation, self.memory_reservation),
            (&mut host.nano_cpus, self.nano_cpus),
            (&mut host.cpu_period, self.cpu_period),
            (&mut host.cpu_quota, self.cpu_quota),
            (&mut host.cpu_shares, self.cpu_shares),
            (&mut host.cpu_realtime_period, self.cpu_realtime_period),
            (&mut host.cpu_realtime_runtime, self.cpu_realtime_runtime),
        ];
        for (field, given) in numbers {
            *field = given.unwrap_or(*field);
        }
        let texts = [
            (&mut host.cpuset_cpus, &self.cpuset_cpus),
            (&mut host.cpuset_mems, &self.cpuset_mems),
        ];
        for (field, given) in texts {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        host.blkio_weight = self.blkio_weight.unwrap_or(host.blkio_weight);
        host.pids_limit = self.pids_limit.or(host.pids_limit);
        if let Some(restart) = &self.restart {
            host.restart_policy.clone_from(restart);
        }
    }
}

impl Engine {
    /// Changes a container, at once where it runs. What does not hold on this machine comes back: for people.
    pub fn update_container(
        &self,
        text: &str,
        request: &UpdateRequest,
    ) -> Result<Vec<String>, EngineError> {
        let (_lock, container) = self.locked_container(text)?;
        let mut record = container.record.clone();
        let refused = |why: String| {
            let text = format!("Cannot update container {}: {why}", container.record.id);
            failure(ErrorKind::Invalid, text)
        };
        request.apply(&mut record.host_config);
        let host = &record.host_config;
        let policy = restart_policy(&host.restart_policy)?;
        if request.restart.is_some() && host.auto_remove {
            let why =
                "Restart policy cannot be updated because AutoRemove is enabled for the container";
            return Err(refused(why.to_owned()));
        }
        if let Some(memory) = request.memory
            && request.memory_swap.is_none()
            && (1..memory).contains(&host.memory_swap)
        {
            let why = "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
            return Err(refused(why.to_owned()));
        }
        let wanted = resources(host).map_err(|error| refused(error.to_string()))?;
        let mut warnings = Vec::new();
        if let Some(mut cgroup) = container
            .state
            .cgroup
            .clone()
            .filter(|_| container.state.status.is_alive())
        {
            // Devices stay as they are.
            let limits = Resources {
                devices: None,
                ..wanted
            };
            let hierarchies = Hierarchies::find().map_err(|error| refused(error.to_string()))?;
            cgroup.adopt(&hierarchies);
            warnings = cgroup
                .update(&hierarchies, &limits)
                .map_err(|error| refused(error.to_string()))?;
        }
        self.container_folder(&record.id)
            .write(RECORD_FILE, &record)
            .map_err(classify)?;
        if request.restart.is_some()
            && let Some(mut monitor) = self.monitor(&container)?
        {
            monitor.set_restart(policy).map_err(classify)?;
        }
        Ok(warnings)
    }
}
