//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container.

use std::net::Ipv4Addr;
use std::path::Path;

use wharf_runtime::network::{
    ExtraAddress, ExtraHost, NameError, hosts, hosts_of_host, parse_add_host,
};
use wharf_runtime::{ContainerFolder, MountSpec};
use wharf_transfer::ErrorKind;

use super::record::ContainerRecord;
use super::spec::bind;
use crate::error::{EngineError, classify, failure};

/// Writes the three files and says where they belong. They stay as the container left them between two starts only where nobody
/// else writes them.
pub(super) fn network_files(
    record: &ContainerRecord,
    folder: &ContainerFolder,
) -> Result<Vec<MountSpec>, EngineError> {
    let host = &record.host_config;
    let own_network = host.network_mode != "host";
    let extra: Vec<ExtraHost> = host
        .extra_hosts
        .iter()
        .flatten()
        .map(|text| parse_add_host(text))
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(&error))?;
    let hosts = if own_network {
        // Where the machine is, networks know that have a way to it: they write the file anew.
        let with_address = |extra: &ExtraHost| extra.address != ExtraAddress::HostGateway;
        let extra: Vec<ExtraHost> = extra.into_iter().filter(with_address).collect();
        hosts(&[], &extra, None)
    } else {
        let file = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        hosts_of_host(&file, &extra, Some(Ipv4Addr::LOCALHOST.into()))
    }
    .map_err(|error| unusable(&error))?;
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

fn unusable(error: &NameError) -> EngineError {
    failure(ErrorKind::Invalid, error.to_string())
}
