//! Clients that push one new blob after the other, each in a thread of its own.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use super::client::{Client, finish};
use super::endpoint::Endpoint;
use super::latencies::Latencies;

/// Makes each blob another one.
const SUFFIX_BYTES: usize = 16;

/// Blobs of one size that differ in their last bytes. What is common is hashed once, so that clients need not.
#[derive(Debug)]
pub(crate) struct Content {
    common: Vec<u8>,
    hasher: Sha256,
}

impl Content {
    /// Blobs of `size` bytes that do not compress.
    pub(crate) fn new(size: usize) -> Self {
        let mut common = vec![0; size.saturating_sub(SUFFIX_BYTES)];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for piece in common.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
        }
        let hasher = Sha256::new_with_prefix(&common);
        Self { common, hasher }
    }

    /// The end of a blob that nobody else has, and its digest.
    fn another(&self) -> ([u8; SUFFIX_BYTES], String) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut suffix = [0; SUFFIX_BYTES];
        suffix[..8].copy_from_slice(&number.to_le_bytes());
        let mut hasher = self.hasher.clone();
        hasher.update(suffix);
        (suffix, digest_text(&hasher.finalize()))
    }
}

/// `sha256:...` of what was hashed.
pub(crate) fn digest_text(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::from("sha256:"), |mut text, byte| {
        // A string takes every write.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is pushed.
pub(crate) struct Push<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) repository: &'a str,
    pub(crate) clients: usize,
    pub(crate) content: &'a Content,
    /// The size of each PATCH; without, the blob is the body of the PUT.
    pub(crate) chunk_bytes: Option<usize>,
    /// Asked after each push of a client, with how long it has been going on: whether this client is done.
    pub(crate) enough: &'a (dyn Fn(Duration) -> bool + Sync),
}

/// What was pushed.
#[derive(Debug)]
pub(crate) struct Pushed {
    /// From the POST to the 201.
    pub(crate) latencies: Latencies,
    pub(crate) wall: Duration,
    /// What the server used, as `cpu` told.
    pub(crate) cpu: Duration,
}

/// Does what `plan` says; `cpu` tells how much CPU time the server has used so far. Each client pushes one blob before
/// anything is counted.
pub(crate) fn push(plan: &Push<'_>, cpu: impl Fn() -> Result<Duration>) -> Result<Pushed> {
    let ready = Barrier::new(plan.clients + 1);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|_| {
                scope.spawn(|| {
                    let warmed_up = warm_up(plan);
                    ready.wait();
                    push_on(plan, warmed_up?)
                })
            })
            .collect();
        ready.wait();
        let (begin, cpu_before) = (Instant::now(), cpu()?);
        let mut latencies = Latencies::default();
        let mut outcome = Ok(());
        for client in clients {
            match client.join() {
                Ok(Ok(own)) => latencies.append(own),
                Ok(Err(error)) => outcome = Err(error),
                Err(_panicked) => outcome = Err(anyhow::anyhow!("a client panicked")),
            }
        }
        outcome?;
        let (wall, cpu_after) = (begin.elapsed(), cpu()?);
        Ok(Pushed {
            latencies,
            wall,
            cpu: cpu_after.saturating_sub(cpu_before),
        })
    })
}

fn warm_up(plan: &Push<'_>) -> Result<Client> {
    let mut client = Client::connect(plan.endpoint, plan.authorization)?;
    push_one(plan, &mut client)?;
    Ok(client)
}

fn push_on(plan: &Push<'_>, mut client: Client) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    let begin = Instant::now();
    loop {
        let start = Instant::now();
        push_one(plan, &mut client)?;
        latencies.add(start.elapsed());
        if (plan.enough)(begin.elapsed()) {
            return Ok(latencies);
        }
    }
}

fn push_one(plan: &Push<'_>, client: &mut Client) -> Result<()> {
    const BYTES: &str = "Content-Type: application/octet-stream\r\n";
    let (suffix, digest) = plan.content.another();
    let path = format!("/v2/{}/blobs/uploads/", plan.repository);
    let begun = client.expect(202, "POST", &path, "", &[])?;
    let mut place = begun.upload()?;
    let common = plan.content.common.as_slice();
    if let Some(chunk_bytes) = plan.chunk_bytes {
        let mut offset = 0;
        let mut chunks = common.chunks(chunk_bytes).peekable();
        while let Some(chunk) = chunks.next() {
            // The last one takes the end with it.
            let end: &[u8] = if chunks.peek().is_none() {
                &suffix
            } else {
                &[]
            };
            let length = chunk.len() + end.len();
            let headers = format!("{BYTES}Content-Range: {offset}-{}\r\n", offset + length - 1);
            let taken = client.expect(202, "PATCH", &place, &headers, &[chunk, end])?;
            place = taken.upload()?;
            offset += length;
        }
        client.expect(201, "PUT", &finish(&place, &digest), "", &[])?;
    } else {
        let place = finish(&place, &digest);
        client.expect(201, "PUT", &place, BYTES, &[common, &suffix])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_blobs_are_the_same() {
        let content = Content::new(100);
        let (first, second) = (content.another(), content.another());
        assert_ne!(first, second);
        let whole = [content.common.as_slice(), &first.0].concat();
        assert_eq!(whole.len(), 100);
        assert_eq!(first.1, digest_text(&Sha256::digest(&whole)));
    }
}
