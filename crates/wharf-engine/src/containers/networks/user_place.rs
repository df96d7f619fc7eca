//! The network of an ordinary user's container: by a program of theirs.

use std::net::{IpAddr, Ipv4Addr};

use rustix::process::Pid;
use wharf_runtime::network::{TakenPort, UserNetwork, UserNetworkTool, take_ports};
use wharf_runtime::{ContainerFolder, HostError};

use super::names::write_files;
use super::places::bindings;
use crate::containers::record::ContainerRecord;

/// The network of an ordinary user's container.
pub(in crate::containers) struct UserPlace {
    tool: UserNetworkTool,
    ports: Vec<TakenPort>,
    network: Option<UserNetwork>,
}

impl UserPlace {
    /// Looks for a program that can make one, and for ports that are free.
    pub(in crate::containers) fn find(record: &ContainerRecord) -> Result<Self, HostError> {
        let tool = UserNetworkTool::find()?;
        // The program binds them itself: they are free at this moment.
        let held = take_ports(&bindings(record)?, Ipv4Addr::UNSPECIFIED, &|_, _, _| false)
            .map_err(|error| error.on_endpoint(&record.name, &record.id))?;
        Ok(Self {
            tool,
            ports: held.iter().map(|held| held.port).collect(),
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
        let network = self.tool.start(number, true, &self.ports, folder.path())?;
        let address = network.address.map(IpAddr::V4);
        let addresses: Vec<IpAddr> = address.into_iter().collect();
        let server = Some(network.dns_server.into());
        write_files(record, folder, None, &addresses, server)?;
        self.network = Some(network);
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
