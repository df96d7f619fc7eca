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

/// Blocks of 1 MiB lose less than a thousandth to their ends.
const BLOCK_BYTES: usize = 1 << 20;
/// How far back deflate can refer.
const DICTIONARY_BYTES: usize = 32 << 10;
/// Blocks in work or waiting to be written, for each thread: enough that none of them runs dry.
const BLOCKS_AHEAD: usize = 2;
/// No flags, no time, no extra flags, made by an unknown system: nothing that could differ.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A writer that compresses with gzip into `W`.
///
/// The same input gives the same output: the header carries neither a name nor a time, and the number
/// of threads leaves no trace.
pub struct Compressor<W: Write> {
    target: W,
    block: Vec<u8>,
    dictionary: Vec<u8>,
    // In the order of the input.
    pending: VecDeque<Receiver<io::Result<Deflated>>>,
    pending_limit: usize,
    crc: Crc,
    length: u64,
    workers: Workers,
}

impl<W: Write> Compressor<W> {
    /// Compresses at `level`, from 1 (fast) to 9 (small), on `threads` threads. Docker uses level 6.
    pub fn gzip(mut target: W, level: u32, threads: usize) -> io::Result<Self> {
        target.write_all(&HEADER)?;
        let threads = threads.max(1);
        Ok(Self {
            target,
            block: Vec::with_capacity(BLOCK_BYTES),
            dictionary: Vec::new(),
            pending: VecDeque::new(),
            pending_limit: threads * BLOCKS_AHEAD,
            crc: Crc::new(),
            length: 0,
            workers: Workers::start(threads, level.clamp(1, 9))?,
        })
    }

    /// Writes what is still held back and the end of the stream. Without it the stream is truncated.
    pub fn finish(mut self) -> io::Result<W> {
        self.submit(true)?;
        while !self.pending.is_empty() {
            self.write_oldest()?;
        }
        self.target.write_all(&self.crc.sum().to_le_bytes())?;
        // RFC 1952: the size modulo 2^32.
        let size = u32::try_from(self.length & 0xffff_ffff).unwrap_or_default();
        self.target.write_all(&size.to_le_bytes())?;
        Ok(self.target)
    }

    fn submit(&mut self, is_last: bool) -> io::Result<()> {
        while self.pending.len() >= self.pending_limit {
            self.write_oldest()?;
        }
        let tail = self.block.len().saturating_sub(DICTIONARY_BYTES);
        let next_dictionary = self.block.get(tail..).unwrap_or_default().to_vec();
        let (sender, receiver) = sync_channel(1);
        self.workers.submit(Job {
            block: std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES)),
            dictionary: std::mem::replace(&mut self.dictionary, next_dictionary),
            is_last,
            result: sender,
        })?;
        self.pending.push_back(receiver);
        Ok(())
    }

    fn write_oldest(&mut self) -> io::Result<()> {
        let Some(receiver) = self.pending.pop_front() else {
            return Ok(());
        };
        let deflated = receiver.recv().map_err(|_gone| worker_gone())??;
        self.crc.combine(&deflated.crc);
        self.length += deflated.length;
        self.target.write_all(&deflated.bytes)
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

struct Job {
    block: Vec<u8>,
    dictionary: Vec<u8>,
    is_last: bool,
    result: SyncSender<io::Result<Deflated>>,
}

struct Deflated {
    bytes: Vec<u8>,
    crc: Crc,
    length: u64,
}

/// Threads that deflate blocks; they end when this is dropped.
struct Workers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(count: usize, level: u32) -> io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Self {
            jobs: Some(jobs),
            threads: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name("gzip".to_owned());
            workers
                .threads
                .push(thread.spawn(move || work(&queue, level))?);
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

fn work(queue: &Mutex<Receiver<Job>>, level: u32) {
    let mut deflate = Compress::new(Compression::new(level), false);
    loop {
        // The lock is held while waiting: one of the idle threads waits for the next block, the others for it.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let result = deflate_block(&mut deflate, &job);
        // A compressor that was dropped wants no result.
        let _nobody_may_want_it = job.result.send(result);
    }
}

fn deflate_block(deflate: &mut Compress, job: &Job) -> io::Result<Deflated> {
    deflate.reset();
    if !job.dictionary.is_empty() {
        deflate
            .set_dictionary(&job.dictionary)
            .map_err(io::Error::other)?;
    }
    let flush = if job.is_last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let mut bytes = Vec::with_capacity(job.block.len() / 2 + 1024);
    loop {
        let taken = usize::try_from(deflate.total_in()).unwrap_or(usize::MAX);
        let rest = job.block.get(taken..).unwrap_or_default();
        let status = deflate
            .compress_vec(rest, &mut bytes, flush)
            .map_err(io::Error::other)?;
        let all_taken = deflate.total_in() == job.block.len() as u64;
        // Room that was left over means that nothing is held back any more.
        if status == Status::StreamEnd
            || (!job.is_last && all_taken && bytes.len() < bytes.capacity())
        {
            break;
        }
        bytes.reserve(BLOCK_BYTES / 4);
    }
    let mut crc = Crc::new();
    crc.update(&job.block);
    Ok(Deflated {
        bytes,
        crc,
        length: job.block.len() as u64,
    })
}

fn worker_gone() -> io::Error {
    io::Error::other("a thread that compresses has ended early")
}
