//! Files of names of a container, and what its name server knows.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustix::process::Pid;
use wharf_runtime::network::{
    DnsOptions, KnownName, NAME_SERVER, NameServer, NameServerThread, NetworkNamespace,
    RESOLVED_FILE, asks_resolved, hosts, parse_add_host, parse_dns_server, resolv_conf,
    start_name_server,
};
use wharf_runtime::{ContainerFolder, HostError};

use super::file::{self, Network, NetworkPlace, Networks};
use crate::containers::config::HostConfig;
use crate::containers::record::ContainerRecord;
use crate::engine::Engine;

const MACHINES_SERVERS: &str = "/etc/resolv.conf";

/// A name server to start once the container has its network.
pub(super) struct ServerOrder {
    networks: PathBuf,
    container: String,
    servers: Vec<IpAddr>,
}

impl Engine {
    /// What is to be started for a container with such places: a name server where a network that somebody made is among them.
    pub(super) fn name_server(
        &self,
        record: &ContainerRecord,
        places: &[(Network, NetworkPlace)],
    ) -> Option<ServerOrder> {
        let wanted = places.iter().any(|(network, _)| !network.is_predefined());
        wanted.then(|| self.server_order(record))
    }

    pub(super) fn server_order(&self, record: &ContainerRecord) -> ServerOrder {
        self.server_order_for(&record.id, &record.host_config.dns)
    }

    /// The same for whoever has places under this ID, and asked for these servers.
    pub(super) fn server_order_for(&self, id: &str, asked: &[String]) -> ServerOrder {
        let mut servers: Vec<IpAddr> = asked
            .iter()
            .filter_map(|text| parse_dns_server(text).ok())
            .collect();
        if servers.is_empty() {
            // It asks from the machine's network: servers on the machine's loopback too.
            servers = machines_servers()
                .lines()
                .filter_map(|line| line.trim().strip_prefix("nameserver"))
                .filter_map(|server| server.trim().parse().ok())
                .collect();
        }
        ServerOrder {
            networks: file::path(self),
            container: id.to_owned(),
            servers,
        }
    }
}

/// The machine's `resolv.conf`.
fn machines_servers() -> String {
    std::fs::read_to_string(MACHINES_SERVERS).unwrap_or_default()
}

impl ServerOrder {
    /// Starts it for the container whose first process this is. Only a process with one thread can.
    pub(super) fn start(self, process: Pid) -> Result<(), HostError> {
        Ok(start_name_server(process, self.server())?)
    }

    /// Starts it on a thread of this process.
    pub(super) fn start_thread(
        self,
        namespace: &NetworkNamespace,
    ) -> Result<NameServerThread, HostError> {
        Ok(NameServerThread::start(namespace, self.server())?)
    }

    fn server(self) -> NameServer {
        let book = Arc::new(Book {
            path: self.networks,
            container: self.container,
            read: Mutex::new(None),
        });
        let other = Arc::clone(&book);
        NameServer {
            name: Box::new(move |name| book.name(name)),
            address: Box::new(move |address| other.address(address)),
            servers: self.servers,
        }
    }
}

/// What is written down of networks, read again when it has changed.
struct Book {
    path: PathBuf,
    container: String,
    read: Mutex<Option<(SystemTime, Arc<Networks>)>>,
}

impl Book {
    fn networks(&self) -> Option<Arc<Networks>> {
        let changed = self
            .path
            .metadata()
            .and_then(|found| found.modified())
            .ok()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, networks)) = &*read
            && *at == changed
        {
            return Some(Arc::clone(networks));
        }
        let networks = Arc::new(file::read(&self.path).ok()??);
        *read = Some((changed, Arc::clone(&networks)));
        Some(networks)
    }

    fn name(&self, asked: &str) -> KnownName {
        let Some(networks) = self.networks() else {
            return KnownName::Nothing;
        };
        let mut found = Vec::new();
        for network in self.own(&networks) {
            let short = asked.strip_suffix(&network.name.to_lowercase());
            let short = short.and_then(|name| name.strip_suffix('.'));
            for place in network.places.values() {
                let is_called = |name: &str| {
                    let mut names = place.names.iter();
                    names.any(|known| known.eq_ignore_ascii_case(name))
                };
                if is_called(asked) || short.is_some_and(is_called) {
                    found.push(place.endpoint.address.into());
                    found.extend(place.endpoint.ipv6_address.map(IpAddr::from));
                }
            }
        }
        if found.is_empty() {
            return self.nothing(&networks);
        }
        KnownName::Addresses(found)
    }

    fn address(&self, asked: IpAddr) -> KnownName {
        let Some(networks) = self.networks() else {
            return KnownName::Nothing;
        };
        for network in self.own(&networks) {
            let mut places = network.places.values();
            let found = places.find(|place| match asked {
                IpAddr::V4(asked) => place.endpoint.address == asked,
                IpAddr::V6(asked) => place.endpoint.ipv6_address == Some(asked),
            });
            if let Some(name) = found.and_then(|place| place.names.first()) {
                return KnownName::Name(format!("{name}.{}", network.name));
            }
        }
        self.nothing(&networks)
    }

    /// Others are asked only for who has a way out.
    fn nothing(&self, networks: &Networks) -> KnownName {
        let mut all = networks.networks.values();
        if all.any(|network| !network.internal && network.places.contains_key(&self.container)) {
            KnownName::Nothing
        } else {
            KnownName::NothingAnywhere
        }
    }

    /// Networks of the container in which it has names.
    fn own<'a>(&self, networks: &'a Networks) -> impl Iterator<Item = &'a Network> {
        let all = networks.networks.values();
        all.filter(|network| {
            !network.is_predefined() && network.places.contains_key(&self.container)
        })
    }
}

/// `/etc/hosts` and `/etc/resolv.conf` of a container that has addresses of its own.
pub(super) fn write_names(
    record: &ContainerRecord,
    folder: &ContainerFolder,
    places: &[(Network, NetworkPlace)],
    has_server: bool,
) -> Result<(), HostError> {
    let gateway = places
        .iter()
        .find(|(_, place)| place.endpoint.default_route)
        .and_then(|(network, _)| network.bridge.as_ref())
        .map(|bridge| bridge.gateway.into());
    let addresses: Vec<IpAddr> = places
        .iter()
        .flat_map(|(_, place)| {
            let ipv4 = IpAddr::from(place.endpoint.address);
            let ipv6 = place.endpoint.ipv6_address.map(IpAddr::from);
            std::iter::once(ipv4).chain(ipv6)
        })
        .collect();
    let server = has_server.then_some(NAME_SERVER.into());
    write_files(record, folder, gateway, &addresses, server)
}

/// The same for any addresses; `server` is who is asked for names.
pub(super) fn write_files(
    record: &ContainerRecord,
    folder: &ContainerFolder,
    gateway: Option<IpAddr>,
    addresses: &[IpAddr],
    server: Option<IpAddr>,
) -> Result<(), HostError> {
    let mut extra = Vec::new();
    for text in record.host_config.extra_hosts.iter().flatten() {
        extra.push(parse_add_host(text)?);
    }
    let own: Vec<_> = addresses
        .iter()
        .map(|address| (*address, own_names(record)))
        .collect();
    let text = hosts(&own, &extra, gateway)?;
    wharf_blobs::write_file_unsynced(&folder.path().join("hosts"), text.as_bytes(), 0o644)?;
    let text = resolver_text(&record.host_config, server)?;
    wharf_blobs::write_file_unsynced(&folder.path().join("resolv.conf"), text.as_bytes(), 0o644)?;
    Ok(())
}

fn own_names(record: &ContainerRecord) -> Vec<String> {
    let config = &record.config;
    let mut names = vec![config.hostname.clone()];
    if !config.domainname.is_empty() {
        names.insert(0, format!("{}.{}", config.hostname, config.domainname));
    }
    names
}

/// `/etc/resolv.conf` of whoever has a network of its own; `server` is who is asked for names where nobody else is named.
pub(crate) fn resolver_text(
    host: &HostConfig,
    server: Option<IpAddr>,
) -> Result<String, HostError> {
    let mut options = host.dns_options.clone();
    let mut servers = Vec::new();
    let own_server = server == Some(NAME_SERVER.into());
    if own_server {
        // It asks those that were named. Names without a dot are names of containers.
        let dots = |option: &String| option.starts_with("ndots:");
        if !options.iter().any(dots) {
            options.push("ndots:0".to_owned());
        }
    } else {
        for text in &host.dns {
            servers.push(parse_dns_server(text)?);
        }
    }
    if servers.is_empty() {
        servers.extend(server);
    }
    let asked = DnsOptions {
        servers,
        search: host.dns_search.clone(),
        options,
    };
    let mut machines = machines_servers();
    if asks_resolved(&machines) {
        // That answers on the machine's loopback alone; whom it asks can be asked from everywhere.
        machines = std::fs::read_to_string(RESOLVED_FILE).unwrap_or(machines);
    }
    Ok(resolv_conf(&machines, &asked, true))
}

/// Adds the address that a container that runs has got to its `/etc/hosts`.
pub(super) fn add_own_host(
    record: &ContainerRecord,
    folder: &ContainerFolder,
    address: IpAddr,
) -> Result<(), HostError> {
    let line = format!("{address}\t{}\n", own_names(record).join(" "));
    in_place(&folder.path().join("hosts"), false, &line)
}

/// Lets a container that runs ask its own name server.
pub(super) fn use_name_server(
    record: &ContainerRecord,
    folder: &ContainerFolder,
) -> Result<(), HostError> {
    let text = resolver_text(&record.host_config, Some(NAME_SERVER.into()))?;
    in_place(&folder.path().join("resolv.conf"), true, &text)
}

/// Changes the very file that is bound into a container; what the user mounted there instead is not ours.
fn in_place(path: &Path, anew: bool, text: &str) -> Result<(), HostError> {
    let opened = File::options()
        .write(true)
        .append(!anew)
        .truncate(anew)
        .open(path);
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => Ok(other?.write_all(text.as_bytes())?),
    }
}
