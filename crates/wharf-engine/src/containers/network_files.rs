//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container.

use std::path::Path;

use wharf_runtime::{ContainerFolder, MountSpec};

use super::record::ContainerRecord;
use super::spec::bind;
use crate::error::{EngineError, classify};

/// What every container's `/etc/hosts` begins with (libnetwork, `etchosts`).
const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// Writes the three files and says where they belong. They stay as the container left them between two starts only where nobody
/// else writes them.
pub(super) fn network_files(
    record: &ContainerRecord,
    folder: &ContainerFolder,
) -> Result<Vec<MountSpec>, EngineError> {
    let host = &record.host_config;
    let mut hosts = if host.network_mode == "host" {
        std::fs::read_to_string("/etc/hosts").unwrap_or_else(|_| HOSTS.to_owned())
    } else {
        HOSTS.to_owned()
    };
    for extra in host.extra_hosts.iter().flatten() {
        if let Some((name, address)) = extra.split_once([':', '=']) {
            hosts.extend([address, "\t", name, "\n"]);
        }
    }
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut mounts = Vec::new();
    for (name, content) in [
        ("hosts", hosts),
        ("hostname", format!("{}\n", record.config.hostname)),
        ("resolv.conf", resolver),
    ] {
        let path = folder.path().join(name);
        let target = format!("/etc/{name}");
        // What the user mounts there is the user's.
        if record
            .mounts
            .iter()
            .any(|mount| Path::new(&mount.destination) == Path::new(&target))
        {
            continue;
        }
        wharf_blobs::write_file_unsynced(&path, content.as_bytes(), 0o644).map_err(classify)?;
        mounts.push(bind(&path, &target, true));
    }
    Ok(mounts)
}
