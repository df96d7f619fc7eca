//! Writes gzip on several threads, for layers that are held only in plain form and must be sent
//! compressed.
//!
//! The input is cut into blocks of one size. Each is deflated by itself, with the 32 KiB before it as
//! dictionary, and ends on a byte, so that the deflated blocks one after the other are one stream (RFC
//! 1951, 1952). Where the cuts are depends on the input alone: the same input gives the same bytes,
//! however many threads there are.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::plain_hash::{PlainBlock, PlainHash, PlainHasher};

/// Blocks of 1 MiB lose less than a thousandth to their ends.
const BLOCK_BYTES: usize = 1 << 20;
/// How far back deflate can refer.
const DICTIONARY_BYTES: usize = 32 << 10;
/// Blocks in work or waiting to be written, for each thread: enough that none of them runs dry.
const BLOCKS_AHEAD: usize = 2;
/// No flags, no time, no extra flags, made by an unknown system: nothing that could differ.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Blocks that were deflated before.
pub trait DeflatedBlocks: Send + Sync {
    /// The deflated form of the block with this number, with its bytes, if it is known and whole. It must have been deflated at
    /// the same level from the same block, with the same before it, as the last one if it is the last here.
    fn find(&self, number: usize) -> Option<(DeflatedBlock, Vec<u8>)>;
}

/// One deflated block of a stream: where it lies follows from the lengths of those before it, from [`Compressor::HEADER_BYTES`] on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeflatedBlock {
    /// How many bytes it has.
    pub length: u32,
    /// CRC-32 of its bytes.
    pub check: u32,
    /// CRC-32 of what it was deflated from.
    pub plain_check: u32,
}

impl DeflatedBlock {
    /// Whether these are its bytes, undamaged.
    pub fn has(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == u64::from(self.length) && crc_of(bytes) == self.check
    }
}

/// What was compressed.
#[derive(Debug)]
pub struct Compressed<W> {
    /// Where it was written.
    pub target: W,
    /// Its blocks, in their order.
    pub blocks: Vec<DeflatedBlock>,
    /// The digest of what was written, if it was to be reckoned ([`Compressor::hash_plain`]).
    pub plain: Option<PlainHash>,
}

/// A writer that compresses with gzip into `W`.
///
/// The same input gives the same output: the header carries neither a name nor a time, and the number
/// of threads leaves no trace.
pub struct Compressor<W: Write> {
    target: W,
    block: Vec<u8>,
    dictionary: Vec<u8>,
    // What was read and written out: memory is dear where it is touched for the first time.
    spare: Vec<Buffers>,
    // In the order of the input.
    pending: VecDeque<Receiver<io::Result<Deflated>>>,
    pending_limit: usize,
    crc: crc32fast::Hasher,
    length: u64,
    blocks: Vec<DeflatedBlock>,
    submitted: usize,
    plain: Option<PlainHasher>,
    deflating: Deflating,
    threads: usize,
    // From the second block on: what is one block needs no other thread.
    workers: Option<Workers>,
}

impl<W: Write> Compressor<W> {
    /// Where the first block lies.
    pub const HEADER_BYTES: u64 = HEADER.len() as u64;
    /// What a block is deflated from; the last one may be shorter.
    pub const BLOCK_BYTES: u64 = BLOCK_BYTES as u64;
    /// How many of the bytes before a block count for its deflated form.
    pub const DICTIONARY_BYTES: u64 = DICTIONARY_BYTES as u64;

    /// As [`Compressor::gzip`], but blocks that are `known` are taken as they are; the bytes are the same.
    pub fn gzip_from_known(
        target: W,
        level: u32,
        threads: usize,
        known: &Arc<dyn DeflatedBlocks>,
    ) -> io::Result<Self> {
        Self::start(target, level, threads, Some(known))
    }

    /// Compresses at `level`, from 1 (fast) to 9 (small), on `threads` threads. Docker uses level 6.
    pub fn gzip(target: W, level: u32, threads: usize) -> io::Result<Self> {
        Self::start(target, level, threads, None)
    }

    /// Takes over the next block of another stream that begins with the same bytes, before anything is written here: it must not
    /// be that stream's last, and everything before it must have been taken over, too. What is written then must be preceded by
    /// [`Self::precede`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take_over(&mut self, block: DeflatedBlock, bytes: &[u8]) -> io::Result<()> {
        self.count(block.plain_check, Self::BLOCK_BYTES);
        self.blocks.push(block);
        self.submitted += 1;
        self.target.write_all(bytes)
    }

    /// Says what is before the first byte that is written here: the last [`Self::DICTIONARY_BYTES`] of what was taken over.
    pub fn precede(&mut self, bytes: &[u8]) {
        self.dictionary.extend_from_slice(bytes);
    }

    fn start(
        mut target: W,
        level: u32,
        threads: usize,
        known: Option<&Arc<dyn DeflatedBlocks>>,
    ) -> io::Result<Self> {
        target.write_all(&HEADER)?;
        let threads = threads.max(1);
        let deflating = Deflating {
            level: level.clamp(1, 9),
            known: known.cloned(),
        };
        Ok(Self {
            target,
            block: Vec::with_capacity(BLOCK_BYTES),
            dictionary: Vec::new(),
            spare: Vec::new(),
            pending: VecDeque::new(),
            pending_limit: threads * BLOCKS_AHEAD,
            crc: crc32fast::Hasher::new(),
            length: 0,
            blocks: Vec::new(),
            submitted: 0,
            plain: None,
            deflating,
            threads,
            workers: None,
        })
    }

    /// Hashes what is written, on from what is hashed already: that of the blocks that were taken over.
    pub fn hash_plain(&mut self, hash: PlainHash) {
        self.plain = Some(PlainHasher::Here(hash));
    }

    /// Writes what is still held back and the end of the stream. Without it the stream is truncated.
    pub fn finish(self) -> io::Result<W> {
        self.finish_with_blocks().map(|finished| finished.target)
    }

    /// As [`Compressor::finish`], with what is known of what was written.
    pub fn finish_with_blocks(mut self) -> io::Result<Compressed<W>> {
        self.submit(true)?;
        while !self.pending.is_empty() {
            self.write_oldest()?;
        }
        let crc = self.crc.finalize();
        self.target.write_all(&crc.to_le_bytes())?;
        // RFC 1952: the size modulo 2^32.
        let size = u32::try_from(self.length & 0xffff_ffff).unwrap_or_default();
        self.target.write_all(&size.to_le_bytes())?;
        let plain = self.plain.map(PlainHasher::finish).transpose()?;
        Ok(Compressed {
            target: self.target,
            blocks: self.blocks,
            plain,
        })
    }

    fn submit(&mut self, is_last: bool) -> io::Result<()> {
        while self.pending.len() >= self.pending_limit {
            self.write_oldest()?;
        }
        // Whatever is done gives its buffers back.
        while let Some(done) = self.pending.front().and_then(|next| next.try_recv().ok()) {
            self.pending.pop_front();
            self.write_block(done?)?;
        }
        let tail = self.block.len().saturating_sub(DICTIONARY_BYTES);
        let next_dictionary = self.block.get(tail..).unwrap_or_default().to_vec();
        let (sender, receiver) = sync_channel(1);
        let mut buffers = self.spare.pop().unwrap_or_default();
        // Whoever hashes it may still have it.
        if let Some(plain) = Arc::get_mut(&mut buffers.plain) {
            std::mem::swap(&mut self.block, &mut plain.bytes);
        } else {
            let bytes = std::mem::take(&mut self.block);
            buffers.plain = Arc::new(PlainBlock { bytes });
        }
        self.block.clear();
        if !is_last {
            self.block.reserve_exact(BLOCK_BYTES);
        }
        if let Some(plain) = self.plain.take() {
            self.plain = Some(plain.take(&buffers.plain, is_last)?);
        }
        let job = Job {
            number: self.submitted,
            buffers,
            dictionary: std::mem::replace(&mut self.dictionary, next_dictionary),
            is_last,
            result: sender,
        };
        self.submitted += 1;
        self.pending.push_back(receiver);
        let workers = match self.workers.take() {
            None if is_last => {
                self.deflating.work(job);
                return Ok(());
            }
            None => Workers::start(self.threads, &self.deflating)?,
            Some(workers) => workers,
        };
        self.workers.insert(workers).submit(job)
    }

    fn write_oldest(&mut self) -> io::Result<()> {
        let Some(receiver) = self.pending.pop_front() else {
            return Ok(());
        };
        let deflated = receiver.recv().map_err(|_gone| worker_gone())??;
        self.write_block(deflated)
    }

    fn write_block(&mut self, deflated: Deflated) -> io::Result<()> {
        let Deflated { block, buffers } = deflated;
        self.count(block.plain_check, buffers.plain.bytes.len() as u64);
        self.blocks.push(block);
        self.target.write_all(&buffers.deflated)?;
        // The oldest is used first: by then it is hashed, too.
        self.spare.insert(0, buffers);
        Ok(())
    }

    fn count(&mut self, crc: u32, length: u64) {
        let block = crc32fast::Hasher::new_with_initial_len(crc, length);
        self.crc.combine(&block);
        self.length += length;
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK_BYTES {
            self.submit(false)?;
        }
        let count = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Writes the blocks that are complete. What is in the last one stays: where blocks end must not
    /// depend on when somebody flushes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            self.write_oldest()?;
        }
        self.target.flush()
    }
}

impl<W: Write> fmt::Debug for Compressor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

/// A block, and what it becomes.
#[derive(Default)]
struct Buffers {
    plain: Arc<PlainBlock>,
    deflated: Vec<u8>,
}

struct Job {
    number: usize,
    buffers: Buffers,
    dictionary: Vec<u8>,
    is_last: bool,
    result: SyncSender<io::Result<Deflated>>,
}

struct Deflated {
    block: DeflatedBlock,
    buffers: Buffers,
}

/// How blocks are deflated.
#[derive(Clone)]
struct Deflating {
    level: u32,
    known: Option<Arc<dyn DeflatedBlocks>>,
}

impl Deflating {
    fn work(&self, job: Job) {
        let mut buffers = job.buffers;
        let block = BlockToDeflate {
            number: job.number,
            plain: &buffers.plain.bytes,
            dictionary: &job.dictionary,
            is_last: job.is_last,
        };
        let block = self.known_or_deflated(block, &mut buffers.deflated);
        let result = block.map(|block| Deflated { block, buffers });
        // A compressor that was dropped wants no result.
        let _nobody_may_want_it = job.result.send(result);
    }

    fn known_or_deflated(
        &self,
        block: BlockToDeflate<'_>,
        deflated: &mut Vec<u8>,
    ) -> io::Result<DeflatedBlock> {
        let plain_check = crc_of(block.plain);
        let known = self.known.as_ref();
        if let Some((known, bytes)) = known.and_then(|known| known.find(block.number))
            && known.plain_check == plain_check
        {
            *deflated = bytes;
            return Ok(known);
        }
        deflate_block(self.level, block, deflated)?;
        Ok(DeflatedBlock {
            length: u32::try_from(deflated.len()).map_err(io::Error::other)?,
            check: crc_of(deflated),
            plain_check,
        })
    }
}

/// What one block is deflated from.
#[derive(Clone, Copy)]
struct BlockToDeflate<'a> {
    number: usize,
    plain: &'a [u8],
    dictionary: &'a [u8],
    is_last: bool,
}

/// Threads that deflate blocks; they end when this is dropped.
struct Workers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(count: usize, deflating: &Deflating) -> io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Self {
            jobs: Some(jobs),
            threads: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let deflating = deflating.clone();
            let thread = std::thread::Builder::new().name("gzip".to_owned());
            workers
                .threads
                .push(thread.spawn(move || work(&queue, &deflating))?);
        }
        Ok(workers)
    }

    fn submit(&self, job: Job) -> io::Result<()> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        sent.and_then(Result::ok).ok_or_else(worker_gone)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // One that panicked has been told of by the block that it never gave back.
            let _ended = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, deflating: &Deflating) {
    loop {
        // The lock is held while waiting: one of the idle threads waits for the next block, the others for it.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        deflating.work(job);
    }
}

fn deflate_block(level: u32, block: BlockToDeflate<'_>, bytes: &mut Vec<u8>) -> io::Result<()> {
    // Not one that is reset: zlib-rs keeps something of the block before, and then the bytes depend on which thread had which block.
    let mut deflate = Compress::new(Compression::new(level), false);
    if !block.dictionary.is_empty() {
        deflate
            .set_dictionary(block.dictionary)
            .map_err(io::Error::other)?;
    }
    let flush = if block.is_last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    bytes.clear();
    bytes.reserve(block.plain.len() / 2 + 1024);
    loop {
        let taken = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        let rest = block.plain.get(taken..).unwrap_or_default();
        let status = deflate
            .compress_vec(rest, bytes, flush)
            .map_err(io::Error::other)?;
        let all_taken = deflate.total_in() == block.plain.len() as u64;
        // Room that was left over means that nothing is held back any more.
        if status == Status::StreamEnd
            || (!block.is_last && all_taken && bytes.len() < bytes.capacity())
        {
            return Ok(());
        }
        bytes.reserve(BLOCK_BYTES / 4);
    }
}

fn crc_of(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn worker_gone() -> io::Error {
    io::Error::other("a thread that compresses has ended early")
}
