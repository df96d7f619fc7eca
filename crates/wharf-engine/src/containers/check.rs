//! What cannot be asked of a container, in Docker's words (moby, `daemon/container.go` and `daemon/daemon_unix.go`).

use std::path::Path;

use wharf_runtime::cgroups::is_cgroup_name;
use wharf_transfer::ErrorKind;

use super::record::ContainerRecord;
use super::resources::resources;
use super::spec::{
    capabilities, cgroup_name, health, log_order, restart_policy, security, stop_signal,
};
use crate::error::{EngineError, failure};

/// Names of what runs containers that mean Wharf itself: nothing, its own, and Docker's usual one.
const RUNTIMES: [&str; 4] = ["", "wharf", "runc", "io.containerd.runc.v2"];

/// What of a container is wrong is said when it is made, not when it is started.
pub(super) fn check(record: &ContainerRecord) -> Result<(), EngineError> {
    let host = &record.host_config;
    stop_signal(record)?;
    let folder = &record.config.working_dir;
    let invalid = |text: String| Err(failure(ErrorKind::Invalid, text));
    if !folder.is_empty() && !folder.starts_with('/') {
        return invalid(format!(
            "the working directory '{folder}' is invalid, it needs to be an absolute path"
        ));
    }
    let score = host.oom_score_adj;
    if !(-1000..=1000).contains(&score) {
        return invalid(format!(
            "Invalid value {score}, range for oom score adj is [-1000, 1000]"
        ));
    }
    if host.uts_mode == "host" && !record.config.hostname.is_empty() {
        return invalid("conflicting options: hostname and the UTS mode".to_owned());
    }
    let ipc = host.ipc_mode.as_str();
    let known = matches!(ipc, "" | "none" | "private" | "shareable" | "host");
    if !known && !ipc.starts_with("container:") {
        return invalid(format!("invalid IPC mode: {ipc}"));
    }
    if host.network_mode == "container:" {
        let text = "Invalid network mode: invalid container format container:<name|id>";
        return invalid(text.to_owned());
    }
    if !matches!(host.isolation.as_str(), "" | "default") {
        return invalid(format!(
            "Invalid isolation: {:?} - linux only supports 'default'",
            host.isolation
        ));
    }
    if !RUNTIMES.contains(&host.runtime.as_str()) {
        return invalid(format!("unknown or invalid runtime name: {}", host.runtime));
    }
    if !matches!(host.volume_driver.as_str(), "" | "local") {
        let driver = &host.volume_driver;
        return invalid(format!(
            "error looking up volume plugin {driver}: plugin \"{driver}\" not found"
        ));
    }
    if !is_cgroup_name(&cgroup_name(record)) {
        return invalid(format!(
            "invalid cgroup parent {:?}: it is made of letters, digits, `_`, `-`, `.`, `:` and `@`, with `/` between its parts",
            host.cgroup_parent
        ));
    }
    capabilities(host)?;
    restart_policy(&host.restart_policy)?;
    security(host)?;
    log_order(host, Path::new(""))?;
    health(record.config.healthcheck.as_ref())?;
    resources(host)?;
    if host.auto_remove && host.restart_policy.name != "no" && !host.restart_policy.name.is_empty()
    {
        let text = "can't create 'AutoRemove' container with restart policy";
        return Err(failure(ErrorKind::Invalid, text));
    }
    Ok(())
}
