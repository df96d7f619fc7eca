//! `--mount type=bind,source=/a,target=/b,readonly` (docker/cli, `opts/mount.go`).

use wharf_engine::{MountConfig, parse_size};

/// Reads one `--mount`, with Docker's words for what cannot be one.
pub(super) fn parse_mount(text: &str) -> Result<MountConfig, String> {
    let mut mount = MountConfig {
        kind: "volume".to_owned(),
        ..MountConfig::default()
    };
    let mut families: Vec<&str> = Vec::new();
    for field in text.split(',') {
        let key = field.split('=').next().unwrap_or_default();
        let key = key.to_ascii_lowercase();
        let family = ["bind", "volume", "tmpfs"];
        let family = family.into_iter().find(|family| {
            let rest = key.strip_prefix(family);
            rest.is_some_and(|rest| rest.starts_with('-'))
        });
        families.extend(family);
        read_field(&mut mount, &key, field)?;
    }
    if mount.target.is_empty() {
        return Err("target is required".to_owned());
    }
    for family in families {
        if family != mount.kind {
            let kind = &mount.kind;
            let text = format!("cannot mix '{family}-*' options with mount type '{kind}'");
            return Err(text);
        }
    }
    if mount.kind == "bind" && mount.source.starts_with('.') {
        // As for Docker's client, such a path is meant from here.
        let absolute = std::path::absolute(&mount.source).map_err(|error| error.to_string())?;
        mount.source = absolute.to_string_lossy().into_owned();
    }
    Ok(mount)
}

fn read_field(mount: &mut MountConfig, key: &str, field: &str) -> Result<(), String> {
    let (_, value) = field.split_once('=').unwrap_or((field, "true"));
    let is_alone = !field.contains('=');
    let invalid = || format!("invalid value for {key}: {value}");
    match key {
        "readonly" | "ro" => mount.read_only = truth(key, value)?,
        "bind-nonrecursive" => {
            mount.bind_options.get_or_insert_default().non_recursive = truth(key, value)?;
        }
        "volume-nocopy" => {
            mount.volume_options.get_or_insert_default().no_copy = truth(key, value)?;
        }
        _ if is_alone => return Err(format!("invalid field '{field}' must be a key=value pair")),
        "type" => mount.kind = value.to_ascii_lowercase(),
        "source" | "src" => value.clone_into(&mut mount.source),
        "target" | "dst" | "destination" => value.clone_into(&mut mount.target),
        "bind-propagation" => {
            let known = [
                "private", "rprivate", "shared", "rshared", "slave", "rslave",
            ];
            if !known.contains(&value) {
                return Err(format!("invalid propagation mode: {value}"));
            }
            let options = mount.bind_options.get_or_insert_default();
            value.clone_into(&mut options.propagation);
        }
        "bind-recursive" => match value {
            "enabled" => (),
            "disabled" => mount.bind_options.get_or_insert_default().non_recursive = true,
            "writable" | "readonly" => {
                return Err(format!(
                    "bind-recursive={value} is not supported: use enabled or disabled"
                ));
            }
            _ => {
                return Err(format!(
                    "invalid value for {key}: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                ));
            }
        },
        "tmpfs-size" => {
            let size = parse_size(value).and_then(|size| i64::try_from(size).ok());
            mount.tmpfs_options.get_or_insert_default().size_bytes = size.ok_or_else(invalid)?;
        }
        "tmpfs-mode" => {
            mount.tmpfs_options.get_or_insert_default().mode =
                u32::from_str_radix(value, 8).map_err(|_no_mode| invalid())?;
        }
        // It asks for nothing on Linux.
        "consistency" => (),
        "volume-driver" if value == "local" => (),
        "volume-driver" | "volume-label" | "volume-opt" => {
            return Err(format!(
                "'{field}' is not supported: make the volume with `wharf volume create` first"
            ));
        }
        _ => return Err(format!("unexpected key '{key}' in '{field}'")),
    }
    Ok(())
}

fn truth(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("invalid value for {key}: {value}")),
    }
}
