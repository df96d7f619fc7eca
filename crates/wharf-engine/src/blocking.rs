//! The bridge between sockets and disks: the only `spawn_blocking` of the engine.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use wharf_transfer::{EndpointError, ErrorKind};

use crate::intake::BlobFeed;

/// Chunks that may lie between the socket and the disk, for each layer.
const QUEUE_CHUNKS: usize = 8;

/// Runs work on disks, hashes and archives on a thread of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the bridge that everybody else uses"
)]
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EndpointError> + Send + 'static,
) -> Result<T, EndpointError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(EndpointError::new(ErrorKind::Internal, error)),
    }
}

/// The bytes of a blob for a thread that works on them: it says from where on, and then they come.
#[derive(Debug)]
pub(crate) struct Feed {
    offset: Option<oneshot::Sender<u64>>,
    chunks: mpsc::Receiver<Result<Bytes, EndpointError>>,
}

/// The other side of a [`Feed`], beside the socket.
#[derive(Debug)]
pub(crate) struct Feeder {
    /// From where on bytes are wanted; an error if none are.
    pub(crate) offset: oneshot::Receiver<u64>,
    /// Where they go.
    pub(crate) chunks: mpsc::Sender<Result<Bytes, EndpointError>>,
}

/// The two sides.
pub(crate) fn feed() -> (Feeder, Feed) {
    let (offset_sender, offset_receiver) = oneshot::channel();
    let (chunk_sender, chunk_receiver) = mpsc::channel(QUEUE_CHUNKS);
    let feeder = Feeder {
        offset: offset_receiver,
        chunks: chunk_sender,
    };
    (
        feeder,
        Feed {
            offset: Some(offset_sender),
            chunks: chunk_receiver,
        },
    )
}

impl BlobFeed for Feed {
    fn start(&mut self, offset: u64) -> Result<(), EndpointError> {
        if let Some(sender) = self.offset.take() {
            // A feeder that is gone closes the queue, which `next` then reports as the end.
            let _feeder_may_be_gone = sender.send(offset);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, EndpointError> {
        self.chunks.blocking_recv().transpose()
    }
}
