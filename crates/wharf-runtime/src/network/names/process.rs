//! The name server in a process of its own, which ends with the container.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags};

use super::super::firewall::redirect_local_port;
use super::super::namespace::NetworkNamespace;
use super::serve::{Asked, KnownName, Server};
use crate::alone::keep_only;
use crate::sys::{self, CloneFlags, Forked};

/// Where containers ask: Docker's address.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const PORT: u16 = 53;
/// Ports for both kinds of sockets are looked for so often.
const ATTEMPTS: usize = 16;

/// What a name server knows.
pub struct NameServer {
    /// Finds a name, in lower case.
    pub name: Box<dyn Fn(&str) -> KnownName + Send + Sync>,
    /// Finds an address.
    pub address: Box<dyn Fn(IpAddr) -> KnownName + Send + Sync>,
    /// Who is asked for the rest.
    pub servers: Vec<IpAddr>,
}

/// Starts a name server at [`NAME_SERVER`] in the network of a container, whose loopback must be up. It ends when `process`, the
/// container's first, does. Only a process with one thread can start it.
///
/// Its sockets are the container's, but it asks others from the machine's network. Where packets can be redirected it has a port of its
/// own, so that a container may serve names itself.
pub fn start_name_server(process: Pid, server: NameServer) -> io::Result<()> {
    let held = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
    let number = process.as_raw_nonzero().get().unsigned_abs();
    let namespace = NetworkNamespace::of_process(number)?;
    let (datagrams, connections) = namespace.inside(sockets)?;
    match sys::fork(CloneFlags::default())? {
        Forked::Child => {
            let served = std::panic::catch_unwind(AssertUnwindSafe(|| {
                keep_only([datagrams.into(), connections.into(), held])
                    .and_then(|kept| serve(kept, server))
            }));
            sys::exit_now(i32::from(!matches!(served, Ok(Ok(())))))
        }
        Forked::Parent { .. } => Ok(()),
    }
}

/// A name server on a thread of this process, which ends with this.
#[derive(Debug)]
pub struct NameServerThread {
    #[expect(dead_code, reason = "the thread sees that it is closed with this")]
    alive: OwnedFd,
}

impl NameServerThread {
    /// Starts one at [`NAME_SERVER`] in a network whose loopback is up. It asks others from this process's network.
    pub fn start(namespace: &NetworkNamespace, server: NameServer) -> io::Result<Self> {
        let (held, alive) = pipe_with(PipeFlags::CLOEXEC)?;
        let (datagrams, connections) = namespace.inside(sockets)?;
        std::thread::Builder::new()
            .name("name server".to_owned())
            .spawn(move || {
                // Whoever asks afterwards is told by the kernel that nobody is there.
                let _over = serve([datagrams.into(), connections.into(), held], server);
            })?;
        Ok(Self { alive })
    }
}

fn serve([datagrams, connections, held]: [OwnedFd; 3], server: NameServer) -> io::Result<()> {
    let NameServer {
        name,
        address,
        servers,
    } = server;
    let server = Server {
        datagrams: datagrams.into(),
        connections: connections.into(),
        lookup: Arc::new(move |asked| match asked {
            Asked::Name(asked) => name(asked),
            Asked::Address(asked) => address(asked),
        }),
        servers,
    };
    server.serve(held)
}

/// Sockets in the network of this thread, to which the usual port leads.
fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let datagrams = UdpSocket::bind((NAME_SERVER, 0))?;
        let port = datagrams.local_addr()?.port();
        match TcpListener::bind((NAME_SERVER, port)) {
            Ok(connections) if redirect_local_port(NAME_SERVER, PORT, port) => {
                return Ok((datagrams, connections));
            }
            // Then the port itself.
            Ok(_) => {
                let datagrams = UdpSocket::bind((NAME_SERVER, PORT))?;
                return Ok((datagrams, TcpListener::bind((NAME_SERVER, PORT))?));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

impl std::fmt::Debug for NameServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NameServer")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}
