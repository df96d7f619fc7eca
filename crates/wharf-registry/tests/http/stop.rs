//! A server that is told to stop: who had got through to this machine is answered first.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use wharf_registry::http::ServerSettings;

use crate::server::{TestServer, Wishes, administrator, request};
use crate::wire::{answer, connect, receive};

const CLIENTS: usize = 12;
/// Less than the grace of these servers, and enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

fn with_one_place() -> TestServer {
    TestServer::with(Wishes {
        server: ServerSettings {
            connection_limit: 1,
            ..ServerSettings::default()
        },
        ..Wishes::default()
    })
}

/// A client that is told to go on with its body, and so has its place.
fn begin_body(server: &TestServer) -> TcpStream {
    let upload = server.begin("library/r");
    let headers = [
        &administrator(),
        "Content-Length: 10",
        "Expect: 100-continue",
    ];
    let mut stream = connect(server.address);
    stream
        .write_all(&request("PATCH", &upload, &headers))
        .unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Panics unless the server comes to its end, before its grace is over.
fn must_end(server: &mut TestServer) {
    let serving = server.serving.take().expect("a server that serves");
    let ended = server.run(async { tokio::time::timeout(LIMIT, serving).await });
    ended.expect("it ends").expect("and does not panic");
}

/// Sends the head of a request that would leave the connection open.
fn ask_and_stay(server: &TestServer) -> TcpStream {
    let mut stream = connect(server.address);
    stream.write_all(&request("GET", "/livez", &[])).unwrap();
    stream
}

/// They wait in the kernel for a place.
#[test]
fn who_waits_to_be_accepted_is_answered_once() {
    let mut server = with_one_place();
    let mut busy = begin_body(&server);
    let mut waiting: Vec<TcpStream> = (0..CLIENTS).map(|_| ask_and_stay(&server)).collect();
    server.stop.send_replace(true);
    busy.write_all(b"0123456789").unwrap();
    let told = answer(&receive(&mut busy).unwrap());
    assert_eq!((told.status, told.header("connection")), (202, "close"));
    for stream in &mut waiting {
        let told = answer(&receive(stream).expect("an answer, not a reset"));
        assert_eq!((told.status, told.header("connection")), (200, "close"));
    }
    must_end(&mut server);
}

#[test]
fn who_is_silent_does_not_keep_the_server_from_its_end() {
    let mut server = with_one_place();
    let mut busy = begin_body(&server);
    let mut silent: Vec<TcpStream> = (0..3).map(|_| connect(server.address)).collect();
    let mut last = ask_and_stay(&server);
    server.stop.send_replace(true);
    busy.write_all(b"0123456789").unwrap();
    assert_eq!(answer(&receive(&mut busy).unwrap()).status, 202);
    for stream in &mut silent {
        assert_eq!(receive(stream).unwrap(), b"");
    }
    assert_eq!(answer(&receive(&mut last).unwrap()).status, 200);
    must_end(&mut server);
    assert!(TcpStream::connect(server.address).is_err(), "nobody new");
}

/// Those that wait for a place which nobody leaves are not waited for any longer than the others.
#[test]
fn the_grace_ends_for_those_who_wait_too() {
    let mut server = TestServer::with(Wishes {
        server: ServerSettings {
            connection_limit: 1,
            shutdown_grace: Duration::from_millis(100),
            ..ServerSettings::default()
        },
        ..Wishes::default()
    });
    let mut busy = begin_body(&server);
    let waiting: Vec<TcpStream> = (0..CLIENTS).map(|_| ask_and_stay(&server)).collect();
    server.stop.send_replace(true);
    let told = answer(&receive(&mut busy).unwrap());
    told.refuses(503, "UNAVAILABLE");
    must_end(&mut server);
    drop(waiting);
}

#[test]
fn a_connection_that_is_kept_open_is_closed_and_not_reset() {
    let mut server = TestServer::start();
    let mut idle: Vec<TcpStream> = (0..CLIENTS).map(|_| ask_and_stay(&server)).collect();
    for stream in &mut idle {
        let mut received = Vec::new();
        while !received.ends_with(b"ok\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            received.push(byte[0]);
        }
        assert_eq!(answer(&received).header("connection"), "");
    }
    server.stop.send_replace(true);
    for stream in &mut idle {
        assert_eq!(receive(stream).expect("an end, not a reset"), b"");
    }
    must_end(&mut server);
}
