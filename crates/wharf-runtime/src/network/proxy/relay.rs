//! One direction of a connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Bytes on their way from one side to the other, and whether the first has said its last.
#[derive(Debug)]
pub(super) struct Relay {
    buffer: Vec<u8>,
    /// What of the buffer is not written yet.
    begin: usize,
    end: usize,
    /// The source has ended.
    ended: bool,
    /// So has, for the target, what comes from here.
    told: bool,
}

const BUFFER_BYTES: usize = 16 << 10;

impl Relay {
    pub(super) fn new() -> Self {
        Self {
            buffer: Vec::new(),
            begin: 0,
            end: 0,
            ended: false,
            told: false,
        }
    }

    /// Whether more is wanted of the source.
    pub(super) fn wants_to_read(&self) -> bool {
        !self.ended && self.begin == self.end
    }

    /// Whether there is something for the target.
    pub(super) fn wants_to_write(&self) -> bool {
        self.begin < self.end
    }

    /// Whether it is over, and the target knows.
    pub(super) fn is_over(&self) -> bool {
        self.told
    }

    /// Reads and writes what can be without waiting. An error ends the connection.
    pub(super) fn pass(&mut self, source: &TcpStream, target: &TcpStream) -> io::Result<()> {
        // As often as a few buffers: the others have their turn as well.
        for _ in 0..4 {
            if self.wants_to_read() && !self.read(source)? {
                break;
            }
            if self.wants_to_write() && !self.write(target)? {
                break;
            }
        }
        if self.ended && !self.wants_to_write() && !self.told {
            self.told = true;
            self.buffer = Vec::new();
            target.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Whether something came, or the end.
    fn read(&mut self, mut source: &TcpStream) -> io::Result<bool> {
        self.buffer.resize(BUFFER_BYTES, 0);
        self.begin = 0;
        self.end = 0;
        match source.read(&mut self.buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(false)
            }
            Ok(length) => {
                self.end = length;
                Ok(true)
            }
            Err(error) => may_wait(error),
        }
    }

    /// Whether all of it went.
    fn write(&mut self, mut target: &TcpStream) -> io::Result<bool> {
        let rest = self.buffer.get(self.begin..self.end).unwrap_or_default();
        match target.write(rest) {
            Ok(length) => {
                self.begin += length;
                Ok(self.begin == self.end)
            }
            Err(error) => may_wait(error),
        }
    }
}

fn may_wait(error: io::Error) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(false),
        _ => Err(error),
    }
}
