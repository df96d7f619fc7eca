//! slirp4netns' socket: one request, one answer, both JSON (its manual, "FILTERING CONNECTIONS" and "API SOCKET").

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::super::publish::TakenPort;
use super::tool::LIMIT;
use crate::client::in_folder;

/// The container's address in its default network, 10.0.2.0/24.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 100);
/// Its server for names.
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// Answers are a line.
const ANSWER_LIMIT_BYTES: u64 = 1 << 16;

/// The name of its socket, in the folder that it is started in: a whole path may be longer than a socket's may.
pub(super) const SOCKET: &str = "slirp.sock";

/// Publishes a port of the one whose socket is in `folder`; what it says if it does not. It has no IPv6 to publish at.
pub(super) fn forward(folder: &Path, port: &TakenPort) -> Result<(), String> {
    let IpAddr::V4(host) = port.host_ip else {
        return Ok(());
    };
    let request = json!({
        "execute": "add_hostfwd",
        "arguments": {
            "proto": port.protocol,
            "host_addr": host.to_string(),
            "host_port": port.host_port,
            "guest_addr": ADDRESS.to_string(),
            "guest_port": port.container_port,
        },
    });
    let answer = ask(folder, &request).map_err(|error| error.to_string())?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => {
            let said = error.get("desc").and_then(Value::as_str);
            Err(format!(
                "cannot publish {host}:{}/{}: {}",
                port.host_port,
                port.protocol,
                said.unwrap_or("it does not say why")
            ))
        }
    }
}

fn ask(folder: &Path, request: &Value) -> std::io::Result<Value> {
    let mut stream = in_folder(folder, |folder| UnixStream::connect(folder.join(SOCKET)))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request.to_string().as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT_BYTES).read_to_end(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}
