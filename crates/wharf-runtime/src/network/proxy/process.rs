//! The proxy in a process of its own, beside a container's monitor.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;

use super::super::publish::HeldPort;
use super::serve::{ContainerAddresses, PortProxy};
use crate::sys::{self, CloneFlags, Forked};

/// A proxy that serves until this is dropped.
#[derive(Debug)]
pub struct ProxyProcess {
    told: OwnedFd,
}

impl ProxyProcess {
    /// Starts it: only a process with one thread can, and it reaps the child in its own time. The ports are the child's then.
    pub fn start(ports: Vec<HeldPort>, container: ContainerAddresses) -> io::Result<Self> {
        let (read, told) = pipe_with(PipeFlags::CLOEXEC)?;
        match sys::fork(CloneFlags::default())? {
            Forked::Child => {
                drop(told);
                let served = rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
                    .map_err(io::Error::from)
                    .and_then(|()| sys::restore_signals())
                    .and_then(|()| PortProxy::new(ports, container).serve(&read));
                sys::exit_now(i32::from(served.is_err()))
            }
            Forked::Parent { .. } => {
                drop((ports, read));
                Ok(Self { told })
            }
        }
    }

    /// Leads to other addresses of the container from now on. What is connected stays where it is.
    pub fn lead_to(&self, container: ContainerAddresses) -> io::Result<()> {
        rustix::io::write(&self.told, &container.octets())?;
        Ok(())
    }
}
