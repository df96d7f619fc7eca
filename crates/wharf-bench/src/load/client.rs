//! One connection, one request after the other: for pushes, lists and what prepares a measurement.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use anyhow::{Context as _, Result, bail};

use super::endpoint::{Endpoint, Transport};
use super::head::{Body, Head};

/// An answer larger than this is none that was asked for.
const BODY_LIMIT_BYTES: u64 = 64 << 20;

/// A kept connection.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Transport>>,
    /// What every request says beside its own headers, each line with its end.
    standing: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// A connection whose requests show `authorization`, the value of that header.
    pub(crate) fn connect(endpoint: &Endpoint, authorization: Option<&str>) -> Result<Self> {
        let rights = authorization.map_or_else(String::new, |authorization| {
            format!("Authorization: {authorization}\r\n")
        });
        let standing = format!("Host: {}\r\n{rights}", endpoint.address);
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, endpoint.connect()?),
            standing,
        })
    }

    /// Sends a request with `headers` (whole lines, each with its end) and the pieces of a body, and reads the answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: &[&[u8]],
    ) -> Result<Answer> {
        let length: usize = body.iter().map(|piece| piece.len()).sum();
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\n{}{headers}Content-Length: {length}\r\n\r\n",
            self.standing
        )
        .into_bytes();
        // A small body goes with the head, as clients send it.
        if length <= 4096 {
            request.extend(body.concat());
        }
        let stream = self.stream.get_mut();
        let sent = stream.write_all(&request).and_then(|()| {
            if length > 4096 {
                body.iter().try_for_each(|piece| stream.write_all(piece))?;
            }
            stream.flush()
        });
        sent.and_then(|()| self.answer(method == "HEAD"))
            .with_context(|| format!("{method} {target}"))
    }

    /// The same; an answer with another status than `expected` is an error.
    pub(crate) fn expect(
        &mut self,
        expected: u16,
        method: &str,
        target: &str,
        headers: &str,
        body: &[&[u8]],
    ) -> Result<Answer> {
        let answer = self.send(method, target, headers, body)?;
        if answer.status != expected {
            bail!(
                "{method} {target} was answered with {} instead of {expected}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body).trim()
            );
        }
        Ok(answer)
    }

    fn answer(&mut self, to_head: bool) -> std::io::Result<Answer> {
        let mut head = Vec::new();
        let parsed = loop {
            if self.stream.read_until(b'\n', &mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(parsed) = Head::parse(&head)? {
                break parsed;
            }
        };
        let mut body = Vec::new();
        match parsed.body {
            _ if to_head || parsed.status == 204 => {}
            Body::Length(length) => self.body(length, &mut body)?,
            Body::Chunked => self.chunks(&mut body)?,
        }
        Ok(Answer {
            status: parsed.status,
            head: String::from_utf8_lossy(&head).into_owned(),
            body,
        })
    }

    fn body(&mut self, length: u64, body: &mut Vec<u8>) -> std::io::Result<()> {
        if length > BODY_LIMIT_BYTES {
            return Err(super::head::invalid("an answer is too long"));
        }
        let read = self.stream.by_ref().take(length).read_to_end(body)?;
        if (read as u64) < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> std::io::Result<()> {
        loop {
            let mut line = String::new();
            self.stream.by_ref().take(1024).read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16)
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
            self.body(size, body)?;
            let mut end = [0; 2];
            self.stream.read_exact(&mut end)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Where an upload goes on: path and query of the `Location`, which may be a whole URL.
    pub(crate) fn upload(&self) -> Result<String> {
        let location = self
            .header("location")
            .context("an answer has no Location")?;
        let path = match location.split_once("://") {
            Some((_, rest)) => rest.find('/').and_then(|slash| rest.get(slash..)),
            None => Some(location),
        };
        Ok(path.context("a Location without a path")?.to_owned())
    }
}

/// Where the upload at `place` is finished as the blob `digest`.
pub(crate) fn finish(place: &str, digest: &str) -> String {
    let joint = if place.contains('?') { '&' } else { '?' };
    format!("{place}{joint}digest={digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_may_be_a_url() {
        let upload = |head: &str| {
            let answer = Answer {
                status: 202,
                head: head.to_owned(),
                body: Vec::new(),
            };
            answer.upload()
        };
        let url = "HTTP/1.1 202 Accepted\r\nLocation: http://127.0.0.1:5000/v2/a?_state=c\r\n\r\n";
        let place = upload(url).unwrap();
        assert_eq!(place, "/v2/a?_state=c");
        assert_eq!(finish(&place, "sha256:d"), "/v2/a?_state=c&digest=sha256:d");
        let path = upload("HTTP/1.1 202 Accepted\r\nlocation: /v2/x\r\n\r\n").unwrap();
        assert_eq!(finish(&path, "sha256:d"), "/v2/x?digest=sha256:d");
        assert!(upload("HTTP/1.1 202 Accepted\r\n\r\n").is_err());
    }
}
