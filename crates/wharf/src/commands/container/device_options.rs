//! Values of the options about devices: shares and rates of block devices, rules of control groups, graphics processors
//! (docker/cli, `opts/throttledevice.go`, `opts/weightdevice.go`, `opts/gpus.go`).

use std::collections::BTreeMap;

use wharf_engine::{DeviceRequest, HostConfig, ThrottleDevice, WeightDevice, parse_size};
use wharf_runtime::cgroups::DeviceRule;

use super::run_flags as flags;
use super::run_options::{value_of, values_of};
use crate::arguments::{Matches, comma_separated, quoted};

/// What the options say of devices, in the rest of what is asked of the machine.
pub(super) fn with_devices(host: HostConfig, matches: &Matches) -> anyhow::Result<HostConfig> {
    let rules = matches.list(&flags::DEVICE_CGROUP_RULE).to_vec();
    let requests = values_of(matches, &flags::GPUS, gpus)?;
    Ok(HostConfig {
        blkio_weight: value_of(matches, &flags::BLKIO_WEIGHT, weight)?,
        blkio_weight_device: values_of(matches, &flags::BLKIO_WEIGHT_DEVICE, weight_device)?,
        blkio_device_read_bps: values_of(matches, &flags::DEVICE_READ_BPS, bytes_device)?,
        blkio_device_write_bps: values_of(matches, &flags::DEVICE_WRITE_BPS, bytes_device)?,
        blkio_device_read_iops: values_of(matches, &flags::DEVICE_READ_IOPS, operations_device)?,
        blkio_device_write_iops: values_of(matches, &flags::DEVICE_WRITE_IOPS, operations_device)?,
        device_cgroup_rules: (!rules.is_empty()).then_some(rules),
        device_requests: (!requests.is_empty()).then_some(requests),
        ..host
    })
}

/// A weight of 16 bits; nothing is 0.
pub(super) fn weight(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().map_err(|_no_weight| {
        let why = if is_number {
            "value out of range"
        } else {
            "invalid syntax"
        };
        format!("strconv.ParseUint: parsing {}: {why}", quoted(text))
    })
}

/// `/dev/sda:100`.
pub(super) fn weight_device(text: &str) -> Result<WeightDevice, String> {
    let (path, value) = device_and_value(text)?;
    let weight = value.parse().ok();
    let weight = weight.filter(|weight| *weight == 0 || (10..=1000).contains(weight));
    Ok(WeightDevice {
        path,
        weight: weight.ok_or_else(|| format!("invalid weight for device: {text}"))?,
    })
}

/// `/dev/sda:1mb`.
pub(super) fn bytes_device(text: &str) -> Result<ThrottleDevice, String> {
    let (path, value) = device_and_value(text)?;
    Ok(ThrottleDevice {
        path,
        rate: parse_size(value).ok_or_else(|| {
            format!("invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb")
        })?,
    })
}

/// `/dev/sda:100`.
pub(super) fn operations_device(text: &str) -> Result<ThrottleDevice, String> {
    let (path, value) = device_and_value(text)?;
    Ok(ThrottleDevice {
        path,
        rate: value.parse().map_err(|_no_number| {
            format!("invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer")
        })?,
    })
}

fn device_and_value(text: &str) -> Result<(String, &str), String> {
    let (path, value) = text
        .split_once(':')
        .filter(|(path, _)| !path.is_empty())
        .ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    Ok((path.to_owned(), value))
}

/// `c 13:* rwm`.
pub(super) fn rule(text: &str) -> Result<(), String> {
    let rule = text.parse::<DeviceRule>();
    rule.map(drop)
        .map_err(|_no_rule| format!("invalid device cgroup format '{text}'"))
}

/// `all`, `2`, `device=0,driver=nvidia`, with quotes around fields that have commas in them.
pub(super) fn gpus(text: &str) -> Result<DeviceRequest, String> {
    let mut request = DeviceRequest::default();
    let mut seen = Vec::new();
    for field in comma_separated(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key, value),
            None => ("count", field.as_str()),
        };
        if seen.contains(&key.to_owned()) {
            return Err(format!(
                "gpu request key '{key}' can be specified only once"
            ));
        }
        seen.push(key.to_owned());
        let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match key {
            "count" => request.count = count(value)?,
            "driver" => value.clone_into(&mut request.driver),
            "device" => request.device_ids = Some(list()),
            "capabilities" => {
                let gpu = ["gpu".to_owned()];
                request.capabilities = vec![list().into_iter().chain(gpu).collect()];
            }
            "options" => request.options = options(&comma_separated(value)?),
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    if !seen.iter().any(|key| key == "count") && request.device_ids.is_none() {
        request.count = 1;
    }
    if request.capabilities.is_empty() {
        request.capabilities = vec![vec!["gpu".to_owned()]];
    }
    Ok(request)
}

fn count(text: &str) -> Result<i64, String> {
    if text == "all" {
        return Ok(-1);
    }
    text.parse().map_err(|_no_number| {
        format!(
            "invalid count ({text}): value must be either \"all\" or an integer: invalid syntax"
        )
    })
}

fn options(texts: &[String]) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.to_owned(), value.to_owned())
    };
    texts.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Result<(), String>;

    /// With the words of docker 28.2.2; nothing where it takes the value.
    const CASES: &[(Check, &str, &str)] = &[
        (|text| weight(text).map(drop), "100", ""),
        (
            |text| weight(text).map(drop),
            "70000",
            "strconv.ParseUint: parsing \"70000\": value out of range",
        ),
        (
            |text| weight(text).map(drop),
            "-1",
            "strconv.ParseUint: parsing \"-1\": invalid syntax",
        ),
        (|text| weight_device(text).map(drop), "/dev/vda:100", ""),
        (
            |text| weight_device(text).map(drop),
            "foo",
            "bad format: foo",
        ),
        (
            |text| weight_device(text).map(drop),
            "dev:50",
            "bad format for device path: dev:50",
        ),
        (
            |text| weight_device(text).map(drop),
            "/dev/vda:5",
            "invalid weight for device: /dev/vda:5",
        ),
        (|text| bytes_device(text).map(drop), "/dev/vda:1mb", ""),
        (
            |text| bytes_device(text).map(drop),
            "/dev/vda:-1",
            "invalid rate for device: /dev/vda:-1. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
        ),
        (
            |text| operations_device(text).map(drop),
            "/dev/vda:x",
            "invalid rate for device: /dev/vda:x. The correct format is <device-path>:<number>. Number must be a positive integer",
        ),
        (rule, "c 1:3 rwm", ""),
        (rule, "c 1:3 x", "invalid device cgroup format 'c 1:3 x'"),
        (
            |text| gpus(text).map(drop),
            "foo",
            "invalid count (foo): value must be either \"all\" or an integer: invalid syntax",
        ),
        (
            |text| gpus(text).map(drop),
            "colour=red",
            "unexpected key 'colour' in 'colour=red'",
        ),
        (
            |text| gpus(text).map(drop),
            "device=0,device=1",
            "gpu request key 'device' can be specified only once",
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
    fn requests_are_read() {
        let request = gpus("\"device=0,1\",capabilities=utility,driver=nvidia").unwrap();
        assert_eq!((request.count, request.driver.as_str()), (0, "nvidia"));
        let devices = ["0".to_owned(), "1".to_owned()];
        assert_eq!(request.device_ids.as_deref(), Some(&devices[..]));
        assert_eq!(request.capabilities, [["utility", "gpu"]]);
        assert_eq!(gpus("all").unwrap().count, -1);
        assert_eq!(gpus("driver=x").unwrap().count, 1);
        assert_eq!(bytes_device("/dev/vda:1mb").unwrap().rate, 1 << 20);
    }
}
