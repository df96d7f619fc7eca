//! From the options of `run` and `create` to what a container is asked to be, with Docker's rules and texts
//! (docker/cli, `cli/command/container/opts.go`).

use std::collections::BTreeMap;

use wharf_engine::{
    ContainerConfig, CreateRequest, DeviceMapping, HostConfig, LogConfig, RestartPolicyConfig,
};
use wharf_oci::HealthConfig;

use super::device_options::with_devices;
use super::mount_option::parse_mount;
use super::{run_flags as flags, run_values as values};
use crate::arguments::{Flag, Matches, quoted};
use crate::environment::Environment;

/// A file of variables or labels may be this long.
const FILE_LIMIT_BYTES: u64 = 4 << 20;

/// What the options and arguments ask for. `detached` containers take no input from whoever runs them.
pub(super) fn create_request(matches: &Matches, detached: bool) -> anyhow::Result<CreateRequest> {
    refuse_what_is_not_here(matches)?;
    let (network_mode, networks) = super::network_options::networks(matches)?;
    Ok(CreateRequest {
        name: matches.some_text(&flags::NAME).map(str::to_owned),
        config: config(matches, detached)?,
        host_config: with_devices(
            HostConfig {
                network_mode,
                ..host_config(matches)?
            },
            matches,
        )?,
        networks,
        platform: None,
    })
}

fn config(matches: &Matches, detached: bool) -> anyhow::Result<ContainerConfig> {
    let attached = matches.list(&flags::ATTACH);
    let attaches = |name: &str| attached.iter().any(|one| one.eq_ignore_ascii_case(name));
    let interactive = matches.is_set(&flags::INTERACTIVE);
    let all = attached.is_empty() && !detached;
    let attach_stdin = attaches("stdin") || (all && interactive);
    let (_, command) = matches.arguments.split_first().unwrap_or((&EMPTY, &[]));
    let entrypoint = matches
        .is_given(&flags::ENTRYPOINT)
        .then(|| vec![matches.text(&flags::ENTRYPOINT).to_owned()]);
    let mut volumes = BTreeMap::new();
    for volume in matches.list(&flags::VOLUME) {
        if !volume.contains(':') {
            volumes.insert(volume.clone(), serde_json::Map::new());
        }
    }
    let stop_timeout = matches.is_given(&flags::STOP_TIMEOUT);
    Ok(ContainerConfig {
        hostname: matches.text(&flags::HOSTNAME).to_owned(),
        domainname: matches.text(&flags::DOMAINNAME).to_owned(),
        user: matches.text(&flags::USER).to_owned(),
        attach_stdin,
        attach_stdout: attaches("stdout") || all,
        attach_stderr: attaches("stderr") || all,
        exposed_ports: exposed_ports(matches)?,
        tty: matches.is_set(&flags::TTY),
        open_stdin: interactive,
        stdin_once: interactive && attach_stdin,
        env: variables(matches)?,
        cmd: (!command.is_empty()).then(|| command.to_vec()),
        healthcheck: healthcheck(matches)?,
        image: matches.argument(0).to_owned(),
        volumes: (!volumes.is_empty()).then_some(volumes),
        working_dir: matches.text(&flags::WORKDIR).to_owned(),
        entrypoint,
        on_build: None,
        labels: labels(matches)?,
        stop_signal: matches.some_text(&flags::STOP_SIGNAL).map(str::to_owned),
        stop_timeout: stop_timeout.then(|| matches.number(&flags::STOP_TIMEOUT)),
    })
}

static EMPTY: String = String::new();

fn host_config(matches: &Matches) -> anyhow::Result<HostConfig> {
    let some = |flag: &Flag| Some(matches.list(flag).to_vec()).filter(|list| !list.is_empty());
    let text = |flag: &Flag| matches.text(flag).to_owned();
    let binds: Vec<String> = matches
        .list(&flags::VOLUME)
        .iter()
        .filter(|volume| volume.contains(':'))
        .cloned()
        .collect();
    check_modes(matches)?;
    let restart_policy = restart_policy(matches.text(&flags::RESTART))?;
    anyhow::ensure!(
        !matches.is_set(&flags::RM) || restart_policy.name == "no",
        "conflicting options: cannot specify both --restart and --rm"
    );
    let opened = |option: &String| option == ALL_PATHS_OPEN;
    let asked = matches.list(&flags::SECURITY_OPT).iter().any(opened);
    let open_paths = asked.then(Vec::new);
    Ok(HostConfig {
        binds: (!binds.is_empty()).then_some(binds),
        container_id_file: text(&flags::CIDFILE),
        log_config: log_config(matches)?,
        // With what is asked of each network, apart from here.
        network_mode: String::new(),
        port_bindings: super::ports::bindings(matches.list(&flags::PUBLISH))?,
        restart_policy,
        auto_remove: matches.is_set(&flags::RM),
        volume_driver: text(&flags::VOLUME_DRIVER),
        volumes_from: some(&flags::VOLUMES_FROM),
        cap_add: some(&flags::CAP_ADD),
        cap_drop: some(&flags::CAP_DROP),
        cgroupns_mode: text(&flags::CGROUPNS),
        dns: matches.list(&flags::DNS).to_vec(),
        dns_options: matches.list(&flags::DNS_OPTION).to_vec(),
        dns_search: matches.list(&flags::DNS_SEARCH).to_vec(),
        extra_hosts: some(&flags::ADD_HOST),
        group_add: some(&flags::GROUP_ADD),
        ipc_mode: text(&flags::IPC),
        pid_mode: text(&flags::PID),
        privileged: matches.is_set(&flags::PRIVILEGED),
        publish_all_ports: matches.is_set(&flags::PUBLISH_ALL),
        readonly_rootfs: matches.is_set(&flags::READ_ONLY),
        security_opt: security_options(matches)?,
        masked_paths: open_paths.clone(),
        readonly_paths: open_paths,
        tmpfs: temporary(matches),
        uts_mode: text(&flags::UTS),
        userns_mode: text(&flags::USERNS),
        runtime: text(&flags::RUNTIME),
        isolation: text(&flags::ISOLATION),
        cgroup_parent: text(&flags::CGROUP_PARENT),
        shm_size: value_of(matches, &flags::SHM_SIZE, values::size)?,
        sysctls: pairs(matches.list(&flags::SYSCTL)),
        oom_score_adj: i32::try_from(matches.number(&flags::OOM_SCORE_ADJ)).unwrap_or(i32::MAX),
        cpu_shares: matches.number(&flags::CPU_SHARES),
        memory: value_of(matches, &flags::MEMORY, values::size)?,
        nano_cpus: nano_cpus(matches)?,
        cpu_period: matches.number(&flags::CPU_PERIOD),
        cpu_quota: matches.number(&flags::CPU_QUOTA),
        cpu_realtime_period: matches.number(&flags::CPU_RT_PERIOD),
        cpu_realtime_runtime: matches.number(&flags::CPU_RT_RUNTIME),
        cpuset_cpus: text(&flags::CPUSET_CPUS),
        cpuset_mems: text(&flags::CPUSET_MEMS),
        devices: devices(matches.list(&flags::DEVICE))?,
        memory_reservation: value_of(matches, &flags::MEMORY_RESERVATION, values::size)?,
        memory_swap: value_of(matches, &flags::MEMORY_SWAP, values::size_of_swap)?,
        memory_swappiness: swappiness(matches)?,
        oom_kill_disable: matches.is_set(&flags::OOM_KILL_DISABLE).then_some(true),
        init: matches
            .is_given(&flags::INIT)
            .then(|| matches.is_set(&flags::INIT)),
        pids_limit: Some(matches.number(&flags::PIDS_LIMIT)).filter(|limit| *limit != 0),
        ulimits: values_of(matches, &flags::ULIMIT, values::ulimit)?,
        mounts: values_of(matches, &flags::MOUNT, parse_mount)?,
        annotations: pairs(matches.list(&flags::ANNOTATION)),
        // By `with_devices`.
        ..HostConfig::default()
    })
}

/// Options of Docker's that mean nothing here, with the reason.
fn refuse_what_is_not_here(matches: &Matches) -> anyhow::Result<()> {
    let windows = [
        &flags::CPU_COUNT,
        &flags::CPU_PERCENT,
        &flags::IO_MAXBANDWIDTH,
        &flags::IO_MAXIOPS,
    ];
    for flag in windows {
        anyhow::ensure!(
            !matches.is_given(flag),
            "--{} is only supported on Windows",
            flag.name
        );
    }
    for option in matches.list(&flags::STORAGE_OPT) {
        anyhow::ensure!(option.contains('='), "invalid storage option");
    }
    let reasons = [
        (
            &flags::LINK,
            "put both containers in a network of `wharf network create`, where they find each other by name",
        ),
        (
            &flags::LINK_LOCAL_IP,
            "give an address of the network with --ip or --ip6",
        ),
        (
            &flags::STORAGE_OPT,
            "what a container writes has no limit of its own; a tmpfs (--tmpfs /path:size=64m) has one",
        ),
        (
            &flags::USE_API_SOCKET,
            "there is no daemon, and no socket of one",
        ),
    ];
    for (flag, reason) in reasons {
        anyhow::ensure!(
            !matches.is_given(flag),
            "--{} is not supported: {reason}",
            flag.name
        );
    }
    Ok(())
}

/// Nothing where nobody says it, which is -1.
fn swappiness(matches: &Matches) -> anyhow::Result<Option<i64>> {
    let swappiness = matches.number(&flags::MEMORY_SWAPPINESS);
    anyhow::ensure!(
        (-1..=100).contains(&swappiness),
        "invalid value: {swappiness}. Valid memory swappiness range is 0-100"
    );
    Ok(Some(swappiness).filter(|swappiness| *swappiness >= 0))
}

/// Modes that Docker's client looks at itself.
fn check_modes(matches: &Matches) -> anyhow::Result<()> {
    for (flag, modes, kind) in [
        (&flags::PID, &["", "host"][..], "PID"),
        (&flags::UTS, &["", "host"], "UTS"),
        (&flags::USERNS, &["", "host"], "USER"),
        (&flags::CGROUPNS, &["", "host", "private"], "CGROUP"),
    ] {
        let mode = matches.text(flag);
        let of_other = kind == "PID"
            && mode
                .strip_prefix("container:")
                .is_some_and(|other| !other.is_empty());
        anyhow::ensure!(
            modes.contains(&mode) || of_other,
            "--{}: invalid {kind} mode",
            flag.name
        );
    }
    Ok(())
}

/// `-e NAME=value`, `-e NAME` for the value that it has here, and files of such lines.
pub(super) fn variables(matches: &Matches) -> anyhow::Result<Vec<String>> {
    let mut variables = Vec::new();
    for file in matches.list(&flags::ENV_FILE) {
        let lines = lines_of(file);
        let lines = lines.map_err(|error| match error.to_string() {
            text if text.starts_with("open ") => error,
            text => anyhow::anyhow!("invalid env file ({file}): {text}"),
        })?;
        for line in lines {
            anyhow::ensure!(
                !line.starts_with('='),
                "invalid env file ({file}): no variable name on line '{line}'"
            );
            variables.push(variable(&line));
        }
    }
    for given in matches.list(&flags::ENV) {
        variables.push(variable(given));
    }
    Ok(variables)
}

/// A name alone takes the value from here; if it has none, the container's own goes.
fn variable(given: &str) -> String {
    if given.contains('=') {
        return given.to_owned();
    }
    let value = Environment::passed_on(given);
    value.map_or_else(|| given.to_owned(), |value| format!("{given}={value}"))
}

fn labels(matches: &Matches) -> anyhow::Result<BTreeMap<String, String>> {
    let mut texts = Vec::new();
    for file in matches.list(&flags::LABEL_FILE) {
        texts.extend(lines_of(file)?);
    }
    texts.extend(matches.list(&flags::LABEL).iter().cloned());
    Ok(pairs(&texts))
}

fn pairs(texts: &[String]) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.to_owned(), value.to_owned())
    };
    texts.iter().map(pair).collect()
}

/// Lines that say something: neither empty ones nor remarks.
fn lines_of(file: &str) -> anyhow::Result<Vec<String>> {
    use std::io::Read as _;
    let opened = std::fs::File::open(file).map_err(|error| {
        anyhow::anyhow!("open {file}: {}", crate::output_file::plain_reason(&error))
    })?;
    let mut text = String::new();
    opened
        .take(FILE_LIMIT_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| {
            anyhow::anyhow!("read {file}: {}", crate::output_file::plain_reason(&error))
        })?;
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim_start);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

fn exposed_ports(
    matches: &Matches,
) -> anyhow::Result<BTreeMap<String, serde_json::Map<String, serde_json::Value>>> {
    let mut ports = BTreeMap::new();
    for text in matches.list(&flags::EXPOSE) {
        for port in super::ports::exposed(text)? {
            ports.insert(port, serde_json::Map::new());
        }
    }
    for port in super::ports::bindings(matches.list(&flags::PUBLISH))?.into_keys() {
        ports.insert(port, serde_json::Map::new());
    }
    Ok(ports)
}

fn healthcheck(matches: &Matches) -> anyhow::Result<Option<HealthConfig>> {
    let span = |flag: &Flag| -> anyhow::Result<i64> {
        let span = value_of(matches, flag, values::nanoseconds)?;
        anyhow::ensure!(span >= 0, "--{} cannot be negative", flag.name);
        Ok(span)
    };
    let given = [
        &flags::HEALTH_CMD,
        &flags::HEALTH_INTERVAL,
        &flags::HEALTH_RETRIES,
        &flags::HEALTH_START_INTERVAL,
        &flags::HEALTH_START_PERIOD,
        &flags::HEALTH_TIMEOUT,
    ];
    let any = given.iter().any(|flag| matches.is_given(flag));
    let mut health = HealthConfig::default();
    if matches.is_set(&flags::NO_HEALTHCHECK) {
        anyhow::ensure!(!any, "--no-healthcheck conflicts with --health-* options");
        health.test = vec!["NONE".to_owned()];
        return Ok(Some(health));
    }
    if !any {
        return Ok(None);
    }
    if let Some(command) = matches.some_text(&flags::HEALTH_CMD) {
        health.test = vec!["CMD-SHELL".to_owned(), command.to_owned()];
    }
    health.interval = span(&flags::HEALTH_INTERVAL)?;
    health.timeout = span(&flags::HEALTH_TIMEOUT)?;
    health.start_period = span(&flags::HEALTH_START_PERIOD)?;
    health.start_interval = span(&flags::HEALTH_START_INTERVAL)?;
    health.retries = matches.number(&flags::HEALTH_RETRIES);
    anyhow::ensure!(health.retries >= 0, "--health-retries cannot be negative");
    Ok(Some(health))
}

fn log_config(matches: &Matches) -> anyhow::Result<LogConfig> {
    let kind = matches.text(&flags::LOG_DRIVER);
    let config = pairs(matches.list(&flags::LOG_OPT));
    anyhow::ensure!(
        kind != "none" || config.is_empty(),
        "invalid logging opts for driver none"
    );
    Ok(LogConfig {
        kind: if kind.is_empty() { "json-file" } else { kind }.to_owned(),
        config,
    })
}

/// `no`, `always`, `unless-stopped`, `on-failure[:3]`.
pub(super) fn restart_policy(text: &str) -> anyhow::Result<RestartPolicyConfig> {
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    let maximum_retry_count = match count {
        "" => 0,
        count => count.parse().map_err(|_no_number| {
            anyhow::anyhow!("invalid restart policy format: maximum retry count must be an integer")
        })?,
    };
    Ok(RestartPolicyConfig {
        name: if name.is_empty() { "no" } else { name }.to_owned(),
        maximum_retry_count,
    })
}

/// A seccomp profile is read here, since it is a file of whoever calls.
fn security_options(matches: &Matches) -> anyhow::Result<Option<Vec<String>>> {
    let mut options = matches.list(&flags::SECURITY_OPT).to_vec();
    options.retain(|option| option != ALL_PATHS_OPEN);
    for option in &mut options {
        let alone = matches!(option.as_str(), "no-new-privileges" | "writable-cgroups");
        anyhow::ensure!(
            alone || option.contains(['=', ':']),
            "Invalid --security-opt: {}",
            quoted(option)
        );
        if let Some(file) = option
            .strip_prefix("seccomp=")
            .filter(|value| !matches!(*value, "unconfined" | "builtin"))
        {
            let text = std::fs::read_to_string(file).map_err(|error| {
                anyhow::anyhow!(
                    "opening seccomp profile ({file}) failed: open {file}: {}",
                    crate::output_file::plain_reason(&error)
                )
            })?;
            *option = format!("seccomp={text}");
        }
    }
    Ok(Some(options).filter(|options| !options.is_empty()))
}

/// No path of the system is hidden or kept from being written: the client's word for two fields (docker/cli, `parseSystemPaths`).
const ALL_PATHS_OPEN: &str = "systempaths=unconfined";

fn temporary(matches: &Matches) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (path, options) = text.split_once(':').unwrap_or((text, ""));
        (path.to_owned(), options.to_owned())
    };
    matches.list(&flags::TMPFS).iter().map(pair).collect()
}

/// The value of an option, which was checked when the command line was read.
pub(crate) fn value_of<T>(
    matches: &Matches,
    flag: &Flag,
    read: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<T> {
    read(matches.text(flag)).map_err(anyhow::Error::msg)
}

/// The values of an option that may be given many times, as [`value_of`].
pub(crate) fn values_of<T>(
    matches: &Matches,
    flag: &Flag,
    read: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Vec<T>> {
    let read = |text: &String| read(text).map_err(anyhow::Error::msg);
    matches.list(flag).iter().map(read).collect()
}

fn nano_cpus(matches: &Matches) -> anyhow::Result<i64> {
    if matches.is_given(&flags::CPUS) {
        return value_of(matches, &flags::CPUS, values::nano_cpus);
    }
    Ok(0)
}

fn devices(texts: &[String]) -> anyhow::Result<Vec<DeviceMapping>> {
    let device = |text: &String| {
        let parts: Vec<&str> = text.split(':').collect();
        let is_mode = |text: &str| !text.is_empty() && text.chars().all(|one| "rwm".contains(one));
        let (outside, inside, mode) = match parts[..] {
            [path] => (path, path, "rwm"),
            [path, mode] if is_mode(mode) => (path, path, mode),
            [outside, inside] => (outside, inside, "rwm"),
            [outside, inside, mode] if is_mode(mode) => (outside, inside, mode),
            [_, _, mode] => anyhow::bail!("bad mode specified: {mode}"),
            _ => anyhow::bail!("bad format for path: {text}"),
        };
        anyhow::ensure!(inside.starts_with('/'), "{inside} is not an absolute path");
        Ok(DeviceMapping {
            path_on_host: outside.to_owned(),
            path_in_container: inside.to_owned(),
            cgroup_permissions: mode.to_owned(),
        })
    };
    texts.iter().map(device).collect()
}
