//! Which containers are started when the machine starts.

use wharf_runtime::{RestartPolicy, Status};

use super::record::Container;
use super::spec::restart_policy;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The containers that do not run and should by their restart policy, the oldest first.
    pub fn containers_to_start(&self) -> Result<Vec<Container>, EngineError> {
        let mut wanted = Vec::new();
        for container in self.containers()? {
            // One that will be started again has its monitor, and one that was never started waits for its person.
            let ended = container.state.status == Status::Exited;
            let policy = restart_policy(&container.record.host_config.restart_policy)?;
            let should = match policy {
                RestartPolicy::Always => true,
                RestartPolicy::UnlessStopped => !container.state.stopped_by_user,
                RestartPolicy::No | RestartPolicy::OnFailure { .. } => false,
            };
            if ended && should {
                wanted.push(container);
            }
        }
        wanted.reverse();
        Ok(wanted)
    }
}
