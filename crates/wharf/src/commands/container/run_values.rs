//! What the values of options of `run`, `create` and `update` mean, and Docker's words for those that mean nothing
//! (docker/cli, `opts/`; docker/go-units).

use wharf_engine::{UlimitConfig, parse_size};
use wharf_runtime::network::{check_dns_search, parse_add_host, parse_dns_server};
use wharf_template::units::parse_go_duration;

use crate::arguments::quoted;

/// Settings of the kernel that are a container's own (docker/cli, `opts.ValidateSysctl`), beside those of its network.
const SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];
/// Settings that begin so are a container's own.
const SYSCTL_PREFIXES: [&str; 2] = ["net.", "fs.mqueue."];
/// Names of limits of processes (docker/go-units, `ulimit.go`).
const ULIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `64m`, in bytes; nothing is 0.
pub(crate) fn size(text: &str) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let size = parse_size(text).and_then(|size| i64::try_from(size).ok());
    size.ok_or_else(|| format!("invalid size: '{text}'"))
}

/// A size, or -1 for no limit.
pub(crate) fn size_of_swap(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { size(text) }
}

/// `1.5` processors as billionths.
pub(crate) fn nano_cpus(text: &str) -> Result<i64, String> {
    let invalid = || format!("failed to parse {text} as a rational number");
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => (-1, plain),
        None => (1, text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(invalid());
    }
    if fraction.len() > 9 {
        return Err("value is too precise".to_owned());
    }
    let billionths: i64 = format!("{whole}{fraction:0<9}")
        .parse()
        .map_err(|_too_large| invalid())?;
    Ok(sign * billionths)
}

/// `1m30s`, in nanoseconds.
pub(crate) fn nanoseconds(text: &str) -> Result<i64, String> {
    let span = parse_go_duration(text).map_err(|error| error.to_string())?;
    i64::try_from(span.as_nanos())
        .map_err(|_beyond| format!("time: invalid duration {}", quoted(text)))
}

/// A stream to attach to.
pub(crate) fn stream(text: &str) -> Result<(), String> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" | "stdout" | "stderr" => Ok(()),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `NAME=value` or `NAME`.
pub(crate) fn variable(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('=') {
        return Err(format!("invalid environment variable: {text}"));
    }
    Ok(())
}

/// `key=value` or `key`.
pub(crate) fn label(text: &str) -> Result<(), String> {
    if text.trim_start().starts_with('=') {
        return Err(format!("invalid label '{text}': empty name"));
    }
    Ok(())
}

/// `name:address`, `name=address`.
pub(crate) fn extra_host(text: &str) -> Result<(), String> {
    let parsed = parse_add_host(text);
    parsed.map(drop).map_err(|error| error.to_string())
}

/// The address of a name server.
pub(crate) fn name_server(text: &str) -> Result<(), String> {
    let parsed = parse_dns_server(text);
    parsed.map(drop).map_err(|error| error.to_string())
}

/// A domain that is searched; `.` for none.
pub(crate) fn search_domain(text: &str) -> Result<(), String> {
    check_dns_search(text).map_err(|error| error.to_string())
}

/// A setting of the kernel that a container may have for itself.
pub(crate) fn sysctl(text: &str) -> Result<(), String> {
    let own = |name: &str| {
        SYSCTLS.contains(&name)
            || SYSCTL_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
    };
    match text.split_once('=') {
        Some((name, _)) if own(name) => Ok(()),
        _ => Err(format!("sysctl '{text}' is not allowed")),
    }
}

/// `nofile=1024:2048`; -1 for no limit.
pub(crate) fn ulimit(text: &str) -> Result<UlimitConfig, String> {
    let invalid = || format!("invalid ulimit argument: {text}");
    let (name, values) = text.split_once('=').ok_or_else(invalid)?;
    if !ULIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let parts: Vec<&str> = values.split(':').collect();
    let (soft, hard) = match parts[..] {
        [both] => (both, both),
        [soft, hard] => (soft, hard),
        _ => {
            return Err(format!(
                "too many limit value arguments - {values}, can only have up to two, `soft[:hard]`"
            ));
        }
    };
    let number = |text: &str| {
        let syntax =
            |_no_number| format!("strconv.ParseInt: parsing {}: invalid syntax", quoted(text));
        text.parse::<i64>().map_err(syntax)
    };
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        ));
    }
    Ok(UlimitConfig {
        name: name.to_owned(),
        hard,
        soft,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (fn(&str) -> Result<(), String>, &'static str, &'static str);

    /// With the words of docker 28.2.2; nothing where it takes the value.
    const CASES: &[Case] = &[
        (|text| size(text).map(drop), "64m", ""),
        (|text| size(text).map(drop), "abc", "invalid size: 'abc'"),
        (|text| size(text).map(drop), "-1", "invalid size: '-1'"),
        (|text| size_of_swap(text).map(drop), "-1", ""),
        (|text| nano_cpus(text).map(drop), "1.5", ""),
        (
            |text| nano_cpus(text).map(drop),
            "x",
            "failed to parse x as a rational number",
        ),
        (
            |text| nano_cpus(text).map(drop),
            "1.0000000001",
            "value is too precise",
        ),
        (
            |text| nanoseconds(text).map(drop),
            "x",
            "time: invalid duration \"x\"",
        ),
        (stream, "StdOut", ""),
        (stream, "foo", "valid streams are STDIN, STDOUT and STDERR"),
        (variable, "=x", "invalid environment variable: =x"),
        (label, "=x", "invalid label '=x': empty name"),
        (extra_host, "a:1.2.3.4", ""),
        (extra_host, "a=[::1]", ""),
        (extra_host, "a:host-gateway", ""),
        (extra_host, "foo", "bad format for add-host: \"foo\""),
        (extra_host, "a:b", "invalid IP address in add-host: \"b\""),
        (name_server, "x", "IP address is not correctly formatted: x"),
        (search_domain, ".", ""),
        (search_domain, "a.example.", ""),
        (search_domain, "a..b", "a..b is not a valid domain"),
        (sysctl, "net.core.somaxconn=1", ""),
        (sysctl, "foo.bar=1", "sysctl 'foo.bar=1' is not allowed"),
        (
            sysctl,
            "kernel.msgmax",
            "sysctl 'kernel.msgmax' is not allowed",
        ),
        (|text| ulimit(text).map(drop), "nofile=10:20", ""),
        (
            |text| ulimit(text).map(drop),
            "nofile",
            "invalid ulimit argument: nofile",
        ),
        (
            |text| ulimit(text).map(drop),
            "foo=1",
            "invalid ulimit type: foo",
        ),
        (
            |text| ulimit(text).map(drop),
            "nofile=x",
            "strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            |text| ulimit(text).map(drop),
            "nofile=2:1",
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
        (
            |text| ulimit(text).map(drop),
            "nofile=1:2:3",
            "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
        ),
    ];

    #[test]
    fn values_are_refused_in_docker_s_words() {
        for (check, value, expected) in CASES {
            let said = check(value).err().unwrap_or_default();
            assert_eq!(said, *expected, "{value}");
        }
    }

    #[test]
    fn values_are_read() {
        assert_eq!(nano_cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(nano_cpus("-1"), Ok(-1_000_000_000));
        assert_eq!(nanoseconds("1m"), Ok(60_000_000_000));
        assert_eq!(size("1k"), Ok(1024));
        let ulimit = ulimit("nofile=-1").unwrap();
        assert_eq!((ulimit.soft, ulimit.hard), (-1, -1));
    }
}
