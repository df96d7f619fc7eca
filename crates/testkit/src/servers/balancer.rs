//! A load balancer of a hundred lines: each request goes to the next node that takes its connection.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// How long either side may be silent.
const SILENCE: Duration = Duration::from_mins(1);
/// Most bytes of a request's head.
const HEAD_BYTES: u64 = 128 << 10;
/// How often all nodes are tried before a request is given up.
const ROUNDS: usize = 3;

/// A load balancer on a port of loopback. Dropping it stops it.
///
/// It parts requests, not connections: it tells the node that the connection ends with the answer, and the node tells the
/// client. A node that refuses the connection is passed over; one that dies in the middle of a request is the client's
/// matter, since nobody else knows whether the request may be sent again.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// The addresses of those that get requests.
    nodes: Mutex<Vec<String>>,
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl Balancer {
    /// Starts it before the nodes at these addresses, `host:port`.
    pub fn start(nodes: Vec<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            nodes: Mutex::new(nodes),
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // Either side that goes away is an end, and the other one is told by its connection's.
                thread::spawn(move || drop(pass(&client, &shared)));
            }
        });
        Self { port, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends no more requests to a node, as one does before it is stopped in good order.
    pub fn take_out(&self, node: &str) {
        self.state.nodes().retain(|address| address != node);
    }

    /// Sends requests to a node again.
    pub fn put_in(&self, node: &str) {
        self.state.nodes().push(node.to_owned());
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

impl State {
    fn nodes(&self) -> MutexGuard<'_, Vec<String>> {
        self.nodes.lock().expect("no thread panics with it")
    }

    /// A connection to the next node that takes one.
    fn connect(&self) -> io::Result<TcpStream> {
        let mut outcome = Err(io::Error::other("there are no nodes"));
        // With the lock, so that a node that was taken out gets no connection after that.
        let nodes = self.nodes();
        for _ in 0..ROUNDS * nodes.len() {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            outcome = TcpStream::connect(&nodes[turn % nodes.len()]);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

/// One request and its answer.
fn pass(client: &TcpStream, state: &State) -> io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let head = read_head(&mut from_client)?;
    if head.is_empty() {
        return Ok(());
    }
    let node = state.connect()?;
    node.set_read_timeout(Some(SILENCE))?;
    let mut to_node = node.try_clone()?;
    thread::spawn(move || {
        let sent = to_node
            .write_all(&head)
            .and_then(|()| io::copy(&mut from_client, &mut to_node));
        // A client that goes away in the middle of a body is missed by the node.
        drop(to_node.shutdown(Shutdown::Write));
        if sent.is_err() {
            // The node has answered before it had all. What is not read here would cut the client off from the answer.
            drop(io::copy(&mut from_client, &mut io::sink()));
        }
    });
    let (mut from_node, mut to_client) = (&node, client);
    let answered = io::copy(&mut from_node, &mut to_client);
    // The other thread keeps the connection open as long as the client does, which has to learn of the end.
    client.shutdown(Shutdown::Write)?;
    answered.map(drop)
}

/// The request's first lines, with the word that the connection ends after it.
fn read_head(client: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut lines = client.by_ref().take(HEAD_BYTES);
    let mut head = Vec::new();
    lines.read_until(b'\n', &mut head)?;
    if head.is_empty() {
        return Ok(head);
    }
    head.extend(b"Connection: close\r\n");
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_last = line.iter().all(u8::is_ascii_whitespace);
        if !line.to_ascii_lowercase().starts_with(b"connection:") {
            head.extend(&line);
        }
        if is_last {
            return Ok(head);
        }
    }
}
