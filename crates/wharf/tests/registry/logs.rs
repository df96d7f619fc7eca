//! Where the log goes is not the clients' business.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use testkit::http_request;

/// A disk that is full takes no log line, and the registry answers all the same.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args([
            "--log-level",
            "info",
            "registry",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(data.path())
        .env("WHARF_REGISTRY_ADMIN_PASSWORD", "Harbor12345")
        .stdout(Stdio::piped())
        .stderr(full)
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("Serving on http://").map(str::to_owned))
        .unwrap();
    let statuses: Vec<u16> = (0..5)
        .map(|_| http_request(&address, "GET", "/v2/", &[], b"").status)
        .collect();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(statuses, [401; 5]);
}
