//! One connection to a monitor.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::frames::{FrameKind, Reply, Request, push_frame, push_message, take_frame};
use crate::logs::OutputStream;

/// As long as a client has more than this to read, the container's output waits.
const QUEUE_LIMIT_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 64 << 10;
/// Pieces of input and requests of one client that wait, at most.
const INPUT_LIMIT: usize = 16;
const REQUESTS_LIMIT: usize = 64;
/// How long the last words of a monitor may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(5);

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a client wants are independent wishes"
)]
pub(super) struct Client {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    requests: VecDeque<Request>,
    input: VecDeque<Vec<u8>>,
    gives_input: bool,
    takes_stdout: bool,
    takes_stderr: bool,
    waits_for_end: bool,
    waits_for_stop: bool,
    told: bool,
    gone: bool,
}

impl Client {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            requests: VecDeque::new(),
            input: VecDeque::new(),
            gives_input: false,
            takes_stdout: false,
            takes_stderr: false,
            waits_for_end: false,
            waits_for_stop: false,
            told: false,
            gone: false,
        })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// What it is waited for.
    pub(super) fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, self.has_room());
        interest.set(PollFlags::OUT, !self.outgoing.is_empty());
        interest
    }

    /// Whether more output can be sent to it.
    pub(super) fn can_take_more(&self) -> bool {
        self.gone || self.outgoing.len() < QUEUE_LIMIT_BYTES
    }

    /// Whether it is gone, and everything that it had asked for is done.
    pub(super) fn is_gone(&self) -> bool {
        self.gone && self.requests.is_empty() && self.input.is_empty()
    }

    /// Whether it knows how the container ended, or does not care.
    pub(super) fn has_been_told(&self) -> bool {
        self.gone || (self.outgoing.is_empty() && (self.told || !self.cares()))
    }

    fn cares(&self) -> bool {
        self.waits_for_end
            || self.waits_for_stop
            || self.takes_stdout
            || self.takes_stderr
            || !self.requests.is_empty()
    }

    /// Reads what it sends, as long as there is room for it.
    pub(super) fn receive(&mut self) {
        let mut buffer = vec![0; READ_BYTES];
        while self.has_room() {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    // What it had sent before is still good.
                    self.gone = true;
                }
                Ok(length) => {
                    self.incoming
                        .extend_from_slice(buffer.get(..length).unwrap_or_default());
                    self.sort();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => self.gone = true,
            }
        }
    }

    /// Whether more can be read from it: not while the container has not taken its input.
    fn has_room(&self) -> bool {
        !self.gone && self.input.len() < INPUT_LIMIT && self.requests.len() < REQUESTS_LIMIT
    }

    fn sort(&mut self) {
        loop {
            match take_frame(&mut self.incoming) {
                Ok(Some((FrameKind::Stdin, bytes))) if self.gives_input => {
                    self.input.push_back(bytes);
                }
                Ok(Some((FrameKind::Request, bytes))) => self.take_request(&bytes),
                Ok(Some(_not_for_us)) => (),
                Ok(None) => return,
                Err(_nonsense) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }

    fn take_request(&mut self, bytes: &[u8]) {
        match serde_json::from_slice(bytes) {
            Ok(request) => {
                // Input may follow in the same breath.
                if let Request::Attach { stdin, .. } = request {
                    self.gives_input = stdin;
                }
                self.requests.push_back(request);
            }
            // From another version, which waits for an answer.
            Err(_unknown) => self.push_reply(&Reply::Refused {
                text: "this container was started by another version of wharf, which does not know the request: restart it"
                    .to_owned(),
            }),
        }
    }

    pub(super) fn next_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// What it wants to give to the container; an empty piece ends it.
    pub(super) fn take_input(&mut self) -> Option<Vec<u8>> {
        self.input.pop_front()
    }

    pub(super) fn attach(&mut self, stdin: bool, stdout: bool, stderr: bool) {
        self.gives_input = stdin;
        (self.takes_stdout, self.takes_stderr) = (stdout, stderr);
        self.waits_for_end = true;
    }

    pub(super) fn wait_for_end(&mut self) {
        self.waits_for_end = true;
    }

    pub(super) fn wait_for_stop(&mut self) {
        self.waits_for_stop = true;
    }

    pub(super) fn push_output(&mut self, stream: OutputStream, bytes: &[u8]) {
        let (wanted, kind) = match stream {
            OutputStream::Stdout => (self.takes_stdout, FrameKind::Stdout),
            OutputStream::Stderr => (self.takes_stderr, FrameKind::Stderr),
        };
        if wanted && !self.gone {
            push_frame(&mut self.outgoing, kind, bytes);
        }
    }

    pub(super) fn push_reply(&mut self, reply: &Reply) {
        if !self.gone {
            push_message(&mut self.outgoing, FrameKind::Reply, reply);
        }
    }

    /// The container has ended.
    pub(super) fn tell_end(&mut self, code: i32) {
        if std::mem::take(&mut self.waits_for_stop) {
            self.push_reply(&Reply::Done);
            self.told = true;
        }
        if std::mem::take(&mut self.waits_for_end) {
            self.push_reply(&Reply::Exited { code });
            self.told = true;
        }
        (self.takes_stdout, self.takes_stderr) = (false, false);
    }

    /// Sends as much as it takes now.
    pub(super) fn flush(&mut self) {
        while !self.gone && !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(length) => {
                    self.outgoing.drain(..length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => self.gone = true,
            }
        }
    }

    /// Sends the rest, to a client that may be slow, though not for ever.
    pub(super) fn flush_for_the_last_time(&mut self) {
        let waits = self
            .stream
            .set_nonblocking(false)
            .and_then(|()| self.stream.set_write_timeout(Some(LAST_WORDS)));
        if !self.gone && waits.is_ok() {
            let _gone = self.stream.write_all(&self.outgoing);
        }
    }
}
