//! The network of an ordinary user's container: by a program of theirs.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use wharf_runtime::network::{
    TakenPort, UserNetwork, UserNetworkError, UserNetworkTool, take_ports,
};
use wharf_runtime::{ContainerFolder, HostError};
use wharf_transfer::ErrorKind;

use super::names::write_files;
use super::places::{ContainerNetwork, bindings};
use crate::containers::record::ContainerRecord;
use crate::error::{EngineError, classify};

/// In the container's folder: what the network that it has, or had when it ran last, looks like.
const FILE: &str = "user-network.json";
/// Of slirp4netns: how many bits of an address are the network's, and the way out (its manual, "DEFAULTS").
const SLIRP_PREFIX_LENGTH: u8 = 24;
const SLIRP_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// How often other ports are tried.
const RETRIES: u32 = 2;

#[derive(Serialize, Deserialize)]
struct ToldPlace {
    /// Where the container has one of its own, which is slirp4netns'.
    address: Option<Ipv4Addr>,
    ports: Vec<TakenPort>,
}

/// Ports that are free at this moment: the program binds them itself.
fn free_ports(
    tool: &UserNetworkTool,
    record: &ContainerRecord,
) -> Result<Vec<TakenPort>, HostError> {
    let held = take_ports(&bindings(record)?, Ipv4Addr::UNSPECIFIED, &|_, _, _| false)
        .map_err(|error| error.on_endpoint(&record.name, &record.id))?;
    let all: Vec<TakenPort> = held.iter().map(|held| held.port).collect();
    let (can, cannot): (Vec<_>, Vec<_>) = all.into_iter().partition(|port| tool.can_publish(port));
    // Without an address both kinds are meant, of which one will do.
    let same = |one: &TakenPort, other: &TakenPort| {
        one.host_ip.is_unspecified()
            && (one.host_port, one.container_port, one.protocol)
                == (other.host_port, other.container_port, other.protocol)
    };
    let lost = |port: &&TakenPort| !can.iter().any(|other| same(port, other));
    match cannot.iter().find(lost) {
        Some(port) => Err(format!(
            "{} cannot publish port {} at {}: use an IPv4 address, or install pasta (package passt)",
            tool.name(),
            port.host_port,
            port.host_ip
        )
        .into()),
        None => Ok(can),
    }
}

/// What was told of the container's network, which runs; `None` if it has the machine's.
pub(super) fn told_place(
    folder: &ContainerFolder,
) -> Result<Option<ContainerNetwork>, EngineError> {
    let bytes = match std::fs::read(folder.path().join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(classify)?,
    };
    let told: ToldPlace = serde_json::from_slice(&bytes)
        .map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
    Ok(Some(ContainerNetwork {
        name: "bridge".to_owned(),
        network_id: String::new(),
        endpoint_id: String::new(),
        address: told.address.unwrap_or(Ipv4Addr::UNSPECIFIED),
        prefix_length: told.address.map_or(0, |_| SLIRP_PREFIX_LENGTH),
        gateway: told.address.map(|_| SLIRP_GATEWAY),
        hardware_address: String::new(),
        ipv6: None,
        ipv6_gateway: None,
        names: Vec::new(),
        ports: told.ports,
    }))
}

/// The network of an ordinary user's container.
pub(in crate::containers) struct UserPlace {
    tool: UserNetworkTool,
    ports: Vec<TakenPort>,
    network: Option<UserNetwork>,
}

impl UserPlace {
    /// Looks for ports that are free; `tool` is to make it.
    pub(in crate::containers) fn new(
        tool: UserNetworkTool,
        record: &ContainerRecord,
        folder: &ContainerFolder,
    ) -> Result<Self, HostError> {
        // That of the last time is not this time's.
        match std::fs::remove_file(folder.path().join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => (),
        }
        Ok(Self {
            ports: free_ports(&tool, record)?,
            tool,
            network: None,
        })
    }

    /// Starts the program for the new process.
    pub(in crate::containers) fn connect(
        &mut self,
        record: &ContainerRecord,
        process: Pid,
        folder: &ContainerFolder,
    ) -> Result<(), HostError> {
        let number = process.as_raw_nonzero().get().unsigned_abs();
        let mut tries = 0;
        let network = loop {
            match self.tool.start(number, true, &self.ports, folder.path()) {
                // Whoever took one of the ports meanwhile is named, or avoided.
                Err(UserNetworkError::Failed { .. }) if tries < RETRIES => {
                    self.ports = free_ports(&self.tool, record)?;
                    tries += 1;
                }
                started => break started?,
            }
        };
        let address = network.address.map(IpAddr::V4);
        let addresses: Vec<IpAddr> = address.into_iter().collect();
        let server = Some(network.dns_server.into());
        write_files(record, folder, None, &addresses, server)?;
        self.tell(folder, network.address)?;
        self.network = Some(network);
        Ok(())
    }

    /// Writes down what people see of it.
    fn tell(&self, folder: &ContainerFolder, address: Option<Ipv4Addr>) -> Result<(), HostError> {
        let told = ToldPlace {
            address,
            ports: self.ports.clone(),
        };
        let json = serde_json::to_vec(&told)?;
        wharf_blobs::write_file_unsynced(&folder.path().join(FILE), &json, 0o600)?;
        Ok(())
    }

    /// Ends the program.
    pub(in crate::containers) fn end(self) -> Result<(), HostError> {
        match self.network {
            Some(mut network) => Ok(network.end()?),
            None => Ok(()),
        }
    }
}
