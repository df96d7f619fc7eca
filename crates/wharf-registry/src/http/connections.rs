//! Connections: accepted while there is a place for them, encrypted, served, and brought to their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::body::Body;
use super::counted::Counted;
use super::figures::ServerFigures;
use super::patient_stream::PatientStream;
use super::sendfile::{FileQueue, FileSocket};
use super::server::Server;
use crate::tls::Encryption;

/// Most a connection buffers of what it reads.
const BUFFER_BYTES: usize = 64 << 10;
/// Most header lines of a request.
const HEADER_LIMIT: usize = 100;
/// Most connections of those who read figures.
const METRICS_CONNECTIONS: usize = 64;
/// Most connections that are taken up at the end because the kernel had accepted them: as many as Linux keeps for a listener.
const BACKLOG_LIMIT: usize = 4096;
/// How long a client that is connected when the server is told to stop may take for its first bytes, which may be on their way.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// How long requests that were told to end may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The first byte of TLS: a record of a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// What a client is told that speaks plain HTTP where TLS is spoken.
const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nThis registry speaks HTTPS here, and the request came as plain HTTP.\n";

impl Server {
    /// Serves connections of `listener` until `stop` turns true. Then it answers one request of each client that the kernel had
    /// connected already, and lets requests under way come to their end; those that take longer than the grace are told to
    /// end, and uploads keep what had come.
    pub async fn serve(&self, listener: TcpListener, stop: watch::Receiver<bool>) {
        self.serve_on(listener, None, stop).await;
    }

    /// As [`Server::serve`], over TLS.
    pub async fn serve_encrypted(
        &self,
        listener: TcpListener,
        encryption: Encryption,
        stop: watch::Receiver<bool>,
    ) {
        self.serve_on(listener, Some(encryption), stop).await;
    }

    async fn serve_on(
        &self,
        listener: TcpListener,
        encryption: Option<Encryption>,
        mut stop: watch::Receiver<bool>,
    ) {
        let places = Arc::new(Semaphore::new(self.shared.settings.connection_limit));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &places) => accepted,
                () = stopped(&mut stop) => break,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer, place)) = accepted else {
                continue;
            };
            let server = self.clone();
            let encryption = encryption.clone();
            let stop = stop.clone();
            connections.spawn(async move {
                server.serve_stream(stream, peer, encryption, stop).await;
                drop(place);
            });
        }
        for (stream, peer) in backlog(listener) {
            let (server, places) = (self.clone(), Arc::clone(&places));
            let (encryption, stop) = (encryption.clone(), stop.clone());
            connections.spawn(async move {
                // The semaphore is never closed.
                let place = places.acquire_owned().await;
                server.serve_stream(stream, peer, encryption, stop).await;
                drop(place);
            });
        }
        if ended_within(&mut connections, self.shared.settings.shutdown_grace).await {
            return;
        }
        self.shared.ending.send_replace(true);
        if !ended_within(&mut connections, LAST_WORDS).await {
            tracing::warn!("connections that did not end in time are cut off");
        }
    }

    /// Serves the figures and nothing else, unencrypted and to everybody, until `stop` turns true.
    pub async fn serve_metrics(&self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(METRICS_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &places) => accepted,
                () = stopped(&mut stop) => return,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer, place)) = accepted else {
                continue;
            };
            let server = self.clone();
            let stop = stop.clone();
            connections.spawn(async move {
                let service = service_fn(|request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer_figures(request).await) }
                });
                server.drive(stream, peer, service, stop).await;
                drop(place);
            });
        }
    }

    async fn serve_stream(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        encryption: Option<Encryption>,
        mut stop: watch::Receiver<bool>,
    ) {
        let figures = &self.shared.figures;
        let _present = figures.connections.enter();
        let Some(encryption) = encryption else {
            let files = FileQueue::default();
            let stream = FileSocket::new(stream, files.clone());
            let stream = Counted::new(stream, Arc::clone(figures));
            return self.serve_connection(stream, peer, Some(files), stop).await;
        };
        let agreed = tokio::select! {
            agreed = agree(stream, &encryption, figures) => agreed,
            () = self.stopped_and_silent(&mut stop, std::future::pending()) => return,
        };
        match agreed {
            Ok(Some(stream)) => return self.serve_connection(stream, peer, None, stop).await,
            Ok(None) => tracing::debug!(%peer, "a client spoke plain HTTP where TLS is spoken"),
            Err(error) => tracing::debug!(%peer, %error, "a client did not agree on encryption"),
        }
        figures.failed_handshakes.increment();
    }

    /// A connection that is not encrypted sends files by itself: those in `files`.
    async fn serve_connection(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        files: Option<FileQueue>,
        stop: watch::Receiver<bool>,
    ) {
        let server = self.clone();
        let service = service_fn(move |request| {
            let (server, files) = (server.clone(), files.clone());
            async move {
                let mut response = server.answer(request, peer, files.is_none()).await;
                if let Some(files) = &files {
                    response.body_mut().send_by(files);
                }
                Ok::<_, Infallible>(response)
            }
        });
        self.drive(stream, peer, service, stop).await;
    }

    /// Lets a service answer the requests of a connection, until that ends or `stop` turns true and no request is under way.
    /// A connection that never brought one may still bring it.
    async fn drive<S, A>(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        service: S,
        mut stop: watch::Receiver<bool>,
    ) where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future = A>,
        A: Future<Output = Result<Response<Body>, Infallible>>,
    {
        let asked = Notify::new();
        let stop_seen = stop.clone();
        let service = service_fn(|request| {
            asked.notify_one();
            let (answer, stop) = (service.call(request), &stop_seen);
            async move {
                let mut response = answer.await?;
                if is_stopped(stop) {
                    let headers = response.headers_mut();
                    headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let stream = PatientStream::new(stream, self.shared.settings.write_timeout);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.settings.header_timeout)
            .max_headers(HEADER_LIMIT)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            // A request that has come is taken before the connection counts as idle.
            biased;
            outcome = connection.as_mut() => outcome,
            () = self.stopped_and_silent(&mut stop, asked.notified()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }

    /// Waits until the server is told to stop, and then for what a client says first, but not for long.
    async fn stopped_and_silent(
        &self,
        stop: &mut watch::Receiver<bool>,
        first_words: impl Future<Output = ()>,
    ) {
        stopped(stop).await;
        let patience = FIRST_WORDS.min(self.shared.settings.shutdown_grace);
        let _said_something = tokio::time::timeout(patience, first_words).await.is_ok();
    }
}

/// The connections of clients that the kernel has accepted and nobody has taken: for them they are open. Nobody new gets in.
fn backlog(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut waiting = Vec::new();
    // Asked without the runtime, which may not know yet what came last.
    let take_all = || -> io::Result<()> {
        let listener = listener.into_std()?;
        while waiting.len() < BACKLOG_LIMIT {
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    waiting.push((TcpStream::from_std(stream)?, peer));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // That client is gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    if let Err(error) = take_all() {
        tracing::warn!(%error, "connections that waited to be accepted are closed unanswered");
    }
    waiting
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Both mean the same, and the value is of no use.
    let _told_or_gone = stop.wait_for(|stop| *stop).await.is_ok();
}

/// Whether [`stopped`] has nothing to wait for.
fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Whether all connections end by themselves within `time`.
async fn ended_within(connections: &mut JoinSet<()>, time: Duration) -> bool {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(time, all_ended).await.is_ok()
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting for more to send would only delay them.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "a connection ended before it began");
            }
            Some((stream, peer, place))
        }
        Err(error) => {
            // No file descriptors are left, or the client is gone again: others get through when some end.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

/// Agrees on encryption; `None` when the client wants none.
async fn agree(
    mut stream: TcpStream,
    encryption: &Encryption,
    figures: &Arc<ServerFigures>,
) -> io::Result<Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>> {
    let mut first = [0];
    let seen = tokio::time::timeout(encryption.handshake_timeout(), stream.peek(&mut first));
    if seen.await?? == 1 && first != [TLS_HANDSHAKE] {
        stream.write_all(PLAIN_HTTP_ANSWER).await?;
        stream.shutdown().await?;
        // A connection that is closed with something unread may take the answer with it.
        let mut rest = [0; 4096];
        let read_all = async { while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
        let _client_may_stay = tokio::time::timeout(LAST_WORDS, read_all).await;
        return Ok(None);
    }
    let stream = Counted::new(stream, Arc::clone(figures));
    encryption.accept(stream).await.map(Some)
}
