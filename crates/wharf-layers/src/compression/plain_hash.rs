//! The digest of what is compressed, reckoned beside the compression: hashing is in order and cannot be divided, but it need not
//! wait for whoever reads.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use wharf_oci::{Hasher, HasherState};

/// Blocks that wait to be hashed, at most.
const BLOCKS_AHEAD: usize = 2;

/// The bytes of a block; whoever has it last may use it again.
#[derive(Default)]
pub(super) struct PlainBlock {
    pub(super) bytes: Vec<u8>,
}

/// What was hashed.
#[derive(Debug, Clone)]
pub struct PlainHash {
    /// It has seen everything.
    pub hasher: Hasher,
    /// What it had seen at the end of each block.
    pub states: Vec<HasherState>,
}

/// Hashes blocks in their order, on a thread if there is more than one.
pub(super) enum PlainHasher {
    Here(PlainHash),
    Thread {
        blocks: SyncSender<Arc<PlainBlock>>,
        thread: JoinHandle<PlainHash>,
    },
}

impl PlainHasher {
    pub(super) fn take(self, block: &Arc<PlainBlock>, is_last: bool) -> io::Result<Self> {
        match self {
            Self::Here(mut hash) if is_last => {
                hash.update(&block.bytes);
                Ok(Self::Here(hash))
            }
            Self::Here(hash) => {
                let (blocks, queue) = sync_channel(BLOCKS_AHEAD);
                let thread = std::thread::Builder::new().name("hash".to_owned());
                let thread = thread.spawn(move || hash_all(hash, &queue))?;
                Self::Thread { blocks, thread }.take(block, is_last)
            }
            Self::Thread { blocks, thread } => {
                let sent = blocks.send(Arc::clone(block));
                sent.map_err(|_gone| thread_gone())?;
                Ok(Self::Thread { blocks, thread })
            }
        }
    }

    /// Waits until all is hashed.
    pub(super) fn finish(self) -> io::Result<PlainHash> {
        match self {
            Self::Here(hash) => Ok(hash),
            Self::Thread { blocks, thread } => {
                drop(blocks);
                thread.join().map_err(|_panic| thread_gone())
            }
        }
    }
}

impl PlainHash {
    fn update(&mut self, block: &[u8]) {
        self.hasher.update(block);
        self.states.push(self.hasher.save());
    }
}

fn hash_all(mut hash: PlainHash, blocks: &Receiver<Arc<PlainBlock>>) -> PlainHash {
    for block in blocks {
        hash.update(&block.bytes);
    }
    hash
}

fn thread_gone() -> io::Error {
    io::Error::other("a thread that hashes has ended early")
}
