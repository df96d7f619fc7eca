//! A socket to the kernel's routing.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::message::{Answer, Message, answers, number};

/// A socket of one network namespace, for as long as it is open.
#[derive(Debug)]
pub(in crate::network) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

// linux/netlink.h
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// What the kernel sends at once at most.
const ANSWER_LIMIT_BYTES: usize = 1 << 16;
/// How many answers a dump may have: some hundred thousand routes.
const ANSWERS_LIMIT: usize = 1 << 14;

impl Netlink {
    /// Opens it in the namespace of this thread.
    pub(in crate::network) fn open() -> io::Result<Self> {
        // The first family, NETLINK_ROUTE.
        Self::of_family(None)
    }

    /// The same to what the kernel knows of connections.
    pub(super) fn open_netfilter() -> io::Result<Self> {
        Self::of_family(Some(NETFILTER))
    }

    fn of_family(family: Option<Protocol>) -> io::Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            family,
        )?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Asks for a change, and waits until it is made.
    pub(super) fn change(
        &mut self,
        kind: u16,
        flags: u16,
        structure: &[u8],
        attributes: impl FnOnce(&mut Message),
    ) -> io::Result<()> {
        let mut message = Message::new(kind, REQUEST | ACKNOWLEDGE | flags, structure);
        attributes(&mut message);
        self.ask(message, |_| {})
    }

    /// Asks for all of a kind; `each` gets the bodies.
    pub(super) fn dump(
        &mut self,
        kind: u16,
        structure: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let message = Message::new(kind, REQUEST | DUMP, structure);
        self.ask(message, |answer| each(answer.body))
    }

    /// Asks for one; `each` gets its body.
    pub(super) fn get(
        &mut self,
        kind: u16,
        structure: &[u8],
        attributes: impl FnOnce(&mut Message),
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut message = Message::new(kind, REQUEST | ACKNOWLEDGE, structure);
        attributes(&mut message);
        self.ask(message, |answer| each(answer.body))
    }

    /// Sends a request and reads until its end.
    fn ask(&mut self, message: Message, mut each: impl FnMut(Answer<'_>)) -> io::Result<()> {
        self.sequence += 1;
        let sequence = self.sequence;
        let bytes = message.finish(sequence);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, &bytes, SendFlags::empty(), &kernel)?;
        let mut buffer = vec![0; ANSWER_LIMIT_BYTES];
        for _ in 0..ANSWERS_LIMIT {
            let receive =
                || rustix::net::recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty());
            let (length, _) = rustix::io::retry_on_intr(receive)?;
            let received = buffer.get(..length).unwrap_or_default();
            for answer in answers(received).filter(|answer| answer.sequence == sequence) {
                match answer.kind {
                    DONE => return Ok(()),
                    ERROR => return outcome(answer.body),
                    _ => each(answer),
                }
            }
        }
        Err(io::Error::other("the kernel's answer does not end"))
    }
}

/// An error of 0 is an acknowledgement.
fn outcome(body: &[u8]) -> io::Result<()> {
    let Some(value) = number(body, 0) else {
        return Err(io::Error::other("the kernel's answer is cut"));
    };
    match value.cast_signed() {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
    }
}
