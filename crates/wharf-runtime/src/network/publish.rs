//! Ports of the host, taken and held: who holds one keeps it from everybody else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

use super::ports::{PortBinding, PortProtocol, bracketed};

/// A port of the host that leads to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakenPort {
    /// The host's address; unspecified: all of its kind.
    pub host_ip: IpAddr,
    /// The host's port.
    pub host_port: u16,
    /// The container's port.
    pub container_port: u16,
    /// Which kind.
    pub protocol: PortProtocol,
}

/// A port that is held: nobody else can have it until this is dropped.
#[derive(Debug)]
pub struct HeldPort {
    /// Which.
    pub port: TakenPort,
    pub(super) socket: HeldSocket,
}

/// What holds it.
#[derive(Debug)]
pub(super) enum HeldSocket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

/// A port that cannot be had, in Docker's words. What Docker puts before it is [`PublishError::on_endpoint`].
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another container has it.
    #[error("Bind for {}:{port} failed: port is already allocated", bracketed(*address))]
    Allocated {
        /// The host's address.
        address: IpAddr,
        /// The host's port.
        port: u16,
    },
    /// The system refused it.
    #[error(
        "failed to bind host port for {}:{host_port}:{container}:{container_port}/{protocol}: {}",
        bracketed(*address),
        plainly(source)
    )]
    Refused {
        /// The host's address.
        address: IpAddr,
        /// The host's port.
        host_port: u16,
        /// The container's address.
        container: Ipv4Addr,
        /// The container's port.
        container_port: u16,
        /// Which kind.
        protocol: PortProtocol,
        /// Why.
        source: io::Error,
    },
    /// None is free among those that may be taken.
    #[error("Bind for {}:{first}-{last} failed: all ports are allocated", bracketed(*address))]
    NoneFree {
        /// The host's address.
        address: IpAddr,
        /// The first that was tried.
        first: u16,
        /// The last.
        last: u16,
    },
    /// A kind of port that is not published here.
    #[error("publishing {0} ports is not supported, only tcp and udp")]
    Unsupported(PortProtocol),
}

/// Ports that Linux gives to whoever asks for none (`ip_local_port_range`), if it does not say.
const DYNAMIC_PORTS: (u16, u16) = (32_768, 60_999);

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

impl PublishError {
    /// The whole text that Docker has for it.
    pub fn on_endpoint(&self, container_name: &str, endpoint_id: &str) -> String {
        format!(
            "driver failed programming external connectivity on endpoint {container_name} ({endpoint_id}): {self}"
        )
    }
}

/// Takes and holds a port for each binding; all or none. `container` is the address that they lead to, `is_allocated` says which ports
/// other containers have. A binding without an address takes both kinds of the host's addresses, where IPv6 is there, at the same port.
pub fn take_ports(
    bindings: &[PortBinding],
    container: Ipv4Addr,
    is_allocated: &dyn Fn(IpAddr, u16, PortProtocol) -> bool,
) -> Result<Vec<HeldPort>, PublishError> {
    let mut held = Vec::new();
    for binding in bindings {
        held.extend(take(binding, container, is_allocated)?);
    }
    Ok(held)
}

fn take(
    binding: &PortBinding,
    container: Ipv4Addr,
    is_allocated: &dyn Fn(IpAddr, u16, PortProtocol) -> bool,
) -> Result<Vec<HeldPort>, PublishError> {
    if binding.protocol == PortProtocol::Sctp {
        return Err(PublishError::Unsupported(binding.protocol));
    }
    let addresses = match binding.host_ip {
        Some(address) => vec![address],
        None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
    };
    let (first, last) = match binding.host_ports {
        None | Some((0, 0)) => dynamic_ports(),
        Some(range) => range,
    };
    for port in first..=last {
        let held = take_one(binding, container, &addresses, port, is_allocated);
        match held {
            Ok(held) => return Ok(held),
            Err(error) if first == last => return Err(error),
            // The next may be free.
            Err(PublishError::Allocated { .. }) => {}
            Err(PublishError::Refused { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    let address = addresses
        .first()
        .copied()
        .unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    Err(PublishError::NoneFree {
        address,
        first,
        last,
    })
}

/// One port on all of these addresses.
fn take_one(
    binding: &PortBinding,
    container: Ipv4Addr,
    addresses: &[IpAddr],
    port: u16,
    is_allocated: &dyn Fn(IpAddr, u16, PortProtocol) -> bool,
) -> Result<Vec<HeldPort>, PublishError> {
    let protocol = binding.protocol;
    let mut held = Vec::new();
    for address in addresses {
        let address = *address;
        if is_allocated(address, port, protocol) {
            return Err(PublishError::Allocated { address, port });
        }
        let socket = match bind(SocketAddr::new(address, port), protocol) {
            Ok(socket) => socket,
            // A machine without IPv6 has the other one.
            Err(error) if !held.is_empty() && lacks_address(&error) => continue,
            Err(source) => {
                return Err(PublishError::Refused {
                    address,
                    host_port: port,
                    container,
                    container_port: binding.container_port,
                    protocol,
                    source,
                });
            }
        };
        held.push(HeldPort {
            port: TakenPort {
                host_ip: address,
                host_port: port,
                container_port: binding.container_port,
                protocol,
            },
            socket,
        });
    }
    Ok(held)
}

fn bind(address: SocketAddr, protocol: PortProtocol) -> io::Result<HeldSocket> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let kind = match protocol {
        PortProtocol::Udp => SocketType::DGRAM,
        PortProtocol::Tcp | PortProtocol::Sctp => SocketType::STREAM,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = rustix::net::socket_with(family, kind, flags, None)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    if kind == SocketType::STREAM {
        // A container that is started again must not wait for old connections.
        set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    if kind == SocketType::DGRAM {
        return Ok(HeldSocket::Udp(socket.into()));
    }
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(HeldSocket::Tcp(socket.into()))
}

fn lacks_address(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    number == Some(Errno::AFNOSUPPORT.raw_os_error())
        || number == Some(Errno::ADDRNOTAVAIL.raw_os_error())
}

fn dynamic_ports() -> (u16, u16) {
    let text =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) if 0 < first && first <= last => (first, last),
        _ => DYNAMIC_PORTS,
    }
}

/// The words of the C library for what happens to ports, without a number behind.
fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ports::parse_publish;
    use super::*;

    const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 2);

    fn take_all(text: &str) -> Result<Vec<HeldPort>, PublishError> {
        take_ports(&parse_publish(text).unwrap(), CONTAINER, &|_, _, _| false)
    }

    #[test]
    fn a_port_is_held_until_it_is_dropped() {
        for protocol in ["tcp", "udp"] {
            let held = take_all(&format!("127.0.0.1::80/{protocol}")).unwrap();
            let port = held[0].port.host_port;
            let again = format!("127.0.0.1:{port}:80/{protocol}");
            let error = take_all(&again).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "failed to bind host port for 127.0.0.1:{port}:172.17.0.2:80/{protocol}: address already in use"
                )
            );
            drop(held);
            take_all(&again).unwrap();
        }
    }

    #[test]
    fn both_kinds_of_addresses_have_the_same_port() {
        let held = take_all("80").unwrap();
        let ports: Vec<_> = held
            .iter()
            .map(|held| (held.port.host_ip.is_ipv4(), held.port.host_port))
            .collect();
        assert_eq!(ports[0], (true, ports[0].1));
        if let Some(six) = ports.get(1) {
            assert_eq!(*six, (false, ports[0].1));
        }
        assert!(ports[0].1 >= dynamic_ports().0);
    }

    #[test]
    fn a_range_is_a_choice() {
        let first = take_all("127.0.0.1::80").unwrap();
        let port = first[0].port.host_port;
        let range = format!("127.0.0.1:{port}-{}:80", port + 200);
        let second = take_all(&range).unwrap();
        assert!(second[0].port.host_port > port);
        let allocated = |_, number, _| number <= port + 200;
        let bindings = parse_publish(&range).unwrap();
        let error = take_ports(&bindings, CONTAINER, &allocated).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("failed: all ports are allocated"),
            "{error}"
        );
    }

    #[test]
    fn errors_are_dockers() {
        let bindings = parse_publish("5000:5000").unwrap();
        let error = take_ports(&bindings, CONTAINER, &|_, _, _| true).unwrap_err();
        assert_eq!(
            error.on_endpoint("web", "0123"),
            "driver failed programming external connectivity on endpoint web (0123): Bind for 0.0.0.0:5000 failed: port is already allocated"
        );
        let error = take_all("192.0.2.77:0:80").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(":172.17.0.2:80/tcp: cannot assign requested address"),
            "{error}"
        );
        assert!(
            take_all("80/sctp")
                .unwrap_err()
                .to_string()
                .contains("sctp")
        );
    }

    // One of two cannot be had: the other is let go.
    #[test]
    fn all_or_none() {
        let busy = take_all("127.0.0.1::80").unwrap();
        let free = take_all("127.0.0.1::80").unwrap();
        let (busy_port, free_port) = (busy[0].port.host_port, free[0].port.host_port);
        drop(free);
        let two: Vec<_> = [free_port, busy_port]
            .iter()
            .flat_map(|port| parse_publish(&format!("127.0.0.1:{port}:80")).unwrap())
            .collect();
        take_ports(&two, CONTAINER, &|_, _, _| false).unwrap_err();
        take_all(&format!("127.0.0.1:{free_port}:80")).unwrap();
    }
}
