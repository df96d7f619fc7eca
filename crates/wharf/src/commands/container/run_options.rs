//! From the options of `run` and `create` to what a container is asked to be, with Docker's rules and texts
//! (docker/cli, `cli/command/container/opts.go`).

use std::collections::BTreeMap;

use wharf_engine::{
    ContainerConfig, CreateRequest, DeviceMapping, HostConfig, LogConfig, RestartPolicyConfig,
    UlimitConfig, parse_size,
};
use wharf_oci::HealthConfig;
use wharf_template::units::parse_go_duration;

use super::mount_option::parse_mount;
use super::run_flags as flags;
use crate::arguments::{Flag, Matches, quoted};
use crate::environment::Environment;

/// A file of variables or labels may be this long.
const FILE_LIMIT_BYTES: u64 = 4 << 20;

/// What the options and arguments ask for. `detached` containers take no input from whoever runs them.
pub(super) fn create_request(matches: &Matches, detached: bool) -> anyhow::Result<CreateRequest> {
    Ok(CreateRequest {
        name: matches.some_text(&flags::NAME).map(str::to_owned),
        config: config(matches, detached)?,
        host_config: host_config(matches)?,
    })
}

fn config(matches: &Matches, detached: bool) -> anyhow::Result<ContainerConfig> {
    let attached = matches.list(&flags::ATTACH);
    let attaches = |name: &str| attached.iter().any(|one| one.eq_ignore_ascii_case(name));
    for one in attached {
        let known = ["stdin", "stdout", "stderr"];
        anyhow::ensure!(
            known.iter().any(|name| one.eq_ignore_ascii_case(name)),
            "valid streams are STDIN, STDOUT and STDERR"
        );
    }
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
    let network = matches.list(&flags::NETWORK).last();
    Ok(HostConfig {
        binds: (!binds.is_empty()).then_some(binds),
        container_id_file: text(&flags::CIDFILE),
        log_config: log_config(matches)?,
        network_mode: network.cloned().unwrap_or_else(|| "default".to_owned()),
        port_bindings: super::ports::bindings(matches.list(&flags::PUBLISH))?,
        restart_policy: restart_policy(matches.text(&flags::RESTART))?,
        auto_remove: matches.is_set(&flags::RM),
        volumes_from: some(&flags::VOLUMES_FROM),
        cap_add: some(&flags::CAP_ADD),
        cap_drop: some(&flags::CAP_DROP),
        cgroupns_mode: text(&flags::CGROUPNS),
        dns: matches.list(&flags::DNS).to_vec(),
        dns_options: matches.list(&flags::DNS_OPTION).to_vec(),
        dns_search: matches.list(&flags::DNS_SEARCH).to_vec(),
        extra_hosts: extra_hosts(matches)?,
        group_add: some(&flags::GROUP_ADD),
        ipc_mode: text(&flags::IPC),
        pid_mode: text(&flags::PID),
        privileged: matches.is_set(&flags::PRIVILEGED),
        publish_all_ports: matches.is_set(&flags::PUBLISH_ALL),
        readonly_rootfs: matches.is_set(&flags::READ_ONLY),
        security_opt: security_options(matches)?,
        tmpfs: temporary(matches),
        uts_mode: text(&flags::UTS),
        shm_size: bytes(matches, &flags::SHM_SIZE)?,
        sysctls: pairs(matches.list(&flags::SYSCTL)),
        oom_score_adj: i32::try_from(matches.number(&flags::OOM_SCORE_ADJ)).unwrap_or(i32::MAX),
        cpu_shares: matches.number(&flags::CPU_SHARES),
        memory: bytes(matches, &flags::MEMORY)?,
        nano_cpus: nano_cpus(matches.text(&flags::CPUS))?,
        cpu_period: matches.number(&flags::CPU_PERIOD),
        cpu_quota: matches.number(&flags::CPU_QUOTA),
        cpuset_cpus: text(&flags::CPUSET_CPUS),
        cpuset_mems: text(&flags::CPUSET_MEMS),
        devices: devices(matches.list(&flags::DEVICE))?,
        memory_reservation: bytes(matches, &flags::MEMORY_RESERVATION)?,
        memory_swap: bytes(matches, &flags::MEMORY_SWAP)?,
        oom_kill_disable: matches.is_set(&flags::OOM_KILL_DISABLE).then_some(true),
        init: matches
            .is_given(&flags::INIT)
            .then(|| matches.is_set(&flags::INIT)),
        pids_limit: Some(matches.number(&flags::PIDS_LIMIT)).filter(|limit| *limit != 0),
        ulimits: ulimits(matches.list(&flags::ULIMIT))?,
        mounts: matches
            .list(&flags::MOUNT)
            .iter()
            .map(|text| parse_mount(text))
            .collect::<anyhow::Result<_>>()?,
        masked_paths: None,
        readonly_paths: None,
    })
}

/// `-e NAME=value`, `-e NAME` for the value that it has here, and files of such lines.
pub(super) fn variables(matches: &Matches) -> anyhow::Result<Vec<String>> {
    let mut variables = Vec::new();
    for file in matches.list(&flags::ENV_FILE) {
        for line in lines_of(file)? {
            anyhow::ensure!(
                !line.starts_with('='),
                "invalid env file ({file}): no variable name on line '{line}'"
            );
            variables.push(variable(&line));
        }
    }
    for given in matches.list(&flags::ENV) {
        anyhow::ensure!(
            !given.is_empty() && !given.starts_with('='),
            "invalid argument {} for \"-e, --env\" flag: invalid environment variable: {given}",
            quoted(given)
        );
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
    let opened =
        std::fs::File::open(file).map_err(|error| anyhow::anyhow!("open {file}: {error}"))?;
    let mut text = String::new();
    opened.take(FILE_LIMIT_BYTES).read_to_string(&mut text)?;
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
        let parsed = parse_go_duration(matches.text(flag));
        let span = parsed.map_err(|error| {
            anyhow::anyhow!("invalid argument for \"--{}\" flag: {error}", flag.name)
        })?;
        anyhow::ensure!(!span.is_negative(), "--{} cannot be negative", flag.name);
        Ok(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
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
    anyhow::ensure!(
        maximum_retry_count == 0 || name == "on-failure",
        "invalid restart policy: maximum retry count cannot be used with restart policy '{name}'"
    );
    Ok(RestartPolicyConfig {
        name: if name.is_empty() { "no" } else { name }.to_owned(),
        maximum_retry_count,
    })
}

/// `--add-host`.
pub(crate) fn extra_hosts(matches: &Matches) -> anyhow::Result<Option<Vec<String>>> {
    let hosts = matches.list(&flags::ADD_HOST);
    for host in hosts {
        let parts = host.split_once('=').or_else(|| host.split_once(':'));
        let (name, address) = parts.unwrap_or((host, ""));
        let plain = address.trim_start_matches('[').trim_end_matches(']');
        anyhow::ensure!(
            !name.is_empty() && parts.is_some(),
            "bad format for add-host: {}",
            quoted(host)
        );
        anyhow::ensure!(
            address == "host-gateway" || plain.parse::<std::net::IpAddr>().is_ok(),
            "invalid IP address in add-host: {}",
            quoted(address)
        );
    }
    Ok(Some(hosts.to_vec()).filter(|hosts| !hosts.is_empty()))
}

/// A seccomp profile is read here, since it is a file of whoever calls.
fn security_options(matches: &Matches) -> anyhow::Result<Option<Vec<String>>> {
    let mut options = matches.list(&flags::SECURITY_OPT).to_vec();
    for option in &mut options {
        if let Some(file) = option
            .strip_prefix("seccomp=")
            .filter(|value| !matches!(*value, "unconfined" | "builtin"))
        {
            let text = std::fs::read_to_string(file).map_err(|error| {
                anyhow::anyhow!("opening seccomp profile ({file}) failed: {error}")
            })?;
            *option = format!("seccomp={text}");
        }
    }
    Ok(Some(options).filter(|options| !options.is_empty()))
}

fn temporary(matches: &Matches) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (path, options) = text.split_once(':').unwrap_or((text, ""));
        (path.to_owned(), options.to_owned())
    };
    matches.list(&flags::TMPFS).iter().map(pair).collect()
}

/// A size, 0 if there is none; -1 where no limit is asked for.
pub(crate) fn bytes(matches: &Matches, flag: &Flag) -> anyhow::Result<i64> {
    let text = matches.text(flag);
    if text.is_empty() {
        return Ok(0);
    }
    if text == "-1" {
        return Ok(-1);
    }
    let size = parse_size(text).and_then(|size| i64::try_from(size).ok());
    size.ok_or_else(|| {
        anyhow::anyhow!(
            "invalid argument {} for \"{}\" flag: invalid size: '{text}'",
            quoted(text),
            flag.spelled()
        )
    })
}

/// `1.5` processors as billionths.
pub(super) fn nano_cpus(text: &str) -> anyhow::Result<i64> {
    if text.is_empty() {
        return Ok(0);
    }
    let invalid = || {
        anyhow::anyhow!(
            "invalid argument {} for \"--cpus\" flag: failed to parse {text} as a rational number",
            quoted(text)
        )
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    anyhow::ensure!(fraction.len() <= 9, "value is too precise");
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(invalid());
    }
    format!("{whole}{fraction:0<9}")
        .parse()
        .map_err(|_too_large| invalid())
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
            _ => anyhow::bail!("invalid device specification: {text}"),
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

/// `nofile=1024:2048`.
pub(crate) fn ulimits(texts: &[String]) -> anyhow::Result<Vec<UlimitConfig>> {
    let ulimit = |text: &String| {
        let invalid = || {
            anyhow::anyhow!(
                "invalid argument {} for \"--ulimit\" flag: invalid ulimit argument: {text}",
                quoted(text)
            )
        };
        let (name, values) = text.split_once('=').ok_or_else(invalid)?;
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let number = |text: &str| match text {
            "unlimited" => Ok(-1),
            text => text.parse::<i64>().map_err(|_no_number| invalid()),
        };
        let (soft, hard) = (number(soft)?, number(hard)?);
        anyhow::ensure!(
            hard == -1 || (soft != -1 && soft <= hard),
            "invalid argument {} for \"--ulimit\" flag: ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}",
            quoted(text)
        );
        Ok(UlimitConfig {
            name: name.to_owned(),
            hard,
            soft,
        })
    };
    texts.iter().map(ulimit).collect()
}
