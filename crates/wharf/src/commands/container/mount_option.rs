//! `--mount type=bind,source=/a,target=/b,readonly` (docker/cli, `opts/mount.go`).

use wharf_engine::{MountConfig, parse_size};

/// Reads one `--mount`.
pub(super) fn parse_mount(text: &str) -> anyhow::Result<MountConfig> {
    let mut mount = MountConfig {
        kind: "volume".to_owned(),
        ..MountConfig::default()
    };
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, "true"));
        let is_alone = !field.contains('=');
        match key.to_ascii_lowercase().as_str() {
            "type" => mount.kind = value.to_ascii_lowercase(),
            "source" | "src" if !is_alone => value.clone_into(&mut mount.source),
            "target" | "dst" | "destination" if !is_alone => value.clone_into(&mut mount.target),
            "readonly" | "ro" => mount.read_only = truth(key, value)?,
            "bind-propagation" => value.clone_into(&mut mount.propagation),
            "bind-recursive" => mount.non_recursive = value == "disabled",
            "bind-nonrecursive" => mount.non_recursive = truth(key, value)?,
            "volume-nocopy" => mount.no_copy = truth(key, value)?,
            "tmpfs-size" => {
                let size = parse_size(value).and_then(|size| i64::try_from(size).ok());
                mount.tmpfs_size =
                    size.ok_or_else(|| anyhow::anyhow!("invalid value for {key}: {value}"))?;
            }
            "tmpfs-mode" => {
                mount.tmpfs_mode = u32::from_str_radix(value, 8)
                    .map_err(|_no_mode| anyhow::anyhow!("invalid value for {key}: {value}"))?;
            }
            "consistency" | "volume-driver" | "volume-label" | "volume-opt" => (),
            _ if is_alone => anyhow::bail!("invalid field '{field}' must be a key=value pair"),
            _ => anyhow::bail!("unexpected key '{key}' in '{field}'"),
        }
    }
    anyhow::ensure!(!mount.target.is_empty(), "target is required");
    if mount.kind == "bind" && !mount.source.starts_with('/') {
        // As for Docker's client, a path is meant from here.
        let absolute = std::path::absolute(&mount.source)?;
        mount.source = absolute.to_string_lossy().into_owned();
    }
    Ok(mount)
}

fn truth(key: &str, value: &str) -> anyhow::Result<bool> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => anyhow::bail!("invalid value for {key}: {value}"),
    }
}
