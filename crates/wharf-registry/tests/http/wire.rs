//! Bytes on a connection, as no client library would send them.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a server on loopback may take: what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Header fields, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error in the specification's form; the answer has to be one.
    pub(crate) fn code(&self) -> String {
        let errors = self.json();
        let code = errors["errors"][0]["code"].as_str();
        assert!(
            errors["errors"][0]["message"].is_string(),
            "an error says what is wrong: {errors}"
        );
        let code = code.unwrap_or_else(|| panic!("an error has a code: {errors}"));
        code.to_owned()
    }

    /// Panics unless this is an error of the client's, with this status and code.
    pub(crate) fn refuses(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{self:?}"
        );
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{:?}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

/// A connection whose other end has to answer in time.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream.set_write_timeout(Some(LIMIT)).expect("a time limit");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Sends all the bytes, then reads until the server closes.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(address);
    stream.write_all(bytes)?;
    receive(&mut stream)
}

/// Reads until the server closes.
pub(crate) fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    Ok(received)
}

/// Ends a connection as a client does whose machine fails.
pub(crate) fn vanish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Both).expect("an open connection");
}

/// The first answer in what was received.
pub(crate) fn answer(received: &[u8]) -> Answer {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(received)));
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Answer {
        status: status.and_then(|code| code.parse().ok()).expect("a status"),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: received[end + 4..].to_vec(),
    }
}

/// `body` in one chunk of the chunked transfer coding.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut coded = format!("{:x}\r\n", body.len()).into_bytes();
    coded.extend_from_slice(body);
    coded.extend_from_slice(b"\r\n0\r\n\r\n");
    coded
}
