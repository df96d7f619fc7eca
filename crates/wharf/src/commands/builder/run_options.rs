//! Options about the programs that a build runs: names of hosts, limits, network, what is allowed.

use std::sync::Arc;

use wharf_build::dockerfile::Network;
use wharf_engine::{DebugFailure, DebugTerminal, HostConfig, RunSettings};

use super::display::Display;
use crate::arguments::{Flag, Matches};
use crate::commands::container::run_options::{value_of, values_of};
use crate::commands::container::run_values as values;
use crate::environment::Environment;
use crate::printer::Printer;
use crate::session::Session;

const INSECURE: &str = "security.insecure";
const HOST_NETWORK: &str = "network.host";

pub(super) const ADD_HOST: Flag = Flag::list(
    "add-host",
    "Add a custom host-to-IP mapping (format: \"host:ip\")",
)
.checked_by(values::extra_host);
pub(super) const ALLOW: Flag = Flag::comma_list(
    "allow",
    "Allow extra privileged entitlement (e.g., \"network.host\", \"security.insecure\")",
);
pub(super) const CGROUP_PARENT: Flag = Flag::text(
    "cgroup-parent",
    "Set the parent cgroup for the \"RUN\" instructions during build",
);
pub(super) const DEBUG_ON_FAIL: Flag = Flag::switch(
    "debug-on-fail",
    "Open a shell where a \"RUN\" instruction has failed (needs a terminal)",
);
pub(super) const NETWORK: Flag = Flag::text(
    "network",
    "Set the networking mode for the \"RUN\" instructions during build",
)
.default("default");
pub(super) const SHM_SIZE: Flag = Flag::text("shm-size", "Shared memory size for build containers")
    .takes("bytes")
    .default("0")
    .checked_by(|text| values::size(text).map(drop));
pub(super) const ULIMIT: Flag = Flag::list("ulimit", "Ulimit options")
    .takes("ulimit")
    .default("[]")
    .checked_by(|text| values::ulimit(text).map(drop));
// BuildKit's client hides these and still acts on them.
pub(super) const CPU_PERIOD: Flag = Flag::number(
    "cpu-period",
    "Limit the CPU CFS (Completely Fair Scheduler) period",
)
.hidden();
pub(super) const CPU_QUOTA: Flag = Flag::number(
    "cpu-quota",
    "Limit the CPU CFS (Completely Fair Scheduler) quota",
)
.hidden();
pub(super) const CPU_SHARES: Flag = Flag::number("cpu-shares", "CPU shares (relative weight)")
    .letter('c')
    .hidden();
pub(super) const CPUSET_CPUS: Flag =
    Flag::text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)").hidden();
pub(super) const CPUSET_MEMS: Flag =
    Flag::text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)").hidden();
pub(super) const MEMORY: Flag = Flag::text("memory", "Memory limit")
    .takes("bytes")
    .letter('m')
    .checked_by(|text| values::size(text).map(drop))
    .hidden();
pub(super) const MEMORY_SWAP: Flag = Flag::text(
    "memory-swap",
    "Swap limit equal to memory plus swap: \"-1\" to enable unlimited swap",
)
.takes("bytes")
.checked_by(|text| values::size_of_swap(text).map(drop))
.hidden();

/// `--debug-on-fail`: the terminal on which a shell is opened.
pub(super) fn debug_terminal(
    matches: &Matches,
    display: &Arc<Display>,
    printer: &Arc<Printer>,
) -> anyhow::Result<Option<DebugTerminal>> {
    if !matches.is_set(&DEBUG_ON_FAIL) {
        return Ok(None);
    }
    anyhow::ensure!(
        printer.input_is_terminal && printer.error_size().is_some(),
        "--debug-on-fail needs a terminal at stdin and stderr: leave it out where nobody can type"
    );
    let (display, printer) = (Arc::downgrade(display), Arc::clone(printer));
    let kind = Environment::passed_on("TERM").unwrap_or_default();
    Ok(Some(DebugTerminal::new(kind, move |failure| {
        if let Some(display) = display.upgrade() {
            display.finish();
        }
        match failure {
            DebugFailure::Opens { command, shell } => printer.error_line(&format!(
                "\nprocess {command:?} has failed. {shell} opens upon what it has left; `exit` ends the build"
            )),
            DebugFailure::NotOpened { reason } => {
                printer.error_line(&format!("the shell cannot be opened: {reason}"));
            }
        }
        rustix::io::dup(rustix::stdio::stdin()).ok()
    })))
}

/// What the options say about programs that are run.
pub(super) fn run_settings(session: &Session, matches: &Matches) -> anyhow::Result<RunSettings> {
    let mut settings = RunSettings {
        host: HostConfig {
            extra_hosts: Some(matches.list(&ADD_HOST).to_vec()).filter(|hosts| !hosts.is_empty()),
            ulimits: values_of(matches, &ULIMIT, values::ulimit)?,
            shm_size: value_of(matches, &SHM_SIZE, values::size)?,
            memory: value_of(matches, &MEMORY, values::size)?,
            memory_swap: value_of(matches, &MEMORY_SWAP, values::size_of_swap)?,
            cpu_period: matches.number(&CPU_PERIOD),
            cpu_quota: matches.number(&CPU_QUOTA),
            cpu_shares: matches.number(&CPU_SHARES),
            cpuset_cpus: matches.text(&CPUSET_CPUS).to_owned(),
            cpuset_mems: matches.text(&CPUSET_MEMS).to_owned(),
            ..HostConfig::default()
        },
        cgroup_parent: matches.text(&CGROUP_PARENT).to_owned(),
        ..RunSettings::default()
    };
    anyhow::ensure!(
        !settings.cgroup_parent.split('/').any(|part| part == ".."),
        "invalid --cgroup-parent {:?}: it leads out of itself",
        settings.cgroup_parent
    );
    for entitlement in matches.list(&ALLOW) {
        match entitlement.as_str() {
            INSECURE => settings.allows_insecure = true,
            HOST_NETWORK => settings.allows_host_network = true,
            // files are read as whoever builds: there is nobody who could be kept from them
            fs if fs.starts_with("fs=") || fs.starts_with("fs.") => {}
            "device" => session
                .printer()
                .error_line("WARNING: --allow device has no effect: RUN --device is not supported"),
            other => anyhow::bail!(
                "invalid entitlement {other:?} for --allow: expected {HOST_NETWORK} or {INSECURE}"
            ),
        }
    }
    settings.network = match matches.text(&NETWORK) {
        "default" | "bridge" | "" => None,
        "none" => Some(Network::None),
        "host" => {
            settings.allows_host_network = true;
            Some(Network::Host)
        }
        name => {
            settings.network_name = Some(name.to_owned());
            None
        }
    };
    Ok(settings)
}
