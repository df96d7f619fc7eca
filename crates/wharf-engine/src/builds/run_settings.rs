//! What programs of a build get, and may do, whatever the Dockerfile says.

use std::net::IpAddr;

use wharf_build::dockerfile::Network;
use wharf_build::plan::{Action, Plan};
use wharf_runtime::network::NameError;

use super::debug_shell::DebugTerminal;
use crate::containers::HostConfig;

/// What programs of a build get, and may do. Nothing of it is part of a step's key: limits and names of hosts decide whether a
/// step can be done, not what it comes to.
#[derive(Debug, Clone, Default)]
pub struct RunSettings {
    /// Names of hosts, size of `/dev/shm`, limits: what of a container's a step can have.
    pub host: HostConfig,
    /// The group of processes in which those of steps are made; empty for Wharf's.
    pub cgroup_parent: String,
    /// `--network`: that of steps which do not say which they want.
    pub network: Option<Network>,
    /// `--network` with a name: the network of steps that have one of their own, where it is not the usual one. What a step comes to
    /// does not depend on it.
    pub network_name: Option<String>,
    /// `--allow security.insecure`.
    pub allows_insecure: bool,
    /// `--allow network.host`.
    pub allows_host_network: bool,
    /// `--debug-on-fail`: opens a shell where a program has failed.
    pub debug: Option<DebugTerminal>,
}

impl RunSettings {
    /// Lines for `/etc/hosts`. Where the machine is to be in them, `gateway` says where a step sees it; without it the line is left out.
    ///
    /// # Errors
    /// Of `gateway`.
    pub(super) fn host_lines(
        &self,
        gateway: impl Fn() -> Result<Option<IpAddr>, NameError>,
    ) -> Result<String, NameError> {
        let mut lines = String::new();
        for extra in self.host.extra_hosts.iter().flatten() {
            let Some((name, address)) = extra
                .split_once('=')
                .or_else(|| extra.split_once(':'))
                .map(|(name, address)| (name, address.trim_matches(['[', ']'])))
            else {
                continue;
            };
            let address = match address {
                "host-gateway" => match gateway()? {
                    Some(gateway) => gateway.to_string(),
                    None => continue,
                },
                address => address.to_owned(),
            };
            lines.extend([address.as_str(), "\t", name, "\n"]);
        }
        Ok(lines)
    }

    /// Gives steps that do not say which network they want the one of `--network`, which is part of their keys then.
    pub(super) fn apply(&self, plan: &mut Plan) {
        let Some(network) = self.network else {
            return;
        };
        let steps = plan.stages.iter_mut().flat_map(|stage| &mut stage.steps);
        for step in steps {
            if let Action::Run(action) = &mut step.action
                && action.run.network == Network::Default
            {
                action.run.network = network;
            }
        }
    }
}
