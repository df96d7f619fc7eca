//! A registry that can be searched. The reference registry has no search, and Docker's own is not on this machine, so this
//! one answers the two routes of the old index protocol: `/v1/_ping` and `/v1/search?q=TERM&n=LIMIT`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

/// A running server with four repositories.
#[derive(Debug)]
pub struct SearchServer {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl SearchServer {
    /// Starts it on a free port of loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away is its own affair.
                drop(answer(stream));
            }
        });
        Self { address, stopped }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for SearchServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread up to see it; when this fails, the thread is gone already.
        drop(TcpStream::connect(self.address));
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, body) = match path {
        "/v1/_ping" => ("200 OK", json!(true)),
        "/v1/search" => ("200 OK", search(query)),
        _ => (
            "404 Not Found",
            json!({"errors": [{"code": "UNSUPPORTED", "message": "no such route"}]}),
        ),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Docker-Registry-Standalone: true\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn search(query: &str) -> Value {
    let field = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let term = field("q").unwrap_or_default();
    let limit = field("n")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(25);
    let results: Vec<Value> = repositories()
        .into_iter()
        .filter(|repository| {
            repository["name"]
                .as_str()
                .is_some_and(|name| name.contains(term))
        })
        .take(limit)
        .collect();
    json!({"num_results": results.len(), "query": term, "results": results})
}

fn repositories() -> Vec<Value> {
    let repository = |name: &str, description: &str, stars: u32, official: bool| json!({"name": name, "description": description, "star_count": stars, "is_official": official, "is_automated": false});
    vec![
        repository("harbour", "The harbour itself", 1200, true),
        repository(
            "team/harbour-tools",
            "Cranes, ropes and other tools.\nWith a second line & <marks> that is cut",
            37,
            false,
        ),
        repository("team/harbour-empty", "", 0, false),
        repository("übung/harbour", "Ein Hafen für Übungen — 港", 3, false),
    ]
}
