//! A bounded pipe between two threads that hands buffers over instead of copying them.
//!
//! The buffers go round: full ones to the reader, read ones back to the writer. So the memory of a
//! pipe is fixed, and a slow reader holds up the writer.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

struct Filled {
    buffer: Vec<u8>,
    length: usize,
}

enum Message {
    Data(Filled),
    End,
}

/// The end that is written to.
pub(crate) struct PipeWriter {
    full: SyncSender<Message>,
    empty: Receiver<Vec<u8>>,
}

/// The end that is read from.
pub(crate) struct PipeReader {
    full: Receiver<Message>,
    empty: SyncSender<Vec<u8>>,
    current: Filled,
    position: usize,
    ended: bool,
}

/// The reader is gone: its thread has ended, and its own error tells why.
#[derive(Debug)]
pub(crate) struct ReaderGone;

/// A pipe of `count` buffers of `size` bytes.
pub(crate) fn pipe(count: usize, size: usize) -> (PipeWriter, PipeReader) {
    let (full_sender, full_receiver) = sync_channel(count);
    let (empty_sender, empty_receiver) = sync_channel(count);
    for _ in 0..count {
        // The channel holds as many as are sent here, and its receiver is alive.
        let _full = empty_sender.try_send(vec![0; size]);
    }
    let writer = PipeWriter {
        full: full_sender,
        empty: empty_receiver,
    };
    let current = Filled {
        buffer: Vec::new(),
        length: 0,
    };
    let reader = PipeReader {
        full: full_receiver,
        empty: empty_sender,
        current,
        position: 0,
        ended: false,
    };
    (writer, reader)
}

impl PipeWriter {
    /// Reads `source` to its end into the pipe.
    pub(crate) fn write_all_of(&self, source: &mut dyn Read) -> io::Result<Result<(), ReaderGone>> {
        loop {
            let Ok(mut buffer) = self.empty.recv() else {
                return Ok(Err(ReaderGone));
            };
            let length = read_full(source, &mut buffer)?;
            if length == 0 {
                return Ok(Ok(()));
            }
            if self
                .full
                .send(Message::Data(Filled { buffer, length }))
                .is_err()
            {
                return Ok(Err(ReaderGone));
            }
        }
    }

    /// Says that the data is complete. A writer that is dropped without it leaves the reader an error.
    pub(crate) fn finish(self) {
        // A reader that is gone has ended already and needs no word.
        let _reader_may_be_gone = self.full.send(Message::End);
    }
}

fn read_full(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.length && !self.ended {
            let spent = std::mem::take(&mut self.current.buffer);
            if !spent.is_empty() {
                // A writer that has finished no longer takes buffers back.
                let _writer_may_be_gone = self.empty.try_send(spent);
            }
            self.position = 0;
            self.current.length = 0;
            match self.full.recv() {
                Ok(Message::Data(filled)) => self.current = filled,
                Ok(Message::End) => self.ended = true,
                Err(_) => {
                    let text = "the source of the data ended early";
                    return Err(io::Error::new(io::ErrorKind::BrokenPipe, text));
                }
            }
        }
        Ok(self
            .current
            .buffer
            .get(self.position..self.current.length)
            .unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.position = (self.position + count).min(self.current.length);
    }
}

impl Read for PipeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_everything_in_order() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let (writer, mut reader) = pipe(3, 1000);
        let mut read = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.write_all_of(&mut &bytes[..]).unwrap().unwrap();
                writer.finish();
            });
            reader.read_to_end(&mut read).unwrap();
        });
        assert_eq!(read, bytes);
        assert_eq!(
            reader.read(&mut [0; 10]).unwrap(),
            0,
            "the end stays the end"
        );
    }

    #[test]
    fn a_writer_that_gives_up_is_an_error() {
        let (writer, mut reader) = pipe(3, 1000);
        writer.write_all_of(&mut &b"half"[..]).unwrap().unwrap();
        drop(writer);
        let mut read = Vec::new();
        assert_eq!(
            reader.read_to_end(&mut read).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert_eq!(read, b"half");
    }

    #[test]
    fn a_reader_that_gives_up_stops_the_writer() {
        let (writer, reader) = pipe(2, 10);
        drop(reader);
        let mut endless = io::repeat(1);
        assert!(writer.write_all_of(&mut endless).unwrap().is_err());
    }
}
