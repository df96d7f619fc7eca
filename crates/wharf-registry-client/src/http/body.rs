//! Bodies of requests and answers. Neither is ever copied here, and none is held in memory as a whole
//! unless it is asked for with a limit.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::error::TransportError;
use super::transport::Lease;

/// Larger chunks are handed to the socket in pieces of this size, so that a slow line shows progress.
const PIECE_BYTES: usize = 256 * 1024;
/// What is still read of a body that nobody wants, to keep its connection.
const DISCARD_LIMIT_BYTES: usize = 64 * 1024;

/// A request's body.
pub(crate) struct RequestBody {
    content: Content,
    // What has to be sent still.
    remaining: u64,
    progress: Arc<BodyProgress>,
}

enum Content {
    Bytes(Bytes),
    Stream {
        chunks: BoxStream<'static, io::Result<Bytes>>,
        piece: Bytes,
    },
}

/// How far a request's body has come, for whoever watches over a stalled upload.
#[derive(Debug, Default)]
pub(crate) struct BodyProgress {
    sent_bytes: AtomicU64,
    finished: AtomicBool,
}

impl BodyProgress {
    /// Bytes given to the connection, and whether that was all.
    pub(crate) fn now(&self) -> (u64, bool) {
        let finished = self.finished.load(Ordering::Relaxed);
        (self.sent_bytes.load(Ordering::Relaxed), finished)
    }

    fn add(&self, bytes: usize, remaining: u64) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.finished.store(remaining == 0, Ordering::Relaxed);
    }
}

impl RequestBody {
    pub(crate) fn new(content: Bytes) -> Self {
        let remaining = content.len() as u64;
        Self::with(Content::Bytes(content), remaining)
    }

    /// Sends exactly `length` bytes of `chunks`; that they are fewer or more is an error.
    pub(crate) fn stream(chunks: BoxStream<'static, io::Result<Bytes>>, length: u64) -> Self {
        let piece = Bytes::new();
        Self::with(Content::Stream { chunks, piece }, length)
    }

    fn with(content: Content, remaining: u64) -> Self {
        let progress = Arc::<BodyProgress>::default();
        progress.add(0, remaining);
        Self {
            content,
            remaining,
            progress,
        }
    }

    pub(crate) fn progress(&self) -> Arc<BodyProgress> {
        Arc::clone(&self.progress)
    }

    /// The same body again, unless it is a stream.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        match &self.content {
            Content::Bytes(content) => Some(Self::new(content.clone())),
            Content::Stream { .. } => None,
        }
    }

    fn next_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.content {
            Content::Bytes(content) if content.is_empty() => Poll::Ready(None),
            Content::Bytes(content) => Poll::Ready(Some(Ok(std::mem::take(content)))),
            Content::Stream { chunks, piece } => loop {
                if !piece.is_empty() {
                    let next = piece.split_to(piece.len().min(PIECE_BYTES));
                    return Poll::Ready(Some(Ok(next)));
                }
                match std::task::ready!(chunks.as_mut().poll_next(context)) {
                    Some(Ok(chunk)) => *piece = chunk,
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        match std::task::ready!(self.next_piece(context)) {
            Some(Ok(piece)) => {
                let Some(remaining) = self.remaining.checked_sub(piece.len() as u64) else {
                    let error = io::Error::other("the source is longer than was announced");
                    return Poll::Ready(Some(Err(error)));
                };
                self.remaining = remaining;
                self.progress.add(piece.len(), remaining);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                let text = "the source is shorter than was announced";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, text);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// An answer's body. Gives its connection back when it was read to the end.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    incoming: Incoming,
    lease: Option<Lease>,
    idle_limit: Duration,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, idle_limit: Duration) -> Self {
        let mut body = Self {
            incoming,
            lease: Some(lease),
            idle_limit,
        };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    /// The next bytes, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            let next = tokio::time::timeout(self.idle_limit, self.incoming.frame()).await;
            let frame = next.map_err(|_elapsed| TransportError::Timeout {
                waiting_for: "the next bytes of the answer",
                limit: self.idle_limit,
            })?;
            match frame {
                None => {
                    self.give_back();
                    return Ok(None);
                }
                Some(Err(reason)) => return Err(TransportError::Broken { reason }),
                Some(Ok(frame)) => {
                    // Anything but data is a trailer, which no registry uses.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        if self.incoming.is_end_stream() {
                            self.give_back();
                        }
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it, if that is not more than `limit_bytes`.
    pub(crate) async fn collect(mut self, limit_bytes: usize) -> Result<Vec<u8>, TransportError> {
        let announced = self.incoming.size_hint().lower();
        let mut content = Vec::new();
        if announced <= limit_bytes as u64 {
            content.reserve_exact(usize::try_from(announced).unwrap_or(0));
        }
        while let Some(chunk) = self.chunk().await? {
            if content.len() + chunk.len() > limit_bytes {
                return Err(TransportError::TooLarge { limit_bytes });
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// The first `limit_bytes` of it.
    pub(crate) async fn collect_start(mut self, limit_bytes: usize) -> Vec<u8> {
        let mut content = Vec::new();
        while content.len() < limit_bytes
            && let Ok(Some(chunk)) = self.chunk().await
        {
            let wanted = chunk.len().min(limit_bytes - content.len());
            content.extend(chunk.iter().take(wanted));
        }
        content
    }

    /// Reads to the end if that is near, so that the connection can be used again.
    pub(crate) async fn discard(self) {
        if self.incoming.size_hint().lower() <= DISCARD_LIMIT_BYTES as u64 {
            // What it was does not matter; failing only costs the connection.
            drop(self.collect(DISCARD_LIMIT_BYTES).await);
        }
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}
