//! Files to plain sockets without passing through this program: `sendfile`, below hyper.
//!
//! A body that is a file yields slices of one dummy buffer, as many bytes as the file's range has. hyper frames and sends
//! them like any others; the connection recognises them by their address and has the kernel send the same number of bytes
//! of the file instead. Requests may be pipelined, so the files wait in a queue, in the order of their bodies.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Longest slice: how much the kernel is asked to send at once, and so how long a thread may wait for a cold disk.
const SLICE_BYTES: usize = 256 << 10;
static DUMMY: [u8; SLICE_BYTES] = [0; SLICE_BYTES];

/// The files that a connection is about to send.
#[derive(Debug, Clone, Default)]
pub(super) struct FileQueue(Arc<Mutex<VecDeque<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    file: File,
    range: Range<u64>,
}

impl FileQueue {
    /// Puts a range of a file behind those that wait. As many dummy bytes have to be written then.
    pub(super) fn push(&self, file: File, range: Range<u64>) {
        self.waiting().push_back(Waiting { file, range });
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next dummy bytes of a body that has `left` to come.
pub(super) fn dummy(left: u64) -> Bytes {
    let count = usize::try_from(left).map_or(SLICE_BYTES, |left| left.min(SLICE_BYTES));
    Bytes::from_static(DUMMY.get(..count).unwrap_or_default())
}

fn is_dummy(slice: &[u8]) -> bool {
    DUMMY.as_ptr_range().contains(&slice.as_ptr()) && !slice.is_empty()
}

/// A plain socket that sends files for dummy bytes.
#[derive(Debug)]
pub(super) struct FileSocket {
    socket: TcpStream,
    queue: FileQueue,
}

impl FileSocket {
    /// A socket with its queue.
    pub(super) fn new(socket: TcpStream, queue: FileQueue) -> Self {
        Self { socket, queue }
    }

    /// Sends up to `count` bytes of the file that waits first.
    fn poll_send(&self, context: &mut Context<'_>, count: usize) -> Poll<io::Result<usize>> {
        let mut waiting = self.queue.waiting();
        let Some(first) = waiting.front_mut() else {
            return Poll::Ready(Err(io::Error::other("dummy bytes without a file")));
        };
        let left = usize::try_from(first.range.end - first.range.start).unwrap_or(usize::MAX);
        let count = count.min(left);
        let sent = loop {
            ready!(self.socket.poll_write_ready(context))?;
            let mut offset = first.range.start;
            let attempt = self.socket.try_io(Interest::WRITABLE, || {
                Ok(rustix::fs::sendfile(
                    &self.socket,
                    &first.file,
                    Some(&mut offset),
                    count,
                )?)
            });
            match attempt {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => break outcome?,
            }
        };
        if sent == 0 {
            // The file is shorter than it was: the answer cannot be finished.
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        first.range.start += sent as u64;
        if first.range.is_empty() {
            waiting.pop_front();
        }
        Poll::Ready(Ok(sent))
    }
}

impl AsyncRead for FileSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for FileSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if is_dummy(bytes) {
            return self.poll_send(context, bytes.len());
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    /// Real bytes up to the first dummy ones, or the first dummy ones.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let real = slices.iter().take_while(|slice| !is_dummy(slice)).count();
        match slices.split_at(real) {
            ([], [dummy, ..]) => self.poll_send(context, dummy.len()),
            (real, _) => Pin::new(&mut self.socket).poll_write_vectored(context, real),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]
mod tests {
    use std::io::Write as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    async fn pair() -> (FileSocket, FileQueue, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let queue = FileQueue::default();
        (FileSocket::new(socket, queue.clone()), queue, client)
    }

    /// Writes slices as hyper does: what was not taken comes again.
    async fn write_all(socket: &mut FileSocket, pieces: &[Bytes]) {
        let mut pieces: VecDeque<Bytes> = pieces.iter().cloned().collect();
        while !pieces.is_empty() {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut written = socket.write_vectored(&slices).await.unwrap();
            while let Some(first) = pieces.front_mut() {
                let taken = written.min(first.len());
                bytes::Buf::advance(first, taken);
                written -= taken;
                if !first.is_empty() {
                    break;
                }
                pieces.pop_front();
            }
        }
    }

    #[tokio::test]
    async fn files_go_where_their_dummies_stand() {
        let (mut socket, queue, mut client) = pair().await;
        let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        queue.push(file(&large), 10..2_900_000);
        queue.push(file(b"0123456789"), 3..6);
        let mut pieces = vec![Bytes::from_static(b"head")];
        let mut left = 2_900_000 - 10;
        while left > 0 {
            let piece = dummy(left);
            left -= piece.len() as u64;
            pieces.push(piece);
        }
        pieces.extend([
            Bytes::from_static(b"between"),
            dummy(3),
            Bytes::from_static(b"end"),
        ]);
        let writing = async {
            write_all(&mut socket, &pieces).await;
            socket.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let reading = client.read_to_end(&mut received);
        let ((), read) = tokio::join!(writing, reading);
        read.unwrap();
        let expected = [b"head", &large[10..2_900_000], b"between", b"345", b"end"].concat();
        assert!(received == expected, "{} bytes", received.len());
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_ends_the_connection() {
        let (mut socket, queue, _client) = pair().await;
        queue.push(file(b"short"), 5..9);
        let error = socket.write(&dummy(4)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
