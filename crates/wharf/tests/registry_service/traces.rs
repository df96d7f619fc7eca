//! Traces for a collector, which is here a socket that takes down what it is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use testkit::{Sandbox, http_request};

use crate::fixture::{ADMIN, config, serve};

/// Longest time until a batch comes; the exporter sends every five seconds and at the end.
const PATIENCE: Duration = Duration::from_mins(1);

struct Posted {
    head: String,
    body: Vec<u8>,
}

struct Collector {
    address: String,
    posted: Receiver<Posted>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, posted) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || take_down(stream.unwrap(), &sender));
            }
        });
        Self { address, posted }
    }
}

fn take_down(stream: TcpStream, sender: &Sender<Posted>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut body = vec![0; length.unwrap().1.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        // The test may have seen enough.
        drop(sender.send(Posted { head, body }));
    }
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn requests_are_traced_and_follow_the_trace_that_they_name() {
    let collector = Collector::start();
    let sandbox = Sandbox::new();
    let text = format!(
        "[traces]\nendpoint = \"http://{}\"\nauthorization = \"Bearer collector\"\n",
        collector.address
    );
    let registry = serve(&sandbox, &config(&sandbox, &text));
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128;
    let parent = format!("00-{trace:032x}-b7ad6b7169203331-01");
    let parent = ("traceparent", parent.as_str());
    let path = "/v2/library/app/tags/list";
    let answer = http_request(&registry.address, "GET", path, &[ADMIN, parent], b"");
    assert_eq!(answer.status, 404);
    registry.stop();
    let mut spans = Vec::new();
    while let Ok(posted) = collector.posted.recv_timeout(PATIENCE) {
        let head = posted.head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(
            head.contains("\r\nauthorization: bearer collector\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\ncontent-type: application/x-protobuf\r\n"),
            "{head}"
        );
        spans.extend(posted.body);
        if holds(&spans, b"listTags") {
            break;
        }
    }
    for part in [
        b"wharf-registry".as_slice(),
        &trace.to_be_bytes(),
        b"listTags",
        b"database read",
        b"admin",
    ] {
        assert!(holds(&spans, part), "{}", String::from_utf8_lossy(part));
    }
}

#[test]
fn a_collector_that_is_not_there_stops_nothing() {
    let sandbox = Sandbox::new();
    let text = "[traces]\nendpoint = \"http://127.0.0.1:9\"\n";
    let registry = serve(&sandbox, &config(&sandbox, text));
    assert_eq!(registry.request("GET", "/v2/", b"").status, 200);
    registry.stop();
}
