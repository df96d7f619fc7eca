//! The bytes of one blob: first those an earlier attempt left on disk, then those that come now, which are
//! hashed and written as they pass.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use bytes::{Buf as _, Bytes};
use wharf_blobs::Ingest;
use wharf_transfer::EndpointError;

use super::layer::IntakeCost;
use crate::error::classify;
use crate::telling::Telling;

const FILE_BUFFER_BYTES: usize = 256 << 10;

/// Where the bytes of a blob come from, when they are wanted.
pub(crate) trait BlobFeed {
    /// Asks for the bytes from `offset` on. Without this call nothing is fetched.
    fn start(&mut self, offset: u64) -> Result<(), EndpointError>;

    /// The next bytes; `None` at the end. Blocks this thread.
    fn next(&mut self) -> Result<Option<Bytes>, EndpointError>;
}

/// Reads a blob while it comes in. An error of the feed travels inside the [`io::Error`].
pub(crate) struct Incoming<'a> {
    ingest: Ingest,
    feed: &'a mut dyn BlobFeed,
    telling: &'a Telling,
    size: u64,
    existing: Option<BufReader<io::Take<File>>>,
    existing_opened: bool,
    started: bool,
    current: Bytes,
    bytes_fetched: u64,
}

impl<'a> Incoming<'a> {
    pub(crate) fn new(
        ingest: Ingest,
        feed: &'a mut dyn BlobFeed,
        size: u64,
        telling: &'a Telling,
    ) -> Self {
        Self {
            ingest,
            feed,
            telling,
            size,
            existing: None,
            existing_opened: false,
            started: false,
            current: Bytes::new(),
            bytes_fetched: 0,
        }
    }

    /// Leaves out what is on disk already: nobody needs to read it again.
    pub(crate) fn skip_existing(&mut self) {
        self.existing_opened = true;
    }

    /// Takes what is left of the blob.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return Ok(());
            }
            self.consume(length);
        }
    }

    /// Gives the ingest back, with what it cost. If reading failed, what is here is kept for another attempt.
    pub(crate) fn end(
        self,
        outcome: io::Result<()>,
    ) -> Result<(Ingest, IntakeCost), EndpointError> {
        let cost = IntakeCost {
            bytes_fetched: self.bytes_fetched,
            bytes_hashed: self.ingest.hashed_bytes(),
            tar_bytes_hashed: 0,
        };
        match outcome {
            Ok(()) => Ok((self.ingest, cost)),
            Err(error) => {
                self.ingest.suspend().map_err(classify)?;
                Err(error.downcast::<EndpointError>().unwrap_or_else(classify))
            }
        }
    }

    fn open_existing(&mut self) -> Result<(), EndpointError> {
        self.existing_opened = true;
        if self.ingest.offset() > 0 {
            let file = self.ingest.read_existing().map_err(classify)?;
            self.existing = Some(BufReader::with_capacity(FILE_BUFFER_BYTES, file));
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), EndpointError> {
        let complete = self.ingest.offset() == self.size;
        if !self.started && !complete {
            self.started = true;
            self.feed.start(self.ingest.offset())?;
        }
        if !self.started {
            return Ok(());
        }
        // Let go first, so that the feed can use its memory again.
        self.current = Bytes::new();
        let Some(chunk) = self.feed.next()? else {
            return Ok(());
        };
        self.ingest.write(&chunk).map_err(classify)?;
        self.bytes_fetched += chunk.len() as u64;
        self.telling.amount(self.ingest.offset(), self.size);
        self.current = chunk;
        Ok(())
    }
}

impl BufRead for Incoming<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.existing_opened {
            self.open_existing().map_err(io::Error::other)?;
        }
        // Twice asked, because the borrow checker cannot see that an empty answer is not returned.
        if let Some(existing) = &mut self.existing
            && existing.fill_buf()?.is_empty()
        {
            self.existing = None;
        }
        if self.existing.is_none() && self.current.is_empty() {
            self.receive().map_err(io::Error::other)?;
        }
        match &mut self.existing {
            Some(existing) => existing.fill_buf(),
            None => Ok(&self.current),
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.existing {
            Some(existing) => existing.consume(count),
            None => self.current.advance(count.min(self.current.len())),
        }
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(into)?;
        self.consume(count);
        Ok(count)
    }
}
