//! `wharf update`: limits and restart policies of containers that are there.

use std::process::ExitCode;

use wharf_engine::UpdateRequest;

use super::device_options::weight;
use super::run_flags::{
    BLKIO_WEIGHT, CPU_PERIOD, CPU_QUOTA, CPU_RT_PERIOD, CPU_RT_RUNTIME, CPU_SHARES, CPUS,
    CPUSET_CPUS, CPUSET_MEMS, MEMORY, MEMORY_RESERVATION, PIDS_LIMIT,
};
use super::run_options::{restart_policy, value_of};
use super::run_values::{nano_cpus, size, size_of_swap};
use super::words::for_each;
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const MEMORY_SWAP: Flag = Flag::text(
    "memory-swap",
    "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
)
.takes("bytes")
.checked_by(|text| size_of_swap(text).map(drop));
const RESTART: Flag = Flag::text("restart", "Restart policy to apply when a container exits");

const FLAGS: &[Flag] = &[
    BLKIO_WEIGHT,
    CPU_PERIOD,
    CPU_QUOTA,
    CPU_RT_PERIOD,
    CPU_RT_RUNTIME,
    CPU_SHARES,
    CPUS,
    CPUSET_CPUS,
    CPUSET_MEMS,
    MEMORY,
    MEMORY_RESERVATION,
    MEMORY_SWAP,
    PIDS_LIMIT,
    RESTART,
];

pub(crate) const COMMAND: Command = Command {
    name: "update",
    spellings: &["wharf container update", "wharf update"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Update configuration of one or more containers",
    flags: FLAGS,
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        FLAGS.iter().any(|flag| matches.is_given(flag)),
        "you must provide one or more flags when using this command"
    );
    let request = request(matches)?;
    for_each(session, &matches.arguments, |container| {
        let warnings = session.engine().update_container(container, &request)?;
        for warning in warnings {
            session.printer().error_line(&format!("WARNING: {warning}"));
        }
        Ok(())
    })
}

fn request(matches: &Matches) -> anyhow::Result<UpdateRequest> {
    let number = |flag: &Flag| matches.is_given(flag).then(|| matches.number(flag));
    let text = |flag: &Flag| matches.some_text(flag).map(str::to_owned);
    let given = |flag: &Flag, read: fn(&str) -> Result<i64, String>| {
        let given = matches.is_given(flag);
        given.then(|| value_of(matches, flag, read)).transpose()
    };
    let restart = matches.some_text(&RESTART);
    Ok(UpdateRequest {
        memory: given(&MEMORY, size)?,
        memory_swap: given(&MEMORY_SWAP, size_of_swap)?,
        memory_reservation: given(&MEMORY_RESERVATION, size)?,
        nano_cpus: given(&CPUS, nano_cpus)?,
        cpu_period: number(&CPU_PERIOD),
        cpu_quota: number(&CPU_QUOTA),
        cpu_shares: number(&CPU_SHARES),
        cpuset_cpus: text(&CPUSET_CPUS),
        cpuset_mems: text(&CPUSET_MEMS),
        pids_limit: number(&PIDS_LIMIT),
        blkio_weight: matches
            .is_given(&BLKIO_WEIGHT)
            .then(|| value_of(matches, &BLKIO_WEIGHT, weight))
            .transpose()?,
        cpu_realtime_period: number(&CPU_RT_PERIOD),
        cpu_realtime_runtime: number(&CPU_RT_RUNTIME),
        restart: restart.map(restart_policy).transpose()?,
    })
}
