//! Bodies of requests and answers.

use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::error::HttpError;
use super::sendfile::{FileQueue, dummy};
use crate::error::RegistryError;
use crate::repositories::{BodyError, UploadBody};
use crate::storage::{BlobBody, StorageError, on_disk};

/// How much of a file is read at once.
const FILE_PIECE_BYTES: usize = 128 << 10;
/// What a client has to send of a body each time that it is given patience, in bytes.
const PROGRESS_BYTES: usize = 16 << 10;
/// How much of a body that nobody wants is read and thrown away, and for how long.
const DISCARD_BYTES: usize = 16 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The body of an answer.
pub(crate) enum Body {
    /// All of it is here; `None` when it was sent.
    Whole(Option<Bytes>),
    /// Comes from a file.
    File(FileBody),
    /// Comes in pieces, of which the whole length is known.
    Stream {
        /// The pieces.
        pieces: Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>,
        /// Bytes that are still to come.
        left: u64,
    },
}

/// A range of a file on its way out.
pub(crate) struct FileBody {
    file: Option<File>,
    range: Range<u64>,
    reading: Option<JoinHandle<std::io::Result<(File, Bytes)>>>,
    /// Where the connection sends the file by itself.
    queue: Option<FileQueue>,
}

impl Body {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }

    /// All of it.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes: Bytes = bytes.into();
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// A part of an object, `length` bytes.
    pub(crate) fn blob(blob: BlobBody, length: u64) -> Self {
        match blob {
            BlobBody::File { file, range } => Self::File(FileBody {
                file: Some(file),
                range,
                reading: None,
                queue: None,
            }),
            BlobBody::Bytes(bytes) => Self::whole(bytes),
            BlobBody::Stream(pieces) => Self::Stream {
                pieces,
                left: length,
            },
        }
    }
}

impl Body {
    /// Leaves a file to a connection that sends files by itself.
    pub(super) fn send_by(&mut self, queue: &FileQueue) {
        if let Self::File(file) = self {
            file.queue = Some(queue.clone());
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = StorageError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File(file) => file.poll_piece(context),
            Self::Stream { pieces, left } => {
                let piece = ready!(pieces.poll_next_unpin(context));
                if let Some(Ok(piece)) = &piece {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File(file) => file.range.end - file.range.start,
            Self::Stream { left, .. } => *left,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }
}

impl FileBody {
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        if self.range.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(queue) = &self.queue {
            if let Some(file) = self.file.take() {
                queue.push(file, self.range.clone());
            }
            let piece = dummy(self.range.end - self.range.start);
            self.range.start += piece.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(bytes) = self
            .file
            .as_ref()
            .and_then(|file| cached(file, &self.range))
        {
            self.range.start += bytes.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let reading = match (&mut self.reading, self.file.take()) {
            (Some(reading), _) => reading,
            (slot @ None, Some(file)) => slot.insert(read_piece(file, &self.range)),
            (None, None) => return Poll::Ready(None),
        };
        let outcome = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| StorageError::Failed {
            what: "reading an object".to_owned(),
            cause,
        };
        Poll::Ready(Some(match outcome {
            Ok(Ok((file, bytes))) => {
                self.file = Some(file);
                self.range.start += bytes.len() as u64;
                Ok(Frame::data(bytes))
            }
            Ok(Err(error)) => Err(failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }))
    }
}

/// The next piece, or its beginning, where the kernel has it in memory: going to another thread and back takes longer than copying it.
fn cached(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::zeroed(left.min(FILE_PIECE_BYTES));
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = ReadWriteFlags::NOWAIT;
    // Where that is not possible, or an error waits, the thread finds out.
    let length = preadv2(file, &mut slices, range.start, flags).ok()?;
    bytes.truncate(length);
    (length > 0).then(|| bytes.freeze())
}

fn read_piece(file: File, range: &Range<u64>) -> JoinHandle<std::io::Result<(File, Bytes)>> {
    let start = range.start;
    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    on_disk(move || {
        let mut bytes = BytesMut::zeroed(left.min(FILE_PIECE_BYTES));
        file.read_exact_at(&mut bytes, start)?;
        Ok((file, bytes.freeze()))
    })
}

/// The body of a request.
///
/// What is left of it when it is dropped is read and thrown away, up to a limit: a connection that is closed on a client
/// in the middle of its request may take the answer with it.
pub(super) struct RequestBody {
    incoming: Option<Incoming>,
    /// Whether the client waits to be told to send it (`Expect: 100-continue`). Reading tells it to.
    is_awaited: bool,
}

impl RequestBody {
    /// The body of a request that has these headers.
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self {
            incoming: Some(incoming),
            is_awaited: headers.contains_key(EXPECT),
        }
    }

    /// The next bytes; `None` at the end, and after an error.
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let frame = self.incoming.as_mut()?.frame().await;
            match frame {
                None => self.incoming = None,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => return Some(Ok(bytes)),
                    // They say nothing here.
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.incoming = None;
                    return Some(Err(BodyError::Broken(error.to_string())));
                }
            }
        }
    }

    /// What the client announced with `Content-Length`, or zero.
    fn announced(&self) -> u64 {
        let incoming = self.incoming.as_ref();
        incoming.map_or(0, |body| hyper::body::Body::size_hint(body).lower())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let rest = self.incoming.take();
        let Some(rest) = rest.filter(|rest| !hyper::body::Body::is_end_stream(rest)) else {
            return;
        };
        if !self.is_awaited
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Nobody waits for its end.
            drop(runtime.spawn(tokio::time::timeout(DISCARD_TIME, discard(rest))));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut bytes = 0;
    while bytes < DISCARD_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// How long the body of a request is waited for.
pub(super) struct Patience {
    /// In which at least [`PROGRESS_BYTES`] have to come.
    pub(super) silence: Duration,
    /// Turns true when nothing more is waited for.
    pub(super) ending: watch::Receiver<bool>,
}

/// The body of a request as pieces. A client that sends less than [`PROGRESS_BYTES`] in the time of `patience` is given up.
pub(super) fn upload_body(body: RequestBody, patience: Patience) -> UploadBody {
    struct Arriving {
        body: RequestBody,
        patience: Patience,
        deadline: Instant,
        bytes: usize,
    }
    let arriving = Arriving {
        body,
        deadline: Instant::now() + patience.silence,
        patience,
        bytes: 0,
    };
    Box::pin(stream::unfold(Some(arriving), move |arriving| async move {
        let mut arriving = arriving?;
        let came = tokio::select! {
            came = tokio::time::timeout_at(arriving.deadline, arriving.body.next()) => came,
            _told_or_gone = arriving.patience.ending.wait_for(|ending| *ending) => {
                return Some((Err(BodyError::Stopping), None));
            }
        };
        match came {
            Ok(Some(Ok(piece))) => {
                arriving.bytes += piece.len();
                if arriving.bytes >= PROGRESS_BYTES {
                    arriving.bytes = 0;
                    arriving.deadline = Instant::now() + arriving.patience.silence;
                }
                Some((Ok(piece), Some(arriving)))
            }
            Ok(None) => None,
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Err(_elapsed) => {
                // Its rest would come as slowly.
                arriving.body.incoming = None;
                let (bytes, seconds) = (arriving.bytes, arriving.patience.silence.as_secs());
                let reason = format!("no more than {bytes} bytes came in {seconds} seconds");
                Some((Err(BodyError::Broken(reason)), None))
            }
        }
    }))
}

/// The whole body of a request, if it is not longer than `limit`; otherwise `too_large`.
pub(super) async fn whole_body(
    body: RequestBody,
    limit: usize,
    patience: Patience,
    too_large: impl FnOnce() -> HttpError,
) -> Result<Vec<u8>, HttpError> {
    if body.announced() > limit as u64 {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    let mut pieces = upload_body(body, patience);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(RegistryError::from)?;
        if whole.len() + piece.len() > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
