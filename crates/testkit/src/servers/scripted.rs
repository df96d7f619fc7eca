//! A registry that serves one image and does wrong what a test tells it to: real registries do not lie so well.
//!
//! It speaks as much of the distribution protocol as a pull needs: manifests by tag and digest, blobs whole and in ranges.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::image::{Artifact, Blob};

/// What a client asked.
#[derive(Debug, Clone, Default)]
pub struct ScriptedRequest {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields, names in lower case.
    pub headers: HashMap<String, String>,
}

impl ScriptedRequest {
    /// Whether a blob is asked for, rather than a manifest.
    pub fn is_for_blob(&self) -> bool {
        self.target.contains("/blobs/")
    }

    /// Whether `blob` is asked for.
    pub fn is_for(&self, blob: &Blob) -> bool {
        self.target.ends_with(&blob.digest().to_string())
    }
}

/// What the client gets.
#[derive(Debug, Clone)]
pub struct ScriptedReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    announced: Option<usize>,
    cut_at: Option<usize>,
}

impl ScriptedReply {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            announced: None,
            cut_at: None,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body, and its length with it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Says another `Content-Length` than is true.
    #[must_use]
    pub fn announcing(mut self, length: usize) -> Self {
        self.announced = Some(length);
        self
    }

    /// Closes the connection after so many bytes of the body.
    #[must_use]
    pub fn cut_at(mut self, length: usize) -> Self {
        self.cut_at = Some(length);
        self
    }
}

/// Takes a request and the honest answer, and gives the answer that is sent.
type Fault = dyn Fn(&ScriptedRequest, ScriptedReply) -> ScriptedReply + Send + Sync;

/// What all connections share.
struct State {
    manifests: HashMap<String, Blob>,
    blobs: HashMap<String, Blob>,
    fault: Mutex<Option<Arc<Fault>>>,
    requests: Mutex<Vec<ScriptedRequest>>,
    stopped: AtomicBool,
}

/// The running registry. It serves the image under every repository as `:1`.
pub struct ScriptedRegistry {
    port: u16,
    state: Arc<State>,
}

impl fmt::Debug for ScriptedRegistry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("ScriptedRegistry");
        shown.field("port", &self.port).finish_non_exhaustive()
    }
}

impl ScriptedRegistry {
    /// Serves `artifact`, honestly so far.
    pub fn start(artifact: &Artifact) -> Self {
        let by_digest = |blobs: &[Blob]| -> HashMap<String, Blob> {
            let named = blobs
                .iter()
                .map(|blob| (blob.digest().to_string(), blob.clone()));
            named.collect()
        };
        let mut manifests = by_digest(&artifact.manifests);
        manifests.insert("1".to_owned(), artifact.root().clone());
        let state = Arc::new(State {
            manifests,
            blobs: by_digest(&artifact.blobs),
            fault: Mutex::new(None),
            requests: Mutex::new(Vec::new()),
            stopped: AtomicBool::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // That a client goes away is its right.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { port, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Changes every answer from here on.
    pub fn misbehave(
        &self,
        fault: impl Fn(&ScriptedRequest, ScriptedReply) -> ScriptedReply + Send + Sync + 'static,
    ) {
        let mut current = self.state.fault.lock().expect("no thread panics with it");
        *current = Some(Arc::new(fault));
    }

    /// Answers honestly again.
    pub fn behave(&self) {
        *self.state.fault.lock().expect("no thread panics with it") = None;
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<ScriptedRequest> {
        self.state
            .requests
            .lock()
            .expect("no thread panics with it")
            .clone()
    }
}

impl Drop for ScriptedRegistry {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader)? {
        let honest = answer(&request, state);
        let fault = state
            .fault
            .lock()
            .expect("no thread panics with it")
            .clone();
        let reply = match fault {
            Some(fault) => fault(&request, honest),
            None => honest,
        };
        let is_head = request.method == "HEAD";
        state
            .requests
            .lock()
            .expect("no thread panics with it")
            .push(request);
        send(&mut writer, &reply, is_head)?;
        if reply.cut_at.is_some() {
            return writer.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

/// `None`: the client has gone, or speaks something else (TLS).
pub(super) fn read_request(
    reader: &mut BufReader<TcpStream>,
) -> io::Result<Option<ScriptedRequest>> {
    let first = reader.fill_buf()?.first().copied();
    if !first.is_some_and(|byte| byte.is_ascii_uppercase()) {
        return Ok(None);
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut request = ScriptedRequest {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers: HashMap::new(),
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Ok(Some(request));
        };
        request
            .headers
            .insert(name.to_lowercase(), value.trim().to_owned());
    }
}

fn send(writer: &mut TcpStream, reply: &ScriptedReply, is_head: bool) -> io::Result<()> {
    let length = reply.announced.unwrap_or(reply.body.len());
    write!(
        writer,
        "HTTP/1.1 {} X\r\ncontent-length: {length}\r\n",
        reply.status
    )?;
    for (name, value) in &reply.headers {
        write!(writer, "{name}: {value}\r\n")?;
    }
    writer.write_all(b"\r\n")?;
    if !is_head {
        let end = reply.cut_at.unwrap_or(usize::MAX).min(reply.body.len());
        writer.write_all(&reply.body[..end])?;
    }
    writer.flush()
}

fn answer(request: &ScriptedRequest, state: &State) -> ScriptedReply {
    if request.target == "/v2/" {
        return ScriptedReply::new(200);
    }
    let name = request.target.rsplit('/').next().unwrap_or_default();
    if request.is_for_blob() {
        return match state.blobs.get(name) {
            Some(blob) => blob_reply(blob, request.headers.get("range").map(String::as_str)),
            None => refusal("BLOB_UNKNOWN", "blob unknown to registry"),
        };
    }
    match state.manifests.get(name) {
        Some(manifest) => ScriptedReply::new(200)
            .header("content-type", manifest.descriptor.media_type.as_str())
            .header("docker-content-digest", &manifest.digest().to_string())
            .body(manifest.bytes.clone()),
        None => refusal("MANIFEST_UNKNOWN", "manifest unknown"),
    }
}

fn blob_reply(blob: &Blob, range: Option<&str>) -> ScriptedReply {
    let size = blob.bytes.len();
    let start: Option<usize> = range
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .split_once('-')?
                .0
                .parse()
                .ok()
        })
        .filter(|start| *start < size);
    match start {
        Some(start) => ScriptedReply::new(206)
            .header(
                "content-range",
                &format!("bytes {start}-{}/{size}", size - 1),
            )
            .body(&blob.bytes[start..]),
        None => ScriptedReply::new(200).body(blob.bytes.clone()),
    }
}

fn refusal(code: &str, message: &str) -> ScriptedReply {
    ScriptedReply::new(404)
        .header("content-type", "application/json")
        .body(format!(
            r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#
        ))
}
