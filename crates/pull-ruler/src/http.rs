//! As much of HTTP/1.1 as a registry on loopback needs: GET over one connection that is kept.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::Failure;

const BUFFER_BYTES: usize = 256 * 1024;
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// One connection to a registry.
pub(crate) struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(host: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::with_capacity(BUFFER_BYTES, stream),
        })
    }

    /// Fetches a whole small document.
    pub(crate) fn document(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.body(path, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Fetches `path` and hands its body on in pieces, straight from the receive buffer.
    pub(crate) fn body(
        &mut self,
        path: &str,
        mut on_piece: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        write!(
            self.stream.get_mut(),
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {ACCEPT}\r\n\r\n",
            self.host
        )?;
        let mut remaining = self.response_length(path)?;
        while remaining > 0 {
            let available = self.stream.fill_buf()?;
            if available.is_empty() {
                return Err(format!("{path}: the registry closed the connection").into());
            }
            let take = available
                .len()
                .min(usize::try_from(remaining).unwrap_or(usize::MAX));
            on_piece(&available[..take])?;
            self.stream.consume(take);
            remaining -= take as u64;
        }
        Ok(())
    }

    fn response_length(&mut self, path: &str) -> Result<u64, Failure> {
        let mut line = String::new();
        let mut length = None;
        self.stream.by_ref().take(8192).read_line(&mut line)?;
        if line.split(' ').nth(1) != Some("200") {
            return Err(format!("{path}: {}", line.trim_end()).into());
        }
        loop {
            line.clear();
            self.stream.by_ref().take(8192).read_line(&mut line)?;
            let header = line.trim_end();
            if header.is_empty() {
                return length.ok_or_else(|| format!("{path}: no Content-Length").into());
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
    }
}
