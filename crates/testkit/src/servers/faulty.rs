//! Object storage on a bad day: a proxy before an S3 server that fails as it is told and passes on everything else.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::scripted::{ScriptedRequest, read_request};

/// How many bytes of a body are passed on at once.
const PIECE_BYTES: usize = 64 << 10;

/// What S3 says when it is asked too often.
const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server is not asked; the client is told `503 SlowDown`.
    SlowDown,
    /// The server is not asked; the client gets this status without a body.
    Status(u16),
    /// The request is passed on after so long, or not at all if the client has gone by then.
    Delay(Duration),
    /// The server gets the head and so many bytes of the body; then both connections are cut.
    CutRequest(u64),
    /// The client gets the head and so many bytes of the body; then both connections are cut.
    CutResponse(u64),
    /// The server does all that it is asked, and the client never hears of it.
    LoseResponse,
}

/// A request that came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedRequest {
    /// `GET`, `PUT`, ...
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The length of its body, in bytes.
    pub length: u64,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// Some requests to come, and what goes wrong with them.
#[derive(Debug)]
struct Order {
    left: usize,
    method: String,
    fragment: String,
    fault: Fault,
}

/// What all connections share.
#[derive(Debug)]
struct State {
    upstream: String,
    orders: Mutex<Vec<Order>>,
    passed: Mutex<Vec<PassedRequest>>,
    stopped: AtomicBool,
    /// Wakes those who wait until it is late enough.
    stopping: (Mutex<()>, Condvar),
}

/// The running proxy. Signatures stay valid: the server sees the host that the client named.
#[derive(Debug)]
pub struct FaultyS3 {
    port: u16,
    state: Arc<State>,
}

impl FaultyS3 {
    /// Starts a proxy before the server at `upstream` (`127.0.0.1:PORT`), faultless so far.
    pub fn start(upstream: &str) -> Self {
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            orders: Mutex::default(),
            passed: Mutex::default(),
            stopped: AtomicBool::new(false),
            stopping: <(Mutex<()>, Condvar)>::default(),
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
                // That either side goes away is its right.
                thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { port, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Lets the next `count` requests fail whose method is `method` (any, if empty) and whose path and query contain
    /// `fragment`. Of several orders that fit, the oldest comes first.
    pub fn fail_next(&self, count: usize, method: &str, fragment: &str, fault: Fault) {
        lock(&self.state.orders).push(Order {
            left: count,
            method: method.to_owned(),
            fragment: fragment.to_owned(),
            fault,
        });
    }

    /// Forgets every order that is not used up.
    pub fn behave(&self) {
        lock(&self.state.orders).clear();
    }

    /// What came by so far.
    pub fn requests(&self) -> Vec<PassedRequest> {
        lock(&self.state.passed).clone()
    }
}

impl Drop for FaultyS3 {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        self.state.stopping.1.notify_all();
        // Wakes the thread that accepts.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with it")
}

/// One request; then the connection is closed, so that each side's end is the end of the other's.
fn serve(client: &TcpStream, state: &State) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let Some(request) = read_request(&mut reader)? else {
        return Ok(());
    };
    let length = match request.headers.get("content-length") {
        Some(length) => length.parse().map_err(io::Error::other)?,
        None => 0,
    };
    let fault = state.fault_for(&request);
    lock(&state.passed).push(PassedRequest {
        method: request.method.clone(),
        target: request.target.clone(),
        length,
        fault,
    });
    let outcome = Exchange {
        request: &request,
        length,
        body: &mut reader,
        client,
        state,
    }
    .run(fault);
    drop(client.shutdown(Shutdown::Both));
    outcome
}

impl State {
    fn fault_for(&self, request: &ScriptedRequest) -> Option<Fault> {
        let mut orders = lock(&self.orders);
        let order = orders.iter_mut().find(|order| {
            order.left > 0
                && (order.method.is_empty() || order.method == request.method)
                && request.target.contains(&order.fragment)
        })?;
        order.left -= 1;
        Some(order.fault)
    }

    /// Waits for so long, or until the proxy stops.
    fn wait(&self, time: Duration) {
        let (mutex, stopping) = &self.stopping;
        let stopped = |(): &mut ()| !self.stopped.load(Ordering::Relaxed);
        drop(stopping.wait_timeout_while(lock(mutex), time, stopped));
    }
}

/// One request on its way.
struct Exchange<'a> {
    request: &'a ScriptedRequest,
    length: u64,
    body: &'a mut BufReader<TcpStream>,
    client: &'a TcpStream,
    state: &'a State,
}

impl Exchange<'_> {
    fn run(mut self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            None => self.pass(u64::MAX),
            Some(Fault::SlowDown) => self.refuse(503, SLOW_DOWN),
            Some(Fault::Status(status)) => self.refuse(status, ""),
            Some(Fault::Delay(time)) => {
                self.state.wait(time);
                self.pass(u64::MAX)
            }
            Some(Fault::CutRequest(after)) => self.send_request(after).map(drop),
            Some(Fault::CutResponse(after)) => self.pass(after),
            Some(Fault::LoseResponse) => {
                let mut response = self.send_request(u64::MAX)?;
                io::copy(&mut response, &mut io::sink()).map(drop)
            }
        }
    }

    /// Reads the body to its end, so that the client comes to read the answer.
    fn refuse(&mut self, status: u16, text: &str) -> io::Result<()> {
        io::copy(&mut self.body.take(self.length), &mut io::sink())?;
        write!(
            self.client,
            "HTTP/1.1 {status} X\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        )
    }

    /// Gives the server the request and the client the answer, and so many bytes of its body.
    fn pass(&mut self, body_limit: u64) -> io::Result<()> {
        let response = self.send_request(u64::MAX)?;
        let mut response = BufReader::new(response);
        let mut line = String::new();
        while response.read_line(&mut line)? > 0 {
            if !line.to_ascii_lowercase().starts_with("connection:") {
                self.client.write_all(line.as_bytes())?;
            }
            if line.trim().is_empty() {
                break;
            }
            if line.starts_with("HTTP/1.1 ") {
                self.client.write_all(b"connection: close\r\n")?;
            }
            line.clear();
        }
        copy(&mut response.take(body_limit), &mut self.client)
    }

    /// Gives the server the request with so many bytes of its body.
    fn send_request(&mut self, body_limit: u64) -> io::Result<TcpStream> {
        let mut server = TcpStream::connect(&self.state.upstream)?;
        write!(
            server,
            "{} {} HTTP/1.1\r\n",
            self.request.method, self.request.target
        )?;
        for (name, value) in &self.request.headers {
            if name != "connection" {
                write!(server, "{name}: {value}\r\n")?;
            }
        }
        server.write_all(b"connection: close\r\n\r\n")?;
        copy(
            &mut self.body.take(self.length.min(body_limit)),
            &mut server,
        )?;
        Ok(server)
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return to.flush();
        }
        to.write_all(&piece[..count])?;
    }
}
