//! What cannot be asked of a container, in Docker's words (moby, `daemon/container.go` and `daemon/daemon_unix.go`).

use std::path::Path;

use wharf_transfer::ErrorKind;

use super::record::ContainerRecord;
use super::resources::resources;
use super::spec::{capabilities, health, log_order, restart_policy, security, stop_signal};
use crate::error::{EngineError, failure};

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
