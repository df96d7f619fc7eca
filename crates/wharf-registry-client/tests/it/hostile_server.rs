//! A server that answers what a test tells it to, byte by byte: real servers do not lie so well.

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wharf_oci::Repository;

/// What a client asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, or the whole URL if we are its proxy.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What the client gets.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    head: String,
    announced: Option<usize>,
    body: Vec<u8>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    KeepOpen,
    Close,
    Stall,
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct HostileServer {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// `GET /path`, for comparing.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} X\r\n"),
            announced: Some(0),
            body: Vec::new(),
            end: End::KeepOpen,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").unwrap();
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.announced = Some(self.body.len());
        self
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// Says another `Content-Length` than is true.
    pub(crate) fn announcing(mut self, length: usize) -> Self {
        self.announced = Some(length);
        self
    }

    /// Says no length; the end of the connection is the end of the body.
    pub(crate) fn unannounced(mut self) -> Self {
        self.announced = None;
        self.end = End::Close;
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut_at(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self.end = End::Close;
        self
    }

    /// Sends nothing more after so many bytes of the body, and stays.
    pub(crate) fn stall_at(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self.end = End::Stall;
        self
    }
}

impl HostileServer {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with_port(|_port| handler).await
    }

    /// For handlers that must know their own address.
    pub(crate) async fn start_with_port<H>(handler: impl FnOnce(u16) -> H) -> Self
    where
        H: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let handler: Arc<Handler> = Arc::new(handler(port));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
                tokio::spawn(async move {
                    // That a client goes away is its right.
                    drop(serve(stream, &*handler, &seen).await);
                });
            }
        });
        Self {
            port,
            requests,
            task,
        }
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        Repository::new(&self.host(), path).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// All requests as `GET /path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    handler: &Handler,
    seen: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        seen.lock().unwrap().push(request.clone());
        let reply = handler(&request);
        let mut head = reply.head.clone();
        if let Some(length) = reply.announced {
            write!(head, "content-length: {length}\r\n").unwrap();
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        if request.method != "HEAD" {
            stream.write_all(&reply.body).await?;
        }
        stream.flush().await?;
        match reply.end {
            End::KeepOpen => {}
            End::Close => return stream.shutdown().await,
            End::Stall => std::future::pending().await,
        }
    }
}

// `None`: the client has gone, or does not speak HTTP.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
        if !buffer[0].is_ascii_uppercase() {
            // TLS. What Go's server says to it.
            stream
                .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                .await?;
            return Ok(None);
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ');
    let mut request = Request {
        method: words.next().unwrap().to_owned(),
        target: words.next().unwrap().to_owned(),
        ..Request::default()
    };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        let header = (name.to_lowercase(), value.trim().to_owned());
        request.headers.push(header);
    }
    let length = request.header("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            break;
        }
    }
    request.body = buffer.drain(..length.min(buffer.len())).collect();
    Ok(Some(request))
}
