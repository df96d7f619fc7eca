//! A registry is restarted, and no upload fails for it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{HttpResponse, Sandbox, http_request};
use wharf_oci::Digest;

use crate::fixture::{ADMIN, PASSWORD, RunningRegistry, config, noise, registry_command, serve};

/// The path of a new upload.
fn begin(registry: &RunningRegistry) -> String {
    let begun = registry.request("POST", "/v2/library/app/blobs/uploads/", b"");
    assert_eq!(begun.status, 202);
    path_of(&begun)
}

/// Where a client is told to go on.
fn path_of(answer: &HttpResponse) -> String {
    let location = answer.header("location").unwrap();
    match location
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
    {
        Some((_, path)) => format!("/{path}"),
        None => location.to_owned(),
    }
}

/// The offset that the registry tells.
fn offset(registry: &RunningRegistry, path: &str) -> usize {
    let progress = registry.request("GET", path, b"");
    assert_eq!(progress.status, 204);
    let (_, last) = progress.header("range").unwrap().split_once('-').unwrap();
    last.parse::<usize>().unwrap() + 1
}

/// Sends the head of a PATCH and the first `sent` bytes of its body.
fn begin_patch(registry: &RunningRegistry, path: &str, content: &[u8], sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&registry.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: registry\r\n{}: {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        ADMIN.0,
        ADMIN.1,
        content.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&content[..sent]).unwrap();
    stream
}

/// The answer to a request whose connection ends with it.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_upload_that_a_restart_interrupts_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "shutdown-grace = \"1s\"\n");
    let content = noise(3 << 20);
    let registry = serve(&sandbox, &config);
    let path = begin(&registry);
    let sent = 2 << 20;
    let stream = begin_patch(&registry, &path, &content, sent);
    registry.terminate();
    // The client waits for it to read on; it is told to come again, and the registry ends.
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after"), "{answer}");
    registry.ended();

    let registry = serve(&sandbox, &config);
    let stored = offset(&registry, &path);
    assert_eq!(stored, sent, "all that came was kept");
    let digest = Digest::of(&content);
    let patched = registry.request("PATCH", &path, &content[stored..]);
    assert_eq!(patched.status, 202);
    let last = format!("{}?digest={digest}", path_of(&patched));
    assert_eq!(registry.request("PUT", &last, b"").status, 201);
    let got = registry.request("GET", &format!("/v2/library/app/blobs/{digest}"), b"");
    assert!(got.body == content);
}

#[test]
fn a_request_under_way_comes_to_its_end_before_the_registry_does() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "");
    let content = noise(1 << 20);
    let registry = serve(&sandbox, &config);
    let path = begin(&registry);
    let mut stream = begin_patch(&registry, &path, &content, 1000);
    // What it answers here shows that it is being stopped: nobody new gets in.
    registry.terminate();
    while TcpStream::connect(&registry.address).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(&content[1000..]).unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    registry.ended();
    let registry = serve(&sandbox, &config);
    assert_eq!(offset(&registry, &path), content.len());
}

#[test]
fn nobody_is_turned_away_while_systemd_holds_the_socket() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let start = || {
        let socket = OwnedFd::from(listener.try_clone().unwrap());
        let mut command = Command::new("/bin/sh");
        command
            .args([
                "-c",
                "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" registry serve --config \"$1\"",
            ])
            .arg(sandbox.wharf_binary())
            .arg(&config)
            .env_clear()
            .envs(sandbox.environment())
            .env("WHARF_REGISTRY_ADMIN_PASSWORD", PASSWORD)
            .stdin(Stdio::from(socket));
        RunningRegistry::start(command)
    };
    let registry = start();
    assert_eq!(registry.address, address);
    registry.stop();
    // Nobody serves now, and a client only waits.
    let waiting = std::thread::spawn({
        let address = address.clone();
        move || http_request(&address, "GET", "/livez", &[], b"").status
    });
    let _registry = start();
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn systemd_is_told_when_it_serves_and_when_it_stops() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "");
    let path = sandbox.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut command = registry_command(&sandbox, &["serve"], &config);
    command.env("NOTIFY_SOCKET", &path);
    let registry = RunningRegistry::start(command);
    let told = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(told(), "READY=1");
    registry.terminate();
    assert_eq!(told(), "STOPPING=1");
    registry.ended();
}
